"""`python -m tests.console.pictures`: take the pictures in docs/console/ anew."""

import math
import os
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page

from client.command_client import CommandClient
from client.producer import CommandProducer
from settings import Settings
from tests.commands import eventually, patch, select
from tests.console.browsing import DESK, PHONE, PROGRAM, a_browser, log_in
from tests.console.scenery import Group, bury, fill, readdress, stretch
from tests.console.stage import Stage
from tests.contract.http_api import client_of, stub_of
from tests.webhook_receiver import Receiver, answer, receiving
from workers.supervision.supervisor import Supervisor

FOLDER = Path("docs/console")
VIEWS: dict[str, dict[str, Any]] = {
    "light": {"viewport": DESK, "color_scheme": "light"},
    "dark": {"viewport": DESK, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "device_scale_factor": 2},
}
COLOURS_COUNT = 256
"""As many as a palette holds: a third of the bytes, and nothing that is seen."""


def main() -> None:
    """Start a service, fill it, and look at it in every way."""
    assert PROGRAM, "Chromium is needed: apt-get install chromium"
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, a_browser(PROGRAM) as browser, ExitStack() as stack:
        Path(home).chmod(0o755)
        told = Settings(
            home=Path(home) / "service", port=0, webhook_allowed_hosts=("localhost",), webhook_allow_http=True
        )
        service = stack.enter_context(Supervisor(told))
        receiver = stack.enter_context(receiving(None, erp=answer(204), dms=answer(503)))
        pages = {view: stack.enter_context(a_page(browser, options)) for view, options in VIEWS.items()}
        for view, page in pages.items():
            take_the_beginning(page, view, service)
        group = furnish(service, receiver)
        for view, page in pages.items():
            take(page, view, service, group)
        take_flow(pages, service, group)
        take_cut_off(browser, service, Path(home))


@contextmanager
def a_page(browser: Browser, options: dict[str, Any]) -> Iterator[Page]:
    with browser.new_context(**options, reduced_motion="reduce") as context:
        yield context.new_page()


def furnish(service: Supervisor, receiver: Receiver) -> Group:
    """Fill the service, and return the group that is looked at closely once all that comes of it has come."""
    settings = service.settings
    database_url = settings.require("database_url")
    addresses = settings.require("broker_url"), settings.require("redis_url")
    bury(service)
    with client_of(service.url, service.api_key) as api, CommandClient(*addresses) as engine:
        group = fill(Stage(service, api, engine), receiver)
    eventually(lambda: not select(database_url, "SELECT FROM events WHERE position IS NULL"))
    eventually(lambda: not select(database_url, "SELECT FROM deliveries WHERE attempts = 0"))
    stretch(database_url)
    readdress(database_url)
    return group


def take_the_beginning(page: Page, view: str, service: Supervisor) -> None:
    page.goto(f"{service.url}/console/")
    shoot(page, "login", view)
    log_in(page, service.url, service.api_key)
    shoot(page, "empty", view)


def take(page: Page, view: str, service: Supervisor, group: Group) -> None:
    """Take a picture of each page that stands still."""
    look(page, f"{service.url}/console/")
    shoot(page, "board", view)
    here = f"{service.url}/console/groups/{group['id']}"
    look(page, here)
    if view == "phone":  # where the jobs are a screen further down
        page.locator("#jobs-title").evaluate("each => { each.scrollIntoView(); scrollBy(0, -20); }")
    shoot(page, "group", view, full_page=view != "phone")
    page.get_by_role("button", name="Cancel…").click()
    page.get_by_role("dialog").wait_for()
    shoot(page, "question", view)
    look(page, here)
    page.get_by_role("rowheader").get_by_role("link", name="hotel-du-nord-418.pdf").click()
    page.get_by_role("heading", name="hotel-du-nord-418.pdf").wait_for()
    page.get_by_text("Live", exact=True).wait_for()
    shoot(page, "job", view)
    look(page, f"{here}/deliveries")
    shoot(page, "deliveries", view)
    look(page, f"{service.url}/console/dead-letters")
    shoot(page, "dead-letters", view)
    page.get_by_role("rowheader").get_by_role("link", name="attempts exhausted").click()
    page.get_by_role("heading", name="Attempts exhausted").wait_for()
    page.get_by_text("Live", exact=True).wait_for()
    shoot(page, "dead-letter", view)


def take_flow(pages: dict[str, Page], service: Supervisor, group: Group) -> None:
    """Take the charts in each view. All are looked at all the while: what nobody sees is not measured."""
    for page in pages.values():
        look(page, f"{service.url}/console/flow")
    keep_busy(service, group)
    for view, page in pages.items():
        assert page.locator("#figure-backlog_count .course").count() == 1, "the chart has a hole"
        shoot(page, "flow", view)


SECONDS = 126
STANDSTILLS = {
    38: ("relay", signal.SIGSTOP),
    46: ("relay", signal.SIGCONT),
    84: ("worker", signal.SIGSTOP),
    91: ("worker", signal.SIGCONT),
}


def keep_busy(service: Supervisor, group: Group) -> None:
    """Let commands come in waves for as long as a chart goes back. Once the relay stands still and once the worker, so
    that something waits."""
    with CommandProducer(service.settings.require("broker_url")) as producer:
        for second in range(SECONDS):
            if second in STANDSTILLS:
                name, word = STANDSTILLS[second]
                os.killpg(service.pids[name], word)
            for number in range(round(40 + 25 * math.sin(second / 8))):
                producer.send(patch(group["id"], {"tags": [f"{second}.{number}"]}))
            time.sleep(1)


def take_cut_off(browser: Browser, service: Supervisor, home: Path) -> None:
    """Take a picture of the board of a process that has ended."""
    with a_page(browser, VIEWS["light"]) as page:
        with stub_of(service, home) as url:
            log_in(page, url, service.api_key)
        page.get_by_text("Disconnected").wait_for()
        shoot(page, "disconnected", "light")


def look(page: Page, address: str) -> None:
    page.goto(address)
    page.get_by_text("Live", exact=True).wait_for()


def shoot(page: Page, name: str, view: str, *, full_page: bool = False) -> None:
    with Image.open(BytesIO(page.screenshot(full_page=full_page))) as picture:
        picture.convert("RGB").quantize(COLOURS_COUNT, Image.Quantize.MAXCOVERAGE, kmeans=1).save(
            FOLDER / f"{name}-{view}.png", optimize=True
        )


if __name__ == "__main__":
    main()
