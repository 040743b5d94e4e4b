"""What a filter means, in plain Python: the model that the SQL is compared with."""

import operator
from datetime import datetime
from typing import Any
from uuid import UUID

from models.fields import Priority
from models.job_group import JobGroup
from models.resources import JobGroupResource

ABSENT = object()
_ORDER = {"$gt": operator.gt, "$gte": operator.ge, "$lt": operator.lt, "$lte": operator.le}
_URGENCY = [priority.value for priority in Priority]


def shown_of(group: JobGroup) -> dict[str, Any]:
    """Return `group` as the wire shows it."""
    return JobGroupResource.of(group).model_dump(mode="json")


def holds(document: dict[str, Any], shown: dict[str, Any]) -> bool:
    """Say whether the filter `document` lets the group through that is `shown`."""
    return all(_entry(key, value, shown) for key, value in document.items())


def _entry(key: str, value: Any, shown: dict[str, Any]) -> bool:
    match key:
        case "$and":
            return all(holds(item, shown) for item in value)
        case "$or":
            return any(holds(item, shown) for item in value)
        case "$not":
            return not holds(value, shown)
        case _:
            return _on_field(key, value, _at(shown, key.split(".")))


def _at(value: Any, keys: list[str]) -> Any:
    for key in keys:
        value = value.get(key, ABSENT) if isinstance(value, dict) else ABSENT
    return value


def _on_field(field: str, wanted: Any, found: Any) -> bool:
    if not isinstance(wanted, dict):
        wanted = {"$eq": wanted}
    return all(_operator(field, name, operand, found) for name, operand in wanted.items())


def _operator(field: str, name: str, operand: Any, found: Any) -> bool:
    match name:
        case "$not":
            return not _on_field(field, operand, found)
        case "$eq" | "$ne":
            return _equal(field, found, operand) == (name == "$eq")
        case "$in" | "$nin":
            return any(_equal(field, found, value) for value in operand) == (name == "$in")
        case "$exists":
            return _exists(field, found) == operand
        case "$contains":
            return _contains(field, found, operand)
        case _:
            return _compares(field, name, found, operand)


def _exists(field: str, found: Any) -> bool:
    if field.startswith("metadata."):
        return found is not ABSENT
    return found not in (None, [])


def _equal(field: str, found: Any, operand: Any) -> bool:
    if operand is None:
        return found in (None, ABSENT) or (field == "tags" and found == [])
    if field == "tags":
        return _contains(field, found, operand)
    return _same(*_typed(field, found, operand))


def _same(found: Any, operand: Any) -> bool:
    """JSON's equality: true is not 1, but 5.0 is 5."""
    return isinstance(found, bool) == isinstance(operand, bool) and found == operand


def _contains(field: str, found: Any, operand: Any) -> bool:
    if field == "tags":
        return set(operand if isinstance(operand, list) else [operand]) <= set(found)
    if isinstance(found, list):
        return any(_same(item, operand) for item in found)
    return isinstance(found, str) and isinstance(operand, str) and operand.lower() in found.lower()


def _compares(field: str, name: str, found: Any, operand: Any) -> bool:
    found, operand = _typed(field, found, operand)
    comparable = found not in (None, ABSENT) and _kind(found) == _kind(operand)
    return comparable and bool(_ORDER[name](found, operand))


def _kind(value: Any) -> str:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return "number" if is_number else type(value).__name__


def _typed(field: str, *values: Any) -> tuple[Any, ...]:
    if field == "priority":
        return tuple(map(_URGENCY.index, values))
    if field.endswith("At"):
        return tuple(value if value is None else datetime.fromisoformat(value.upper()) for value in values)
    return tuple(map(UUID, values)) if field == "id" else values
