"""Two people on one instance: what belongs to one is not there for the other, whatever is asked and however.

Every address of the service and every kind of task is gone through, so that a new one fails here until it has its line.
What Ben is answered about Ada's things must be, to the letter, what he is answered about things that do not exist.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from backend import EmbedscopeError, InvalidRequest, open_workbench, read_settings
from backend.bench.wiring import CODEC
from backend.bench.workbench import Workbench
from backend.forms.signed import HEADER, signed
from backend.models.runfolder import RunFolder
from backend.service.app import routes
from backend.store.owners import Owners
from backend.values.models import ModelInfo
from backend.values.people import NOBODY, Person, asked_by
from backend.values.recipes import recipe
from backend.values.runs import RunInfo
from backend.values.specs import TextSetSpec
from backend.values.tasks import (
    ResolveTask,
    Task,
)
from backend.work.seen import BLOBS, TABLES
from backend.work.tasks import TASKS
from tests.conftest import Service
from tests.service.things import LISTS, NAMED, SECRET, TASKS_GO_TO, UPLOADS, Things, absent, analysis, tasks_about

ADA, BEN = Person("ada@here.org", "Ada"), Person("ben@here.org", "Ben")
BOSS = Person("boss@here.org", "The boss", admin=True)
ROWS = "text,label\n" + "".join(f"the xylophonist in row {row},{'ab'[row % 2]}\n" for row in range(20))


@pytest.fixture(scope="module")
def bench(service: Service, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workbench]:
    """One workbench that shares the service's cache folder, as the dashboard does, for everyone."""
    settings = replace(read_settings(), cache=service.cache, backend=service.address, token=service.token)
    workbench = open_workbench(settings)
    yield workbench
    for one in workbench.belongings():  # other tests use the service too, and see everything
        delete = {"texts": workbench.delete_text_set, "runs": workbench.delete_run}.get(one.kind)
        if delete is not None:
            delete(one.key)
    for vectors in [one.name for one in workbench.vector_sets() if one.name == "adas-vectors"]:
        workbench.delete_vectors(vectors)
    workbench.close()


@pytest.fixture(scope="module")
def ada(bench: Workbench, service: Service, tmp_path_factory: pytest.TempPathFactory) -> Things:
    """What Ada has: a text set with a result, vectors, a run, selections, an upload and the job that read it."""
    file = tmp_path_factory.mktemp("ada") / "rows.csv"
    file.write_text(ROWS)
    with asked_by(ADA):
        info = bench.read_texts(file, text="text", label="label", name=SECRET)
        vectors = bench.add_vectors(np.random.default_rng(0).normal(size=(20, 4)), name="adas-vectors", texts=info)
        result = bench.compute("anisotropy", model=vectors, texts=info)
        kept = bench.keep_rows([1, 2, 5])
        bench.save_rows(info, "the odd ones", [3, 5])
        blob = bench.upload(ROWS.encode())
        labels = bench._labels(info, "label").digest
        job = next(job for job in bench.jobs() if job.kind == "AnalysisSpec")
        runs = service.cache / "runs"
        Owners(service.cache).add("runs", "adas-run", new=True)
    (runs / "adas-run").mkdir(parents=True)
    RunFolder(runs, "adas-run").write(
        RunInfo(
            "adas-run",
            "f" * 40,
            "minilm",
            "e" * 40,
            SECRET,
            info.spec.table,
            "text",
            "label",
            ("a", "b"),
            recipe("gptology", {}),
            state="done",
        )
    )
    assert result.sources[0].texts == SECRET
    spec = info.spec
    return Things(
        spec.table, spec.digest, labels, "adas-vectors", vectors.spec.commit, "adas-run", "e" * 40, runs,
        kept, "the odd ones", blob, job.id, job.id,
    )  # fmt: skip


@pytest.fixture(scope="module")
def bens(bench: Workbench) -> TextSetSpec:
    """A text set of Ben's own."""
    with asked_by(BEN):
        return bench.add_texts([f"a text of my own, number {row}" for row in range(20)], name="mine").spec


