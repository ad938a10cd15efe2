"""The backend service: jobs, results and text sets over HTTP, for whoever has the token."""

import json
import os
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp

from backend.errors import EmbedscopeError, InvalidRequest, StoreError
from backend.forms.codec import Codec, to_json
from backend.forms.fingerprint import fingerprint
from backend.jobs.base import Executor
from backend.jobs.owned import OwnedExecutor
from backend.jobs.workers import WorkersExecutor
from backend.service.gate import TokenGate, Utf8Json
from backend.service.measures import CONTENT_TYPE, Measures
from backend.settings import Settings
from backend.store import Store
from backend.textsets.codec import table_to_json
from backend.values.people import NOBODY, asking
from backend.values.specs import AnalysisSpec, TextSetSpec
from backend.values.tasks import Task
from backend.version import __version__
from backend.work.allowed import require_room
from backend.work.doors import check_task
from backend.work.library import Library
from backend.work.tasks import kind_of

_MAX_TASK_BYTES = 4 * 1024 * 1024


def make_app(executor: WorkersExecutor, store: Store, codec: Codec, *, token: str, settings: Settings) -> ASGIApp:
    """The service as an ASGI application; every address answers 401 without the token."""
    library = Library(store)
    owned = OwnedExecutor(executor, store, library, settings.runs_folder)
    endpoints = Endpoints(owned, store, library, codec, settings)
    app = Starlette(routes=routes(endpoints), exception_handlers={EmbedscopeError: _refused})
    return TokenGate(app, token)


def routes(endpoints: "Endpoints") -> list[Route]:
    """Every address of the service."""
    return [
        Route("/health", endpoints.health),
        Route("/metrics", endpoints.measures),
        Route("/jobs", endpoints.jobs),
        Route("/jobs", endpoints.start, methods=["POST"]),
        Route("/cost", endpoints.cost, methods=["POST"]),
        Route("/jobs/{id}", endpoints.status),
        Route("/jobs/{id}/cancel", endpoints.cancel, methods=["POST"]),
        Route("/results/{digest}", endpoints.result),
        Route("/answers", endpoints.answer, methods=["POST"]),
        Route("/looks", endpoints.look, methods=["POST"]),
        Route("/belongings", endpoints.belongings),
        Route("/belongings", endpoints.share, methods=["POST"]),
        Route("/runs", endpoints.runs),
        Route("/runs/{name}", endpoints.delete_run, methods=["DELETE"]),
        Route("/runs/{name}/name", endpoints.rename_run, methods=["POST"]),
        Route("/runs/{name}/log", endpoints.run_log),
        Route("/vectors", endpoints.vector_sets),
        Route("/vectors", endpoints.upload_vectors, methods=["POST"]),
        Route("/vectors/{name}", endpoints.delete_vectors, methods=["DELETE"]),
        Route("/models", endpoints.local_models),
        Route("/selections", endpoints.keep_selection, methods=["POST"]),
        Route("/selections/{digest}", endpoints.selection),
        Route("/blobs", endpoints.upload, methods=["POST"]),
        Route("/textsets", endpoints.text_sets),
        Route("/textsets/{digest}", endpoints.text_table),
        Route("/textsets/{digest}", endpoints.delete_text_set, methods=["DELETE"]),
        Route("/textsets/{digest}/line", endpoints.text_line),
        Route("/textsets/{digest}/selections", endpoints.named_rows),
        Route("/textsets/{digest}/selections", endpoints.save_rows, methods=["POST"]),
        Route("/textsets/{digest}/selections", endpoints.forget_rows, methods=["DELETE"]),
        Route("/textsets/{digest}/selections/name", endpoints.rename_rows, methods=["POST"]),
    ]


