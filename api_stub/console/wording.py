"""How values are told to people. Pure."""

import json
from datetime import UTC, datetime
from typing import Any

from models.masking import masked
from models.names import SERVICE


def instant(at: datetime | str | None) -> str:
    """Return the instant to the second, for instance `2026-03-01 14:05:09 UTC`."""
    found = _read(at)
    return f"{found:%Y-%m-%d %H:%M:%S} UTC" if found else "—"


def short_instant(at: datetime | str | None) -> str:
    """Return the instant as briefly as it is still clear: the time alone on the day itself."""
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


def count(number: int) -> str:
    """Return the number with its thousands apart."""
    return f"{number:,}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def figure(number: float | None) -> str:
    """Return a measured number with as many digits as say something."""
    if number is None:
        return "—"
    return f"{number:.1f}" if isinstance(number, float) and 0 < number < 10 else count(round(number))


def pretty_json(value: Any) -> str:
    """Return JSON for reading; what may be a secret is masked."""
    return json.dumps(masked(value), indent=2, ensure_ascii=False, default=str)


def event_name(event: dict[str, Any]) -> str:
    """Return the name of a CloudEvent of this service, as subscribers bind to it, without a priority."""
    name: str = event["type"]
    return name.removeprefix(f"{SERVICE}.").removesuffix(".v1")


def event_detail(event: dict[str, Any]) -> str:
    """Return what a CloudEvent says beside its name: which document or how many, and what was wrong."""
    data = event["data"]
    told = [data.get("document", {}).get("filename"), _how_many(data.get("jobs")), _status(data), _error(data)]
    return " · ".join(each for each in told if each)


def _how_many(jobs: Any) -> str | None:
    return f"{count(len(jobs))} {'job' if len(jobs) == 1 else 'jobs'}" if isinstance(jobs, list) else None


def _status(data: dict[str, Any]) -> str | None:
    return f"group {words(data['status'])}" if "status" in data else None


def _error(data: dict[str, Any]) -> str | None:
    error = data.get("error")
    return f"{error['code']}: {error.get('message') or error.get('detail')}" if error else None


def _read(at: datetime | str | None) -> datetime | None:
    found = datetime.fromisoformat(at) if isinstance(at, str) else at
    return found.astimezone(UTC) if found else None
