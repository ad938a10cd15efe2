"""One dimension as a classifier: exact cuts against brute force, the paper's SVM, the metric over layers."""

import itertools

import numpy as np
import pytest

from backend.errors import InvalidRequest
from backend.metrics.shared.heads import accuracy, fit_linear
from backend.metrics.threshold.kernel import threshold_accuracy
from backend.metrics.threshold.metric import THRESHOLD
from backend.values.activations import Activations, Head, HeadStage, Labels, LayerStack, no_report


def brute_force(values, labels, n_classes):
    """The most rows that any labelling of at most ``n_classes`` intervals gets right."""
    distinct = np.unique(values)
    best = 0
    for n_cuts in range(min(n_classes, len(distinct))):
        for cuts in itertools.combinations(range(1, len(distinct)), n_cuts):
            place = np.searchsorted(distinct[list(cuts)], values, side="right")
            counts = np.zeros((n_cuts + 1, n_classes), int)
            np.add.at(counts, (place, labels), 1)
            best = max(best, int(counts.max(axis=1).sum()))
    return best / len(values)


@pytest.mark.parametrize("n_classes", [2, 3, 4])
def test_no_other_intervals_are_better(n_classes):
    rng = np.random.default_rng(n_classes)
    for _ in range(40):
        n = int(rng.integers(n_classes + 1, 14))
        values = rng.integers(0, 9, n).astype(float)
        labels = np.concatenate([np.arange(n_classes), rng.integers(0, n_classes, n - n_classes)])
        found = threshold_accuracy(values, labels, values, labels)
        assert found.train_accuracy == brute_force(values, labels, n_classes)
        assert len(found.thresholds) < n_classes and len(found.classes) == len(found.thresholds) + 1
        assert (np.diff(found.thresholds) > 0).all() and (np.diff(found.classes) != 0).all()
        assert not np.isin(found.thresholds, values).any()


@pytest.mark.parametrize("direction", [1, -1])
@pytest.mark.parametrize("offset", [0.0, 1e6])
def test_a_planted_threshold_is_found_exactly(direction, offset):
    rng = np.random.default_rng(0)
    values = np.concatenate([rng.uniform(0, 2.9, 300), rng.uniform(3.1, 9, 200)]) + offset
    labels = np.repeat([0, 1][::direction], [300, 200])
    order = rng.permutation(500)
    values, labels = values[order], labels[order]
    found = threshold_accuracy(values[:400], labels[:400], values[400:], labels[400:])
    left = values[:400][values[:400] < 3 + offset].max()
    right = values[:400][values[:400] > 3 + offset].min()
    assert found.thresholds.tolist() == [left / 2 + right / 2]
    assert found.classes.tolist() == [0, 1][::direction]
    assert (found.train_accuracy, found.accuracy, float(found)) == (1, 1, 1)


def test_a_class_in_the_middle_of_the_line_has_its_interval():
    values = np.arange(30.0)
    labels = np.repeat(["low", "middle", "high"], 10)
    found = threshold_accuracy(values, labels, [9.4, 9.6, 25], ["low", "middle", "low"])
    assert found.thresholds.tolist() == [9.5, 19.5] and found.classes.tolist() == ["low", "middle", "high"]
    assert found.train_accuracy == 1 and found.accuracy == pytest.approx(2 / 3)


def test_equal_values_are_never_cut_apart_and_useless_cuts_are_left_out():
    found = threshold_accuracy([1.0, 1.0, 1.0, 2.0], [0, 1, 1, 1], [0.0], [1])
    assert found.thresholds.tolist() == [] and found.classes.tolist() == [1] and found.train_accuracy == 0.75


def test_ties_go_to_the_lowest_cut():
    found = threshold_accuracy([0.0, 1, 2, 3, 4, 5], [0, 1, 0, 1, 0, 1], [0.0], [0])
    assert found.thresholds.tolist() == [0.5] and found.classes.tolist() == [0, 1]


def test_neighbouring_numbers_without_one_between_are_still_told_apart():
    low = 1.0
    high = np.nextafter(low, 2)
    found = threshold_accuracy([low, low, high], [0, 0, 1], [low, high], [0, 1])
    assert found.train_accuracy == found.accuracy == 1


def test_the_svm_agrees_with_scikit_learns_predictions():
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import LinearSVC

    rng = np.random.default_rng(3)
    for n_classes in (2, 3, 6):
        labels = np.arange(240) % n_classes
        values = 1e3 + labels**2 + rng.standard_normal(240)
        found = threshold_accuracy(values[:200], labels[:200], values[200:], labels[200:], method="svm")
        model = make_pipeline(StandardScaler(), LinearSVC(dual=False)).fit(values[:200, None], labels[:200])
        grid = np.linspace(values.min() - 5, values.max() + 5, 999)
        np.testing.assert_array_equal(found.predict(grid), model.predict(grid[:, None]))
        assert found.accuracy == model.score(values[200:, None], labels[200:])


def test_a_constant_dimension_gives_the_largest_class_by_either_method():
    for method in ("exact", "svm"):
        found = threshold_accuracy(np.full(9, 7.0), [0] * 5 + [1] * 4, [7.0], [0], method=method)
        assert found.thresholds.tolist() == [] and found.classes.tolist() == [0]