class Endpoints:
    """One method for each address; anything that touches the disk runs in a thread."""

    def __init__(self, executor: Executor, store: Store, library: Library, codec: Codec, settings: Settings) -> None:
        self._executor, self._store, self._library = executor, store, library
        self._codec, self._settings = codec, settings
        self._measures = Measures(executor, store, settings.cache_bytes)

    async def measures(self, request: Request) -> Response:
        """What a Prometheus server reads, for whoever runs the machine or looks after the instance."""
        if asking() != NOBODY and not asking().admin:
            return _missing("page")
        return Response(await run_in_threadpool(self._measures.text), media_type=CONTENT_TYPE)

    async def health(self, request: Request) -> Response:
        roots = os.pathsep.join(map(str, self._settings.model_roots))
        return Utf8Json(
            {
                "status": "ok",
                "version": __version__,
                "model_roots": roots,
                **await run_in_threadpool(self._executor.health),
            }
        )

    async def jobs(self, request: Request) -> Response:
        jobs = await run_in_threadpool(self._executor.jobs)
        return Utf8Json([to_json(job, {}) for job in jobs])

    async def start(self, request: Request) -> Response:
        task = await self._task(request)
        job = await run_in_threadpool(self._executor.start, task)
        self._measures.asked(stored=job.state == "done")
        return Utf8Json(to_json(job, {}))

    async def cost(self, request: Request) -> Response:
        task = await self._task(request)
        await run_in_threadpool(check_task, task)
        analyses = kind_of(task).analyses(task)
        return Utf8Json(to_json(await run_in_threadpool(self._executor.cost, analyses), {}))

    async def _task(self, request: Request) -> Task:
        """The task in the body of a request; raises InvalidRequest where there is none."""
        data = await _json(request, "Send a task as JSON.")
        try:
            return self._codec.task_from_json(data)
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
            raise InvalidRequest(
                f"That is not a task: {error}.", "Send a file exported from a page or written by --out."
            ) from None

    async def status(self, request: Request) -> Response:
        job = await run_in_threadpool(self._executor.status, request.path_params["id"])
        return _missing("job") if job is None else Utf8Json(to_json(job, {}))

    async def cancel(self, request: Request) -> Response:
        await run_in_threadpool(self._executor.cancel, request.path_params["id"])
        return Utf8Json({"status": "ok"})

    async def answer(self, request: Request) -> Response:
        """The answer to a task that is there for who asks; of an analysis whether it is, or with ``whole`` its file."""
        task = await self._task(request)
        await run_in_threadpool(check_task, task)
        if not kind_of(task).analyses(task):
            noted = await run_in_threadpool(self._executor.noted, task)
            return _missing("result") if noted is None else Utf8Json(noted)
        if not await run_in_threadpool(self._executor.fetch, task):
            return _missing("result")
        if "whole" not in request.query_params:
            return Utf8Json({"status": "ok"})
        content = await run_in_threadpool(self._store.result_bytes, fingerprint(task))
        return _missing("result") if content is None else Response(content, media_type="application/octet-stream")

    async def look(self, request: Request) -> Response:
        """What is shown of an analysis before it is done, or of the pass that it waits for, for who asked for that analysis."""
        task = await self._task(request)
        await run_in_threadpool(check_task, task)
        content = await run_in_threadpool(self._executor.look, task) if isinstance(task, AnalysisSpec) else None
        return _missing("look") if content is None else Response(content, media_type="application/octet-stream")

    async def belongings(self, request: Request) -> Response:
        found = await run_in_threadpool(self._executor.belongings)
        return Utf8Json([to_json(one, {}) for one in found])

    async def share(self, request: Request) -> Response:
        data = await _object(request)
        kind, key, shared = str(data.get("kind", "")), str(data.get("key", "")), data.get("shared") is True
        await run_in_threadpool(self._executor.share, kind, key, shared)
        return Utf8Json({"status": "ok"})

    async def result(self, request: Request) -> Response:
        """A result by its digest, for whoever runs the machine: it does not say who may see what it is of."""
        if asking() != NOBODY:
            return _missing("result")
        digest = request.path_params["digest"]
        content = await run_in_threadpool(self._store.result_bytes, digest)
        if content is not None:
            return Response(content, media_type="application/octet-stream")
        record = await run_in_threadpool(self._store.record, f"task/{digest}")
        return _missing("result") if record is None else Utf8Json(record)

    async def upload(self, request: Request) -> Response:
        content = await _body(request, self._settings.max_upload_bytes)
        await run_in_threadpool(require_room, self._store, self._settings, len(content))
        return Utf8Json({"digest": await run_in_threadpool(self._executor.upload, content)})

    async def upload_vectors(self, request: Request) -> Response:
        content = await _body(request, self._settings.max_vector_bytes, "EMBEDSCOPE_MAX_VECTOR_BYTES")
        await run_in_threadpool(require_room, self._store, self._settings, len(content))
        return Utf8Json({"digest": await run_in_threadpool(self._executor.upload, content)})

    async def keep_selection(self, request: Request) -> Response:
        runs = await _json(request, "Send a list of numbers as JSON.")
        return Utf8Json({"digest": await run_in_threadpool(self._executor.keep_selection, runs)})

    async def selection(self, request: Request) -> Response:
        runs = await run_in_threadpool(self._executor.selection, request.path_params["digest"])
        return _missing("selection") if runs is None else Utf8Json(runs)

    async def named_rows(self, request: Request) -> Response:
        found = await run_in_threadpool(self._executor.named_rows, request.path_params["digest"])
        return Utf8Json([to_json(one, {}) for one in found])

    async def save_rows(self, request: Request) -> Response:
        table, data = request.path_params["digest"], await _object(request)
        asked = data.get("name", ""), data.get("runs", []), data.get("story", "")
        return Utf8Json(to_json(await run_in_threadpool(self._executor.save_rows, table, *asked), {}))

    async def rename_rows(self, request: Request) -> Response:
        table, data = request.path_params["digest"], await _object(request)
        asked = data.get("name", ""), data.get("new", "")
        return Utf8Json(to_json(await run_in_threadpool(self._executor.rename_rows, table, *asked), {}))

    async def forget_rows(self, request: Request) -> Response:
        table, data = request.path_params["digest"], await _object(request)
        await run_in_threadpool(self._executor.forget_rows, table, data.get("name", ""))
        return Utf8Json({"status": "ok"})

    async def runs(self, request: Request) -> Response:
        runs = await run_in_threadpool(self._executor.runs)
        return Utf8Json([to_json(run, {}) for run in runs])

    async def vector_sets(self, request: Request) -> Response:
        infos = await run_in_threadpool(self._executor.vector_sets)
        return Utf8Json([to_json(info, {}) for info in infos])

    async def delete_vectors(self, request: Request) -> Response:
        n_bytes = await run_in_threadpool(self._executor.delete_vectors, request.path_params["name"])
        return Utf8Json({"n_bytes": n_bytes})

    async def local_models(self, request: Request) -> Response:
        return Utf8Json(to_json(await run_in_threadpool(self._executor.local_models), {}))

    async def delete_run(self, request: Request) -> Response:
        n_bytes = await run_in_threadpool(self._executor.delete_run, request.path_params["name"])
        return Utf8Json({"n_bytes": n_bytes})

    async def rename_run(self, request: Request) -> Response:
        data = await _json(request, "Send the new name as JSON.")
        new = str(data.get("name", "")) if isinstance(data, dict) else ""
        run = await run_in_threadpool(self._executor.rename_run, request.path_params["name"], new)
        return Utf8Json(to_json(run, {}))

    async def run_log(self, request: Request) -> Response:
        return Utf8Json(await run_in_threadpool(self._executor.run_log, request.path_params["name"]))

    async def text_sets(self, request: Request) -> Response:
        infos = await run_in_threadpool(self._executor.text_sets)
        return Utf8Json([to_json(info, {}) for info in infos])

    async def text_table(self, request: Request) -> Response:
        table = await run_in_threadpool(self._executor.text_table, request.path_params["digest"])
        return Response(table_to_json(table), media_type="application/json")

    async def text_line(self, request: Request) -> Response:
        """Whether a text set is there for who asks, without its rows."""
        spec = TextSetSpec(request.path_params["digest"][:10], "", 0, table=request.path_params["digest"])
        found = await run_in_threadpool(self._library.spec, spec)
        return Utf8Json(to_json(found, {}))

    async def delete_text_set(self, request: Request) -> Response:
        n_deleted = await run_in_threadpool(self._executor.delete_text_set, request.path_params["digest"])
        return Utf8Json({"n_deleted": n_deleted})


