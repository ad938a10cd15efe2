"""Generated tasks and recipes at the door of the service: each is taken, or refused with a message; none is an error."""

import json
import os
import time
from collections.abc import Iterator
from typing import Any

import pytest

from backend import EmbedscopeError, Settings
from backend.bench.wiring import CODEC
from backend.bench.workbench import Workbench
from backend.jobs.base import new_job
from backend.jobs.workers import WorkersExecutor
from backend.service.app import make_app
from backend.store import Store
from backend.values.jobs import JobStatus
from backend.values.tasks import Task
from backend.work.library import Library
from tests.attacks.made import WORDS
from tests.attacks.payloads import WILD, task_text
from tests.guards import guarded
from tests.loops import run_apart

PAYLOADS = int(os.environ.get("EMBEDSCOPE_TEST_PAYLOADS", "2000"))
KINDS, PARAMS = dict(CODEC.tasks), dict(CODEC.params)


class _Door(WorkersExecutor):
    """Everything that happens to a task before it is queued."""

    def start(self, task: Task) -> JobStatus:
        self.admit(task)
        return new_job(task)


@pytest.fixture
def door(settings: Settings) -> Iterator[Any]:
    store = Store(settings.cache, budget=settings.cache_bytes)
    executor = _Door(store, Library(store), CODEC, settings.cache / "runs")
    yield make_app(executor, store, CODEC, token="t", settings=settings)
    executor.close()


async def _asked(app: Any, path: str, body: bytes) -> tuple[int, bytes]:
    said: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        said.append(message)

    headers = [(b"authorization", b"Bearer t"), (b"content-type", b"application/json")]
    scope = {
        "type": "http",
        "method": "POST",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "headers": headers,
    }
    await app(
        {**scope, "http_version": "1.1", "scheme": "http", "server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2)},
        receive,
        send,
    )
    return said[0]["status"], b"".join(message.get("body", b"") for message in said[1:])


def test_generated_tasks_are_taken_or_refused(door: Any) -> None:
    async def ask_all() -> dict[int, int]:
        counts: dict[int, int] = {}
        for seed in range(PAYLOADS):
            text, began = task_text(KINDS, PARAMS, seed), time.process_time()
            try:
                status, body = await _asked(
                    door, "/jobs" if seed % 4 else "/cost", text.encode("utf-8", "surrogatepass")
                )
            except Exception as error:
                raise AssertionError(f"task {seed}: {type(error).__name__}: {error}\n{text[:600]}") from error
            assert status in (200, 400, 404), (seed, status, text[:600])
            said = json.loads(body)
            assert status == 200 or (said["message"].strip() and len(said["message"]) < 3_000), (seed, said)
            assert time.process_time() - began < 5, seed
            counts[status] = counts.get(status, 0) + 1
        return counts

    with guarded("tasks", seconds=60):
        counts = run_apart(ask_all())
    assert counts[200] > PAYLOADS // 50 and counts[400] > PAYLOADS // 4, counts


def test_generated_recipes_are_read_or_refused(bench: Workbench) -> None:
    kinds = {"AnalysisSpec": KINDS["AnalysisSpec"]}
    found = 0
    for seed in range(PAYLOADS // 4):
        try:
            data = json.loads(task_text(kinds, PARAMS, seed))
        except (ValueError, RecursionError):  # brackets deeper than Python's own reader goes
            continue
        try:
            bench.recipe(bench.from_recipe(data))
            found += 1
        except EmbedscopeError as error:
            assert error.message and len(error.message) < 3_000
    assert found > PAYLOADS // 50


@pytest.mark.parametrize(
    "path", ["/selections", "/textsets/{}/selections", "/textsets/{}/selections/name", "/runs/{}/name"]
)
def test_other_bodies_are_refused_too(path: str, door: Any) -> None:
    bodies = [json.dumps(value) for value in (*WILD, *WORDS)]
    bodies += [json.dumps({"name": a, "new": b, "runs": [[a, b]], "rows": [b, a]}) for a in WILD for b in WILD[::3]]
    for body in bodies:
        status, said = run_apart(_asked(door, path.format("a" * 40), body.encode("utf-8", "surrogatepass")))
        assert status in (200, 400, 404, 405) and json.loads(said) is not None, (body, status)
