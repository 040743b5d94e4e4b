"""The board in a browser: what it shows, finds and pages through, and how it keeps up."""

from datetime import datetime
from uuid import uuid4

import pytest
from playwright.sync_api import Page, expect

from tests.commands import eventually
from tests.console.stage import BROKEN, DOUBTFUL, READ, Stage
from workers.supervision.supervisor import Supervisor


@pytest.fixture(scope="module")
def word() -> str:
    """What only the groups of this module have in their names."""
    return f"w{uuid4().hex[:10]}"


@pytest.fixture(scope="module")
def groups(stage: Stage, word: str) -> list[dict[str, object]]:
    """More than one page of groups, the last of them with something to do in it."""
    made = [stage.group(f"{word} {number:02}", priority="low") for number in range(29)]
    made.append(stage.group(f"{word} busy", [READ, DOUBTFUL, BROKEN, None], priority="urgent"))
    return made


def rows(page: Page) -> list[str]:
    return page.locator("tr[data-group] th a").all_inner_texts()


def test_a_row_says_how_a_group_is(page: Page, groups: list[dict[str, object]], word: str) -> None:
    row = page.get_by_role("row").filter(has_text=f"{word} busy")
    expect(row).to_contain_text("processing")
    expect(row).to_contain_text("urgent")
    expect(row).to_contain_text("2 of 4")
    expect(row).to_contain_text("50%")
    expect(row).to_contain_text("1 to review")
    expect(row).to_contain_text("1 failed")


def test_the_board_is_searched_filtered_and_paged_by_its_address(
    page: Page, groups: list[dict[str, object]], word: str
) -> None:
    page.get_by_label("Search").fill(word)
    expect(page.get_by_role("rowheader")).to_have_count(25)
    page.wait_for_url(f"**search={word}**")
    first = rows(page)
    page.get_by_role("link", name="Next").click()
    expect(page.get_by_role("rowheader")).to_have_count(5)
    assert not set(first) & set(rows(page))
    page.reload()
    expect(page.get_by_role("rowheader")).to_have_count(5)
    page.get_by_role("link", name="Previous").click()
    expect(page.get_by_role("rowheader")).to_have_count(25)
    assert rows(page) == first
    page.get_by_label("Priority").select_option("urgent")
    expect(page.get_by_role("rowheader")).to_have_count(1)
    page.get_by_label("Status").select_option("draft")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    page.get_by_role("link", name="Show all groups").click()
    expect(page.get_by_role("rowheader")).to_have_count(25)


def test_the_board_sorts(page: Page, groups: list[dict[str, object]], word: str) -> None:
    page.goto(page.url + f"?search={word}")
    page.get_by_label("Sort by").select_option("name")
    page.wait_for_url("**sort=name**")
    page.get_by_label("Order").select_option("asc")
    page.wait_for_url("**order=asc**")
    expect(page.get_by_role("rowheader").first).to_contain_text(f"{word} 00")
    assert rows(page) == sorted(rows(page))


def test_all_groups_of_a_template_are_a_click_away(page: Page, stage: Stage) -> None:
    template = f"template-{uuid4().hex[:8]}"
    group = stage.group("One of two", template=template)
    stage.group("Two of two", template=template)
    page.goto(f"{stage.service.url}/console/groups/{group['id']}")
    page.get_by_role("link", name=template).click()
    expect(page.get_by_role("rowheader")).to_have_count(2)
    assert rows(page) == ["Two of two", "One of two"]
    page.get_by_label("Search").fill("one")  # the search keeps the template
    expect(page.get_by_role("rowheader")).to_have_count(1)
    assert f"template={template}" in page.url
    page.get_by_role("link", name="Groups of every template").click()
    expect(page.locator(".chip")).to_have_count(0)
    assert "template=" not in page.url


def test_the_date_that_is_shown_is_the_one_that_is_sorted_by(page: Page, stage: Stage) -> None:
    word = f"w{uuid4().hex[:10]}"
    group = stage.group(word, [READ])
    finished = stage.now(group)
    page.get_by_label("Search").fill(word)
    time = page.get_by_role("row").locator("time")
    for sort, heading, field in (
        ("name", "Updated", "updatedAt"),
        ("createdAt", "Created", "createdAt"),
        ("finishedAt", "Finished", "finishedAt"),
    ):
        page.get_by_label("Sort by").select_option(sort)
        expect(page.get_by_role("columnheader", name=heading)).to_be_visible()
        expect(time).to_have_attribute("datetime", datetime.fromisoformat(finished[field]).isoformat())
    stage.add(group, 1)
    expect(page.get_by_role("row").filter(has_text=word)).to_contain_text("1 of 2")
    expect(time).to_have_count(0)  # it is not finished any more


def test_only_the_row_that_changed_is_fetched(page: Page, stage: Stage) -> None:
    group = stage.group(f"Live {uuid4()}")
    page.reload()
    page.get_by_text("Live", exact=True).wait_for()
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    place = page.locator(f"#group-{group['id']}")
    before = place.bounding_box()
    stage.add(group, 4)
    expect(place).to_contain_text("0 of 4")
    stage.report(group, [READ, READ, READ, None])
    expect(place).to_contain_text("3 of 4")
    assert place.bounding_box() == before, "the page jumped"
    assert {url.split("/console/")[1] for url in asked} == {f"groups/{group['id']}/row?date=createdAt"}


def test_new_groups_are_announced_and_push_nothing_down(page: Page, stage: Stage) -> None:
    top = rows(page)[0]
    name = f"New {uuid4()}"
    stage.group(name)
    news = page.get_by_role("link", name="1 new group", exact=True)
    news.wait_for()
    assert rows(page)[0] == top
    news.click()
    expect(page.get_by_role("rowheader").first).to_contain_text(name)


def test_a_deleted_group_is_said_to_be(page: Page, stage: Stage) -> None:
    group = stage.group(f"Gone {uuid4()}")
    page.reload()
    page.get_by_text("Live", exact=True).wait_for()
    assert stage.api.delete(f"/ocr-invoice-job-groups/{group['id']}").status_code == 200
    expect(page.locator(f"#group-{group['id']}")).to_contain_text("deleted")


def test_what_a_name_holds_is_text(page: Page, stage: Stage) -> None:
    name = f"<script>alert({uuid4().int})</script><b onclick=x>"
    stage.group(name)
    page.reload()
    expect(page.get_by_role("rowheader").first).to_contain_text(name)


def test_without_a_script_the_board_works_all_the_same(
    page: Page, service: Supervisor, groups: list[dict[str, object]], word: str
) -> None:
    browser = page.context.browser
    assert browser
    with browser.new_context(java_script_enabled=False) as context:
        plain = context.new_page()
        plain.goto(f"{service.url}/console/?search={word}")
        plain.get_by_label("API key").fill(service.api_key)
        plain.get_by_role("button", name="Log in").click()
        assert eventually(lambda: len(rows(plain)) == 25)
        plain.get_by_label("Search").fill(f"{word} busy")
        plain.get_by_role("button", name="Show").click()
        assert eventually(lambda: rows(plain) == [f"{word} busy"])
