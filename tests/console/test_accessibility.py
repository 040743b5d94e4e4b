"""What axe-core, which knows the rules of WCAG 2.2 AA and more, has to say of each page."""

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.console.browsing import PHONE, Complaints
from tests.console.stage import BROKEN, DOUBTFUL, READ, Stage
from tests.webhook_receiver import answer, receiving
from workers.supervision.supervisor import Supervisor

PAGES = (
    *("", "?search=nothing-has-it", "dead-letters", "flow"),
    *("groups/{id}", "groups/{id}/jobs/{job}", "groups/{id}/deliveries"),
)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


@pytest.fixture(scope="module")
def addresses(stage: Stage) -> list[str]:
    """Every page with something on it."""
    with receiving(None, hook=answer(503)) as receiver:
        channel = {"type": "webhook", "url": receiver.url(), "events": ["job_group.created"]}
        settings = {"jobTimeoutSeconds": 3600}
        told = {"notifications": {"channels": [channel]}, "processingSettings": settings}
        group = stage.group("Judged", [READ, DOUBTFUL, BROKEN, None], priority="urgent", tags=["one"], **told)
    job = stage.jobs(group)[0]["id"]
    return [f"{stage.service.url}/console/{path.format(id=group['id'], job=job)}" for path in PAGES]


def judge(page: Page) -> None:
    found = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
    assert found.violations_count == 0, f"{page.url}\n{found.generate_report()}"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wrong_with_a_page(page: Page, addresses: list[str], scheme: Any) -> None:
    page.emulate_media(color_scheme=scheme)
    for address in addresses:
        page.goto(address)
        page.get_by_text("Live", exact=True).wait_for()
        judge(page)
        background = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert ("246" in background) == (scheme == "light")


def test_nothing_is_wrong_on_a_phone(page: Page, addresses: list[str]) -> None:
    page.set_viewport_size(PHONE)
    for address in addresses:
        page.goto(address)
        page.get_by_text("Live", exact=True).wait_for()
        judge(page)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wrong_with_the_login_nor_with_what_is_not_there(
    stranger: Page, service: Supervisor, complaints: Complaints, scheme: Any
) -> None:
    stranger.emulate_media(color_scheme=scheme)
    stranger.goto(f"{service.url}/console/")
    judge(stranger)
    stranger.get_by_label("API key").fill("wrong")
    stranger.get_by_role("button", name="Log in").click()
    stranger.get_by_role("alert").wait_for()
    judge(stranger)
    stranger.goto(f"{service.url}/console/nothing")
    judge(stranger)
    assert [each for each in complaints if "40" not in each] == []
    complaints.clear()


def test_nothing_is_wrong_with_a_question(page: Page, addresses: list[str]) -> None:
    page.goto(addresses[PAGES.index("groups/{id}")])
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("dialog").wait_for()
    judge(page)
