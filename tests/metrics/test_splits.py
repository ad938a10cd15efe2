"""Splits: the texts' own, the seeded stratified one, and every case in which there is none."""

import numpy as np
import pytest
from scipy.stats import binom, norm

from backend.errors import InvalidRequest
from backend.forms.fingerprint import fingerprint
from backend.metrics import METRICS, parse_params
from backend.metrics.shared.splits import SplitParams, sampling_error, split_rows
from backend.values.activations import Labels, no_report
from backend.values.specs import AnalysisSpec
from tests.metrics.stacks import stack_of


def labels(values, split=None, classes=None):
    values = np.asarray(values)
    classes = classes or tuple(f"c{i}" for i in range(int(values.max(initial=0)) + 1))
    return Labels(values, classes, None if split is None else tuple(split))


def test_a_seeded_split_takes_the_share_of_every_class_and_every_labelled_row_once():
    values = np.repeat([0, 1, 2, -1], [50, 30, 5, 7])
    found = split_rows(labels(values), SplitParams(test_share=0.2), 3)
    assert np.bincount(found.y_test).tolist() == [10, 6, 1]
    assert np.bincount(found.y_train).tolist() == [40, 24, 4]
    assert sorted([*found.train, *found.test]) == list(range(85))
    np.testing.assert_array_equal(values[found.test], found.y_test)
    assert found.info.seeded and found.info.n_unlabelled == 7
    assert found.info.majority == pytest.approx(10 / 17)
    assert any("seed 3" in note for note in found.notes) and any("7 rows without" in note for note in found.notes)


def test_the_same_seed_gives_the_same_rows_and_another_seed_others():
    values = np.tile([0, 1], 50)
    rows = [split_rows(labels(values), SplitParams(), seed).test.tolist() for seed in (0, 0, 1)]
    assert rows[0] == rows[1] != rows[2]


def test_the_texts_own_split_is_used_and_other_rows_are_counted():
    values = [0, 1, 0, 1, 0, 1, 0, -1]
    split = ["Train", "Train", "Train", "dev", "dev", "test", "", "Train"]
    found = split_rows(labels(values, split), SplitParams(), 0)
    assert found.train.tolist() == [0, 1, 2] and found.test.tolist() == [3, 4]
    assert (found.info.train_name, found.info.test_name, found.info.n_left_out) == ("Train", "dev", 2)
    assert not found.info.seeded
    chosen = split_rows(labels(values, split), SplitParams(test_split="test"), 0)
    assert chosen.test.tolist() == [5]


def test_a_split_without_labels_gives_way_to_the_next():
    found = split_rows(labels([0, 1, -1, 1, 0], ["train", "train", "validation", "test", "test"]), SplitParams(), 0)
    assert found.info.test_name == "test"


def test_a_class_without_training_rows_is_said_and_counted_as_wrong():
    found = split_rows(labels([0, 1, 0, 2, 1], ["train", "train", "train", "test", "test"]), SplitParams(), 0)
    assert any("'c2'" in note and "1 test rows" in note for note in found.notes)


def test_shuffled_labels_keep_the_counts_of_each_part():
    found = split_rows(labels(np.tile([0, 0, 1], 40)), SplitParams(), 0)
    control = found.shuffled(0)
    assert sorted(control.y_train) == sorted(found.y_train) and sorted(control.y_test) == sorted(found.y_test)
    assert (control.y_train != found.y_train).any()
    np.testing.assert_array_equal(control.y_train, found.shuffled(0).y_train)