@pytest.mark.parametrize(
    ("train", "test", "said"),
    [
        (([1.0, 2.0], [1, 1]), ([1.0], [1]), "one class"),
        (([1.0, np.nan], [0, 1]), ([1.0], [1]), "not finite"),
        (([1.0, 2.0], [0, 1]), ([np.inf], [1]), "not finite"),
        (([1.0, 2.0], [0, np.nan]), ([1.0], [1]), "no label"),
        (([1.0, 2.0], [0, -1]), ([1.0], [1]), "no label"),
        (([1.0, 2.0], [0, 1]), ([1.0], [None]), "no label"),
        (([1.0, 2.0, 3.0], [0, 1]), ([1.0], [1]), "shape"),
        (([1.0, 2.0], [0, 1]), ([], []), "shape"),
    ],
)
def test_what_cannot_be_cut_is_refused_with_a_reason(train, test, said):
    with pytest.raises(InvalidRequest, match=said) as caught:
        threshold_accuracy(*train, *test)
    assert caught.value.hint


# The metric


def layers(n_classes=3, n=300, seed=0):
    """A layer whose highest-variance dimension holds the class, and one where it does not."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    x = rng.standard_normal((2, n, 5)).astype(np.float32)
    x[0, :, 2] += 10 * y
    x[1, :, 4] *= 6
    x[1, :, 1] += 3 * y
    names = tuple(f"class {i}" for i in range(n_classes))
    return x, Labels(y, names, tuple("train" if i < 200 else "dev" for i in range(n)))


def stack(x, head=None):
    matrices = tuple(Activations(one, np.arange(len(one))) for one in x)
    return LayerStack("model", "cls", (0, 1), ("embedding", "block 1"), matrices, head=head)


def run(x, labels, head=None, **params):
    return THRESHOLD.run([stack(x, head)], labels, THRESHOLD.params(**params), 0, no_report)


def test_the_principal_dimension_of_the_training_rows_is_cut():
    x, labels = layers()
    x[0, 200:, 0] *= 1e3  # only the test rows vary there
    values = run(x, labels).values
    assert values.dimension.tolist() == [2, 4]
    assert values.accuracy[0] == 1 and values.accuracy[1] < 0.55
    assert values.interval_classes[0] == (0, 1, 2)
    for layer, dim in enumerate(values.dimension):
        found = threshold_accuracy(x[layer, :200, dim], labels.values[:200], x[layer, 200:, dim], labels.values[200:])
        assert values.accuracy[layer] == found.accuracy and values.train_accuracy[layer] == found.train_accuracy
        assert values.thresholds[layer] == tuple(found.thresholds)


def test_any_dimension_can_be_asked_for():
    x, labels = layers()
    values = run(x, labels, dimension=1).values
    assert values.dimension.tolist() == [1, 1] and values.accuracy[1] > 0.8
    with pytest.raises(InvalidRequest, match="no dimension 5"):
        run(x, labels, dimension=5)


def test_the_full_representation_is_read_by_the_models_own_head_where_it_fits():
    x, labels = layers()
    head = Head(1, "cls", (HeadStage(np.eye(5)[:3], np.zeros(3)),), labels.classes)
    outcome = run(x, labels, head)
    assert outcome.values.own_head.tolist() == [False, True]
    fitted = fit_linear(x[0, :200], labels.values[:200], 3)
    for layer, reader in enumerate((fitted, head)):
        assert outcome.values.full_accuracy[layer] == accuracy(reader, x[layer, 200:], labels.values[200:])
    assert any("fitted head" in note for note in outcome.notes)


def test_the_histogram_counts_every_row_once():
    x, labels = layers()
    values = run(x, labels, bins=7).values
    for part, counts in ((slice(200), values.train_counts), (slice(200, None), values.test_counts)):
        expected = np.bincount(labels.values[part], minlength=3)
        assert (counts.sum(axis=2) == expected).all()
    assert values.bin_edges.shape == (2, 8)


def test_the_control_is_about_chance():
    x, labels = layers(n_classes=2, n=2000)
    labels = Labels(labels.values, labels.classes, ("train", "dev") * 1000)
    values = run(x, labels).values
    assert values.accuracy[0] == 1 and abs(values.control_accuracy[0] - 0.5) < 0.06
    without = run(x, labels, control=False)
    assert np.isnan(without.values.control_accuracy).all()
    assert {gap.reason for gap in without.undefined} == {"no control was asked for"}


def test_fifty_classes_run():
    rng = np.random.default_rng(1)
    y = np.arange(1000) % 50
    x = np.stack([rng.standard_normal((1000, 4)), rng.standard_normal((1000, 4))]).astype(np.float32)
    x[0, :, 0] += 100 * y
    outcome = run(x, Labels(y, tuple(map(str, range(50)))))
    assert outcome.values.accuracy[0] == 1 and len(outcome.values.thresholds[0]) == 49
    assert any("as many intervals as classes" in note for note in outcome.notes)
