"""DirectProbe against closed cases, a plain implementation of the published algorithm, and brute force."""

import dataclasses
import tracemalloc
from itertools import combinations, product

import numpy as np
import pytest
from scipy.optimize import linprog, minimize

from backend.errors import Cancelled, InvalidRequest
from backend.metrics.direct_probe import hulls
from backend.metrics.direct_probe.hulls import distance, gap, meet, meet_from, scaled
from backend.metrics.direct_probe.kernel import DirectProbe, direct_probe, growth, sample_rows, spatial_similarity
from backend.metrics.direct_probe.merging import merge_apart
from backend.metrics.direct_probe.metric import DIRECT_PROBE
from backend.metrics.direct_probe.result import DirectProbeParams
from backend.metrics.shared.rounding import same_pairs
from backend.values.activations import Labels, no_report
from tests.metrics.stacks import stack_of

CUBE = np.array(list(product((0.0, 1.0), repeat=3)))


def plainly_apart(a, b):
    """Is there w, c with a w + c >= 1 and b w + c <= -1?"""
    rows = np.vstack([np.hstack([-a, -np.ones((len(a), 1))]), np.hstack([b, np.ones((len(b), 1))])])
    bounds = [(None, None)] * rows.shape[1]
    return linprog(np.zeros(rows.shape[1]), A_ub=rows, b_ub=-np.ones(len(rows)), bounds=bounds).status == 0


def published(x, labels):
    """The algorithm as the paper tells it: all pairs by distance at every step, all other clusters for every check."""
    clusters, refused = {row: [row] for row in range(len(x))}, set()
    while True:
        pairs = [
            (np.linalg.norm(x[clusters[i]].mean(axis=0) - x[clusters[j]].mean(axis=0)), i, j)
            for i, j in combinations(sorted(clusters), 2)
            if labels[i] == labels[j] and (frozenset(clusters[i]), frozenset(clusters[j])) not in refused
        ]
        if not pairs:
            return {frozenset(rows) for rows in clusters.values()}
        _, i, j = min(pairs)
        together = clusters[i] + clusters[j]
        others = [rows for name, rows in clusters.items() if labels[name] != labels[i]]
        if all(plainly_apart(x[together], x[rows]) for rows in others):
            clusters[i] = together
            del clusters[j]
        else:
            refused.add((frozenset(clusters[i]), frozenset(clusters[j])))


def as_sets(found):
    return {frozenset(np.flatnonzero(found.clusters == number).tolist()) for number in range(found.n_clusters)}


def test_two_unit_cubes_two_apart():
    found = direct_probe(np.vstack([CUBE, CUBE + [3, 0, 0]]), ["left"] * 8 + ["right"] * 8)
    assert found.labels == ("left", "right") and found.n_clusters == 2
    np.testing.assert_array_equal(found.clusters, [0] * 8 + [1] * 8)
    np.testing.assert_allclose(found.distances[0, 1], 2.0, rtol=1e-12)
    assert np.isnan(found.distances.diagonal()).all() and found.gap < 1e-9 and not found.conflicts.size


def test_a_hull_within_a_hull_makes_the_outer_label_split_and_not_the_inner():
    inner = CUBE * 0.1 + 0.45
    found = direct_probe(np.vstack([CUBE, inner]), [0] * 8 + [1] * 8)
    assert (found.cluster_labels == 1).sum() == 1 and (found.cluster_labels == 0).sum() > 1
    assert not found.apart[0, 1]


def test_exclusive_or_joins_one_diagonal_and_refuses_the_other():
    found = direct_probe([[0, 0], [1, 1], [0, 1], [1, 0]], [0, 0, 1, 1])
    np.testing.assert_array_equal(found.clusters, [0, 0, 1, 2])
    np.testing.assert_allclose(found.distances[0, 1:], np.sqrt(0.5))


def test_rows_that_are_one_point_under_two_labels_are_left_out_and_named():
    x = np.vstack([CUBE, CUBE + [3, 0, 0], [[9, 9, 9], [9, 9, 9]]])
    found = direct_probe(x, [0] * 8 + [1] * 8 + [0, 1])
    np.testing.assert_array_equal(found.conflicts, [[16, 17]])
    np.testing.assert_array_equal(found.clusters[16:], [-1, -1])
    assert found.n_clusters == 2 and found.n_rows == 16
    np.testing.assert_allclose(found.distances[0, 1], 2.0)
    assert direct_probe(np.ones((4, 2)), [0, 1, 0, 1]).n_clusters == 0


