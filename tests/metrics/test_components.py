"""Accuracy by component: closed cases, an independent loop, and what has no number."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from backend.errors import InvalidRequest
from backend.metrics.components.kernel import component_accuracy, principal_basis, variance_ratio
from backend.metrics.components.metric import COMPONENT_ACCURACY, ComponentAccuracyParams
from backend.values.activations import Labels, no_report
from tests.metrics.stacks import stack_of


def planted(n=400, dims=12, n_classes=2, seed=0):
    """Rows whose class moves the third-largest principal direction and no other; a dimension at +200."""
    rng = np.random.default_rng(seed)
    y = np.arange(n) % n_classes
    x = rng.standard_normal((n, dims)) * np.array([20, 10, 1, *[0.5] * (dims - 3)])
    x[:, 2] = 6 * (y - y.mean()) + 0.1 * rng.standard_normal(n)
    x[:, 0] += 200
    turned = x @ np.linalg.qr(rng.standard_normal((dims, dims)))[0]
    return turned.astype(np.float32), y


def test_the_basis_is_scikit_learns_up_to_sign():
    x, _ = planted()
    expected = PCA().fit(x.astype(np.float64)).components_
    found = principal_basis(x)
    assert found.shape == (12, 12)
    np.testing.assert_allclose(np.abs(np.sum(found[:, :3].T * expected[:3], axis=1)), 1, atol=1e-6)
    np.testing.assert_allclose(found.T @ found, np.eye(12), atol=1e-9)


def test_a_basis_has_at_most_one_component_less_than_its_rows_and_none_of_identical_rows():
    x, _ = planted(8, 30)
    assert principal_basis(x).shape == (30, 7)
    assert principal_basis(np.ones((5, 3), dtype=np.float32)).shape == (3, 0)
    assert principal_basis(np.ones((1, 3), dtype=np.float32)).shape == (3, 0)


def test_accuracy_rises_where_the_planted_component_comes_in():
    x, y = planted()
    found = component_accuracy(
        x[:300], y[:300], x[300:], y[300:], basis=principal_basis(x[:300]), n_components=np.array([1, 2, 3, 12])
    )
    assert (found[:2] < 0.7).all() and (found[2:] == 1).all()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_it_equals_a_loop_over_scikit_learn(n_classes):
    rng = np.random.default_rng(1)
    y = np.arange(300) % n_classes
    x = rng.standard_normal((300, 8)).astype(np.float32)
    x[:, 0] += y
    train, test = slice(0, 200), slice(200, 300)
    counts = np.array([1, 2, 5, 8])
    found = component_accuracy(
        x[train], y[train], x[test], y[test], basis=principal_basis(x[train]), n_components=counts
    )
    rows = x.astype(np.float64) / np.sqrt(x[train].astype(np.float64).var(axis=0).mean())
    for k, value in zip(counts, found, strict=True):
        model = make_pipeline(PCA(k, svd_solver="full"), LogisticRegression(tol=1e-8, max_iter=10_000))
        assert value == model.fit(rows[train], y[train]).score(rows[test], y[test])


def test_a_number_beyond_the_basis_is_nan():
    x, y = planted()
    found = component_accuracy(x, y, x, y, basis=principal_basis(x[:5]), n_components=np.array([4, 5]))
    assert np.isnan(found).tolist() == [False, True]


@pytest.mark.parametrize(
    ("labels", "said"),
    [
        (np.zeros(400, dtype=int), "one class"),
        (np.full(400, np.nan), "no class numbers"),
        (np.full(400, -1), "no class numbers"),
        (np.arange(399), "no class numbers"),
        (np.full(400, "a"), "no class numbers"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(labels, said):
    x, _ = planted()
    with pytest.raises(InvalidRequest, match=said):
        component_accuracy(x, labels, x, labels, basis=principal_basis(x), n_components=np.array([1]))


def test_widths_that_do_not_fit_are_refused():
    x, y = planted()
    with pytest.raises(InvalidRequest, match="dimensions"):
        component_accuracy(x, y, x[:, :5], y, basis=principal_basis(x), n_components=np.array([1]))


def run(stacks, y, **params):
    labels = Labels(y, tuple(f"class {i}" for i in range(int(y.max()) + 1)))
    return COMPONENT_ACCURACY.run(stacks, labels, ComponentAccuracyParams(**params), 0, no_report)


def test_the_metric_draws_every_curve():
    x, y = planted(seed=2)
    other = planted(40, seed=3)[0] @ np.diag(np.arange(1, 13)).astype(np.float32)
    outcome = run([stack_of([x]), stack_of([other])], y, n_points=6, n_draws=3)
    values = outcome.values
    assert values.n_components[0] == 1 and values.n_components[-1] == 12
    assert values.in_domain[0, -1] == values.full[0] == 1
    assert np.isfinite(values.general).all() and values.n_basis_rows == 40
    assert 0.3 < values.control.mean() < 0.7
    assert (values.random_std >= 0).all() and values.random[0, -1] == 1
    assert values.sample_sizes[-1] == values.split.n_train == 320
    assert values.sample_in_domain[0, -1] == 1
    assert np.isnan(values.sample_general[0, values.sample_sizes > 40]).all()
    assert any("Fitted head" in note or "fitted head" in note for note in outcome.notes)
    assert values.own_head == (False,)


def test_components_without_variance_add_nothing_and_are_not_undefined():
    x, y = planted()
    x[:, 5] = x[:, 6]
    values = run([stack_of([x])], y, n_points=12, n_draws=2).values
    assert np.isfinite(values.in_domain).all()
    assert values.in_domain[0, -1] == values.in_domain[0, -2]


def test_without_a_second_text_set_the_general_curve_has_a_reason():
    x, y = planted()
    outcome = run([stack_of([x])], y, n_points=3, n_draws=2, control=False)
    said = {(entry.field, entry.index): entry.reason for entry in outcome.undefined}
    assert "no second text set" in said["general", (0,)] and "no second text set" in said["sample_general", (0,)]
    assert "no control" in said["control", (0,)]


def test_test_rows_take_no_part_in_the_basis_or_the_fit():
    x, y = planted()
    labels = Labels(y, ("a", "b"), tuple("train" if i < 300 else "test" for i in range(400)))
    changed = x.copy()
    changed[300:] = changed[300:][::-1] * 3
    first, second = (
        COMPONENT_ACCURACY.run([stack_of([rows])], labels, ComponentAccuracyParams(n_points=3, n_draws=2), 0, no_report)
        for rows in (x, changed)
    )
    assert first.values.sample_sizes.tolist() == second.values.sample_sizes.tolist()
    basis = principal_basis(x[:300])
    for values, rows in ((first.values, x), (second.values, changed)):
        expected = component_accuracy(
            x[:300], y[:300], rows[300:], y[300:], basis=basis, n_components=values.n_components
        )
        np.testing.assert_array_equal(values.in_domain[0], expected)


def test_the_variance_ratio_belongs_to_this_family_of_kernels():
    x, _ = planted()
    np.testing.assert_allclose(variance_ratio(x, x), 1)


def test_the_sample_curves_of_all_numbers_of_components_have_the_single_one_among_them():
    x, y = planted(160, seed=2)
    asked = {"sample_components": 1, "n_points": 4, "n_draws": 2}
    every, alone = (run([stack_of([x])], y, sample_all=one, **asked).values for one in (True, False))
    n_sizes, n_k = len(every.sample_sizes), len(every.n_components)
    assert every.all_in_domain.shape == (1, n_sizes, n_k) and alone.all_in_domain.shape == (1, n_sizes, 0)
    assert every.n_components[0] == 1
    np.testing.assert_array_equal(every.all_in_domain[0, :, 0], every.sample_in_domain[0])
    np.testing.assert_array_equal(every.sample_in_domain, alone.sample_in_domain)
    whole = every.sample_sizes.tolist().index(every.split.n_train)
    np.testing.assert_array_equal(every.all_in_domain[0, whole], every.in_domain[0])
    assert np.isnan(every.all_general).all()
