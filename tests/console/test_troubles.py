"""What a page does while servers are away."""

from pathlib import Path
from uuid import uuid4

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.console.browsing import DESK, PHONE, Complaints, log_in
from tests.console.stage import Stage
from tests.contract.http_api import stub_of
from tests.tcp_proxy import proxy_to, through


def test_a_page_keeps_what_cannot_be_fetched_anew_and_says_since_when(
    stranger: Page, stage: Stage, tmp_path: Path, complaints: Complaints
) -> None:
    group = stage.group("Kept", [None], processingSettings={"jobTimeoutSeconds": 3600})
    redis_url = stage.service.settings.require("redis_url")
    with proxy_to(redis_url) as proxy, stub_of(stage.service, tmp_path, redis_url=through(proxy, redis_url)) as url:
        log_in(stranger, url, stage.service.api_key)
        row = stranger.locator(f"#group-{group['id']}")
        expect(row).to_contain_text("processing")
        proxy.refuse()
        stage.do(group, "pause")
        expect(stranger.get_by_text("Out of date")).to_be_visible()
        expect(stranger.get_by_role("alert")).to_contain_text("You see how it was at")
        expect(row).to_contain_text("processing")
        proxy.admit()
        expect(row).to_contain_text("paused")
        expect(stranger.get_by_text("Live", exact=True)).to_be_visible()
        expect(stranger.get_by_role("alert")).to_be_hidden()
        stranger.get_by_role("link", name="Kept").first.click()
        stranger.get_by_text("Live", exact=True).wait_for()
        proxy.refuse()
        stranger.get_by_role("button", name="Resume").click()
        expect(stranger.locator("#told")).to_contain_text("Redis does not answer")
        expect(stranger.get_by_role("button", name="Resume")).to_be_visible()
    assert [each for each in complaints if "503" not in each and "net::ERR" not in each] == []
    complaints.clear()


@pytest.mark.parametrize("status", [502, 503, 504])
def test_a_page_is_out_of_date_until_all_of_it_could_be_fetched(
    page: Page, stage: Stage, complaints: Complaints, status: int
) -> None:
    """Whether it is the service that cannot answer, or a proxy before it, which says nothing to htmx."""
    word, settings = f"w{uuid4().hex[:10]}", {"jobTimeoutSeconds": 3600}
    refused, fetched = (stage.group(f"{word} {name}", [None], processingSettings=settings) for name in "ab")
    page.get_by_label("Search").fill(word)
    expect(page.get_by_role("rowheader")).to_have_count(2)
    address = f"**/groups/{refused['id']}/row?*"
    page.route(address, lambda route: route.fulfill(status=status, body="<p>a page of a proxy</p>"))
    stage.do(refused, "pause")
    expect(page.get_by_text("Out of date")).to_be_visible()
    stage.do(fetched, "pause")
    expect(page.locator(f"#group-{fetched['id']}")).to_contain_text("paused")
    expect(page.get_by_text("Out of date")).to_be_visible()
    page.unroute(address)
    expect(page.locator(f"#group-{refused['id']}")).to_contain_text("paused")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()
    assert [each for each in complaints if str(status) not in each] == []
    complaints.clear()


def test_an_action_that_meets_no_service_says_so(
    stranger: Page, stage: Stage, tmp_path: Path, complaints: Complaints
) -> None:
    group = stage.group("Unanswered", [None], processingSettings={"jobTimeoutSeconds": 3600})
    with stub_of(stage.service, tmp_path) as url:
        log_in(stranger, url, stage.service.api_key)
        stranger.goto(f"{url}/console/groups/{group['id']}")
        stranger.get_by_text("Live", exact=True).wait_for()
    stranger.get_by_role("button", name="Pause").click()
    expect(stranger.locator("#told")).to_contain_text("No answer came")
    expect(stranger.get_by_role("alert")).to_be_visible()
    for viewport in (DESK, PHONE):
        stranger.set_viewport_size(viewport)
        assert not overlap(stranger.locator("#told .notice"), stranger.get_by_role("alert"))
    stranger.get_by_role("button", name="Dismiss").click()
    expect(stranger.locator("#told")).to_be_empty()
    assert [each for each in complaints if "net::ERR" not in each and "Failed to fetch" not in each] == []
    complaints.clear()


def overlap(one: Locator, other: Locator) -> bool:
    a, b = one.bounding_box(), other.bounding_box()
    assert a
    assert b
    is_beside = a["x"] + a["width"] <= b["x"] or b["x"] + b["width"] <= a["x"]
    is_above = a["y"] + a["height"] <= b["y"] or b["y"] + b["height"] <= a["y"]
    return not (is_beside or is_above)


def test_a_group_that_was_deleted_meanwhile_is_said_to_be(page: Page, stage: Stage, complaints: Complaints) -> None:
    group = stage.group("Deleted meanwhile")
    page.goto(f"{stage.service.url}/console/groups/{group['id']}")
    page.get_by_text("Live", exact=True).wait_for()
    assert stage.api.delete(f"/ocr-invoice-job-groups/{group['id']}").status_code == 200
    expect(page.locator("#told")).to_contain_text("There is no job group")
    expect(page.get_by_role("heading", name="Deleted meanwhile")).to_be_visible()
    assert [each for each in complaints if "404" not in each] == []
    complaints.clear()
