"""A small server on loopback with the hub's addresses for data sets, so that the real client can be tested offline."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

COMMIT = "1" * 40
Files = dict[str, bytes]


@contextmanager
def hub_server(datasets: dict[str, Files], *, gated: tuple[str, ...] = ()) -> Iterator[str]:
    """Serve ``datasets`` (name -> path in the repository -> content); yields the address for HF_ENDPOINT."""

    class Handler(_Handler):
        repositories = datasets
        closed = gated

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    repositories: ClassVar[dict[str, Files]]
    closed: ClassVar[tuple[str, ...]]
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = unquote(urlsplit(self.path).path)
        api = re.fullmatch(r"/api/datasets/([\w.-]+/[\w.-]+)(?:/(revision|tree|paths-info)/([^/]+)(?:/(.*))?)?", path)
        file = re.fullmatch(r"/datasets/([\w.-]+/[\w.-]+)/resolve/([^/]+)/(.+)", path)
        match = api or file
        if match is None or match[1] not in self.repositories:
            return self._refuse(404, "RepoNotFound")
        files = self.repositories[match[1]]
        if file and match[1] in self.closed:  # the hub describes a gated data set to everybody, and keeps its files
            return self._refuse(403, "GatedRepo")
        if file:
            return self._file(files, file[3])
        if api and api[2] == "tree":
            return self._json(_tree(files, api[4] or "", recursive="recursive=true" in self.path.lower()))
        if api and api[2] == "paths-info":
            return self._json([entry for entry in _tree(files, "", recursive=True) if entry["path"] in _asked(body)])
        siblings = [{"rfilename": name} for name in files]
        return self._json({"id": match[1], "sha": COMMIT, "siblings": siblings, "tags": [], "private": False})

    def _file(self, files: Files, name: str) -> None:
        if name not in files:
            return self._refuse(404, "EntryNotFound")
        content = files[name]
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        self.send_response(206 if asked else 200)
        if asked:
            stop = min(int(asked[2] or len(content)) + 1, len(content))
            self.send_header("Content-Range", f"bytes {asked[1]}-{stop - 1}/{len(content)}")
            content = content[int(asked[1]) : stop]
        self.send_header("ETag", f'"{hashlib.sha256(files[name]).hexdigest()}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.send_header("Accept-Ranges", "bytes")
        return self._send(content)

    def _json(self, value: Any) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self._send(json.dumps(value).encode())

    def _refuse(self, status: int, code: str) -> None:
        self.send_response(status)
        self.send_header("X-Error-Code", code)
        self._send(b"{}")

    def _send(self, content: bytes) -> None:
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)


def _tree(files: Files, folder: str, *, recursive: bool) -> list[dict[str, Any]]:
    """Entries below ``folder``: its files and folders, or all below it."""
    start = f"{folder.rstrip('/')}/" if folder else ""
    entries: dict[str, dict[str, Any]] = {}
    for name, content in files.items():
        if not name.startswith(start):
            continue
        parts = name.removeprefix(start).split("/")
        for depth in range(1, len(parts)):
            path = start + "/".join(parts[:depth])
            if recursive or depth == 1:
                entries[path] = {"type": "directory", "oid": "0" * 40, "size": 0, "path": path}
        if recursive or len(parts) == 1:
            oid = hashlib.sha1(content, usedforsecurity=False).hexdigest()
            entries[name] = {"type": "file", "oid": oid, "size": len(content), "path": name}
    return list(entries.values())


def _asked(body: bytes) -> list[str]:
    text = body.decode()
    if text.startswith("{"):
        paths = json.loads(text)["paths"]
        return paths if isinstance(paths, list) else [paths]
    return [unquote(value) for key, _, value in (part.partition("=") for part in text.split("&")) if key == "paths"]
