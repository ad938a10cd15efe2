"""Two people on one instance: what belongs to one is not there for the other, whatever is asked and however.

Every address of the service and every kind of task is gone through, so that a new one fails here until it has its line.
What Ben is answered about Ada's things must be, to the letter, what he is answered about things that do not exist.
"""

import json
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np
import pytest

from backend import NOT_YET, EmbedscopeError, InvalidRequest, Result, Undefined
from backend.bench.wiring import CODEC
from backend.bench.workbench import Workbench
from backend.forms.fingerprint import fingerprint
from backend.forms.signed import HEADER, signed
from backend.service.app import routes
from backend.store.claims import making
from backend.store.results import result_content
from backend.values.activations import Activations, LayerStack, no_report
from backend.values.models import ModelInfo
from backend.values.people import NOBODY, Person, asked_by
from backend.values.specs import AnalysisSpec, TextSetSpec
from backend.values.tasks import (
    ResolveTask,
    Task,
)
from backend.work.looks import Look, look_at, show_look
from backend.work.seen import BLOBS, TABLES
from backend.work.stacks import pass_of
from backend.work.tasks import TASKS
from tests.conftest import Service
from tests.service.things import (
    ADA,
    BEN,
    BOSS,
    LISTS,
    NAMED,
    SECRET,
    TASKS_GO_TO,
    UPLOADS,
    Things,
    absent,
    analysis,
    same_but_for_names,
    tasks_about,
)


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
        assert same_but_for_names(found[1], ada) == same_but_for_names(missing[1], nothing)
        assert "xylophonist" not in found[1] and SECRET not in found[1]


@pytest.mark.parametrize("kind", sorted(TASKS, key=lambda kind: kind.__name__), ids=lambda kind: kind.__name__)
def test_a_task_about_what_is_anothers_is_refused_like_one_about_nothing(
    service: Service, ada: Things, bens: TextSetSpec, kind: type[Task]
) -> None:
    nothing = absent(ada)
    pairs = zip(tasks_about(ada, bens)[kind], tasks_about(nothing, bens)[kind], strict=True)
    for task, other in pairs:
        for path in ("/answers", "/looks", "/cost", "/jobs"):
            sent = [json.dumps(CODEC.task_to_json(one)).encode() for one in (task, other)]
            found, missing = (ask(service, BEN, "POST", path, one) for one in sent)
            if path == "/jobs" and found[0] == missing[0] == 200:  # a job that fails: with the same words
                found, missing = (_end(service, json.loads(one[1])["id"]) for one in (found, missing))
            assert found[0] == missing[0], (path, task, found, missing)
            assert found[0] >= 400 or path == "/cost", (path, task, found)
            assert same_but_for_names(found[1], ada) == same_but_for_names(missing[1], nothing), (path, task)


def _end(service: Service, job: str) -> tuple[int, str]:
    for _ in range(300):
        state = json.loads(ask(service, BEN, "GET", f"/jobs/{job}")[1])
        if state["state"] not in ("queued", "running"):
            assert state["state"] == "failed"
            return 400, f"{state['error']} {state['hint']}"
        time.sleep(0.1)
    raise TimeoutError(job)


def test_what_ada_has_is_there_for_ada_and_for_whoever_runs_the_machine(
    front: Workbench, service: Service, ada: Things
) -> None:
    for person in (ADA, NOBODY):
        with asked_by(person):
            info = front.text_set_info(ada.table)
            assert "xylophonist" in front.text_set(info).texts[0]
            assert front.peek(analysis(ada.given, info.spec)) is not None
            assert [run.name for run in front.runs()] == ["adas-run"]
            assert front.kept_rows(ada.selection) == (1, 2, 5)
            assert ada.job in [job.id for job in front.jobs()]
    with asked_by(ADA):
        assert [one.name for one in front.saved_rows(info)] == ["the odd ones"]


