"""Greedy selection and single dimensions against scikit-learn loops, planted dimensions, and every refusal."""

from fractions import Fraction

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from backend.errors import InvalidRequest
from backend.metrics.neurons import kernel
from backend.metrics.neurons.kernel import (
    fold_numbers,
    greedy_dimensions,
    sample_rows,
    single_dimension_accuracy,
    single_dimension_fits,
    standardised,
)
from backend.metrics.neurons.softmax_parts import intercept_part


def rows(n_classes, seed, n_rows=150, n_dims=8):
    """Rows of which the first three dimensions know something of the class."""
    rng = np.random.default_rng([seed, n_classes])
    y = rng.integers(0, n_classes, n_rows)
    x = rng.standard_normal((n_rows, n_dims)) * rng.uniform(0.1, 10, n_dims) + rng.standard_normal(n_dims)
    x[:, 0] += 0.7 * x[:, 0].std() * y
    x[:, 1] += 1.2 * x[:, 1].std() * (y == 1)
    x[:, 2] -= 0.4 * x[:, 2].std() * y
    return x, y


def naive_greedy(x, y, n_select, seed, n_folds=5):
    """The same selection, one scikit-learn fit after the other; folds and standardising as documented."""
    fold = fold_numbers(y, n_folds, np.random.default_rng([seed, 2]))
    z = standardised(x)[0].T
    chosen, accuracies = [], []
    for _ in range(n_select):
        right = np.full(x.shape[1], -1)
        for j in set(range(x.shape[1])) - set(chosen):
            dims = [*chosen, j]
            right[j] = 0
            for number in range(n_folds):
                held = fold == number
                model = LogisticRegression(C=1.0, tol=1e-8, max_iter=1_000).fit(z[~held][:, dims], y[~held])
                right[j] += (model.predict(z[held][:, dims]) == y[held]).sum()
        chosen.append(int(right.argmax()))
        accuracies.append(right.max() / len(y))
    return chosen, accuracies


@pytest.mark.parametrize("n_classes", [2, 3])
@pytest.mark.parametrize("seed", range(4))
def test_the_choice_is_that_of_a_scikit_learn_loop(n_classes, seed):
    x, y = rows(n_classes, seed)
    found = greedy_dimensions(x, y, n_select=3, seed=seed)
    chosen, accuracies = naive_greedy(x, y, 3, seed)
    assert found.dimensions.tolist() == chosen
    np.testing.assert_allclose(found.accuracies, accuracies, rtol=0, atol=1e-12)
    assert not found.screened.any() and found.n_rows == len(y)


@pytest.mark.parametrize("seed", range(6))
def test_the_mean_over_folds_is_that_of_a_scikit_learn_loop(seed):
    """19 rows in 5 folds: four of 4 rows and one of 3, so that a right row of the small fold counts more."""
    x, y = rows(2, seed, n_rows=19, n_dims=12)
    fold = fold_numbers(y, 5, np.random.default_rng([seed, 2]))
    assert sorted(np.bincount(fold)) == [3, 4, 4, 4, 4]
    z = standardised(x)[0].T

    def mean_over_folds(j):
        parts = []
        for number in range(5):
            held = fold == number
            model = LogisticRegression(C=1.0, tol=1e-8, max_iter=1_000).fit(z[~held][:, [j]], y[~held])
            parts.append(Fraction(int((model.predict(z[held][:, [j]]) == y[held]).sum()), int(held.sum())))
        return sum(parts) / 5

    means = [mean_over_folds(j) for j in range(12)]
    found = greedy_dimensions(x, y, n_select=1, seed=seed, score="mean over folds")
    assert found.dimensions[0] == means.index(max(means))
    np.testing.assert_allclose(found.accuracies[0], float(max(means)), rtol=0, atol=1e-12)


