"""The worker's heartbeat: that of its main process, whose event loop takes messages and looks after the pool."""

from typing import Any

from celery.bootsteps import StartStopStep

from heartbeat import BEAT_SECONDS


class WorkerHeartbeat(StartStopStep):
    """Lets the worker's option `heartbeat` beat with the event loop."""

    requires = ("celery.worker.components:Hub",)

    _timer: Any = None

    def register_with_event_loop(self, worker: Any, hub: Any) -> None:
        """Add the beat to the worker's timers. Called again for each new connection to the broker."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = hub.call_repeatedly(BEAT_SECONDS, worker.options["heartbeat"].beat)