def ask(service: Service, person: Person, method: str, path: str, body: bytes | None = None) -> tuple[int, str]:
    """What the service answers to one person."""
    headers = {"Authorization": f"Bearer {service.token}", HEADER: signed(person, method, path, service.token)}
    if person == NOBODY:
        del headers[HEADER]
    request = urllib.request.Request(service.address + path, data=body, headers=headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode("utf-8", "replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode("utf-8", "replace")


def _same_but_for_names(answer: str, of: Things) -> str:
    for number, value in enumerate(of.values()):
        answer = (
            answer.replace(value, f"<{number}>").replace(value[:12], f"<{number}>").replace(value[:10], f"<{number}>")
        )
    return answer


def test_every_address_and_every_kind_of_task_has_its_line_here(ada: Things, bens: TextSetSpec) -> None:
    class Anything:
        def __getattr__(self, name: str) -> Any:
            return lambda request: None

    known = {
        (method, route.path) for route in routes(Anything()) for method in (route.methods or ()) if method != "HEAD"
    }  # type: ignore[arg-type]
    covered = {("GET", path) for path in LISTS} | set(NAMED) | TASKS_GO_TO | UPLOADS
    assert known == covered
    assert set(tasks_about(ada, bens)) == set(TASKS)
    digests = {"metric", "name", "dtype", "file_name", "path", "config", "split", "column", "said", "title", "format"}
    for kind in TASKS:
        strings = {
            name for name, hint in kind.__annotations__.items() if str(hint) in ("str", "<class 'str'>", "str | None")
        }
        assert strings <= digests | set(TABLES) | set(BLOBS) | {"pooling"}, f"{kind.__name__} names something new"


@pytest.mark.parametrize("person", [BEN, BOSS], ids=lambda one: one.name)
def test_no_list_says_anything_of_what_is_anothers(service: Service, ada: Things, person: Person) -> None:
    for path in sorted(LISTS):
        status, answer = ask(service, person, "GET", path)
        assert status == 200
        said = [value for value in (*ada.values(), SECRET, "xylophonist", ADA.id) if value in answer]
        # An administrator sees that there are jobs, whose ids are digests of what was asked for
        assert not [value for value in said if not (path == "/jobs" and person == BOSS and value == ada.job)], path
    if person == BOSS:
        jobs = json.loads(ask(service, person, "GET", "/jobs")[1])
        (one,) = [job for job in jobs if job["id"] == ada.job]
        assert one["title"] == "somebody else's job" and one["choice"] is None and one["state"] == "done"


@pytest.mark.parametrize(("method", "path"), sorted(NAMED))
def test_what_is_anothers_is_answered_like_what_does_not_exist(
    service: Service, ada: Things, method: str, path: str
) -> None:
    nothing = absent(ada)
    for (real, body), (unreal, other) in zip(NAMED[method, path](ada), NAMED[method, path](nothing), strict=True):
        sent = [None if one is None else json.dumps(one).encode() for one in (body, other)]
        found, missing = ask(service, BEN, method, real, sent[0]), ask(service, BEN, method, unreal, sent[1])
        assert found[0] == missing[0], (real, found, missing)
        assert _same_but_for_names(found[1], ada) == _same_but_for_names(missing[1], nothing)
        assert "xylophonist" not in found[1] and SECRET not in found[1]


@pytest.mark.parametrize("kind", sorted(TASKS, key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__)
def test_a_task_about_what_is_anothers_is_refused_like_one_about_nothing(
    service: Service, ada: Things, bens: TextSetSpec, kind: type[Task]
) -> None:
    nothing = absent(ada)
    pairs = zip(tasks_about(ada, bens)[kind], tasks_about(nothing, bens)[kind], strict=True)
    for task, other in pairs:
        for path in ("/answers", "/cost", "/jobs"):
            sent = [json.dumps(CODEC.task_to_json(one)).encode() for one in (task, other)]
            found, missing = (ask(service, BEN, "POST", path, one) for one in sent)
            if path == "/jobs" and found[0] == missing[0] == 200:  # a job that fails: with the same words
                found, missing = (_end(service, json.loads(one[1])["id"]) for one in (found, missing))
            assert found[0] == missing[0], (path, task, found, missing)
            assert found[0] >= 400 or path == "/cost", (path, task, found)
            assert _same_but_for_names(found[1], ada) == _same_but_for_names(missing[1], nothing), (path, task)


def _end(service: Service, job: str) -> tuple[int, str]:
    for _ in range(300):
        state = json.loads(ask(service, BEN, "GET", f"/jobs/{job}")[1])
        if state["state"] not in ("queued", "running"):
            assert state["state"] == "failed"
            return 400, f"{state['error']} {state['hint']}"
        time.sleep(0.1)
    raise TimeoutError(job)


def test_what_ada_has_is_there_for_ada_and_for_whoever_runs_the_machine(
    bench: Workbench, service: Service, ada: Things
) -> None:
    for person in (ADA, NOBODY):
        with asked_by(person):
            info = bench.text_set_info(ada.table)
            assert "xylophonist" in bench.text_set(info).texts[0]
            assert bench.peek(analysis(ada.given, info.spec)) is not None
            assert [run.name for run in bench.runs()] == ["adas-run"]
            assert bench.kept_rows(ada.selection) == (1, 2, 5)
            assert ada.job in [job.id for job in bench.jobs()]
    with asked_by(ADA):
        assert [one.name for one in bench.saved_rows(info)] == ["the odd ones"]


def test_the_workbench_of_the_dashboard_reads_nothing_of_anothers_from_the_shared_folder(
    bench: Workbench, ada: Things, bens: TextSetSpec
) -> None:
    spec = analysis(ada.given, ada.spec)
    with asked_by(ADA):
        info, model = bench.text_set_info(ada.table), bench.model(f"vectors:{ada.vectors}")
        assert bench.peek(spec) is not None and bench.is_cached(spec.inputs)
    with asked_by(BEN):
        assert bench.peek(spec) is None and not bench.is_cached(spec.inputs)
        assert bench.peek(ResolveTask(f"vectors:{ada.vectors}")) is None
        assert bench.stored_vectors(model, info, layer=0, pooling="given") is None
        assert bench.kept_rows(ada.selection) is None
        for read in (lambda: bench.text_set(ada.table), lambda: bench.text_set(info), lambda: bench.cost([spec])):
            with pytest.raises(EmbedscopeError, match="not in the store"):
                read()
        assert isinstance(model, ModelInfo) and bens.table in [one.spec.table for one in bench.text_sets()]


def test_shared_with_everyone_and_taken_back(bench: Workbench, service: Service, ada: Things) -> None:
    spec = analysis(ada.given, ada.spec)
    shared = (("texts", ada.table), ("vectors", ada.commit), ("runs", ada.run), ("selections", ada.selection))
    for kind, key in (*shared, ("selections", f"{ada.table}/{ada.rows}")):
        with asked_by(ADA):
            bench.share(kind, key)
    with asked_by(BEN):
        info = bench.text_set_info(ada.table)
        assert bench.peek(spec) is not None, "what was computed for Ada is not computed again"
        assert bench.kept_rows(ada.selection) == (1, 2, 5)
        assert [one.name for one in bench.saved_rows(info)] == [ada.rows]
        owners = {(one.kind, one.key): one.owned.owners for one in bench.belongings()}
        assert owners["texts", ada.table] == owners["runs", ada.run] == (ADA.id,)
        for change in (
            lambda: bench.delete_text_set(ada.table), lambda: bench.delete_vectors(ada.vectors),
            lambda: bench.delete_run(ada.run), lambda: bench.rename_run(ada.run, "mine-now"),
            lambda: bench.forget_rows(info, ada.rows), lambda: bench.share("texts", ada.table, False),
        ):  # fmt: skip
            with pytest.raises(EmbedscopeError, match="not yours"):
                change()
        assert ada.job not in [job.id for job in bench.jobs()], "a job is seen by those who asked for it"
    for kind, key in (*shared, ("selections", f"{ada.table}/{ada.rows}")):
        with asked_by(ADA):
            bench.share(kind, key, False)
    with asked_by(BEN):
        time.sleep(1.1)  # a page is told the same for a second
        assert bench.peek(spec) is None and bench.kept_rows(ada.selection) is None
        with pytest.raises(InvalidRequest, match="no text set"):
            bench.text_set_info(ada.table)


def test_the_same_upload_of_two_people_is_both_of_theirs_until_the_last_deletes_it(
    bench: Workbench, service: Service
) -> None:
    lines = [f"both of us have line {row}" for row in range(5)]
    seen = []
    for person in (ADA, BEN):
        with asked_by(person):
            seen.append(bench.add_texts(lines, name="both"))
    assert seen[0].spec == seen[1].spec and seen[0].created < seen[1].created, "each has saved it in their own time"
    with asked_by(ADA):
        assert bench.text_set_info("both").created == seen[0].created
        bench.delete_text_set("both")
        with pytest.raises(InvalidRequest):
            bench.text_set_info("both")
    with asked_by(BEN):
        assert bench.text_set("both").texts == tuple(lines)
        bench.delete_text_set("both")
    with pytest.raises(InvalidRequest):
        bench.text_set_info("both")


def test_a_job_that_two_have_asked_for_is_called_as_each_calls_it_and_goes_on_when_one_cancels(
    bench: Workbench,
) -> None:
    lines = [f"{word} line {row} of a set that takes a while" for row in range(600) for word in ("one", "other")]
    jobs, specs = [], []
    for person, name in ((ADA, "ada calls it so"), (BEN, "and ben so")):
        with asked_by(person):
            info = bench.add_texts(lines, name=name)
            specs.append(bench.analysis("anisotropy", models=[bench.model("minilm")], texts=info))
    for person, spec in zip((ADA, BEN), specs, strict=True):
        with asked_by(person):
            jobs.append(bench.start(spec))
    assert jobs[0].id == jobs[1].id and jobs[0].active and jobs[1].active, "the texts are the same"
    assert "ada calls it so" in jobs[0].title and "and ben so" in jobs[1].title and "ada" not in str(jobs[1])
    with asked_by(BEN):
        bench.cancel(jobs[1].id)
        assert bench.status(jobs[1].id) is None
    with asked_by(ADA):
        still = bench.status(jobs[0].id)
        assert still is not None and still.active
        bench.cancel(jobs[0].id)
        while (ended := bench.status(jobs[0].id)) is not None and ended.active:
            time.sleep(0.05)
        assert ended is not None and ended.state == "cancelled"
    with asked_by(BOSS):
        seen = next(job for job in bench.jobs() if job.id == jobs[0].id)
        assert "calls it so" not in str(seen) and seen.state == "cancelled" and seen.choice is None
