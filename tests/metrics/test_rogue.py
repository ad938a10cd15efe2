"""Rogue dimensions: three rankings against plain loops, outlier rules, depth of first appearance, overlap."""

import numpy as np
import pytest

from backend.errors import InvalidRequest
from backend.metrics.anisotropy.cosine import average_cosine
from backend.metrics.rogue.kernel import (
    cosine_contribution,
    dimension_mean,
    dimension_variance,
    layer_norm_outliers,
    outlier_dimensions,
    principal_rogue_dimension,
    rogue_dimensions,
    standard_scores,
)
from backend.metrics.rogue.metric import ROGUE, RogueParams
from backend.metrics.rogue.overlap import ROGUE_OVERLAP, RogueOverlapParams
from backend.values.activations import no_report
from tests.metrics.stacks import layer, stack_of


def with_rogues(n_rows=80, n_dims=40, dtype=np.float64):
    """Standard normal rows with one dimension first by variance (5), one by mean and cosine (11), one near both (20)."""
    x = np.random.default_rng(0).standard_normal((n_rows, n_dims))
    x[:, 5] *= 9
    x[:, 11] += 30
    x[:, 20] = 4 * x[:, 20] - 12
    return x.astype(dtype)


def contribution_by_pairs(x):
    units = x / np.linalg.norm(x, axis=1, keepdims=True)
    pairs = [units[i] * units[j] for i in range(len(x)) for j in range(len(x)) if i != j]
    return np.mean(pairs, axis=0)


def test_the_three_rankings_differ_and_each_finds_its_own():
    x = with_rogues()
    assert rogue_dimensions(x, top=2, by="variance").tolist() == [5, 20]
    assert rogue_dimensions(x, top=2, by="cosine").tolist() == [11, 20]
    assert rogue_dimensions(x, top=2, by="mean").tolist() == [11, 20]
    assert principal_rogue_dimension(x) == 5


def test_variances_and_means_are_those_of_the_columns():
    x = with_rogues()
    np.testing.assert_allclose(dimension_variance(x), x.var(axis=0), rtol=1e-12)
    np.testing.assert_allclose(dimension_mean(x), x.mean(axis=0), rtol=1e-12)


def test_contributions_equal_all_pairs_and_sum_to_the_average_cosine():
    x = with_rogues(30)
    np.testing.assert_allclose(cosine_contribution(x), contribution_by_pairs(x), atol=1e-12)
    assert cosine_contribution(x).sum() == pytest.approx(average_cosine(x), abs=1e-12)


def test_an_offset_of_200_in_float32_leaves_the_variances():
    x = layer(500, 10)
    expected = dimension_variance(x)
    x[:, 3] += 200
    np.testing.assert_allclose(dimension_variance(x.astype(np.float32)), expected, rtol=1e-4)


def test_float16_with_a_column_at_300_does_not_overflow():
    x = with_rogues(dtype=np.float16)
    x[::2, 7], x[1::2, 7] = 300, -300
    assert dimension_variance(x)[7] == pytest.approx(300.0**2)
    assert principal_rogue_dimension(x) == 7


def test_ties_go_to_the_lower_index():
    x = np.vstack([np.ones(6), -np.ones(6)])
    assert rogue_dimensions(x, top=3).tolist() == [0, 1, 2]
    assert principal_rogue_dimension(x) == 0


def test_outliers_are_two_sided_over_the_means_of_the_dimensions():
    x = np.zeros((10, 100))
    x[:, 7], x[:, 60] = 50, -45
    x += 0.1 * np.random.default_rng(0).standard_normal(x.shape)
    assert outlier_dimensions(x).tolist() == [7, 60]
    assert outlier_dimensions(x, n_std=20.0).tolist() == []
    assert outlier_dimensions(np.ones((5, 8))).tolist() == []


def test_the_published_rule_needs_weight_and_bias_in_more_than_three_layers():
    rng = np.random.default_rng(1)
    weights, biases = 1 + 0.01 * rng.standard_normal((6, 200)), 0.01 * rng.standard_normal((6, 200))
    weights[:4, 30], biases[:4, 30] = 0.2, 2.0  # four layers, low weight, high bias
    weights[:3, 90], biases[:3, 90] = 3.0, -2.0  # three layers only
    weights[:, 150] = 3.0  # weight only
    assert layer_norm_outliers(weights, biases).tolist() == [30]
    assert layer_norm_outliers(weights, biases, more_than=2).tolist() == [30, 90]
    with pytest.raises(InvalidRequest, match="LayerNorm"):
        layer_norm_outliers(weights, biases[:3])


