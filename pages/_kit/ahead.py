"""What every page needs besides Streamlit's own first scripts, asked for with the document instead of after it.

Left alone, a browser learns of the library that draws charts, and of the parts of Streamlit that a page's widgets are made of,
only once the page's script has run and its widgets are being drawn: it then waits for each in turn, with an idle processor
before. Here the document names them. The library runs in the pause in which the server makes the page.

Nor does it know which part of an address leads to the server and which is a page of it: opened at /similarity it first asks
/similarity/_stcore/health, is told that there is nothing, waits, and asks one level up. Here the document says where the server is, as
Streamlit's hosts may (``window.__streamlit``).
"""

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from streamlit import config, file_util

# The parts of Streamlit that almost every page shows, as its build calls them
PARTS = (
    "BidiComponent",
    "ButtonGroup",
    "Html",
    "Multiselect",
    "NumberInput",
    "Selectbox",
    "TextInput",
)
_IMPORTED = re.compile(r"""(?:from|import)\s*["']\./([\w.-]+\.js)["']""")
# The server is at work on the page from the browser's first message on, and nothing else is to be done until it answers
_LIBRARY = """<link rel="preload" as="script" fetchpriority="low" href="./{path}" />
<script>
(() => {{
  const send = WebSocket.prototype.send;
  const load = () => {{
    if (window.Plotly || document.getElementById("{id}")) return;
    const script = document.createElement("script");
    script.id = "{id}";
    script.src = new URL("./{path}", document.baseURI);
    script.onerror = () => script.remove();
    document.head.append(script);
  }};
  WebSocket.prototype.send = function (...said) {{
    WebSocket.prototype.send = send;
    setTimeout(load);
    return send.apply(this, said);
  }};
}})();
</script>
"""
_SERVER = """<script>window.__streamlit = { BACKEND_BASE_URL: new URL("./", document.baseURI).href };</script>
"""
SCRIPT_ID = "embedscope-charts"


class Ahead:
    """Writes into the head of Streamlit's document what ``library`` (a path below the server's root, or none) and PARTS need."""

    def __init__(self, app: ASGIApp, library: str = "") -> None:
        self._app = app
        self._library = library

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "GET":
            await self._app(scope, receive, send)
            return
        start: Message | None = None
        body = b""

        async def written(message: Message) -> None:
            nonlocal start, body
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                if message["status"] == 200 and headers.get("content-type", "").startswith("text/html"):
                    start = message
                    return
            elif start is not None:
                body += message.get("body", b"")
                if message.get("more_body"):
                    return
                body = body.replace(
                    b"</head>", (head_of(self._library) + server_of(scope["path"])).encode() + b"</head>", 1
                )
                headers = MutableHeaders(scope=start)
                headers["content-length"] = str(len(body))
                for name in ("etag", "last-modified"):  # of the file, which this is no longer
                    del headers[name]
                await send(start)
                await send({"type": "http.response.body", "body": body})
                return
            await send(message)

        await self._app(scope, receive, written)


def server_of(path: str) -> str:
    """The line that says where the server is, for a page below its root; at the root a browser asks the right one first."""
    root = f"/{config.get_option('server.baseUrlPath').strip('/')}"
    return _SERVER if path.rstrip("/") not in {"", root} else ""


@cache
def head_of(library: str) -> str:
    """The lines for the document's head: the parts, and the library where there is one."""
    lines = [f'<link rel="modulepreload" crossorigin href="./static/js/{name}">' for name in sorted(_parts())]
    said = _LIBRARY.format(path=library, id=SCRIPT_ID) if library else ""
    return "\n".join(lines) + "\n" + said


def _parts() -> Iterator[str]:
    """The files of PARTS and what they import, without what Streamlit's document names itself."""
    root = Path(file_util.get_static_dir())
    document = (root / "index.html").read_text("utf-8")
    found = [path for part in PARTS for path in (root / "static" / "js").glob(f"{part}.*.js")]
    seen = set(found)
    while found:
        path = found.pop()
        if path.name in document or not path.is_file():
            continue
        yield path.name
        for name in _IMPORTED.findall(path.read_text("utf-8")):
            if (other := path.with_name(name)) not in seen:
                seen.add(other)
                found.append(other)
