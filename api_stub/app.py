"""The HTTP stub: it validates, sends commands, waits for outcomes, and reads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.telemetry import TelemetryConfig
from starlette.types import ASGIApp

from api_stub import (
    command_routes,
    contract_routes,
    dead_letter_routes,
    delivery_routes,
    docs_page,
    error_answers,
    feed_routes,
    group_routes,
    health_routes,
    job_routes,
    lifecycle_routes,
    openapi,
)
from api_stub.backends import open_backends
from api_stub.console import app as console
from api_stub.console.flow_record import FlowRecord
from api_stub.console.sessions import Sessions
from api_stub.health_routes import Readiness
from api_stub.http_metrics import CountRequests, watch
from api_stub.known_keys import known_keys
from api_stub.rate_limits import RateLimits, TellRateLimit
from api_stub.request_ids import EchoRequestId
from api_stub.security_headers import SecurityHeaders
from api_stub.tallies import Tallies
from client import tracing
from models.names import API_VERSION
from settings import Settings

TITLE = "OCR Invoice Job Group API"
DESCRIPTION = """Batches of invoices for OCR. Writes are commands on a queue: a write waits for its command's outcome
and answers with the group as it then is, or with 202 and where to look for the outcome."""


UNTRACED = frozenset({"/healthz", "/readyz", "/events"})
"""Asked every few seconds, or without an end."""


class JobGroupApi(FastAPI):
    """FastAPI with the schemas and examples that it cannot find itself, and headers on every answer."""

    def build_middleware_stack(self) -> ASGIApp:
        """Return the application. What `add_middleware` adds does not see how an unexpected error is answered."""
        return CountRequests(SecurityHeaders(EchoRequestId(super().build_middleware_stack())))

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        document = super().openapi()
        for kind, named in openapi.components().items():
            document["components"].setdefault(kind, {}).update(named)
        return document


def _telemetry() -> TelemetryConfig:
    """FastAPI's own spans of requests, and nothing else of what it can tell OpenTelemetry."""
    return {
        "tracing": tracing.is_on(),
        "tracer_provider": tracing.provider(),
        "exclude": lambda scope: scope.get("path") in UNTRACED,
        "operation_spans": False,
        "metrics": False,
        "logs": False,
        "auto_configure": False,
    }


def create_app(settings: Settings) -> FastAPI:
    """Return the application; raises MissingSetting where an address is missing."""
    for address in ("database_url", "broker_url", "redis_url"):
        settings.require(address)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        keys = known_keys(settings.api_keys, settings.require("database_url"))
        async with open_backends(settings) as backends, keys as app.state.known_keys:
            app.state.backends = backends
            watch(backends)
            app.state.known_keys.on_revocation(backends.feed.wake)
            app.state.readiness = Readiness(backends)
            app.state.rate_limits = RateLimits(Tallies(backends.redis), settings)
            app.state.sessions = Sessions(backends.redis)
            app.state.flow = FlowRecord(backends)
            yield

    app = JobGroupApi(
        title=TITLE,
        version=API_VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        telemetry=_telemetry(),
    )
    app.add_middleware(TellRateLimit)
    docs_page.install(app)
    contract_routes.install(app)
    error_answers.install(app)
    for module in (
        group_routes,
        lifecycle_routes,
        job_routes,
        delivery_routes,
        command_routes,
        dead_letter_routes,
        feed_routes,
        health_routes,
    ):
        # Not `include_router`, which would lay a second search for the route over that of each router.
        app.router.routes.extend(module.router.routes)
    console.install(app)
    return app
