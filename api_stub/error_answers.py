"""Every error that reaches the framework, answered with a problem document."""

from typing import Any

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from api_stub.problems import Problem, answer
from models.errors import Refusal, ValidationFailed, field_error
from models.store.engine import DatabaseUnavailable

log = structlog.get_logger()


def install(app: FastAPI) -> None:
    """Let `app` answer with problem documents only."""
    for kind in (Problem, Refusal, RequestValidationError, HTTPException, ClientDisconnect, Exception):
        app.add_exception_handler(kind, _answer)
    for unavailable in (DatabaseUnavailable, NoFreeConnection):
        app.add_exception_handler(unavailable, _answer)


async def _answer(request: Request, error: Exception) -> Response:
    return answer(request, problem_of(error, request))


def problem_of(error: Exception, request: Request) -> Problem:
    """Return the problem that `error` is to whoever sent `request`."""
    match error:
        case Problem():
            return error
        case Refusal():
            return Problem.of_refusal(error)
        case RequestValidationError():
            return _wrong_parameters(error)
        case HTTPException():
            return _of_framework(error, request)
        case ClientDisconnect():
            return Problem("malformed_request", "the body ended early")
        case DatabaseUnavailable() | NoFreeConnection():
            log.warning("database_unavailable", error=repr(error))
            return Problem.unavailable("the database does not answer; try again")
        case _:
            return Problem("internal_error", "the request failed; the cause is in the service's log")


def _wrong_parameters(error: RequestValidationError) -> Problem:
    found: list[Any] = list(error.errors())
    # A location starts with where FastAPI looked: "query", "path" or "header".
    return Problem.of_refusal(ValidationFailed([field_error({**each, "loc": each["loc"][1:]}) for each in found]))


def _of_framework(error: HTTPException, request: Request) -> Problem:
    match error.status_code:
        case 404:
            return Problem("not_found", "there is nothing at this address")
        case 405:
            allowed = ", ".join(_methods_at(request))
            return Problem("method_not_allowed", f"the methods here are {allowed}", headers={"Allow": allowed})
        case _:
            return Problem("malformed_request", error.detail)


def _methods_at(request: Request) -> list[str]:
    """Starlette itself would name those of the first route at this address only."""
    routes = iter_route_contexts(request.app.routes)
    here = [route for route in routes if route.path_regex.match(request.scope["path"])]
    return sorted({method for route in here for method in route.methods or ()})
