"""Counts of single dimensions by accuracy, and shares of a class, against counting one by one."""

import numpy as np
import pytest

from backend import class_shares, count_by_accuracy


@pytest.mark.parametrize("n_test", [7, 88, 1_000])
def test_every_dimension_is_in_one_bin_and_no_accuracy_lies_on_an_edge(n_test: int) -> None:
    rng = np.random.default_rng(n_test)
    accuracy, control = rng.integers(0, n_test + 1, 300) / n_test, rng.integers(0, n_test + 1, (3, 300)) / n_test
    found = count_by_accuracy(accuracy, control, n_test=n_test)
    assert found.shuffled is not None
    assert found.counts.sum() == 300 and found.shuffled.sum() == pytest.approx(300)
    assert len(found.counts) <= 61
    assert np.ptp(np.diff(found.edges) * n_test) < 1e-6
    width = np.diff(found.edges)[0] * n_test
    assert width == pytest.approx(round(width)), "a bin holds whole steps of one test row"
    assert np.abs(found.edges[:, None] - np.concatenate([accuracy, control.ravel()])).min() > 0.4 / n_test
    assert found.above.tolist() == [(accuracy > edge).sum() for edge in found.edges]
    np.testing.assert_allclose(found.shares_above, [(accuracy > edge).mean() for edge in found.edges])


def test_equal_accuracies_without_shuffles_fill_one_bin() -> None:
    found = count_by_accuracy(np.full(7, 0.5), None, n_test=10)
    assert found.counts.tolist() == [7] and found.shuffled is None and found.above.tolist() == [7, 0]


def test_shares_are_of_the_class_and_undefined_for_one_without_rows() -> None:
    found = class_shares(np.array([[3, 1, 0], [0, 0, 0]]))
    np.testing.assert_array_equal(found, [[0.75, 0.25, 0], [np.nan] * 3])
