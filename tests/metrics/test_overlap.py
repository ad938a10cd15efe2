"""The metric of shared neighbours: equal geometry shares all, unrelated geometry what chance gives."""

import numpy as np
import pytest

from backend.errors import Cancelled, InvalidRequest
from backend.metrics.base import parse_params
from backend.metrics.neighbors import overlap
from backend.metrics.neighbors.kernel import neighbour_overlap
from backend.metrics.neighbors.overlap import NEIGHBOUR_OVERLAP
from backend.values.activations import Activations, LayerStack, no_report


def stack_of(*matrices, digest="texts"):
    return LayerStack(
        "model",
        "mean",
        tuple(range(len(matrices))),
        tuple(f"layer {i}" for i in range(len(matrices))),
        tuple(Activations(np.asarray(x, dtype=np.float32)) for x in matrices),
        digest,
    )


def run(*stacks, report=no_report, seed=0, **given):
    return NEIGHBOUR_OVERLAP.run(list(stacks), None, parse_params(NEIGHBOUR_OVERLAP.params, given), seed, report)


def rows(n=300, dims=8, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dims))


def test_within_one_model():
    x, other = rows(), rows(seed=1)
    outcome = run(stack_of(x, 2 * x + 1, other), k=8)
    values = outcome.values
    np.testing.assert_allclose(np.diag(values.overlap), 1)
    np.testing.assert_allclose(values.overlap, values.overlap.T)
    assert values.overlap[0, 1] == 1
    assert values.by_chance == pytest.approx(8 / 299)
    assert abs(values.overlap[0, 2] - values.by_chance) < 0.02
    np.testing.assert_array_equal(values.pairs, [[0, 1], [1, 2]])
    np.testing.assert_allclose(values.per_row[1], neighbour_overlap(np.float32(2 * x + 1), np.float32(other), 8))
    assert not outcome.undefined and "chance" in outcome.notes[0]


def test_between_models_of_different_depth_and_width():
    x, wide = rows(), rows(dims=20, seed=2)
    values = run(stack_of(x, wide, x), stack_of(wide, x)).values
    assert values.overlap.shape == (3, 2)
    assert values.overlap[1, 0] == 1 and values.overlap[0, 1] == 1 and values.overlap[0, 0] < 0.2
    np.testing.assert_array_equal(values.pairs, [[0, 0], [1, 1]])
    assert values.per_row.shape == (2, 300)


def test_the_step_that_others_are_compared_with_is_searched_once(monkeypatch):
    searched = []
    search = overlap.neighbour_graph
    monkeypatch.setattr(overlap, "neighbour_graph", lambda x, *how: searched.append(x) or search(x, *how))
    base, *steps = ([rows(40, 6, seed=70 + 2 * one + layer) for layer in range(2)] for one in range(4))
    found = [run(stack_of(*step), stack_of(*base), k=5).values.overlap for step in steps]
    assert len(searched) == 2 * len(steps) + 2, "each step's own layers, and once those of the base"
    for step, overlaps in zip(steps, found, strict=True):
        again = [[neighbour_overlap(np.float32(x), np.float32(y), 5).mean() for y in base] for x in step]
        np.testing.assert_allclose(overlaps, again)


def test_an_identical_layer_is_undefined_with_a_reason():
    x = rows()
    outcome = run(stack_of(x, np.ones((300, 8)), x))
    values = outcome.values
    np.testing.assert_array_equal(np.isnan(values.overlap), [[False, True, False], [True] * 3, [False, True, False]])
    said = {(item.field, item.index): item.reason for item in outcome.undefined}
    assert set(said) == {
        ("overlap", (0, 1)),
        ("overlap", (1,)),
        ("overlap", (2, 1)),
        ("per_row", (0,)),
        ("per_row", (1,)),
    }
    assert set(said.values()) == {"model, layer 1: all rows are identical"}


@pytest.mark.parametrize("n", [1, 2, 3, 5])
def test_few_rows(n):
    outcome = run(stack_of(rows(n), rows(n, seed=1)))
    assert np.isnan(outcome.values.overlap).all() == (n < 3)
    assert bool(outcome.undefined) == (n < 3)
    if n >= 3:
        assert outcome.values.k == n - 2 and any("lowered" in note for note in outcome.notes)


def test_cosine_does_not_see_the_length_of_a_row():
    x = rows()
    longer = x * np.random.default_rng(1).uniform(0.5, 20, size=(300, 1))
    assert run(stack_of(x, longer), metric="cosine").values.overlap[0, 1] > 0.999
    assert run(stack_of(x, longer)).values.overlap[0, 1] < 0.7


def test_sampling_is_seeded_and_said():
    x, other = rows(), rows(seed=1)
    first, second = (run(stack_of(x, other), max_rows=50, seed=3) for _ in range(2))
    np.testing.assert_array_equal(first.values.overlap, second.values.overlap)
    assert first.values.per_row.shape == (1, 50) and any("50 of 300" in note for note in first.notes)


def test_other_texts_are_refused():
    with pytest.raises(InvalidRequest):
        run(stack_of(rows()), stack_of(rows(299)))
    with pytest.raises(InvalidRequest):
        run(stack_of(rows(), digest="a"), stack_of(rows(), digest="b"))


def test_cancels():
    def stop(done, total, stage):
        if done / total >= 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(stack_of(rows(), rows()), report=stop)
