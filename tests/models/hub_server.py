"""A small server in the shape of the Hugging Face hub, on loopback, for the real client to talk to.

It knows repositories with branches and commits, gated ones, and connections that break in mid-file. What it does not
imitate: large-file redirects and Xet storage. Every request is kept in ``requests``.
"""

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

_API = re.compile(r"/api/(?P<kind>models|datasets)/(?P<repo>[^/]+/[^/]+|[^/]+)(?:/revision/(?P<revision>.+))?")
_REFS = re.compile(r"/api/models/(?P<repo>[^/]+/[^/]+|[^/]+)/refs")
_TREE = re.compile(r"/api/(?P<kind>models|datasets)/(?P<repo>[^/]+/[^/]+|[^/]+)/tree/(?P<revision>[^/?]+)(?:/.*)?")
_FILE = re.compile(r"/(?:datasets/)?(?P<repo>[^/]+/[^/]+|[^/]+)/resolve/(?P<revision>[^/]+)/(?P<path>.+)")


@dataclass
class Repo:
    """One repository: the files of each commit, the commit of each branch, and who may read the files."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    token: str | None = None  # a private repository: with any other token it does not exist

    def commit(self, files: dict[str, bytes], *, branch: str = "main") -> str:
        """Add a commit with exactly ``files`` and point ``branch`` at it; gives its 40 hex digits."""
        sha = hashlib.sha1(repr((len(self.commits), sorted(files))).encode() + b"".join(files.values())).hexdigest()
        self.commits[sha] = dict(files)
        self.branches[branch] = sha
        return sha

    def commit_folder(self, folder: Path, *, branch: str = "main") -> str:
        """Add a commit with the files of a local folder."""
        return self.commit({p.name: p.read_bytes() for p in folder.iterdir() if p.is_file()}, branch=branch)


@dataclass
class Hub:
    """The server's state, to be changed by a test while it runs."""

    repos: dict[str, Repo] = field(default_factory=dict)
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)  # method, path, Authorization
    break_after: dict[str, int] = field(default_factory=dict)  # file name -> bytes after which the connection breaks
    unlisted_missing: set[str] = field(default_factory=set)  # files that are listed and then are not there
    status: int | None = None  # answer everything with this
    url: str = ""

    def repo(self, name: str, **options: Any) -> Repo:
        """A new repository."""
        self.repos[name] = Repo(**options)
        return self.repos[name]

    def downloads(self, name: str) -> int:
        """How often the content of a file was asked for."""
        return sum(method == "GET" and path.endswith(f"/{name}") for method, path, _ in self.requests)

    def environment(self, cache: Path, **extra: str) -> dict[str, str]:
        """The environment in which a process talks to this hub, with its hub cache in ``cache``."""
        kept = {key: value for key, value in os.environ.items() if not key.startswith(("HF_", "HUGGING"))}
        return {
            **kept,
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(cache),
            "HF_HUB_CACHE": str(cache / "hub"),
            "HF_HUB_DISABLE_TELEMETRY": "1",
            **extra,
        }

    def run(self, code: str, cache: Path, **extra: str) -> subprocess.CompletedProcess[str]:
        """Run Python code in a process of its own that talks to this hub."""
        environment = self.environment(cache, **extra)
        root = str(Path(__file__).resolve().parents[2])
        return subprocess.run(
            [sys.executable, "-c", code], env=environment, cwd=root, capture_output=True, text=True, timeout=240
        )


@contextmanager
def hub_server() -> Iterator[Hub]:
    """The hub, listening on a free port of loopback while the context lasts."""
    hub = Hub()

    class Handler(_Handler):
        state = hub

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    thread.start()
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    state: Hub
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Keep the tests' output clean."""

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.state.requests.append((self.command, path, self.headers.get("Authorization")))
        if self.state.status is not None:
            self._error(self.state.status, "")
        elif found := _TREE.fullmatch(path):
            self._tree(found)
        elif found := _REFS.fullmatch(path):
            self._refs(found)
        elif found := _API.fullmatch(path):
            self._info(found)
        elif found := _FILE.fullmatch(path):
            self._file(found)
        else:
            self._error(404, "RepoNotFound")

    def _repo(self, name: str) -> Repo | None:
        repo = self.state.repos.get(name)
        if repo is None or (repo.token and self.headers.get("Authorization") != f"Bearer {repo.token}"):
            self._error(401, "RepoNotFound")  # the hub does not tell a missing repository from a private one
            return None
        return repo

    def _commit(self, repo: Repo, revision: str) -> str | None:
        sha = repo.branches.get(revision, revision)
        if sha not in repo.commits:
            self._error(404, "RevisionNotFound")
            return None
        return sha

    def _info(self, found: re.Match[str]) -> None:
        repo = self._repo(found["repo"])
        sha = self._commit(repo, found["revision"] or "main") if repo else None
        if repo and sha:
            siblings = [{"rfilename": name} for name in repo.commits[sha]]
            self._json({"id": found["repo"], "sha": sha, "siblings": siblings, "private": False, "tags": []})

    def _refs(self, found: re.Match[str]) -> None:
        if repo := self._repo(found["repo"]):
            branches = [
                {"name": name, "ref": f"refs/heads/{name}", "targetCommit": sha} for name, sha in repo.branches.items()
            ]
            self._json({"branches": branches, "tags": [], "converts": []})

    def _tree(self, found: re.Match[str]) -> None:
        repo = self._repo(found["repo"])
        sha = self._commit(repo, found["revision"]) if repo else None
        if repo and sha:
            entries = [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in repo.commits[sha].items()
            ]
            self._json(entries)

    def _file(self, found: re.Match[str]) -> None:
        repo = self._repo(found["repo"])
        sha = self._commit(repo, found["revision"]) if repo else None
        if not repo or not sha:
            return
        if repo.gated:
            self._error(403, "GatedRepo")
            return
        content = repo.commits[sha].get(found["path"])
        if content is None or found["path"] in self.state.unlisted_missing:
            self._error(404, "EntryNotFound")
            return
        start = 0
        if wanted := re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", "")):
            start = int(wanted[1])
        self.send_response(206 if start else 200)
        self.send_header("ETag", f'"{hashlib.sha1(content).hexdigest()}"')
        self.send_header("X-Repo-Commit", sha)
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        if self.command == "GET":
            self._body(found["path"], content, start)

    def _body(self, path: str, content: bytes, start: int) -> None:
        end = self.state.break_after.get(path)
        self.wfile.write(content[start:end])
        if end is not None and end < len(content):
            self.wfile.flush()
            self.close_connection = True

    def _json(self, value: Any) -> None:
        body = json.dumps(value).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(body)

    def _error(self, status: int, code: str) -> None:
        self.send_response(status)
        if code:
            self.send_header("X-Error-Code", code)
        self.send_header("Content-Length", "0")
        self.end_headers()
