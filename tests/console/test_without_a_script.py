"""What people do where scripts are off."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.commands import Graveyard
from tests.console.browsing import PATIENCE_MS
from tests.console.stage import Stage
from tests.contract.told import publish_document


@pytest.fixture
def plain(browser: Browser, stage: Stage) -> Iterator[Page]:
    """The board, in a browser without scripts."""
    with browser.new_context(java_script_enabled=False) as context:
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        page.goto(f"{stage.service.url}/console/")
        page.get_by_label("API key").fill(stage.service.api_key)
        page.get_by_role("button", name="Log in").click()
        page.get_by_role("heading", name="Job groups").wait_for()
        yield page


def test_a_group_is_paused(plain: Page, stage: Stage) -> None:
    group = stage.group("Paused plainly", [None], processingSettings={"jobTimeoutSeconds": 3600})
    here = f"{stage.service.url}/console/groups/{group['id']}"
    plain.goto(here)
    plain.get_by_role("button", name="Pause").click()
    expect(plain.get_by_role("button", name="Resume")).to_be_visible()
    assert plain.url == here, "a reload would send it again"
    assert stage.now(group)["status"] == "paused"


def test_a_letter_is_discarded(plain: Page, stage: Stage) -> None:
    settings = stage.service.settings
    graveyard = Graveyard(settings.require("database_url"))
    publish_document(settings.require("broker_url"), b"plainly no JSON")
    letter = graveyard.next_letter()
    plain.goto(f"{stage.service.url}/console/dead-letters/{letter['id']}")
    plain.get_by_role("button", name="Discard…").click()
    plain.get_by_role("dialog").get_by_role("button", name="Discard the letter").click()
    plain.get_by_role("heading", name="Dead letters", exact=True).wait_for()
    assert graveyard.letters() == []
