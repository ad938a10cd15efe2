"""The guard before the dashboard's web server: no name leads to it that it is not called by, and no other site frames it."""

from collections.abc import Sequence
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.middleware import Middleware
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit.web.server.starlette import starlette_app
from streamlit.web.server.starlette.starlette_websocket import is_host_allowed

from pages._kit.ahead import Ahead

HEADERS = {
    "Content-Security-Policy": "frame-ancestors 'self'",
    "X-Frame-Options": "SAMEORIGIN",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
}


class Guard:
    """Refuses requests by other names than server.allowedHosts has, and sends HEADERS with every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":  # Streamlit looks at the names of websockets itself
            await self._app(scope, receive, send)
            return
        host = dict(scope["headers"]).get(b"host", b"").decode("latin-1")
        if not is_host_allowed(host):
            said = f"The dashboard is not called '{host[:80]}'. Whoever runs it can allow the name with EMBEDSCOPE_HOSTS.\n"
            await PlainTextResponse(said, status_code=421)(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self._app(scope, receive, guarded)


def set_guard(hosts: Sequence[str], library: str = "") -> list[str]:
    """Put the guard before the server that is going to be started, and what pages need into its document (see ahead.py).

    Returns the options that it needs for ``hosts``.
    """
    made = starlette_app.create_streamlit_middleware

    def with_guard() -> list[Any]:
        return [Middleware(Guard), *made(), Middleware(Ahead, library=library)]

    starlette_app.create_streamlit_middleware = with_guard
    return [part for host in hosts for part in ("--server.allowedHosts", host)]
