"""The running service, seen through a browser; what the browser complains of fails the test."""

from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from api_stub.console.pages import PREFIX
from api_stub.console.visitors import COOKIE
from client.command_client import CommandClient
from tests.console.browsing import DESK, PATIENCE_MS, Complaints, a_browser, chromium_or_skip
from tests.console.stage import Stage
from tests.contract.http_api import client_of
from workers.supervision.supervisor import Supervisor


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One for the tests of this folder, and no longer: in its thread no other event loop can run."""
    expect.set_options(timeout=PATIENCE_MS)
    with a_browser(chromium_or_skip()) as browser:
        yield browser


@pytest.fixture
def context(browser: Browser) -> Iterator[BrowserContext]:
    """A browser of a person's own: its cookies are nobody else's."""
    with browser.new_context(viewport=DESK) as context:
        context.set_default_timeout(PATIENCE_MS)
        yield context


@pytest.fixture
def complaints() -> Complaints:
    """What the browser complained of; a test that provokes something takes it out."""
    return Complaints()


@pytest.fixture
def stranger(context: BrowserContext, complaints: Complaints) -> Iterator[Page]:
    """A page of somebody who is not logged in."""
    page = context.new_page()
    complaints.listen(page)
    yield page
    assert complaints == []


@pytest.fixture(scope="package")
def session(service: Supervisor) -> str:
    """The token of a session whose key writes; a test that ends one opens its own."""
    with client_of(service.url, None) as client:
        client.post("/console/login", data={"key": service.api_key}, headers={"Origin": service.url})
        return client.cookies[COOKIE]


@pytest.fixture
def page(stranger: Page, service: Supervisor, session: str) -> Page:
    """The board, live, of somebody whose key writes."""
    place = {"domain": urlsplit(service.url).hostname or "", "path": PREFIX}
    stranger.context.add_cookies([{"name": COOKIE, "value": session, **place}])
    stranger.goto(f"{service.url}/console/")
    stranger.get_by_text("Live", exact=True).wait_for()
    return stranger


@pytest.fixture(scope="package")
def stage(service: Supervisor) -> Iterator[Stage]:
    settings = service.settings
    addresses = settings.require("broker_url"), settings.require("redis_url")
    with client_of(service.url, service.api_key) as api, CommandClient(*addresses) as engine:
        yield Stage(service, api, engine)
