"""Neighbours are exact whatever the offset, the spread and the copies; overlap has its chance level."""

import numpy as np
import pytest
from scipy.spatial import cKDTree

from backend.errors import Cancelled, InvalidRequest
from backend.metrics.neighbors import distances as exact
from backend.metrics.neighbors import kernel as neighbors
from backend.metrics.neighbors import tiles
from backend.metrics.neighbors.kernel import (
    distinct_rows,
    nearest_neighbours,
    neighbour_overlap,
    sampled_rows,
    shared_share,
    unit_rows,
)


def brute_force(x, k):
    """Distances by differences in float64, equal distances by the lower row: the plain definition."""
    wide = np.asarray(x, dtype=np.float64)
    distances, indices = [], []
    for i in range(len(wide)):
        gaps = np.sqrt(((wide - wide[i]) ** 2).sum(axis=1))
        order = [j for j in np.lexsort((np.arange(len(wide)), gaps)) if j != i][:k]
        distances.append(gaps[order])
        indices.append(order)
    return np.array(distances), np.array(indices)


def near_copies(rng, dtype=np.float32):
    """Pairs 1e-3 apart, with two columns at +200 and one that varies 200 times more than the others."""
    x = rng.normal(size=(150, 24))
    x = np.concatenate([x, x + 1e-3 * rng.normal(size=x.shape)])
    x[:, 3] += 200
    x[:, 7] += 200
    x[:, 11] *= 200
    return x.astype(dtype)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_exact_for_near_copies_beside_offset_columns(dtype):
    x = near_copies(np.random.default_rng(0), dtype)
    distances, indices = nearest_neighbours(x, 10)
    expected, rows = brute_force(x, 10)
    assert distances.dtype == np.float64 and indices.dtype == np.int64
    np.testing.assert_allclose(distances, expected, rtol=1e-12)
    np.testing.assert_array_equal(indices, rows)


@pytest.mark.parametrize("m", [1, 8, 64, 65])
def test_the_smallest_entries_are_found_and_nothing_is_left_changed(m):
    bound = np.random.default_rng(1).integers(0, 30, size=(40, 90)).astype(np.float32)  # full of ties
    bound[:, 5] = np.inf
    kept = bound.copy()
    columns, largest = neighbors._smallest(bound, m)
    np.testing.assert_array_equal(bound, kept)
    found = np.sort(np.take_along_axis(bound, columns, axis=1), axis=1)
    np.testing.assert_array_equal(found, np.sort(bound, axis=1)[:, :m])
    np.testing.assert_array_equal(largest, found[:, -1])
    assert all(len(set(row)) == m for row in columns)


@pytest.mark.parametrize("k", [1, 2, 40])
def test_as_exact_with_few_candidates_as_with_many(k):
    x = near_copies(np.random.default_rng(5))
    distances, indices = nearest_neighbours(x, k)
    expected, rows = brute_force(x, k)
    np.testing.assert_allclose(distances, expected, rtol=1e-12)
    np.testing.assert_array_equal(indices, rows)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_compiled_loop_is_as_exact(dtype, monkeypatch):
    monkeypatch.setattr(exact, "_WORTH_COMPILING", 1)
    assert exact._compiled_distances() is not None
    x = near_copies(np.random.default_rng(0), dtype)
    distances, indices = nearest_neighbours(x, 10)
    expected, rows = brute_force(x, 10)
    np.testing.assert_allclose(distances, expected, rtol=1e-12)
    np.testing.assert_array_equal(indices, rows)


@pytest.mark.parametrize("k", [1, 2, 20, 100])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_products_computed_once_for_both_rows_find_the_same(k, dtype, monkeypatch):
    asked = []
    whole = tiles.candidates
    monkeypatch.setattr(neighbors, "candidates", lambda *given: asked.append(given) or whole(*given))
    x = near_copies(np.random.default_rng(6), dtype)
    row_by_row = nearest_neighbours(x, k)
    assert not asked
    monkeypatch.setattr(neighbors, "_WORTH_TILES", 0.0)
    monkeypatch.setattr(tiles, "_TILE_ROWS", 64)  # 300 rows: five blocks, the last not whole
    by_tiles = nearest_neighbours(x, k)
    assert len(asked) == 1
    for mine, other in zip(by_tiles, row_by_row, strict=True):
        np.testing.assert_array_equal(mine, other)


