"""Events as lines at a terminal, and as lines for programs."""

import json
from datetime import datetime
from typing import Any

from rich.text import Text

_COLOURS = {
    "rejected": "red",
    "failed": "red",
    "cancelled": "red",
    "expired": "red",
    "needs_review": "yellow",
    "awaiting_review": "yellow",
    "retry_scheduled": "yellow",
    "succeeded": "green",
    "completed": "green",
}
"""By the last word of an event's name that has one."""
_NAME_WIDTH = len("job_group.awaiting_review")


def json_line(position: int, document: dict[str, Any]) -> str:
    """Return the CloudEvent in one line, its `position` as one more of its attributes."""
    return json.dumps(document | {"position": position})


def line(position: int, name: str, document: dict[str, Any]) -> Text:
    """Return when what happened to which group, in short; the position is where to go on from."""
    colour = next((_COLOURS[word] for word in name.split(".") if word in _COLOURS), "cyan")
    at = datetime.fromisoformat(document["time"])
    return Text.assemble(
        (f"{at:%m-%d %H:%M:%S} {position:>6} ", "dim"),
        (f"{name:<{_NAME_WIDTH}} ", colour),
        f"{document.get('subject', ''):<36} ",
        _summary(document["data"]),
    )


def _summary(data: dict[str, Any]) -> str:
    """Return the few values that tell one event of a kind from another."""
    told = {
        "name": data.get("group", {}).get("name"),
        "status": data.get("status"),
        "outcome": data.get("outcome"),
        "jobs": len(data["jobIds"]) if "jobIds" in data else None,
        "job": data.get("externalId") or data.get("jobId"),
        "attempt": data.get("attempt"),
        "confidence": data.get("confidence"),
        "command": data.get("commandType"),
        "error": (data.get("error") or {}).get("code"),
    }
    return " ".join(f"{name}={_printable(str(value))}" for name, value in told.items() if value is not None)


def _printable(text: str) -> str:
    """Whoever names a group must not get to steer the terminal of whoever watches."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)
