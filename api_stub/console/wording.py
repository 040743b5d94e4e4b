"""How values are told to people. Pure."""

import json
from datetime import UTC, datetime
from typing import Any

from models.lifecycle import Counts
from models.masking import masked
from models.names import SERVICE
from models.resources import JobResource

_TALLIED = (
    *("succeeded", "skipped", "needs_review", "failed", "rejected", "cancelled", "expired"),
    *("processing", "queued"),
)


def instant(at: datetime | str | None) -> str:
    """Return the instant to the second, for instance `2026-03-01 14:05:09 UTC`."""
    found = _read(at)
    return f"{found:%Y-%m-%d %H:%M:%S} UTC" if found else "—"


def short_instant(at: datetime | str | None) -> str:
    """Return the instant as briefly as it is still clear, in UTC: the time alone on the day itself."""
    found = _read(at)
    if found is None:
        return "—"
    now = datetime.now(UTC)
    if found.date() == now.date():
        return f"{found:%H:%M:%S}"
    return f"{found.day} {found:%b %H:%M}" if found.year == now.year else f"{found.day} {found:%b %Y}"


def words(name: str) -> str:
    """Return a name of the wire as words: `awaiting_review` is "awaiting review"."""
    return name.replace("_", " ")


def sentence(text: str) -> str:
    """Return what the wire says in lower case as a sentence begins; names in it keep their spelling."""
    return text[:1].upper() + text[1:]


def count(number: int) -> str:
    """Return the number with its thousands apart."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def figure(number: float | None) -> str:
    """Return a measured number with as many digits as say something."""
    if number is None:
        return "—"
    if 0 < number < 0.05:
        return "< 0.1"
    return f"{number:.1f}" if isinstance(number, float) and 0 < number < 10 else count(round(number))


def percent(counts: Counts) -> int:
    """Return the share of jobs that are through, rounded down: 100 is said of all of them only."""
    return 100 * (counts.total - counts.open) // counts.total if counts.total else 0


def tally(counts: Counts) -> str:
    """Return how many jobs are in each status: what a bar says, in words."""
    told = ((name, getattr(counts, name)) for name in _TALLIED)
    return ", ".join(f"{count(number)} {words(name)}" for name, number in told if number)


def mark(number: float) -> str:
    """Return a round number as it stands beside a scale."""
    return count(round(number)) if number == round(number) else f"{number:g}"


def job_name(job: JobResource) -> str:
    """Return what people know the job by."""
    name: str = job.document.get("filename") or job.external_id or job.document["uri"]
    return name


def pretty_json(value: Any) -> str:
    """Return JSON for reading; what may be a secret is masked."""
    return json.dumps(masked(value), indent=2, ensure_ascii=False, default=str)


def event_name(event: dict[str, Any]) -> str:
    """Return the name of a CloudEvent of this service, as subscribers bind to it, without a priority."""
    name: str = event["type"]
    return name.removeprefix(f"{SERVICE}.").removesuffix(".v1")


def event_detail(event: dict[str, Any]) -> str:
    """Return what a CloudEvent says beside its name and its job: how many there are, how sure, and what was wrong."""
    data = event["data"]
    told = [_how_many(data.get("jobs")), _status(data), _confidence(data.get("confidence")), _error(data)]
    return " · ".join(each for each in told if each)


def _how_many(jobs: Any) -> str | None:
    return f"{count(len(jobs))} {'job' if len(jobs) == 1 else 'jobs'}" if isinstance(jobs, list) else None


def _confidence(confidence: float | None) -> str | None:
    return None if confidence is None else f"confidence {confidence:.2f}"


def _status(data: dict[str, Any]) -> str | None:
    return f"group {words(data['status'])}" if "status" in data else None


def _error(data: dict[str, Any]) -> str | None:
    error = data.get("error")
    return f"{error['code']}: {error.get('message') or error.get('detail')}" if error else None


def _read(at: datetime | str | None) -> datetime | None:
    found = datetime.fromisoformat(at) if isinstance(at, str) else at
    return found.astimezone(UTC) if found else None
