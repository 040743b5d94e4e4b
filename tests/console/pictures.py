"""`python -m tests.console.pictures`: take the pictures in docs/console/ anew."""

import tempfile
from pathlib import Path
from typing import Any

from kombu import Connection, Producer
from playwright.sync_api import Browser, Page
from sqlalchemy import text

from client.command_client import CommandClient
from models import names
from models.store.engine import make_engine
from settings import Settings
from tests.commands import eventually
from tests.console.browsing import DESK, PHONE, PROGRAM, a_browser, log_in
from tests.console.stage import BROKEN, DOUBTFUL, READ, Stage
from tests.contract.http_api import address, client_of, stub_of
from tests.webhook_receiver import Receiver, answer, receiving
from workers.supervision.supervisor import Supervisor

FOLDER = Path("docs/console")
Group = dict[str, Any]
KEEP = {"jobTimeoutSeconds": 3600, "maxConcurrency": 40}


def main() -> None:
    """Start a service, fill it, and look at it in every way."""
    assert PROGRAM, "Chromium is needed: apt-get install chromium"
    FOLDER.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as home, a_browser(PROGRAM) as browser:
        Path(home).chmod(0o755)
        told = Settings(
            home=Path(home) / "service", port=0, webhook_allowed_hosts=("localhost",), webhook_allow_http=True
        )
        with Supervisor(told) as service, receiving(None, erp=answer(204), archive=answer(503)) as receiver:
            settings = service.settings
            with (
                client_of(service.url, service.api_key) as api,
                CommandClient(settings.require("broker_url"), settings.require("redis_url")) as engine,
            ):
                stage = Stage(service, api, engine)
                busy = stage.group("Utilities, Q3", [READ] * 12, batchNumber="BATCH-2026-115", priority="low")
                group = fill(stage, receiver)
                age(settings.require("database_url"))
            bury(settings.require("broker_url"), api=service)
            for name, options in VIEWS.items():
                take(browser, service, group, busy, name, options)
            take_cut_off(browser, service, Path(home))


VIEWS: dict[str, dict[str, Any]] = {
    "light": {"viewport": DESK, "color_scheme": "light"},
    "dark": {"viewport": DESK, "color_scheme": "dark"},
    "phone": {"viewport": PHONE, "color_scheme": "light", "device_scale_factor": 2},
}


def fill(stage: Stage, receiver: Receiver) -> Group:
    """Make a morning's work, and return the group that is looked at closely."""
    stage.group("Utilities, Q4", [READ] * 12, batchNumber="BATCH-2026-116", priority="low")
    cancelled = stage.group("Trial scan", [READ, None, None], batchNumber="BATCH-2026-117", processingSettings=KEEP)
    stage.do(cancelled, "cancel")
    stage.group("Couriers, week 46", [READ] * 30 + [BROKEN] * 2, batchNumber="BATCH-2026-118", processingSettings=KEEP)
    stage.group("Freight forwarders", [BROKEN] * 3, batchNumber="BATCH-2026-119", processingSettings=KEEP)
    paused = stage.group(
        "Office supplies", [READ] * 5 + [None] * 9, batchNumber="BATCH-2026-120", processingSettings=KEEP
    )
    stage.do(paused, "pause")
    stage.group("Hotels and travel", [READ] * 18 + [DOUBTFUL] * 4, batchNumber="BATCH-2026-121", priority="high")
    stage.group("Month end, building services", batchNumber="BATCH-2026-124", processingSettings={"autoStart": False})
    stage.group("Medical suppliers, urgent", [READ] * 31 + [None] * 33, priority="urgent", batchNumber="BATCH-2026-123")
    return stage.group(
        "March invoices, Lyon",
        [READ, READ, DOUBTFUL, BROKEN, READ, DOUBTFUL, READ, None, None, None, None, None],
        priority="high",
        batchNumber="BATCH-2026-122",
        assignedTo="accounts.payable@example.com",
        description="Scanned on the third floor; two pages were torn.",
        tags=["lyon", "q1"],
        processingSettings=KEEP,
        notifications={
            "channels": [
                {"type": "webhook", "url": receiver.url("erp", "localhost"), "events": ["job_group.*", "job.failed"]},
                {"type": "webhook", "url": receiver.url("archive", "localhost"), "events": ["job_group.created"]},
            ]
        },
    )


def age(database_url: str) -> None:
    """Let the older groups lie back for as long as such work takes: in the pictures not all is from just now."""
    engine = make_engine(database_url)
    with engine.begin() as connection:
        connection.execute(text(AGE))
    engine.dispose()


AGE = """
UPDATE job_groups SET created_at = created_at - age, updated_at = updated_at - age, finished_at = finished_at - age
FROM (SELECT id AS of, interval '7 minutes' * (row_number() OVER (ORDER BY id DESC) - 1) ^ 2 AS age FROM job_groups)
WHERE id = of
"""


def bury(broker_url: str, api: Supervisor) -> None:
    """Send what cannot be carried out."""
    with Connection(broker_url) as connection:
        producer = Producer(connection.channel())
        producer.publish([[], {}, {}], routing_key=names.COMMAND_QUEUE, headers={"task": "job_group.crate", "id": "1"})
        producer.publish(b"not JSON", routing_key=names.COMMAND_QUEUE, content_type="application/json")
    with client_of(api.url, api.api_key) as client:
        eventually(lambda: len(client.get("/dead-letters").json()["data"]) >= 2)


def take(
    browser: Browser,
    service: Supervisor,
    group: dict[str, Any],
    busy: dict[str, Any],
    view: str,
    options: dict[str, Any],
) -> None:
    """Take a picture of each page; the last while things happen to the group `busy`."""
    with browser.new_context(**options, reduced_motion="reduce") as context:
        page = context.new_page()
        page.goto(f"{service.url}/console/")
        shoot(page, "login", view)
        log_in(page, service.url, service.api_key)
        shoot(page, "board", view)
        page.get_by_role("link", name=group["name"]).click()
        page.get_by_text("Live", exact=True).wait_for()
        shoot(page, "group", view, full_page=view != "phone")
        page.get_by_role("link", name="2 channels").click()
        page.get_by_role("heading", name="Deliveries").wait_for()
        page.get_by_text("Live", exact=True).wait_for()
        shoot(page, "deliveries", view)
        page.goto(f"{service.url}/console/dead-letters")
        page.get_by_text("Live", exact=True).wait_for()
        shoot(page, "dead-letters", view)
        page.goto(f"{service.url}/console/flow")
        with client_of(service.url, service.api_key) as api:
            for number in range(60 if view == "light" else 8):
                for turn in range(2 + 5 * (number % 5)):
                    api.patch(address(busy), json={"tags": [f"{number}.{turn}"]}).raise_for_status()
                page.wait_for_timeout(400)
        shoot(page, "flow", view)


def take_cut_off(browser: Browser, service: Supervisor, home: Path) -> None:
    """Take a picture of the board of a process that has ended."""
    with browser.new_context(viewport=DESK, color_scheme="light") as context:
        page = context.new_page()
        with stub_of(service, home) as url:
            log_in(page, url, service.api_key)
        page.get_by_role("alert").wait_for()
        shoot(page, "disconnected", "light")


def shoot(page: Page, name: str, view: str, *, full_page: bool = False) -> None:
    page.screenshot(path=FOLDER / f"{name}-{view}.png", full_page=full_page)


if __name__ == "__main__":
    main()