def test_the_two_accuracies_choose_differently_where_folds_are_of_different_sizes():
    """Some of many small samples must tell the two apart; equal folds never do."""
    turned = 0
    for seed in range(30):
        x, y = rows(2, seed, n_rows=19, n_dims=12)
        pooled, mean = (
            greedy_dimensions(x, y, n_select=1, seed=seed, score=score)
            for score in ("all held-out rows", "mean over folds")
        )
        turned += int(pooled.dimensions[0] != mean.dimensions[0] or pooled.accuracies[0] != mean.accuracies[0])
    assert turned
    x, y = rows(2, 0, n_rows=20)
    both = [greedy_dimensions(x, y, n_select=3, score=score) for score in ("all held-out rows", "mean over folds")]
    np.testing.assert_array_equal(both[0].dimensions, both[1].dimensions)
    np.testing.assert_allclose(both[0].accuracies, both[1].accuracies, rtol=1e-15)


@pytest.mark.parametrize("n_classes", [2, 5])
def test_a_planted_dimension_is_found_first(n_classes):
    rng = np.random.default_rng(1)
    y = rng.integers(0, n_classes, 400)
    x = rng.standard_normal((400, 60))
    x[:, 41] += 4 * y
    assert greedy_dimensions(x, y, n_select=2).dimensions[0] == 41
    assert single_dimension_accuracy(x[:300], y[:300], x[300:], y[300:]).argmax() == 41


def test_two_dimensions_that_only_tell_apart_together_with_a_third_class():
    """Each of three classes has a dimension of its own: two of them are enough."""
    y = np.arange(300) % 3
    x = np.random.default_rng(0).standard_normal((300, 20))
    x[:, [4, 9]] += 6 * np.eye(3)[y][:, :2]
    found = greedy_dimensions(x, y, n_select=2)
    assert sorted(found.dimensions) == [4, 9]
    assert found.accuracies[1] > 0.98 > found.accuracies[0]


def test_accuracies_of_single_dimensions_are_those_of_a_scikit_learn_loop():
    for n_classes in (2, 4):
        x, y = rows(n_classes, 7, n_rows=300)
        z = (x - x[:200].mean(axis=0)) / x[:200].std(axis=0)
        found = single_dimension_accuracy(x[:200], y[:200], x[200:], y[200:])
        for j in range(x.shape[1]):
            model = LogisticRegression(C=1.0, tol=1e-10, max_iter=1_000).fit(z[:200, [j]], y[:200])
            assert found[j] == pytest.approx(np.mean(model.predict(z[200:, [j]]) == y[200:]))


def test_duplicates_go_to_the_lower_index_and_constants_come_last():
    rng = np.random.default_rng(2)
    y = np.arange(200) % 2
    x = rng.standard_normal((200, 6))
    x[:, 3] = x[:, 5] = rng.standard_normal(200) + 2 * y
    x[:, 0] = 7.0
    found = greedy_dimensions(x, y, n_select=6)
    assert found.dimensions[0] == 3
    assert sorted(found.dimensions) == list(range(6))
    single = single_dimension_accuracy(x, y, x, y)
    assert single[3] == single[5] == single.max() and single[0] == 0.5


def test_separable_rows_are_told_apart_without_a_warning():
    y = np.repeat([0, 1, 2], 40)
    x = np.column_stack([np.random.default_rng(0).standard_normal(120), 100.0 * y])
    with np.errstate(all="raise", under="ignore"):
        found = greedy_dimensions(x, y, n_select=2)
    assert found.dimensions.tolist() == [1, 0] and found.accuracies.tolist() == [1.0, 1.0]


def test_a_class_with_one_member_is_never_right_when_held_out():
    x, y = rows(2, 0, n_rows=60)
    y[0] = 2
    x[0, 1] = 1e3
    found = greedy_dimensions(x, y, n_select=1)
    assert found.accuracies[0] <= 59 / 60


def test_a_fold_without_some_class_fits_the_others():
    x, y = rows(3, 3, n_rows=90)
    y[:4] = 3
    found = greedy_dimensions(x, y, n_select=3, n_folds=5)
    assert naive_greedy(x, y, 3, 0)[0] == found.dimensions.tolist()


