"""What an instance learns from its own times: the records, and what a workbench says by them; the fit is in test_fitting."""

import dataclasses
import math
import sqlite3
import time
from pathlib import Path

import pytest

from backend import EstimateTask, Settings, open_workbench
from backend.bench.workbench import Workbench
from backend.metrics import METRICS, parse_params
from backend.metrics.effort import PLAIN, Size, entries
from backend.store import Store
from backend.values.specs import AnalysisSpec
from backend.work.costing import how_asked, metric_estimate, note_counted, size_of
from backend.work.fitting import Measured
from backend.work.stacks import pass_of
from backend.work.times import FORWARD, MOST_KEPT, latest_of, note_again, note_time, pace_of, speed_of, times_of

SMALL = Size(100, 32, 3)


def test_records_are_few_and_the_latest(tmp_path: Path) -> None:
    store = Store(tmp_path, budget=10**9)
    for number in range(MOST_KEPT + 10):
        note_time(store, "cka", SMALL, Measured(1.0 + number, 1.0, "a"), "models")
    found = times_of(store, "cka")
    assert len(found) == MOST_KEPT
    assert found[-1].seconds == MOST_KEPT + 10 and found[0].seconds == 11
    store.close()
    again = Store(tmp_path, budget=10**9)
    assert times_of(again, "cka") == found, "a restart keeps them"
    again.close()


@pytest.mark.parametrize(
    "content",
    [
        *(
            "text",
            3,
            {"a": 1},
            [1, None, "x"],
            [[1.0, 2.0, "a"]],
            [[1.0, "2", "a", 0.0, 0.0]],
            [[-1.0, 1.0, "a", 0.0, 0.0]],
        ),
        *(
            [[1.0, 0, "a", 0.0, 0.0]],
            [[True, 1.0, "a", 0.0, 0.0]],
            [[1.0, 1.0, "a", -1.0, 0.0]],
            [[1.0, 1.0, "a", 0.0, "x"]],
        ),
    ],
)
def test_records_of_another_form_count_for_nothing(tmp_path: Path, content: object) -> None:
    store = Store(tmp_path, budget=10**9)
    store.set_record("seconds/2/cka", content)
    store.set_record("seconds/2/latest", content)
    assert times_of(store, "cka") == [] and speed_of(latest_of(store), 0.5) == 0.5
    assert pace_of(latest_of(store), load=0.1) == pace_of(latest_of(Store(tmp_path / "other", budget=10**9)), load=0.1)
    note_time(store, "cka", SMALL, Measured(2.0, 1.0, "a", 0.5, 1.0))
    assert times_of(store, "cka") == [Measured(2.0, 1.0, "a", 0.5, 1.0)]
    store.close()


def test_the_latest_times_of_all_metrics_tell_the_pace_until_they_are_old(tmp_path: Path) -> None:
    store = Store(tmp_path, budget=10**9)
    assert pace_of(latest_of(store), load=0.5).of(1.0)[0] == 0.0, "a calm machine, as it says itself"
    assert math.exp(pace_of(latest_of(store), load=3.0).of(1.0)[0]) == pytest.approx(3.0), "a busy one"
    for _ in range(6):
        note_time(store, "cka", SMALL, Measured(4.0, 1.0, "a", worked=1.0))
    assert 3.0 < math.exp(pace_of(latest_of(store), load=0.5).of(1.0)[0]) < 4.0
    later = time.time() + 3_600
    assert math.exp(pace_of(latest_of(store), load=0.5, now=later).of(1.0)[0]) < 1.1
    for _ in range(6):
        note_time(store, "rogue", SMALL, Measured(1.0, 1.0, "a", worked=1.0))
    assert math.exp(pace_of(latest_of(store), load=0.5).of(1.0)[0]) < 1.4
    store.close()


def test_a_metric_never_run_is_guessed_by_how_far_off_others_were(tmp_path: Path) -> None:
    store = Store(tmp_path, budget=10**9)
    assert speed_of(latest_of(store), 0.3) == 0.3
    for name in ("cka", "rogue", "spectrum", "movement", "anisotropy"):
        note_time(store, name, SMALL, Measured(3.0, 1.0, "a"))
    assert math.exp(speed_of(latest_of(store))) == pytest.approx(3.0)
    for _ in range(20):
        note_time(store, "odd", SMALL, Measured(1_000.0, 1.0, "a"))
    assert math.exp(speed_of(latest_of(store))) == pytest.approx(3.0), "each metric counts once"
    store.close()


def test_what_another_process_measured_is_kept_beside_ones_own(tmp_path: Path) -> None:
    store, other = Store(tmp_path / "a", budget=10**9), Store(tmp_path / "b", budget=10**9)
    note_time(store, "cka", SMALL, Measured(1.0, 1.0, "a"))
    note_time(other, "cka", SMALL, Measured(5.0, 1.0, "a", worked=1.0))
    for key in ("seconds/2/cka", "seconds/2/latest"):
        note_again(store, key, other.record(key))
    assert [one.seconds for one in times_of(store, "cka")] == [1.0, 5.0]
    assert (
        pace_of(latest_of(store), load=0.1).of(1.0)[0]
        > pace_of(latest_of(Store(tmp_path / "c", budget=10**9)), load=0.1).of(1.0)[0]
    )


def test_a_damaged_record_is_dropped(tmp_path: Path) -> None:
    store = Store(tmp_path, budget=10**9)
    note_time(store, "cka", SMALL, Measured(2.0, 1.0, "a"))
    with sqlite3.connect(tmp_path / "records" / "cache.db") as database:
        database.execute("UPDATE Cache SET value = replace(value, '2.0', '9.0') WHERE key LIKE 'seconds/%'")
    assert times_of(store, "cka") == []
    store.close()


