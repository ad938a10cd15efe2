"""Approximate neighbours: nearly those of the exact search, the share that was found as it is, and the same at each run."""

import numpy as np
import pytest

from backend.errors import InvalidRequest
from backend.metrics import METRICS
from backend.metrics.base import parse_params
from backend.metrics.neighbors import approximate, distances
from backend.metrics.neighbors.approximate import approximate_neighbours
from backend.metrics.neighbors.graph import NeighbourGraph, Search, least_found, neighbour_graph
from backend.metrics.neighbors.kernel import nearest_neighbours, shared_share
from backend.values.activations import no_report
from tests.metrics.stacks import stack_of


def rows(n_rows=1500, n_dims=24, seed=0):
    """Rows near a surface of 4 dimensions, as layers are near ones of few."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, 4)) @ rng.normal(size=(4, n_dims)) + 0.05 * rng.normal(size=(n_rows, n_dims))
    return x.astype(np.float32)


def test_nearly_all_neighbours_are_those_of_the_exact_search():
    x = rows() + 300  # an offset that float32 distances would not survive
    found = approximate_neighbours(x, 10)
    distances, indices = nearest_neighbours(x, 10)
    share = shared_share(found.indices, indices)
    assert 0.97 < share.mean() <= 1.0 and found.n_checked == 500
    whole = share == 1
    np.testing.assert_allclose(found.distances[whole], distances[whole], rtol=1e-12)
    np.testing.assert_array_equal(found.indices[whole], indices[whole])
    assert (np.diff(found.distances, axis=1) >= 0).all() and (found.distances >= distances - 1e-9).all()
    assert (found.indices != np.arange(len(x))[:, None]).all()


def test_the_recall_is_that_of_the_rows_it_was_measured_on(monkeypatch):
    x = np.random.default_rng(3).normal(size=(1200, 64)).astype(np.float32)  # of no few dimensions: hard
    monkeypatch.setattr(approximate, "N_CHECKED", len(x))
    found = approximate_neighbours(x, 15)
    expected = shared_share(found.indices, nearest_neighbours(x, 15)[1]).mean()
    assert found.recall == pytest.approx(expected, abs=1e-12) and 0.5 < expected < 1


def test_a_distance_that_is_summed_in_another_order_is_the_same(monkeypatch):
    """Those of 30 candidates of each row are compiled, those of 26 are not: they differ in their last digits."""
    monkeypatch.setattr(distances, "_WORTH_COMPILING", 3000 * 24 * 28)
    x = rows(3000)
    found, (exact, indices) = approximate_neighbours(x, 10), nearest_neighbours(x, 10)
    assert (found.distances != exact).any()
    assert found.recall == pytest.approx(shared_share(found.indices, indices).mean(), abs=0.01)


def test_the_same_at_each_run_and_another_with_another_seed():
    x = np.random.default_rng(3).normal(size=(1200, 64)).astype(np.float32)
    one, two, other = (approximate_neighbours(x, 15, seed=seed) for seed in (0, 0, 1))
    assert one.indices.tobytes() == two.indices.tobytes() and one.distances.tobytes() == two.distances.tobytes()
    assert one.recall == two.recall and one.indices.tobytes() != other.indices.tobytes()


def test_points_on_a_line_and_copies_have_the_neighbours_that_they_must_have():
    x = np.repeat(np.arange(400.0)[:, None] ** 1.01, 3, axis=1)
    x = np.concatenate([x, x[:5]])
    found = approximate_neighbours(x, 2)
    np.testing.assert_array_equal(found.indices[:5, 0], np.arange(400, 405))
    np.testing.assert_array_equal(found.indices[400:, 0], np.arange(5))
    assert (found.distances[:5, 0] == 0).all()
    np.testing.assert_array_equal(found.indices, nearest_neighbours(x, 2)[1])
    assert found.recall == 1.0
    equal = approximate_neighbours(np.ones((4, 2)), 2)
    np.testing.assert_array_equal(equal.indices, [[1, 2], [0, 2], [0, 1], [0, 1]])


def test_rows_of_which_too_few_were_found_are_searched_exactly(monkeypatch):
    x = rows(300)
    monkeypatch.setattr(approximate, "_descended", lambda x, width, seed: np.full((len(x), width + 1), -1))
    found = approximate_neighbours(x, 5)
    np.testing.assert_array_equal(found.indices, nearest_neighbours(x, 5)[1])


@pytest.mark.parametrize("k", [0, 10])
def test_a_number_of_neighbours_that_there_are_not_is_refused(k):
    with pytest.raises(InvalidRequest, match="nearest neighbours were asked for among 10 rows"):
        approximate_neighbours(rows(10), k)


def test_the_limit_decides_how_a_layer_is_searched():
    x = rows(600)
    exact = neighbour_graph(x, Search(5, "euclidean", exact_rows=600), None, no_report)
    less = neighbour_graph(x, Search(5, "euclidean", exact_rows=599), None, no_report)
    np.testing.assert_array_equal(exact.indices, nearest_neighbours(x, 5)[1])
    assert exact.recall == 1.0 and 0.95 < less.recall <= 1.0
    assert shared_share(exact.indices, less.indices).mean() > 0.95
    cosine = neighbour_graph(x, Search(5, "cosine", exact_rows=100), None, no_report)
    own = neighbour_graph(x, Search(5, "cosine"), None, no_report)
    assert shared_share(own.indices, cosine.indices).mean() > 0.95


def test_the_least_recall_is_of_those_that_have_neighbours():
    nothing = np.zeros((1, 1), dtype=np.int64)
    graphs = [
        NeighbourGraph(nothing, None, 0.9, 500),
        NeighbourGraph(None, "why"),
        NeighbourGraph(nothing, None, 0.8, 400),
    ]
    assert least_found(graphs) == (0.8, 400) and least_found([NeighbourGraph(nothing)]) == (1.0, 0)


@pytest.mark.parametrize(("name", "more"), [("neighbour_overlap", {}), ("moved_texts", {"layer": 0})])
def test_metrics_say_what_was_found_and_come_near_the_exact_result(name, more):
    metric = METRICS[name]
    x = rows(700)
    stack = stack_of([x, x + 0.2 * rows(700, seed=9), x[:, ::-1] ** 3])
    found, exact = (
        metric.run([stack], None, parse_params(metric.params, {"k": 8, "exact_rows": limit, **more}), 0, no_report)
        for limit in (200, 50_000)
    )
    values = found.values
    assert 0.9 < values.recall <= 1.0 and exact.values.recall == 1.0
    np.testing.assert_allclose(np.mean(values.overlap), np.mean(exact.values.overlap), atol=0.02)
    (note,) = [note for note in found.notes if "approximate" in note]
    assert note.startswith("Among 700 rows") and "exact search for 500 of the rows" in note
    assert f"{100 * values.recall:.1f}\N{NO-BREAK SPACE}%" in note and "of the 8 nearest" in note
    assert values.approximate.startswith(f"approximate, {100 * values.recall:.1f}")
    assert exact.values.approximate == "" and not [note for note in exact.notes if "approximate" in note]


def test_an_older_request_keeps_its_address():
    from backend.forms.fingerprint import _encode

    for name in ("neighbour_overlap", "moved_texts"):
        kind = METRICS[name].params
        assert b"exact_rows" not in _encode(kind()) and b"exact_rows" in _encode(kind(exact_rows=100))
