"""The page of a group's deliveries in a browser."""

from playwright.sync_api import Page, expect

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
