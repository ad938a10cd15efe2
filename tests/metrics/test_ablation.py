"""Accuracy while dimensions are removed, against the naive loop; the geometry along it, against its own kernels."""

import numpy as np
import pytest

from backend.errors import InvalidRequest
from backend.metrics.ablation import kernel, pooled
from backend.metrics.ablation.geometry import geometry_curves, step_grid
from backend.metrics.ablation.kernel import ablated_predictions, ablation_curve, head_ablation_curve
from backend.metrics.ablation.metric import ABLATION
from backend.metrics.anisotropy.cosine import average_cosine
from backend.metrics.anisotropy.kernel import anisotropy
from backend.metrics.dimension.kernel import two_nn
from backend.metrics.neighbors.kernel import neighbour_overlap
from backend.metrics.shared.heads import accuracy, choose_head, predictions
from backend.metrics.shared.splits import SplitParams, split_rows
from backend.values.activations import ACTIVATIONS, Activations, Head, HeadStage, Labels, LayerStack, no_report


def data(n=90, dims=17, n_classes=2, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, n_classes, n)
    x = rng.standard_normal((n, dims)).astype(np.float32)
    x[:, :n_classes] += 2 * np.eye(n_classes)[y]
    x[:, 4] += 50
    return x, y, rng


def head_of(kind, dims, n_classes, rng):
    last = HeadStage(rng.standard_normal((n_classes, 6 if kind != "linear" else dims)), rng.standard_normal(n_classes))
    if kind == "linear":
        return Head(0, "cls", (last,), ())
    return Head(0, "cls", (HeadStage(rng.standard_normal((6, dims)) / 4, rng.standard_normal(6), kind), last), ())


def naive(x, y, head, order, fill):
    found = []
    for k in range(len(order) + 1):
        rows = x.astype(np.float64)
        rows[:, order[:k]] = fill[order[:k]]
        found.append(accuracy(head, rows, y))
    return np.array(found)


@pytest.mark.parametrize("mode", ["zero", "mean"])
@pytest.mark.parametrize("kind", ["linear", *sorted(ACTIVATIONS)])
@pytest.mark.parametrize("n_classes", [2, 3, 7])
@pytest.mark.parametrize("part", [1.0, 0.4], ids=["all", "some"])
def test_the_curve_is_the_naive_loops_at_every_k(kind, mode, n_classes, part):
    x, y, rng = data(n_classes=n_classes)
    head = head_of(kind, x.shape[1], n_classes, rng)
    order = rng.permutation(x.shape[1])[: int(part * x.shape[1])]
    fill = x.mean(axis=0, dtype=np.float64) if mode == "mean" else np.zeros(x.shape[1])
    found = head_ablation_curve(x, y, head, order=order, mode=mode)
    np.testing.assert_array_equal(found, naive(x, y, head, order, fill))


def test_the_linear_kernel_takes_bare_weights_and_given_means():
    x, y, rng = data()
    weight, bias, mean = rng.standard_normal((2, 17)), rng.standard_normal(2), rng.standard_normal(17)
    order = rng.permutation(17)
    head = Head(0, "", (HeadStage(weight, bias),), ())
    found = ablation_curve(x, y, weight, bias, order=order, mode="mean", mean=mean)
    np.testing.assert_array_equal(found, naive(x, y, head, order, mean))


@pytest.mark.parametrize("kind", ["linear", "tanh"])
def test_nothing_removed_is_the_heads_own_and_everything_removed_its_bias_alone(kind):
    x, y, rng = data(n_classes=4)
    head = head_of(kind, 17, 4, rng)
    found = ablated_predictions(x, head, order=np.arange(17))
    np.testing.assert_array_equal(found[0], predictions(head, x))
    bias_only = int(head.logits(np.zeros((1, 17))).argmax())
    assert (found[-1] == bias_only).all()
    assert head_ablation_curve(x, y, head, order=np.arange(17))[-1] == np.mean(y == bias_only)


