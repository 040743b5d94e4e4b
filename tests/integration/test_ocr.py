"""Every sample invoice, really read."""

import hashlib
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

pytest.importorskip("rapidocr", reason="the extra `ocr` is not installed")

from PIL import Image

from workers.engine.dispatched_job import DispatchedJob
from workers.engine.engine_settings import EngineSettings
from workers.engine.ocr import OcrReader, Recogniser
from workers.engine.pages import read_pages
from workers.engine.reader import Reading, Unreadable

INVOICES = Path(__file__).parent.parent / "invoices"
EXPECTED: dict[str, Any] = json.loads((INVOICES / "expected.json").read_text())
READABLE = [name for name, says in EXPECTED.items() if "fields" in says]
CONFIDENT = 0.8
"""The default `confidenceThreshold`."""


@pytest.fixture(scope="module")
def reader() -> OcrReader:
    return OcrReader(EngineSettings(documents_root=INVOICES))


def read(reader: OcrReader, name: str, **settings: Any) -> Reading:
    file = INVOICES / name
    document = {"uri": file.as_uri(), "sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    return reader.read(DispatchedJob(jobId=uuid4(), groupId=uuid4(), attempt=1, document=document, settings=settings))


@pytest.mark.parametrize("name", READABLE)
def test_a_sample_says_what_it_should(reader: OcrReader, name: str) -> None:
    reading = read(reader, name)
    assert {field: reading.result[field] for field in EXPECTED[name]["fields"]} == EXPECTED[name]["fields"]
    assert 0 < reading.confidence <= 1
    assert (reading.confidence < CONFIDENT) == EXPECTED[name]["review"]


def test_what_is_broken_off_is_worth_another_try(reader: OcrReader) -> None:
    with pytest.raises(Unreadable) as error:
        read(reader, "broken_off.pdf")
    assert {"code": error.value.code, "retryable": error.value.retryable} == EXPECTED["broken_off.pdf"]["error"]


def test_every_page_is_read(reader: OcrReader) -> None:
    reading = read(reader, "alpenblick_ch.pdf", extractLineItems=True)
    assert reading.result["pageCount"] == 2
    descriptions = [item["description"] for item in reading.result["lineItems"]]
    assert descriptions == [f"Kühlschublade Modell {model}" for model in range(21, 28)]


def test_line_items_are_for_who_wants_them(reader: OcrReader) -> None:
    assert "lineItems" not in read(reader, "northwind_uk.png").result
    assert read(reader, "northwind_uk.png", extractLineItems=True).result["lineItems"] == [
        {"description": "Ceylon tea, 5 kg", "quantity": "8", "amount": "488.80"},
        {"description": "Oolong, 2 kg", "quantity": "10", "amount": "540.00"},
    ]


def test_threads_share_a_reader_and_get_each_their_own(reader: OcrReader) -> None:
    names = ["northwind_uk.png", "dupont_fr.png", "harbour_scan.jpg", "mueller_de.pdf"]
    with ThreadPoolExecutor(4) as threads:
        readings = list(threads.map(lambda name: read(reader, name), names))
    numbers = [EXPECTED[name]["fields"]["invoiceNumber"] for name in names]
    assert [reading.result["invoiceNumber"] for reading in readings] == numbers


def test_the_library_logs_through_ours(reader: OcrReader, caplog: pytest.LogCaptureFixture) -> None:
    logging.getLogger("RapidOCR").error("one line")
    assert caplog.messages == ["one line"]


def png(size: tuple[int, int], **options: Any) -> bytes:
    file = BytesIO()
    Image.new("L", size, 255).save(file, "PNG", **options)
    return file.getvalue()


def test_a_blank_page_has_no_text() -> None:
    [blank] = read_pages(png((600, 800)), max_pages=1)
    assert Recogniser(1).lines([blank]) == []


@pytest.mark.parametrize(
    ("content", "code", "retryable"),
    [
        (b"", "unsupported_format", False),
        (b"PK\x03\x04 a spreadsheet", "unsupported_format", False),
        (b"%PDF-1.7", "document_unreadable", True),
        (png((600, 800))[:-30], "document_unreadable", True),
        ((INVOICES / "harbour_scan.jpg").read_bytes()[:20_000], "document_unreadable", True),
        (png((9000, 9000)), "document_too_large", False),
        (png((10_000, 9500)), "document_too_large", False),
        (png((20_000, 20_000)), "document_too_large", False),
        ((INVOICES / "alpenblick_ch.pdf").read_bytes(), "document_too_large", False),
    ],
    ids=["empty", "zip", "head of a PDF", "png cut", "jpeg cut", "81 MP", "95 MP", "400 MP", "two pages"],
)
def test_what_has_no_pages(content: bytes, code: str, retryable: bool) -> None:
    with pytest.raises(Unreadable) as error:
        read_pages(content, max_pages=1)
    assert (error.value.code, error.value.retryable) == (code, retryable)


def test_a_photograph_is_turned_upright() -> None:
    sideways = Image.Exif()
    sideways[0x0112] = 6
    [page] = read_pages(png((40, 20), exif=sideways), max_pages=1)
    assert (page.size, page.mode) == ((20, 40), "RGB")


def test_the_frames_of_an_image_are_pages() -> None:
    file = BytesIO()
    frames = [Image.new("1", (20, 30)) for _ in range(3)]
    frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:])
    assert len(read_pages(file.getvalue(), max_pages=3)) == 3
