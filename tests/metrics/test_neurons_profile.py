"""The metric of salient neurons: its table, its best dimension, its texts on the wrong side, its control."""

import numpy as np
import pytest

from backend.errors import InvalidRequest
from backend.metrics import parse_params
from backend.metrics.neurons.kernel import single_dimension_accuracy
from backend.metrics.neurons.metric import NEURONS, borders
from backend.metrics.shared.heads import accuracy, fit_linear
from backend.metrics.shared.splits import split_rows
from backend.values.activations import Labels, no_report
from tests.metrics.stacks import stack_of


def problem(n_classes=2, n_rows=200, n_dims=10, seed=0):
    """Two layers; dimension 6 of the second separates the classes but for noise."""
    rng = np.random.default_rng(seed)
    y = np.arange(n_rows) % n_classes
    first, second = rng.standard_normal((2, n_rows, n_dims))
    second[:, 6] += 3 * y
    return stack_of([first, second]), Labels(y, tuple(f"class {k}" for k in range(n_classes)))


def run(stack, labels, seed=0, **params):
    return NEURONS.run([stack], labels, parse_params(NEURONS.params, params), seed, no_report)


@pytest.mark.parametrize("n_classes", [2, 3, 6])
def test_the_table_is_that_of_heads_fitted_on_the_chosen_dimensions(n_classes):
    stack, labels = problem(n_classes, n_rows=300)
    values = run(stack, labels).values
    split = split_rows(labels, NEURONS.params(), 0)
    x = stack.rows[1]
    chosen = values.dimensions[1]
    assert chosen[0] == 6 and values.dimensions.shape == (2, max(5, n_classes))
    for place, size in ((0, None), (2, 5), (3, n_classes)):
        dims = np.arange(x.shape[1]) if size is None else chosen[:size]
        head = fit_linear(x[split.train][:, dims], split.y_train, n_classes)
        assert values.test_accuracy[1, place] == accuracy(head, x[split.test][:, dims], split.y_test)
    single = single_dimension_accuracy(x[split.train], split.y_train, x[split.test], split.y_test)
    np.testing.assert_array_equal(values.single_test[1], single)
    assert values.test_accuracy[1, 1] == single[6]


def test_shuffled_labels_leave_nothing_to_find():
    stack, labels = problem(n_rows=600)
    values = run(stack, labels).values
    assert values.test_accuracy[1, 1] > 0.9
    assert abs(values.control_accuracy - 0.5).max() < 0.15
    assert values.control_single_test.shape == (2, 3, 10), "the same for each of three shuffles"
    without = run(stack, labels, control=False).values
    assert without.control_accuracy.shape == (0, 4) and without.control_cross_validated.shape == (0, 5)
    np.testing.assert_array_equal(without.test_accuracy, values.test_accuracy)


@pytest.mark.parametrize("n_classes", [2, 4])
def test_the_wrong_side_is_where_the_border_says(n_classes):
    stack, labels = problem(n_classes, n_rows=400)
    values = run(stack, labels, n_listed=1_000).values
    split = split_rows(labels, NEURONS.params(), 0)
    at = values.cut_layer == 1
    cuts, order = values.cut_value[at], [int(values.cut_below[at][0]), *values.cut_above[at].tolist()]
    assert (np.diff(cuts) > 0).all() and (values.cut_below[at] == order[:-1]).all()
    column = np.asarray(stack.rows[1][:, 6], dtype=np.float64)
    guess = np.array(order)[np.searchsorted(cuts, column[split.test])]
    wrong = split.test[guess != split.y_test]
    listed = values.wrong_layer == 1
    assert sorted(values.wrong_text[listed]) == sorted(wrong) and values.n_wrong[1] == len(wrong)
    assert values.test_accuracy[1, 1] == pytest.approx(1 - len(wrong) / len(split.test))
    assert (values.wrong_margin[listed] <= 0).all() and (np.diff(values.wrong_margin[listed]) >= 0).all()
    np.testing.assert_array_equal(values.wrong_value[listed], column[values.wrong_text[listed]])
    np.testing.assert_array_equal(values.wrong_class[listed], labels.values[values.wrong_text[listed]])