def test_ties_go_to_the_lower_class_and_an_absent_class_is_never_chosen():
    x, _y, _ = data()
    weight = np.zeros((2, 17))
    assert (ablated_predictions(x, Head(0, "", (HeadStage(weight, np.zeros(2)),), ()), order=[0, 1]) == 0).all()
    absent = HeadStage(weight, np.array([-np.inf, 0.0]))
    assert (ablated_predictions(x, Head(0, "", (absent,), ()), order=[3]) == 1).all()
    third = HeadStage(np.zeros((3, 17)), np.array([-np.inf, 0.0, -np.inf]))
    assert (ablated_predictions(x, Head(0, "", (third,), ()), order=[3]) == 1).all()


@pytest.mark.parametrize("mode", ["zero", "mean"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_the_compiled_loop_is_the_very_same(n_classes, dtype, mode, monkeypatch, tmp_path):
    rng = np.random.default_rng(n_classes)
    weight, bias = rng.normal(size=(n_classes, 40)), rng.normal(size=n_classes)
    weight[1], bias[1] = weight[0], bias[0]  # ties at every k
    bias[-1] = -np.inf if n_classes > 2 else bias[-1]  # a class that no row had
    if n_classes == 7:
        weight[3, 5] = 1e308  # overflows, to infinity and to what is undefined
        weight[4, 6], weight[4, 7] = 1e308, -1e308
    path = tmp_path / "rows.npy"
    np.save(path, (rng.normal(size=(333, 40)) * 30).astype(dtype))
    x, head = np.load(path, mmap_mode="r"), Head(-1, "", (HeadStage(weight, bias),), ())
    for order in (rng.permutation(40), rng.permutation(40)[:11]):
        found = []
        for worth in (0, np.inf):
            monkeypatch.setattr(kernel, "_WORTH_COMPILING", worth)
            monkeypatch.setattr(kernel, "_LOOP_ROWS", 100)
            with np.errstate(all="ignore"):
                found.append(ablated_predictions(x, head, order=order, mode=mode))
        np.testing.assert_array_equal(*found)


@pytest.mark.parametrize("mode", ["zero", "mean"])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_behind_a_pooler_the_compiled_loop_gives_the_same_classes(n_classes, mode, monkeypatch):
    rng = np.random.default_rng(n_classes)
    last, bias = rng.normal(size=(n_classes, 50)), rng.normal(size=n_classes)
    last[1], bias[1] = last[0], bias[0]  # a tie wherever one of the two is the highest
    first = HeadStage(rng.normal(size=(50, 30)) / 4, rng.normal(size=50), "tanh")
    head = Head(-1, "", (first, HeadStage(last, bias)), ())
    x = (rng.normal(size=(203, 30)) * np.geomspace(0.01, 40, 30)).astype(np.float32)
    for order in (rng.permutation(30), rng.permutation(30)[:7]):
        found = []
        for worth in (0, np.inf):
            monkeypatch.setattr(kernel, "_WORTH_POOLED", worth)
            found.append(ablated_predictions(x, head, order=order, mode=mode))
        np.testing.assert_array_equal(*found)
        assert not (found[0] == 1).any()


def test_behind_a_pooler_an_undefined_or_absent_class_is_as_by_numpy(monkeypatch):
    rng = np.random.default_rng(0)
    last = rng.normal(size=(4, 20))
    first = HeadStage(rng.normal(size=(20, 10)), np.array([np.inf, -np.inf, *rng.normal(size=18)]), "tanh")
    x = rng.normal(size=(40, 10)).astype(np.float32)
    for bias in ([0.0, -np.inf, 0.1, 0.0], [0.0, 1.0, np.nan, 0.0]):
        head, found = Head(-1, "", (first, HeadStage(last, np.array(bias))), ()), []
        for worth in (0, np.inf):
            monkeypatch.setattr(kernel, "_WORTH_POOLED", worth)
            found.append(ablated_predictions(x, head, order=np.arange(10)))
        np.testing.assert_array_equal(*found)


def test_the_near_tanh_is_as_near_as_it_says():
    x = np.concatenate([np.linspace(-12, 12, 1_000_001), [0.0, 1e-30, 300.0, -1e30, np.inf, -np.inf]])
    found = np.empty(len(x), np.float32)
    pooled.near_tanh(x, found)
    assert np.abs(found - np.tanh(x)).max() < 0.5 * pooled.TANH_ERROR


@pytest.mark.parametrize("n_classes", [5, 10])
@pytest.mark.parametrize("part", [768, 300])
def test_two_classes_of_one_weight_tie_whatever_is_removed(n_classes, part):
    rng = np.random.default_rng(0)
    x, weight, bias = (
        rng.normal(size=(300, 768)).astype(np.float32),
        rng.normal(size=(n_classes, 768)),
        rng.normal(size=n_classes),
    )
    weight[-1], bias[-1] = weight[0], bias[0]
    head = Head(-1, "", (HeadStage(weight, bias),), ())
    for mode in ("zero", "mean"):
        found = ablated_predictions(x, head, order=np.arange(part), mode=mode)
        assert (found == 0).any() and not (found == n_classes - 1).any()


def test_many_rows_go_through_in_blocks_with_progress():
    x, _y, rng = data(n=9000, dims=300)
    weight, bias, calls = rng.standard_normal((2, 300)), np.zeros(2), []
    head = Head(0, "", (HeadStage(weight, bias),), ())
    found = ablated_predictions(x, head, order=np.arange(300), report=lambda *step: calls.append(step))
    assert len(calls) > 2 and all(total == 9000 for _, total, _ in calls)
    for k in (0, 1, 150, 299):
        rows = x.astype(np.float64)
        rows[:, :k] = 0
        np.testing.assert_array_equal(found[k], predictions(head, rows))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"order": [0, 0]}, "twice"),
        ({"order": [17]}, "no dimension 17"),
        ({"order": [-1]}, "no dimension -1"),
        ({"order": [0.5]}, "no list of numbers"),
        ({"mode": "median"}, "no mode"),
        ({"mode": "mean", "mean": np.zeros(3)}, "means have shape"),
        ({"weight": np.zeros((2, 5))}, "weight is"),
        ({"bias": np.zeros(3)}, "bias"),
        ({"labels": [0, 1]}, "2 labels"),
        ({"labels": np.r_[np.nan, np.ones(89)]}, "no label"),
        ({"labels": np.r_[-1, np.ones(89, int)]}, "no label"),
        ({"x": np.full((90, 17), np.nan)}, "not finite"),
        ({"x": np.zeros(5)}, "shape"),
    ],
)
def test_what_cannot_be_ablated_is_refused_with_a_reason(change, said):
    x, y, _rng = data()
    given = {"x": x, "labels": y, "weight": np.zeros((2, 17)), "bias": np.zeros(2), "order": np.arange(17)} | change
    with pytest.raises(InvalidRequest, match=said) as caught:
        ablation_curve(**given)
    assert caught.value.hint


