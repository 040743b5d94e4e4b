"""Noticing soon that a pool child is dead."""

from typing import Any

from celery.bootsteps import StartStopStep

LOOK_SECONDS = 0.5


class PoolWatch(StartStopStep):
    """Looks for dead children twice a second.

    Celery looks every five seconds. It also waits for the end of each child's pipe, which does not come while another
    child, forked later, holds it open. Until a death is noticed its message is nobody's, and a command that kills has
    six to die.
    """

    requires = ("celery.worker.components:Pool",)

    _timer: Any = None

    def register_with_event_loop(self, worker: Any, hub: Any) -> None:
        """Add the look to the worker's timers. Called again for each new connection to the broker."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = hub.call_repeatedly(LOOK_SECONDS, worker.pool.maintain_pool)