def test_one_row_for_each_label_and_one_label():
    x = np.array([[0.0, 0.0], [3.0, 4.0], [0.0, 1.0]])
    found = direct_probe(x, ["a", "b", "c"])
    np.testing.assert_array_equal(found.clusters, [0, 1, 2])
    np.testing.assert_allclose(found.distances[0], [np.nan, 5.0, 1.0])
    alone = direct_probe(CUBE, [7] * 8)
    assert alone.n_clusters == 1 and alone.labels == (7,) and np.isnan(alone.distances).all()
    assert direct_probe(CUBE[:1], [7]).n_clusters == 1


@pytest.mark.parametrize("seed", range(12))
def test_the_clusters_are_those_of_the_published_algorithm(seed):
    rng = np.random.default_rng(seed)
    n_labels, n_dims = 2 + seed % 3, 2 + seed % 2
    x, labels = rng.standard_normal((26, n_dims)), rng.integers(0, n_labels, 26)
    x[:, 0] += labels * rng.uniform(0, 1.5)
    found = direct_probe(x, labels)
    expected = published(x, labels)
    assert as_sets(found) == expected
    assert seed > 8 or len(expected) > n_labels  # most of these cases cannot be told apart by a line


def test_labels_that_can_be_told_apart_are_their_own_clusters_in_the_published_algorithm_too():
    rng = np.random.default_rng(3)
    x, labels = rng.standard_normal((24, 3)), np.arange(24) % 3
    x[:, 0] += 9.0 * labels
    assert as_sets(direct_probe(x, labels)) == published(x, labels)


@pytest.mark.parametrize(("n_a", "n_b", "n_dims"), [(5, 6, 2), (9, 4, 3), (30, 1, 5), (6, 6, 12)])
def test_distances_are_those_of_a_quadratic_programme(n_a, n_b, n_dims):
    rng = np.random.default_rng(n_a)
    a, b = rng.standard_normal((n_a, n_dims)), rng.standard_normal((n_b, n_dims)) + 3.0 / np.sqrt(n_dims) * 2
    start = np.r_[np.full(n_a, 1 / n_a), np.full(n_b, 1 / n_b)]
    ones = [{"type": "eq", "fun": lambda z: z[:n_a].sum() - 1}, {"type": "eq", "fun": lambda z: z[n_a:].sum() - 1}]
    goal = minimize(
        lambda z: ((z[:n_a] @ a - z[n_a:] @ b) ** 2).sum(),
        start, bounds=[(0, 1)] * len(start), constraints=ones, method="SLSQP", options={"ftol": 1e-15, "maxiter": 2000},
    )  # fmt: skip
    found = direct_probe(np.vstack([a, b]), [0] * n_a + [1] * n_b)
    np.testing.assert_allclose(found.distances[0, 1], np.sqrt(goal.fun), rtol=1e-5)


@pytest.mark.parametrize("width", [3e-6, 2e-5, 1e-3])
def test_hulls_that_nearly_touch_have_their_distance(width):
    """A face of a simplex and a point over its middle: the distance is known however short it is."""
    face = np.eye(12) - 1.0 / 12
    normal = np.full(12, 12**-0.5)
    x = np.vstack([face, 0.9 * face + width * normal, [3 * normal]])
    found = direct_probe(x, np.r_[np.zeros(12), np.ones(13)])
    assert found.n_clusters == 2
    assert found.label_distances()[0, 1] == pytest.approx(width, rel=1e-4)


def test_a_distance_that_is_not_found_is_not_passed_over_for_a_longer_one():
    nan, inf = np.nan, np.inf
    found = DirectProbe(
        clusters=np.arange(4),
        distances=np.array([[nan, nan, 2.0, 7.0], [nan, nan, 5.0, 6.0], [2.0, 5.0, nan, 9.0], [7.0, 6.0, 9.0, nan]]),
        floors=np.full((4, 4), inf),
        labels=("a", "b", "c"),
        cluster_labels=np.array([0, 0, 1, 2]),
        conflicts=np.zeros((0, 2), np.int64),
        apart=np.ones((3, 3), bool),
        gap=0.0,
        n_rows=4,
        n_directions=2,
    )
    np.testing.assert_array_equal(found.label_distances()[0], [nan, 2.0, 6.0])
    np.testing.assert_array_equal(found.least_distances(), [2.0, 2.0, 6.0])
    floors = np.full((4, 4), inf)
    floors[0, 2] = floors[2, 0] = 1.0  # between a and b: at least 1, and not found
    distances = np.where(np.isfinite(floors), nan, found.distances)
    unsure = dataclasses.replace(found, distances=distances, floors=floors)
    np.testing.assert_array_equal(unsure.label_distances()[0], [nan, nan, 6.0])
    np.testing.assert_array_equal(unsure.least_distances(), [nan, nan, 6.0])
    floors[0, 2] = floors[2, 0] = 5.5  # further than another two of their clusters: no matter
    sure = dataclasses.replace(found, distances=distances, floors=floors)
    np.testing.assert_array_equal(sure.label_distances()[0], [nan, 5.0, 6.0])