async def _json(request: Request, hint: str) -> Any:  # whatever was sent
    body = await _body(request, _MAX_TASK_BYTES)
    try:
        data = json.loads(body)
        if not body.isascii() or b"\\u" in body:
            json.dumps(data, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise InvalidRequest("A text in the request holds half of a surrogate pair.", "Write it in UTF-8.") from None
    except (ValueError, RecursionError):
        raise InvalidRequest("The request is not JSON.", hint) from None
    return data


async def _object(request: Request) -> dict[str, Any]:
    data = await _json(request, "Send an object as JSON.")
    return data if isinstance(data, dict) else {}


async def _body(request: Request, limit: int, setting: str = "EMBEDSCOPE_MAX_UPLOAD_BYTES") -> bytes:
    content = bytearray()
    async for chunk in request.stream():
        content += chunk
        if len(content) > limit:
            raise InvalidRequest(
                f"The request is larger than {limit / 2**20:.0f} MB.",
                f"Send less, or raise {setting}.",
            )
    return bytes(content)


def _missing(what: str) -> Response:
    return Utf8Json({"message": f"There is no such {what}.", "hint": "Ask for it again."}, status_code=404)


async def _refused(request: Request, error: Any) -> Response:
    body = {"kind": type(error).__name__, "message": error.message, "hint": error.hint}
    return Utf8Json(body, status_code=400 if not isinstance(error, StoreError) else 422)