def test_folds_are_stratified_and_equal():
    y = np.repeat([0, 1, 2], [51, 23, 6])
    fold = fold_numbers(y, 5, np.random.default_rng(0))
    assert np.ptp(np.bincount(fold)) <= 1
    for number in range(3):
        assert np.ptp(np.bincount(fold[y == number], minlength=5)) <= 1


def test_a_sample_keeps_the_proportions_and_two_of_each_class():
    y = np.repeat([0, 1, 2], [6_000, 3_000, 3])
    rows_ = sample_rows(y, 900, np.random.default_rng(0))
    counts = np.bincount(y[rows_])
    assert len(rows_) == 900 and counts[2] == 2
    assert counts[0] / counts[1] == pytest.approx(2, rel=0.02)
    x = np.random.default_rng(1).standard_normal((len(y), 3))
    assert greedy_dimensions(x, y, n_select=1, max_rows=900).n_rows == 900


def test_many_classes_are_screened_from_the_step_on_that_is_too_large():
    rng = np.random.default_rng(0)
    n_classes, n_dims = 26, 40
    y = np.arange(10 * n_classes) % n_classes
    x = rng.standard_normal((len(y), n_dims))
    x[:, :5] += 5 * rng.standard_normal((n_classes, 5))[y]
    found = greedy_dimensions(x, y, n_select=4)
    assert found.screened.tolist() == [False, False, True, True]
    assert set(found.dimensions) <= set(range(5))
    assert (np.diff(found.accuracies) > 0).all()


def test_the_same_seed_gives_the_same_choice():
    x, y = rows(3, 5)
    one, two = (greedy_dimensions(x, y, n_select=2, seed=4) for _ in range(2))
    assert one.dimensions.tolist() == two.dimensions.tolist() and one.accuracies.tolist() == two.accuracies.tolist()


def test_fits_are_in_the_units_of_the_rows():
    x, y = rows(3, 1)
    shifted = 1000 + 30 * x
    one, two = single_dimension_fits(x, y), single_dimension_fits(shifted, y)
    np.testing.assert_allclose(one.scores(x[:, 2], 2), two.scores(shifted[:, 2], 2), atol=1e-6)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(30, dtype=int), "are of 1 class"),
        (np.r_[np.zeros(29), 1].astype(int), "1 of the 2 classes have one row"),
        (np.arange(30), "30 of the 30 classes have one row"),
        (np.r_[np.zeros(15), np.nan, np.ones(14)], "missing"),
        (np.r_[np.zeros(15), -1, np.ones(14)].astype(int), "missing"),
        (np.arange(29) % 2, "30 rows and labels of shape"),
    ],
)
def test_labels_that_cannot_be_learnt_are_refused(y, message):
    x = np.random.default_rng(0).standard_normal((30, 4))
    with pytest.raises(InvalidRequest, match=message) as caught:
        greedy_dimensions(x, y, n_select=1)
    assert caught.value.hint


def test_other_requests_that_make_no_sense_are_refused():
    x, y = rows(2, 0)
    for asked in ({"n_select": 0}, {"n_select": 9}, {"n_select": 1, "n_folds": 1}):
        with pytest.raises(InvalidRequest, match="asked for"):
            greedy_dimensions(x, y, **asked)
    x[3, 3] = np.nan
    with pytest.raises(InvalidRequest, match="not finite"):
        greedy_dimensions(x, y, n_select=1)
    with pytest.raises(InvalidRequest, match="1 class"):
        single_dimension_fits(x[:, :2], 0 * y)


