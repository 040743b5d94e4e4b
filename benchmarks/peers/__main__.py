"""Queue commands for a peer, or become its workers."""

import os
import sys
from importlib import import_module

from benchmarks.backlog import BACKLOGS
from benchmarks.peers import work


def _fill(name: str, backlog: str, count: str) -> None:
    commands = BACKLOGS[backlog](int(count))
    work.prepare(commands.before)
    import_module(f"benchmarks.peers.{name}").fill(commands.commands)


def _work(name: str) -> None:
    peer = import_module(f"benchmarks.peers.{name}")
    # One whose command line starts a single process is started as often as need be.
    for _ in range(1, getattr(peer, "COPIES", 1)):
        if os.fork() == 0:
            break
    os.execv(sys.executable, [sys.executable, "-m", *peer.WORKER])


{"fill": _fill, "work": _work}[sys.argv[1]](*sys.argv[2:])
