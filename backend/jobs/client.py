"""The client executor: everything is done by a backend service, over HTTP. Specs go down, stored results come back."""

import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Sequence
from typing import Any

from backend import errors
from backend.errors import EmbedscopeError, ServiceError, ServiceLost
from backend.forms.codec import Codec, from_json, read_json
from backend.forms.fingerprint import fingerprint
from backend.forms.signed import HEADER, signed
from backend.store import Store
from backend.store.remembered import Remembered
from backend.textsets.builtin import builtin_table
from backend.textsets.codec import table_from_json
from backend.values.jobs import JobStatus
from backend.values.json_data import Document, Json
from backend.values.local import LocalModels
from backend.values.owned import Belonging
from backend.values.people import NOBODY, asking
from backend.values.preparing import PrepareTask
from backend.values.runs import RunInfo
from backend.values.selections import NamedRows
from backend.values.specs import AnalysisSpec
from backend.values.tasks import BatchTask, Task
from backend.values.texts import Cost, TextSetInfo, TextTable
from backend.values.vectors import VectorsInfo
from backend.version import VERSION_HEADER
from backend.work.library import builtin_name
from backend.work.tasks import kind_of

_TIMEOUT = 30.0
_MOST_BYTES = 2**25  # of the tables of texts that are kept decoded: their rows take a few times as much
_TOLD_SECONDS, _MOST_TOLD = 1.0, 10_000  # for which a page that asks again and again is told the same
_KINDS = {name: kind for name, kind in vars(errors).items() if isinstance(kind, type)}


