"""With a keyboard alone, on a phone, and cut off."""

from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.commands import eventually
from tests.console.browsing import PHONE, Complaints, log_in
from tests.console.stage import BROKEN, DOUBTFUL, READ, Stage
from tests.contract.http_api import free_port, stub_of
from workers.supervision.supervisor import Supervisor

PAGES = ("", "groups/{id}", "groups/{id}/jobs/{job}", "groups/{id}/deliveries", "dead-letters", "flow")


@pytest.fixture(scope="module")
def group(stage: Stage) -> dict[str, Any]:
    # Beside it on the board, what takes most room.
    stage.group("Freight and forwarding, all of the second quarter", [DOUBTFUL], batchNumber="BATCH-2026-000001")
    stage.group("Another one with a rather long name for a phone", [READ, BROKEN])
    settings = {"jobTimeoutSeconds": 3600}
    return stage.group("Looked at", [READ, DOUBTFUL, BROKEN, None], priority="urgent", processingSettings=settings)


def addresses(stage: Stage, group: dict[str, Any]) -> list[str]:
    job = stage.jobs(group)[0]["id"]
    return [f"{stage.service.url}/console/{path.format(id=group['id'], job=job)}" for path in PAGES]


def test_everything_is_done_with_a_keyboard(stranger: Page, service: Supervisor, group: dict[str, Any]) -> None:
    page = stranger
    page.goto(f"{service.url}/console/")
    expect(page.get_by_label("API key")).to_be_focused()
    page.keyboard.type(service.api_key)
    page.keyboard.press("Enter")
    page.get_by_text("Live", exact=True).wait_for()
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to content")).to_be_focused()
    page.keyboard.press("Enter")
    tab_to(page, "Search")
    page.keyboard.type("Looked at")
    expect(page.get_by_role("rowheader")).to_have_count(1)
    tab_to(page, "Looked at")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/groups/{group['id']}")
    tab_to(page, "Cancel…")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("dialog")).to_be_hidden()
    tab_to(page, "Pause")
    page.keyboard.press("Enter")
    expect(page.locator("#told").get_by_text("Paused")).to_be_visible()
    tab_to(page, "Resume")
    page.keyboard.press("Enter")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    tab_to(page, "Log out")
    page.keyboard.press("Enter")
    page.get_by_role("heading", name="Log in").wait_for()


def tab_to(page: Page, name: str) -> None:
    """Press Tab until what is called `name` has the focus, which is to be seen."""
    for _ in range(60):
        page.keyboard.press("Tab")
        focused = page.locator(":focus")
        if focused.count() and name in (focused.aria_snapshot()):
            assert focused.evaluate("each => getComputedStyle(each).outlineStyle") == "solid"
            return
    raise AssertionError(f"{name} is not to be reached")


def test_a_phone_shows_all_without_scrolling_sideways(
    browser: Browser, stage: Stage, group: dict[str, Any], complaints: Complaints
) -> None:
    with browser.new_context(viewport=PHONE, has_touch=True, is_mobile=True) as context:
        page = context.new_page()
        complaints.listen(page)
        log_in(page, stage.service.url, stage.service.api_key)
        for address in addresses(stage, group):
            page.goto(address)
            page.get_by_text("Live", exact=True).wait_for()
            assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"], address
            assert page.locator("header").evaluate("each => each.offsetHeight") < 110, "the head takes two lines"
        page.goto(addresses(stage, group)[0])
        row = page.locator(f"#group-{group['id']}")
        expect(row.locator(".named")).to_be_visible()
        page.goto(addresses(stage, group)[1])
        expect(page.get_by_role("button", name="Accept invoice-002.pdf")).to_be_visible()
        assert page.get_by_role("rowheader").count() == 4, "a table to those who hear it as well"
    assert complaints == []


def test_a_page_that_is_cut_off_says_so_and_recovers(
    stranger: Page, stage: Stage, tmp_path: Path, complaints: Complaints
) -> None:
    port = free_port()
    group = stage.group("Cut off", [None], processingSettings={"jobTimeoutSeconds": 3600})
    with stub_of(stage.service, tmp_path, port=port) as url:
        log_in(stranger, url, stage.service.api_key)
        row = stranger.locator(f"#group-{group['id']}")
        expect(row).to_contain_text("processing")
    expect(stranger.get_by_role("alert")).to_contain_text("The service does not answer.")
    expect(stranger.get_by_text("Disconnected")).to_be_visible()
    stage.do(group, "pause")  # meanwhile
    with stub_of(stage.service, tmp_path, port=port):
        expect(stranger.get_by_text("Live", exact=True)).to_be_visible()
        expect(stranger.get_by_role("alert")).to_be_hidden()
        expect(row).to_contain_text("paused")
    # The second is htmx's, for what the page was about to fetch when the service went.
    assert [each for each in complaints if "net::ERR" not in each and "Failed to fetch" not in each] == []
    complaints.clear()


def test_who_is_logged_out_elsewhere_is_led_to_the_login(
    stranger: Page, service: Supervisor, complaints: Complaints
) -> None:
    page = stranger
    log_in(page, service.url, service.api_key)
    other = page.context.new_page()
    other.goto(f"{service.url}/console/flow")
    other.get_by_role("button", name="Log out").click()
    other.get_by_role("heading", name="Log in").wait_for()
    page.get_by_label("Search").fill("anything")
    page.get_by_role("heading", name="Log in").wait_for()
    assert page.locator("[name=to]").get_attribute("value") == "/console/", "back to where it was"
    assert eventually(lambda: [each for each in complaints if "401" not in each] == [])
    complaints.clear()
