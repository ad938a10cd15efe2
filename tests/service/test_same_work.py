"""The time of an answer says nothing: for what is another's the service does the very work that it does for what is not there.

No clock is read. Every function of the backend that is called while a request is answered is counted, and every file that is
opened, looked for or listed on the way; for a digest of Ada's and for one of nobody's Ben's requests must count the same. Once in
a process that has met neither, and once in one that Ada has just asked for the same, which remembers what it read for her.
"""

import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

import backend
from backend import read_settings
from backend.bench.wiring import CODEC, wire_workbench
from backend.bench.workbench import Workbench
from backend.forms.signed import HEADER, signed
from backend.service import app as service_app
from backend.values.people import Person
from backend.values.specs import TextSetSpec
from backend.values.tasks import Task
from tests.conftest import Service
from tests.loops import run_apart
from tests.service.things import ADA, BEN, NAMED, Things, absent, tasks_about

HERE = str(Path(backend.__file__).parent)
FILES = {"open", "stat", "lstat", "listdir", "scandir", "read", "readall", "fstat", "loads", "execute"}
TOKEN = "a-token-for-tests"
Asked = tuple[str, str, bytes | None]  # method, path and body


class Counted:
    """The service in this process, over a cache folder that is there."""

    def __init__(self, cache: Path) -> None:
        settings = replace(read_settings(), cache=cache, backend="", runs=cache / "runs", device="cpu")
        self._bench = wire_workbench(settings)
        made: Any = self._bench._executor
        self._app = service_app.make_app(made, self._bench._store, CODEC, token=TOKEN, settings=settings)
        self.work: Counter[str] = Counter()

    def ask(self, person: Person, asked: Asked) -> int:
        """The status of an answer; ``work`` says what was done for it."""
        method, path, body = asked
        head = {"authorization": f"Bearer {TOKEN}", HEADER.lower(): signed(person, method, path, TOKEN)}
        scope = {
            "type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b"", "root_path": "",
            "headers": [(name.encode(), value.encode()) for name, value in head.items()], "http_version": "1.1",
            "scheme": "http", "server": ("127.0.0.1", 80), "client": ("127.0.0.1", 1), "state": {},
        }  # fmt: skip
        statuses: list[int] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body or b"", "more_body": False}

        async def send(message: Any) -> None:
            statuses.extend([message["status"]] if message["type"] == "http.response.start" else [])

        async def answered() -> None:
            with _counting(self.work):
                await self._app(scope, receive, send)  # type: ignore[arg-type]

        self.work = Counter()
        run_apart(answered())
        return statuses[0]

    def close(self) -> None:
        self._bench.close()


@contextmanager
def _counting(work: Counter[str]) -> Iterator[None]:
    def seen(frame: FrameType, event: str, what: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(HERE):
            work[f"{code.co_filename.removeprefix(HERE)}: {code.co_qualname}"] += 1
        elif event == "c_call" and what.__name__ in FILES:
            work[what.__name__] += 1

    before = sys.getprofile()
    sys.setprofile(seen)
    try:
        yield
    finally:
        sys.setprofile(before)


@pytest.fixture(autouse=True)
def in_this_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    async def here(call: Callable[..., Any], *arguments: Any) -> Any:
        return call(*arguments)

    monkeypatch.setattr(service_app, "run_in_threadpool", here)


def compare(cache: Path, pairs: list[tuple[Asked, Asked]], *, remembered: bool) -> None:
    """Both of each pair, each in a service of its own, twice; ``remembered``: after Ada has asked for hers."""
    for real, unreal in pairs:
        counts = []
        for asked in (unreal, real, unreal):  # the first warms up what all services of a process share
            counted = Counted(cache)
            try:
                if remembered:
                    counted.ask(ADA, real)
                for _ in range(2):
                    status = counted.ask(BEN, asked)
                    counts.append((status, counted.work))
            finally:
                counted.close()
        for (status, work), (other, expected) in zip(counts[2:4], counts[4:], strict=True):
            assert status == other, (real, status, other)
            assert sum(work.values()) > 10, "nothing was counted"
            differ = {name: (work[name], expected[name]) for name in work | expected if work[name] != expected[name]}
            assert not differ, (real[:2], "what is another's, and what is not there", differ)


@pytest.mark.parametrize("remembered", [False, True])
@pytest.mark.parametrize(("method", "path"), sorted(key for key in NAMED if key != ("GET", "/metrics")))
def test_an_address_does_the_same_for_what_is_anothers_and_what_is_not_there(
    service: Service, ada: Things, method: str, path: str, remembered: bool
) -> None:
    if remembered and method != "GET":
        return  # Ada would change what she has
    sent = [
        [
            (method, place, None if body is None else json.dumps(body).encode())
            for place, body in NAMED[method, path](of)
        ]
        for of in (ada, absent(ada))
    ]
    compare(service.cache, list(zip(*sent, strict=True)), remembered=remembered)


@pytest.mark.parametrize("path", ["/answers", "/cost", "/looks"])
def test_a_task_about_what_is_anothers_costs_the_same_as_one_about_nothing(
    service: Service, front: Workbench, ada: Things, bens: TextSetSpec, path: str
) -> None:
    for kind, tasks in tasks_about(ada, bens).items():
        others = tasks_about(absent(ada), bens)[kind]
        pairs = [(_sent(path, one), _sent(path, other)) for one, other in zip(tasks, others, strict=True)]
        for remembered in (False, True):
            compare(service.cache, pairs, remembered=remembered)


def _sent(path: str, task: Task) -> Asked:
    return "POST", path, json.dumps(CODEC.task_to_json(task)).encode()
