"""First looks: what they show is what the metrics give for those rows, they cost no more than their share, and nothing of them stays."""

import dataclasses
import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend import Settings, TokenSample, open_workbench
from backend.bench.workbench import Workbench
from backend.errors import Cancelled, EmbedscopeError
from backend.forms.fingerprint import fingerprint
from backend.metrics import METRICS
from backend.store import Store
from backend.store.looks import MOST_BYTES
from backend.values.activations import Activations, LayerStack, no_report
from backend.values.specs import AnalysisSpec, PostProcess
from backend.work import looking
from backend.work.looking import SHARE, Pace, Sample
from backend.work.looks import Look, look_at, show_look
from backend.work.stacks import pass_of
from tests.conftest import ROOT, review_lines

N = 150


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look after each batch, whatever it costs."""
    for name, value in {"BEGIN_SECONDS": 0.0, "EVERY_SECONDS": 0.0, "SHARE": np.inf, "LEAST_ROWS": 8}.items():
        monkeypatch.setattr(looking, name, value)


@pytest.fixture
def small_batches(settings: Settings) -> Workbench:
    return open_workbench(dataclasses.replace(settings, batch_tokens=64))


def asked(bench: Workbench, name: str = "anisotropy", n_texts: int = N, **choice: Any) -> AnalysisSpec:
    texts = bench.add_texts(review_lines(n_texts), name="reviews")
    return bench.analysis(name, models=[bench.model("minilm")], texts=texts, **choice)


def watched(bench: Workbench, spec: AnalysisSpec, then: Callable[[Look], object] = lambda look: None) -> list[Look]:
    """Run ``spec`` and return every first look that could be seen meanwhile; ``then`` is called at each."""
    looks: list[Look] = []

    def report(done: int, total: int, stage: str) -> None:
        look = bench.look(spec)
        if look is not None and (not looks or look.n_done > looks[-1].n_done):
            looks.append(look)
            then(look)

    bench.wait(spec, report)
    return looks


def files(bench: Workbench) -> list[Path]:
    return list((bench.settings.cache / "looks").glob("*"))


@pytest.mark.parametrize("pooling", ["mean", "last", "cls", "tokens"])
@pytest.mark.parametrize("stored", ["float32", "bfloat16"])
@pytest.mark.usefixtures("at_once")
def test_a_look_is_what_the_metrics_give_for_those_rows_of_the_result(
    settings: Settings, pooling: str, stored: str
) -> None:
    bench = open_workbench(dataclasses.replace(settings, batch_tokens=64, store_dtype=stored))
    spec = asked(bench, pooling=pooling, tokens=TokenSample(300, 0) if pooling == "tokens" else None)
    looks = watched(bench, spec)
    assert len(looks) > 5 and all(a.n_done < b.n_done for a, b in itertools.pairwise(looks))
    assert looks[0].n_done < looks[0].n_rows / 2 and len(looks[-1].rows) > len(looks[0].rows)
    whole = bench._executor._runner._hands.stacks.plain(spec.inputs)  # type: ignore[attr-defined]
    for look in (looks[0], looks[-1]):
        assert look.n_rows == len(whole.rows[0]) and look.layer_names == whole.layer_names
        assert len(set(look.rows.tolist())) == len(look.rows) <= look.n_done
        parts = [
            Activations(
                np.array(one.rows[look.rows]),
                one.text_index[look.rows] if one.text_index is not None else None,
                one.token_index[look.rows] if one.token_index is not None else None,
            )
            for one in whole.matrices
        ]
        stack = dataclasses.replace(whole, matrices=tuple(parts), tokens=None)
        for name, found in (("cka", look.cka), ("anisotropy", look.anisotropy), ("projection", look.projection)):
            expected = METRICS[name].run([stack], None, METRICS[name].params(), 0, no_report).values
            for field in dataclasses.fields(expected):
                ours, theirs = getattr(found, field.name), getattr(expected, field.name)
                if isinstance(theirs, np.ndarray) and theirs.dtype.kind == "f":
                    np.testing.assert_array_equal(ours, theirs, err_msg=f"{name}.{field.name}")
                elif isinstance(theirs, np.ndarray):
                    assert np.array_equal(ours, theirs), f"{name}.{field.name}"
        assert np.array_equal(look.projection.text_index, parts[0].text_index)
    assert files(bench) == [] and bench.look(spec) is None, "and it goes with the pass"


@pytest.mark.usefixtures("at_once")
def test_a_pass_that_is_cancelled_or_fails_leaves_nothing(small_batches: Workbench) -> None:
    spec = asked(small_batches)

    def cancel(look: Look) -> None:
        assert files(small_batches)
        raise Cancelled()

    with pytest.raises(EmbedscopeError):
        watched(small_batches, spec, cancel)
    assert files(small_batches) == [] and small_batches.look(spec) is None

    def fail(look: Look) -> None:
        assert files(small_batches)
        raise ValueError("by the test")

    with pytest.raises(ValueError, match="by the test"):
        watched(small_batches, spec, fail)
    assert files(small_batches) == [] and small_batches.look(spec) is None


KILLED = """
import os, signal, sys
from backend.work import looking
looking.BEGIN_SECONDS = looking.EVERY_SECONDS = 0.0
looking.SHARE = float("inf")
looking.LEAST_ROWS = 8
from tests.conftest import settings_over
from tests.work.test_looking import asked, watched
from backend import open_workbench
from pathlib import Path
import dataclasses
bench = open_workbench(dataclasses.replace(settings_over(Path(sys.argv[1])), batch_tokens=64))
def die(look):
    assert bench.look(spec) is not None
    print("seen", flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
spec = asked(bench)
watched(bench, spec, die)
"""


def test_nothing_is_seen_of_a_pass_whose_process_was_killed(settings: Settings) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(settings.cache)], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == -9 and "seen" in done.stdout, done.stderr
    left = list((settings.cache / "looks").glob("*"))
    assert len(left) == 1, "the process had no time to remove it"
    bench = open_workbench(settings)
    spec = asked(bench)
    assert left[0].name == fingerprint(pass_of(spec.inputs[0])) and bench.look(spec) is None
    assert files(bench) == [], "and the next start removes it"


@pytest.mark.usefixtures("at_once")
def test_what_is_left_of_a_killed_pass_is_not_shown_for_the_next(small_batches: Workbench) -> None:
    spec = asked(small_batches)
    looks = watched(small_batches, spec)
    digest = fingerprint(pass_of(spec.inputs[0]))
    store: Store = small_batches._store
    assert show_look(store, spec.inputs[0], looks[-1]) and len(files(small_batches)) == 1
    assert small_batches.look(spec) is None, "nobody does that pass"
    for item in spec.inputs:
        store.forget_array(fingerprint(item))
    store.forget_result(fingerprint(spec))
    again = watched(small_batches, spec)
    assert again[0].n_done == looks[0].n_done and digest not in {path.name for path in files(small_batches)}


@pytest.mark.usefixtures("at_once")
def test_no_look_is_of_other_rows_than_are_asked_for(small_batches: Workbench) -> None:
    spec = asked(small_batches)
    others = [
        asked(small_batches, pooling="cls"),
        asked(small_batches, postprocess=[PostProcess("centre")]),
        asked(small_batches, n_texts=N - 1),
        asked(small_batches, max_length=16),
    ]
    same = asked(small_batches, "cka", layers=[1, 2])

    def compare(look: Look) -> None:
        assert small_batches.look(same) is not None
        assert [small_batches.look(other) for other in others] == [None] * len(others)

    assert watched(small_batches, spec, compare)


@pytest.mark.usefixtures("at_once")
def test_a_look_is_no_result_and_in_no_list(small_batches: Workbench) -> None:
    spec = asked(small_batches)

    def kept() -> dict[str, int]:
        return {one.kind: one.n_files for one in small_batches._store.usage() if one.kind not in ("jobs", "records")}

    before = kept()

    def compare(look: Look) -> None:
        assert files(small_batches) and small_batches.peek(spec) is None and not small_batches.is_cached(spec.inputs)
        assert kept() == before
        assert [job.kind for job in small_batches.jobs() if job.kind == "AnalysisSpec"] == ["AnalysisSpec"]

    assert watched(small_batches, spec, compare)


@pytest.mark.usefixtures("at_once")
def test_imported_vectors_have_none(small_batches: Workbench) -> None:
    texts = small_batches.add_texts(review_lines(N), name="reviews")
    model = small_batches.add_vectors(np.random.default_rng(0).normal(size=(N, 6)), name="mine", texts=texts)
    assert watched(small_batches, small_batches.analysis("anisotropy", models=[model], texts=texts)) == []


def test_a_pass_of_a_moment_shows_none(small_batches: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(looking, "BEGIN_SECONDS", 3600.0)
    assert watched(small_batches, asked(small_batches)) == []


@pytest.mark.usefixtures("at_once")
def test_a_look_that_cannot_be_made_does_not_harm_the_pass(
    small_batches: Workbench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("by the test")

    monkeypatch.setattr(looking, "look_at", fails)
    spec = asked(small_batches)
    assert watched(small_batches, spec) == [] and small_batches.peek(spec) is not None


@pytest.mark.parametrize("cost", [1e-6, 1e-5, 1e-4])  # seconds of a look, times the square of its rows
@pytest.mark.parametrize("batch", [0.05, 1.0, 20.0])  # seconds of a batch
def test_looks_take_no_more_than_their_share(cost: float, batch: float) -> None:
    now, spent, n_looks, most = 100.0, 0.0, 0, 0
    pace = Pace(now)
    for done in range(1, 2000):
        now += batch
        n_rows = pace.rows_now(now, min(400, 16 * done), done / 2000)
        if n_rows:
            seconds = cost * n_rows**2
            now, spent, n_looks, most = now + seconds, spent + seconds, n_looks + 1, max(most, n_rows)
            pace.looked(now, seconds, n_rows)
            if n_looks > 1:
                assert spent <= SHARE * (now - 100.0), "also after each of them"
    assert n_looks >= 2 and (most == 400 or cost > 1e-5)


def test_the_sample_is_the_same_whatever_the_batches_and_drawn_from_all_that_came() -> None:
    rng = np.random.default_rng(1)
    matrix = rng.normal(size=(3, 2000, 4)).astype(np.float32)
    order = rng.permutation(2000)
    kept = []
    for size in (7, 100, 1999):
        sample = Sample(3, 2000, 4)
        for start in range(0, 1500, size):
            rows = order[start : min(start + size, 1500)]
            sample.take(rows, {layer: matrix[layer, rows] for layer in range(3)})
        rows, values = sample.first(400)
        assert sample.n_seen == 1500 and len(sample) == len(rows) == 400 and set(rows) <= set(order[:1500])
        assert (np.diff(rows) > 0).all()
        for layer in range(3):
            np.testing.assert_array_equal(values[layer], matrix[layer, rows])
        few, _ = sample.first(64)
        assert set(few) < set(rows)
        kept.append(rows)
    np.testing.assert_array_equal(kept[0], kept[1])
    np.testing.assert_array_equal(kept[0], kept[2])


def test_what_is_kept_and_shown_is_bounded(bench: Workbench) -> None:
    wide = Sample(97, 100_000, 12_288)
    assert wide._values.nbytes <= looking._MOST_BYTES
    deep = tuple(
        Activations(np.random.default_rng(layer).normal(size=(400, 8)).astype(np.float32), np.arange(400))
        for layer in range(97)
    )
    names = tuple(f"block {layer}" for layer in range(97))
    look = look_at(LayerStack("", "mean", tuple(range(97)), names, deep), np.arange(400), 500, 10_000)
    assert show_look(bench._store, asked(bench, n_texts=5).inputs[0], look)
    assert files(bench)[0].stat().st_size < 2 * 2**20
    assert not bench._store.put_look("0" * 40, bytes(MOST_BYTES + 1))
