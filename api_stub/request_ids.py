"""The caller's own name for a request, given back with the answer."""

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from structlog.contextvars import bind_contextvars, clear_contextvars

from api_stub.headers import sane_id

REQUEST_ID = "X-Request-ID"


class EchoRequestId:
    """Gives `X-Request-ID` back, with problems as with other answers, and says it in every line of the log."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request_id = sane_id(Headers(scope=scope).get(REQUEST_ID)) if scope["type"] == "http" else None

        async def send_with_id(message: Message) -> None:
            if request_id and message["type"] == "http.response.start":
                MutableHeaders(scope=message)[REQUEST_ID] = request_id
            await send(message)

        # A request that came on the heels of another, over the same connection, begins in the context of that one.
        clear_contextvars()
        if request_id:
            bind_contextvars(request_id=request_id)
        await self._app(scope, receive, send_with_id)
