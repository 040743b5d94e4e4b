"""The process that carries out commands: a Celery worker whose consumer survives any message."""

from celery.apps.worker import Worker

from logs import configure_logging
from settings import Settings
from tasks.app import app, configure


def run(settings: Settings) -> int:
    """Work until told to stop, and return the exit status. SIGTERM finishes the tasks under way first."""
    configure_logging(settings.log_level)
    settings.require("database_url")
    configure(app, settings)
    app.conf.worker_consumer = "workers.guarded_consumer:GuardedConsumer"
    worker: Worker = app.Worker(
        loglevel=settings.log_level,
        # None of these serves one queue with one kind of task; each costs messages on the broker.
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
    )
    worker.start()
    return int(worker.exitcode or 0)
