"""Which commands are in hand: every line of the log says so meanwhile, and so does every span, where there are any."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import structlog
from structlog.contextvars import bound_contextvars

from client import tracing
from models.commands import CommandEnvelope
from models.outcome import Outcome
from tasks.command_spans import CarryOut, carry_out_traced

log = structlog.get_logger()


def follow(envelopes: Sequence[CommandEnvelope], carry_out: CarryOut) -> list[Outcome]:
    """Return the outcomes that `carry_out` gives of `envelopes`, in their order."""
    with bound_contextvars(**_named(envelopes)):
        outcomes = carry_out_traced(envelopes, carry_out) if tracing.is_on() else carry_out(envelopes)
        log.info("commands_handled", **_counted(outcomes))
    return outcomes


def _named(envelopes: Sequence[CommandEnvelope]) -> dict[str, Any]:
    if len(envelopes) != 1:
        return {"command_ids": [envelope.id for envelope in envelopes]}
    (only,) = envelopes
    named = {
        "command_id": only.id,
        "command_type": only.type,
        "correlation_id": only.correlation_id,
        "trace_id": tracing.trace_id(only.traceparent),
    }
    return {name: value for name, value in named.items() if value}


def _counted(outcomes: Sequence[Outcome]) -> dict[str, Any]:
    groups = [*dict.fromkeys(outcome.group_id for outcome in outcomes if outcome.group_id)]
    about = {"group_id": groups[0]} if len(groups) == 1 else {"group_ids": groups}
    counted = Counter(outcome.status for outcome in outcomes)
    return {**about, **{str(status): count for status, count in counted.items()}}
