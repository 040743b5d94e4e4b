"""Why a message must not reach Celery: what it would obey that this service does not want, or die of."""

from typing import Any

from client.producer import MAX_NESTING, nests_deeper

FOLLOW_UP = ("callbacks", "errbacks", "chain", "chord")
_ENVELOPE_NESTING = 10  # what a message puts around a command


def fault_of_message(headers: Any, properties: Any, payload: Any) -> str | None:
    """Return what is wrong with a task message, in words, or None: it is a plain version 2 message, without a schedule
    and without follow-up tasks."""
    fault = _fault_of_headers(headers) or _fault_of_body(payload)
    if fault is None and nests_deeper([payload, headers, properties], MAX_NESTING + _ENVELOPE_NESTING):
        return f"a command nests deeper than {MAX_NESTING} levels"
    return fault


def _fault_of_headers(headers: Any) -> str | None:
    if not isinstance(headers, dict) or not isinstance(headers.get("task"), str):
        return "no task name in the headers (task message protocol 2)"
    if not isinstance(headers.get("id"), str) or not headers["id"]:
        return "no task id in the headers"
    if headers.get("eta") or headers.get("expires"):
        return "eta, countdown and expires are not supported: due times belong in the database"
    if headers.get("timelimit") not in (None, [None, None]):
        return "time limits are the service's own"
    if headers.get("stamped_headers") or not isinstance(headers.get("headers"), dict | None):
        return "stamps, and headers within headers, are not supported"
    return _follow_up(headers)


def _follow_up(request: dict[str, Any]) -> str | None:
    # Celery makes one request of a message's headers and its embed: a follow-up task is one in either.
    found = sorted(name for name in FOLLOW_UP if request.get(name))
    return f"follow-up tasks are not supported: {', '.join(found)}" if found else None


def _fault_of_body(payload: Any) -> str | None:
    match payload:
        case [list(), dict(), dict() | None as embedded]:
            unknown = sorted((embedded or {}).keys() - FOLLOW_UP)
            return f"the embed has more than it may: {', '.join(unknown)}" if unknown else _follow_up(embedded or {})
        case _:
            return "the body must be [args, kwargs, embed]: a list, an object and an object"
