"""The service's processes, each on its own, started again when they die as production's init system would."""

import os
import random
import sys
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from signal import Signals

import psutil

from settings import Settings
from tests.faults.servers import freeze, kill, thaw
from workers.supervision import environment, process_tree
from workers.supervision.guardian import Guardian
from workers.supervision.processes import ChildProcess, ProcessSpec

WATCH_SECONDS = 0.1
GRACE_SECONDS = 20.0


@dataclass(frozen=True)
class Sabotage:
    """What is different about one kind of process: where it kills itself, or what it does wrong. See sabotaged.py."""

    cut: str | None = None
    within: int = 5
    """It dies at one of so many passes, drawn by the seed; the next one at its first pass, since there may be few."""
    times: int = 1
    """How many processes die there, one after the other or side by side."""
    mutations: tuple[str, ...] = ()


@dataclass
class Actors:
    """The running processes by name; `worker-1` is the second worker."""

    settings: Settings
    home: Path
    seed: int
    guardian: Guardian
    sabotage: dict[str, Sabotage] = field(default_factory=dict)
    running: dict[str, ChildProcess] = field(default_factory=dict)
    _stopping: threading.Event = field(default_factory=threading.Event)
    _resting: set[str] = field(default_factory=set)

    def start(self, kind: str, name: str | None = None, **settings: object) -> ChildProcess:
        """Start a process of `kind` (worker, relay, intake, housekeeping, api), with `settings` of its own."""
        name = name or kind
        variables = environment.of_process(self.settings.model_copy(update=settings))
        spec = ProcessSpec(
            name,
            (sys.executable, "-m", *self._program(kind, name)),
            self.log(name),
            environment=os.environ | variables,
            grace_seconds=GRACE_SECONDS,
        )
        process = self.running[name] = ChildProcess(spec, self.guardian)
        return process

    def __getitem__(self, name: str) -> ChildProcess:
        return self.running[name]

    def log(self, name: str) -> Path:
        """Return where the process `name` writes its log."""
        return self.home / "logs" / f"{name}.log"

    def watch(self) -> None:
        """Start again whatever dies, until everything is stopped."""
        threading.Thread(target=self._watch, name="init", daemon=True).start()

    def kill(self, name: str) -> None:
        """Kill -9 a process and its pool; it is started again."""
        kill(self[name])

    def kill_main(self, name: str) -> None:
        """Kill -9 the main process alone: its pool notices by itself."""
        psutil.Process(self[name].pid).kill()

    def kill_child(self, name: str, choice: random.Random) -> None:
        """Kill -9 one of the pool's children."""
        choice.choice(self.children(name)).kill()

    def children(self, name: str) -> Sequence[psutil.Process]:
        """Return the pool of a worker."""
        return psutil.Process(self[name].pid).children()

    def terminate(self, name: str) -> None:
        """Ask a process to end as its init system does at a deployment (SIGTERM); it is started again."""
        os.kill(self[name].pid, Signals.SIGTERM)

    def freeze(self, name: str) -> None:
        """Stop a process and its pool in mid-air."""
        freeze(self[name])

    def thaw(self, name: str) -> None:
        """Let it go on."""
        thaw(self[name])

    def rest(self, name: str) -> None:
        """End a process and leave it so, until :meth:`wake`."""
        self._resting.add(name)
        self[name].stop()

    def wake(self, name: str) -> None:
        """Let a resting process be started again."""
        self._resting.discard(name)

    def is_up(self, name: str) -> bool:
        """Say whether a process has taken over SIGTERM, as each does before its first piece of work."""
        status = Path(f"/proc/{self[name].pid}/status").read_text()
        (caught,) = (line.split()[1] for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught, 16) >> (Signals.SIGTERM - 1) & 1)

    def cuts(self, name: str) -> list[Path]:
        """Return a marker for each death at the cut of `name`, written in the moment before."""
        return sorted(self.home.glob(f"{name}.cut.*"))

    def stop(self) -> None:
        """End everything, all at once."""
        self._stopping.set()
        family = process_tree.with_descendants(psutil.Process(each.pid) for each in self._alive())
        for process in self._alive():
            os.kill(process.pid, Signals.SIGCONT)
            os.kill(process.pid, Signals.SIGTERM)
        process_tree.wait_until_gone(family, GRACE_SECONDS)
        process_tree.kill(family)
        for process in self.running.values():
            process.stop()

    def _alive(self) -> list[ChildProcess]:
        return [process for process in self.running.values() if process.exit_status is None]

    def _program(self, kind: str, name: str) -> list[str]:
        sabotage = self.sabotage.get(kind)
        if sabotage is None:
            return ["workers.command_line", kind]
        arguments = ["--marker", str(self.home / f"{kind}.cut"), "--seed", str(self.seed)]
        if sabotage.cut:
            arguments += ["--cut", sabotage.cut, "--within", str(sabotage.within), "--times", str(sabotage.times)]
        for mutation in sabotage.mutations:
            arguments += ["--mutate", mutation]
        return ["tests.faults.sabotaged", kind, *arguments]

    def _watch(self) -> None:
        while not self._stopping.wait(WATCH_SECONDS):
            for name, process in list(self.running.items()):
                if name not in self._resting and not self._stopping.is_set():
                    process.revive()
