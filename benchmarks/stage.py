"""The servers that all contestants share, and the service's own processes."""

import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import psycopg
from redis import Redis

from models.store.migrations import upgrade
from models.store.tables import metadata
from settings import Settings
from tests.servers import start_rabbitmq
from workers.supervision import embedded_postgres, embedded_redis, environment
from workers.supervision.processes import ChildProcess, ProcessSpec

GRACE_SECONDS = 20.0
BROKERS = ("redis", "rabbitmq")


@dataclass(frozen=True)
class Stage:
    """PostgreSQL (fsync on), Redis (append-only file) and RabbitMQ, as the service's own tests start them."""

    home: Path
    postgres_url: str
    """A libpq address, for whoever does not go through SQLAlchemy."""
    redis_url: str
    rabbitmq_url: str | None

    @property
    def database_url(self) -> str:
        """The address as SQLAlchemy spells it."""
        return Settings(database_url=self.postgres_url).require("database_url")

    def broker_url(self, broker: str) -> str:
        """Return the address of `broker`: redis or rabbitmq."""
        url = self.redis_url if broker == "redis" else self.rabbitmq_url
        assert url, "RabbitMQ was not asked for"
        return url

    def settings(self, broker: str, **more: object) -> Settings:
        """Return what our own processes are started with."""
        return Settings(
            home=self.home,
            database_url=self.postgres_url,
            redis_url=self.redis_url,
            broker_url=self.broker_url(broker),
            **more,
        )

    def clean(self) -> None:
        """Leave no row and no key; queues of RabbitMQ are their users' to purge."""
        with psycopg.connect(self.postgres_url, autocommit=True) as connection:
            connection.execute(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY")  # type: ignore[call-overload]
            connection.execute("VACUUM ANALYZE")
        with Redis.from_url(self.redis_url) as redis:
            redis.flushall()

    @contextmanager
    def running(
        self, name: str, command: list[str], variables: Mapping[str, str], grace_seconds: float = GRACE_SECONDS
    ) -> Iterator[ChildProcess]:
        """Run `python -m COMMAND` with `variables`, until the end of the block."""
        log = self.home / "logs" / f"{name}.log"
        spec = ProcessSpec(
            name,
            (sys.executable, "-m", *command),
            log,
            environment=os.environ | dict(variables),
            grace_seconds=grace_seconds,
        )
        process = ChildProcess(spec)
        try:
            yield process
        finally:
            process.stop()

    @contextmanager
    def service(self, settings: Settings, *kinds: str) -> Iterator[dict[str, ChildProcess]]:
        """Run our own processes of `kinds` (worker, relay, intake, housekeeping, api), until the end of the block."""
        variables = environment.of_process(settings)
        with ExitStack() as stack:
            yield {
                kind: stack.enter_context(self.running(kind, ["workers.command_line", kind], variables))
                for kind in kinds
            }


@contextmanager
def stage(*, with_rabbitmq: bool = True) -> Iterator[Stage]:
    """Start the servers under a folder of their own; stop them and remove it at the end."""
    with tempfile.TemporaryDirectory(prefix="jobgroups-bench-") as directory, ExitStack() as stack:
        home = Path(directory)
        home.chmod(0o755)  # where root measures, PostgreSQL runs under another account
        postgres = embedded_postgres.start(home)
        stack.callback(postgres.stop)
        redis = embedded_redis.start(home)
        stack.callback(redis.stop)
        rabbitmq = start_rabbitmq(home / "rabbitmq") if with_rabbitmq else None
        if rabbitmq:
            stack.callback(rabbitmq.stop)
        shared = Stage(home, postgres.url, redis.url, rabbitmq.url if rabbitmq else None)
        upgrade(shared.database_url)
        yield shared
