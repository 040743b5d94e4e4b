"""Logging in with an API key, and out."""

from urllib.parse import quote, urlsplit

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from api_stub.auth import holder_of
from api_stub.console.forms import read_form
from api_stub.console.pages import PREFIX, page
from api_stub.console.visitors import COOKIE, require_own_page
from api_stub.problems import KINDS, Problem
from models.api_key import digest_of

LOGIN, HOME = f"{PREFIX}/login", f"{PREFIX}/"

router = APIRouter()


@router.get("/login")
async def show_login(request: Request, to: str = HOME) -> Response:
    """Ask for a key."""
    return page(request, "login.html", to=_own(to), problem=None)


@router.post("/login")
async def log_in(request: Request) -> Response:
    """Open a session for who holds the key; wrong keys are counted as everywhere."""
    require_own_page(request)
    form = await read_form(request)
    key, to = form.get("key", "").strip(), _own(form.get("to", HOME))
    try:
        await holder_of(key, request)
        token = await request.app.state.sessions.open(digest_of(key))
        await _end_session(request)
    except Problem as problem:
        told = "This key is not known, or was revoked." if problem.code == "unauthorized" else problem.detail
        return page(request, "login.html", status=KINDS[problem.code][0], to=to, problem=told)
    response = RedirectResponse(to, 303)
    # Without an age: the browser forgets it when it is closed.
    response.set_cookie(
        COOKIE, token, path=PREFIX, httponly=True, samesite="strict", secure=request.url.scheme == "https"
    )
    return response


@router.post("/logout")
async def log_out(request: Request) -> Response:
    """End the session, for whoever else has its token as well."""
    require_own_page(request)
    await _end_session(request)
    response = RedirectResponse(LOGIN, 303)
    response.delete_cookie(COOKIE, path=PREFIX)
    return response


def to_login(request: Request) -> Response:
    """Lead whoever is logged out to the login, and from there back."""
    if request.method == "GET" and request.headers.get("sec-fetch-site") == "cross-site":
        # Somebody followed a link from elsewhere, for which a browser keeps the cookie back: a reload brings it.
        return page(request, "again.html")
    if "hx-request" in request.headers:
        shown = request.headers.get("hx-current-url", HOME)
        return Response(status_code=401, headers={"HX-Redirect": _login_from(shown)})
    if request.headers.get("accept") == "text/event-stream":
        return Response(status_code=401)
    return RedirectResponse(_login_from(str(request.url) if request.method == "GET" else HOME), 303)


def _login_from(shown: str) -> str:
    """The login that leads back to the page at the address `shown`."""
    parts = urlsplit(shown)
    return f"{LOGIN}?to={quote(f'{parts.path}?{parts.query}' if parts.query else parts.path, safe='/')}"


async def _end_session(request: Request) -> None:
    if token := request.cookies.get(COOKIE):
        await request.app.state.sessions.close(token)


def _own(to: str) -> str:
    """An address of the console, whatever a link to the login says."""
    return to if to.startswith(HOME) else HOME
