"""The aggregate against a model: any sequence of commands, a dict that does the same, and the same answers."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from models.commands import CommandEnvelope, parse_command
from models.deciding import decide, merge_patch
from models.errors import Refusal
from models.job_group import JobGroup
from models.lifecycle import Status
from models.loaded import Loaded

GROUP_ID = "0186071a-5d40-7000-8000-000000000001"
NOW = datetime(2026, 1, 31, tzinfo=UTC)
NAMES = st.sampled_from(["January", "February"])
FIELDS = st.fixed_dictionaries(
    {"name": NAMES, "template": st.just("standard")},
    optional={
        "priority": st.sampled_from(["low", "urgent"]),
        "tags": st.lists(st.sampled_from(["a", "b"]), max_size=2),
        "metadata": st.dictionaries(st.sampled_from(["x", "y"]), st.integers(0, 3), max_size=2),
    },
)
PATCHES = st.dictionaries(st.sampled_from(["priority", "metadata"]), st.none()) | st.fixed_dictionaries({"name": NAMES})
VERSIONS = st.none() | st.integers(1, 4)
DEFAULTS: dict[str, Any] = {"priority": "medium", "tags": [], "metadata": {}}


class Aggregate(RuleBasedStateMachine):
    """`expected` is the model: the fields as a dict, and plain counters."""

    def __init__(self) -> None:
        super().__init__()
        self.loaded = Loaded()
        self.expected: dict[str, Any] | None = None
        self.deleted = False
        self.applied = 0
        self.event_count = 0

    def ask(self, type_: str, data: dict[str, Any]) -> str:
        envelope = CommandEnvelope(id="c", type=f"job_group.{type_}", data={"id": GROUP_ID, **data})
        try:
            events = decide(self.loaded, parse_command(envelope), NOW)
        except Refusal as refusal:
            return refusal.code
        for event in events:
            assert event.version == self.applied + 1
            self.loaded.happen(event, NOW)
        self.applied += 1
        self.event_count += len(events)
        return "succeeded"

    @property
    def group(self) -> JobGroup | None:
        return self.loaded.group

    def answer_expected(self, version: int | None) -> str:
        if self.expected is None or self.deleted:
            return "not_found"
        return "succeeded" if version in (None, self.applied) else "version_conflict"

    @rule(fields=FIELDS)
    def create(self, fields: dict[str, Any]) -> None:
        expected = "succeeded" if self.expected is None else "already_exists"
        assert self.ask("create", fields) == expected
        if expected == "succeeded":
            self.expected = {**DEFAULTS, **fields}

    @rule(fields=FIELDS, version=VERSIONS)
    def update(self, fields: dict[str, Any], version: int | None) -> None:
        expected = self.answer_expected(version)
        assert self.ask("update", {**fields, "expectedVersion": version}) == expected
        if expected == "succeeded":
            self.expected = {**DEFAULTS, **fields}

    @rule(patch=PATCHES, version=VERSIONS)
    def patch(self, patch: dict[str, Any], version: int | None) -> None:
        expected = self.answer_expected(version)
        assert self.ask("patch", {"patch": patch, "expectedVersion": version}) == expected
        if expected == "succeeded":
            self.expected = {**DEFAULTS, **merge_patch(self.expected, patch)}

    @rule(version=VERSIONS)
    def delete(self, version: int | None) -> None:
        expected = self.answer_expected(version)
        assert self.ask("delete", {"expectedVersion": version}) == expected
        self.deleted = self.deleted or expected == "succeeded"

    @invariant()
    def the_group_is_what_the_model_says(self) -> None:
        if self.group is None:
            assert self.expected is None
            return
        written = self.group.fields.model_dump(mode="json")
        assert {name: written[name] for name in self.expected or {}} == self.expected
        assert (self.group.id, self.group.status) == (UUID(GROUP_ID), Status.QUEUED)
        assert (self.group.deleted_at is not None) == self.deleted
        assert (self.group.version, self.group.sequence) == (self.applied, self.event_count)


Aggregate.TestCase.settings = settings(max_examples=300, stateful_step_count=20, deadline=None)
TestAggregate = Aggregate.TestCase
