"""The process that tells webhooks and people of events: at least once, each with its own retries.

Deliveries are rows, written in the transaction of their events. A notifier takes some on a lease, sends each in a
thread of its own and outside any transaction, and then writes down what came of it. One that dies in between leaves
them to the end of their lease, and they are sent again under the same ids.
"""

from threading import Event

from client.span_export import start_tracing
from heartbeat import Heartbeat
from logs import configure_logging
from models.store.engine import DatabaseUnavailable, make_engine
from models.store.unit_of_work import ConcurrentWrite
from models.store.vital_signs import NOTIFIER
from settings import Settings
from workers.lifetime import run_until_stopped
from workers.notifying.dispatcher import Dispatcher
from workers.notifying.hearing import hearing

POLL_SECONDS = 1.0
"""How long a retry waits beyond its time, or a delivery whose announcement went missing."""
STOP_SECONDS = 3.0
"""How long a notifier that is told to end waits for what is under way."""


def run(settings: Settings) -> None:
    """Send what is due until told to stop. Any number of these share the work."""
    configure_logging(settings.log_level)
    start_tracing("notifier")
    engine = make_engine(settings.require("database_url"), pool_size=2, name=NOTIFIER)
    dispatcher = Dispatcher(engine, settings)

    def notify(stop: Event) -> None:
        with hearing(engine, dispatcher.news) as check_hearing:
            while not stop.is_set():
                check_hearing()
                dispatcher.news.clear()
                if not dispatcher.work():
                    dispatcher.news.wait(POLL_SECONDS)

    run_until_stopped(notify, (DatabaseUnavailable, ConcurrentWrite), Heartbeat(settings.heartbeat_file))
    dispatcher.finish(STOP_SECONDS)
