"""The filter of the list of job groups: conditions in JSON, as MongoDB writes them, become a condition in SQL.

    {"status": "processing", "priority": {"$in": ["high", "urgent"]}, "$or": [{"metadata.site": "Lyon"}, …]}

What a filter names is looked up in a table of fields, and what it compares with is always a bound parameter.
"""

import json
import operator
from dataclasses import dataclass, field
from typing import Any, NoReturn

from sqlalchemy import ColumnElement, and_, false, or_, true

from models.errors import FieldError, ValidationFailed
from models.store.filter_fields import CONTAINMENT, EQUALITY, ORDER, Comparison, Condition, Field, field_named, unless
from models.store.filter_values import Reader, boolean

MAX_FILTER_LENGTH = 8192
"""Characters of JSON."""
MAX_DEPTH = 6
"""Levels of conditions inside `$and`, `$or` and `$not`, the outermost included."""
MAX_CONDITIONS = 50
MAX_LIST_VALUES = 100

OPERATORS = EQUALITY + ORDER + CONTAINMENT
_COMPARISONS: dict[str, Comparison] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}
_MAX_DIGITS = 20


def parse_filter(text: str) -> ColumnElement[bool]:
    """Return the condition on the rows of `job_groups` that the JSON object `text` asks for; `{}` asks for nothing.

    A null field equals null and differs from every other value. Raises ValidationFailed, which names each wrong part
    by its path (`filter.priority.$in.1`) and says what is allowed there.
    """
    reading = _Reading()
    condition = reading.document(_read_json(text), "filter", depth=1)
    reading.finish()
    return condition


@dataclass
class _Reading:
    """One pass over a filter. What is wrong is noted and read as true, so that the rest is checked as well."""

    errors: list[FieldError] = field(default_factory=list)
    condition_count: int = 0

    def finish(self) -> None:
        if self.condition_count > MAX_CONDITIONS:
            self._note("filter", f"must not hold more than {MAX_CONDITIONS} conditions")
        if self.errors:
            raise ValidationFailed(self.errors)

    def document(self, value: Any, path: str, depth: int) -> Condition:
        """Every entry of the object `value` holds."""
        if not isinstance(value, dict):
            return self._note(path, "must be an object of conditions")
        if depth > MAX_DEPTH:
            return self._note(path, f"must not nest deeper than {MAX_DEPTH} levels")
        entries = [self._entry(key, item, f"{path}.{_printable(key)}", depth) for key, item in value.items()]
        return and_(true(), *entries)

    def _entry(self, key: str, value: Any, path: str, depth: int) -> Condition:
        match key:
            case "$and":
                return and_(true(), *self._alternatives(value, path, depth))
            case "$or":
                return or_(false(), *self._alternatives(value, path, depth))
            case "$not":
                return unless(self._nested(value, path, depth))
            case _:
                return self._on_field(key, value, path, depth)

    def _alternatives(self, value: Any, path: str, depth: int) -> list[Condition]:
        if not isinstance(value, list) or not value:
            return [self._note(path, "must be a list of at least one object of conditions")]
        return [self._nested(item, f"{path}.{index}", depth) for index, item in enumerate(value)]

    def _nested(self, value: Any, path: str, depth: int) -> Condition:
        if value == {}:
            return self._note(path, "must hold a condition")
        return self.document(value, path, depth + 1)

    def _on_field(self, name: str, value: Any, path: str, depth: int) -> Condition:
        try:
            filtered = field_named(name)
        except ValueError as error:
            return self._note(path, str(error))
        if isinstance(value, dict):
            return self._operators(filtered, value, path, depth)
        return self._condition(filtered, "$eq", value, path)

    def _operators(self, filtered: Field, value: Any, path: str, depth: int) -> Condition:
        """Every operator in the object `value` holds on the field."""
        if not isinstance(value, dict) or not value:
            return self._note(path, f"must be an object of operators: {', '.join(filtered.operators)}")
        if depth > MAX_DEPTH:
            return self._note(path, f"must not nest deeper than {MAX_DEPTH} levels")
        entries = [
            self._operator(filtered, name, operand, f"{path}.{_printable(name)}", depth)
            for name, operand in value.items()
        ]
        return and_(true(), *entries)

    def _operator(self, filtered: Field, name: str, operand: Any, path: str, depth: int) -> Condition:
        if name not in filtered.operators:
            problem = "not an operator of this field" if name in OPERATORS else "unknown operator"
            return self._note(path, f"{problem}; it has {', '.join(filtered.operators)}")
        if name == "$not":
            return unless(self._operators(filtered, operand, path, depth + 1))
        return self._condition(filtered, name, operand, path)

    def _condition(self, filtered: Field, name: str, operand: Any, path: str) -> Condition:
        self.condition_count += 1
        try:
            return _condition(filtered, name, operand, path)
        except ValidationFailed as refusal:
            self.errors += refusal.facts["errors"]
        except ValueError as error:
            self._note(path, str(error))
        return true()

    def _note(self, path: str, message: str) -> Condition:
        self.errors.append(FieldError(field=path, message=message))
        return true()


