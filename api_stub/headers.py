"""What request headers ask, read from their text. Pure."""

import re
from dataclasses import dataclass

from api_stub.problems import Problem

MAX_WAIT_SECONDS = 60
MAX_HEADER_LENGTH = 200
"""Of an id that others chose and that is kept."""

IDEMPOTENCY_KEY = "^[!-~]{1,255}$"
IF_MATCH = '^("[1-9][0-9]{0,9}"|[*])$'
LAST_EVENT_ID = "^[0-9]{1,18}$"
"""Patterns that are documented as well."""

_IDEMPOTENCY_KEY = re.compile(IDEMPOTENCY_KEY)
_VISIBLE = re.compile(rf"[!-~]{{1,{MAX_HEADER_LENGTH}}}")
_IF_MATCH = re.compile(IF_MATCH)
_LAST_EVENT_ID = re.compile(LAST_EVENT_ID)
_ENTITY_TAG = re.compile(r'(?:W/)?("[^"]*")')
_WAIT = re.compile(r'wait\s*=\s*"?([0-9]{1,9})"?')
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Preference:
    """What `Prefer` (RFC 7240) asks of a write. `wait_seconds` is None where it asks for no particular wait."""

    respond_async: bool = False
    wait_seconds: int | None = None

    def wait(self, default_seconds: float) -> float:
        """Return how many seconds to wait for the outcome."""
        if self.wait_seconds is not None:
            return self.wait_seconds
        return 0.0 if self.respond_async else default_seconds

    def applied(self, *, answered_early: bool) -> str | None:
        """Return `Preference-Applied`; `answered_early` is whether the answer came before the outcome."""
        honoured = ["respond-async"] if self.respond_async and answered_early else []
        if self.wait_seconds is not None:
            honoured.append(f"wait={self.wait_seconds}")
        return ", ".join(honoured) or None


def parse_prefer(header: str | None) -> Preference:
    """Read `Prefer`; what is unknown or malformed in it is ignored, as RFC 7240 demands. A long wait is cut."""
    asked = [part.strip().lower() for part in (header or "").split(",")]
    waits = [int(found[1]) for part in asked if (found := _WAIT.fullmatch(part))]
    return Preference("respond-async" in asked, min(waits[0], MAX_WAIT_SECONDS) if waits else None)


def entity_tag(version: int) -> str:
    """Return the `ETag` of a group at `version`."""
    return f'"{version}"'


def parse_if_match(header: str | None) -> int | None:
    """Return the version that `If-Match` demands, None for `*` and for no header; raises Problem (400)."""
    if header is None:
        return None
    tag = header.strip()
    if not _IF_MATCH.fullmatch(tag):
        raise Problem("malformed_header", 'If-Match must be * or one ETag as this service gave it, for instance "3"')
    return None if tag == "*" else int(tag.strip('"'))


def none_match(header: str | None, tag: str) -> bool:
    """Return whether what `If-None-Match` says the caller has is not what `tag` stands for."""
    if header is None:
        return True
    return header.strip() != "*" and tag not in _ENTITY_TAG.findall(header)


def parse_idempotency_key(header: str | None) -> str | None:
    """Return the key in `Idempotency-Key`; raises Problem (400) where it cannot be one."""
    if header is not None and not _IDEMPOTENCY_KEY.fullmatch(header):
        raise Problem("malformed_header", "Idempotency-Key must be 1 to 255 visible ASCII characters")
    return header


def parse_last_event_id(header: str | None) -> int | None:
    """Return the position in `Last-Event-ID`; raises Problem (400) where it is none."""
    if header is None:
        return None
    if not _LAST_EVENT_ID.fullmatch(header):
        raise Problem("malformed_header", "Last-Event-ID must be the id of an event of this feed, a whole number")
    return int(header)


def sane_id(header: str | None) -> str | None:
    """Return an id that the caller chose, None where it is absent or nothing to keep in logs and events."""
    return header if header and _VISIBLE.fullmatch(header) else None


def parse_traceparent(header: str | None) -> str | None:
    """Return a valid W3C `traceparent`; an invalid one is ignored, as Trace Context demands."""
    return header if header and _TRACEPARENT.fullmatch(header) else None
