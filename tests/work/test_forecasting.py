"""What a run of fine-tuning is said to take: a first guess, then by the runs of the same base, with what they judged and saved."""

from dataclasses import replace

import pytest

from backend.bench.workbench import Workbench
from backend.values.runs import RunInfo
from backend.values.tasks import FinetuneTask
from backend.work.costing import Here
from backend.work.fitting import Pace
from backend.work.forecasting import forecast
from tests.conftest import review_lines


@pytest.fixture
def asked(bench: Workbench, tmp_path):  # type: ignore[no-untyped-def]
    path = tmp_path / "rows.csv"
    lines = [f'"{text}",{"ab"[row % 2]}' for row, text in enumerate(review_lines(200))]
    path.write_text("text,label\n" + "\n".join(lines) + "\n")
    texts = bench.read_texts(path, text="text", label="label")
    task = bench.finetuning("one", model="minilm", texts=texts, label="label", changes={"epochs": 4, "batch_size": 8})
    return task, bench.text_set(task.texts), bench.model("minilm")


def run_of(task: FinetuneTask, seconds: float, *, steps: tuple[int, ...], n_test: int) -> RunInfo:
    return RunInfo(
        "before", "", task.base.name, task.base.commit, task.texts.name, task.texts.table, "text", "label", ("a", "b"),
        task.recipe, state="done", n_train=160, n_test=n_test, steps=steps, seconds=seconds,
    )  # fmt: skip


def test_a_first_guess_grows_with_the_updates_and_says_how_sure_it_is(asked) -> None:  # type: ignore[no-untyped-def]
    task, table, base = asked
    found = forecast(task, table, base, [])
    assert found.known_from == "" and 0 < found.low < found.seconds / 2 and found.high > 2 * found.seconds
    more = forecast(replace(task, recipe=replace(task.recipe, epochs=40)), table, base, [])
    assert more.seconds == pytest.approx(10 * found.seconds, rel=0.3)
    busy = forecast(task, table, base, [], Here(Pace(load=3.0)))
    assert busy.seconds == pytest.approx(3 * found.seconds)


def test_earlier_runs_tell_it_whose_steps_and_judging_are_counted(asked) -> None:  # type: ignore[no-untyped-def]
    task, table, base = asked
    guess = forecast(task, table, base, [])
    run = run_of(task, 5 * guess.seconds, steps=tuple(range(guess.n_saved - 1)) + (guess.n_steps,), n_test=guess.n_test)
    found = forecast(task, table, base, [run] * 4)
    assert found.known_from == "before" and found.seconds == pytest.approx(run.seconds, rel=0.3)
    assert found.high / found.low < guess.high / guess.low
    judged = replace(run, n_test=100 * guess.n_test)  # most of its time was spent on judging
    assert forecast(task, table, base, [judged] * 4).seconds < 0.6 * found.seconds
    half = replace(task, recipe=replace(task.recipe, epochs=2))
    assert forecast(half, table, base, [run] * 4).seconds == pytest.approx(found.seconds / 2, rel=0.3)
    stopped = replace(run, steps=(0,))  # nothing was learned yet
    assert forecast(task, table, base, [stopped]).known_from == ""
    other = replace(run, commit="another model")
    assert forecast(task, table, base, [other]).known_from == ""


def test_a_long_run_before_is_not_slowed_by_how_busy_the_machine_is_now(asked) -> None:  # type: ignore[no-untyped-def]
    task, table, base = asked
    guess = forecast(task, table, base, [])
    run = run_of(task, guess.seconds, steps=tuple(range(guess.n_saved - 1)) + (guess.n_steps,), n_test=guess.n_test)
    now, calm = (forecast(task, table, base, [run] * 3, Here(Pace(load=load))) for load in (3.0, 0.0))
    assert now.seconds == calm.seconds