def hard_rows(n_classes, seed, alone=1):
    """Frequent and rare classes, the last of one row where there are three (of two with ``alone`` 0), and among the dimensions a constant one, a copy and one apart."""
    rng = np.random.default_rng([seed, n_classes])
    common = n_classes - alone * (n_classes > 2)
    drawn = rng.choice(common, 9 * n_classes + 60, p=(weights := 1.0 / np.arange(1, common + 1)) / weights.sum())
    y = np.concatenate([np.arange(n_classes), rng.permutation(common), drawn])
    x = rng.standard_normal((len(y), 10)) + 0.5 * rng.standard_normal((n_classes, 10))[y]
    x[:, 2] = 3.0
    x[:, 6] = x[:, 1]
    x[:, 4] += 30.0 * (y == 0)
    x[:, 8] *= 1e3
    return x, y


@pytest.mark.parametrize(("n_classes", "seed"), [(2, 0), (2, 1), (3, 0), (6, 0), (6, 1), (6, 2), (50, 0), (50, 1)])
def test_hard_rows_are_chosen_on_as_by_a_scikit_learn_loop(n_classes, seed):
    x, y = hard_rows(n_classes, seed)
    n_select = 2 if n_classes < 50 else 1
    found = greedy_dimensions(x, y, n_select=n_select, seed=seed)
    chosen, accuracies = naive_greedy(x, y, n_select, seed)
    assert found.dimensions.tolist() == chosen
    np.testing.assert_allclose(found.accuracies, accuracies, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("n_classes", "n_select", "alone"), [(26, 4, 0), (50, 3, 0), (50, 2, 1)])
def test_steps_of_many_coefficients_choose_as_a_scikit_learn_loop_does(n_classes, n_select, alone):
    """Ten dimensions are no more than are screened, so every candidate is fitted; with a class that a fold lacks, the other way."""
    x, y = hard_rows(n_classes, 3, alone)
    found = greedy_dimensions(x, y, n_select=n_select, seed=3)
    chosen, accuracies = naive_greedy(x, y, n_select, 3)
    assert found.dimensions.tolist() == chosen and not found.screened.any()
    np.testing.assert_allclose(found.accuracies, accuracies, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("n_classes", "n_shared"), [(3, 0), (3, 1), (6, 0), (6, 1), (50, 0), (50, 1), (50, 2), (26, 4)]
)
def test_what_fits_that_end_early_count_holds_for_those_that_do_not(n_classes, n_shared):
    """No candidate is left out that could win: its held-out rows that are right lie between the two counts."""
    x, y = hard_rows(n_classes, 5, alone=int(n_shared < 2))
    order = np.argsort(fold_numbers(y, 5, np.random.default_rng(0)), kind="stable")
    ends = [slice(part[0], part[-1] + 1) for part in np.array_split(np.arange(len(y)), 5)]
    columns, y = standardised(x[order])[0], y[order]
    whole, parts = intercept_part(y), [intercept_part(np.delete(y, np.r_[fold])) for fold in ends]
    for dim in range(n_shared):
        whole, parts = kernel._Fits(whole, parts, ends, columns[[dim]]).grown(0)
    fits, every = kernel._Fits(whole, parts, ends, columns[n_shared:]), np.arange(10 - n_shared)
    least, most = kernel._bounds(fits, every, y, [1] * 5)
    right = kernel._held_out(fits, every, y, [1] * 5)
    assert (least <= right).all() and (right <= most).all()
    assert (most - least).max() < 0.2 * len(y)


@pytest.mark.parametrize("n_classes", [51, 77])
def test_single_dimensions_of_many_classes_guess_what_scikit_learn_does(n_classes):
    rng = np.random.default_rng(n_classes)
    y = np.repeat(np.arange(n_classes), 10)
    centres = 2 * rng.normal(size=(n_classes, 3))
    x, other = (centres[y] + rng.normal(size=(len(y), 3)) for _ in range(2))
    fits = single_dimension_fits(x, y)
    for dim in range(3):
        mean, std = x[:, dim].mean(), x[:, dim].std()
        model = LogisticRegression(tol=1e-10, max_iter=10_000, solver="newton-cg")
        model.fit((x[:, [dim]] - mean) / std, y)
        np.testing.assert_array_equal(fits.guesses(other[:, dim], dim), model.predict((other[:, [dim]] - mean) / std))
