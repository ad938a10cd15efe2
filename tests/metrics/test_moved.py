"""Which texts moved: the shared neighbours of every text counted by hand, and the chance level by its formula and by shuffling."""

import numpy as np
import pytest
from scipy.stats import hypergeom

from backend.errors import InvalidRequest
from backend.metrics.base import parse_params
from backend.metrics.neighbors.chance import at_least, shared_by_chance
from backend.metrics.neighbors.moved import MOVED_TEXTS
from backend.values.activations import no_report
from tests.metrics.stacks import stack_of
from tests.metrics.test_nearest import by_hand


def run(*stacks, seed=0, **given):
    return MOVED_TEXTS.run(list(stacks), None, parse_params(MOVED_TEXTS.params, given), seed, no_report)


def rows(n=80, dims=6, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dims)).astype(np.float32)


def near(x, k, metric="euclidean"):
    return [by_hand(x, x[row], metric, row)[0][:k] for row in range(len(x))]


@pytest.mark.parametrize(("k", "n"), [(1, 2), (3, 20), (10, 99), (10, 12), (7, 7), (500, 49_999)])
def test_chance_is_hypergeometric(k, n):
    found = shared_by_chance(k, n)
    np.testing.assert_allclose(found, hypergeom(n, k, k).pmf(np.arange(k + 1)), rtol=1e-6, atol=1e-300)
    assert found @ np.arange(k + 1) == pytest.approx(k * k / n)
    np.testing.assert_allclose(at_least(found), hypergeom(n, k, k).sf(np.arange(k + 1) - 1), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_two_models_by_hand(metric):
    base, tuned = rows(), np.concatenate([rows()[:50], rows(seed=1)[50:]])
    tuned = (tuned + 0.1 * rows(seed=2)).astype(np.float32)
    tuned[[7, 9]] = tuned[3]  # copies
    k = 5
    values = run(stack_of([rows(seed=3), base]), stack_of([tuned]), k=k, metric=metric).values
    first, second = near(base, k, metric), near(tuned, k, metric)
    np.testing.assert_array_equal(values.before, first)
    np.testing.assert_array_equal(values.after, second)
    shared = np.array([len(set(a) & set(b)) for a, b in zip(first, second, strict=True)])
    np.testing.assert_allclose(values.overlap, shared / k)
    assert values.mean == pytest.approx(shared.mean() / k)
    np.testing.assert_array_equal(values.counts, [np.sum(shared == m) for m in range(k + 1)])
    np.testing.assert_allclose(values.p, hypergeom(79, k, k).sf(shared - 1), rtol=1e-9)
    np.testing.assert_allclose(values.expected, 80 * hypergeom(79, k, k).pmf(np.arange(k + 1)), rtol=1e-9)
    assert values.by_chance == pytest.approx(k / 79)
    limit = round(values.chance_limit * k)
    assert hypergeom(79, k, k).sf(limit) <= 0.05 < hypergeom(79, k, k).sf(limit - 1)
    assert values.n_within_chance == np.sum(shared <= limit)


def test_shuffled_texts_share_what_chance_says():
    x, k, n = rows(400), 10, 400
    counts = np.zeros(k + 1)
    for seed in range(20):
        values = run(stack_of([x]), stack_of([x[np.random.default_rng(seed).permutation(n)]]), k=k).values
        counts += values.counts
    expected = 20 * values.expected
    big = expected > 50
    assert big.sum() >= 2
    np.testing.assert_allclose(counts[big], expected[big], rtol=0.12)
    assert counts @ np.arange(k + 1) / (20 * n * k) == pytest.approx(values.by_chance, rel=0.05)


def test_two_layers_of_one_model_and_a_layer_with_itself():
    x, other = rows(), rows(seed=1)
    stack = stack_of([x, 3 * x + 1, other])
    assert run(stack, layer=0, other_layer=1).values.mean == 1
    assert run(stack, layer=0).values.mean < 0.3
    with pytest.raises(InvalidRequest, match="compared with itself"):
        run(stack)
    with pytest.raises(InvalidRequest, match="none at place 3"):
        run(stack, layer=3)


def test_an_undefined_layer_has_a_reason():
    outcome = run(stack_of([rows(), np.ones((80, 6))]), layer=0)
    assert np.isnan(outcome.values.overlap).all()
    assert {gap.field: gap.reason for gap in outcome.undefined} == dict.fromkeys(
        ("overlap", "p", "mean"), "model, layer 1: all rows are identical"
    )
    assert (outcome.values.after == -1).all() and (outcome.values.before >= 0).all()
    assert (outcome.values.counts == -1).all() and outcome.values.n_within_chance == -1, "no count is no zero"


def test_a_sample_names_rows_of_the_whole_set():
    x = rows()
    outcome = run(stack_of([x]), stack_of([2 * x]), max_rows=30, seed=4)
    values = outcome.values
    assert "30 of 80 rows" in outcome.notes[1] and len(values.row_index) == 30
    assert np.isin(values.before, values.row_index).all()
    inside = near(x[values.row_index], 10)
    np.testing.assert_array_equal(values.before, values.row_index[np.array(inside)])
