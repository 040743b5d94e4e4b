"""Fetching documents from where strangers say they are."""

import hashlib
import time
from io import BytesIO
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpcore
import httpx

from client.guarded_http import Unreachable, exchange
from client.public_network import ForbiddenAddress
from workers.engine.dispatched_job import Document
from workers.engine.engine_settings import EngineSettings
from workers.engine.reader import Unreadable

WORTH_ANOTHER_TRY = {408, 425, 429}
NOT_THERE = {404, 410}
_HEADERS = {
    "Accept": "application/pdf, image/*",
    "Accept-Encoding": "identity",
    "User-Agent": "jobgroups-engine",
}


def fetch(document: Document, settings: EngineSettings) -> bytes:
    """Return the bytes of `document`, as it was when its sha256 was taken.

    Raises Unreadable: `document_forbidden` (a place that is not allowed), `document_not_found`, `document_refused` (the
    server's answer is no document), `document_unreachable`, `document_too_large` or `checksum_mismatch`.
    """
    content = _content(document.uri, settings)
    if document.sha256 and hashlib.sha256(content).hexdigest() != document.sha256.lower():
        raise Unreadable("checksum_mismatch", "the document is not the one whose sha256 was given")
    return content


def _content(uri: str, settings: EngineSettings) -> bytes:
    scheme = uri.partition(":")[0].lower()
    if scheme == "file":
        return _read_file(uri, settings)
    if scheme == "https" or (scheme == "http" and settings.allow_http):
        return _download(uri, settings)
    raise _forbidden(f"documents may not come from {scheme}: addresses")


def _read_file(uri: str, settings: EngineSettings) -> bytes:
    path = _path_below(settings.documents_root, uri)
    try:
        if not path.is_file():
            raise Unreadable("document_not_found", "there is no such file")
        with path.open("rb") as file:
            content = file.read(settings.max_document_bytes + 1)
    except OSError as error:
        raise Unreadable(
            "document_unreachable", f"the file cannot be read: {error.strerror}", retryable=True
        ) from error
    _not_too_large(len(content), settings)
    return content


def _path_below(root: Path | None, uri: str) -> Path:
    """Return the file that `uri` names. Links are followed before it is judged where they lead."""
    try:
        parts = urlsplit(uri)
        path = Path(unquote(parts.path)).resolve()
    except (ValueError, RuntimeError, OSError) as error:
        raise _forbidden("the file's address cannot be read") from error
    if root is None or parts.netloc not in ("", "localhost") or not path.is_relative_to(root.resolve()):
        raise _forbidden("the file is not below JOBGROUPS_ENGINE_DOCUMENTS_ROOT")
    return path


def _download(uri: str, settings: EngineSettings) -> bytes:
    deadline = time.monotonic() + settings.fetch_timeout_seconds
    try:
        with exchange("GET", uri, _HEADERS, allowed_hosts=settings.allowed_hosts, deadline=deadline) as response:
            return _body(response, settings)
    except ForbiddenAddress as error:
        raise _forbidden(str(error)) from error
    except Unreachable as error:
        raise Unreadable("document_unreachable", str(error), retryable=True) from error


def _body(response: httpcore.Response, settings: EngineSettings) -> bytes:
    if response.status in NOT_THERE:
        raise Unreadable("document_not_found", f"the server answers {response.status}")
    if response.status != httpx.codes.OK:
        # A redirect is an address that the sender did not give; who wants it followed sends that one.
        retryable = response.status >= 500 or response.status in WORTH_ANOTHER_TRY
        raise Unreadable("document_refused", f"the server answers {response.status}", retryable=retryable)
    with BytesIO() as content:
        for chunk in response.iter_stream():
            content.write(chunk)
            _not_too_large(content.tell(), settings)
        return content.getvalue()


def _not_too_large(size_bytes: int, settings: EngineSettings) -> None:
    if size_bytes > settings.max_document_bytes:
        raise Unreadable("document_too_large", f"the document has more than {settings.max_document_bytes} bytes")


def _forbidden(message: str) -> Unreadable:
    return Unreadable("document_forbidden", message)