def test_histograms_count_every_row_of_each_part():
    stack, labels = problem(3, n_rows=240)
    values = run(stack, labels, n_bins=17).values
    split = split_rows(labels, NEURONS.params(), 0)
    assert values.edges.shape == (2, 18)
    np.testing.assert_array_equal(values.test_counts.sum(axis=2)[1], np.bincount(split.y_test))
    np.testing.assert_array_equal(values.train_counts.sum(axis=2)[0], np.bincount(split.y_train))


def test_no_more_texts_are_listed_than_asked_for_and_a_note_says_so():
    stack, labels = problem()
    outcome = run(stack, labels, n_listed=3)
    assert np.bincount(outcome.values.wrong_layer).max() == 3 < outcome.values.n_wrong.max()
    assert any("3 furthest" in note for note in outcome.notes)


def test_sampling_and_splitting_are_noted():
    stack, labels = problem(n_rows=300)
    outcome = run(stack, labels, max_rows=100)
    assert outcome.values.n_chosen_on == 100
    assert any("sample of 100 of 240 training rows" in note for note in outcome.notes)
    assert any(note.startswith("Split: 240 training rows") for note in outcome.notes)
    assert any("shuffled" in note for note in outcome.notes)


def test_sizes_that_were_not_chosen_have_a_reason():
    stack, labels = problem(6, n_rows=240)
    outcome = run(stack, labels, n_select=3)
    assert np.isfinite(outcome.values.test_accuracy[:, :2]).all()
    assert np.isnan(outcome.values.test_accuracy[:, 2:]).all()
    assert any("6 dimensions were asked for, 3 chosen" in entry.reason for entry in outcome.undefined)


def test_a_class_without_training_rows_counts_as_wrong_but_is_not_listed():
    stack, labels = problem(3, n_rows=120)
    split = tuple("test" if i % 3 == 2 or i % 5 == 0 else "train" for i in range(120))
    outcome = run(stack, Labels(labels.values, labels.classes, split))
    assert 2 not in outcome.values.wrong_class
    assert outcome.values.test_accuracy.max() < 0.8
    assert any("'class 2'" in note for note in outcome.notes)


def test_test_rows_never_touch_a_choice_or_a_border():
    stack, labels = problem(n_rows=200)
    split = split_rows(labels, NEURONS.params(), 0)
    other = [np.array(rows) for rows in stack.rows]
    for rows in other:
        rows[split.test] = rows[split.test][::-1] * 3 + 1
    one, two = run(stack, labels).values, run(stack_of(other), labels).values
    for field in ("dimensions", "cross_validated", "single_train", "cut_value"):
        np.testing.assert_array_equal(getattr(one, field), getattr(two, field))
    assert (one.single_test != two.single_test).any()


def test_borders_are_the_corners_of_the_highest_line():
    assert borders(np.array([0.0, 1.0]), np.array([0.0, -2.0])) == [(2.0, 0, 1)]
    assert borders(np.array([1.0, 1.0]), np.array([0.0, 1.0])) == []
    assert borders(np.array([-1.0, 0.0, 1.0]), np.array([0.0, 0.5, 0.0])) == [(-0.5, 0, 1), (0.5, 1, 2)]
    assert borders(np.array([-1.0, 0.0, 1.0]), np.array([0.0, -5.0, 0.0])) == [(0.0, 0, 2)]


@pytest.mark.parametrize(
    ("values", "split", "message"),
    [
        (np.zeros(40, dtype=int), None, "one class"),
        (np.arange(40), None, "too many to be classes"),
        (np.full(40, -1), None, "No row has a label"),
        (np.r_[np.zeros(39), 1].astype(int), None, "has one row"),
        (np.arange(40) % 2, ("train",) * 40, "none is left to test on"),
        (np.r_[np.zeros(29), 1, np.zeros(10)].astype(int), ("train",) * 30 + ("test",) * 10, "have one row"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(values, split, message):
    stack, _ = problem(n_rows=40)
    names = tuple(f"class {k}" for k in range(max(2, values.max() + 1)))
    with pytest.raises(InvalidRequest, match=message) as caught:
        run(stack, Labels(values, names, split))
    assert caught.value.hint
