"""Differences of two models: CKA after minus before, and the widest gap of an ablation, against closed cases and the results."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

import backend
from backend import InvalidRequest, Undefined
from backend.metrics.shared.paired import paired_error
from backend.metrics.similarity.metric import CkaResult
from backend.values.results import Result, Source
from tests.metrics.test_inner_ablation import run, stack


def cka(model: str, matrix: Any, undefined: tuple[Undefined, ...] = ()) -> Result[CkaResult]:
    matrix = np.asarray(matrix, float)
    names = tuple(f"block {n}" for n in range(len(matrix)))
    values = CkaResult(matrix, 0 * matrix, "linear", True, 0.5, True, 9, 4, 4)
    source = Source(
        model=model, commit="c", texts="t", pooling="mean", layers=tuple(range(len(matrix))), layer_names=names,
        n_rows=9, n_dims=4,
    )  # fmt: skip
    return Result(model, "cka", 3, values, undefined, sources=(source,), recipe={"metric": "cka", "model": model})


def test_the_difference_is_after_minus_before_and_bears_both_names() -> None:
    gap = Undefined("matrix", (1, 1), "layer 'block 1' has no variance")
    before, after = cka("base", [[1, 0.25], [0.25, 1]]), cka("tuned", [[1, 0.75], [0.75, np.nan]], (gap,))
    found = backend.cka_difference(before, after)
    np.testing.assert_array_equal(found.matrix, [[0, 0.5], [0.5, np.nan]])
    assert (found.before, found.after, found.undefined) == ("base", "tuned", (gap,))
    np.testing.assert_array_equal(backend.cka_difference(after, before).matrix, -found.matrix)
    document = backend.cka_difference_document(before, after)
    assert json.loads(json.dumps(document, allow_nan=False))["cka_difference"]["matrix"] == [[0, 0.5], [0.5, None]]
    assert [one["model"] for one in document["recipe"]] == ["base", "tuned"]


def test_models_of_other_depths_have_no_difference() -> None:
    with pytest.raises(InvalidRequest, match="2 and 3 layers: a difference needs as many in both"):
        backend.cka_difference(cka("base", np.eye(2)), cka("tuned", np.eye(3)))


def test_the_widest_gap_is_where_the_first_curve_and_random_dimensions_lie_furthest_apart() -> None:
    values = run(stack(), n_draws=3, order="all").values
    gap = backend.widest_gap(values, "accuracy")
    apart = np.abs(values.accuracy[0] - values.accuracy[2])
    assert gap is not None and gap.random is not None and abs(gap.value - gap.random) == apart.max()
    place = values.n_overwritten.tolist().index(gap.n_overwritten)
    assert (gap.order, gap.start, gap.n_points) == ("highest", values.accuracy[0, 0], len(apart))
    change = values.right[0, place].astype(float) - values.right[2, place]
    assert gap.change == pytest.approx(change.mean())
    assert gap.error == pytest.approx(paired_error(change, n_looks=len(apart)))
    loss = backend.widest_gap(values, "loss")
    assert loss is None or np.isnan(loss.change)


def test_without_random_dimensions_the_end_of_the_curve_is_read_and_without_a_curve_nothing() -> None:
    alone = run(stack(), order="lowest").values
    gap = backend.widest_gap(alone, "accuracy")
    assert gap is not None and gap.random is None and gap.n_overwritten == alone.n_overwritten[-1]
    assert gap.change == pytest.approx(gap.value - gap.start)
    gone = dataclasses.replace(alone, accuracy=np.full_like(alone.accuracy, np.nan))
    assert backend.widest_gap(gone, "accuracy") is None
