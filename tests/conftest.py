"""Real servers, started once for the whole run, and a clean database for each test that asks."""

import os
import shutil
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from xdist import is_xdist_worker

from models.store.migrations import upgrade
from models.store.tables import metadata
from settings import Settings
from tests.servers import rabbitmq_or_skip
from tests.skips import pytest_make_collect_report, pytest_runtest_makereport  # noqa: F401 - hooks
from workers.supervision import embedded_postgres, embedded_redis
from workers.supervision.supervisor import Supervisor


def pytest_xdist_auto_num_workers() -> int:
    """All cores but one: each process of tests has a database, brokers and services of its own beside it."""
    return max(1, (os.cpu_count() or 1) - 1)


def pytest_sessionstart(session: pytest.Session) -> None:
    """Give this run a folder of its own for everything temporary.

    Where tests run as root, PostgreSQL runs under another account. pytest's folder is one for all runs of a user, and
    each run that starts closes it to everybody else, the PostgreSQL of another run included.
    """
    # A shell starts what is to run in the background with Ctrl-C ignored; what the tests start would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    if not is_xdist_worker(session):
        os.environ["PYTEST_DEBUG_TEMPROOT"] = tempfile.mkdtemp(prefix="jobgroups-tests-")


def pytest_sessionfinish(session: pytest.Session, exitstatus: int) -> None:
    """Keep the logs of a run that failed."""
    if exitstatus == pytest.ExitCode.OK and not is_xdist_worker(session):
        shutil.rmtree(os.environ["PYTEST_DEBUG_TEMPROOT"], ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def _no_settings_from_outside() -> Iterator[None]:
    """A developer's own JOBGROUPS_ variables must not lead a test to their servers, nor a webhook to a stranger's."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("JOBGROUPS_")]:
            patch.delenv(name)
        patch.setenv("JOBGROUPS_WEBHOOK_ALLOWED_HOSTS", "127.0.0.1")
        patch.setenv("JOBGROUPS_WEBHOOK_ALLOW_HTTP", "true")
        yield


@pytest.fixture(scope="session")
def servers_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("servers")


@pytest.fixture(scope="session")
def database_url(servers_home: Path) -> Iterator[str]:
    """A migrated database on a PostgreSQL of this run's own."""
    server = embedded_postgres.start(servers_home)
    url = Settings(database_url=server.url).require("database_url")
    upgrade(url)
    yield url
    server.stop()


@pytest.fixture
def clean_database(database_url: str) -> str:
    """The database without a row in it."""
    engine = create_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text(f"TRUNCATE {', '.join(metadata.tables)} RESTART IDENTITY"))
    engine.dispose()
    return database_url


@pytest.fixture(scope="session")
def redis_url(servers_home: Path) -> Iterator[str]:
    server = embedded_redis.start(servers_home)
    yield server.url
    server.stop()


@pytest.fixture(scope="session")
def rabbitmq_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A private RabbitMQ node; the tests that need it skip where it is not installed."""
    yield from rabbitmq_or_skip(tmp_path_factory.mktemp("rabbitmq"))


@pytest.fixture(scope="session")
def spare_rabbitmq_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A RabbitMQ for one service after the other. Of two at once on one node, either may take the other's commands."""
    yield from rabbitmq_or_skip(tmp_path_factory.mktemp("spare-rabbitmq"))


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    """The whole service on its embedded servers, broker Redis."""
    with Supervisor(Settings(home=tmp_path_factory.mktemp("service"), port=0)) as running:
        yield running


@pytest.fixture(scope="session")
def rabbitmq_service(tmp_path_factory: pytest.TempPathFactory, rabbitmq_url: str) -> Iterator[Supervisor]:
    """The whole service with RabbitMQ as its broker."""
    home = tmp_path_factory.mktemp("rabbitmq-service")
    with Supervisor(Settings(home=home, port=0, broker_url=rabbitmq_url)) as running:
        yield running


@pytest.fixture(params=["redis", "rabbitmq"])
def either_service(request: pytest.FixtureRequest) -> Supervisor:
    """The whole service, once with each broker."""
    name = {"redis": "service", "rabbitmq": "rabbitmq_service"}[request.param]
    running: Supervisor = request.getfixturevalue(name)
    return running
