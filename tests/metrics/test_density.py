"""Many points as a density: numpy's histogram, and a part of the points that has every class in proportion."""

import numpy as np
import pytest

from backend import density, drawn_points, points_inside


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


def turns(point: np.ndarray, corners: np.ndarray) -> int:
    """How often an outline goes round a point: the sum of the angles at which its sides are seen, in whole turns."""
    seen = np.arctan2(*(corners - point).T[::-1])
    steps = np.diff(np.append(seen, seen[0]))
    return round(float(((steps + np.pi) % (2 * np.pi) - np.pi).sum() / (2 * np.pi)))


@pytest.mark.parametrize("n_corners", [3, 4, 7, 40])
def test_the_points_within_an_outline_are_those_that_it_goes_round_an_odd_number_of_times(n_corners: int) -> None:
    rng = np.random.default_rng(n_corners)
    coords = rng.normal(size=(500, 2))
    coords[3] = np.nan
    corners = rng.normal(size=(n_corners, 2))  # which crosses itself
    wanted = [bool(np.isfinite(point).all()) and turns(point, corners) % 2 == 1 for point in coords]
    assert points_inside(coords, corners).tolist() == wanted and any(wanted) and not wanted[3]


def test_a_box_holds_what_is_between_its_sides_and_two_corners_hold_nothing() -> None:
    coords = np.array([[0.5, 0.5], [1.5, 0.5], [0.5, -0.1]])
    box = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])
    assert points_inside(coords, box).tolist() == [True, False, False]
    assert points_inside(coords, box[::-1]).tolist() == [True, False, False]
    assert not points_inside(coords, box[:2]).any()
