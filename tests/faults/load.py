"""Senders at work: they send until the broker has confirmed, and remember what it confirmed."""

import faulthandler
import random
import threading
import time
from collections.abc import Sequence
from typing import Any

from models.commands import CommandEnvelope
from tests.faults.plan import Chunk
from tests.faults.senders import Sender, senders, sending_errors

GIVE_UP_SECONDS = 120.0
LONGEST_PAUSE_SECONDS = 1.0


class Load:
    """Commands on their way from a thread of their own. "Accepted" is what the broker has confirmed."""

    def __init__(self, broker_url: str, chunks: Sequence[Chunk], *, pause_seconds: float = 0.0) -> None:
        self.accepted: dict[str, CommandEnvelope] = {}
        self.confirmed_count = 0
        """Confirmations, those of commands sent a second time included."""
        self.ended_at: float | None = None
        self.planned_count = len({command.id for chunk in chunks for command in chunk.commands})
        self._broker_url, self._chunks, self._pause_seconds = broker_url, chunks, pause_seconds
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, name="load", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def wait(self) -> None:
        """Return when everything is accepted."""
        self._thread.join(GIVE_UP_SECONDS)
        if self._error:
            raise self._error
        if self._thread.is_alive():
            faulthandler.dump_traceback()  # what it waits for
            raise AssertionError(f"{len(self.accepted)} commands accepted after {GIVE_UP_SECONDS:g} s")

    def _run(self) -> None:
        ways = senders(self._broker_url)
        try:
            for chunk in self._chunks:
                self._deliver(ways[chunk.channel], chunk.commands)
                time.sleep(self._pause_seconds)
        except BaseException as error:  # noqa: BLE001 - for the thread that waits
            self._error = error
        finally:
            self.ended_at = time.time()
            for way in ways.values():
                way.close()

    def _deliver(self, way: Sender, commands: Sequence[CommandEnvelope]) -> None:
        deadline = time.monotonic() + GIVE_UP_SECONDS
        while True:
            try:
                way.send(commands)
            except sending_errors(self._broker_url):
                if time.monotonic() > deadline:
                    raise
                time.sleep(random.uniform(0, LONGEST_PAUSE_SECONDS))
            else:
                break
        self.accepted |= {command.id: command for command in commands}
        self.confirmed_count += len(commands)

    def figures(self) -> dict[str, Any]:
        """Return what was sent."""
        return {"commands": len(self.accepted), "messages_confirmed": self.confirmed_count}