class ClientExecutor:
    """Asks the service at ``address``; results are kept in ``store``, which may be the service's own folder or not."""

    def __init__(self, store: Store, codec: Codec, *, address: str, token: str) -> None:
        self._store, self._codec = store, codec
        self._address, self._token = address.rstrip("/"), token
        self._shared: bool | None = None
        self.service_version = ""  # as its last answer said
        self._told: dict[tuple[str, str], float] = {}  # which answers are there for whom, and when that was heard
        self._tables: Remembered[TextTable] = Remembered(_MOST_BYTES)

    def start(self, task: Task) -> JobStatus:
        body = json.dumps(self._codec.task_to_json(task)).encode()
        return self._status(self._ask("POST", "/jobs", body))

    def status(self, job_id: str) -> JobStatus | None:
        found = self._ask("GET", f"/jobs/{job_id}", missing=b"null")
        return None if found == b"null" else self._status(found)

    def cancel(self, job_id: str) -> None:
        self._ask("POST", f"/jobs/{job_id}/cancel", b"")

    def jobs(self) -> list[JobStatus]:
        return [
            job for item in json.loads(self._ask("GET", "/jobs")) if (job := read_json(JobStatus, item)) is not None
        ]

    def cost(self, analyses: Sequence[AnalysisSpec]) -> Cost:
        if not analyses:
            return Cost(0, 0, 0, 0, 0.0)
        body = json.dumps(self._codec.task_to_json(BatchTask(tuple(analyses)))).encode()
        found: Cost = from_json(Cost, json.loads(self._ask("POST", "/cost", body)))
        return found

    def fetch(self, task: Task) -> bool:
        """Bring the result into the own store, unless both are one folder."""
        if asking() != NOBODY:
            return self._fetch_for_person(task)
        analyses = kind_of(task).analyses(task)
        here = bool(analyses) and all(self._fetch_result(fingerprint(spec)) for spec in analyses)
        if analyses and not isinstance(task, PrepareTask):  # of which it is written down what could not be done
            return here
        digest = fingerprint(task)
        content = b"" if self._is_shared() else self._ask("GET", f"/results/{digest}", missing=b"")
        if content:
            self._store.set_record(f"task/{digest}", json.loads(content), expire=60.0)
        return here or bool(content)

    def _fetch_result(self, digest: str) -> bool:
        if self._is_shared():
            return self._store.has_result(digest)
        content = self._ask("GET", f"/results/{digest}", missing=b"")
        if content:
            self._store.put_result_bytes(digest, content)
        return bool(content)

    def _fetch_for_person(self, task: Task) -> bool:
        """As ``fetch``: the service is told what is asked for, since a digest does not say who may see what it is of."""
        key = asking().id, fingerprint(task)
        if time.monotonic() - self._told.get(key, -_TOLD_SECONDS) < _TOLD_SECONDS:
            return True
        specs = kind_of(task).analyses(task)
        here = bool(specs) and all(self._bring(spec) for spec in specs)
        if here:
            if len(self._told) > _MOST_TOLD:
                self._told.clear()
            self._told[key] = time.monotonic()
        return here

    def _bring(self, spec: AnalysisSpec) -> bool:
        digest, body = fingerprint(spec), json.dumps(self._codec.task_to_json(spec)).encode()
        whole = not self._is_shared() and not self._store.has_result(digest)
        content = self._ask("POST", "/answers?whole=1" if whole else "/answers", body, missing=b"")
        if content and whole:
            self._store.put_result_bytes(digest, content)
        return bool(content)

    def noted(self, task: Task) -> Json:
        body = json.dumps(self._codec.task_to_json(task)).encode()
        return json.loads(self._ask("POST", "/answers", body, missing=b"null"))

    def look(self, task: AnalysisSpec) -> bytes | None:
        body = json.dumps(self._codec.task_to_json(task)).encode()
        return self._ask("POST", "/looks", body, missing=b"") or None

    def belongings(self) -> list[Belonging]:
        found = [read_json(Belonging, item) for item in json.loads(self._ask("GET", "/belongings"))]
        return [one for one in found if one is not None]

    def share(self, kind: str, key: str, shared: bool) -> None:
        self._told.clear()
        body = {"kind": kind, "key": key, "shared": shared}
        self._ask("POST", "/belongings", json.dumps(body).encode())

    def upload(self, content: bytes, *, vectors: bool = False) -> str:
        return str(json.loads(self._ask("POST", "/vectors" if vectors else "/blobs", content))["digest"])

    def text_sets(self) -> list[TextSetInfo]:
        found = [read_json(TextSetInfo, item) for item in json.loads(self._ask("GET", "/textsets"))]
        return [info for info in found if info is not None]

    def text_table(self, digest: str) -> TextTable:
        known = builtin_name(digest)
        if known is not None:
            return builtin_table(known)  # the same here as there: the digest is of the rows
        if asking() != NOBODY:
            self._ask("GET", f"/textsets/{urllib.parse.quote(digest, safe='')}/line")
        stamp = self._store.texts_stamp(digest)
        table = self._tables.get(digest, stamp)
        if table is None:
            table = table_from_json(self._text(digest))
            self._tables.keep(digest, stamp, table)
        return table

    def _text(self, digest: str) -> str:
        text = self._store.get_texts(digest)
        if text is None:
            text = self._ask("GET", f"/textsets/{urllib.parse.quote(digest, safe='')}").decode()
            if not self._is_shared():
                self._store.put_texts(digest, text, None)
        return text

    def delete_text_set(self, digest: str) -> int:
        answer = json.loads(self._ask("DELETE", f"/textsets/{urllib.parse.quote(digest, safe='')}"))
        self._told.clear()
        if not self._is_shared():
            self._store.remove_texts(digest)
            self._store.forget_answers()  # copies of the service's, for a minute
        return int(answer["n_deleted"])

    def keep_selection(self, runs: list[int]) -> str:
        return str(json.loads(self._ask("POST", "/selections", json.dumps(runs).encode()))["digest"])

    def selection(self, digest: str) -> list[int] | None:
        found = json.loads(self._ask("GET", f"/selections/{urllib.parse.quote(digest, safe='')}", missing=b"null"))
        return None if found is None else [int(row) for row in found]

    def vector_sets(self) -> list[VectorsInfo]:
        found = [read_json(VectorsInfo, item) for item in json.loads(self._ask("GET", "/vectors"))]
        return [info for info in found if info is not None]

    def delete_vectors(self, name: str) -> int:
        return int(json.loads(self._ask("DELETE", f"/vectors/{urllib.parse.quote(name, safe='')}"))["n_bytes"])

    def named_rows(self, table: str) -> list[NamedRows]:
        found = json.loads(self._ask("GET", _selections_of(table)))
        return [one for item in found if (one := read_json(NamedRows, item)) is not None]

    def save_rows(self, table: str, name: str, runs: list[int], story: str) -> NamedRows:
        return self._named("POST", _selections_of(table), {"name": name, "runs": runs, "story": story})

    def rename_rows(self, table: str, name: str, new: str) -> NamedRows:
        return self._named("POST", f"{_selections_of(table)}/name", {"name": name, "new": new})

    def forget_rows(self, table: str, name: str) -> None:
        self._ask("DELETE", _selections_of(table), json.dumps({"name": name}).encode())

    def _named(self, method: str, path: str, data: Document) -> NamedRows:
        found: NamedRows = from_json(NamedRows, json.loads(self._ask(method, path, json.dumps(data).encode())))
        return found

    def runs(self) -> list[RunInfo]:
        return [run for item in json.loads(self._ask("GET", "/runs")) if (run := read_json(RunInfo, item)) is not None]

    def local_models(self) -> LocalModels:
        found: LocalModels | None = read_json(LocalModels, json.loads(self._ask("GET", "/models", missing=b"null")))
        return found or LocalModels()

    def delete_run(self, name: str) -> int:
        return int(json.loads(self._ask("DELETE", f"/runs/{urllib.parse.quote(name, safe='')}"))["n_bytes"])

    def rename_run(self, name: str, new: str) -> RunInfo:
        body = json.dumps({"name": new}).encode()
        renamed: RunInfo = from_json(
            RunInfo, json.loads(self._ask("POST", f"/runs/{urllib.parse.quote(name, safe='')}/name", body))
        )
        return renamed

    def run_log(self, name: str) -> list[Document]:
        return list(json.loads(self._ask("GET", f"/runs/{urllib.parse.quote(name, safe='')}/log")))

    def health(self) -> dict[str, str]:
        return dict(json.loads(self._ask("GET", "/health")))

    def close(self) -> None:
        self._store.close()

    def shares_store(self) -> bool:
        """Whether the own store is the service's folder."""
        return self._is_shared()

    def _is_shared(self) -> bool:
        if self._shared is None:
            self._shared = self.health()["store"] == self._store.id
        return self._shared

    def _status(self, body: bytes) -> JobStatus:
        status: JobStatus = from_json(JobStatus, json.loads(body))
        return status

    def _ask(self, method: str, path: str, body: bytes | None = None, *, missing: bytes | None = None) -> bytes:
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": "application/octet-stream"}
        person = signed(asking(), method, path, self._token)
        if person:
            headers[HEADER] = person
        request = urllib.request.Request(self._address + path, data=body, headers=headers, method=method)
        try:
            with NO_PROXY.open(request, timeout=_TIMEOUT) as answer:
                self.service_version = answer.headers.get(VERSION_HEADER, "")
                return bytes(answer.read())
        except urllib.error.HTTPError as error:
            if error.code == 404 and missing is not None:
                return missing
            raise _service_error(error) from None
        except (OSError, ValueError) as error:
            reason = getattr(error, "reason", error)
            raise ServiceLost(
                f"The backend service at {self._address} cannot be reached: {reason}.",
                "Where 'make run' started it, it is started again at once. Otherwise start it, or correct EMBEDSCOPE_BACKEND.",
            ) from None


NO_PROXY = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # never send the token to a proxy


def _selections_of(table: str) -> str:
    return f"/textsets/{urllib.parse.quote(table, safe='')}/selections"


def _service_error(error: urllib.error.HTTPError) -> EmbedscopeError:
    try:
        data: dict[str, Any] = json.loads(error.read())
        if error.code == 401 and "kind" not in data:
            return ServiceError(
                "The backend service refused the token.", "Set EMBEDSCOPE_TOKEN to the service's token."
            )
        kind = _KINDS.get(data.get("kind", ""), ServiceError)
        made: EmbedscopeError = kind(str(data["message"]), str(data["hint"]))
        return made
    except (ValueError, KeyError, TypeError):
        return ServiceError(f"The backend service answered {error.code}.", "See its log.")
