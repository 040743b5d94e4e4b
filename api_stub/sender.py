"""Writes: a request becomes a command on the queue, and the command's outcome becomes the answer."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import NAMESPACE_URL, uuid5

import structlog
from fastapi import Depends, Header, Request, Response
from pydantic.json_schema import SkipJsonSchema
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from structlog.contextvars import bind_contextvars
from uuid_utils.compat import uuid7

from api_stub import headers, pending
from api_stub.backends import Backends
from api_stub.documents import CommandAccepted, PendingCommand, json_response
from api_stub.headers import Preference
from api_stub.known_keys import Caller
from api_stub.problems import Problem
from client import tracing
from client.producer import BrokerUnavailable
from models import names
from models.commands import CommandEnvelope
from models.outcome import Outcome
from models.store.engine import DatabaseUnavailable

log = structlog.get_logger()

_IDEMPOTENCY_KEYS = uuid5(NAMESPACE_URL, f"{names.EVENT_SOURCE}/idempotency-keys")

Respond = Callable[[Outcome], Awaitable[Response]]


@dataclass(frozen=True, slots=True)
class CommandSender:
    """Sends the command of one request: what its headers say about it, and where it goes."""

    backends: Backends
    caller: Caller
    preference: Preference
    idempotency_key: str | None
    correlation_id: str | None
    traceparent: str | None

    async def send(self, type_: str, data: dict[str, Any], respond: Respond) -> Response:
        """Return what `respond` makes of the command's success, or 202 where that takes longer than the caller waits.

        Raises Problem where the command was rejected, or the broker did not take it.
        """
        seconds = self.preference.wait(self.backends.settings.outcome_wait_seconds)
        envelope = self._envelope(type_, data, is_awaited=seconds > 0)
        bind_contextvars(command_id=envelope.id, correlation_id=envelope.correlation_id, **_trace_of(envelope))
        with self.backends.outcomes.expecting(envelope) as arrival:
            await self._publish(envelope)
            shared = self.idempotency_key is not None
            outcome = await self.backends.outcomes.wait(envelope, arrival, seconds, id_is_shared=shared)
        if outcome is not None and outcome.error is not None:
            raise Problem.of_rejection(outcome.error)
        response = await (self._accept(envelope) if outcome is None else self._show(envelope, outcome, respond))
        if applied := self.preference.applied(answered_early=outcome is None):
            response.headers["Preference-Applied"] = applied
        return response

    def _envelope(self, type_: str, data: dict[str, Any], *, is_awaited: bool) -> CommandEnvelope:
        id_ = self._command_id()
        return CommandEnvelope(
            id=id_,
            type=type_,
            data=data,
            actor=self.caller.owner,
            correlation_id=self.correlation_id or id_,
            traceparent=self.traceparent,
            reply_to=self.backends.outcomes.channel if is_awaited else None,
        )

    def _command_id(self) -> str:
        """The same for every repetition of a request, if the caller names it; keys of others are others."""
        if self.idempotency_key is None:
            return str(uuid7())
        return str(uuid5(_IDEMPOTENCY_KEYS, f"{self.caller.owner}:{self.idempotency_key}"))

    async def _publish(self, envelope: CommandEnvelope) -> None:
        try:
            async with asyncio.timeout(self.backends.settings.publish_timeout_seconds):
                await self.backends.producer.send(envelope)
            log.info("command_sent", command_type=envelope.type)
        except (BrokerUnavailable, TimeoutError):
            raise Problem.unavailable(
                f"the broker did not confirm command {envelope.id}, which may still be carried out: "
                f"repeat the request with the same Idempotency-Key, or look at {_address(envelope)}",
                headers={"Location": _address(envelope)},
            ) from None

    async def _show(self, envelope: CommandEnvelope, outcome: Outcome, respond: Respond) -> Response:
        """What has taken effect and cannot be read now is no failure: its outcome is to be had later."""
        try:
            return await respond(outcome)
        except (DatabaseUnavailable, NoFreeConnection) as error:
            log.warning("effect_not_shown", error=repr(error))
            return await self._accept(envelope)

    async def _accept(self, envelope: CommandEnvelope) -> Response:
        await pending.remember(self.backends.redis, envelope.id, envelope.type)
        accepted = CommandAccepted(data=PendingCommand(command_id=envelope.id, type=envelope.type))
        return json_response(accepted, status=202, headers={"Location": _address(envelope)})


def _trace_of(envelope: CommandEnvelope) -> dict[str, str]:
    trace_id = tracing.trace_id(tracing.current() or envelope.traceparent)
    return {"trace_id": trace_id} if trace_id else {}


def _address(envelope: CommandEnvelope) -> str:
    return f"/commands/{envelope.id}"


async def _sender(
    request: Request,
    idempotency_key: Annotated[
        str | SkipJsonSchema[None],
        Header(
            alias="Idempotency-Key",
            description="1 to 255 visible ASCII characters. A repetition with the same key and body takes effect once "
            "and gets the outcome of the first; with another body it is refused (422).",
            json_schema_extra={"pattern": headers.IDEMPOTENCY_KEY},
        ),
    ] = None,
    prefer: Annotated[
        str | SkipJsonSchema[None],
        Header(
            alias="Prefer",
            description="`respond-async`: 202 at once; `wait=N`: 202 if there is no outcome after N seconds (0 to 60).",
            examples=["respond-async", "wait=5"],
        ),
    ] = None,
) -> CommandSender:
    correlation_id = request.headers.get("x-request-id") or request.headers.get("correlation-id")
    return CommandSender(
        request.app.state.backends,
        request.state.caller,
        preference=headers.parse_prefer(prefer),
        idempotency_key=headers.parse_idempotency_key(idempotency_key),
        correlation_id=headers.sane_id(correlation_id),
        traceparent=headers.parse_traceparent(request.headers.get("traceparent")),
    )


Sender = Annotated[CommandSender, Depends(_sender)]