def test_distances_turn_scale_and_move_with_the_rows():
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((40, 60)), np.arange(40) % 4
    turn = np.linalg.qr(rng.standard_normal((60, 60)))[0]
    plain, moved = direct_probe(x, labels), direct_probe(200.0 + 7.0 * x @ turn, labels)
    np.testing.assert_allclose(moved.distances, 7.0 * plain.distances, rtol=1e-6)
    assert plain.too_few and plain.n_clusters == 4 and plain.n_directions == 39
    padded = direct_probe(np.pad(x[:, :2], ((0, 0), (0, 90))), labels)
    assert padded.n_directions == 2 and not padded.too_few and padded.n_clusters > 4


def test_bounds_enclose_the_distance_and_the_programme_agrees_with_the_proofs(monkeypatch):
    rng = np.random.default_rng(1)
    for shift in (0.0, 0.2, 0.5, 1.0, 2.0):
        rows, _ = scaled(np.vstack([rng.standard_normal((20, 4)), rng.standard_normal((20, 4)) + shift]))
        a, b = rows[:20], rows[20:]
        quick = meet(a, b)
        with monkeypatch.context() as patch:
            patch.setattr(hulls, "_weights", lambda a, b: None)
            programme = meet(a, b)
        assert quick.how != "linear programme" and programme.how == "linear programme"
        assert quick.apart == programme.apart == plainly_apart(a, b)
        far = distance(a, b)
        assert far.low <= far.high and (not far.apart or far.high - far.low < 1e-9 * far.high)


@pytest.mark.parametrize("shift", [0.3, 0.6, 1.0, 1.5])
def test_beginning_with_known_weights_gives_the_same_answer(shift):
    rng = np.random.default_rng(5)
    rows, _ = scaled(np.vstack([rng.standard_normal((90, 8)), rng.standard_normal((80, 8)) + shift]))
    a, b = rows[:90], rows[90:]
    known = meet(a[:40], b[:40])
    for n_rows in range(44, 90, 4):
        weights = tuple(np.pad(one, (0, n_rows - len(one)))[:n_rows] for one in known.weights)
        again = meet_from(a[:n_rows], b[: min(n_rows, 80)], (weights[0], weights[1][: min(n_rows, 80)]))
        plain = meet(a[:n_rows], b[: min(n_rows, 80)])
        assert again is not None and again.apart == plain.apart and again.low <= plain.high * (1 + 1e-9)
        if not plain.apart:
            break
        known = again


@pytest.mark.parametrize("shift", [0.0, 0.4, 0.8, 1.2])
@pytest.mark.parametrize("seed", range(4))
def test_large_hulls_are_decided_from_any_pair_of_rows(shift, seed):
    """Rows that join without weight stay until the step that their side wants, also where another's weight is 0 already."""
    rng = np.random.default_rng(seed)
    rows, _ = scaled(np.vstack([rng.standard_normal((120, 30)), rng.standard_normal((110, 30)) + shift]))
    found, plain = meet_from(rows[:120], rows[120:], None), meet(rows[:120], rows[120:])
    assert found is not None and found.apart == plain.apart
    left, right = found.weights
    for weights in (left, right):
        assert weights.min() >= 0 and weights.sum() == pytest.approx(1.0, abs=1e-12)
    np.testing.assert_allclose(left @ rows[:120] - right @ rows[120:], found.normal, atol=1e-14)
    if found.apart:
        assert 0 < gap(rows[:120], rows[120:], found.normal) <= plain.high * (1 + 1e-9) <= found.high * (1 + 1e-6)


@pytest.mark.parametrize(("width", "apart"), [(1e-3, True), (1e-5, True), (1e-8, False), (0.0, False)])
def test_apart_means_further_than_the_tolerance(width, apart):
    a = np.array([[-1.0, width], [1.0, width], [0.0, 1.0]])
    b = np.array([[-1.0, 0.0], [1.0, 0.0], [0.0, -1.0]])
    assert meet(a, b).apart is apart


def test_same_pairs_finds_all_and_only_those_of_different_labels():
    rng = np.random.default_rng(2)
    x = rng.standard_normal((30, 5))
    x[[7, 9, 11]] = x[3]
    labels = np.zeros(30, dtype=np.int64)
    labels[[9, 20]] = 1
    np.testing.assert_array_equal(same_pairs(x, labels, 2.0**-23), [[3, 9], [7, 9], [9, 11]])


