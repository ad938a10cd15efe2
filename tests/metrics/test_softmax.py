"""The fit of a softmax regression: at the minimum, where scikit-learn's is, however different the columns' sizes are."""

import numpy as np
import pytest
from scipy.special import logsumexp
from sklearn.linear_model import LogisticRegression

from backend.errors import InvalidRequest
from backend.metrics.shared.heads import fit_linear
from backend.metrics.shared.softmax import fit_softmax

CASES = {
    "even": lambda rng, n, m: rng.normal(size=(n, m)),
    "like principal components": lambda rng, n, m: rng.normal(size=(n, m)) * np.geomspace(300, 1e-3, m),
    "one direction": lambda rng, n, m: rng.normal(size=(n, 1)) @ rng.normal(size=(1, m)),
    "wider than long": lambda rng, n, m: rng.normal(size=(n // 4, 4 * m)),
    "a column of zeros": lambda rng, n, m: rng.normal(size=(n, m)) * (np.arange(m) != 2),
}


def case(name, n_classes, seed=0):
    rng = np.random.default_rng(seed)
    x = CASES[name](rng, 120, 12)
    x -= x.mean(axis=0)
    return x, np.r_[np.arange(n_classes), rng.integers(0, n_classes, len(x) - n_classes)]


def slope(x, y, weights, bias):
    """The gradient of the objective, by its definition."""
    logits = x @ weights.T + bias
    if len(weights) == 1:
        logits = np.column_stack([np.zeros(len(x)), logits])
    off = np.exp(logits - logsumexp(logits, axis=1, keepdims=True))
    off[np.arange(len(x)), y] -= 1
    off = off[:, -len(weights) :]
    return np.column_stack([off.T @ x + weights, off.sum(axis=0)])


@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("name", CASES)
def test_it_ends_at_the_minimum_that_scikit_learn_looks_for(name, n_classes):
    x, y = case(name, n_classes)
    weights, bias = fit_softmax(x.copy(), y, n_classes)
    size = np.sqrt(np.append((x**2).sum(axis=0), len(x)) + 1)  # what a gradient is to be small beside
    assert (np.abs(slope(x, y, weights, bias)) / size).max() < 1e-5
    model = LogisticRegression(C=1.0, tol=1e-12, max_iter=100_000, solver="newton-cg").fit(x, y)
    np.testing.assert_allclose(weights, model.coef_, atol=1e-5)
    np.testing.assert_array_equal((x @ weights.T + bias > 0)[:, 0] if n_classes == 2 else (x @ weights.T + bias).argmax(axis=1), model.predict(x))  # fmt: skip


def test_without_columns_the_intercepts_are_the_classes_shares():
    y = np.repeat([0, 1, 2], [10, 20, 70])
    weights, bias = fit_softmax(np.zeros((100, 0)), y, 3)
    assert weights.shape == (3, 0)
    np.testing.assert_allclose(np.exp(bias - logsumexp(bias)), [0.1, 0.2, 0.7], rtol=1e-6)
    _, one = fit_softmax(np.zeros((100, 0)), (y > 0).astype(int), 2)
    np.testing.assert_allclose(one, np.log(90 / 10), rtol=1e-6)


def test_one_separating_column_in_closed_form():
    """Two rows at -1 and 1, one of each class: the weight w solves 2 / (1 + exp(w)) = w."""
    weights, bias = fit_softmax(np.array([[-1.0], [1.0]]), np.array([0, 1]), 2)
    w = weights[0, 0]
    assert 2 / (1 + np.exp(w)) == pytest.approx(w, rel=1e-7) and bias[0] == pytest.approx(0, abs=1e-9)


def test_one_class_alone_is_refused():
    with pytest.raises(InvalidRequest, match="all of one class"):
        fit_linear(np.ones((4, 2)), np.zeros(4, dtype=np.int64), 2)
