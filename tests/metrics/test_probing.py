"""Classifier probes against closed cases and scikit-learn's own grid search."""

import dataclasses

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neural_network import MLPClassifier
from sklearn.preprocessing import StandardScaler

from backend.errors import Cancelled, InvalidRequest
from backend.metrics import METRICS
from backend.metrics.probing.kernel import (
    EXPONENTS,
    SIZES,
    Setting,
    all_settings,
    fit_probe,
    hold_out,
    round_sizes,
    search_setting,
    spread,
    standardised,
)
from backend.values.activations import Activations, Labels, LayerStack, no_report

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")  # of scikit-learn's own

ROW = METRICS["probing"]
FIXED = ROW.params(grid="fixed", hidden=(32, 32), exponent=-4, n_seeds=2, n_shuffles=1)  # each is as dear as a run


def stack(*layers):
    matrices = tuple(Activations(np.asarray(rows, np.float32), np.arange(len(rows))) for rows in layers)
    numbers = tuple(range(len(layers)))
    return LayerStack("model", "mean", numbers, tuple(f"layer {i}" for i in numbers), matrices, "texts")


def probed(layers, labels, params=FIXED, *, seed=0, n_test=None, report=no_report):
    """The outcome over layers of equal rows: the last ``n_test`` test, a seeded split without it."""
    split = None
    if n_test is not None:
        split = tuple("train" if i < len(labels) - n_test else "test" for i in range(len(labels)))
    names = tuple(f"class {i}" for i in range(int(max(labels)) + 1))
    return ROW.run([stack(*layers)], Labels(np.asarray(labels), names, split), params, seed, report)


