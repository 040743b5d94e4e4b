"""Answers that come late, when the page shows something else by then, or something newer."""

from datetime import datetime
from uuid import uuid4

from playwright.sync_api import APIResponse, Page, Route, expect

from tests.commands import eventually
from tests.console.stage import READ, Stage


class Held:
    """The next answer to a request for `pattern`: the server has given it, the page gets it when it is let go."""

    def __init__(self, page: Page, pattern: str) -> None:
        self._page = page
        self._answers: list[tuple[Route, APIResponse]] = []
        page.route(pattern, lambda route: self._answers.append((route, route.fetch())), times=1)

    def wait(self) -> None:
        """Wait until the server has given it."""
        eventually(lambda: self._page.wait_for_timeout(20) or self._answers)

    def let_go(self) -> None:
        """Give it to the page."""
        route, answer = self._answers.pop()
        route.fulfill(response=answer)


def search(page: Page, word: str) -> None:
    page.get_by_label("Search").fill(word)
    page.wait_for_url(f"**search={word}**")


def order_by(page: Page, sort: str) -> None:
    page.get_by_label("Sort by").select_option(sort)


def test_a_row_of_before_brings_no_date_back_that_the_page_shows_no_longer(page: Page, stage: Stage) -> None:
    word = f"w{uuid4().hex[:10]}"
    group = stage.group(word, [READ])
    search(page, word)
    row = Held(page, "**/row?date=createdAt")
    stage.add(group, 1)
    row.wait()
    order_by(page, "name")
    expect(page.get_by_role("columnheader", name="Updated")).to_be_visible()
    with page.expect_response("**/row?date=updatedAt"):
        row.let_go()
    expect(page.get_by_role("row").filter(has_text=word)).to_contain_text("1 of 2")
    updated_at = datetime.fromisoformat(stage.now(group)["updatedAt"]).isoformat()
    expect(page.get_by_role("row").locator("time")).to_have_attribute("datetime", updated_at)


def test_a_board_of_before_does_not_undo_what_a_row_shows(page: Page, stage: Stage) -> None:
    word = f"w{uuid4().hex[:10]}"
    group = stage.group(word, [READ])
    search(page, word)
    board = Held(page, "**/console/?*sort=name*")
    order_by(page, "name")
    board.wait()
    stage.add(group, 1)
    row = page.get_by_role("row").filter(has_text=word)
    expect(row).to_contain_text("1 of 2")
    board.let_go()
    expect(page.get_by_role("columnheader", name="Updated")).to_be_visible()
    expect(row).to_contain_text("1 of 2")


def test_what_happens_to_a_group_on_its_way_onto_the_page_is_not_missed(page: Page, stage: Stage) -> None:
    watched, coming = f"watched{uuid4().hex[:10]}", f"coming{uuid4().hex[:10]}"
    groups = {word: stage.group(word, [READ]) for word in (watched, coming)}
    search(page, watched)
    expect(page.get_by_role("rowheader")).to_have_count(1)
    board = Held(page, f"**/console/?*{coming}*")
    page.get_by_label("Search").fill(coming)
    board.wait()
    for word in (coming, watched):  # the page hears of the second, and has then followed beyond the first
        stage.add(groups[word], 1)
    expect(page.get_by_role("row").filter(has_text=watched)).to_contain_text("1 of 2")
    board.let_go()
    expect(page.get_by_role("row").filter(has_text=coming)).to_contain_text("1 of 2")
