"""The door of the service: the token, and the person that the dashboard says is asking."""

import hmac
import json
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backend.errors import ServiceError
from backend.forms.signed import HEADER, person_of
from backend.values.people import Person, asked_by
from backend.version import VERSION_HEADER, __version__


class Utf8Json(JSONResponse):
    """JSON in UTF-8, whatever is in it: names of files may hold bytes that are in no encoding."""

    def render(self, content: Any) -> bytes:  # whatever has a form in JSON
        return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode(
            "utf-8", "replace"
        )


class TokenGate:
    """Answers 401 to every request without the token, and to one whose person it does not believe; else that person asks."""

    def __init__(self, app: ASGIApp, token: str) -> None:
        self._app, self._token, self._expected = app, token, f"Bearer {token}".encode()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        send = _with_version(send)
        headers = dict(scope["headers"])
        if not hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            await _unauthorized("The token is missing or wrong.")(scope, receive, send)
            return
        try:
            person = self._person(scope, headers.get(HEADER.lower().encode()))
        except ServiceError as error:
            await _unauthorized(error.message, error.hint)(scope, receive, send)
            return
        with asked_by(person):
            await self._app(scope, receive, send)

    def _person(self, scope: Scope, header: bytes | None) -> Person:
        path = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1")
        if scope["query_string"]:
            path += "?" + scope["query_string"].decode("latin-1")
        said = None if header is None else header.decode("latin-1")
        return person_of(said, scope["method"], path, self._token)


def _with_version(send: Send) -> Send:
    """``send`` with this version in every answer: a dashboard that is older notices, and asks for nothing to find out."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message.get("headers", []), (VERSION_HEADER.lower().encode(), __version__.encode())]
        await send(message)

    return sending


def _unauthorized(message: str, hint: str = "") -> Response:
    body = {"kind": "ServiceError", "message": message, "hint": hint} if hint else {"message": message}
    return Utf8Json(body, status_code=401)