def _condition(filtered: Field, name: str, operand: Any, path: str) -> Condition:
    match name:
        case "$eq":
            return filtered.equals(_value(filtered, operand, path))
        case "$ne":
            return unless(filtered.equals(_value(filtered, operand, path)))
        case "$in":
            return filtered.one_of(_values(_nullable(filtered.read), operand, path))
        case "$nin":
            return unless(filtered.one_of(_values(_nullable(filtered.read), operand, path)))
        case "$exists":
            return filtered.exists() if boolean(operand) else unless(filtered.exists())
        case "$contains":
            return filtered.contains(_present(filtered, operand, path))
        case _:
            return filtered.compares(_COMPARISONS[name], _present(filtered, operand, path))


def _present(filtered: Field, operand: Any, path: str) -> Any:
    if operand is None:
        raise ValueError("must not be null")
    return _value(filtered, operand, path)


def _value(filtered: Field, operand: Any, path: str) -> Any:
    if filtered.accepts_lists and isinstance(operand, list):
        return _values(filtered.read, operand, path)
    return _nullable(filtered.read)(operand)


def _nullable(read: Reader) -> Reader:
    return lambda value: None if value is None else read(value)


def _values(read: Reader, operand: Any, path: str) -> list[Any]:
    if not isinstance(operand, list) or not 1 <= len(operand) <= MAX_LIST_VALUES:
        raise ValueError(f"must be a list of 1 to {MAX_LIST_VALUES} values")
    values = []
    errors = []
    for index, value in enumerate(operand):
        try:
            values.append(read(value))
        except ValueError as error:
            errors.append(FieldError(field=f"{path}.{index}", message=str(error)))
    if errors:
        raise ValidationFailed(errors)
    return values


def _read_json(text: str) -> Any:
    if len(text) > MAX_FILTER_LENGTH:
        raise _wrong(f"must not be longer than {MAX_FILTER_LENGTH} characters")
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_int=_integer)
    except json.JSONDecodeError as error:
        raise _wrong(f"must be JSON: {error.msg} at character {error.pos + 1}") from None
    except RecursionError:
        raise _wrong(f"must not nest deeper than {MAX_DEPTH} levels") from None
    except ValueError as error:
        raise _wrong(str(error)) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Python keeps the last of two equal keys; here a condition would be lost without a word."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"must not hold the key {json.dumps(key)} twice in one object")
        found[key] = value
    return found


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"must be JSON, which has no {name}")


def _integer(digits: str) -> int:
    """Python refuses to read thousands of digits, with advice that is not for the sender."""
    if len(digits) > _MAX_DIGITS:
        raise ValueError("must not contain integers beyond 64 bits")
    return int(digits)


def _wrong(message: str) -> ValidationFailed:
    return ValidationFailed([FieldError(field="filter", message=message)])


def _printable(key: str) -> str:
    """An unpaired surrogate could not be sent back in the answer."""
    return key.encode("utf-8", "backslashreplace").decode()
