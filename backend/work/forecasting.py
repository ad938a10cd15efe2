"""What a run of fine-tuning will take, before it starts: rows, updates, disk, and time by what earlier runs of the same base took."""

from collections.abc import Sequence

import numpy as np

from backend.metrics.shared.linalg import Floats
from backend.metrics.shared.splits import SplitParams, split_rows
from backend.values.models import ModelInfo
from backend.values.recipes import Recipe, saved_steps
from backend.values.runs import RunForecast, RunInfo
from backend.values.tasks import FinetuneTask
from backend.values.texts import TextTable
from backend.work.costing import ANYWHERE, CHARS, Here, network_work
from backend.work.fitting import CALM, Estimate, Measured, fitted
from backend.work.planning import known_labels

FEW_STEPS = 50  # a handful of updates hardly moves a model at the learning rates of the recipes
_BYTES = 4  # of a weight: training is in float32
_RESUME = 3  # copies of the weights that going on needs: AdamW's two moments, and the weights
_LEARN, _JUDGE = (
    3.0,
    1.0,
)  # passes of a row through the network where it is learned from, forward and back, and where it is judged
_UPDATE, _SAVE = 6e-9, 1.5e-8  # seconds for a weight: to change it in an update, to write it at a saved step
_EACH_UPDATE, _EACH_SAVE, _START = 0.01, 0.05, 0.3  # seconds beside


def forecast(
    task: FinetuneTask, table: TextTable, base: ModelInfo, runs: Sequence[RunInfo], here: Here = ANYWHERE
) -> RunForecast:
    """What ``task`` will take by the ``runs`` there are, newest first; raises InvalidRequest for labels that cannot be split.

    Rows longer than the token limit are lost in training, which is not known yet.
    """
    recipe = task.recipe
    params = SplitParams(test_share=recipe.held_out, drop_single=recipe.drop_single)
    split = split_rows(known_labels(table, task.labels.column), params, recipe.seed)
    saved, in_epoch, total = saved_steps(split.info.n_train, recipe)
    one = base.n_parameters * _BYTES
    time, source = _time(task, table, base, (split.info.n_test, total, len(saved)), runs, here)
    return RunForecast(
        n_train=split.info.n_train,
        n_test=split.info.n_test,
        judged_on="held out" if split.info.seeded else split.info.test_name,
        n_steps=total,
        n_in_epoch=in_epoch,
        n_saved=len(saved),
        n_bytes=len(saved) * one,
        n_bytes_resume=_RESUME * one,
        seconds=time.seconds,
        low=time.low,
        high=time.high,
        known_from=source,
        warning=_warning(total, in_epoch, min(recipe.n_together, split.info.n_train)),
    )


def _time(
    task: FinetuneTask,
    table: TextTable,
    base: ModelInfo,
    counts: tuple[int, int, int],
    runs: Sequence[RunInfo],
    here: Here,
) -> tuple[Estimate, str]:
    """Seconds of training, and the newest run of this base that they were learned from ("" where there is none).

    ``counts`` are the rows to judge by, the updates and the saved steps. Of a run on other texts the rows may be longer.
    """
    lengths = np.array([len(text) for text in table.texts], dtype=np.float64)
    known, newest = [], ""
    for run in runs:
        done = run.steps[-1] if run.steps else 0
        if run.commit == task.base.commit and done and run.seconds > 0:
            newest = newest or run.name
            guess, start = _guess(base, run.recipe, lengths, (run.n_test, done, len(run.steps)))
            known.append(Measured(run.seconds, guess, run.table, start))
    guess, start = _guess(base, task.recipe, lengths, counts)
    pace = CALM if known else here.pace  # those runs had other work beside them too
    found = fitted(guess, task.texts.table, known[::-1], start=start, speed=here.speed, pace=pace)
    return found, newest


def _guess(base: ModelInfo, recipe: Recipe, lengths: Floats, counts: tuple[int, int, int]) -> tuple[float, float]:
    """Seconds of a run that nobody has measured yet, and how many of them are the same whatever the rows."""
    n_judged, n_updates, n_saved = counts
    tokens = float(np.minimum(recipe.max_length, 2 + lengths / CHARS).mean()) if len(lengths) else 1.0
    passes = _LEARN * n_updates * recipe.n_together + _JUDGE * n_saved * n_judged
    of_weights = base.n_parameters * (_UPDATE * n_updates + _SAVE * n_saved)
    start = _START + _EACH_UPDATE * n_updates + _EACH_SAVE * n_saved
    work = network_work(base.n_dims, len(base.layer_names) - 1, tokens * passes)
    return start + of_weights + work, start


def _warning(total: int, in_epoch: int, together: int) -> str:
    if total >= FEW_STEPS:
        return ""
    updates = "one update" if total == 1 else f"{total} updates"
    return (
        f"Only {updates} of the weights ({in_epoch} an epoch, each of {together:,} rows): the model will hardly change. Take more "
        "epochs, smaller batches or fewer accumulated ones."
    )
