"""Walks through pages, from top to bottom: what a reader types, typed beside a running service."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx

from client.broker import connect, is_redis
from tests.commands import eventually, select
from tests.docs.givens import given
from tests.docs.pages import Block, blocks
from tests.docs.terminal import Terminal, furnish
from workers.engine.engine import ENGINE_QUEUE
from workers.supervision.supervisor import Supervisor

LOAD_ADDRESSES = "set -a; . .jobgroups/env; set +a"


def walk(page: str, service: Supervisor, folder: Path) -> None:
    """Run every block of `page` that can be run."""
    broker = "redis" if is_redis(service.settings.require("broker_url")) else "rabbitmq"
    to_type = [block for block in blocks(page) if block.runs and block.is_for(broker)]
    furnish(folder / "checkout", service)
    with Terminal(folder / "checkout", stir=lambda: add_a_document(service)) as terminal:
        if not any(LOAD_ADDRESSES in block.code for block in to_type):
            terminal.run(LOAD_ADDRESSES)  # the page takes it for granted, as docs/index.md says
        for block in to_type:
            with _given(block, service) as filled_in:
                terminal.type(filled_in)


@contextmanager
def _given(block: Block, service: Supervisor) -> Iterator[Block]:
    """Make what `block` takes for granted, and fill in what its words stand for."""
    if "given" not in block.notes:
        yield block
        return
    with given(block.notes["given"], service) as words:
        yield replace(block, code=re.sub("|".join(words) or "$^", lambda word: words[word[0]], block.code))


def lane(page: str, service: Supervisor) -> str:
    """Return what walks that must not be under way together have in common: an engine takes the jobs of every page."""
    makes_jobs = any("/jobs" in block.code for block in blocks(page))
    return f"{service.url} {makes_jobs}"


def forget_the_jobs_of_other_tests(service: Supervisor) -> None:
    """They dispatch jobs by the thousand, which an engine would read before those of its page."""
    database_url = service.settings.require("database_url")
    eventually(lambda: not select(database_url, "SELECT FROM events WHERE position IS NULL LIMIT 1"), seconds=120)
    with connect(service.settings.require("broker_url")) as connection:
        queue = ENGINE_QUEUE(connection)
        queue.declare()
        queue.delete()


def add_a_document(service: Supervisor) -> None:
    """Let a group be created and a job dispatched, for a subscriber or an engine that has just started to see."""
    groups = f"{service.url}/ocr-invoice-job-groups"
    group = {"name": "first sign of life", "template": "standard-invoice"}
    jobs = {"jobs": [{"document": {"uri": "file:///scans/0.pdf"}}]}
    with httpx.Client(headers={"X-API-Key": service.api_key}, trust_env=False) as client:
        made = client.post(groups, json=group).raise_for_status().json()["data"]
        client.post(f"{groups}/{made['id']}/jobs", json=jobs).raise_for_status()
