"""Rogue dimensions that models share: counted by hand, and the chance of sharing against counting and drawing."""

from math import comb

import numpy as np
import pytest

from backend.errors import InvalidRequest
from backend.metrics.rogue.shared import SHARED_ROGUE, SharedRogueParams, chance_of_sharing
from backend.values.activations import no_report
from tests.metrics.stacks import layer, stack_of


def with_leading(dims, n_rows=60, n_dims=30, seed=0):
    """Rows in which these dimensions have the highest variance, the first the highest of all."""
    x = np.random.default_rng(seed).standard_normal((n_rows, n_dims))
    for place, dim in enumerate(dims):
        x[:, dim] *= 100 * 0.5**place
    return x


def run(stacks, **params):
    return SHARED_ROGUE.run(stacks, None, SharedRogueParams(**params), 0, no_report)


def test_dimensions_are_listed_by_the_models_they_lead_in():
    stacks = [
        stack_of([with_leading([9, 8, 7]), with_leading([1, 2, 3], seed=1)], model="base"),
        stack_of([with_leading([2, 5, 1], seed=2)], model="one"),
        stack_of([with_leading([2, 6, 4], seed=3)], model="two"),
    ]
    values = run(stacks, top=3).values
    assert values.dims.tolist() == [2, 1, 5, 6, 3, 4]
    assert values.n_models.tolist() == [3, 2, 1, 1, 1, 1]
    assert values.rank.tolist() == [[2, 1, 0, 0, 3, 0], [1, 3, 2, 0, 0, 0], [1, 0, 0, 2, 0, 3]]
    assert values.n_in_layers[0].tolist() == [1, 1, 0, 0, 1, 0] and values.n_layers.tolist() == [2, 1, 1]
    assert values.pairs.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert values.shared.tolist() == [2, 1, 1]


def test_a_dimension_that_leads_in_several_layers_is_counted_in_each():
    stack = stack_of([with_leading([4, 3]), with_leading([4, 1], seed=1), with_leading([4, 2], seed=2)])
    values = run([stack], top=2).values
    assert values.n_in_layers.tolist() == [[3, 1]] and values.dims.tolist() == [4, 2]
    assert values.pairs.shape == (0, 2) and values.p.shape == (0,)


@pytest.mark.parametrize(("shared", "top", "n_dims"), [(8, 10, 768), (0, 5, 20), (5, 5, 20), (2, 4, 9)])
def test_the_chance_of_sharing_is_that_of_counting(shared, top, n_dims):
    ways = sum(comb(top, j) * comb(n_dims - top, top - j) for j in range(shared, top + 1))
    assert chance_of_sharing(shared, top, n_dims) == pytest.approx(ways / comb(n_dims, top), rel=1e-9)


def test_what_is_expected_is_what_random_choices_share():
    values = run([stack_of([layer(30, 12, seed)], model=str(seed)) for seed in range(3)], top=4).values
    rng = np.random.default_rng(0)
    drawn = [[set(rng.choice(12, 4, replace=False).tolist()) for _ in range(3)] for _ in range(20_000)]
    assert np.mean([len(a & b) for a, b, _ in drawn]) == pytest.approx(values.expected, abs=0.02)
    counts = [np.bincount([dim for one in three for dim in one], minlength=12) for three in drawn]
    for least in (1, 2, 3):
        mean = np.mean([(count >= least).sum() for count in counts])
        assert mean == pytest.approx(values.expected_in[least - 1], abs=0.03)


def test_an_undefined_last_layer_leads_in_nothing_and_says_why():
    flat = np.ones((60, 30))
    outcome = run([stack_of([with_leading([1])], model="good"), stack_of([flat], model="flat")], top=2)
    values = outcome.values
    assert values.shared.tolist() == [-1] and np.isnan(values.p).all()
    assert (values.rank[1] == 0).all() and values.n_models.tolist() == [1, 1]
    assert [gap.reason for gap in outcome.undefined] == ["flat, layer 0: all rows are identical"]


def test_models_of_different_width_are_refused():
    with pytest.raises(InvalidRequest, match="one has 30, two has 12 dimensions"):
        run([stack_of([with_leading([1])], model="one"), stack_of([layer(60, 12)], model="two")])