def test_the_workbench_of_the_dashboard_reads_nothing_of_anothers_from_the_shared_folder(
    front: Workbench, ada: Things, bens: TextSetSpec
) -> None:
    spec = analysis(ada.given, ada.spec)
    with asked_by(ADA):
        info, model = front.text_set_info(ada.table), front.model(f"vectors:{ada.vectors}")
        assert front.peek(spec) is not None and front.is_cached(spec.inputs)
    with asked_by(BEN):
        assert front.peek(spec) is None and not front.is_cached(spec.inputs)
        assert front.peek(ResolveTask(f"vectors:{ada.vectors}")) is None
        assert front.stored_vectors(model, info, layer=0, pooling="given") is None
        assert front.kept_rows(ada.selection) is None
        for read in (lambda: front.text_set(ada.table), lambda: front.text_set(info), lambda: front.cost([spec])):
            with pytest.raises(EmbedscopeError, match="not in the store"):
                read()
        assert isinstance(model, ModelInfo) and bens.table in [one.spec.table for one in front.text_sets()]


def test_shared_with_everyone_and_taken_back(front: Workbench, service: Service, ada: Things) -> None:
    spec = analysis(ada.given, ada.spec)
    shared = (("texts", ada.table), ("vectors", ada.commit), ("runs", ada.run), ("selections", ada.selection))
    for kind, key in (*shared, ("selections", f"{ada.table}/{ada.rows}")):
        with asked_by(ADA):
            front.share(kind, key)
    with asked_by(BEN):
        info = front.text_set_info(ada.table)
        assert front.peek(spec) is not None, "what was computed for Ada is not computed again"
        assert front.kept_rows(ada.selection) == (1, 2, 5)
        assert [one.name for one in front.saved_rows(info)] == [ada.rows]
        owners = {(one.kind, one.key): one.owned.owners for one in front.belongings()}
        assert owners["texts", ada.table] == owners["runs", ada.run] == (ADA.id,)
        for change in (
            lambda: front.delete_text_set(ada.table), lambda: front.delete_vectors(ada.vectors),
            lambda: front.delete_run(ada.run), lambda: front.rename_run(ada.run, "mine-now"),
            lambda: front.forget_rows(info, ada.rows), lambda: front.share("texts", ada.table, False),
        ):  # fmt: skip
            with pytest.raises(EmbedscopeError, match="not yours"):
                change()
        assert ada.job not in [job.id for job in front.jobs()], "a job is seen by those who asked for it"
    for kind, key in (*shared, ("selections", f"{ada.table}/{ada.rows}")):
        with asked_by(ADA):
            front.share(kind, key, False)
    with asked_by(BEN):
        time.sleep(1.1)  # a page is told the same for a second
        assert front.peek(spec) is None and front.kept_rows(ada.selection) is None
        with pytest.raises(InvalidRequest, match="no text set"):
            front.text_set_info(ada.table)


Shown = TypeVar("Shown")


def _told_to_those_who_asked(
    front: Workbench,
    ada: Things,
    spec: AnalysisSpec,
    ask: Callable[[AnalysisSpec], Shown | None],
    seen: Callable[[Shown], None],
) -> None:
    """What is shown of an analysis of Ada's: to her, to Ben while she shares what it is of and he asks for it, and to nobody else."""
    shared = (("texts", ada.table), ("vectors", ada.commit))
    for person, sees in ((ADA, True), (NOBODY, True), (BEN, False), (BOSS, False)):
        with asked_by(person):
            assert (ask(spec) is not None) == sees, person
    for kind, key in shared:
        with asked_by(ADA):
            front.share(kind, key)
    with asked_by(BEN):
        assert front.peek(spec) is not None and ask(spec) is None, "he has not asked for it"
        front.start(spec)
        found = ask(spec)
        assert found is not None
        seen(found)
    for kind, key in shared:
        with asked_by(ADA):
            front.share(kind, key, False)
    with asked_by(BEN):
        assert ask(spec) is None
        front.cancel(fingerprint(spec))  # he no longer asks for it


