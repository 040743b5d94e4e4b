"""The pages of dead letters and of the flow in a browser."""

import re

import httpx
from playwright.sync_api import Page, expect

from tests.commands import Graveyard, create, document, eventually, group_count, new_id
from tests.console.stage import Stage
from tests.contract.test_commands_three_ways import publish_document
from tests.schema_changes import UNLUCKY, unlucky_groups_fail
from workers.supervision.supervisor import Supervisor


def test_a_letter_is_read_and_replayed(page: Page, service: Supervisor) -> None:
    database_url = service.settings.require("database_url")
    graveyard, group_id = Graveyard(database_url), new_id()
    page.goto(f"{service.url}/console/dead-letters")
    page.get_by_text("Live", exact=True).wait_for()
    with unlucky_groups_fail(database_url):
        publish_document(service.settings.require("broker_url"), document(create(group_id, name=UNLUCKY)))
        letter = graveyard.next_letter()
        row = page.locator(f"#letter-{letter['id']}")
        expect(row).to_contain_text("job_group.create")  # the feed tells of it
    row.get_by_role("link", name="handling failed").click()
    expect(page.get_by_role("region", name="Body")).to_contain_text(UNLUCKY)
    page.get_by_role("navigation", name="Where you are").get_by_role("link", name="Dead letters").click()
    row.get_by_role("button", name="Replay").click()
    expect(page.locator("#told").get_by_text("Sent 1 command again.")).to_be_visible()
    assert eventually(lambda: group_count(database_url, group_id))
    expect(row.locator(".again time")).to_be_visible()


def test_what_holds_no_command_is_not_replayed(page: Page, service: Supervisor) -> None:
    graveyard = Graveyard(service.settings.require("database_url"))
    publish_document(service.settings.require("broker_url"), b"no JSON")
    letter = graveyard.next_letter()
    page.goto(f"{service.url}/console/dead-letters?reason={letter['reason']}")
    row = page.locator(f"#letter-{letter['id']}")
    expect(row).to_contain_text("the document is not JSON (line 1, column 1)")
    expect(row.get_by_role("button", name="Replay")).to_have_count(0)
    row.get_by_role("link").click()
    expect(page.get_by_text("Its sender must send it anew")).to_be_visible()
    expect(page.get_by_role("button", name="Discard…")).to_be_visible()
    expect(page.get_by_role("button", name="Replay")).to_have_count(0)
    own = {"Sec-Fetch-Site": "same-origin"}
    told = page.context.request.post(f"{service.url}/console/dead-letters/{letter['id']}/replay", headers=own)
    assert told.status == 409
    assert "Nothing was sent" in told.text()


def test_a_letter_is_discarded_only_by_who_is_sure(page: Page, service: Supervisor) -> None:
    graveyard = Graveyard(service.settings.require("database_url"))
    publish_document(service.settings.require("broker_url"), b"no JSON either")
    letter = graveyard.next_letter()
    page.goto(f"{service.url}/console/dead-letters/{letter['id']}")
    page.get_by_role("button", name="Discard…").click()
    page.get_by_role("dialog").get_by_role("button", name="Keep it").click()
    page.get_by_role("button", name="Discard…").click()
    page.get_by_role("dialog", name="Discard this letter?").get_by_role("button", name="Discard the letter").click()
    page.get_by_role("heading", name="Dead letters", exact=True).wait_for()
    expect(page.locator(f"#letter-{letter['id']}")).to_have_count(0)
    gone = page.context.request.get(f"{service.url}/console/dead-letters/{letter['id']}")
    assert gone.status == 404


def test_no_letters_of_a_reason_is_said(page: Page, service: Supervisor) -> None:
    page.goto(f"{service.url}/console/dead-letters?reason=delivery_limit")
    expect(page.get_by_role("heading", name="None of these")).to_be_visible()


def test_the_flow_is_measured_while_somebody_looks(page: Page, stage: Stage) -> None:
    page.goto(f"{stage.service.url}/console/flow")

    def figure(name: str) -> float:
        shown = page.locator(f"#figure-{name} .now b").inner_text()
        return float(re.sub(r"\D", "", shown.partition(".")[0]) or 0) if shown != "—" else -1

    def busy() -> bool:
        for _ in range(10):
            stage.group("Flow")
        return figure("commands_per_second") > 0 and figure("events_per_second") > 0

    assert eventually(busy)
    assert figure("waiting_count") >= 0
    assert figure("lag_seconds") < 60
    course = page.locator("#figure-commands_per_second .course").last
    assert len((course.get_attribute("points") or "").split()) >= 2


def test_the_flow_of_rabbitmq_has_a_queue_as_well(rabbitmq_service: Supervisor) -> None:
    url = rabbitmq_service.url
    with httpx.Client(base_url=url, headers={"Origin": url}, trust_env=False, follow_redirects=True) as visitor:
        visitor.post("/console/login", data={"key": rabbitmq_service.api_key})
        told = visitor.get("/console/flow").text
    assert re.search(r'id="figure-waiting_count">.*?<b>\d+</b>', told, re.DOTALL)
