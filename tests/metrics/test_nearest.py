"""The neighbours of one row, or of a typed text, are those of a search by hand in every layer, ties and copies included."""

import numpy as np
import pytest

from backend.errors import InvalidRequest
from backend.metrics.base import parse_params
from backend.metrics.neighbors.kernel import nearest_neighbours, unit_rows
from backend.metrics.neighbors.nearest import NEIGHBOURS
from backend.metrics.neighbors.ranks import distances_to
from backend.metrics.neighbors.typed import NEIGHBOURS_OF_TEXT
from backend.values.activations import Activations, LayerStack, no_report
from tests.metrics.stacks import MatrixNetwork

N, K = 60, 7


def layers():
    """Three layers: one with copies of row 4, one on a grid full of ties, one with a large offset and a row of zeros."""
    rng = np.random.default_rng(0)
    copied = rng.normal(size=(N, 5)).astype(np.float32)
    copied[[11, 30, 59]] = copied[4]
    grid = np.stack(np.meshgrid(np.arange(10), np.arange(6)), axis=-1).reshape(-1, 2)
    grid = np.pad(grid, ((0, 0), (0, 3))).astype(np.float32)
    offset = (rng.normal(size=(N, 5)) + 200).astype(np.float32)
    offset[2] = 0
    return [copied, grid, offset]


def stack_of(matrices, **more):
    numbers = tuple(range(len(matrices)))
    found = tuple(Activations(x, np.arange(len(x))) for x in matrices)
    return LayerStack("model", "mean", numbers, tuple(f"layer {i}" for i in numbers), found, "texts", **more)


def by_hand(x, point, metric, own=None):
    """The plain definition: every distance, sorted; equal ones by the lower row."""
    wide, here = np.asarray(x, np.float64), np.asarray(point, np.float64)
    if metric == "cosine":
        wide, here = unit_rows(wide), unit_rows(here[None])[0]
    gaps = np.sqrt(((wide - here) ** 2).sum(axis=1))
    order = sorted((j for j in range(len(wide)) if j != own), key=lambda j: (gaps[j], j))
    return np.array(order), (gaps**2 / 2 if metric == "cosine" else gaps)[order]


def run(metric_row, stack, **given):
    return metric_row.run([stack], None, parse_params(metric_row.params, given), 0, no_report)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("row", [0, 4, 30, 59])
def test_neighbours_and_ranks_are_those_of_a_search_by_hand(metric, row):
    matrices = layers()
    values = run(NEIGHBOURS, stack_of(matrices), row=row + 1, k=K, metric=metric).values
    listed = set()
    for layer, x in enumerate(matrices):
        if metric == "cosine" and not x[row].any():
            assert (values.nearest[layer] == -1).all()
            continue
        order, gaps = by_hand(x, x[row], metric, row)
        np.testing.assert_array_equal(values.nearest[layer], order[:K])
        np.testing.assert_allclose(values.distance[layer], gaps[:K], rtol=1e-12)
        for place, other in enumerate(values.listed):
            assert values.ranks[layer, place] == 1 + list(order).index(other)
        listed |= set(order[:K])
    np.testing.assert_array_equal(values.listed, sorted(listed))
    assert (values.row, values.text, values.n_others) == (row, row, N - 1)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_every_row_has_the_neighbours_of_the_graph_of_all(metric):
    x = layers()[0]
    graph = nearest_neighbours(x if metric == "euclidean" else unit_rows(x), K)[1]
    for row in range(N):
        values = run(NEIGHBOURS, stack_of([x]), row=row + 1, k=K, metric=metric).values
        np.testing.assert_array_equal(values.nearest[0], graph[row])


def test_cosine_distance_is_one_minus_the_cosine():
    x, point = np.array([[2.0, 0.0], [0.0, 3.0], [-1.0, 0.0], [0.0, 0.0]]), np.array([5.0, 0.0])
    np.testing.assert_allclose(distances_to(x, point, "cosine"), [0, 1, 2, 0.5])


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_a_typed_text_may_be_as_near_as_a_row_is_to_itself(metric):
    matrices = layers()
    network = MatrixNetwork(matrices)
    text = "x" * 11  # its rows are those of row 11, a copy of row 4 in the first layer
    values = run(NEIGHBOURS_OF_TEXT, stack_of(matrices, network=network), text=text, k=K, metric=metric).values
    for layer, x in enumerate(matrices):
        order, gaps = by_hand(x, x[11], metric)
        np.testing.assert_array_equal(values.nearest[layer], order[:K])
        np.testing.assert_allclose(values.distance[layer], gaps[:K], rtol=1e-12, atol=1e-15)
    np.testing.assert_array_equal(values.nearest[0, :4], [4, 11, 30, 59])
    assert (values.row, values.text, values.n_others) == (-1, -1, N)


def test_a_layer_without_distances_says_why():
    matrices = layers()
    matrices[1] = np.ones((N, 3), np.float32)
    outcome = run(NEIGHBOURS, stack_of(matrices), row=3, metric="cosine")
    reasons = {gap.index[0]: gap.reason for gap in outcome.undefined}
    assert reasons == {
        1: "model, layer 1: all rows are identical",
        2: "model, layer 2: the norm is 0, so that there is no direction to compare",
    }
    assert np.isnan(outcome.values.ranks[1:]).all() and np.isfinite(outcome.values.ranks[0]).all()


def test_k_is_lowered_to_the_other_rows_and_said():
    outcome = run(NEIGHBOURS, stack_of([layers()[0][:5]]), row=2, k=10)
    assert outcome.values.nearest.shape == (1, 4) and "only 4 other rows" in outcome.notes[0]


def test_rows_are_those_of_the_text_set_where_some_were_left_out():
    x = layers()[0][:4]
    kept = LayerStack("model", "words", (0,), ("layer 0",), (Activations(x, np.array([0, 2, 5, 6])),), "texts")
    values = run(NEIGHBOURS, kept, row=6, k=2).values
    assert (values.row, values.text) == (2, 5)
    np.testing.assert_array_equal(values.text_index, np.array([0, 2, 5, 6])[values.listed])
    with pytest.raises(InvalidRequest, match="Row 2 was left out"):
        run(NEIGHBOURS, kept, row=2)
    with pytest.raises(InvalidRequest, match="no row 8"):
        run(NEIGHBOURS, kept, row=8)
