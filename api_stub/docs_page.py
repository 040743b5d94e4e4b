"""`/docs`: Swagger UI from files of ours, under a policy that lets it run no other script.

FastAPI's own page loads its script from a public network, which many of these servers cannot reach and some must not
trust.
"""

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

from fastapi import FastAPI, Request, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import FileResponse

FOLDER = "/swagger"
SCRIPT, STYLE, ICON = "swagger-ui-bundle.js", "swagger-ui.css", "favicon-32x32.png"
CACHE = {"Cache-Control": "public, max-age=3600"}
_INLINE_SCRIPT = re.compile(r"<script>(.*?)</script>", re.DOTALL)


def install(app: FastAPI) -> None:
    """Serve the page and its three files."""
    page = get_swagger_ui_html(
        openapi_url="/openapi.json",
        title=app.title,
        swagger_js_url=f"{FOLDER}/{SCRIPT}",
        swagger_css_url=f"{FOLDER}/{STYLE}",
        swagger_favicon_url=f"{FOLDER}/{ICON}",
        # Without a validator: Swagger UI would tell a server of its makers where this one is.
        swagger_ui_parameters={"tryItOutEnabled": True, "displayRequestDuration": True, "validatorUrl": None},
    )
    html = bytes(page.body)
    policy = {"Content-Security-Policy": _policy(html.decode())}

    async def docs(_: Request) -> Response:
        return Response(html, headers=policy, media_type="text/html")

    async def file(request: Request) -> Response:
        return FileResponse(folder / Path(request.url.path).name, headers=CACHE)

    folder = Path(str(files("fastapi_swagger.resources")))
    app.add_route("/docs", docs)
    for name in (SCRIPT, STYLE, ICON):
        app.add_route(f"{FOLDER}/{name}", file)


def _policy(html: str) -> str:
    """Let the page's own inline script run by its hash: `'unsafe-inline'` would let every injected one run."""
    hashes = (b64encode(sha256(script.encode()).digest()).decode() for script in _INLINE_SCRIPT.findall(html))
    scripts = " ".join(f"'sha256-{each}'" for each in hashes)
    return (
        f"default-src 'none'; script-src 'self' {scripts}; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
