"""A Chromium that looks at the console, and what it complains of."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright

PROGRAM = shutil.which("chromium") or shutil.which("google-chrome")
PATIENCE_MS = 15_000
PHONE = {"width": 380, "height": 780}
DESK = {"width": 1280, "height": 800}


def chromium_or_skip() -> str:
    """Return the browser's program; where there is none, the test skips and says so."""
    if PROGRAM is None:
        pytest.skip("no Chromium on the PATH (apt-get install chromium)")
    return PROGRAM


@contextmanager
def a_browser(program: str) -> Iterator[Browser]:
    """Give a browser while it is needed. It looks at this machine only: a proxy has no business in between."""
    with sync_playwright() as playwright:
        options = ["--no-sandbox", "--disable-gpu", "--no-proxy-server"]
        with playwright.chromium.launch(executable_path=program, args=options) as browser:
            yield browser


class Complaints(list[str]):
    """What a page wrote to the browser's console as an error, and what it threw."""

    def listen(self, page: Page) -> None:
        """Note what is wrong on `page` from now on."""
        page.on("console", self._note)
        page.on("pageerror", lambda error: self.append(str(error)))

    def _note(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.append(message.text)


def log_in(page: Page, url: str, key: str) -> None:
    """Enter the key, and wait until the board is live."""
    page.goto(f"{url}/console/")
    page.get_by_label("API key").fill(key)
    page.get_by_role("button", name="Log in").click()
    page.get_by_text("Live", exact=True).wait_for()
