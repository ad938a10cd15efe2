"""What figures say beside the numbers of a result, against counting by hand."""

from dataclasses import replace

import numpy as np
import pytest

import backend
from backend import DirectProbeParams, DirectProbeResult
from backend.metrics.direct_probe.metric import DIRECT_PROBE
from backend.values.activations import Labels, no_report
from backend.values.results import Source
from tests.metrics.stacks import stack_of

NAN = np.nan


def test_a_band_ends_where_its_spread_does_and_is_undefined_with_it() -> None:
    low, high = backend.band_ends([1.0, 2.0, NAN], [0.25, NAN, 0.5])
    np.testing.assert_array_equal(low, [0.75, NAN, NAN])
    np.testing.assert_array_equal(high, [1.25, NAN, NAN])
    np.testing.assert_array_equal(backend.error_bars([0.5, NAN]), [1.0, NAN])


def test_depths_go_from_0_to_1_and_a_single_layer_is_the_first() -> None:
    np.testing.assert_array_equal(backend.relative_depths(5), [0, 0.25, 0.5, 0.75, 1])
    np.testing.assert_array_equal(backend.relative_depths(1), [0])
    np.testing.assert_array_equal(backend.bin_middles(np.array([0.0, 1.0, 3.0])), [0.5, 2.0])


def test_the_smaller_of_rows_and_dimensions_bounds_the_components() -> None:
    wide = Source("m", "c", "t", "mean", (0,), ("embedding",), n_rows=50, n_dims=384)
    assert backend.common_components([wide]) == 50
    assert backend.common_components([wide, replace(wide, n_rows=900, n_dims=30)]) == 30


def test_the_smaller_classes_share_a_line() -> None:
    counts = np.array([[1, 0], [4, 4], [0, 2], [0, 0], [3, 3]])
    found = backend.merge_classes(counts, 2)
    assert found.classes == (1, 4) and found.n_others == 3 and found.totals.tolist() == [8, 6, 3]
    assert found.counts.tolist() == [[4, 4], [3, 3], [1, 2]]
    by_other = backend.merge_classes(counts, 2, by=np.array([[9], [0], [0], [0], [8]]))
    assert by_other.classes == (0, 4) and by_other.counts.tolist() == [[1, 0], [3, 3], [4, 6]]
    whole = backend.merge_classes(counts, 5)
    assert whole.classes == (0, 1, 2, 3, 4) and whole.n_others == 0
    assert whole.filled().classes == (0, 1, 2, 4) and whole.filled().totals.tolist() == [1, 8, 2, 6]
    empty = backend.merge_classes(np.array([[2], [1], [0]]), 2)
    assert empty.n_others == 1 and empty.filled().n_others == 0 and empty.filled().counts.tolist() == [[2], [1]]


def test_the_classes_of_a_column_are_counted_the_most_frequent_first() -> None:
    table = backend.TextTable("t", tuple("abcd"), columns={"label": ("x", "y", None, "y")})
    assert list(table.class_counts("label").items()) == [("y", 2), ("x", 1)]


def test_components_off_a_logarithmic_scale_are_counted_layer_by_layer() -> None:
    ratios = np.array([[0.7, 0.3 - 1e-9, 1e-9, 0, 0], [0.5, 0.5, 0, 0, 0], [NAN] * 5])
    values = backend.SpectrumResult(ratios, ratios.cumsum(axis=1), np.array([2, 2, -1]), 9, 5)
    assert values.off_scale(6) == (3, 1) and values.off_scale(12) == (3, 0)
    assert replace(values, ratios=np.full((1, 3), NAN)).off_scale(6) == (0, 0)


def test_estimates_above_what_the_rows_can_show_are_counted() -> None:
    sizes = np.array([50, 100])
    mean = np.array([[9.0, 3.0], [1.0, 4.5], [NAN, NAN]])
    values = backend.DimensionScale(sizes, 2 * np.log10(sizes), mean, 0 * mean, "mle", 5, 100, 8)
    assert values.above_limit == (1, 2)


def test_the_labels_that_grow_most_and_least_are_ranked_and_ties_bear_no_rank() -> None:
    minimum = np.array([[1.0] * 9, [2, 9, 3, 0.5, 5, 6, 7, 8, NAN]])
    found = backend.least_distance_extremes(minimum)
    assert [(one.label, one.most, one.place) for one in found] == [
        (1, True, 0), (7, True, 1), (6, True, 2), (3, False, 0), (0, False, 1), (2, False, 2),
    ]  # fmt: skip
    assert all(one.ranked and one.change == minimum[1, one.label] - 1 for one in found)
    pair = backend.least_distance_extremes(np.array([[1.0, 1.0], [2.0, 2.0]]))
    assert sorted(one.label for one in pair) == [0, 1] and not any(one.ranked for one in pair)
    same = backend.least_distance_extremes(np.array([[1.0] * 7, [2.0] * 7]))
    assert not any(one.ranked for one in same)
    assert backend.least_distance_extremes(np.full((2, 1), NAN)) == ()


def probed(classes: list[int], rows: np.ndarray, control: float = 0.0) -> DirectProbeResult:
    """DirectProbe of one layer whose first rows are for training; ``control`` is what shuffled labels are said to have."""
    split = tuple(["train"] * (len(rows) - 2) + ["test"] * 2)
    labels = Labels(np.array(classes), ("a", "b"), split)
    params = DirectProbeParams(control=False, drop_single=False)
    values = DIRECT_PROBE.run([stack_of([rows])], labels, params, 0, no_report).values
    return replace(values, control_apart=np.array([control]))


def test_labels_that_are_apart_mean_nothing_where_random_ones_are_too() -> None:
    rows = np.array([[0.0], [1.0], [5.0], [6.0], [0.5], [5.5]])
    apart = probed([0, 0, 1, 1, 0, 1], rows)
    assert (apart.linear(0), apart.counts_say_nothing, apart.labels_in_pieces(0)) == ("yes", False, ())
    chance = replace(apart, control_apart=np.array([0.95]), other_n_clusters=np.array([2.0, 3.0, NAN]))
    assert (chance.linear(0), chance.counts_say_nothing) == ("random", True)
    assert [chance.linear(layer, other=True) for layer in range(3)] == ["yes", "no", ""]
    assert not replace(apart, control_apart=np.array([NAN])).counts_say_nothing


def test_a_label_on_both_sides_of_another_is_in_pieces() -> None:
    found = probed([0, 1, 0, 0, 0, 1], np.array([[0.0], [2.0], [4.0], [4.5], [0.5], [2.5]]), control=0.95)
    assert (found.linear(0), found.labels_in_pieces(0), found.counts_say_nothing) == ("no", ("a",), False)


@pytest.mark.parametrize("n", [1, 7, 9000])
def test_mean_sizes_are_the_means_of_absolute_values(n: int) -> None:
    vectors = np.random.default_rng(n).normal(3, 1, (n, 5)).astype(np.float32)
    np.testing.assert_allclose(backend.mean_sizes(vectors), np.abs(vectors.astype(np.float64)).mean(axis=0), rtol=1e-12)


def test_the_mean_size_of_nothing_and_of_no_number_is_undefined() -> None:
    assert np.isnan(backend.mean_sizes(np.zeros((0, 3)))).all()
    assert np.isnan(backend.mean_sizes(np.array([[1.0, np.nan, np.inf, -2.0]]))).tolist() == [False, True, True, False]
