"""What an analysis shows before it is done: there while its metric goes on, the numbers of its result, and gone however it ends."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend import NOT_YET, BatchTask, Settings, open_workbench
from backend.bench.workbench import Workbench
from backend.errors import Cancelled, EmbedscopeError
from backend.forms.fingerprint import fingerprint
from backend.metrics.base import Outcome
from backend.metrics.maps import projection
from backend.metrics.shared.offering import listening
from backend.store import looks
from backend.store.results import result_content
from backend.values.activations import Activations, LayerStack, no_report
from backend.values.results import Result
from backend.values.specs import AnalysisSpec
from backend.work import early, measuring
from backend.work.stacks import ActivationsLost
from tests.conftest import ROOT

N, DIMS = 80, 6


def asked(bench: Workbench, **params: Any) -> AnalysisSpec:
    """The maps of two layers of imported vectors, which take no model."""
    texts = bench.add_texts([f"line {row}" for row in range(N)], name="lines")
    vectors = list(np.random.default_rng(0).normal(size=(2, N, DIMS)).astype(np.float32))
    model = bench.add_vectors(vectors, name="mine", texts=texts)
    return bench.analysis("projection", models=[model], texts=texts, params=params)


def watched(
    bench: Workbench, task: Any, spec: AnalysisSpec, then: Callable[[Result], object] = lambda found: None
) -> list[tuple[str, Result | None]]:
    """Do ``task``: the stages of which it told, each with what was shown of ``spec`` then; ``then`` is called with the first that was."""
    seen: list[tuple[str, Result | None]] = []

    def report(done: int, total: int, stage: str) -> None:
        found = bench.early(spec)
        first = found is not None and not any(one for _, one in seen)
        seen.append((stage, found))
        if first and found is not None:
            then(found)

    bench.wait(task, report)
    return seen


def files(bench: Workbench) -> list[Path]:
    return list((bench.settings.cache / "looks").glob("*"))


@pytest.mark.parametrize("method", ["pca", "tsne"])
@pytest.mark.parametrize("several", [False, True])
def test_it_is_there_while_the_quality_is_measured(bench: Workbench, method: str, several: bool) -> None:
    spec = asked(bench, method=method, n_iter=20)
    other = bench.analysis("anisotropy", models=[bench.model("vectors:mine")], texts=bench.text_set_info("lines"))

    def no_result(found: Result) -> None:
        assert len(files(bench)) == 1 and bench.peek(spec) is None
        assert not bench._store.has_result(fingerprint(spec))
        with pytest.raises(EmbedscopeError, match="is not a digest"):
            bench._store.has_result(found.fingerprint)
        assert bench.early(other) is None and bench.look(spec) is None, "it is a look at no pass"

    seen = watched(bench, BatchTask((other, spec)) if several else spec, spec, no_result)
    stages = [stage for stage, _ in seen]
    first = next(place for place, (_, found) in enumerate(seen) if found is not None)
    assert "quality of the map" in stages[first] and not any("quality" in stage for stage in stages[:first])
    shown = seen[first][1]
    result = bench.peek(spec)
    assert shown is not None and result is not None and shown.fingerprint != result.fingerprint
    for field in fields(type(result.values)):
        ours, theirs = getattr(shown.values, field.name), getattr(result.values, field.name)
        if field.name in ("trustworthiness", "neighbour_overlap"):
            assert np.isnan(ours).all() and np.isfinite(theirs).all()
        else:
            np.testing.assert_array_equal(ours, theirs)
    assert {gap.reason for gap in shown.undefined} == {NOT_YET} and result.undefined == ()
    assert (shown.sources, shown.notes, shown.recipe) == (result.sources, result.notes, result.recipe)
    assert files(bench) == [] and bench.early(spec) is None, "and it goes with the job"


def test_it_goes_when_the_job_is_cancelled_or_fails(bench: Workbench) -> None:
    spec = asked(bench)
    for problem in (Cancelled(), ValueError("by the test")):

        def stop(found: Result, problem: Exception = problem) -> None:
            assert len(files(bench)) == 1
            raise problem

        with pytest.raises((EmbedscopeError, ValueError)):
            watched(bench, spec, spec, stop)
        assert files(bench) == [] and bench.early(spec) is None and bench.peek(spec) is None


def test_it_is_of_that_analysis_alone(bench: Workbench) -> None:
    spec = asked(bench)
    others = [asked(bench, method="tsne"), asked(bench, k=3), replace(spec, seed=spec.seed + 1)]

    def compare(found: Result) -> None:
        assert [bench.early(one) for one in others] == [None] * len(others)
        for one in others:  # whatever lies in that place
            assert early.early_of(bench._executor.look(spec), one, bench._answers._codec) is None

    assert watched(bench, spec, spec, compare)


def test_what_is_too_large_or_cannot_be_shown_does_not_harm(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = asked(bench)
    with monkeypatch.context() as patch:
        patch.setattr(looks, "MOST_BYTES", 1000)
        assert {found for _, found in watched(bench, spec, spec)} == {None}
    assert bench.peek(spec) is not None

    def fails(*_: object) -> None:
        raise ValueError("by the test")

    monkeypatch.setattr(early, "result_content", fails)
    other = asked(bench, k=3)
    assert {found for _, found in watched(bench, other, other)} == {None} and bench.peek(other) is not None


def test_what_was_made_of_lost_activations_is_taken_back(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, sound, n_shown = asked(bench), measuring._require_sound, list[int]()

    def lost_once(*given: Any) -> None:
        n_shown.append(len(files(bench)))
        if len(n_shown) == 1:
            raise ActivationsLost("Lost by the test.")
        sound(*given)

    monkeypatch.setattr(measuring, "_require_sound", lost_once)
    seen = watched(bench, spec, spec)
    again = next(place for place, (stage, _) in enumerate(seen) if "computed again" in stage)
    assert n_shown == [1, 1] and seen[again - 1][1] is not None and seen[again][1] is None


KILLED = """
import os, signal, sys
from pathlib import Path
from backend import open_workbench
from tests.conftest import settings_over
from tests.work.test_early import asked, watched
bench = open_workbench(settings_over(Path(sys.argv[1])))
def die(found):
    print("seen", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
spec = asked(bench)
watched(bench, spec, spec, die)
"""


def test_nothing_is_seen_of_one_whose_process_was_killed(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(settings.cache)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -9 and "seen" in done.stdout, done.stderr
    (left,) = (settings.cache / "looks").glob("*")
    bench = open_workbench(settings)
    spec = asked(bench)
    assert left.name == fingerprint(spec) and bench.early(spec) is None
    assert files(bench) == [], "and the next start removes it"


def test_maps_of_50_000_points_in_13_layers_can_be_shown(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"_MOST_COMPARED": 10, "_MOST_SEARCHED": 100}.items():
        monkeypatch.setattr(projection, name, value)
    rows = np.random.default_rng(0).normal(size=(50_000, 2)).astype(np.float32)
    names, parts = tuple(f"block {place}" for place in range(13)), (Activations(rows),) * 13
    stack, shown = LayerStack("", "mean", tuple(range(13)), names, parts), list[Outcome]()
    with listening(shown.append):
        projection.PROJECTION.run([stack], None, projection.ProjectionParams(max_rows=50_000), 0, no_report)
    result = Result("0" * 40, "projection", 6, shown[0].values, shown[0].undefined)
    content = result_content(*bench._answers._codec.result_to_parts(result))
    assert looks.MOST_BYTES / 2 < len(content) < looks.MOST_BYTES
