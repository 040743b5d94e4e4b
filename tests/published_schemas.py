"""What the service sends, held against the schemas in docs/contracts/."""

import json
from functools import cache
from typing import Any

from jsonschema_rs import Draft202012Validator

from tests.contract_files import SCHEMAS


@cache
def _validator(name: str) -> Draft202012Validator:
    schema = json.loads((SCHEMAS / f"{name}.json").read_text())
    return Draft202012Validator(schema, validate_formats=True)


def errors_in(name: str, value: Any) -> list[str]:
    """Return what of `value` does not fit the schema `name`."""
    return [f"{error.instance_path}: {error.message}" for error in _validator(name).iter_errors(value)]


def as_published(event: dict[str, Any]) -> dict[str, Any]:
    """Return `event`; fails unless it fits the envelope's schema, and its data the one that it names."""
    assert not errors_in("ocr_invoice.event_document.v1", event), event
    assert event["dataschema"] == f"/schemas/{event['type']}"
    assert not errors_in(event["type"], event["data"]), event
    return event
