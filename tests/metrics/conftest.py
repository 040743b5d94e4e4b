"""A whole service that tells its metrics."""

from collections.abc import Iterator

import httpx
import pytest
from celery import Celery

from settings import Settings
from tests.commands import celery_client
from tests.contract.http_api import client_of
from tests.metrics.scraping import Rise, Scrape
from workers.supervision.supervisor import Supervisor


@pytest.fixture(scope="session")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Supervisor]:
    settings = Settings(home=tmp_path_factory.mktemp("measured"), port=0, metrics_port=0)
    with Supervisor(settings) as running:
        yield running


@pytest.fixture(scope="session")
def metrics_url(measured: Supervisor) -> str:
    assert measured.metrics_url
    return measured.metrics_url


@pytest.fixture(scope="session")
def told(metrics_url: str) -> Scrape:
    """What the service tells, asked once: for names, which do not change."""
    return Scrape.of(metrics_url)


@pytest.fixture
def rise(metrics_url: str) -> Rise:
    return Rise(metrics_url)


@pytest.fixture
def api(measured: Supervisor) -> Iterator[httpx.Client]:
    with client_of(measured.url, measured.api_key) as client:
        yield client


@pytest.fixture
def client(measured: Supervisor) -> Iterator[Celery]:
    settings = measured.settings
    with celery_client(settings.require("broker_url"), settings.require("redis_url")) as app:
        yield app
