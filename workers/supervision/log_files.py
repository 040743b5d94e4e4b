"""The log files of child processes."""

import os
from io import BufferedWriter
from pathlib import Path

LIMIT_BYTES = 10 * 1024 * 1024
TAIL_BYTES = 16 * 1024


def open_log(path: Path) -> BufferedWriter:
    """Open a log to append to, private to its owner; one above LIMIT_BYTES begins anew."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    too_long = path.exists() and path.stat().st_size > LIMIT_BYTES
    descriptor = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_APPEND | (os.O_TRUNC if too_long else 0), 0o600)
    return os.fdopen(descriptor, "ab")


def tail(path: Path, lines: int = 15) -> str:
    """Return the last `lines` of a log, at most TAIL_BYTES of it."""
    if not path.exists():
        return "(nothing)"
    with path.open("rb") as log:
        log.seek(max(0, path.stat().st_size - TAIL_BYTES))
        return "\n".join(log.read().decode(errors="replace").splitlines()[-lines:]) or "(nothing)"
