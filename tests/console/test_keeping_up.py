"""A page that keeps up is in nobody's way: not of who types, reads closely, or goes back."""

from datetime import UTC, datetime, timedelta
from uuid import uuid4

from playwright.sync_api import Page, Route, expect

from tests.console.stage import Stage


def test_new_groups_leave_whoever_is_typing_alone(page: Page, stage: Stage) -> None:
    search = page.get_by_label("Search")
    search.fill(f"nothing has {uuid4()}")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    search.press("End")
    page.evaluate("window.isTheSame = true")
    stage.group("Made meanwhile")
    page.keyboard.type(" more")
    page.wait_for_url("**+more**")
    expect(search).to_be_focused()
    assert page.evaluate("window.isTheSame"), "the page was loaded anew"


def test_the_last_of_what_is_typed_is_what_is_searched_for(page: Page, stage: Stage) -> None:
    word = f"w{uuid4().hex[:8]}"
    for number in ("one", "two"):
        stage.group(f"{word} {number}")
    page.reload()
    slow = []

    def hold(route):  # type: ignore[no-untyped-def] # the first search is still on its way when the second is asked for
        slow.append(route) if "search=w&" in route.request.url else route.continue_()

    page.route("**/console/?search=*", hold)
    search = page.get_by_label("Search")
    search.fill("w")
    page.wait_for_timeout(600)
    assert slow
    search.fill(f"{word} one")
    expect(page.get_by_role("rowheader")).to_have_count(1)
    expect(page.get_by_role("rowheader")).to_contain_text(word)


def test_going_back_brings_the_filters_back(page: Page, stage: Stage) -> None:
    word = f"w{uuid4().hex[:8]}"
    group = stage.group(f"{word} draft", processingSettings={"autoStart": False})
    page.get_by_label("Search").fill(word)
    page.wait_for_url(f"**search={word}**")
    page.get_by_label("Status").select_option("draft")
    page.wait_for_url("**status=draft**")
    page.get_by_label("Status").select_option("failed")
    expect(page.get_by_role("heading", name="Nothing matches")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("link", name=f"{word} draft")).to_be_visible()
    expect(page.get_by_label("Status")).to_have_value("draft")
    expect(page.get_by_label("Search")).to_have_value(word)
    page.get_by_text("Live", exact=True).wait_for()
    stage.do(group, "start")
    expect(page.locator(f"#group-{group['id']}")).to_contain_text("queued")
    page.get_by_role("link", name=f"{word} draft").click()
    page.wait_for_url(f"**/groups/{group['id']}")
    page.go_back()
    expect(page.get_by_label("Status")).to_have_value("draft")
    expect(page.get_by_label("Search")).to_have_value(word)


def test_what_is_open_stays_open_while_the_page_keeps_up(page: Page, stage: Stage) -> None:
    settings = {"jobTimeoutSeconds": 3600}
    group = stage.group("Read closely", [None], processingSettings=settings, metadata={"site": "Lyon"})
    page.goto(f"{stage.service.url}/console/groups/{group['id']}")
    page.get_by_text("Live", exact=True).wait_for()
    page.get_by_text("Settings, notifications and metadata").click()
    page.get_by_role("button", name="Cancel…").click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    stage.do(group, "pause")
    expect(page.locator(".head .status").first).to_have_text("paused")
    expect(dialog).to_be_visible()
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_text('"site": "Lyon"')).to_be_visible()


def test_what_happens_before_a_page_follows_is_not_missed(page: Page, stage: Stage) -> None:
    group = stage.group("Happens at once", [None], processingSettings={"jobTimeoutSeconds": 3600})
    held: list[Route] = []
    page.route("**/console/events?*", lambda route: held.append(route), times=1)
    page.goto(f"{stage.service.url}/console/groups/{group['id']}")
    expect(page.locator(".head .status").first).to_have_text("processing")
    stage.do(group, "pause")
    held[0].continue_()
    expect(page.locator(".head .status").first).to_have_text("paused")


def test_a_page_that_nobody_sees_follows_nothing_and_catches_up(page: Page, stage: Stage) -> None:
    group = stage.group("Seen again", [None], processingSettings={"jobTimeoutSeconds": 3600})
    page.goto(f"{stage.service.url}/console/groups/{group['id']}")
    page.get_by_text("Live", exact=True).wait_for()
    with page.expect_event("requestfailed", lambda request: "/console/events" in request.url):
        turn(page, "hidden")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    stage.do(group, "pause")
    page.wait_for_timeout(1500)  # twice as long as news takes to be shown
    assert asked == []
    expect(page.locator(".head .status").first).to_have_text("processing")
    turn(page, "visible")
    expect(page.locator(".head .status").first).to_have_text("paused")
    expect(page.get_by_text("Live", exact=True)).to_be_visible()


def test_what_was_about_to_be_fetched_waits_until_somebody_sees_it(page: Page, stage: Stage) -> None:
    group = stage.group("Seen later", [None], processingSettings={"jobTimeoutSeconds": 3600})
    page.clock.install()
    page.goto(f"{stage.service.url}/console/groups/{group['id']}")
    page.get_by_text("Live", exact=True).wait_for()
    page.clock.pause_at(datetime.now(UTC) + timedelta(seconds=10))
    stage.do(group, "pause")
    page.wait_for_timeout(1000)  # in which the page has certainly learned of it
    turn(page, "hidden")
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.clock.run_for(5000)
    assert asked == []
    expect(page.locator(".head .status").first).to_have_text("processing")
    turn(page, "visible")
    expect(page.locator(".head .status").first).to_have_text("paused")


def turn(page: Page, state: str) -> None:
    """Hide the page, or show it, as far as it can tell."""
    page.evaluate(
        """state => {
            Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
            Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
            document.dispatchEvent(new Event("visibilitychange"));
        }""",
        state,
    )


def test_ages_are_told_with_the_time_behind_them(page: Page, stage: Stage) -> None:
    group = stage.group("Aged")
    page.reload()
    age = page.locator(f"#group-{group['id']} time")
    expect(age).to_have_text("just now")
    assert (age.get_attribute("title") or "").endswith(" UTC")


def test_the_search_is_a_key_away(page: Page) -> None:
    page.get_by_role("heading", name="Job groups").click()
    page.keyboard.press("Control+k")
    expect(page.get_by_label("Search")).to_be_focused()
