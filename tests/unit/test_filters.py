"""The filter grammar, without a database: what is refused, and that values never become SQL text."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.dialects.postgresql.psycopg import dialect

from models.errors import ValidationFailed
from models.store.filter_fields import FIELDS
from models.store.filters import (
    MAX_CONDITIONS,
    MAX_DEPTH,
    MAX_FILTER_LENGTH,
    MAX_LIST_VALUES,
    OPERATORS,
    parse_filter,
)


def errors_of(text: str) -> dict[str, str]:
    """The message for each wrong field of a filter that must be refused."""
    with pytest.raises(ValidationFailed) as refused:
        parse_filter(text)
    return {error.field: error.message for error in refused.value.facts["errors"]}


def wrong_fields(document: Any) -> list[str]:
    return list(errors_of(json.dumps(document)))


@pytest.mark.parametrize(
    ("document", "field"),
    [
        ([], "filter"),
        ("status", "filter"),
        (None, "filter"),
        ({"nmae": "x"}, "filter.nmae"),
        ({"counts": 1}, "filter.counts"),
        ({"counts.lost": 1}, "filter.counts.lost"),
        ({"$eq": 1}, "filter.$eq"),
        ({"metadata": {"site": "Lyon"}}, "filter.metadata"),
        ({"metadata.": 1}, "filter.metadata."),
        ({"metadata.a..b": 1}, "filter.metadata.a..b"),
        ({"metadata.a": {"b": 1}}, "filter.metadata.a.b"),
        ({"metadata.a": [1]}, "filter.metadata.a"),
        ({"metadata.a": {"$gt": True}}, "filter.metadata.a.$gt"),
        ({"metadata.a": {"$in": [{}]}}, "filter.metadata.a.$in.0"),
        ({"metadata.a": 2**63}, "filter.metadata.a"),
        ({"metadata.a": "\0"}, "filter.metadata.a"),
        ({"priority": "highest"}, "filter.priority"),
        ({"priority": {"$in": ["high", "highest"]}}, "filter.priority.$in.1"),
        ({"priority": {"$contains": "hi"}}, "filter.priority.$contains"),
        ({"priority": {}}, "filter.priority"),
        ({"status": {"$in": []}}, "filter.status.$in"),
        ({"status": {"$nin": "draft"}}, "filter.status.$nin"),
        ({"status": {"$in": ["draft"] * (MAX_LIST_VALUES + 1)}}, "filter.status.$in"),
        ({"status": {"$regex": ".*"}}, "filter.status.$regex"),
        ({"status": {"$gt": "draft"}}, "filter.status.$gt"),
        ({"name": 1}, "filter.name"),
        ({"name": {"$gt": None}}, "filter.name.$gt"),
        ({"name": {"$contains": None}}, "filter.name.$contains"),
        ({"name": {"$exists": 1}}, "filter.name.$exists"),
        ({"name": {"$not": "x"}}, "filter.name.$not"),
        ({"name": {"$not": {"$not": {"$eq": 1}}}}, "filter.name.$not.$not.$eq"),
        ({"name": "\ud800"}, "filter.name"),
        ({"sealed": "true"}, "filter.sealed"),
        ({"version": True}, "filter.version"),
        ({"version": 1.0}, "filter.version"),
        ({"version": 2**31}, "filter.version"),
        ({"counts.needsReview": {"$lt": -(2**31) - 1}}, "filter.counts.needsReview.$lt"),
        ({"id": "7"}, "filter.id"),
        ({"tags": []}, "filter.tags"),
        ({"tags": ["a", None]}, "filter.tags.1"),
        ({"tags": {"$contains": ["a", 1]}}, "filter.tags.$contains.1"),
        ({"createdAt": "2026-01-31"}, "filter.createdAt"),
        ({"createdAt": "2026-01-31T09:30:00"}, "filter.createdAt"),
        ({"createdAt": "2026-02-30T09:30:00Z"}, "filter.createdAt"),
        ({"createdAt": "2026-W01-1T00:00:00Z"}, "filter.createdAt"),
        ({"createdAt": 1769852000}, "filter.createdAt"),
        ({"$and": []}, "filter.$and"),
        ({"$or": {"name": "x"}}, "filter.$or"),
        ({"$or": [{}]}, "filter.$or.0"),
        ({"$or": [{"name": "x"}, {"name": 1}]}, "filter.$or.1.name"),
        ({"$not": {}}, "filter.$not"),
        ({"$not": []}, "filter.$not"),
    ],
)
def test_the_wrong_part_is_named(document: Any, field: str) -> None:
    assert wrong_fields(document) == [field]


def test_every_wrong_part_of_one_filter_is_named() -> None:
    document = {"nmae": 1, "priority": {"$in": ["x", "low", "y"]}, "$or": [{"version": "1"}, {"sealed": None, "id": 1}]}
    assert wrong_fields(document) == [
        "filter.nmae",
        "filter.priority.$in.0",
        "filter.priority.$in.2",
        "filter.$or.0.version",
        "filter.$or.1.id",
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "must be JSON: Expecting value at character 1"),
        ('{"name": }', "must be JSON: Expecting value at character 10"),
        ('{"name": "x"} {}', "must be JSON: Extra data at character 15"),
        ('{"metadata.a": NaN}', "must be JSON, which has no NaN"),
        ('{"metadata.a": -Infinity}', "must be JSON, which has no -Infinity"),
        ('{"name": "x", "name": "y"}', 'must not hold the key "name" twice in one object'),
        ('{"version": {"$gt": 1, "$gt": 2}}', 'must not hold the key "$gt" twice in one object'),
        ('{"version": ' + "9" * 5000 + "}", "must not contain integers beyond 64 bits"),
        (" " * (MAX_FILTER_LENGTH + 1), f"must not be longer than {MAX_FILTER_LENGTH} characters"),
    ],
)
def test_text_that_cannot_be_read_is_refused(text: str, message: str) -> None:
    assert errors_of(text) == {"filter": message}


@pytest.mark.parametrize("text", ["[" * MAX_FILTER_LENGTH, '{"$not":' * (MAX_FILTER_LENGTH // 8)])
def test_text_that_nests_without_end_is_refused(text: str) -> None:
    """How far a Python reads before it gives up depends on its version, and so does what it finds wrong first."""
    message = errors_of(text)["filter"]
    assert message.startswith((f"must not nest deeper than {MAX_DEPTH} levels", "must be JSON"))


def test_a_number_beyond_double_precision_is_refused() -> None:
    assert list(errors_of('{"metadata.a": 1e999}')) == ["filter.metadata.a"]


def test_messages_say_what_is_allowed() -> None:
    assert all(name in errors_of('{"nmae": 1}')["filter.nmae"] for name in FIELDS)
    assert errors_of('{"priority": "x"}')["filter.priority"] == "must be one of low, medium, high, urgent"
    assert "$exists" in errors_of('{"status": {"$gt": "draft"}}')["filter.status.$gt"]


def test_the_path_of_a_key_that_no_answer_could_hold_is_escaped() -> None:
    assert list(errors_of(r'{"\ud800": 1}')) == [r"filter.\ud800"]


def nested(levels: int) -> dict[str, Any]:
    return {"$not": nested(levels - 1)} if levels > 1 else {"name": "x"}


def nested_on_field(levels: int) -> dict[str, Any]:
    return {"$not": nested_on_field(levels - 1)} if levels > 1 else {"$eq": "x"}


def test_depth_is_bounded() -> None:
    parse_filter(json.dumps(nested(MAX_DEPTH)))
    parse_filter(json.dumps({"name": nested_on_field(MAX_DEPTH)}))
    assert wrong_fields(nested(MAX_DEPTH + 1)) == ["filter" + ".$not" * MAX_DEPTH]
    assert wrong_fields({"name": nested_on_field(MAX_DEPTH + 1)}) == ["filter.name" + ".$not" * MAX_DEPTH]


def test_the_number_of_conditions_is_bounded() -> None:
    parse_filter(json.dumps({"$or": [{"name": "x"}] * MAX_CONDITIONS}))
    assert wrong_fields({"$or": [{"name": "x"}] * (MAX_CONDITIONS + 1)}) == ["filter"]


MARK = "Robert'); DROP TABLE job_groups;--"


@pytest.mark.parametrize("operator", ["$eq", "$ne", "$gt", "$lte", "$in", "$nin", "$contains"])
@pytest.mark.parametrize("field", ["name", "tags", "metadata.site", f"metadata.{MARK}.{MARK}"])
def test_values_and_metadata_keys_are_bound(field: str, operator: str) -> None:
    if operator in FIELDS.get(field, FIELDS["name"]).operators:
        operand = [MARK, None] if operator in ("$in", "$nin") else MARK
        compiled = parse_filter(json.dumps({field: {operator: operand}})).compile(dialect=dialect())
        assert "Robert" not in str(compiled)
        assert "Robert" in str(compiled.params)


SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(st.characters())
    | st.sampled_from(["high", "draft", "2026-01-31T09:30:00Z", "0001-01-01T00:00:00+23:59", "9" * 32])
)
KEYS = st.sampled_from([*FIELDS, *OPERATORS, "$and", "$or", "metadata.a.b"]) | st.text(st.characters(), max_size=3)
DOCUMENTS = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=20
)


@given(st.dictionaries(KEYS, DOCUMENTS, max_size=3).map(json.dumps) | st.text() | st.text('{}[]":,$\\-01eE.u an'))
def test_anything_else_is_a_condition_or_a_refusal(text: str) -> None:
    try:
        parse_filter(text).compile(dialect=dialect())
    except ValidationFailed as refusal:
        errors = refusal.facts["errors"]
        assert errors
        assert all(error.field.startswith("filter") and error.message for error in errors)
        refusal.detail.encode()  # can be sent back