# Geometry along the ablation


@pytest.mark.parametrize("mode", ["zero", "mean"])
def test_geometry_is_that_of_the_ablated_rows(mode):
    x, _, rng = data(n=120, dims=12)
    x[7] = x[3]
    order, grid = rng.permutation(12), np.array([0, 1, 4, 9, 11, 12])
    fill = x.mean(axis=0, dtype=np.float64) if mode == "mean" else np.zeros(12)
    found = geometry_curves(x.astype(np.float64), order, grid, fill, k=10, report=no_report)
    for place, k in enumerate(grid[:-1]):
        rows = x.astype(np.float64)
        rows[:, order[:k]] = fill[order[:k]]
        expected = [
            anisotropy(rows),
            average_cosine(rows),
            two_nn(rows),
            neighbour_overlap(x.astype(np.float64), rows, 10).mean(),
        ]
        np.testing.assert_allclose(found.values[:, place], expected, rtol=1e-9)
    assert found.values[3, 0] == 1
    assert np.isnan(found.values[[0, 2, 3], -1]).all()
    assert np.isnan(found.values[1, -1]) == (mode == "zero")
    assert found.reasons[(0, 5)] == "every dimension is removed"


def test_distances_do_not_cancel_beside_a_huge_dimension():
    x, _, rng = data(n=60, dims=8)
    wide = x.astype(np.float64)
    wide[:, 2] += 1e6 * rng.standard_normal(60)
    order = np.array([2, 0, 1, 3, 4, 5, 6, 7])
    found = geometry_curves(wide, order, np.array([0, 1, 8]), np.zeros(8), k=5, report=no_report)
    bare = np.delete(wide, 2, axis=1)
    assert found.values[2, 1] == pytest.approx(two_nn(bare), rel=1e-9)
    assert found.values[3, 1] == pytest.approx(neighbour_overlap(wide, bare, 5).mean(), rel=1e-12)


