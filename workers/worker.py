"""The process that carries out commands: a Celery worker whose consumer survives any message."""

import gc
from functools import partial

from billiard import pool
from celery.apps.worker import Worker
from celery.signals import worker_process_init, worker_process_shutdown
from kombu.serialization import register
from kombu.utils.json import dumps, loads
from prometheus_client import REGISTRY

from client.broker import is_redis
from client.span_export import start_tracing, stop_tracing
from heartbeat import Heartbeat
from logs import configure_logging
from models import names
from settings import Settings
from tasks.app import app, configure
from tasks.commands import CommandTask
from workers.metrics.pool import hear_pool_children
from workers.metrics.queues import queue_facts
from workers.pool_watch import PoolWatch
from workers.worker_heartbeat import WorkerHeartbeat

LAST_RESULT_SECONDS = 2
"""How long a pool child that ends waits for its last result to be read."""


def run(settings: Settings) -> int:
    """Work until told to stop, and return the exit status. SIGTERM finishes the tasks under way first."""
    configure_logging(settings.log_level)
    settings.require("database_url")
    configure(app, settings)
    app.conf.worker_consumer = "workers.guarded_consumer:GuardedConsumer"
    CommandTask.Request = "workers.guarded_request:GuardedRequest"
    app.steps["worker"].update((PoolWatch, WorkerHeartbeat))
    _read_plain_json()
    _let_children_go()
    if is_redis(settings.require("broker_url")):
        app.conf.broker_transport = "workers.guarded_redis:GuardedRedis"
    worker: Worker = app.Worker(
        loglevel=settings.log_level,
        quiet=True,
        # None of these serves one queue with one kind of task; each costs messages on the broker.
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=not settings.task_events,
        heartbeat=Heartbeat(settings.heartbeat_file),
    )
    REGISTRY.register(queue_facts(settings.require("broker_url"), names.COMMAND_QUEUE))
    if settings.metrics_port is not None:
        hear_pool_children()
    # Before the fork: neither parent nor children look through what is there for good each time they collect garbage.
    gc.freeze()
    worker.start()
    return int(worker.exitcode or 0)


@worker_process_init.connect
def _trace_in_child(**_: object) -> None:
    """A thread sends the spans, and no thread survives a fork."""
    start_tracing("worker")


@worker_process_shutdown.connect
def _send_last_spans(**_: object) -> None:
    """A pool child ends without what Python does at the end."""
    stop_tracing()


def _read_plain_json() -> None:
    """Leave objects as they are. kombu takes {"__type__": …, "__value__": …} for types of its own, so that one sender's
    metadata could spoil the whole message that carries it, along with the commands of others."""
    register("json", dumps, partial(loads, object_hook=None), content_type="application/json", content_encoding="utf-8")


def _let_children_go() -> None:
    """Bound what the end of a worker waits for.

    When it is told to end, Celery strikes off its list whatever it does not yet know to have begun. A child that had
    begun waits for half a minute to be told that its result was read. Nobody reads it: the message comes back, and its
    commands have their outcomes.
    """
    looks = LAST_RESULT_SECONDS / pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_INTERVAL
    pool.GUARANTEE_MESSAGE_CONSUMPTION_RETRY_LIMIT = round(looks)
