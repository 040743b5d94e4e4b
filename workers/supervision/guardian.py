"""Nothing stays behind a supervisor that was killed.

A process that gets SIGKILL cannot clean up, and only Linux can tie a child's life to its parent's. What
every system does is close a dead process's files: the guardian reads a pipe whose only write end the
supervisor holds, and at end of file it ends whatever the supervisor had entrusted to it.
"""

import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from workers.supervision import process_tree
from workers.supervision.log_files import open_log

GRACE_SECONDS = 8.0
"""How long the orphans may take to end by themselves."""

Watched = dict[int, tuple[psutil.Process, signal.Signals]]


class Guardian:
    """The supervisor's hold on its guardian process."""

    def __init__(self, log: Path, keep_open: Iterable[int] = ()) -> None:
        """Start the guardian; it keeps the file descriptors `keep_open` (a lock, say) as long as it lives."""
        with open_log(log) as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "workers.supervision.guardian"],
                stdin=subprocess.PIPE,
                stdout=output,
                stderr=output,
                text=True,
                start_new_session=True,
                pass_fds=tuple(keep_open),
            )

    @property
    def pid(self) -> int:
        """The guardian's own process id."""
        return self._process.pid

    def watch(self, pid: int, stop_signal: signal.Signals) -> None:
        """Entrust process `pid`: should the supervisor die, it gets `stop_signal`, and later SIGKILL."""
        self._tell(f"watch {pid} {stop_signal.value}")

    def forget(self, pid: int) -> None:
        """Take back what :meth:`watch` said; a process never entrusted is not an error."""
        self._tell(f"forget {pid}")

    def close(self) -> None:
        """Let the guardian go; what it still watches ends now."""
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        with suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None  # noqa: S101 - it was opened as a pipe
        # Should somebody have killed the guardian: the service is worth more than its safety net, so go on without.
        with suppress(BrokenPipeError):
            print(line, file=self._process.stdin, flush=True)


def main() -> None:
    """Read orders until the supervisor is gone, then end what it left behind."""
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watched: Watched = {}
    for line in sys.stdin:
        _obey(line.split(), watched)
    end(watched)


def end(watched: Watched) -> None:
    """Signal everything watched, the latest first; kill it and its descendants once the grace is over."""
    family = process_tree.with_descendants(process for process, _ in watched.values())
    for process, stop_signal in reversed(watched.values()):
        process_tree.send(process, stop_signal)
    process_tree.wait_until_gone((process for process, _ in watched.values()), GRACE_SECONDS)
    process_tree.kill(family)


def _obey(order: list[str], watched: Watched) -> None:
    match order:
        case ["watch", pid, number]:
            with suppress(psutil.NoSuchProcess):
                watched[int(pid)] = psutil.Process(int(pid)), signal.Signals(int(number))
        case ["forget", pid]:
            watched.pop(int(pid), None)


if __name__ == "__main__":
    main()
