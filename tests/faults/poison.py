"""Commands that are fatal to whoever carries them out: what certain names of groups do to a sabotaged worker."""

import os
import resource
import signal
import time
from collections.abc import Callable
from typing import Any

import psutil
from celery.app import trace

import tasks.handling
import tasks.receiving
from models.commands import CommandEnvelope

KILLS = "poison: kills"
HANGS = "poison: hangs"
EXHAUSTS = "poison: exhausts the memory in the transaction"
EXHAUSTS_READING = "poison: exhausts the memory of whoever reads it"
EXHAUSTS_CELERY = "poison: exhausts the memory while Celery stores the result"

ROOM_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 256 * 1024


def _kill() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _hang() -> None:
    time.sleep(3600)


def exhaust_memory(*, held: bool = True) -> None:
    """Raise the interpreter's own MemoryError. The limit stays, as a container's would.

    `held`: with nothing to spare, for what fills the memory belongs to a frame, which lives as long as the traceback.
    """
    used = psutil.Process().memory_info().vms
    resource.setrlimit(resource.RLIMIT_AS, (used + ROOM_BYTES, resource.RLIM_INFINITY))
    hoard = []
    try:
        while True:
            hoard.append(bytearray(CHUNK_BYTES))
    finally:
        if not held:
            hoard.clear()


FATAL: dict[str, Callable[[], None]] = {KILLS: _kill, HANGS: _hang, EXHAUSTS: exhaust_memory}


def fatal_decisions() -> None:
    """Deciding on a group of a fatal name is fatal."""
    decide = tasks.handling.decide

    def decide_or_die(loaded: Any, command: Any, now: Any) -> Any:
        if effect := FATAL.get(getattr(command, "name", "")):
            effect()
        return decide(loaded, command, now)

    tasks.handling.decide = decide_or_die  # type: ignore[attr-defined]


def fatal_reading() -> None:
    """Reading an item of a batch that asks for such a group is fatal, before any transaction."""

    class FatalEnvelope(CommandEnvelope):
        @classmethod
        def model_validate(cls, item: Any, **how: Any) -> Any:
            if item["data"].get("name") == EXHAUSTS_READING:
                exhaust_memory()
            return CommandEnvelope.model_validate(item, **how)

    tasks.receiving.CommandEnvelope = FatalEnvelope  # type: ignore[misc]


def fatal_results() -> None:
    """What Celery does when the task for such a group has returned is fatal."""
    build_tracer = trace.build_tracer

    def build_fatal_tracer(name: str, task: Any, *args: Any, **kwargs: Any) -> Any:
        mark_as_done = task.backend.mark_as_done

        def mark_or_die(id_: str, result: Any, request: Any, *more: Any, **named: Any) -> Any:
            if request.kwargs.get("name") == EXHAUSTS_CELERY:
                exhaust_memory(held=False)  # else the child dies of its answer, and nobody hears what it died of
            return mark_as_done(id_, result, request, *more, **named)

        task.backend.mark_as_done = mark_or_die
        return build_tracer(name, task, *args, **kwargs)

    trace.build_tracer = build_fatal_tracer


MUTATIONS = {
    "fatal_decisions": fatal_decisions,
    "fatal_reading": fatal_reading,
    "fatal_results": fatal_results,
}
