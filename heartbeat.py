"""Whether a process makes progress, told by a file that its loop touches at every turn. One that hangs touches it no
more, although it is there, and its connections too.

Nothing of the service is imported here: `python -m heartbeat` is asked every few seconds.
"""

import logging
import os
import sys
import time
from pathlib import Path

VARIABLE = "JOBGROUPS_HEARTBEAT_FILE"
STALE_SECONDS = 60.0
"""Longer than any turn of a loop, the waits in it included, and as long as the service takes to recover."""
BEAT_SECONDS = 1.0
"""A busy loop touches its file no more often."""
LONGEST_LOOK_SECONDS = 1.0
"""What counts of the time between two looks, at most."""

log = logging.getLogger(__name__)


class Heartbeat:
    """That of this process, in the file that whoever watches over it has named; None where nobody does."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._beat_at = float("-inf")
        self.beat()

    def beat(self) -> None:
        """Say that the loop goes round."""
        now = time.monotonic()
        if self._file is None or now - self._beat_at < BEAT_SECONDS:
            return
        self._beat_at = now
        try:
            self._file.touch()
        except OSError as error:
            log.error("no heartbeat, so that this process is going to be taken for one that hangs: %s", error)
            self._file = None


class HeartbeatWatch:
    """What a process that watches over another feels for, look by look.

    It needs no clock that may be set. Nor does it count time in which it stood still itself: whoever stops a whole
    machine, and lets it go on, would otherwise find all processes taken for hanging.
    """

    def __init__(self, file: Path) -> None:
        self._file = file
        self._felt: int | None = None
        self._looked_at = time.monotonic()
        self._silent_seconds = 0.0

    def has_stopped(self) -> bool:
        """Return whether the file has stayed as it is for STALE_SECONDS. One that there never was tells nothing."""
        now, felt = time.monotonic(), _touched_at(self._file)
        passed_seconds = min(now - self._looked_at, LONGEST_LOOK_SECONDS)
        self._silent_seconds = self._silent_seconds + passed_seconds if felt == self._felt else 0.0
        self._looked_at, self._felt = now, felt
        return felt is not None and self._silent_seconds > STALE_SECONDS


def _touched_at(file: Path) -> int | None:
    try:
        return file.stat().st_mtime_ns
    except OSError:
        return None


def trouble_with(file: Path) -> str | None:
    """Say what is wrong with the process whose heartbeat is in `file`; None where it makes progress."""
    touched_at = _touched_at(file)
    if touched_at is None:
        return f"There is no heartbeat in {file}: the process has not begun."
    silent_seconds = time.time() - touched_at / 1e9
    return f"No progress for {silent_seconds:.0f} s." if silent_seconds > STALE_SECONDS else None


if __name__ == "__main__":
    sys.exit(trouble_with(Path(os.environ[VARIABLE])))
