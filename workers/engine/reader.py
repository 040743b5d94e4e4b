"""What the engine needs of whatever reads documents."""

from dataclasses import dataclass
from typing import Any, Protocol

from workers.engine.dispatched_job import DispatchedJob


@dataclass(frozen=True, slots=True)
class Reading:
    """What a document says; `confidence` from 0 (nothing found) to 1 (certain)."""

    confidence: float
    result: dict[str, Any]


class Unreadable(Exception):  # noqa: N818 - it says what the document is
    """A document could not be read: `code` is for programs, `message` for people, `retryable` whether time may help."""

    def __init__(self, code: str, message: str, *, retryable: bool = False) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.retryable = retryable


class OcrNotInstalled(Exception):  # noqa: N818 - it names what is missing
    """The libraries that recognise text are an extra."""

    def __init__(self, cause: ImportError) -> None:
        super().__init__(
            f"reading documents needs the extra `ocr` ({cause}): pip install 'ocr-invoice-job-groups[ocr]'. "
            "Without it, `jobgroups engine --simulate` makes results up."
        )


class Reader(Protocol):
    """Reads documents, from several threads at once."""

    def read(self, job: DispatchedJob) -> Reading:
        """Return what the job's document says; raises Unreadable."""
