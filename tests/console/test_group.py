"""A group's page in a browser: what it shows, and what is done there."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from models.api_key import digest_of, owner_of
from tests.commands import eventually
from tests.console.browsing import Complaints
from tests.console.stage import BROKEN, DOUBTFUL, READ, Stage
from tests.contract.http_api import GROUPS

LONG = {"jobTimeoutSeconds": 3600}


@pytest.fixture
def open_group(page: Page, stage: Stage) -> Callable[[dict[str, Any]], None]:
    def open_(group: dict[str, Any]) -> None:
        page.goto(f"{stage.service.url}/console/groups/{group['id']}")
        page.get_by_text("Live", exact=True).wait_for()

    return open_


Open = Callable[[dict[str, Any]], None]


def test_it_tells_all_of_a_group(page: Page, stage: Stage, open_group: Open) -> None:
    group = stage.group("All of it", [READ, DOUBTFUL, BROKEN, None], priority="high", description="torn <pages>")
    open_group(group)
    expect(page.get_by_role("heading", name="All of it", level=1)).to_be_visible()
    expect(page.get_by_text("torn <pages>", exact=True)).to_be_visible()
    expect(page.get_by_label("Progress")).to_contain_text("1 job of 4 with engines now.")
    jobs = page.get_by_role("table", name="Jobs of this group").get_by_role("row")
    expect(jobs.filter(has_text="invoice-001.pdf")).to_contain_text("0.97")
    expect(jobs.filter(has_text="invoice-002.pdf")).to_contain_text("needs review")
    expect(jobs.filter(has_text="invoice-003.pdf")).to_contain_text("the scan is too dark to read")
    history = page.get_by_role("region", name="History")
    expect(history.get_by_role("listitem").last).to_contain_text("job_group.created")
    expect(history).to_contain_text("unreadable: the scan is too dark to read")


def test_what_engines_and_senders_write_is_text(page: Page, stage: Stage, open_group: Open) -> None:
    markup = "<img src=x onerror=alert(1)>"
    error = {"code": markup, "message": f"'\">{markup}", "retryable": False}
    group = stage.group(
        markup, [{"status": "failed", "error": error}], tags=[markup], metadata={markup: f"</script>{markup}"}
    )
    open_group(group)
    row = page.get_by_role("row").filter(has_text="invoice-001.pdf")
    expect(row).to_contain_text(f"'\">{markup}")
    expect(page.get_by_role("region", name="History")).to_contain_text(markup)
    assert page.locator("main img, main script").count() == 0


def test_it_keeps_up_by_itself(page: Page, stage: Stage, open_group: Open) -> None:
    group = stage.group("Keeps up", [None, None], processingSettings=LONG)
    open_group(group)
    expect(page.get_by_role("row").filter(has_text="invoice-001.pdf")).to_contain_text("processing")
    stage.report(group, [READ, READ])
    expect(page.get_by_role("row").filter(has_text="invoice-001.pdf")).to_contain_text("succeeded")
    expect(page.locator(".head .status").first).to_have_text("completed")
    expect(page.get_by_role("region", name="History")).to_contain_text("job_group.completed")


def test_pause_and_resume(page: Page, stage: Stage, open_group: Open) -> None:
    group = stage.group("Paused and resumed", [None], processingSettings=LONG)
    open_group(group)
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#told").get_by_text("Paused: nothing more is dispatched.")).to_be_visible()
    assert stage.now(group)["status"] == "paused"
    told = page.locator("#told").get_by_text("Paused: nothing more is dispatched.")
    expect(page.get_by_role("region", name="History")).to_contain_text("job_group.paused")
    expect(told).to_be_visible()  # the news did not wipe it out
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    assert stage.now(group)["status"] == "processing"


def test_a_draft_is_started(page: Page, stage: Stage, open_group: Open) -> None:
    group = stage.group("Started", processingSettings={"autoStart": False})
    open_group(group)
    page.get_by_role("button", name="Start").click()
    expect(page.locator("#told").get_by_text("Started.")).to_be_visible()
    expect(page.locator(".head .status").first).to_have_text("queued")
    expect(page.get_by_role("button", name="Start")).to_have_count(0)
    assert stage.now(group)["status"] == "queued"


def test_a_group_is_cancelled_only_by_who_is_sure(page: Page, stage: Stage, open_group: Open) -> None:
    group = stage.group("Cancelled", [READ, None], processingSettings=LONG)
    open_group(group)
    page.get_by_role("button", name="Cancel…").click()
    dialog = page.get_by_role("dialog", name="Cancel “Cancelled”?")
    dialog.get_by_role("button", name="Keep it").click()
    expect(dialog).to_be_hidden()
    assert stage.now(group)["status"] == "processing"
    page.get_by_role("button", name="Cancel…").click()
    dialog.get_by_role("button", name="Cancel the group").click()
    expect(page.locator("#told").get_by_text("Cancelled.")).to_be_visible()
    assert stage.now(group)["status"] == "cancelling"


def test_results_are_reviewed(page: Page, stage: Stage, open_group: Open) -> None:
    group = stage.group("Reviewed", [DOUBTFUL, DOUBTFUL])
    open_group(group)
    page.get_by_role("button", name="Accept invoice-001.pdf").click()
    expect(page.get_by_role("row").filter(has_text="invoice-001.pdf")).to_contain_text("succeeded")
    page.get_by_role("button", name="Reject invoice-002.pdf").click()
    expect(page.get_by_role("row").filter(has_text="invoice-002.pdf")).to_contain_text("rejected")
    assert stage.now(group)["status"] == "completed_with_errors"
    events = stage.api.get(f"{GROUPS}/{group['id']}/events").json()["data"]
    (rejected,) = [event for event in events if event["type"] == "ocr_invoice.job.rejected.v1"]
    assert rejected["data"]["reviewer"] == owner_of(digest_of(stage.service.api_key))


def test_failed_jobs_are_tried_again_one_or_all(page: Page, stage: Stage, open_group: Open) -> None:
    group = stage.group("Retried", [BROKEN, BROKEN], processingSettings=LONG)
    open_group(group)
    page.get_by_role("button", name="Retry invoice-001.pdf").click()
    expect(page.get_by_role("row").filter(has_text="invoice-001.pdf")).to_contain_text("processing")
    assert stage.now(group)["counts"]["failed"] == 1
    page.get_by_role("button", name="Retry failed jobs").click()
    expect(page.get_by_role("row").filter(has_text="invoice-002.pdf")).to_contain_text("processing")


def test_what_came_too_late_is_told(page: Page, stage: Stage, open_group: Open, complaints: Complaints) -> None:
    group = stage.group("Too late", [None], processingSettings=LONG)
    open_group(group)
    news = "**/console/groups/*"  # of it, as if none had come yet
    page.route(news, lambda route: route.abort() if route.request.method == "GET" else route.fallback())
    stage.do(group, "pause")
    page.get_by_role("button", name="Pause").click()
    expect(page.locator("#told").get_by_text("paused")).to_be_visible()
    complaints.clear()  # of the refusal, and of the news that was held back


def test_a_job_shows_its_result(page: Page, stage: Stage, open_group: Open) -> None:
    group = stage.group("One result", [DOUBTFUL])
    open_group(group)
    page.get_by_role("rowheader").get_by_role("link", name="invoice-001.pdf").click()
    expect(page.get_by_role("heading", name="invoice-001.pdf", level=1)).to_be_visible()
    expect(page.get_by_role("region", name="Result")).to_contain_text('"total": "41.20"')
    expect(page.get_by_text("below 0.8 (confidenceThreshold) a person must look")).to_be_visible()
    page.get_by_role("button", name="Accept").click()
    page.wait_for_url(f"**/groups/{group['id']}")
    expect(page.get_by_role("row").filter(has_text="invoice-001.pdf")).to_contain_text("succeeded")
    assert stage.jobs(group)[0]["status"] == "succeeded"


def test_jobs_are_sorted_and_paged_by_the_address(page: Page, stage: Stage, open_group: Open) -> None:
    group = stage.group("Many jobs")
    stage.add(group, 60)
    open_group(group)
    names = page.locator(".jobs tbody th a")
    expect(names).to_have_count(50)
    jobs = page.get_by_role("region", name="Jobs")
    jobs.get_by_role("link", name="Next").click()
    expect(names).to_have_count(10)
    expect(names.last).to_have_text("invoice-060.pdf")
    jobs.get_by_role("link", name="Number").click()
    expect(names.first).to_have_text("invoice-060.pdf")
    assert eventually(lambda: "order=desc" in page.url)


def test_jobs_of_one_status_are_a_click_away(page: Page, stage: Stage, open_group: Open) -> None:
    group = stage.group("Three to review", [READ] * 5 + [DOUBTFUL] * 3 + [BROKEN])
    open_group(group)
    jobs = page.get_by_role("region", name="Jobs")
    names = page.locator(".jobs tbody th a")
    jobs.get_by_role("link", name="needs review 3").click()
    expect(names).to_have_text(["invoice-006.pdf", "invoice-007.pdf", "invoice-008.pdf"])
    jobs.get_by_role("link", name="Number").click()  # the other way about, and still of this status
    expect(names).to_have_text(["invoice-008.pdf", "invoice-007.pdf", "invoice-006.pdf"])
    page.get_by_text("Live", exact=True).wait_for()
    for name in ("invoice-008.pdf", "invoice-007.pdf", "invoice-006.pdf"):
        page.get_by_role("button", name=f"Accept {name}").click()
        expect(names.filter(has_text=name)).to_have_count(0)
    expect(page.get_by_role("heading", name="None of these")).to_be_visible()
    jobs.get_by_role("link", name="all 9").click()
    expect(names).to_have_count(9)


def test_the_history_is_paged_by_the_address(page: Page, stage: Stage, open_group: Open) -> None:
    group = stage.group("Long ago", [None] * 30, processingSettings={**LONG, "maxConcurrency": 40})
    assert eventually(lambda: len(stage.api.get(f"{GROUPS}/{group['id']}/events").json()["data"]) > 30)
    open_group(group)
    history = page.get_by_role("region", name="History")
    events = history.get_by_role("listitem")
    expect(events).to_have_count(20)
    latest = events.all_inner_texts()
    history.get_by_role("link", name="Next").click()
    page.wait_for_url("**before=**")
    expect(events.last).to_contain_text("job_group.created")
    assert not set(latest) & set(events.all_inner_texts())
    history.get_by_role("link", name="Previous").click()
    expect(events.first).to_have_text(latest[0].replace("\n", ""))
    assert events.all_inner_texts() == latest


def test_an_empty_group_says_how_jobs_come(page: Page, stage: Stage, open_group: Open) -> None:
    open_group(stage.group("Nothing in it"))
    expect(page.get_by_role("heading", name="No jobs yet")).to_be_visible()
    page.get_by_role("button", name="Seal").click()
    expect(page.get_by_text("The group was sealed without any.")).to_be_visible()
