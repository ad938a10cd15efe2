"""Many points as a density: numpy's histogram, and a part of the points that has every class in proportion."""

import numpy as np
import pytest

from backend import density, drawn_points


def test_the_cells_are_those_of_the_histogram_of_numpy():
    coords = np.random.default_rng(0).normal(size=(5000, 2)) * [3, 1]
    found = density(coords, 32)
    expected, x, y = np.histogram2d(coords[:, 0], coords[:, 1], 32)
    np.testing.assert_array_equal(found.counts, expected.T)
    np.testing.assert_allclose(found.x0 + found.dx * np.arange(32), (x[1:] + x[:-1]) / 2)
    np.testing.assert_allclose(found.y0 + found.dy * np.arange(32), (y[1:] + y[:-1]) / 2)


def test_points_without_a_place_and_points_on_one_spot():
    assert density(np.full((3, 2), np.nan), 8).counts.sum() == 0
    assert density(np.array([[1.0, 2.0], [1.0, 2.0], [np.nan, 0.0]]), 8).counts.sum() == 2


def test_a_part_has_every_class_in_proportion():
    classes = ["a"] * 7000 + ["b"] * 2990 + ["c"] * 7 + [None] * 3
    rows = drawn_points(classes, len(classes), n_drawn=1000, seed=1)
    assert len(rows) == len(set(rows.tolist())) == 1000 and (np.diff(rows) > 0).all()
    taken = [sum(classes[row] == name for row in rows) for name in ("a", "b", "c", None)]
    assert taken[2:] == [1, 1]
    assert abs(taken[0] - 700) <= 2 and abs(taken[1] - 299) <= 2
    np.testing.assert_array_equal(rows, drawn_points(classes, len(classes), n_drawn=1000, seed=1))
    assert not np.array_equal(rows, drawn_points(classes, len(classes), n_drawn=1000, seed=2))


@pytest.mark.parametrize("classes", [None, [str(i) for i in range(400)], ["a"] * 399 + ["b"]])
def test_a_part_is_never_larger_than_asked_for(classes):
    assert len(drawn_points(classes, 400, n_drawn=50)) == 50
    assert drawn_points(classes, 400, n_drawn=400).tolist() == list(range(400))


def test_only_points_that_can_be_seen_are_drawn():
    among = np.zeros(1000, bool)
    among[100:300] = True
    rows = drawn_points(None, 1000, n_drawn=50, among=among)
    assert len(rows) == 50 and among[rows].all()
    assert drawn_points(None, 1000, n_drawn=500, among=among).tolist() == list(range(100, 300))
