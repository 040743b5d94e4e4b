"""The reader that really reads: fetch the document, recognise its pages, find the invoice's fields."""

import logging
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from workers.engine.dispatched_job import DispatchedJob
from workers.engine.documents import fetch
from workers.engine.engine_settings import EngineSettings
from workers.engine.invoice_fields import find_fields
from workers.engine.line_items import find_line_items
from workers.engine.reader import OcrNotInstalled, Reading, Unreadable
from workers.engine.text_lines import TextLine

try:
    import rapidocr
    from PIL import Image
    from rapidocr.utils.output import RapidOCROutput

    from workers.engine.pages import read_pages
except ImportError as error:
    raise OcrNotInstalled(error) from error

LONGEST_SIDE_PIXELS = 1600
"""What a page is scaled down to: the text of a printed invoice is read as well as at full size, in two thirds of the
memory."""
_MODELS = Path(rapidocr.__file__).parent / "models"


class OcrReader:
    """Reads documents with RapidOCR, whose models come with its wheel. Safe to share between threads."""

    def __init__(self, settings: EngineSettings) -> None:
        self._settings = settings
        self._recogniser = Recogniser(settings.ocr_threads)

    def read(self, job: DispatchedJob) -> Reading:
        """Return the invoice's fields, and its line items where the group wants them.

        Raises Unreadable as `fetch` and `read_pages` do, and `no_text_found`.
        """
        pages = read_pages(fetch(job.document, self._settings), self._settings.max_pages)
        lines = self._recogniser.lines(pages)
        if not lines:
            raise Unreadable("no_text_found", "there is no text on any page")
        fields = find_fields(lines, job.settings.languages)
        result = fields.as_result() | {"pageCount": len(pages)}
        if job.settings.extract_line_items:
            result["lineItems"] = find_line_items(lines)
        return Reading(fields.confidence, result)


class Recogniser:
    """Text recognition, one page at a time, which keeps `threads` threads busy. Any thread may ask for it."""

    def __init__(self, threads: int) -> None:
        _log_like_the_rest()
        # RapidOCR keeps state while it works; and every further thread in it costs 80 MB that glibc never gives back.
        self._bench = ThreadPoolExecutor(1, thread_name_prefix="recogniser")
        self._rapidocr = rapidocr.RapidOCR(
            params={
                "Global.max_side_len": LONGEST_SIDE_PIXELS,
                "Global.log_level": "error",
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
                # Named, so that nothing is ever downloaded.
                "Det.model_path": str(_MODELS / "PP-OCRv6_det_small.onnx"),
                "Cls.model_path": str(_MODELS / "ch_ppocr_mobile_v2.0_cls_mobile.onnx"),
                "Rec.model_path": str(_MODELS / "PP-OCRv6_rec_small.onnx"),
            }
        )

    def lines(self, pages: Sequence[Image.Image]) -> list[TextLine]:
        """Return the lines of all pages, each page below the one before."""
        found: list[TextLine] = []
        top = 0
        for page in pages:
            found += self._lines_of(page, top)
            top += page.height
        return found

    def _lines_of(self, page: Image.Image, page_top: int) -> Iterator[TextLine]:
        page_text = self._bench.submit(self._rapidocr, page).result()
        if not isinstance(page_text, RapidOCROutput) or page_text.boxes is None:
            return
        for corners, text, confidence in zip(
            page_text.boxes, page_text.txts or (), page_text.scores or (), strict=True
        ):
            left, top = map(float, corners.min(axis=0))
            right, bottom = map(float, corners.max(axis=0))
            yield TextLine(text, float(confidence), left, top + page_top, right, bottom + page_top)


def _log_like_the_rest() -> None:
    """RapidOCR writes coloured lines to a handler of its own."""
    logger = logging.getLogger("RapidOCR")
    logger.handlers.clear()
    logger.propagate = True
