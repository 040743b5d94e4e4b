"""Documents from files: below the root, and nowhere else."""

import os
from pathlib import Path

import pytest

from tests.document_server import INVOICE, refusal
from workers.engine.dispatched_job import Document
from workers.engine.documents import fetch
from workers.engine.engine_settings import EngineSettings


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A folder with an invoice, beside a secret."""
    folder = tmp_path / "documents"
    (folder / "2023").mkdir(parents=True)
    (folder / "2023" / "an invoice.pdf").write_bytes(INVOICE)
    (tmp_path / "secret").write_bytes(b"secret")
    return folder


def test_a_file_below_the_root(root: Path) -> None:
    inside = EngineSettings(documents_root=root)
    uri = (root / "2023" / "an invoice.pdf").as_uri()
    assert fetch(Document(uri=uri), inside) == INVOICE
    assert fetch(Document(uri=uri.replace("file://", "FILE://localhost")), inside) == INVOICE
    assert refusal(uri, EngineSettings()).code == "document_forbidden"
    assert refusal(uri, EngineSettings(documents_root=root, max_document_bytes=5)).code == "document_too_large"


@pytest.mark.parametrize(
    "path", ["/../secret", "/2023/../../secret", "/%2e%2e/secret", "/..%2fsecret", "-other/x", "/%00"]
)
def test_no_way_out_of_the_root(root: Path, path: str) -> None:
    assert refusal(f"file://{root}{path}", EngineSettings(documents_root=root)).code == "document_forbidden"


def test_neither_link_nor_host_nor_relative_path_leads_out_of_the_root(root: Path) -> None:
    (root / "link").symlink_to(root.parent / "secret")
    for uri in (f"file://{root}/link", f"file://evil{root}/2023/an%20invoice.pdf", "file:/etc/passwd", "file:secret"):
        assert refusal(uri, EngineSettings(documents_root=root)).code == "document_forbidden"


def test_what_is_no_file_is_not_found(root: Path) -> None:
    os.mkfifo(root / "pipe")
    for name in ("missing.pdf", "2023", "pipe"):
        refused = refusal((root / name).as_uri(), EngineSettings(documents_root=root))
        assert (refused.code, refused.retryable) == ("document_not_found", False)
