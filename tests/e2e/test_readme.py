"""The README and the client library's page are true: their code blocks, run in their order against a running service,
and what they promise."""

import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from client.broker import connect
from tests.commands import eventually, select
from workers.engine.engine import ENGINE_QUEUE
from workers.supervision.supervisor import Supervisor

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r"(?:<!-- (?P<note>[^>]*) -->\n)?```(?P<language>sh|python)\n(?P<code>.*?)```", re.DOTALL)
MADE_BY_MAKE = ("make ", "set -a")
"""`make demo` is a test of its own, `make test` is this run, and the env file is that of the fixture."""
BY_HAND = ("Invoice Batch 2023-001", "Invoice Batch 2023-002", "Lyon 31 March", "Paris 31 March")


@dataclass(frozen=True)
class Block:
    note: str
    language: str
    code: str

    def command(self) -> list[str]:
        return [sys.executable, "-c", self.code] if self.language == "python" else ["bash", "-euc", self.code]


def blocks(page: str = "README.md") -> Iterator[Block]:
    for found in BLOCK.finditer((ROOT / page).read_text()):
        block = Block(found["note"] or "", found["language"], found["code"])
        if not block.code.startswith(MADE_BY_MAKE):
            yield block


def shell_environment(service: Supervisor) -> dict[str, str]:
    lines = (service.settings.home / "env").read_text().splitlines()
    script = 'set -a; . "$0"; env -0'
    sourced = subprocess.run(["sh", "-c", script, service.settings.home / "env"], capture_output=True, check=True)
    variables = dict(entry.split("=", 1) for entry in sourced.stdout.decode().split("\0") if "=" in entry)
    assert len(lines) >= 5
    return {**os.environ, **{name: value for name, value in variables.items() if name.startswith("JOBGROUPS_")}}


@pytest.mark.timeout(300)
def test_every_code_block_does_what_it_says(either_service: Supervisor, tmp_path: Path) -> None:
    environment = shell_environment(either_service)
    broker = "redis" if environment["JOBGROUPS_BROKER_URL"].startswith("redis") else "rabbitmq"
    todo = [block for block in blocks() if block.note in ("", f"broker: {broker}")]
    engine, subscriber = (block for block in blocks() if block.note.startswith("background"))
    printed = tmp_path / "events"
    forget_the_jobs_of_other_tests(either_service)
    with running(engine, environment, tmp_path / "engine"), running(subscriber, environment, printed):
        declare_the_engines_queue(environment["JOBGROUPS_BROKER_URL"])
        eventually(lambda: announce_a_group(either_service) and printed.read_text())
        for block in todo:
            done = subprocess.run(
                block.command(), env=environment, cwd=ROOT, capture_output=True, text=True, timeout=60
            )
            assert done.returncode == 0, f"{block.code}\n{done.stdout}\n{done.stderr}"
        eventually(lambda: printed.read_text().count("ocr_invoice.job_group.created.v1") >= 255)
        eventually(lambda: some_jobs_were_read(either_service), seconds=60)
    assert {"April", "February", "March", "May", *BY_HAND} <= names_of_groups(either_service)


def test_the_client_librarys_page_does_what_it_says(either_service: Supervisor, tmp_path: Path) -> None:
    environment = shell_environment(either_service) | {"PYTHONPATH": str(ROOT)}
    page = list(blocks("docs/client.md"))
    subscriber, reader = (block for block in page if block.note.startswith("background"))
    printed, followed = tmp_path / "events", tmp_path / "feed"
    with running(subscriber, environment, printed, tmp_path), running(reader, environment, followed, tmp_path):
        eventually(lambda: announce_a_group(either_service) and printed.read_text())
        for block in page:
            if not block.note:
                done = subprocess.run(
                    block.command(), env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60
                )
                assert done.returncode == 0, f"{block.code}\n{done.stdout}\n{done.stderr}"
        eventually(lambda: {"March", "Box 299", "April", "May"} <= set(groups_in(tmp_path / "accounting.sqlite")))
        eventually(lambda: followed.read_text().count("job_group.created") >= 303)


def groups_in(file: Path) -> list[str]:
    with sqlite3.connect(file) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM created")]


@contextmanager
def running(block: Block, environment: dict[str, str], printed: Path, folder: Path = ROOT) -> Iterator[None]:
    """Run a block beside the others; `exec`, so that ending it ends what it started."""
    code = block.code if block.language == "python" else f"exec {block.code}"
    with printed.open("w") as output:
        process = subprocess.Popen(
            Block("", block.language, code).command(), env=environment, cwd=folder, stdout=output, stderr=output
        )
        try:
            yield
        finally:
            process.terminate()
            process.wait(20)


def forget_the_jobs_of_other_tests(service: Supervisor) -> None:
    """They dispatch jobs by the thousand, which the engine would read before those of the page."""
    database_url = service.settings.require("database_url")
    eventually(lambda: not select(database_url, "SELECT FROM events WHERE position IS NULL LIMIT 1"), seconds=120)
    with connect(service.settings.require("broker_url")) as connection:
        queue = ENGINE_QUEUE(connection)
        queue.declare()
        queue.delete()


def declare_the_engines_queue(broker_url: str) -> None:
    """The reader gives the engine a moment to start; here the queue that it makes is made at once."""
    with connect(broker_url) as connection:
        ENGINE_QUEUE(connection).declare()


def some_jobs_were_read(service: Supervisor) -> bool:
    query = {"filter": '{"name": "May"}'}
    headers = {"X-API-Key": service.api_key}
    with httpx.Client(base_url=service.url, headers=headers, trust_env=False) as client:
        (group,) = client.get("/ocr-invoice-job-groups", params=query).json()["data"]
    counts = group["counts"]
    return bool(counts["succeeded"] + counts["needsReview"] + counts["failed"])


def announce_a_group(service: Supervisor) -> bool:
    """Let something happen, for a subscriber that has just started to see."""
    headers = {"X-API-Key": service.api_key}
    group = {"name": "first sign of life", "template": "standard-invoice"}
    return httpx.post(f"{service.url}/ocr-invoice-job-groups", json=group, headers=headers, trust_env=False).is_success


def names_of_groups(service: Supervisor) -> set[str]:
    headers = {"X-API-Key": service.api_key}
    query = {"filter": '{"name": {"$not": {"$contains": "Box"}}}', "limit": 100}
    with httpx.Client(base_url=service.url, headers=headers, trust_env=False) as client:
        return {group["name"] for group in client.get("/ocr-invoice-job-groups", params=query).json()["data"]}


@pytest.mark.timeout(180)
def test_the_demo_ends_well_and_leaves_nothing_running(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("JOBGROUPS_")}
    command = [sys.executable, "-m", "workers.command_line", "demo"]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=150)
    assert done.returncode == 0, done.stdout + done.stderr
    for promised in ("job_group.created.v1", "job_group.updated.v1", "command.rejected.v1", "job_group.deleted.v1"):
        assert promised in done.stdout
    for read in ("INV-2023-0042", "2023-01-31", "4557.00 USD", "needs_review", "job.retry_scheduled", "8/8"):
        assert read in done.stdout
    assert list(tmp_path.iterdir()) == []
