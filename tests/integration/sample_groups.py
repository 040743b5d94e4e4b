"""Groups that differ in everything a filter, a search or an order can look at."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice
from typing import Any, TypeVar
from uuid import UUID

from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from models.fields import JobGroupFields, Priority
from models.job_group import JobGroup
from models.lifecycle import Counts, Intent
from models.store.bulk import write_rows
from models.store.group_rows import row_of
from models.store.tables import job_groups

START = datetime(2026, 1, 31, 9, 30, tzinfo=UTC)
GROUP_COUNT = 36

T = TypeVar("T")


def _spread(values: Sequence[T], step: int) -> list[T]:
    """One of `values` per group; `step` keeps the fields from going together."""
    return list(islice(cycle(values[::step] + values), GROUP_COUNT))


NAMES = ["March", "march of Lyon", "100% done", "100 done", "a_b", "aXb", "a/b", "ÉTÉ", "été", "'; --", "\\"]
OPTIONAL_TEXTS = [None, "anna", "Anna", "bert", "", "%"]
TAGS = [[], ["vat"], ["vat", "lyon"], ["lyon", "vat", "Zürich"], ["VAT"]]
METADATA: list[dict[str, Any]] = [
    {"site": "Lyon"},
    {},
    {"site": None},
    {"site": "lyon, ÉTÉ"},
    {"site": "100%_a/b\\"},
    {"site": ""},
    {"site": 5},
    {"site": 5.0},
    {"site": 5.5},
    {"site": -1e15},
    {"site": 2**60},
    {"site": "5"},
    {"site": True},
    {"site": False},
    {"site": []},
    {"site": ["Lyon", 5, None]},
    {"site": [["Lyon"], True]},
    {"site": {}},
    {"site": {"a": "Lyon"}},
    {"site": {"a": {"b": 5}, "0": 5}},
    {"site": {"a": ["Lyon", "5"]}},
    {"site": [{"a": "Lyon"}]},
    {"site.a": "Lyon"},
    {"other": {"site": "Lyon"}},
]
COUNTS = [
    Counts(),
    Counts(queued=3),
    Counts(processing=1, succeeded=2),
    Counts(succeeded=3),
    Counts(needs_review=2, rejected=1),
    Counts(failed=1, cancelled=2, expired=3, skipped=1),
]


def sample_groups() -> list[JobGroup]:
    """Return the groups, oldest first."""
    return [_group(number) for number in range(GROUP_COUNT)]


def plain_group(number: int, **fields: Any) -> JobGroup:
    """Return the group made `number` hours after the start, with `fields` in the wire's spelling."""
    created_at = START + timedelta(hours=number)
    written = JobGroupFields.model_validate({"name": f"group {number}", "template": "t", **fields})
    return JobGroup(UUID(int=number + 1), written, Intent.ACTIVE, created_at, created_at, version=1, sequence=1)


def _group(number: int) -> JobGroup:
    created_at = START + timedelta(hours=number // 2)  # two at a time, so that there are ties
    return JobGroup(
        id=UUID(int=(number * 7919) % 1000 + 1),
        fields=_fields(number),
        intent=_spread(list(Intent), 1)[number],
        counts=_spread(COUNTS, 2)[number],
        sealed=number % 3 == 0,
        created_at=created_at,
        updated_at=created_at + timedelta(microseconds=number),
        started_at=created_at if number % 2 else None,
        paused_at=created_at if number % 5 == 0 else None,
        finished_at=created_at + timedelta(days=number % 4) if number % 4 else None,
        expires_at=created_at if number % 7 == 0 else None,
        version=number % 6 + 1,
        sequence=number % 6 + 1,
        generation=number % 2 + 1,
    )


def _fields(number: int) -> JobGroupFields:
    written = {
        "name": _spread(NAMES, 3)[number],
        "template": _spread(["fr", "de", "FR"], 1)[number],
        "description": _spread(OPTIONAL_TEXTS, 1)[number],
        "batchNumber": _spread(OPTIONAL_TEXTS, 2)[number],
        "createdBy": _spread(OPTIONAL_TEXTS, 3)[number],
        "assignedTo": _spread(OPTIONAL_TEXTS, 4)[number],
        "priority": _spread(list(Priority), 3)[number],
        "tags": _spread(TAGS, 2)[number],
        "metadata": METADATA[number % len(METADATA)],
    }
    return JobGroupFields.model_validate(written)


def store(database_url: str, groups: Sequence[JobGroup]) -> None:
    """Put `groups` into the database."""
    with create_engine(database_url, poolclass=NullPool).begin() as connection:
        write_rows(connection, {job_groups: [row_of(group) for group in groups]})