def exclusive_or(n_rows=400, seed=0):
    """Four corners, of which opposite ones share a class: no line tells them apart."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(2, size=(n_rows, 2))
    return corners + rng.normal(0, 0.1, (n_rows, 2)), corners.sum(axis=1) % 2


def test_only_the_network_tells_exclusive_or():
    x, y = exclusive_or()
    values = probed([x], y).values
    assert values.accuracy[0] == values.train_accuracy[0] == 1.0 and values.accuracy_std[0] == 0.0
    assert values.linear_accuracy[0] < 0.7 and values.linear_train[0] < 0.7
    assert values.selectivity[0] == 1.0 - values.control_accuracy[0] > 0.3


def test_both_tell_classes_that_a_plane_separates():
    rng = np.random.default_rng(1)
    y = np.arange(300) % 3
    x = rng.normal(size=(300, 6)) + 12 * np.eye(6)[y]
    values = probed([x], y).values
    for name in ("accuracy", "train_accuracy", "linear_accuracy", "linear_train"):
        assert getattr(values, name)[0] == 1.0, name


def test_rows_without_their_labels_have_no_selectivity():
    rng = np.random.default_rng(2)
    y = rng.integers(2, size=1_500)
    params = dataclasses.replace(FIXED, exponent=0)
    values = probed([rng.normal(size=(1_500, 8))], y, params, n_test=1_200).values
    assert abs(values.accuracy[0] - 0.5) < 0.06 and abs(values.linear_accuracy[0] - 0.5) < 0.06
    assert abs(values.selectivity[0]) < 0.08 and abs(values.linear_selectivity[0]) < 0.08
    assert values.train_accuracy[0] > 0.6


@pytest.mark.parametrize("n_rows", [90, 260])
def test_the_full_grid_is_that_of_scikit_learn(n_rows, monkeypatch):
    """Its GridSearchCV over the same held-out rows finds the same scores and the same winner."""
    rng = np.random.default_rng(3)
    passes = 120  # where either is stopped: they agree long before they converge
    monkeypatch.setattr("backend.metrics.probing.kernel.MOST_ITERATIONS", passes)
    y = np.arange(n_rows) % 3
    x = (rng.normal(size=(n_rows, 5)) + 1.2 * np.eye(5)[y]).astype(np.float32)
    scaled = StandardScaler().fit_transform(x.astype(np.float64)).astype(np.float32)
    settings = all_settings((8, 48), (-3, 1), 5, 3)
    found = search_setting(standardised(x, x)[0], y, settings, halving=False, seed=7)
    held = hold_out(y, 7)[1]
    fold = np.full(n_rows, -1)
    fold[held] = 0
    grid = {"hidden_layer_sizes": [(a, b) for a in (8, 48) for b in (8, 48)], "alpha": [1e-3, 10.0]}
    network = MLPClassifier(max_iter=passes, random_state=7)
    theirs = GridSearchCV(network, grid, cv=PredefinedSplit(fold), refit=False).fit(scaled, y).cv_results_
    expected = {
        (one["hidden_layer_sizes"], one["alpha"]): score
        for one, score in zip(theirs["params"], theirs["mean_test_score"], strict=True)
    }
    assert len(found.rounds) == 1 and found.n_fits == 8
    ours = {(one.hidden, one.weight): score for one, score in zip(settings, found.rounds[0].accuracy, strict=True)}
    assert len(set(ours.values())) > 1, "the settings differ"
    assert ours == pytest.approx(expected)
    assert expected[found.best.hidden, found.best.weight] == max(expected.values()) == found.held_accuracy


def test_the_papers_grid():
    settings = all_settings(SIZES, EXPONENTS, 384, 6)
    assert len(set(settings)) == 4 * 4 * 8
    assert {one.weight for one in settings} == {10.0**power for power in range(-7, 1)}
    assert settings[0] == Setting((32, 32), 1.0) and settings[-1] == Setting((256, 256), 1e-7)


def test_halving_tries_every_setting_first_and_few_on_all_rows():
    assert round_sizes(128, 1_600, 6, halving=True) == [(128, 50), (32, 100), (8, 400), (2, 1_600)]
    assert round_sizes(128, 1_600, 50, halving=True) == [(128, 100), (32, 100), (8, 400), (2, 1_600)]
    assert round_sizes(128, 40, 2, halving=True) == [(128, 40)]
    assert round_sizes(4, 1_600, 2, halving=True) == [(4, 1_600)]
    assert round_sizes(128, 1_600, 6, halving=False) == [(128, 1_600)]


def test_halving_keeps_the_best_of_each_round():
    x, y = exclusive_or(600)
    steps = []
    settings = all_settings((1, 32), (-6, -2, 2), 2, 2)
    found = search_setting(*(standardised(x, x)[0], y, settings), seed=1, report=lambda *one: steps.append(one))
    assert [len(one.settings) for one in found.rounds] == [12, 3]
    first, last = found.rounds
    ranked = [first.settings[i] for i in np.argsort(-first.accuracy, kind="stable")]
    assert list(last.settings) == ranked[:3] and last.n_rows == 480 > first.n_rows
    assert found.best == last.settings[int(last.accuracy.argmax())] and found.best.hidden != (1, 1)
    assert [done for done, _, _ in steps] == list(range(15)) and {total for _, total, _ in steps} == {15}


def test_the_weight_is_the_same_on_fewer_rows():
    """scikit-learn divides it by the size of the batch, which is that of the rows where these are few."""
    x, y = exclusive_or(100)
    rows = standardised(x, x)[0]
    model, _ = fit_probe(rows[:50], y[:50], Setting((4, 4), 1.0), 0, batch=1_000)
    plain = MLPClassifier((4, 4), alpha=0.25, max_iter=1_000, random_state=0).fit(rows[:50], y[:50])
    np.testing.assert_array_equal(model.coefs_[0], plain.coefs_[0])


def test_the_test_rows_decide_nothing():
    """Their labels and values change the test accuracies only."""
    x, y = exclusive_or(300)
    params = ROW.params(sizes=(32,), exponents=(-4, 0), n_seeds=2, n_shuffles=1)
    one = probed([x], y, params, n_test=60).values
    moved = np.array(x)
    moved[240:] += 5
    other = probed([moved], np.r_[y[:240], 1 - y[240:]], params, n_test=60).values
    assert one.accuracy[0] != other.accuracy[0]
    for name in ("hidden", "weight", "held_accuracy", "train_accuracy", "train_runs", "linear_train", "n_fits"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_another_start_is_another_network_and_one_has_no_deviation():
    rng = np.random.default_rng(5)
    y = rng.integers(4, size=160)
    x = rng.normal(size=(160, 10)) + np.eye(10)[y]
    several = probed([x], y, dataclasses.replace(FIXED, n_seeds=4))
    assert len(set(several.values.runs[0])) > 1
    np.testing.assert_allclose(several.values.accuracy_std[0], np.std(several.values.runs[0], ddof=1))
    single = probed([x], y, dataclasses.replace(FIXED, n_seeds=1))
    assert np.isnan(single.values.accuracy_std[0]) and np.isnan(single.values.train_std[0])
    reasons = {entry.field: entry.reason for entry in single.undefined}
    assert reasons["accuracy_std"] == reasons["train_std"] == "one run has no standard deviation"
    assert single.values.runs[0, 0] == several.values.runs[0, 0]
    other = probed([x], y, dataclasses.replace(FIXED, n_seeds=4), seed=1)
    assert set(other.values.runs[0]) != set(several.values.runs[0])


def test_spread_divides_by_one_less():
    np.testing.assert_allclose(spread(np.array([[1.0, 3.0], [2.0, 2.0]])), [np.sqrt(2), 0])
    assert np.isnan(spread(np.array([[1.0]]))).all()


def test_fifty_classes_of_a_sample_run_and_say_what_was_drawn():
    rng = np.random.default_rng(6)
    y = np.arange(1_500) % 50
    x = rng.normal(size=(1_500, 20)) + 4 * rng.normal(size=(50, 20))[y]
    params = dataclasses.replace(FIXED, max_rows=400, n_seeds=1)
    outcome = probed([x], y, params, n_test=500)
    assert (outcome.values.n_used, outcome.values.n_test_used) == (400, 400)
    assert outcome.values.accuracy[0] > 0.9
    said = " ".join(outcome.notes)
    assert "400 of 1,000 train rows were drawn" in said and "400 of 500 test rows were drawn" in said


def test_trainings_that_do_not_converge_are_counted(monkeypatch):
    x, y = exclusive_or(200)
    monkeypatch.setattr("backend.metrics.probing.kernel.MOST_ITERATIONS", 5)
    outcome = probed([x], y)
    assert outcome.values.n_unconverged[0] == outcome.values.n_fits[0] == 2 + 1
    assert "3 of 3 trainings were stopped" in " ".join(outcome.notes)


def test_a_winner_at_the_end_of_the_weights_is_told():
    x, y = exclusive_or(200)
    said = " ".join(probed([x], y, ROW.params(sizes=(16,), exponents=(-7, -6), n_seeds=2)).notes)
    assert "In 1 of 1 layers the chosen L2 weight is at an end of its range" in said
    assert "best of 2 by successive halving" in said


def test_cancel_comes_through_between_any_two_trainings(monkeypatch):
    monkeypatch.setattr("backend.metrics.probing.kernel.MOST_ITERATIONS", 5)
    x, y = exclusive_or(60)
    params = ROW.params(sizes=(64,), exponents=(-4, 0), n_seeds=2)
    calls = []
    probed([x, x], y, params, report=lambda *one: calls.append(one))
    trainings = [done for done, _, stage in calls if "looking" not in stage]
    assert trainings == sorted(trainings) and len(set(trainings)) == len(trainings) == 2 * (2 + 2 + 1 + 2 * 5) + 1
    for last in range(0, len(calls), 7):
        count = 0

        def report(*_, last=last):
            nonlocal count
            count += 1
            if count > last:
                raise Cancelled("told to stop", "")

        with pytest.raises(Cancelled):
            probed([x, x], y, params, report=report)


@pytest.mark.parametrize(
    ("asked", "match"),
    [
        ({"sizes": ()}, "0 sizes"),
        ({"sizes": (0, 4)}, "sizes 0, 4"),
        ({"exponents": (9,)}, "exponents 9"),
        ({"sizes": tuple(range(1, 40))}, "39 sizes"),
        ({"grid": "fixed", "hidden": (4,)}, "given as 4"),
        ({"grid": "fixed", "hidden": (4, 5_000)}, "5000"),
    ],
)
def test_a_grid_that_cannot_be_is_refused(asked, match):
    x, y = exclusive_or(80)
    with pytest.raises(InvalidRequest, match=match) as caught:
        probed([x], y, ROW.params(**asked))
    assert caught.value.hint


def test_a_class_with_one_row_cannot_choose_but_can_be_trained(monkeypatch):
    monkeypatch.setattr("backend.metrics.probing.kernel.MOST_ITERATIONS", 50)
    x, y = exclusive_or(60)
    y[:] = 0
    y[0], y[1] = 1, 2
    outcome = probed([x], y, ROW.params(sizes=(4,), exponents=(-4, 0), n_seeds=2), n_test=20)
    assert outcome.values.n_fits[0] == 2 + 2 + 5
    with pytest.raises(InvalidRequest, match="No class has two training rows"):
        probed([x[:5]], [0, 1, 2, 0, 1], ROW.params(sizes=(4,), exponents=(-4, 0)), n_test=2)
