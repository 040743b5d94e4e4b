"""The servers that scenarios may break: one of each for a whole run, made clean for each scenario."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path

import psutil
from kombu import Connection, pools
from redis import Redis
from sqlalchemy import create_engine, text
from sqlalchemy.pool import NullPool

from client.broker import COMMAND_QUEUE, DEAD_LETTER_QUEUE, INTAKE_QUEUE
from models.store.migrations import upgrade
from models.store.tables import metadata
from settings import Settings
from tests.commands import eventually
from tests.servers import RabbitMQ, accepts, start_rabbitmq
from workers.supervision import embedded_postgres, embedded_redis, process_tree
from workers.supervision.embedded_postgres import EmbeddedPostgres
from workers.supervision.embedded_redis import EmbeddedRedis
from workers.supervision.processes import ChildProcess

BACK_SECONDS = 60.0
"""How long a server that was killed may take to answer again."""


@dataclass(frozen=True)
class Servers:
    """PostgreSQL, Redis, and RabbitMQ where it is installed. A scenario that ends one starts it again."""

    postgres: EmbeddedPostgres
    redis: EmbeddedRedis
    rabbitmq: RabbitMQ | None

    @classmethod
    def start(cls, home: Path, *, with_rabbitmq: bool) -> "Servers":
        """Start them under `home`."""
        postgres = embedded_postgres.start(home)
        upgrade(Settings(database_url=postgres.url).require("database_url"))
        return cls(postgres, embedded_redis.start(home), start_rabbitmq(home / "rabbitmq") if with_rabbitmq else None)

    def stop(self) -> None:
        """End all of them."""
        for server in (self.rabbitmq, self.redis, self.postgres):
            if server:
                server.stop()

    @property
    def database_url(self) -> str:
        """The address as SQLAlchemy spells it."""
        return Settings(database_url=self.postgres.url).require("database_url")

    def broker_url(self, broker: str) -> str:
        """Return the address of `broker`: redis or rabbitmq."""
        if broker == "redis":
            return self.redis.url
        assert self.rabbitmq is not None
        return self.rabbitmq.url

    def mend(self) -> None:
        """Bring back what a scenario that failed half-way has left frozen or dead."""
        back = {self.postgres.process: self.restart_postgres, self.redis.process: self.restart_redis}
        if self.rabbitmq:
            back[self.rabbitmq.node] = self.restart_rabbitmq
        for process, bring_back in back.items():
            if process.exit_status is None:
                thaw(process)
            else:
                bring_back()

    def clean(self, broker: str) -> None:
        """Leave no row, no key and no queue of an earlier scenario."""
        self.mend()
        engine = create_engine(self.database_url, poolclass=NullPool)
        with engine.begin() as connection:
            connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY"))
        with Redis.from_url(self.redis.url) as redis:
            redis.flushall()
        pools.reset()  # a connection remembers which queues it declared, those that are gone by now included
        if broker == "rabbitmq":
            _delete_queues(self.broker_url(broker))

    def kill_redis(self) -> None:
        """Kill -9; what it wrote to its append-only file is with the operating system."""
        kill(self.redis.process)

    def restart_redis(self) -> None:
        """Start it again on its port and wait for its answer."""
        restart(self.redis.process)
        eventually(self._redis_answers, BACK_SECONDS)

    def kill_rabbitmq(self) -> None:
        """Kill -9 the node."""
        assert self.rabbitmq is not None
        kill(self.rabbitmq.node)

    def restart_rabbitmq(self) -> None:
        """Start the node again on its port and wait until it takes connections."""
        rabbitmq = self.rabbitmq
        assert rabbitmq is not None
        restart(rabbitmq.node)
        eventually(lambda: accepts(rabbitmq.url), BACK_SECONDS)

    def kill_broker(self, broker: str) -> None:
        """Kill -9 whichever broker carries the commands."""
        self.kill_redis() if broker == "redis" else self.kill_rabbitmq()

    def restart_broker(self, broker: str) -> None:
        """Start it again on its port and wait until it answers."""
        self.restart_redis() if broker == "redis" else self.restart_rabbitmq()

    def stop_postgres_immediately(self) -> None:
        """Let it end without a checkpoint: the next start recovers from its log, as after a crash."""
        process = psutil.Process(self.postgres.pid)
        process.send_signal(signal.SIGQUIT)
        self.postgres.process.wait(BACK_SECONDS)

    def restart_postgres(self) -> None:
        """Start it again at its address and wait until it takes connections."""
        restart(self.postgres.process)
        eventually(self._postgres_answers, BACK_SECONDS)

    def _redis_answers(self) -> bool:
        return embedded_redis.answers(self.redis.url)

    def _postgres_answers(self) -> bool:
        return embedded_postgres.accepts(self.postgres.url)


def kill(process: ChildProcess) -> None:
    """Kill -9 a process and all it started, and wait for its end."""
    process_tree.kill([psutil.Process(process.pid)])


def restart(process: ChildProcess) -> None:
    """Start a process that ended again."""

    def runs() -> bool:
        process.revive()
        return process.exit_status is None

    eventually(runs, BACK_SECONDS)


def freeze(process: ChildProcess) -> None:
    """Stop a process and all it started in mid-air: its connections stay open and silent."""
    _signal_all(process, signal.SIGSTOP)


def thaw(process: ChildProcess) -> None:
    """Let it go on."""
    _signal_all(process, signal.SIGCONT)


def _signal_all(process: ChildProcess, number: signal.Signals) -> None:
    for member in process_tree.with_descendants([psutil.Process(process.pid)]):
        os.kill(member.pid, number)


def _delete_queues(broker_url: str) -> None:
    with Connection(broker_url) as connection:
        for queue in (COMMAND_QUEUE, INTAKE_QUEUE, DEAD_LETTER_QUEUE):
            queue(connection.channel()).delete()
