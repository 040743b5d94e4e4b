"""Redis: for outcomes and results, and as the broker."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

from redis import AuthenticationError, Redis, RedisError
from redis.exceptions import NoPermissionError

from models import names
from tasks.app import UNACKNOWLEDGED_INDEX, VISIBILITY_MARGIN_SECONDS
from workers.operating.doctor.circumstances import Circumstances
from workers.operating.doctor.finding import Away, Finding, fault, fine, not_checked, warning
from workers.subscriber_queues import subscriber_queues

TIMEOUT_SECONDS = 3
ASKED_SECONDS = 3
"""A worker that has room asks for the next message at least every second."""
INTAKE_SILENCE_SECONDS = 20
"""Longer than the intake waits for the broker to confirm what it passes on."""
FULL_SHARE = 0.9
LONG_COUNT = 10_000
"""Events in the queue of a subscriber from which on it is told of."""
EVICTION_POLICY = "noeviction"


@dataclass(frozen=True)
class Server:
    """A connection to Redis, and the setting that led to it."""

    redis: Redis
    variable: str
    circumstances: Circumstances


ServerCheck = Callable[[Server], Finding]


def reach(name: str) -> Callable[[Circumstances], Any]:
    """Return what gives a connection to the Redis that the setting `name` says; raises Away."""

    @contextmanager
    def connect(circumstances: Circumstances) -> Iterator[Server]:
        url, variable = circumstances.address(name), f"JOBGROUPS_{name.upper()}"
        try:
            client = Redis.from_url(url, socket_timeout=TIMEOUT_SECONDS, socket_connect_timeout=TIMEOUT_SECONDS)
        except ValueError as error:
            raise Away(
                fault(f"{variable} names no Redis: {error}.", "It must start with redis:// or rediss://.")
            ) from None
        with client:
            try:
                client.ping()
            except RedisError as error:
                raise Away(_why_away(error, variable)) from None
            yield Server(client, variable, circumstances)

    return connect


def may_be_refused(check: ServerCheck) -> ServerCheck:
    """Let `check` find nothing out where this user may not ask for it."""

    @wraps(check)
    def ask(server: Server) -> Finding:
        try:
            return check(server)
        except NoPermissionError as error:
            return not_checked(
                f"Redis does not let this user ask: {error}.",
                f"Run the doctor with a user in {server.variable} that may ask (docs/brokers/redis.acl has one).",
            )

    return ask


def answers(server: Server) -> Finding:
    """Say which server answers."""
    where = server.redis.connection_pool.connection_kwargs
    return fine(f"Redis answers at {where.get('host', where.get('path'))}:{where.get('port', '')}.")


@may_be_refused
def durability(server: Server) -> Finding:
    """Say whether Redis keeps what it was given: over a restart, and when its memory is full."""
    told: Any = server.redis.info("persistence") | server.redis.info("memory")
    if not told["aof_enabled"]:
        return fault(
            "Redis keeps no append-only file: when it restarts, accepted commands are gone.",
            "Set `appendonly yes` in redis.conf (at once: `CONFIG SET appendonly yes`).",
        )
    if told["aof_last_write_status"] != "ok":
        return fault("Redis cannot write its append-only file.", "See whether its disk is full, and its log.")
    if told["maxmemory_policy"] != EVICTION_POLICY:
        return fault(
            f"When its memory is full Redis throws commands away (maxmemory-policy {told['maxmemory_policy']}).",
            f"Set `maxmemory-policy {EVICTION_POLICY}`: then it refuses new ones, and says so.",
        )
    if told["maxmemory"] and told["used_memory"] > FULL_SHARE * told["maxmemory"]:
        return warning(
            f"Redis has used {told['used_memory_human']} of {told['maxmemory_human']}; full, it refuses commands.",
            "Raise maxmemory; the queue of a subscriber that is gone may be what fills it: `jobgroups events queues`.",
        )
    return fine("Redis keeps an append-only file, and throws nothing away.")


@may_be_refused
def worker(server: Server) -> Finding:
    """Say whether somebody takes commands: a worker that has room asks for the next one every second."""
    silences, waiting = _silences(server, names.WORKER_CLIENT), server.redis.llen(names.COMMAND_QUEUE)
    if any(silence <= ASKED_SECONDS for silence in silences):
        return fine(f"One takes commands; {waiting} messages wait.")
    patience_seconds = server.circumstances.settings.task_time_limit_seconds + VISIBILITY_MARGIN_SECONDS
    if silences and 0 < _under_way_seconds(server) <= patience_seconds:
        return fine(f"Every one is busy; {waiting} messages wait.")
    return _nobody("worker", silences, f"{waiting} messages wait")


@may_be_refused
def intake(server: Server) -> Finding:
    """Say whether somebody reads the stream of JSON commands."""
    silences, waiting = _silences(server, names.INTAKE_CLIENT), server.redis.xlen(names.INTAKE)
    if any(silence <= INTAKE_SILENCE_SECONDS for silence in silences):
        return fine(f"One takes documents; {waiting} wait.")
    return _nobody("intake", silences, f"{waiting} documents wait")


@may_be_refused
def subscribers(server: Server) -> Finding:
    """Say whether the queues of subscribers are short: what waits in them is in Redis' memory."""
    queues = subscriber_queues(server.redis)
    events_count = sum(queue.waiting_count for queue in queues)
    if not queues or queues[0].waiting_count < LONG_COUNT:
        return fine(f"They have {len(queues)} queues, in which {events_count} events wait.")
    longest = queues[0]
    return warning(
        f"{longest.waiting_count} events wait in {longest.name}, of {events_count} in all, in the memory of Redis.",
        f"See that its subscriber reads. If that will not come back: `jobgroups events unsubscribe {longest.name}`.",
    )


def _nobody(process: str, silences: Sequence[int], waiting: str) -> Finding:
    if silences:
        return fault(
            f"The last that asked Redis for something did so {min(silences)} s ago, and stands still; {waiting}.",
            f"End its process and start another: `jobgroups {process}`.",
        )
    return fault(
        f"None is connected; {waiting}.",
        f"Start one: `jobgroups {process}`. Where one should run, its log says why it ended.",
    )


def _silences(server: Server, client_name: str) -> Sequence[int]:
    """Return for how many seconds each connection of this name has asked for nothing."""
    clients: Any = server.redis.client_list()
    return [int(client["idle"]) for client in clients if client["name"] == client_name]


def _under_way_seconds(server: Server) -> float:
    """Return since when the longest of the messages that workers took is under way; 0 where there is none."""
    oldest: Any = server.redis.zrange(UNACKNOWLEDGED_INDEX, 0, 0, withscores=True)
    return time.time() - oldest[0][1] if oldest else 0.0


def _why_away(error: RedisError, variable: str) -> Finding:
    # What a server without a password says to one, and one with a password to none, are other kinds of error.
    if isinstance(error, AuthenticationError) or "NOAUTH" in str(error) or "AUTH" in str(error):
        return fault(f"Redis does not let this user in: {error}.", f"Correct the user and the password in {variable}.")
    return fault(f"Redis does not answer: {error}.", f"See that it runs, and that {variable} names its host and port.")