def test_progress_cancels_within_the_merging():
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((60, 2)), rng.integers(0, 2, 60)
    stages = []

    def report(done, total, stage):
        assert 0 <= done <= total
        stages.append(stage)
        if "merging" in stage and len(stages) > 8:
            raise Cancelled("cancelled", "")

    with pytest.raises(Cancelled):
        direct_probe(x, labels, report=report)
    assert any("refused" in stage for stage in stages)


def test_merging_needs_far_less_than_a_matrix_of_all_rows():
    rng = np.random.default_rng(0)
    x, labels = rng.standard_normal((700, 4)), rng.integers(0, 4, 700)
    x[:, 0] += 1.5 * labels
    rows, _ = scaled(x)
    overlaps = ~np.eye(4, dtype=bool)
    tracemalloc.start()
    merge_apart(rows, labels, overlaps, no_report)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.5 * 8 * 700**2


def test_rows_are_drawn_label_by_label():
    labels = np.repeat([0, 1, 2], [80, 19, 1])
    rows = sample_rows(labels, 50, seed=0)
    np.testing.assert_array_equal(np.bincount(labels[rows]), [40, 9, 1])
    assert len(sample_rows(labels, 500, seed=0)) == 100
    assert not np.array_equal(rows, sample_rows(labels, 50, seed=1))
    found = direct_probe(np.random.default_rng(0).standard_normal((100, 200)), labels, max_rows=50)
    np.testing.assert_array_equal(np.flatnonzero(found.clusters >= 0), rows)


@pytest.mark.parametrize(
    ("x", "labels", "said"),
    [
        (CUBE, [0, 1], "8 rows and labels"),
        (CUBE, [0.0] * 7 + [np.nan], "row 7"),
        (CUBE, np.array([None] + ["a"] * 7, dtype=object), "row 0"),
        (np.where(CUBE > 0.5, np.nan, CUBE), [0] * 8, "NaN"),
    ],
)
def test_bad_input_is_refused(x, labels, said):
    with pytest.raises(InvalidRequest, match=said):
        direct_probe(x, labels)


def test_spatial_similarity_is_the_correlation_of_the_distances():
    rng = np.random.default_rng(0)
    a, b = (np.abs(rng.standard_normal((5, 5))) for _ in range(2))
    above = np.triu_indices(5, 1)
    np.testing.assert_allclose(spatial_similarity(a, b), np.corrcoef(a[above], b[above])[0, 1])
    np.testing.assert_allclose(spatial_similarity(a[above], 3 * a[above] + 1), 1.0)
    with_gap = a.copy()
    with_gap[0, 1] = np.nan
    np.testing.assert_allclose(spatial_similarity(with_gap, b), np.corrcoef(a[above][1:], b[above][1:])[0, 1])
    assert np.isnan(spatial_similarity(a[:2, :2], b[:2, :2]))  # one pair of labels
    assert np.isnan(spatial_similarity(a, np.ones((5, 5))))
    with pytest.raises(InvalidRequest):
        spatial_similarity(a, b[:4, :4])


def test_growth_is_from_the_first_known_distance_to_the_last():
    minimum = np.array([[1.0, np.nan, 5.0, np.nan], [9.0, 2.0, np.nan, np.nan], [3.0, 2.5, np.nan, 7.0]])
    np.testing.assert_array_equal(growth(minimum), [2.0, 0.5, np.nan, np.nan])


def test_a_profile_says_how_the_labels_grow_apart_and_counts_what_is_left_out():
    """Two cubes that are two apart, and four apart one layer on, and again with one row under both labels."""
    layers = [np.vstack([CUBE, CUBE + [gap + 1.0, 0, 0]]) for gap in (2.0, 4.0)]
    layers.append(layers[1].copy())
    layers[2][15] = layers[2][0]
    rows = [np.vstack([one, one[::5]]) for one in layers]  # the test rows are some of the same points
    split = ("train",) * 16 + ("test",) * len(layers[0][::5])
    classes = np.r_[np.repeat([0, 1], 8), np.repeat([0, 1], 8)[::5]]
    params = DirectProbeParams(control=False)
    values = DIRECT_PROBE.run([stack_of(rows)], Labels(classes, ("a", "b"), split), params, 0, no_report).values
    np.testing.assert_allclose(values.minimum[:2], [[2, 2], [4, 4]])
    np.testing.assert_allclose(values.growth, values.minimum[2] - values.minimum[0])
    assert values.n_left_out.tolist() == [0, 0, 2]
    assert (values.cluster_size[:2] == 8).all()
    assert (values.cluster_size[2] == 0).sum() == 2
    for number, size in zip(values.clusters[2], values.cluster_size[2], strict=True):
        assert number < 0 or size == np.count_nonzero(values.clusters[2] == number)
