"""What pages say where there is nothing yet: on a database that nobody has used."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from models.store.engine import make_engine
from models.store.outbox import last_position, stamp, unpublished
from tasks.handling import handle
from tests.commands import create, new_id
from tests.console.browsing import log_in
from tests.contract.http_api import Service, stub_of


@pytest.fixture
def url(service: Service, clean_database: str, tmp_path: Path) -> Iterator[str]:
    with stub_of(service, tmp_path, database_url=clean_database.replace("+psycopg", "")) as url:
        yield url


def handle_and_publish(database_url: str, name: str) -> None:
    """Make a group, as a worker and a relay would."""
    engine = make_engine(database_url)
    handle(engine, [create(new_id(), name=name)])
    with engine.begin() as relay:
        stamp(relay, unpublished(relay, 10), after=last_position(relay))
    engine.dispose()


def test_an_empty_service_says_how_to_begin(stranger: Page, url: str, service: Service, clean_database: str) -> None:
    log_in(stranger, url, service.api_key)
    stranger.get_by_role("link", name="Dead letters").click()
    expect(stranger.get_by_role("heading", name="No dead letters")).to_be_visible()
    stranger.get_by_role("link", name="Flow").click()
    expect(stranger.locator("#figure-backlog_count .now")).to_have_text("0 events")
    stranger.get_by_role("link", name="Groups", exact=True).click()
    expect(stranger.get_by_role("heading", name="No groups yet")).to_be_visible()
    expect(stranger.get_by_text("jobgroups create --name")).to_be_visible()
    stranger.get_by_text("Live", exact=True).wait_for()
    handle_and_publish(clean_database, "The first of all")
    expect(stranger.get_by_role("link", name="The first of all")).to_be_visible()