@pytest.mark.parametrize("by", ["variance", "cosine", "mean"])
def test_degenerate_layers_cannot_be_ranked(by):
    x = with_rogues(8)
    x[0, 0] = np.nan
    with pytest.raises(InvalidRequest, match="non-finite"):
        rogue_dimensions(x, by=by)
    with pytest.raises(InvalidRequest, match="all rows are identical"):
        principal_rogue_dimension(np.ones((5, 3)))
    with pytest.raises(InvalidRequest, match="length"):
        rogue_dimensions(with_rogues(), by="length")


def test_the_profile_of_a_stack():
    calm = np.random.default_rng(5).standard_normal((80, 40))
    layers = [calm, with_rogues(), with_rogues() * 2]
    outcome = ROGUE.run([stack_of(layers)], None, RogueParams(top=3, n_lines=4), 7, no_report)
    found = outcome.values
    np.testing.assert_allclose(found.variance, [x.var(axis=0) for x in layers])
    np.testing.assert_allclose(found.average_cosine, [average_cosine(x) for x in layers])
    assert found.principal[1:].tolist() == [5, 5]
    assert found.top_variance[1].tolist() == rogue_dimensions(layers[1], top=3).tolist()
    np.testing.assert_allclose(found.top_variance_value[1], layers[1].var(axis=0)[found.top_variance[1]])
    np.testing.assert_allclose(found.top_mean_value[2], np.abs(layers[2].mean(axis=0))[found.top_mean[2]])
    assert found.appearing.tolist() == [5]
    assert found.first_layer.tolist() == [1]
    assert found.n_layers_rogue.tolist() == [2]
    assert found.outlier[1].nonzero()[0].tolist() == [11]
    assert outcome.undefined == ()


@pytest.mark.parametrize("by", ["variance", "cosine", "mean"])
def test_the_score_is_the_ranked_quantity_in_standard_deviations(by):
    layers = [layer(80, 40), with_rogues()]
    found = ROGUE.run([stack_of(layers)], None, RogueParams(by=by), 0, no_report).values
    for index, x in enumerate(layers):
        quantity = {"variance": x.var(axis=0), "cosine": contribution_by_pairs(x), "mean": np.abs(x.mean(axis=0))}[by]
        away = quantity - quantity.mean()
        np.testing.assert_allclose(found.score[index], away / np.sqrt((away**2).mean()), rtol=1e-9, atol=1e-12)
    assert ((found.score > found.n_std) == found.rogue).all()


def test_the_shares_of_the_average_cosine_sum_to_one_and_are_those_of_the_pairs():
    layers = [with_rogues(30), np.vstack([np.eye(6), -np.eye(6)])[[0, 1]]]  # the second: two orthogonal rows
    outcome = ROGUE.run([stack_of(layers[:1])], None, RogueParams(), 0, no_report)
    pairs = contribution_by_pairs(layers[0])
    np.testing.assert_allclose(outcome.values.cosine_share[0], pairs / pairs.sum(), atol=1e-10)
    assert outcome.values.cosine_share.sum() == pytest.approx(1)
    none = ROGUE.run([stack_of(layers[1:])], None, RogueParams(), 0, no_report)
    assert none.values.average_cosine[0] == 0 and np.isnan(none.values.cosine_share).all()
    assert next(entry.reason for entry in none.undefined if entry.field == "cosine_share").endswith("cosine is 0")


def test_one_of_d_dimensions_that_are_equal_else_scores_the_root_of_d_less_one():
    x = np.vstack([np.ones(26), -np.ones(26)])
    x[:, 3] *= 2  # variances 1, and 4 in one of them
    found = ROGUE.run([stack_of([x])], None, RogueParams(), 0, no_report).values
    others = np.arange(26) != 3
    assert found.score[0, 3] == pytest.approx(5)  # sqrt(26 - 1)
    np.testing.assert_allclose(found.score[0, others], -1 / 5)
    assert found.principal_share.tolist() == [pytest.approx(4 / 29)]


def test_the_share_of_the_principal_dimension_is_that_of_the_total_variance():
    layers = [with_rogues(), layer(80, 40)]
    found = ROGUE.run([stack_of(layers)], None, RogueParams(by="mean"), 0, no_report).values
    expected = [x.var(axis=0).max() / np.trace(np.cov(x.T, bias=True)) for x in layers]
    np.testing.assert_allclose(found.principal_share, expected, rtol=1e-9)


@pytest.mark.filterwarnings("error")
def test_a_score_that_does_not_exist_says_why():
    same, equal = np.tile(with_rogues(1), (80, 1)), np.tile([[1.0], [-1.0]], (40, 40))
    outcome = ROGUE.run([stack_of([same, equal, with_rogues()])], None, RogueParams(), 0, no_report)
    assert np.isnan(outcome.values.score[:2]).all() and np.isfinite(outcome.values.score[2]).all()
    assert np.isnan(outcome.values.principal_share).tolist() == [True, False, False]
    why = {entry.index: entry.reason for entry in outcome.undefined if entry.field == "score"}
    assert set(why) == {(0,), (1,)}
    assert "all rows are identical" in why[0,] and "all dimensions have the same value" in why[1,]
    assert {entry.index for entry in outcome.undefined if entry.field == "principal_share"} == {(0,)}