def test_the_grid_has_both_ends_and_is_denser_there():
    assert step_grid(12).tolist() == list(range(13))
    grid = step_grid(768)
    assert grid[0] == 0 and grid[-1] == 768 and {1, 2, 3, 765, 766, 767} <= set(grid.tolist())
    assert len(grid) < 40 and (np.diff(grid) > 0).all()


# The metric


def labelled(n_classes=2, n=300, dims=50, seed=0):
    x, y, _ = data(n, dims, n_classes, seed)
    x[:, 9] *= 8
    split = tuple("train" if i < 200 else "dev" for i in range(n))
    return x, Labels(y, tuple(map(str, range(n_classes))), split)


def stack(x, head=None):
    return LayerStack("model", "cls", (0,), ("block 1",), (Activations(x, np.arange(len(x))),), head=head)


def run(x, labels, head=None, **params):
    return ABLATION.run([stack(x, head)], labels, ABLATION.params(**params), 0, no_report)


def test_by_default_the_models_own_head_is_read_at_zero_and_a_fitted_one_at_the_mean():
    x, labels = labelled()
    x[:, 7] += 500 + 0.001 * np.arange(len(x), dtype=np.float32)  # hardly varies and lies far out
    own = Head(0, "cls", (HeadStage(np.eye(50)[:2], np.zeros(2)),), labels.classes)
    assert run(x, labels, own, n_draws=1).values.modes == ("zero",)
    outcome = run(x, labels, n_draws=1)
    assert outcome.values.modes == ("mean",) and any("set to their mean" in note for note in outcome.notes)
    asked = run(x, labels, mode="mean", n_draws=1).values
    np.testing.assert_array_equal(outcome.values.accuracy, asked.accuracy)


@pytest.mark.parametrize("n_classes", [2, 6])
@pytest.mark.parametrize("mode", ["zero", "mean"])
def test_the_curves_are_the_naive_loops_with_the_fitted_head(mode, n_classes):
    x, labels = labelled(n_classes)
    values = run(x, labels, mode=mode, n_draws=3, dims=(9, 0, 30)).values
    split = split_rows(labels, SplitParams(), 0)
    head = choose_head(stack(x), 0, split).head
    train, test, y = x[:200], x[200:], labels.values[200:]
    fill = train.mean(axis=0, dtype=np.float64) if mode == "mean" else np.zeros(50)
    variance = train.astype(np.float64).var(axis=0)
    assert values.order[0, 0].tolist() == np.argsort(-variance, kind="stable").tolist()
    assert values.order[0, 1].tolist() == np.argsort(variance, kind="stable").tolist()
    for number in (0, 1):
        expected = naive(test, y, head, values.order[0, number], fill)
        np.testing.assert_array_equal(values.accuracy[0, number], expected)
    np.testing.assert_array_equal(values.chosen_accuracy[0], naive(test, y, head, np.array([9, 0, 30]), fill))
    assert (values.random_low <= values.accuracy[:, 2]).all() and (values.accuracy[:, 2] <= values.random_high).all()
    right = values.predictions[0, 0] == values.sample_classes
    np.testing.assert_array_equal(right.mean(axis=1), values.accuracy[0, 0])
    np.testing.assert_array_equal(values.right("highest"), right)
    np.testing.assert_array_equal(values.right("chosen").mean(axis=1), values.chosen_accuracy[0])
    np.testing.assert_array_equal(values.sample_classes, labels.values[values.sample])


def test_no_test_row_moves_an_order_or_a_head():
    x, labels = labelled()
    before = run(x, labels).values
    x[200:, 20] *= 1e3
    after = run(x, labels).values
    assert (before.order == after.order).all()
    assert (before.variance == after.variance).all()


