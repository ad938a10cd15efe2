"""Spikes by class: means and shares against plain loops and an analysis of variance, and where the numbers do not exist."""

import numpy as np
import pytest
from sklearn.feature_selection import f_classif

from backend.errors import InvalidRequest
from backend.metrics.rogue import by_class
from backend.metrics.rogue.by_class import CLASS_SPIKES, ClassSpikesParams
from backend.values.activations import Labels, no_report
from tests.metrics.stacks import layer, stack_of


def labels(values, names=("a", "b", "c"), split=None):
    return Labels(np.asarray(values, np.int64), tuple(names), split)


def run(matrices, of, **params):
    return CLASS_SPIKES.run([stack_of(matrices)], of, ClassSpikesParams(**params), 0, no_report)


def three_classes(n_rows=90, n_dims=20):
    x = np.random.default_rng(3).standard_normal((n_rows, n_dims))
    classes = np.arange(n_rows) % 3
    x[:, 7] += 6 * classes  # tells the classes apart, and has the highest variance
    x[:, 2] += 1.5 * (classes == 1)
    return x, classes


def test_means_and_deviations_are_those_of_the_rows_of_a_class():
    x, classes = three_classes()
    values = run([x], labels(classes)).values
    for label in range(3):
        rows = x[classes == label].astype(np.float32)
        np.testing.assert_allclose(values.mean[0, label], rows.mean(axis=0), rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(values.std[0, label], rows.std(axis=0), rtol=1e-5)
    assert values.counts.tolist() == [30, 30, 30]


def test_what_the_classes_explain_is_that_of_an_analysis_of_variance():
    x, classes = three_classes()
    values = run([x], labels(classes)).values
    ratio = f_classif(x.astype(np.float32).astype(np.float64), classes)[0]
    np.testing.assert_allclose(values.explained[0], 2 * ratio / (2 * ratio + len(x) - 3), rtol=1e-5)
    between = values.explained[0] * values.variance[0]
    np.testing.assert_allclose(values.share[0], between / between.sum(), rtol=1e-9)
    assert values.share[0].sum() == pytest.approx(1)


def test_one_dimension_that_tells_all_holds_the_difference():
    x, classes = three_classes()
    values = run([x], labels(classes), top=2).values
    assert values.principal.tolist() == [7]
    assert values.principal_share[0] == values.share[0, 7] > 0.95
    assert values.top_share[0] >= values.principal_share[0]
    assert values.n_for_half.tolist() == [1]
    assert values.apart(0, 2) == (7, 2)


@pytest.mark.parametrize("k", [1, 4, 5])
def test_a_difference_on_k_dimensions_is_shared_by_them(k):
    classes = np.arange(40) % 2
    x = np.random.default_rng(0).standard_normal((20, 12)).repeat(2, axis=0)  # the same rows in both classes
    x[:, :k] += 10 * classes[:, None]
    values = run([x], labels(classes, ("a", "b"))).values
    np.testing.assert_allclose(values.share[0, :k], 1 / k, rtol=1e-5)
    np.testing.assert_allclose(values.share[0, k:], 0, atol=1e-9)
    assert values.n_for_half[0] == -(-k // 2)


def test_an_offset_of_200_in_float32_leaves_what_is_explained():
    x, classes = three_classes()
    moved = x.copy()
    moved[:, 7] += 200
    a, b = (run([one.astype(np.float32)], labels(classes)).values for one in (x, moved))
    np.testing.assert_allclose(a.explained, b.explained, rtol=1e-3, atol=1e-6)


def test_rows_without_a_label_and_of_other_splits_take_no_part():
    x, classes = three_classes()
    marked = np.where(np.arange(90) < 30, -1, classes)
    split = tuple("train" if i < 60 else "dev" for i in range(90))
    values = run([x], labels(marked, split=split), split="dev").values
    np.testing.assert_allclose(values.mean[0, 0], x[60:][classes[60:] == 0].mean(axis=0), rtol=1e-4, atol=1e-6)
    assert (values.n_used, values.n_unlabelled, values.n_rows) == (30, 30, 90)
    with pytest.raises(InvalidRequest, match="no split 'test'"):
        run([x], labels(marked, split=split), split="test")


def test_what_does_not_exist_says_why():
    x, classes = three_classes()
    x[:, 4] = 1.0
    flat = np.tile(x[:1], (len(x), 1))
    broken = np.where(x > 2, np.nan, x)
    outcome = run([x, flat, broken], labels(classes, ("a", "b", "c", "d")))
    values, why = outcome.values, {(gap.field, gap.index): gap.reason for gap in outcome.undefined}
    assert "same value in all rows" in why["explained", (0, 4)]
    assert values.classes == ("a", "b", "c")
    assert "identical" in why["share", (1,)]
    assert "non-finite" in why["mean", (2,)]
    assert values.principal.tolist() == [7, -1, -1] and values.n_for_half.tolist() == [1, -1, -1]
    np.testing.assert_allclose(values.mean[1, 0], flat[0], rtol=1e-6)
    assert any("without a row that takes part are left out: d." in note for note in outcome.notes)


def test_too_many_classes_for_the_memory_are_refused(monkeypatch):
    monkeypatch.setattr(by_class, "_MOST_BYTES", 100)
    with pytest.raises(InvalidRequest, match="3 classes on 20 dimensions"):
        run([layer(30, 20)], labels(np.arange(30) % 3))