@pytest.mark.filterwarnings("error")
def test_standard_scores_of_equal_unknown_or_no_values_do_not_exist():
    equal = np.full(192, 0.02)  # their mean and their standard deviation are off by an ulp
    found = standard_scores([equal, np.where(np.arange(192) == 4, np.nan, 1.0), np.arange(192)])
    assert np.isnan(found[:2]).all()
    assert found[2].mean() == pytest.approx(0, abs=1e-12) and found[2].std() == pytest.approx(1)
    assert standard_scores(np.zeros((0, 5))).shape == (0, 5)


def test_the_spike_lines_are_rows_spread_evenly_over_the_texts():
    layers = [with_rogues(100, dtype=np.float32), with_rogues(100, dtype=np.float32) + 1]
    found = ROGUE.run([stack_of(layers)], None, RogueParams(n_lines=5), 3, no_report).values
    assert found.lines.shape == (2, 5, 40)
    assert found.lines.dtype == np.float32
    assert (found.line_rows // 20).tolist() == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(found.lines[1], layers[1][found.line_rows])
    few = ROGUE.run([stack_of([layers[0][:3]])], None, RogueParams(n_lines=5), 3, no_report).values
    assert few.line_rows.tolist() == [0, 1, 2]


@pytest.mark.filterwarnings("error")
def test_degenerate_layers_have_no_principal_dimension():
    same, broken = np.tile(with_rogues(1), (80, 1)), with_rogues()
    broken[4, 4] = np.nan
    outcome = ROGUE.run([stack_of([same, broken, with_rogues()])], None, RogueParams(top=3), 0, no_report)
    assert outcome.values.principal.tolist() == [-1, -1, 5]
    assert (outcome.values.variance[0] == 0).all()
    assert (outcome.values.top_cosine[1] == -1).all()
    assert (outcome.values.top_variance[0] == -1).all(), "no variance, no ranking"
    assert {entry.index[0] for entry in outcome.undefined} == {0, 1}
    assert any("identical" in entry.reason for entry in outcome.undefined if entry.index[0] == 0)
    assert "non-finite activations (1 row)" in outcome.undefined[0].reason


def test_overlap_counts_shared_dimensions_against_chance():
    base = with_rogues()
    moved = np.roll(base, 20, axis=1)  # every dimension elsewhere
    found = ROGUE_OVERLAP.run(
        [stack_of([base, moved]), stack_of([base])], None, RogueOverlapParams(top=3), 0, no_report
    ).values
    shared = len(set(rogue_dimensions(base, top=3).tolist()) & set(rogue_dimensions(moved, top=3).tolist()))
    np.testing.assert_allclose(found.matrix, [[1.0], [shared / 3]])
    assert found.chance == pytest.approx(3 / 40)
    within = ROGUE_OVERLAP.run([stack_of([base, moved])], None, RogueOverlapParams(top=3), 0, no_report).values
    np.testing.assert_allclose(np.diag(within.matrix), 1.0)


def test_random_layers_overlap_by_chance():
    rng = np.random.default_rng(2)
    first, second = ([rng.standard_normal((30, 50)) for _ in range(20)] for _ in range(2))
    found = ROGUE_OVERLAP.run([stack_of(first), stack_of(second)], None, RogueOverlapParams(), 0, no_report).values
    assert found.matrix.mean() == pytest.approx(found.chance, abs=0.03)


def test_overlap_needs_equal_widths_and_skips_degenerate_layers():
    with pytest.raises(InvalidRequest, match="40 dimensions"):
        ROGUE_OVERLAP.run(
            [stack_of([with_rogues()]), stack_of([layer(80, 6)])], None, RogueOverlapParams(), 0, no_report
        )
    stack = stack_of([with_rogues(), np.ones((80, 40))])
    outcome = ROGUE_OVERLAP.run([stack], None, RogueOverlapParams(), 0, no_report)
    assert np.isnan(outcome.values.matrix).tolist() == [[False, True], [True, True]]
    assert all("layer 1: all rows are identical" in entry.reason for entry in outcome.undefined)


def test_equal_values_have_no_outlier_however_their_mean_rounds():
    equal = np.full((5, 192), 0.02)  # their mean and their standard deviation are off by an ulp
    other = np.random.default_rng(0).standard_normal((5, 192))
    assert not layer_norm_outliers(equal, other, n_std=0.5, more_than=1).size
    assert not layer_norm_outliers(other, equal, n_std=0.5, more_than=1).size
    assert not outlier_dimensions(equal, n_std=0.5).size
