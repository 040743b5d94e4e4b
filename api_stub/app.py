"""The HTTP stub: it validates, sends commands, waits for outcomes, and reads."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi_swagger import patch_fastapi
from pydantic.alias_generators import to_camel

from api_stub import (
    command_routes,
    dead_letter_routes,
    error_answers,
    group_routes,
    health_routes,
    job_routes,
    lifecycle_routes,
    openapi,
)
from api_stub.auth import ApiKeys
from api_stub.backends import open_backends
from api_stub.health_routes import Readiness
from api_stub.request_ids import EchoRequestId
from settings import Settings

TITLE = "OCR Invoice Job Group API"
VERSION = "1.0.0"
DESCRIPTION = """Batches of invoices for OCR. Writes are commands on a queue: a write waits for its command's outcome
and answers with the group as it then is, or with 202 and where to look for the outcome."""


class JobGroupApi(FastAPI):
    """FastAPI with the schemas and examples that it cannot find itself."""

    def openapi(self) -> dict[str, Any]:
        """Return the OpenAPI document."""
        document = super().openapi()
        for kind, named in openapi.components().items():
            document["components"].setdefault(kind, {}).update(named)
        return document


def create_app(settings: Settings) -> FastAPI:
    """Return the application; raises NoApiKeys, or MissingSetting where an address is missing."""
    for address in ("database_url", "broker_url", "redis_url"):
        settings.require(address)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with open_backends(settings) as backends:
            app.state.backends = backends
            app.state.readiness = Readiness(backends)
            yield

    app = JobGroupApi(
        title=TITLE,
        version=VERSION,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        generate_unique_id_function=lambda route: to_camel(route.name),
    )
    # `/docs` from files of ours: FastAPI's own page loads its script from a public network, which many of these
    # servers cannot reach and some must not trust.
    patch_fastapi(app, redirect_from_root_to_docs=False)
    app.state.api_keys = ApiKeys(settings.api_keys)
    app.add_middleware(EchoRequestId)
    error_answers.install(app)
    for module in (
        group_routes,
        lifecycle_routes,
        job_routes,
        command_routes,
        dead_letter_routes,
        health_routes,
    ):
        app.include_router(module.router)
    return app
