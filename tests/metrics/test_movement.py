"""Movement of label centroids against closed cases and plain numpy."""

import dataclasses
import itertools

import numpy as np
import pytest
from sklearn.decomposition import PCA

from backend.errors import InvalidRequest
from backend.metrics import METRICS
from backend.metrics.movement.kernel import common_share, label_centroids, paired_error, spread
from backend.metrics.movement.result import FRAMES
from backend.values.activations import Labels, no_report
from tests.metrics.stacks import layer, rotation, stack_of

ROW = METRICS["movement"]
N, DIMS, NAMES = 60, 5, ("a", "b", "c")
CLASSES = np.arange(N) % 3
SHARED = np.array([1.0, 1.0, 1.0, 0.0, 0.0])


def moved(stacks, labels=None, **params):
    given = Labels(CLASSES, NAMES) if labels is None else labels
    return ROW.run(stacks, given, dataclasses.replace(ROW.params(), **params), 0, no_report)


def matrices(n_layers=3, seed=0):
    return [layer(N, DIMS, seed + i) + 3 * np.eye(DIMS)[CLASSES] for i in range(n_layers)]


def at_points(points):
    """Rows that lie in pairs round the point of their label, so that the centroids are the points."""
    offset = np.where(np.arange(N) // 3 % 2 == 0, 1.0, -1.0)[:, None] * np.ones(DIMS)
    return np.asarray(points, dtype=float)[CLASSES] + offset


def centroids(matrix, classes=CLASSES):
    return np.array([matrix[classes == number].mean(axis=0) for number in range(3)])


def reason_of(outcome, field, index=()):
    """The reason that covers this entry."""
    found = [e.reason for e in outcome.undefined if e.field == field and e.index == index[: len(e.index)]]
    assert found, (field, index)
    return found[0]


def test_centroids_and_errors_are_those_of_plain_numpy():
    x = layer(N, DIMS).astype(np.float32) + np.float32(200)
    classes = np.where(np.arange(N) < 7, -1, CLASSES)
    means, errors = label_centroids(x, classes, 4)
    wide = x.astype(np.float64)
    np.testing.assert_allclose(means[:3], centroids(wide, classes), rtol=1e-14)
    for number in range(3):
        rows = wide[classes == number]
        np.testing.assert_allclose(errors[number], np.sqrt((rows.var(axis=0, ddof=1) / len(rows)).sum()), rtol=1e-11)
    assert np.isnan(means[3]).all() and np.isnan(errors[3])


def test_the_standard_error_is_how_far_a_centroid_strays_from_sample_to_sample():
    rng = np.random.default_rng(0)
    found = [label_centroids(rng.normal(size=(25, 8)), np.zeros(25, np.int64), 1) for _ in range(2000)]
    strayed = np.sqrt(np.mean([(mean**2).sum() for mean, _ in found]))
    np.testing.assert_allclose(strayed, np.sqrt(8 / 25), rtol=0.03)
    np.testing.assert_allclose(np.mean([error for _, error in found]), strayed, rtol=0.03)


def test_a_paired_error_is_that_of_the_mean_difference():
    x, y = layer(N, DIMS, 0), layer(N, DIMS, 1) + 50
    rows = (y - x)[CLASSES == 1]
    expected = np.sqrt((rows.var(axis=0, ddof=1) / len(rows)).sum())
    np.testing.assert_allclose(paired_error(x, y, CLASSES, 3)[1], expected, rtol=1e-12)
    assert paired_error(x, x + 7.0, CLASSES, 3).max() < 1e-14


def test_one_label_moved_by_v_has_the_difference_vector_v_and_no_other_moves():
    v = np.array([3.0, 0, 0, 4, 0])
    base = matrices()
    tuned = [x + np.where(CLASSES == 1, 1.0, 0.0)[:, None] * v * place for place, x in enumerate(base)]
    values = moved([stack_of(base), stack_of(tuned)]).values
    np.testing.assert_allclose(values.difference, [[0, 0, 0], [0, 5, 0], [0, 10, 0]], atol=1e-12)
    np.testing.assert_allclose(values.difference_error, 0, atol=1e-12)
    np.testing.assert_allclose(values.model_path, values.difference, atol=1e-12)
    np.testing.assert_allclose(values.difference_common, [np.nan, 1 / 3, 1 / 3])
    np.testing.assert_allclose(values.difference_coords[0, :, 1, 0], [0, 5, 10], atol=1e-7)
    np.testing.assert_allclose(values.difference_coords[0][:, [0, 2]], 0, atol=1e-7)
    np.testing.assert_allclose(values.difference_explained[0], [1, 0], atol=1e-12)
    for place, x in enumerate(base):
        own = centroids(x)
        scale = np.linalg.norm(own - own.mean(axis=0), axis=1).mean()
        np.testing.assert_allclose(values.difference_relative[place], values.difference[place] / scale)
        apart = np.linalg.norm(v) * place * np.array([1, 2, 1]) / 3  # less the mean vector, v / 3
        np.testing.assert_allclose(values.difference_apart_relative[place], apart / scale, atol=1e-12)
    np.testing.assert_allclose(values.difference_mean, [0, 5 / 3, 10 / 3], atol=1e-12)


def test_a_movement_common_to_all_labels_is_not_centred_away():
    base = matrices(1)
    values = moved([stack_of(base), stack_of([base[0] + 2 * SHARED])]).values
    np.testing.assert_allclose(values.difference, 2 * np.sqrt(3))
    np.testing.assert_allclose(values.difference_common, [1])
    np.testing.assert_allclose(values.difference_coords[0, 0], [[2 * np.sqrt(3), 0]] * 3, atol=1e-7)
    np.testing.assert_allclose(values.difference_layer_coords, values.difference_coords, atol=1e-7)
    np.testing.assert_allclose(values.difference_coords[1:], 0, atol=1e-7)


def test_one_model_twice_does_not_move():
    outcome = moved([stack_of(matrices()), stack_of(matrices())])
    for field in ("difference", "difference_error", "model_step", "model_path", "difference_relative"):
        np.testing.assert_array_equal(getattr(outcome.values, field), 0)
    np.testing.assert_array_equal(outcome.values.difference_coords, 0)
    assert np.isnan(outcome.values.difference_common).all() and np.isnan(outcome.values.difference_explained).all()
    assert "nothing moves" in reason_of(outcome, "difference_common", (0,))
    np.testing.assert_array_equal(outcome.values.coords[:, 0], outcome.values.coords[:, 1])


def test_lengths_over_layers_are_plain_distances_and_a_detour_is_longer_than_the_way():
    points = np.zeros((4, 3, DIMS))
    points[:, 0, :2] = [[0, 0], [3, 0], [3, 4], [0, 4]]
    points[:, 1, 2] = [0, 1, 2, 3]
    values = moved([stack_of([at_points(one) for one in points])]).values
    np.testing.assert_allclose(values.step[0], [[3, 1, 0], [4, 1, 0], [3, 1, 0]], atol=1e-12)
    np.testing.assert_allclose(values.path, [[10, 3, 0]], atol=1e-12)
    np.testing.assert_allclose(values.displacement, [[4, 3, 0]], atol=1e-12)
    assert values.difference.shape == (0, 3) and values.model_step.shape == (0, 4, 3)
    assert values.difference_coords.shape == (3, 0, 3, 2) and values.difference_explained.shape == (0, 2)


def test_what_is_apart_is_the_difference_less_the_mean_one_with_its_error():
    rng = np.random.default_rng(3)
    base, labels = rng.normal(size=(900, 3)), np.repeat([0, 1, 2], [100, 200, 600])
    v = np.array([[6.0, 0, 0], [0, 3, 0], [0, 0, 0]])

    def once():
        return [stack_of([base]), stack_of([base + v[labels] + rng.normal(size=base.shape)])]

    found = [moved(once(), Labels(labels, NAMES)).values for _ in range(400)]
    expected = np.linalg.norm(v - v.mean(axis=0), axis=1)
    np.testing.assert_allclose(np.mean([one.difference_apart[0] for one in found], axis=0), expected, rtol=0.01)
    # along its own direction a length strays by one of the three dimensions' errors
    strayed = np.std([one.difference_apart[0] for one in found], axis=0) * np.sqrt(3)
    np.testing.assert_allclose(np.mean([one.difference_apart_error[0] for one in found], axis=0), strayed, rtol=0.12)
    shares = [one.difference_apart_relative_error / one.difference_apart_relative for one in found]
    np.testing.assert_allclose(shares, [one.difference_apart_error / one.difference_apart for one in found])


def test_checkpoints_in_order_give_steps_a_path_and_the_last_minus_the_first():
    at = [0.0, 5.0, 2.0]
    series = [stack_of([x + distance * SHARED / np.sqrt(3) for x in matrices(2)]) for distance in at]
    values = moved(series).values
    np.testing.assert_allclose(values.model_step[:, 1, 0], [5, 3])
    np.testing.assert_allclose(values.model_path, 8)
    np.testing.assert_allclose(values.difference, 2)


def framed(points, frame):
    """The centroids (2, 3, 3, DIMS) in a frame, the plain way."""
    middle = points.mean(axis=2, keepdims=True)
    scale = np.linalg.norm(points - middle, axis=3).mean(axis=2)[0]
    return {"raw": points, "centred": points - middle, "scaled": (points - middle) / scale[:, None, None]}[frame]


def by_sklearn(points):
    """Coordinates and shares of a full PCA, each axis' largest loading positive."""
    flat = points.reshape(-1, DIMS)
    model = PCA(n_components=2, svd_solver="full").fit(flat)
    signs = np.sign(model.components_[np.arange(2), np.abs(model.components_).argmax(axis=1)])
    return model.transform(flat).reshape(*points.shape[:-1], 2) * signs, model.explained_variance_ratio_


@pytest.mark.parametrize("frame", FRAMES)
def test_every_plane_is_a_pca_in_its_frame(frame):
    first, second = matrices(seed=0), [x * 2 + SHARED for x in matrices(seed=5)]
    values = moved([stack_of(first), stack_of(second)]).values
    place, points = FRAMES.index(frame), np.array([[centroids(x) for x in stack] for stack in (first, second)])
    shown = framed(points, frame)
    expected, shares = by_sklearn(shown)
    np.testing.assert_allclose(values.coords[place], expected, atol=1e-9)
    np.testing.assert_allclose(values.explained[place], shares)
    for at in range(3):
        expected, shares = by_sklearn(shown[:, at])
        np.testing.assert_allclose(values.layer_coords[place, :, at], expected, atol=1e-7)
        np.testing.assert_allclose(values.layer_explained[place, at], shares)
    differences = shown[1] - shown[0]
    if frame == "centred":
        expected, shares = by_sklearn(differences[1])
        np.testing.assert_allclose(values.difference_layer_coords[place, 1], expected, atol=1e-7)
        np.testing.assert_allclose(values.difference_layer_explained[place, 1], shares)
    left, singular, _ = np.linalg.svd(differences.reshape(-1, DIMS), full_matrices=False)
    drawn = values.difference_coords[place].reshape(-1, 2)
    np.testing.assert_allclose(np.abs(drawn), np.abs(left[:, :2] * singular[:2]), atol=1e-7)
    np.testing.assert_allclose(values.difference_explained[place], singular[:2] ** 2 / (singular**2).sum())


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("n_dims", [2, 9])
def test_the_closest_labels_are_those_of_the_least_widest_distance_in_the_full_space(seed, n_dims):
    many = np.arange(N) % 6
    names = tuple("abcdef")
    stacks = [stack_of([layer(N, n_dims, seed + at) + 4 * layer(6, n_dims, 50 + seed + at)[many] for at in (0, 9)])] * 2
    values = moved(stacks, Labels(many, names)).values
    points = np.array([stacks[0].rows[-1][many == number].mean(axis=0) for number in range(6)])

    def widest(three):
        return max(np.linalg.norm(points[a] - points[b]) for a, b in itertools.combinations(three, 2))

    assert tuple(values.closest) == min(itertools.combinations(range(6), 3), key=widest)


def test_a_plane_in_which_other_labels_meet_does_not_decide_which_are_closest():
    """Four labels far out on two axes, the others near each other on them and apart on a third."""
    many = np.arange(N) % 7
    middle = np.zeros((7, 3))
    middle[:4, :2] = [[30, 0], [30, 3], [33, 0], [-90, 60]]
    middle[4:, 2] = [-9, 0, 9]
    rows = middle[many] + 0.01 * layer(N, 3)
    values = moved([stack_of([rows])], Labels(many, tuple("abcdefg"))).values
    assert tuple(values.closest) == (0, 1, 2)
    on_the_map = values.layer_coords[0, 0, -1, 4:]
    assert np.ptp(on_the_map, axis=0).max() < 2, "on the map it is the other three that meet"


def test_labels_of_few_rows_are_not_the_closest_where_there_are_others():
    classes = np.where(np.arange(N) < 6, 4, np.arange(N) % 4)  # six rows of the fifth label
    middle = np.array([[0.0, 0], [1, 0], [0, 9], [9, 9], [0.5, 0]])
    values = moved([stack_of([layer(N, 2) * 0.01 + middle[classes]])], Labels(classes, tuple("abcde"))).values
    assert values.counts[4] == 6 and 4 not in values.closest and {0, 1} < set(values.closest.tolist())
    assert moved([stack_of(matrices())]).values.closest.tolist() == [0, 1, 2], "three are all there are"


def test_a_map_never_lengthens_a_distance():
    values = moved([stack_of(matrices(seed=0)), stack_of(matrices(seed=5))]).values
    assert (np.linalg.norm(np.diff(values.coords[0], axis=1), axis=-1) <= values.step + 1e-9).all()
    assert (np.linalg.norm(np.diff(values.layer_coords[0], axis=0), axis=-1) <= values.model_step + 1e-9).all()
    assert (np.linalg.norm(values.difference_coords[0], axis=-1) <= values.difference + 1e-9).all()


def test_turning_both_models_alike_changes_no_length():
    first, second = matrices(seed=0), matrices(seed=9)
    turn = rotation(DIMS, 4)
    plain = moved([stack_of(first), stack_of(second)]).values
    turned = moved([stack_of([x @ turn for x in first]), stack_of([x @ turn for x in second])]).values
    same = (
        "path",
        "displacement",
        "difference",
        "difference_error",
        "difference_common",
        "error",
        "explained",
        "spread",
    )
    for field in same:
        np.testing.assert_allclose(getattr(turned, field), getattr(plain, field), rtol=1e-9, atol=1e-12)


def test_a_turned_model_moves_by_what_the_turn_does_to_its_centroids():
    base, turn = matrices(1), rotation(DIMS, 4)
    values = moved([stack_of(base), stack_of([base[0] @ turn])]).values
    own = centroids(base[0])
    np.testing.assert_allclose(values.difference[0], np.linalg.norm(own @ turn - own, axis=1))
    np.testing.assert_allclose(values.spread[0], values.spread[1])


def test_a_label_without_rows_and_one_with_a_single_row_say_so():
    classes = np.where(CLASSES == 2, -1, CLASSES)
    classes[2] = 2
    outcome = moved([stack_of(matrices())] * 2, Labels(classes, (*NAMES, "absent")), min_rows=1)
    assert np.isnan(outcome.values.path[:, 3]).all() and np.isfinite(outcome.values.path[:, :3]).all()
    assert reason_of(outcome, "path", (0, 3)) == "no row in use is of class 'absent'"
    assert reason_of(outcome, "coords", (0, 0, 0, 3, 0)) == "no row in use is of class 'absent'"
    assert "two rows" in reason_of(outcome, "error", (0, 0, 2))
    assert "two rows" in reason_of(outcome, "difference_error", (0, 2))
    assert "two rows" in reason_of(outcome, "difference_relative_error", (0, 2))
    np.testing.assert_allclose(
        outcome.values.difference_mean, outcome.values.difference[:, :3].mean(axis=1), atol=1e-12
    )
    said = " ".join(outcome.notes)
    assert "41 rows with a label, of 60" in said and "'c' (1)" in said and "Without a row in use: 'absent'" in said


def test_labels_of_few_rows_are_left_out_and_take_no_part_in_a_plane():
    classes = np.where(CLASSES == 2, -1, CLASSES)
    without = moved([stack_of(matrices())], Labels(classes, NAMES))
    classes[[2, 5, 8, 11]] = 2
    outcome = moved([stack_of(matrices())], Labels(classes, NAMES))
    np.testing.assert_array_equal(outcome.values.coords[..., :2, :], without.values.coords[..., :2, :])
    assert np.isnan(outcome.values.path[:, 2]).all() and outcome.values.n_used == 40
    assert "Left out, with fewer than 5 rows: 'c'." in outcome.notes
    assert np.isfinite(moved([stack_of(matrices())], Labels(classes, NAMES), min_rows=4).values.path).all()
    with pytest.raises(InvalidRequest, match="No label has 21 rows; the most are 20"):
        moved([stack_of(matrices())], min_rows=21)


def test_one_label_has_a_path_but_no_spread():
    outcome = moved([stack_of(matrices()), stack_of(matrices(seed=5))], Labels(np.zeros(N, np.int64), ("only",)))
    values = outcome.values
    assert np.isfinite(values.path).all() and np.isfinite(values.difference).all() and np.isnan(values.spread).all()
    for field in ("spread", "difference_relative", "difference_relative_error", "difference_common", "step_common"):
        assert "one label has rows" in reason_of(outcome, field, (0, 0))


def test_a_constant_layer_has_a_place_but_no_scale():
    rows = matrices()
    rows[0] = np.tile(np.float32([0.1, 7, -3, 1e-3, 1e3]), (N, 1))
    outcome = moved([stack_of(rows), stack_of(matrices())])
    values = outcome.values
    assert values.spread[0, 0] == 0 and np.isfinite(values.displacement).all() and np.isfinite(values.difference).all()
    assert np.isnan(values.coords[2, :, 0]).all() and np.isfinite(values.coords[2, :, 1:]).all()
    assert np.isfinite(values.coords[:2]).all() and np.isfinite(values.difference_coords[:2]).all()
    assert "all rows are identical" in reason_of(outcome, "coords", (2, 1, 0, 0, 0))
    assert "all rows are identical" in reason_of(outcome, "difference_coords", (2, 0, 0, 0))
    for field in ("", "_error"):
        assert "all rows are identical" in reason_of(outcome, f"difference_relative{field}", (0, 1))
        assert "all rows are identical" in reason_of(outcome, f"difference_apart_relative{field}", (0, 1))


def test_a_layer_that_is_not_finite_takes_its_own_numbers_along_only():
    rows = [x.copy() for x in matrices()]
    rows[1][4, 2] = np.nan
    outcome = moved([stack_of(matrices()), stack_of(rows, model="broken")])
    values = outcome.values
    assert np.isfinite(values.coords[:, 0]).all() and np.isnan(values.coords[:, 1, 1]).all()
    assert np.isfinite(values.displacement).all() and np.isnan(values.path[1]).all()
    np.testing.assert_array_equal(np.isnan(values.difference).all(axis=1), [False, True, False])
    for field, index in (
        ("path", (1, 0)),
        ("difference", (1, 0)),
        ("step", (1, 1, 0)),
        ("layer_coords", (0, 1, 1, 0, 0)),
    ):
        assert reason_of(outcome, field, index) == "broken, layer 1: non-finite activations (1 rows)"


def test_a_split_keeps_its_rows_only():
    names = tuple("train" if i < 30 else "dev" for i in range(N))
    rows = matrices()
    values = moved([stack_of(rows)], Labels(CLASSES, NAMES, names), split="train").values
    assert values.n_used == 30 and values.split == "train"
    expected = centroids(rows[2][:30], CLASSES[:30]) - centroids(rows[0][:30], CLASSES[:30])
    np.testing.assert_allclose(values.displacement[0], np.linalg.norm(expected, axis=1))
    with pytest.raises(InvalidRequest, match="the splits are 'train', 'dev'"):
        moved([stack_of(rows)], Labels(CLASSES, NAMES, names), split="test")
    with pytest.raises(InvalidRequest, match="no split column"):
        moved([stack_of(rows)], split="train")


def test_what_has_no_movement_is_refused_with_a_hint():
    narrow = stack_of([x[:, :3] for x in matrices()], model="narrow")
    with pytest.raises(InvalidRequest, match="narrow: 3 layers of 3 dimensions") as refused:
        moved([stack_of(matrices()), narrow])
    assert "one architecture" in refused.value.hint
    with pytest.raises(InvalidRequest, match="differ in layers"):
        moved([stack_of(matrices(3)), stack_of(matrices(2))])
    with pytest.raises(InvalidRequest, match="No row has a label"):
        moved([stack_of(matrices())], Labels(np.full(N, -1), NAMES))
    with pytest.raises(InvalidRequest, match="60 classes on 60 rows"):
        moved([stack_of(matrices())], Labels(np.arange(N), tuple(map(str, range(N)))))


def test_kernels_refuse_labels_that_do_not_fit():
    for labels in ([0, 1], np.full(N, 3), np.full(N, -2), np.zeros(N)):
        with pytest.raises(InvalidRequest):
            label_centroids(layer(N, DIMS), labels, 3)
    with pytest.raises(InvalidRequest, match="shapes"):
        paired_error(layer(N, DIMS), layer(N, DIMS + 1), CLASSES, 3)


def test_spread_and_common_share_of_closed_cases():
    square = np.array([[1.0, 0], [-1, 0], [0, 1], [0, -1]])
    assert spread(square) == 1 and np.isnan(spread(square[:1]))
    assert common_share(square) == 0 and common_share(square * 0 + 2) == 1
    assert np.isnan(common_share(square * 0)) and np.isnan(common_share(square[:1]))
    np.testing.assert_allclose(common_share(np.eye(8)), 1 / 8)