def test_classes_of_one_row_are_left_out_on_request():
    values = [0, 0, 0, 0, 1, 2, 2, 2, 3, -1]
    found = split_rows(labels(values), SplitParams(drop_single=True), 0)
    assert sorted([*found.train, *found.test]) == [0, 1, 2, 3, 5, 6, 7]
    assert found.info.n_unlabelled == 1 and found.info.n_left_out == 0
    assert "2 classes of one row left out: 'c1', 'c3'." in found.notes
    own = split_rows(labels([0, 1, 0, 1, 2], ["train"] * 2 + ["test"] * 3), SplitParams(drop_single=True), 0)
    assert own.train.tolist() == [0, 1], "a split of the texts' own needs no second row"
    with pytest.raises(InvalidRequest, match="one class, 'c0'"):
        split_rows(labels([0, 0, 0, 1]), SplitParams(drop_single=True), 0)


def test_what_came_later_leaves_the_addresses_of_results_as_they_were():
    spec = AnalysisSpec("threshold", 1, SplitParams(), ())
    assert fingerprint(spec) != fingerprint(AnalysisSpec("threshold", 1, SplitParams(drop_single=True), ()))
    assert fingerprint(spec) == "d916e8a96d6e5f66372963f8e9c350faf912617a"


@pytest.mark.parametrize(
    ("values", "split", "params", "said"),
    [
        ([-1, -1], None, {}, "No row has a label"),
        ([], None, {}, "No row has a label"),
        ([1, 1, 1], None, {}, "one class, 'c1'"),
        ([0, 0, 0, 1], None, {}, "'c1' has one row"),
        (list(range(10)), None, {}, "10 classes on 10 rows"),
        ([0, 1] * 4, ["a", "b"] * 4, {}, "No split is called train"),
        ([0, 1] * 4, ["train"] * 8, {}, "none is left"),
        ([0, 1, 0, 1, -1, -1], ["train"] * 4 + ["test"] * 2, {}, "No row of the split 'test' has a label"),
        ([-1, -1, 0, 1, 0, 1], ["train"] * 2 + ["test"] * 4, {}, "No row of the split 'train' has a label"),
        ([0, 0, 0, 1, 0, 1], ["train"] * 3 + ["test"] * 3, {}, "split 'train' are of one class"),
        ([0, 1] * 4, ["train", "dev"] * 4, {"test_split": "nowhere"}, "'nowhere' is not a split"),
        ([0, 1] * 4, None, {"test_split": "dev"}, "no split column"),
    ],
)
def test_every_case_without_a_split_is_refused_with_a_hint(values, split, params, said):
    classes = tuple(f"c{i}" for i in range(10))
    with pytest.raises(InvalidRequest, match=said) as caught:
        split_rows(labels(np.array(values, dtype=np.int64), split, classes), SplitParams(**params), 0)
    assert caught.value.hint


@pytest.mark.parametrize("n", [1, 12, 100, 872])
def test_the_sampling_error_is_the_closed_form_and_the_widest_of_all_accuracies(n):
    assert sampling_error(n) == pytest.approx(0.98 / np.sqrt(n))
    errors = norm.ppf(0.975) * np.sqrt(binom(n, np.linspace(0, 1, 101)).var()) / n
    assert errors.argmax() == 50 and sampling_error(n) == pytest.approx(errors.max(), rel=1e-4)


def test_accuracies_at_one_half_are_off_by_no_more_in_about_19_of_20_cases():
    rights = np.random.default_rng(0).binomial(400, 0.5, 20_000) / 400
    assert np.mean(np.abs(rights - 0.5) <= sampling_error(400)) == pytest.approx(0.95, abs=0.01)


QUICK = {"ablation": {"n_draws": 1}, "probing": {"grid": "fixed", "n_seeds": 1}}


@pytest.mark.parametrize("name", ["threshold", "ablation", "component_accuracy", "neurons", "probing"])
def test_every_metric_of_accuracies_says_its_sampling_error(name):
    x = np.random.default_rng(0).standard_normal((48, 5))
    given = labels(np.tile([0, 1], 24), ["train"] * 32 + ["test"] * 16)
    row = METRICS[name]
    found = row.run([stack_of([x])], given, parse_params(row.params, QUICK.get(name, {})), 0, no_report).values
    assert found.split.n_test == 16 and found.sampling_error == pytest.approx(0.98 / 4)
