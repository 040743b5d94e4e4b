"""Filters on a real PostgreSQL pick the groups that they pick in plain Python.

Texts are compared by code point, as in the embedded server's locale (C.UTF-8).
"""

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import create_engine, select
from sqlalchemy.pool import NullPool

from models.lifecycle import Status
from models.store.filter_fields import CONTAINMENT, EQUALITY, FIELDS, ORDER
from models.store.filters import parse_filter
from models.store.tables import job_groups
from tests.integration.filter_reference import holds, shown_of
from tests.integration.sample_groups import NAMES, OPTIONAL_TEXTS, START, sample_groups, store

Check = Callable[[dict[str, Any]], None]

GROUPS = sample_groups()
SHOWN = {group.id: shown_of(group) for group in GROUPS}

TEXTS = [*NAMES, *(text for text in OPTIONAL_TEXTS if text is not None), "fr", "LYON", "m", "_"]
OPERANDS: dict[str, list[Any]] = {
    "id": [str(group.id).upper() for group in GROUPS[:5]],
    "status": list(Status),
    "priority": ["low", "medium", "high", "urgent"],
    "tags": ["vat", "VAT", "lyon", "Zürich", "none"],
    "sealed": [True, False],
    **dict.fromkeys(["name", "description", "batchNumber", "template", "createdBy", "assignedTo"], TEXTS),
    **{name: [0, 1, 2, 3, -(2**31)] for name in FIELDS if name.startswith("counts.")},
    "version": [0, 1, 3, 6, 2**31 - 1],
    "generation": [1, 2],
    **{
        name: [START.isoformat(), "2026-02-01T01:30:00.000009+02:00", "2026-01-31t19:30:00z", "0001-01-01T00:00:00Z"]
        for name in FIELDS
        if name.endswith("At")
    },
    "metadata.site": ["Lyon", "lyon", "", "%", "_", "/", "\\", "5", "é", 5, 5.5, -1, 1e15, 2**60],
    "metadata.site.a": ["Lyon", "5", 5],
    "metadata.site.a.b": [5, "5", -1],
    "metadata.site.0": ["Lyon", 5],
    "metadata.none": ["Lyon", 0],
}
UNORDERED = {"metadata.site": [True, False]}


def operators_of(field: str) -> tuple[str, ...]:
    return FIELDS[field].operators if field in FIELDS else EQUALITY + ORDER + CONTAINMENT


@pytest.fixture
def check(database_url: str, clean_database: object) -> Iterator[Check]:
    """Assert that a filter picks the same groups in SQL and in Python."""
    store(database_url, GROUPS)
    with create_engine(database_url, poolclass=NullPool).connect() as connection:

        def compare(document: dict[str, Any]) -> None:
            query = select(job_groups.c.id).where(parse_filter(json.dumps(document)))
            assert set(connection.scalars(query)) == {id_ for id_, shown in SHOWN.items() if holds(document, shown)}, (
                document
            )

        yield compare


def operands(field: str, operator: str) -> list[Any]:
    values = OPERANDS[field]
    match operator:
        case "$exists":
            return [True, False]
        case "$in" | "$nin":
            return [[value] for value in values] + [values, [None], [None, values[0]]]
        case "$eq" | "$ne":
            return [*values, *UNORDERED.get(field, []), None]
        case "$contains":
            return [*values, *UNORDERED.get(field, [])]
        case "$not":
            return [{"$eq": value} for value in [*values, None]]
        case _:
            return values


@pytest.mark.parametrize("field", OPERANDS)
def test_every_operator_on_every_field(check: Check, field: str) -> None:
    for operator in operators_of(field):
        for operand in operands(field, operator):
            check({field: {operator: operand}})
    for operand in operands(field, "$eq"):
        check({field: operand})


def test_the_table_leaves_no_field_out() -> None:
    assert FIELDS.keys() <= OPERANDS.keys()


def test_a_list_of_tags_asks_for_all_of_them(check: Check) -> None:
    for operator in ("$eq", "$ne", "$contains"):
        check({"tags": {operator: ["vat", "lyon"]}})
        check({"tags": {operator: ["vat", "none"]}})


def test_an_empty_filter_asks_for_nothing(check: Check) -> None:
    check({})


def conditions_on(field: str) -> st.SearchStrategy[dict[str, Any]]:
    comparison = st.sampled_from([(name, value) for name in operators_of(field) for value in operands(field, name)])
    comparisons = st.lists(comparison, min_size=1, max_size=2).map(dict)
    negated = st.fixed_dictionaries({"$not": comparisons})
    return st.fixed_dictionaries({field: comparisons | negated | st.sampled_from(operands(field, "$eq"))})


def combined(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    several = st.lists(inner, min_size=1, max_size=3)
    return (
        st.fixed_dictionaries({"$and": several})
        | st.fixed_dictionaries({"$or": several})
        | st.fixed_dictionaries({"$not": inner})
        | st.tuples(inner, inner).map(lambda two: {**two[0], **two[1]})
    )


FILTERS = st.recursive(st.sampled_from(list(OPERANDS)).flatmap(conditions_on), combined, max_leaves=5)


def test_combinations(check: Check) -> None:
    @settings(max_examples=300, deadline=None)
    @given(FILTERS)
    def same(document: dict[str, Any]) -> None:
        check(document)

    same()


def test_the_groups_tell_filters_apart() -> None:
    """No comparison above is idle: on every field, some condition picks some groups and not all."""
    for field in OPERANDS.keys() - {"metadata.none"}:
        picked = [sum(holds({field: operand}, shown) for shown in SHOWN.values()) for operand in operands(field, "$eq")]
        assert any(0 < count < len(GROUPS) for count in picked), field
