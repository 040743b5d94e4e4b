"""A process of the service that kills itself at an exact point, or does one thing wrong on purpose.

`python -m tests.faults.sabotaged worker --cut after_commit --within 10 --seed 3 --marker /tmp/worker.cut` imports the
product's modules, wraps one function, and runs the product's own `run`. The product knows nothing of it.
"""

import argparse
import importlib
import os
import random
import signal
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from settings import Settings
from tests.faults import mutations, poison

MUTATIONS = mutations.MUTATIONS | poison.MUTATIONS
BEFORE, AFTER = "before", "after"
CUTS = {
    # in a pool child
    "mid_transaction": (AFTER, "models.store.unit_of_work", "UnitOfWork.save"),
    "after_commit": (BEFORE, "tasks.receiving", "tell_callers"),
    # in the worker's main process
    "before_ack": (BEFORE, "kombu.message", "Message.ack_log_error"),
    "after_pop": (BEFORE, "workers.guarded_redis", "_GuardedChannel._deliver"),
    # in the relay
    "before_publish": (BEFORE, "workers.publisher", "EventPublisher.publish"),
    "mid_publish": (BEFORE, "workers.publisher", "Producer.publish"),
    "before_stamp": (BEFORE, "workers.relay", "stamp"),
    "after_stamp": (AFTER, "workers.relay", "stamp"),
    # in the intake
    "before_intake_ack": (AFTER, "workers.intake", "_send"),
    # in housekeeping
    "after_due_work": (AFTER, "tasks.due_work", "handle"),
}


@dataclass
class Cut:
    """Kills this process at the `passes`-th pass, or at the next once one has died there, as long as any may."""

    passes: int
    marker: str
    times: int

    def pass_(self) -> None:
        self.passes -= 1
        if (self.passes < 1 or Path(f"{self.marker}.0").exists()) and self._may_die():
            os.kill(os.getpid(), signal.SIGKILL)

    def _may_die(self) -> bool:
        """One marker for each death, made in one step: of two processes at the point one dies for it."""
        for number in range(self.times):
            try:
                Path(f"{self.marker}.{number}").touch(exist_ok=False)
            except FileExistsError:
                continue
            return True
        return False


def sabotage(name: str, cut: Cut) -> None:
    """Wrap the function that the cut called `name` is at."""
    when, module_name, path = CUTS[name]
    owner: Any = importlib.import_module(module_name)
    *classes, attribute = path.split(".")
    for each in classes:
        owner = getattr(owner, each)
    setattr(owner, attribute, _wrapped(getattr(owner, attribute), when, cut))


def _wrapped(original: Callable[..., Any], when: str, cut: Cut) -> Callable[..., Any]:
    def wrapper(*args: Any, **kwargs: Any) -> Any:
        if when == BEFORE:
            cut.pass_()
        result = original(*args, **kwargs)
        if when == AFTER:
            cut.pass_()
        return result

    return wrapper


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("process", choices=["worker", "relay", "intake", "housekeeping", "api"])
    parser.add_argument("--cut", choices=CUTS)
    parser.add_argument("--within", type=int, default=5)
    parser.add_argument("--times", type=int, default=1)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--marker", required=True)
    parser.add_argument("--mutate", choices=MUTATIONS, action="append", default=[])
    return parser.parse_args()


def main() -> None:
    """Prepare what the arguments ask for, then be the process."""
    asked = _arguments()
    if asked.cut:
        cut = Cut(random.Random(asked.seed).randint(1, asked.within), asked.marker, asked.times)
        sabotage(asked.cut, cut)
    for mutation in asked.mutate:
        MUTATIONS[mutation]()
    if asked.process == "api":
        importlib.import_module("api_stub.__main__").main()
    else:
        sys.exit(importlib.import_module(f"workers.{asked.process}").run(Settings()))


if __name__ == "__main__":
    main()
