"""`/console/static/`: the few files that pages load, from memory."""

import hashlib
from functools import cache
from importlib.resources import files

from fastapi import APIRouter, Response

from api_stub.problems import Problem

TYPES = {
    "console.css": "text/css",
    "page.js": "text/javascript",
    "feed.js": "text/javascript",
    "htmx.min.js": "text/javascript",
    "icon.svg": "image/svg+xml",
    "htmx.LICENSE.txt": "text/plain",
}
# A page names each file with its version: another file has another address.
_FOREVER = {"Cache-Control": "public, max-age=31536000, immutable"}

router = APIRouter(prefix="/static")


@cache
def _read(name: str) -> bytes:
    return files("api_stub.console").joinpath("static", name).read_bytes()


@cache
def version_of(name: str) -> str:
    """Return what changes with the file."""
    return hashlib.sha256(_read(name)).hexdigest()[:12]


@router.get("/{name}")
async def static_file(name: str) -> Response:
    """Give one of the files."""
    if name not in TYPES:
        raise Problem("not_found", "there is no such file")
    return Response(_read(name), headers=_FOREVER, media_type=TYPES[name])
