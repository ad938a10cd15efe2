"""A typed text lies on the map of principal components where scikit-learn's PCA projects it, and a row's own vector on its point."""

import numpy as np
import pytest
from sklearn.decomposition import PCA

from backend.metrics.base import parse_params
from backend.metrics.maps.placed import TEXT_ON_MAP
from backend.metrics.maps.projection import PROJECTION
from backend.values.activations import Activations, LayerStack, no_report
from tests.metrics.stacks import MatrixNetwork, layer

N = 70


def stack_of(matrices, network):
    numbers = tuple(range(len(matrices)))
    found = tuple(Activations(x.astype(np.float32), np.arange(len(x))) for x in matrices)
    return LayerStack("model", "mean", numbers, tuple(f"layer {i}" for i in numbers), found, "texts", network=network)


def run(row, stack, seed=0, **given):
    return row.run([stack], None, parse_params(row.params, given), seed, no_report)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("n_dims", [12, 90])
def test_a_row_lands_on_its_point_and_another_where_sklearn_projects_it(metric, n_dims):
    matrices = [layer(N, n_dims, seed=i) + 5 for i in range(2)]
    others = [layer(N, n_dims, seed=7 + i) + 5 for i in range(2)]
    own, far = (stack_of(matrices, MatrixNetwork(of)) for of in (matrices, others))
    text = "x" * 33  # its vectors are those of row 33
    maps = run(PROJECTION, own, metric=metric).values
    found = run(TEXT_ON_MAP, own, text=text, metric=metric).values
    np.testing.assert_allclose(found.coords, maps.coords[:, 33], rtol=1e-4, atol=1e-5)
    placed = run(TEXT_ON_MAP, far, text=text, metric=metric).values
    for i in range(2):
        rows, point = matrices[i].astype(np.float32), others[i][33].astype(np.float32)
        if metric == "cosine":
            rows, point = rows / np.linalg.norm(rows, axis=1, keepdims=True), point / np.linalg.norm(point)
        fitted = PCA(2).fit(rows.astype(np.float64))
        signs = np.sign((fitted.transform(rows) * maps.coords[i]).sum(axis=0))
        expected = fitted.transform(point[None].astype(np.float64))[0] * signs
        np.testing.assert_allclose(placed.coords[i], expected, rtol=1e-4, atol=1e-5)
        gap = point - rows.mean(axis=0)
        assert placed.shown[i] == pytest.approx((expected @ expected) / (gap @ gap), rel=1e-4)


def test_the_rows_are_those_of_the_map_and_a_flat_layer_says_why():
    matrices = [layer(N, 6), np.ones((N, 6))]
    stack = stack_of(matrices, MatrixNetwork(matrices))
    maps = run(PROJECTION, stack, seed=3, max_rows=20).values
    row = int(maps.row_index[4])
    outcome = run(TEXT_ON_MAP, stack, seed=3, max_rows=20, text="x" * row)
    np.testing.assert_allclose(outcome.values.coords[0], maps.coords[0, 4], rtol=1e-4, atol=1e-5)
    assert {gap.reason for gap in outcome.undefined} == {"model, layer 1: all rows are identical"}
    assert np.isnan(outcome.values.coords[1]).all() and np.isnan(outcome.values.shown[1])