@pytest.mark.parametrize("seconds", [0.0, -1.0, math.nan, math.inf])
def test_no_time_is_kept_that_is_none(tmp_path: Path, seconds: float) -> None:
    store = Store(tmp_path, budget=10**9)
    note_time(store, "cka", SMALL, Measured(seconds, 1.0, "a"))
    assert times_of(store, "cka") == []
    store.close()


@pytest.mark.parametrize("name", list(METRICS))
def test_the_guess_of_every_metric_grows_with_what_it_is_given(name: str) -> None:
    row = METRICS[name]
    params = parse_params(row.params, {})
    small = Size(200, 64, 3, 2, 3, 10**7, 4_000)
    guess = row.effort.guess(small, params)
    assert 0 < guess < 600
    for bigger in (
        Size(2_000, 64, 3, 2, 3, 10**7, 40_000),
        Size(200, 64, 3, 20, 3, 10**7, 4_000) if row.scope == "models" else Size(200, 64, 30, 2, 3, 10**7, 4_000),
    ):
        if name != "inner_ablation":  # which runs a fixed number of texts through the network, whatever the layers
            assert row.effort.guess(bigger, params) > guess


def test_a_metric_that_says_nothing_goes_by_its_numbers() -> None:
    assert entries(SMALL, None) == 100 * 32 * 3
    assert PLAIN.guess(SMALL, None) == pytest.approx(PLAIN.start + 3 * PLAIN.each + PLAIN.rate * 9_600)


# A workbench


def spec_of(bench: Workbench, metric: str = "anisotropy", **options: object) -> AnalysisSpec:
    texts = bench.text_set_info("sentiment")
    return bench.analysis(metric, models=[bench.model("minilm")], texts=texts, layers=[6], **options)


def test_what_is_computed_is_measured_and_what_is_stored_is_not(bench: Workbench) -> None:
    spec, store = spec_of(bench), bench._store
    jobs = bench.jobs()
    before = bench.cost([spec])
    assert before.seconds > 0 and before.metric_seconds > 0 and not before.measured and not before.counted
    assert before.low < before.whole_seconds < before.high
    assert bench.jobs() == jobs, "an estimate is no job, and starts none"
    result = bench.wait(spec)
    (one,) = times_of(store, "anisotropy")
    assert one.seconds == result.seconds and one.how == how_asked(spec)
    assert 0 < one.start < one.guess and one.worked > 0
    assert len(times_of(store, FORWARD)) == 1
    assert bench.wait(spec).seconds == result.seconds
    bench.wait(spec_of(bench, seed=0))
    assert len(times_of(store, "anisotropy")) == 1, "a stored answer is not measured"
    assert bench.cost([spec]).whole_seconds == 0
    other = spec_of(bench, params={"bands": "none"} if "none" in _bands() else {"bands": "bootstrap"})
    after = bench.cost([other])
    assert after.n_texts == 0 and after.seconds == 0 and after.metric_seconds > 0


def _bands() -> tuple[str, ...]:
    params = METRICS["anisotropy"].params
    return tuple(params.__dataclass_fields__["bands"].metadata["choices"])


def test_an_estimate_is_by_the_times_of_the_same_metric(bench: Workbench) -> None:
    spec = spec_of(bench)
    bench.wait(spec)
    size = size_of(bench._store, bench._library, spec)
    assert (size.n_rows, size.n_dims, size.n_layers, size.n_models) == (440, 384, 1, 1)
    for _ in range(10):
        guess = METRICS["anisotropy"].effort.guess(size, spec.params)
        note_time(bench._store, "anisotropy", size, Measured(50 * guess, guess, how_asked(spec), worked=50 * guess))
    known = times_of(bench._store, "anisotropy")
    assert metric_estimate(spec, size, known).seconds > 30 * guess
    again = spec_of(bench, pooling="cls")
    assert bench.cost([again]).metric_seconds > 30 * guess and bench.cost([again]).measured


def test_counted_tokens_are_taken_once_they_are_known(bench: Workbench) -> None:
    spec = spec_of(bench)
    guessed = bench.cost([spec])
    counted = bench.wait(EstimateTask(spec.inputs))
    found = bench.cost([spec])
    assert found.counted and not guessed.counted
    assert (found.n_texts, found.n_tokens, found.n_bytes) == (counted.n_texts, counted.n_tokens, counted.n_bytes)
    assert guessed.n_tokens == pytest.approx(counted.n_tokens, rel=0.5)
    assert guessed.n_bytes == counted.n_bytes


def test_a_pass_that_was_timed_on_a_few_of_its_texts_is_estimated_by_that_time(bench: Workbench) -> None:
    spec = spec_of(bench)
    counted = bench.wait(EstimateTask(spec.inputs))
    slow = dataclasses.replace(counted, seconds=100 * bench.cost([spec]).seconds)
    note_counted(bench._store, pass_of(spec.inputs[0]), slow)
    assert bench.cost([spec]).seconds > slow.seconds / 4


def test_several_analyses_share_a_forward_pass_and_add_up(bench: Workbench) -> None:
    specs = [spec_of(bench), spec_of(bench, "average_cosine")]
    apart = [bench.cost([one]) for one in specs]
    both = bench.cost(specs)
    assert both.seconds == pytest.approx(apart[0].seconds)
    assert both.metric_seconds == pytest.approx(sum(one.metric_seconds for one in apart))


def test_the_times_survive_a_new_workbench(settings: Settings, bench: Workbench) -> None:
    bench.wait(spec_of(bench))
    other = open_workbench(settings)
    assert len(times_of(other._store, "anisotropy")) == 1
    other.close()