@pytest.mark.parametrize("k", [3, 5])
def test_products_computed_once_are_exact_where_all_are_equally_far(k, monkeypatch):
    monkeypatch.setattr(neighbors, "_WORTH_TILES", 0.0)
    monkeypatch.setattr(tiles, "_TILE_ROWS", 32)
    x = np.stack(np.meshgrid(np.arange(12), np.arange(12)), axis=-1).reshape(-1, 2).astype(np.float32)
    distances, indices = nearest_neighbours(x, k)
    expected, rows = brute_force(x, k)
    np.testing.assert_array_equal(indices, rows)
    np.testing.assert_allclose(distances, expected)


def test_a_search_by_products_computed_once_can_be_cancelled(monkeypatch):
    monkeypatch.setattr(neighbors, "_WORTH_TILES", 0.0)

    def report(done, total, stage):
        raise Cancelled

    with pytest.raises(Cancelled):
        nearest_neighbours(np.random.default_rng(0).normal(size=(60, 3)), 2, report=report)


def test_agrees_with_a_tree():
    x = np.random.default_rng(1).normal(size=(700, 5)).astype(np.float32)
    distances, indices = nearest_neighbours(x, 7)
    expected, rows = cKDTree(x.astype(np.float64)).query(x.astype(np.float64), 8)
    np.testing.assert_allclose(distances, expected[:, 1:], rtol=1e-12)
    np.testing.assert_array_equal(indices, rows[:, 1:])


def test_copies_are_neighbours_at_distance_0_and_ties_go_to_the_lower_row():
    rng = np.random.default_rng(2)
    x = rng.normal(size=(120, 6)).astype(np.float32)
    x[rng.permutation(120)[:50]] = x[0]
    distances, indices = nearest_neighbours(x, 60)
    expected, rows = brute_force(x, 60)
    np.testing.assert_allclose(distances, expected, rtol=1e-12)
    np.testing.assert_array_equal(indices, rows)
    assert not (indices == np.arange(120)[:, None]).any()


def test_a_grid_full_of_ties_is_ordered_by_row():
    x = np.stack(np.meshgrid(np.arange(12), np.arange(12)), axis=-1).reshape(-1, 2).astype(np.float32)
    distances, indices = nearest_neighbours(x, 5)
    expected, rows = brute_force(x, 5)
    np.testing.assert_array_equal(indices, rows)
    np.testing.assert_allclose(distances, expected)


def test_identical_rows():
    distances, indices = nearest_neighbours(np.ones((5, 3), dtype=np.float32), 3)
    assert (distances == 0).all()
    np.testing.assert_array_equal(indices[0], [1, 2, 3])
    np.testing.assert_array_equal(indices[4], [0, 1, 2])


def test_one_row_far_from_all_others():
    x = np.random.default_rng(3).normal(size=(300, 16)).astype(np.float32)
    x[17] *= 3000
    distances, indices = nearest_neighbours(x, 4)
    expected, rows = brute_force(x, 4)
    np.testing.assert_allclose(distances, expected, rtol=1e-12)
    np.testing.assert_array_equal(indices, rows)


@pytest.mark.parametrize("k", [0, 4, 9])
def test_k_out_of_range_is_refused(k):
    with pytest.raises(InvalidRequest, match="4 rows"):
        nearest_neighbours(np.eye(4, dtype=np.float32), k)


def test_infinite_values_are_refused():
    x = np.eye(4, dtype=np.float32)
    x[2, 1] = np.inf
    with pytest.raises(InvalidRequest, match="finite"):
        nearest_neighbours(x, 1)


def test_input_is_unchanged_and_may_be_read_only():
    x = near_copies(np.random.default_rng(4))
    before = x.copy()
    x.setflags(write=False)
    nearest_neighbours(x, 3)
    np.testing.assert_array_equal(x, before)


