"""docs/deadlines.md: every bound is the one in force, and each is longer than those it contains."""

import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from client.broker import CONNECT_TIMEOUT_SECONDS, HEARTBEAT_SECONDS
from models.store import engine
from models.store.deliveries import LEASE_SECONDS
from settings import Settings
from tasks.app import RESTORE_SECONDS, VISIBILITY_MARGIN_SECONDS
from tasks.receiving import DATABASE_WAIT_SECONDS
from workers.metrics import database, queues
from workers.notifying import mail, webhook
from workers.supervision import metrics_endpoint

ROW = re.compile(r"^\| [^|]+ \| ([\d.]+) \| `([\w.]+)\.(\w+)` \|", re.MULTILINE)
RECOVERY_SECONDS = 60
SCRAPE_SECONDS = 10  # what Prometheus waits, where nobody says otherwise
ANSWER_SECONDS = engine.STATEMENT_TIMEOUT_SECONDS + engine.ANSWER_MARGIN_SECONDS
TASK_SECONDS = Settings().task_time_limit_seconds


def documented() -> Iterator[tuple[str, str, float]]:
    for seconds, place, name in ROW.findall(Path("docs/deadlines.md").read_text()):
        yield place, name, float(seconds)


def in_force(place: str, name: str) -> float:
    if place == "settings.Settings":
        default: float = Settings.model_fields[name].default
        return default
    if place.endswith("migrations.env"):  # runs migrations when it is imported
        return float(
            re.findall(rf"^{name} = (\d+)$", Path("models/store/migrations/env.py").read_text(), re.MULTILINE)[0]
        )
    value: float = getattr(importlib.import_module(place), name)
    return value


@pytest.mark.parametrize(("place", "name", "seconds"), list(documented()))
def test_the_document_tells_what_is_set(place: str, name: str, seconds: float) -> None:
    assert in_force(place, name) == seconds


def test_every_row_is_read() -> None:
    rows = [line for line in Path("docs/deadlines.md").read_text().splitlines() if line.startswith("|")]
    heads = sum(line.startswith("| wait ") for line in rows)
    assert len(list(documented())) == len(rows) - 2 * heads  # a head has two lines


@pytest.mark.parametrize(
    ("inner", "outer"),
    [
        (engine.LOCK_TIMEOUT_SECONDS, engine.STATEMENT_TIMEOUT_SECONDS),
        (engine.STATEMENT_TIMEOUT_SECONDS, ANSWER_SECONDS),
        (DATABASE_WAIT_SECONDS + engine.CONNECT_TIMEOUT_SECONDS + ANSWER_SECONDS, TASK_SECONDS),
        (TASK_SECONDS, TASK_SECONDS + VISIBILITY_MARGIN_SECONDS),
        (TASK_SECONDS + VISIBILITY_MARGIN_SECONDS + RESTORE_SECONDS, RECOVERY_SECONDS),
        (engine.IDLE_TRANSACTION_TIMEOUT_SECONDS, TASK_SECONDS),
        (engine.LOST_PEER_SECONDS, TASK_SECONDS),
        (2 * HEARTBEAT_SECONDS, RECOVERY_SECONDS),
        (database.STATEMENT_SECONDS + engine.ANSWER_MARGIN_SECONDS, metrics_endpoint.ANSWER_SECONDS),
        (CONNECT_TIMEOUT_SECONDS + queues.TIMEOUT_SECONDS, metrics_endpoint.ANSWER_SECONDS),
        (metrics_endpoint.ANSWER_SECONDS, SCRAPE_SECONDS),
        (webhook.DEADLINE_SECONDS, LEASE_SECONDS / 2),  # the resolver's own time comes on top
        (mail.DEADLINE_SECONDS, LEASE_SECONDS / 2),
    ],
)
def test_each_bound_is_longer_than_what_it_contains(inner: float, outer: float) -> None:
    assert inner < outer
