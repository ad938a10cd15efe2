"""What a run of fine-tuning will take, before it starts: rows, updates, disk, and time from earlier runs of the same base."""

import math
from collections.abc import Sequence

from backend.metrics.shared.splits import SplitParams, split_rows
from backend.values.models import ModelInfo
from backend.values.recipes import saved_steps
from backend.values.runs import RunForecast, RunInfo
from backend.values.tasks import FinetuneTask
from backend.values.texts import TextTable
from backend.work.planning import known_labels

FEW_STEPS = 50  # a handful of updates hardly moves a model at the learning rates of the recipes
_BYTES = 4  # of a weight: training is in float32
_RESUME = 3  # copies of the weights that going on needs: AdamW's two moments, and the weights


def forecast(task: FinetuneTask, table: TextTable, base: ModelInfo, runs: Sequence[RunInfo]) -> RunForecast:
    """What ``task`` will take; raises InvalidRequest for labels that cannot be split.

    Rows longer than the token limit are lost in training, which is not known yet.
    """
    recipe = task.recipe
    params = SplitParams(test_share=recipe.held_out, drop_single=recipe.drop_single)
    split = split_rows(known_labels(table, task.labels.column), params, recipe.seed)
    saved, in_epoch, total = saved_steps(split.info.n_train, recipe)
    one = base.n_parameters * _BYTES
    seconds, source = _seconds(task, total, runs)
    return RunForecast(
        n_train=split.info.n_train,
        n_test=split.info.n_test,
        judged_on="held out" if split.info.seeded else split.info.test_name,
        n_steps=total,
        n_in_epoch=in_epoch,
        n_saved=len(saved),
        n_bytes=len(saved) * one,
        n_bytes_resume=_RESUME * one,
        seconds=seconds,
        known_from=source,
        warning=_warning(total, in_epoch, recipe.n_together),
    )


def _seconds(task: FinetuneTask, total: int, runs: Sequence[RunInfo]) -> tuple[float, str]:
    """Seconds of training, by those that an update of as many rows took in the newest run of this base; NaN without one."""
    for run in runs:
        done = run.steps[-1] if run.steps else 0
        if run.commit == task.base.commit and run.table == task.texts.table and done and run.seconds > 0:
            each = run.seconds / (done * run.recipe.n_together)
            return each * total * task.recipe.n_together, run.name
    return math.nan, ""


def _warning(total: int, in_epoch: int, together: int) -> str:
    if total >= FEW_STEPS:
        return ""
    updates = "one update" if total == 1 else f"{total} updates"
    return (
        f"Only {updates} of the weights ({in_epoch} an epoch, each of {together:,} rows): the model will hardly change. Take more "
        "epochs, smaller batches or fewer accumulated ones."
    )
