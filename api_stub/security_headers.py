"""Headers that let a browser do nothing with an answer but show it to who asked.

After the REST Security Cheat Sheet of OWASP.
"""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

EVERYWHERE = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
REVALIDATE = {"Cache-Control": "private, no-cache"}
"""With an ETag: who has the answer may keep it, and asks every time whether it still holds."""
FORGET = {"Cache-Control": "no-store"}
OVER_HTTPS = {"Strict-Transport-Security": "max-age=31536000"}


def _written(headers: dict[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode(), value.encode()) for name, value in headers.items()]


# As ASGI has them, once and for all: every answer passes here.
_EVERYWHERE, _OVER_HTTPS, _REVALIDATE, _FORGET = map(_written, (EVERYWHERE, OVER_HTTPS, REVALIDATE, FORGET))


class SecurityHeaders:
    """Adds them to every answer. A header that a route set itself stays: `/docs` has a policy of its own."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        more = _EVERYWHERE + (_OVER_HTTPS if scope.get("scheme") == "https" else [])

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                wanted = more + (_REVALIDATE if b"etag" in present else _FORGET)
                message["headers"] = [*message["headers"], *(header for header in wanted if header[0] not in present)]
            await send(message)

        await self._app(scope, receive, send_with_headers)
