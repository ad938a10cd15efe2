"""Many softmax regressions at once against scikit-learn's, one by one."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from backend.metrics.neurons.softmax_bordered import Bordered
from backend.metrics.neurons.softmax_large import Shape, minimised
from backend.metrics.neurons.softmax_newton import add_penalty, fit_each, fit_near, moments
from backend.metrics.neurons.softmax_parts import MOST_EXACT, extended, intercept_part


def rows(n_classes, n_rows=200, n_dims=5, seed=0):
    rng = np.random.default_rng([seed, n_classes])
    y = rng.integers(0, n_classes, n_rows)
    x = rng.standard_normal((n_dims, n_rows))
    x[0] += 0.8 * y
    x[1] += 1.5 * (y == 1)
    return x, y


def reference(features, y):
    """Coefficients (n_features + 1, n_logits) of scikit-learn, the intercepts first and with mean 0."""
    model = LogisticRegression(C=1.0, tol=1e-11, max_iter=100_000).fit(features, y)
    offsets = model.intercept_ - (model.intercept_.mean() if len(model.intercept_) > 1 else 0)
    return np.vstack([offsets, model.coef_.T])


@pytest.mark.parametrize("n_classes", [2, 3, 6])
@pytest.mark.parametrize("n_shared", [0, 1, 3])
def test_coefficients_are_those_of_scikit_learn(n_classes, n_shared):
    x, y = rows(n_classes)
    part = intercept_part(y)
    for j in range(n_shared):
        part = extended(part, x[j], fit_each(part, x[j : j + 1])[0])
    found = fit_each(part, x[n_shared:])
    for one, column in zip(found, x[n_shared:], strict=True):
        expected = reference(np.column_stack([*x[:n_shared], column]), y)
        np.testing.assert_allclose(one, expected, atol=1e-5)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_way_for_large_problems_leads_to_the_same_coefficients(n_classes):
    x, y = rows(n_classes)
    part = intercept_part(y)
    start = np.vstack([part.start, np.zeros((1, part.n_logits))])
    found = minimised(part, x[0], start, Shape(part), n_steps=500, gain=1e-15)
    np.testing.assert_allclose(found, reference(x[0][:, None], y), atol=1e-5)


def test_a_problem_beyond_the_limit_is_solved_near_enough_to_give_the_same_classes():
    rng = np.random.default_rng(5)
    n_classes = MOST_EXACT // 2 + 2
    y = np.arange(15 * n_classes) % n_classes
    x = rng.standard_normal((2, len(y))) + 0.1 * y
    part = intercept_part(y)
    assert not part.exact
    expected = reference(x[0][:, None], y)
    found = fit_each(part, x[:1])[0]

    def loss(coefficients):
        scores = np.column_stack([np.ones(len(y)), x[0]]) @ coefficients
        lost = np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(len(y)), y]
        return lost.sum() + 0.5 * (coefficients[1:] ** 2).sum()

    assert loss(expected) * (1 - 1e-9) <= loss(found) < loss(expected) * (1 + 1e-5) < loss(np.zeros((2, n_classes)))


@pytest.mark.parametrize("n_classes", [2, 3])
def test_separable_rows_converge(n_classes):
    y = np.arange(90) % n_classes
    x = np.array([y * 10.0 - 5, y * 1000.0])
    for one, column in zip(fit_each(intercept_part(y), x), x, strict=True):
        np.testing.assert_allclose(one, reference(column[:, None], y), atol=1e-4)


@pytest.mark.parametrize("n_classes", [2, 3])
def test_steps_with_a_hessian_from_nearby_end_where_newtons_do(n_classes):
    x, y = rows(n_classes)
    part = intercept_part(y)
    found = fit_each(part, x)
    start = found + 0.05 * (found != 0)
    gradient, hessian = moments(part, x, start)
    add_penalty(gradient, hessian, start)
    again, left = fit_near(part, x, start=start, derivatives=(gradient, hessian), tolerance=1e-8)
    assert left.max() < 1e-7
    np.testing.assert_allclose(again[:, 1:], found[:, 1:], atol=1e-5)


def test_a_constant_feature_gets_no_weight():
    y = np.arange(40) % 2
    found = fit_each(intercept_part(y), np.zeros((1, 40)))
    assert found[0, 1, 0] == 0 and abs(found[0, 0, 0]) < 1e-9


@pytest.mark.parametrize(("n_classes", "n_shared"), [(12, 3), (40, 2)])
@pytest.mark.parametrize("separable", [False, True])
def test_steps_with_a_bordered_hessian_lead_to_scikit_learns_coefficients(n_classes, n_shared, separable):
    rng = np.random.default_rng([1, n_classes])
    y = np.concatenate([np.arange(n_classes), np.arange(n_classes), rng.integers(0, n_classes // 3, 12 * n_classes)])
    x = rng.standard_normal((n_shared + 3, len(y))) + rng.standard_normal((n_shared + 3, n_classes))[:, y]
    x[n_shared] += 50.0 * separable * (y == 1)
    x = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    x[n_shared + 2] = 0.0
    fold = slice(n_classes, n_classes + 40)
    features = np.delete(x, np.r_[fold], axis=1)
    whole, rest = intercept_part(y), intercept_part(np.delete(y, np.r_[fold]))
    for one, other in zip(x[:n_shared], features, strict=False):
        whole, rest = (extended(p, row, fit_each(p, row[None])[0]) for p, row in ((whole, one), (rest, other)))
    folds = [fold, slice(0, n_classes), slice(n_classes + 40, len(y))]  # together all rows; the first is asked for
    found = Bordered(whole, [rest, rest, rest], folds, x[n_shared:])
    for tolerance in (0.01, 1e-7):
        coefficients, left = found.fits(0, np.arange(3), tolerance)
        for j in range(3):
            expected = reference(features[[*range(n_shared), n_shared + j]].T, rest.y)
            off = coefficients[j] - expected
            off[0] -= off[0].mean()
            assert (separable and tolerance > 1e-3) or np.abs(off).max() <= left[j].max() + 1e-4
    assert left.max() < 1e-5
