"""What schemathesis must be told of this API: how some texts look, and what no schema can say."""

import json
import re
from typing import Any
from uuid import uuid4

import schemathesis
from hypothesis import strategies as st
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.openapi.checks import RejectedPositiveData, UndefinedStatusCode

from api_stub.headers import IDEMPOTENCY_KEY
from api_stub.strict_http import MAX_HEAD_BYTES
from models.store.cursors import NOT_OF_THIS_LIST
from tests.integration.test_filter_meaning import FILTERS

NO_MATTER_OF_SCHEMA = {
    "must not contain numbers beyond 64-bit integers",
    "must not stand beside an offset",
    NOT_OF_THIS_LIST,
}

schemathesis.openapi.format("job-group-filter", FILTERS.map(json.dumps))
schemathesis.openapi.format("entity-tag", st.sampled_from(["*", '"1"', '"2"']))


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    """A key that was used for another request is rightly refused, and the generator likes the shortest."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(IDEMPOTENCY_KEY, key):
        case.headers["Idempotency-Key"] = f"{key[:200]}.{uuid4()}"


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case, response: Response) -> bool:
    """Say whether `failure` is one."""
    if isinstance(failure, UndefinedStatusCode) and len(str(response.request.url)) > MAX_HEAD_BYTES:
        return False  # refused before anybody knows which operation is meant
    return not (isinstance(failure, RejectedPositiveData) and _is_no_matter_of_schema(response.json()))


def _is_no_matter_of_schema(problem: dict[str, Any]) -> bool:
    # That the group has another version is between the sender and the group. What is in JSON of the sender's own, at
    # any depth, only a recursive schema could say. A cursor is good for the list that gave it out.
    messages = {error["message"] for error in problem.get("errors", ())}
    return problem["code"] == "version_conflict" or (bool(messages) and messages <= NO_MATTER_OF_SCHEMA)
