"""The console as an application of its own below `/console`: what goes wrong here is told as a page."""

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import RedirectResponse
from sqlalchemy.exc import TimeoutError as NoFreeConnection
from starlette.exceptions import HTTPException

from api_stub.auth import READING
from api_stub.console import (
    board,
    dead_letters,
    deliveries,
    entrance,
    flow,
    group_actions,
    group_page,
    live,
    static_files,
)
from api_stub.console.pages import PREFIX, Notice, page
from api_stub.console.visitors import SignedOut
from api_stub.error_answers import problem_of
from api_stub.problems import KINDS, Problem
from models.errors import Refusal
from models.store.engine import DatabaseUnavailable

_TOLD = (Problem, Refusal, RequestValidationError, HTTPException, DatabaseUnavailable, NoFreeConnection, Exception)
_PASSING = frozenset({429, 500, 503})
"""Statuses of what may have passed at the next try."""
_TO_THE_NOTICE = {"HX-Retarget": "#told", "HX-Reselect": ".notice", "HX-Reswap": "innerHTML"}


def install(api: FastAPI) -> None:
    """Serve the console beside `api`, on what `api` has open."""
    console = FastAPI(openapi_url=None, redirect_slashes=False)
    console.state = api.state
    for module in (entrance, live, static_files, board, dead_letters, flow, group_page, group_actions, deliveries):
        console.router.routes.extend(module.router.routes)
    for kind in _TOLD:
        console.add_exception_handler(kind, _tell)
    console.add_exception_handler(SignedOut, _to_login)
    api.add_route(PREFIX, _to_the_board)
    api.mount(PREFIX, console)


async def _to_the_board(_: Request) -> Response:
    return RedirectResponse(entrance.HOME, 308)


async def _to_login(request: Request, _: Exception) -> Response:
    return entrance.to_login(request)


async def _tell(request: Request, error: Exception) -> Response:
    problem = problem_of(error, request)
    status, title = KINDS[problem.code]
    if "hx-request" in request.headers:
        response = _told_beside(request, problem, status)
    else:
        told = {"title": title, "problem": problem, "errors": _wrong(problem), "may_pass": status in _PASSING}
        response = page(request, "problem.html", status=status, **told)
    response.headers.update(problem.headers or {})
    return response


def _told_beside(request: Request, problem: Problem, status: int) -> Response:
    """A part of a page that cannot be fetched anew stays as it is. What is wrong is told in the page's notice; but not
    of a refresh that may do better next time: the page's script says that the page is out of date."""
    response = page(request, "notice.html", status=status, notice=Notice(problem.detail, is_problem=True))
    is_refresh = request.method == READING and status in _PASSING
    response.headers.update({"HX-Reswap": "none"} if is_refresh else _TO_THE_NOTICE)
    return response


def _wrong(problem: Problem) -> list[str]:
    return [f"{wrong.field}: {wrong.message}" for wrong in problem.members.get("errors") or []]