def test_with_the_models_own_head_the_control_has_other_labels_only():
    x, labels = labelled()
    rng = np.random.default_rng(5)
    stages = (HeadStage(rng.standard_normal((8, 50)), np.zeros(8), "tanh"), HeadStage(np.eye(8)[:2], np.zeros(2)))
    head = Head(0, "cls", stages, labels.classes)
    outcome = run(x, labels, head, n_draws=2)
    values = outcome.values
    assert values.own_head.tolist() == [True] and "Full representation: the model's own head." in outcome.notes
    assert values.accuracy[0, 0, 0] == accuracy(head, x[200:], labels.values[200:])
    shuffles = [split_rows(labels, SplitParams(), 0).shuffled(0, draw) for draw in range(5)]
    curves = [naive(x[200:], one.y_test, head, values.order[0, 0], np.zeros(50)) for one in shuffles]
    np.testing.assert_allclose(values.control[0, 0], np.mean(curves, axis=0), atol=1e-12)
    np.testing.assert_allclose(values.control_std[0, 0], np.std(curves, axis=0, ddof=1), atol=1e-12)


def test_the_control_is_about_chance():
    x, labels = labelled(n=2000)
    labels = Labels(labels.values, labels.classes, ("train", "dev") * 1000)
    values = run(x, labels).values
    assert values.accuracy[0, 0, 0] > 0.85 and abs(values.control[0, 0, 0] - 0.5) < 0.06
    without = run(x, labels, control=False)
    assert np.isnan(without.values.control).all() and "no control was asked for" in {
        g.reason for g in without.undefined
    }


def test_geometry_is_measured_on_a_stated_sample():
    x, labels = labelled(n=300)
    outcome = run(x, labels, max_rows=40)
    values = outcome.values
    assert len(values.sample) == 40 and (values.sample >= 200).all()
    assert values.anisotropy[0, 0, 0] == pytest.approx(anisotropy(x[values.sample]), rel=1e-9)
    assert any("40 of 100 test rows" in note for note in outcome.notes)
    assert any("geometry at" in note for note in outcome.notes)
    assert values.grid[-1] == 50


def test_too_many_predictions_are_left_out_and_that_is_said(monkeypatch):
    from backend.metrics.ablation import metric as ablation_profile

    monkeypatch.setattr(ablation_profile, "_MOST_PREDICTIONS", 10)
    x, labels = labelled()
    outcome = run(x, labels, dims=(3,))
    assert len(outcome.values.predictions) == len(outcome.values.chosen_predictions) == 0
    assert outcome.values.right("highest") is None and outcome.values.right("chosen") is None
    assert any("left out" in note for note in outcome.notes)


def test_fifty_classes_run():
    rng = np.random.default_rng(0)
    y = np.arange(600) % 50
    x = rng.standard_normal((600, 60)).astype(np.float32)
    x[:, :50] += 3 * np.eye(50)[y]
    values = run(x, Labels(y, tuple(map(str, range(50))))).values
    assert values.accuracy[0, 0, 0] > 0.5 and values.split.seeded


@pytest.mark.parametrize(("dims", "said"), [((50,), "no dimension 50"), ((3, 3), "twice")])
def test_hand_picked_dimensions_must_exist_once(dims, said):
    x, labels = labelled()
    with pytest.raises(InvalidRequest, match=said):
        run(x, labels, dims=dims)


@pytest.mark.parametrize("row", ["threshold", "ablation"])
@pytest.mark.parametrize(
    ("values", "split", "said"),
    [
        (np.zeros(60), None, "one class"),
        (np.r_[np.zeros(59), 1], None, "one row"),
        (np.full(60, -1), None, "No row has a label"),
        (np.arange(60), None, "too many to be classes"),
        (np.r_[np.arange(30) % 2, np.full(30, -1)], ("train",) * 30 + ("dev",) * 30, "No row of the split 'dev'"),
        (np.arange(60) % 2, ("train",) * 60, "none is left to test on"),
    ],
)
def test_labels_that_cannot_be_used_are_refused_with_a_reason(row, values, split, said):
    from backend.metrics import METRICS

    x, _, _ = data(n=60)
    labels = Labels(values.astype(np.int64), tuple(map(str, range(60))), split)
    with pytest.raises(InvalidRequest, match=said) as caught:
        METRICS[row].run([stack(x)], labels, METRICS[row].params(), 0, no_report)
    assert caught.value.hint
