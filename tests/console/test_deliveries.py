"""The page of a group's deliveries in a browser."""

import re

from playwright.sync_api import Locator, Page, expect

from tests.console.browsing import PHONE
from tests.console.stage import Stage
from tests.contract.http_api import address
from tests.webhook_receiver import SECRET, answer, in_turn, receiving


def test_what_a_webhook_was_told_is_shown_and_told_again(page: Page, stage: Stage) -> None:
    with receiving(None, gone=in_turn(answer(410), answer(204))) as receiver:
        channel = {"type": "webhook", "url": receiver.url("gone"), "events": ["job_group.created"]}
        group = stage.group("Tells a webhook", notifications={"channels": [channel]})
        page.goto(f"{stage.service.url}/console/groups/{group['id']}")
        page.get_by_role("link", name="1 channel").click()
        row = page.get_by_role("row").filter(has_text=receiver.url("gone"))
        expect(row).to_contain_text("failed")
        expect(row).to_contain_text("its channel was disabled")
        # The receiver that was gone had its channel disabled.
        assert stage.api.patch(address(group), json={"notifications": {"channels": [channel]}}).status_code == 200
        row.get_by_role("button", name="again").click()
        expect(page.locator("#told")).to_contain_text("is sent to")
        expect(row).to_contain_text("delivered", timeout=20_000)  # the notifier looks for what is due
    page.get_by_label("Status").select_option("failed")
    expect(page.get_by_role("heading", name="None of these")).to_be_visible()
    page.wait_for_url("**status=failed")


def test_what_is_to_be_sent_again_says_how_soon(page: Page, stage: Stage) -> None:
    with receiving(None, away=answer(503)) as receiver:
        channel = {"type": "webhook", "url": receiver.url("away"), "events": ["job_group.created"]}
        group = stage.group("Tells who is away", notifications={"channels": [channel]})
        page.goto(f"{stage.service.url}/console/groups/{group['id']}/deliveries")
        expect(page.locator(".due")).to_have_text(re.compile(r"^next in \d+ (s|min)$"))


def test_a_card_on_a_phone_tells_what_its_figures_are(page: Page, stage: Stage) -> None:
    page.set_viewport_size(PHONE)
    with receiving(None, one=answer(204), other=answer(503)) as receiver:
        urls = [receiver.url(path) for path in ("one", "other")]
        channels = [{"type": "webhook", "url": url, "events": ["job_group.created"]} for url in urls]
        group = stage.group("Tells two", notifications={"channels": channels})
        page.goto(f"{stage.service.url}/console/groups/{group['id']}/deliveries")
        delivered, pending = (page.get_by_role("row").filter(has_text=url) for url in urls)
        expect(delivered).to_contain_text("answered 204")
        expect(delivered.get_by_text("1 attempt", exact=True)).to_be_visible()
        expect(pending).to_contain_text("503")
        assert right_of(delivered) == right_of(pending), "the states stand in one line"


def right_of(row: Locator) -> float:
    box = row.locator(".status").bounding_box()
    assert box
    return box["x"] + box["width"]


def test_the_secret_of_a_webhook_is_not_shown(page: Page, stage: Stage) -> None:
    with receiving() as receiver:
        channel = {"type": "webhook", "url": receiver.url(), "secret": SECRET, "events": ["job_group.created"]}
        group = stage.group("Has a secret", notifications={"channels": [channel]})
        page.goto(f"{stage.service.url}/console/groups/{group['id']}")
        assert receiver.url() in page.content()
        assert SECRET not in page.content()
        page.get_by_role("link", name="1 channel").click()
        expect(page.get_by_role("row").filter(has_text=receiver.url())).to_contain_text("delivered")
        assert SECRET not in page.content()


def test_a_group_without_channels_says_how_to_have_some(page: Page, stage: Stage) -> None:
    group = stage.group("Tells nobody")
    page.goto(f"{stage.service.url}/console/groups/{group['id']}")
    page.get_by_role("link", name="no channels").click()
    expect(page.get_by_role("heading", name="No deliveries")).to_be_visible()
