"""Doing a NormTask: the published outlier rule over the norms of a model."""

from dataclasses import replace

import numpy as np

from backend.values.activations import Array, Report
from backend.values.results import NormOutliers
from backend.values.tasks import NormTask
from backend.work.checks import check_model, within
from backend.work.kinds import About, Hands


def norm_outliers(hands: Hands, task: NormTask, report: Report) -> NormOutliers:
    """The rule over the weights and biases of a model's norms, and where it does not apply or is undefined."""
    from backend.metrics.rogue.kernel import beyond_in_both, layer_norm_outliers, standard_scores
    from backend.models.norms import output_norms

    report(0, 1, "Loading the model")
    norms = output_norms(hands.models.load(task.model))
    norm, weights, biases = norms.name, norms.weights, norms.biases
    if biases is None:
        note = f"The norm '{norm}' has no bias, so the rule, which asks for both, does not apply."
        return NormOutliers(norm, _tuples(weights), (), (), (), (), (), task.n_std, task.more_than, note)
    dims = layer_norm_outliers(weights, biases, n_std=task.n_std, more_than=task.more_than)
    said = []
    if not norms.is_output:
        said.append(f"'{norm}' is the last norm within a block here; the paper's norm is a block's output.")
    if norms.n_distinct < len(weights):
        one = "one norm" if norms.n_distinct == 1 else f"{norms.n_distinct:,} norms"
        said.append(f"The {len(weights)} blocks share {one}: an outlier counts in every block that has it.")
    note = " ".join(said)
    n_blocks = beyond_in_both(weights, biases, task.n_std)[:, dims].sum(axis=0)
    furthest = [np.abs(np.nan_to_num(standard_scores(one)))[:, dims].max(axis=0) for one in (weights, biases)]
    found = NormOutliers(
        norm=norm,
        weights=_tuples(weights),
        biases=_tuples(biases),
        dims=tuple(dims.tolist()),
        n_blocks=tuple(n_blocks.tolist()),
        furthest_weight=tuple(furthest[0].tolist()),
        furthest_bias=tuple(furthest[1].tolist()),
        n_std=task.n_std,
        more_than=task.more_than,
        note=note,
    )
    if not found.flat:
        return found
    where = "every block" if len(found.flat) == len(weights) else f"block {', '.join(map(str, found.flat))}"
    flat = (
        f"In {where} all weights or all biases of '{norm}' are equal, as before any training: their standard "
        "deviation is 0, so the rule is undefined there."
    )
    return replace(found, note=f"{note} {flat}".strip())


def _tuples(rows: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(item) for item in row) for row in rows)


def norm_title(task: NormTask) -> str:
    """What the job is called."""
    return f"norm weights of {task.model.name}"


def check_norm(task: NormTask) -> None:
    """Raise InvalidRequest for limits of the rule that mean nothing."""
    check_model(task.model)
    within("'n_std'", task.n_std, 0.5, 20.0)
    within("'more_than'", task.more_than, 0, 10_000)


def about_norm(task: NormTask) -> About:
    """The model whose norms are looked at."""
    return About(models=(task.model,))