def test_a_first_look_is_for_those_who_asked_and_may_see_what_it_is_of(front: Workbench, ada: Things) -> None:
    spec = analysis(ada.given, ada.spec)
    rows, names = np.random.default_rng(0).normal(size=(20, 4)).astype(np.float32), ("imported",)
    look = look_at(LayerStack("", "given", (0,), names, (Activations(rows, np.arange(20)),)), np.arange(20), 20, 40)
    digest = fingerprint(pass_of(spec.inputs[0]))

    def seen(found: Look) -> None:
        assert np.array_equal(found.projection.coords, look.projection.coords)

    with making(front._store.folder, digest, no_report):
        assert show_look(front._store, spec.inputs[0], look)
        _told_to_those_who_asked(front, ada, spec, front.look, seen)
    with asked_by(ADA):
        assert front.look(spec) is None, "the pass is over"
    front._store.forget_look(digest)


def test_what_an_analysis_shows_early_is_for_those_who_asked_and_may_see_its_result(
    front: Workbench, ada: Things
) -> None:
    spec = analysis(ada.given, ada.spec)
    digest, codec = fingerprint(spec), front._answers._codec
    with asked_by(ADA):
        result = front.wait(spec)
    sources = tuple(replace(source, model="as somebody else calls it") for source in result.sources)
    gap = Undefined("anisotropy", (0,), NOT_YET)
    early = replace(result, fingerprint=f"{digest} so far", sources=sources, undefined=(gap,))

    def seen(found: Result) -> None:
        assert found.undefined == early.undefined
        assert found.sources[0].model == ada.given.name, "not as whoever asked first calls it"

    with making(front._store.folder, digest, no_report):
        assert front._store.put_look(digest, result_content(*codec.result_to_parts(early)))
        _told_to_those_who_asked(front, ada, spec, front.early, seen)
    with asked_by(ADA):
        assert front.early(spec) is None, "the job is over"
    front._store.forget_look(digest)


def test_the_same_upload_of_two_people_is_both_of_theirs_until_the_last_deletes_it(
    front: Workbench, service: Service
) -> None:
    lines = [f"both of us have line {row}" for row in range(5)]
    seen = []
    for person in (ADA, BEN):
        with asked_by(person):
            seen.append(front.add_texts(lines, name="both"))
    assert seen[0].spec == seen[1].spec and seen[0].created < seen[1].created, "each has saved it in their own time"
    with asked_by(ADA):
        assert front.text_set_info("both").created == seen[0].created
        front.delete_text_set("both")
        with pytest.raises(InvalidRequest):
            front.text_set_info("both")
    with asked_by(BEN):
        assert front.text_set("both").texts == tuple(lines)
        front.delete_text_set("both")
    with pytest.raises(InvalidRequest):
        front.text_set_info("both")


def test_a_job_that_two_have_asked_for_is_called_as_each_calls_it_and_goes_on_when_one_cancels(
    front: Workbench,
) -> None:
    lines = [f"{word} line {row} of a set that takes a while" for row in range(600) for word in ("one", "other")]
    jobs, specs = [], []
    for person, name in ((ADA, "ada calls it so"), (BEN, "and ben so")):
        with asked_by(person):
            info = front.add_texts(lines, name=name)
            specs.append(front.analysis("anisotropy", models=[front.model("minilm")], texts=info))
    for person, spec in zip((ADA, BEN), specs, strict=True):
        with asked_by(person):
            jobs.append(front.start(spec))
    assert jobs[0].id == jobs[1].id and jobs[0].active and jobs[1].active, "the texts are the same"
    assert "ada calls it so" in jobs[0].title and "and ben so" in jobs[1].title and "ada" not in str(jobs[1])
    with asked_by(BEN):
        front.cancel(jobs[1].id)
        assert front.status(jobs[1].id) is None
    with asked_by(ADA):
        still = front.status(jobs[0].id)
        assert still is not None and still.active
        front.cancel(jobs[0].id)
        while (ended := front.status(jobs[0].id)) is not None and ended.active:
            time.sleep(0.05)
        assert ended is not None and ended.state == "cancelled"
    with asked_by(BOSS):
        seen = next(job for job in front.jobs() if job.id == jobs[0].id)
        assert "calls it so" not in str(seen) and seen.state == "cancelled" and seen.choice is None
