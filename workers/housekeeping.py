"""The process that does what is due: work that waits as rows in the database, never as timers in the broker."""

from threading import Event

import structlog

from logs import configure_logging
from models.store.engine import DatabaseUnavailable, make_engine
from models.store.retention import forget_commands
from settings import Settings
from workers.lifetime import run_until_stopped

INTERVAL_SECONDS = 60.0

log = structlog.get_logger()


def run(settings: Settings) -> None:
    """Do what is due, every minute, until told to stop. Two of these on two machines do no harm."""
    configure_logging(settings.log_level)
    engine = make_engine(settings.require("database_url"))

    def keep_house(stop: Event) -> None:
        forgotten = forget_commands(engine, older_than_days=settings.inbox_retention_days)
        if forgotten:
            log.info("commands_forgotten", count=forgotten)
        stop.wait(INTERVAL_SECONDS)

    run_until_stopped(keep_house, (DatabaseUnavailable,))
