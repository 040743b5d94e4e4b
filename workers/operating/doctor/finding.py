"""What a look at one thing found."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a check came out. A fault alone makes the service unhealthy."""

    FINE = "fine"
    WARNING = "warning"
    FAULT = "fault"
    NOT_CHECKED = "not_checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """What is, in one sentence, and what to do about it, in another."""

    verdict: Verdict
    sentence: str
    mend: str | None = None


class Away(Exception):  # noqa: N818 - a state
    """What an area's checks look at cannot be reached; `finding` says why."""

    def __init__(self, finding: Finding) -> None:
        super().__init__(finding.sentence)
        self.finding = finding


def fine(sentence: str) -> Finding:
    """Nothing to do."""
    return Finding(Verdict.FINE, sentence)


def warning(sentence: str, mend: str) -> Finding:
    """The service works, and somebody should see to this."""
    return Finding(Verdict.WARNING, sentence, mend)


def fault(sentence: str, mend: str) -> Finding:
    """The service does not work, or breaks a promise."""
    return Finding(Verdict.FAULT, sentence, mend)


def not_checked(sentence: str, mend: str | None = None) -> Finding:
    """Nobody knows."""
    return Finding(Verdict.NOT_CHECKED, sentence, mend)