def test_the_search_ends_when_it_is_cancelled():
    def report(done, total, stage):
        raise Cancelled

    with pytest.raises(Cancelled):
        nearest_neighbours(np.eye(40, dtype=np.float32), 2, report=report)


def test_neighbours_do_not_depend_on_the_threads(monkeypatch):
    rng = np.random.default_rng(0)
    lattice = 0.1 * rng.integers(0, 4, size=(3000, 768))
    for x in (rng.normal(size=(3000, 768)).astype(np.float32), lattice):
        found = []
        for n_threads in (1, 8):
            monkeypatch.setattr(neighbors, "most_threads", lambda n_threads=n_threads: n_threads)
            found.append(nearest_neighbours(x, 10))
        np.testing.assert_array_equal(found[0][0], found[1][0])
        np.testing.assert_array_equal(found[0][1], found[1][1])


def test_distinct_rows_tell_zero_and_minus_zero_as_one():
    x = np.array([[1.0, 0.0], [2.0, 1.0], [1.0, -0.0], [2.0, 1.0], [3.0, 0.0]])
    first, place = distinct_rows(x)
    np.testing.assert_array_equal(first, [0, 1, 4])
    np.testing.assert_array_equal(place, [0, 1, 0, 1, 2])


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.longdouble])
def test_distinct_rows_are_told_apart_whatever_their_bits_add_up_to(dtype, monkeypatch):
    x = np.random.default_rng(0).normal(size=(500, 7)).astype(dtype)
    x[400:] = x[np.random.default_rng(1).integers(0, 400, 100)]
    _, expected, inverse = np.unique(x, axis=0, return_index=True, return_inverse=True)
    for sums in (neighbors._bit_sums, lambda x: np.zeros(len(x), np.uint64), lambda x: (x[:, 0] > 0).astype(np.uint64)):
        monkeypatch.setattr(neighbors, "_bit_sums", sums)
        first, place = distinct_rows(x)
        np.testing.assert_array_equal(first, np.sort(expected))
        np.testing.assert_array_equal(first[place], expected[inverse.ravel()])


def test_overlap_of_a_rotation_is_1_and_of_unrelated_rows_is_chance():
    rng = np.random.default_rng(5)
    x = rng.normal(size=(1500, 10))
    rotation = np.linalg.qr(rng.normal(size=(10, 10)))[0]
    np.testing.assert_allclose(neighbour_overlap(x, 3 * x @ rotation + 7, 12), 1.0)
    unrelated = neighbour_overlap(x, rng.normal(size=(1500, 4)), 12)
    standard_error = unrelated.std() / np.sqrt(1500)
    assert abs(unrelated.mean() - 12 / 1499) < 5 * standard_error
    assert unrelated.min() >= 0 and unrelated.max() <= 1


def test_overlap_counts_what_both_sides_share():
    a = np.array([[1, 2, 3], [0, 2, 3]])
    b = np.array([[3, 1, 9], [4, 5, 6]])
    np.testing.assert_allclose(shared_share(a, b), [2 / 3, 0])


def test_overlap_of_different_row_counts_is_refused():
    with pytest.raises(InvalidRequest, match="3 and 4 rows"):
        neighbour_overlap(np.eye(3), np.eye(4), 1)


def test_sampled_rows_are_seeded_distinct_and_ascending():
    rows = sampled_rows(100, 30, 7)
    np.testing.assert_array_equal(rows, sampled_rows(100, 30, 7))
    assert len(np.unique(rows)) == 30 and (np.diff(rows) > 0).all()
    assert not np.array_equal(rows, sampled_rows(100, 30, 8))
    np.testing.assert_array_equal(sampled_rows(5, 30, 7), np.arange(5))


def test_unit_rows_survive_extreme_scales_and_zero():
    x = np.array([[3e-30, 4e-30], [3e300, 4e300], [0.0, 0.0]])
    np.testing.assert_allclose(unit_rows(x), [[0.6, 0.8], [0.6, 0.8], [0, 0]])
