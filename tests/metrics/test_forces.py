"""The forces of t-SNE against their definition, openTSNE's own without approximation, and finite differences of the divergence."""

import numpy as np
import pytest
from openTSNE import _tsne
from openTSNE.quad_tree import QuadTree
from scipy.sparse import csr_matrix

from backend.metrics.maps import kernel
from backend.metrics.maps.forces import attract, gradient, repel
from backend.metrics.maps.kernel import pca_layout, tsne_layout
from backend.metrics.maps.quality import trustworthiness
from backend.metrics.neighbors.kernel import nearest_neighbours


def some_map(n, seed=0):
    return np.random.default_rng(seed).normal(size=(n, 2)) * [20, 7]


def probabilities(n, seed=1):
    """A sparse symmetric matrix of positive numbers that sum to 1, as t-SNE's are; its dense form too."""
    rng = np.random.default_rng(seed)
    dense = np.where(rng.random((n, n)) < 0.2, rng.random((n, n)), 0)
    dense = np.triu(dense, 1) + 1e-3 * np.triu(np.ones((n, n)), 1)
    dense = (dense + dense.T) / (2 * dense.sum())
    return csr_matrix(dense), dense


def divergence(y, dense):
    q = 1 / (1 + ((y[:, None] - y[None]) ** 2).sum(axis=2))
    np.fill_diagonal(q, 0)
    q /= q.sum()
    some = dense > 0
    return float((dense[some] * np.log(dense[some] / q[some])).sum())


@pytest.mark.parametrize("n", [2, 3, 8, 1023, 1024, 1025, 2500])
@pytest.mark.parametrize("scale", [1e-5, 1.0, 5.0])
def test_repulsion_is_the_sum_over_all_pairs(n, scale):
    y = scale * some_map(n)
    y[-1] = y[0]  # a copy neither pushes nor is lost
    gaps = y[:, None] - y[None]
    q = 1 / (1 + (gaps**2).sum(axis=2))
    np.fill_diagonal(q, 0)
    expected = (q[..., None] ** 2 * gaps).sum(axis=1)
    forces = np.full_like(y, 9.0)
    assert repel(y, forces) == pytest.approx(q.sum(), rel=1e-6)
    rounding = max(1e-5, 1e-7 * np.abs(y).max())  # of gaps, as places are float32
    np.testing.assert_allclose(forces, expected, atol=rounding * np.abs(expected).max())
    np.testing.assert_allclose(forces.sum(axis=0), 0, atol=rounding * np.abs(expected).max() * np.sqrt(n))


def test_attraction_is_the_sum_over_the_neighbours():
    y, (joint, dense) = some_map(40), probabilities(40)
    gaps = y[:, None] - y[None]
    expected = (dense / (1 + (gaps**2).sum(axis=2)))[..., None] * gaps
    forces = np.full_like(y, 9.0)
    attract(joint.indices, joint.indptr, joint.data, y, forces)
    np.testing.assert_allclose(forces, expected.sum(axis=1), rtol=1e-9, atol=1e-12)


def test_the_gradient_is_a_quarter_of_that_of_the_divergence():
    y, (joint, dense) = some_map(12) / 10, probabilities(12)
    found, step = gradient(y, joint)[1], 1e-5
    for i in range(12):
        for axis in range(2):
            ahead, behind = y.copy(), y.copy()
            ahead[i, axis] += step
            behind[i, axis] -= step
            slope = (divergence(ahead, dense) - divergence(behind, dense)) / (2 * step)
            assert 4 * found[i, axis] == pytest.approx(slope, abs=1e-6)


def test_the_gradient_is_that_of_opentsne_without_its_approximation():
    y, (joint, _) = some_map(700), probabilities(700)
    expected = np.zeros_like(y)
    _tsne.estimate_negative_gradient_bh(QuadTree(y), y, expected, theta=0.0, dof=1.0, num_threads=1, pairwise_normalization=True)  # fmt: skip
    _tsne.estimate_positive_gradient_nn(joint.indices, joint.indptr, joint.data, y, y, expected, 1.0, num_threads=1)
    found = gradient(y, joint)[1]
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_of_many_rows_the_grid_takes_over_and_the_map_is_as_good(monkeypatch):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(5, 12))[rng.integers(0, 5, 300)] * 6 + rng.normal(size=(300, 12))
    given = (nearest_neighbours(x, 60), pca_layout(x, 2)[0])
    exact = tsne_layout(*given, perplexity=20.0, n_iter=250, seed=0)
    monkeypatch.setattr(kernel, "MOST_EXACT", 299)
    grid = tsne_layout(*given, perplexity=20.0, n_iter=250, seed=0)
    assert not np.array_equal(exact, grid)
    assert trustworthiness(x, exact, 10) == pytest.approx(trustworthiness(x, grid, 10), abs=0.01)
