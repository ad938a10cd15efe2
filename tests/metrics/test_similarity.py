"""CKA: published values, the definition in a plain loop, invariances, rogue offsets, degenerate layers."""

import json

import numpy as np
import pytest

from backend.errors import Cancelled, InvalidRequest
from backend.metrics.shared.kept import Kept
from backend.metrics.similarity import gram
from backend.metrics.similarity import kernel as cka_kernel
from backend.metrics.similarity.kernel import chance_level, cka_matrix, linear_cka, rbf_cka
from backend.metrics.similarity.metric import CKA, CkaParams
from backend.values.activations import no_report
from tests.metrics.stacks import layer, rotation, stack_of


def reference_pair():
    """The pair of the published demonstration."""
    random = np.random.RandomState(1337)
    x = random.randn(100, 10)
    return x, random.randn(100, 10) + x


def kernel_by_definition(x, bandwidth):
    x = np.asarray(x, dtype=np.float64)
    if bandwidth is None:
        return (x - x.mean(axis=0)) @ (x - x.mean(axis=0)).T
    squared = ((x[:, None, :] - x[None, :, :]) ** 2).sum(axis=-1)
    return np.exp(-squared / (2 * bandwidth**2 * np.median(squared)))


def hsic_by_definition(k, other, debiased):
    n = len(k)
    if not debiased:
        centring = np.eye(n) - 1 / n
        return np.trace(centring @ k @ centring @ other)
    k, other = k.copy(), other.copy()
    np.fill_diagonal(k, 0)
    np.fill_diagonal(other, 0)
    total = np.trace(k @ other) + k.sum() * other.sum() / ((n - 1) * (n - 2)) - 2 / (n - 2) * (k @ other).sum()
    return total / (n * (n - 3))


def cka_by_definition(x, y, *, debiased, bandwidth=None):
    k, other = kernel_by_definition(x, bandwidth), kernel_by_definition(y, bandwidth)
    own = hsic_by_definition(k, k, debiased) * hsic_by_definition(other, other, debiased)
    return hsic_by_definition(k, other, debiased) / np.sqrt(own)


def force(monkeypatch, route):
    """Make every computation take one of the two routes."""
    monkeypatch.setattr(gram, "_REDUCTION_COST", -1e12 if route == "tiles" else 1e12)


ROUTES = pytest.mark.parametrize("route", ["tiles", "covariances"])


def test_the_published_values_come_out():
    x, y = reference_pair()
    assert linear_cka(x, y, debiased=False) == pytest.approx(0.55761, abs=5e-6)
    assert linear_cka(x, y) == pytest.approx(0.51346, abs=5e-6)
    assert rbf_cka(x, y, bandwidth=0.5) == pytest.approx(0.65483, abs=5e-6)


def test_the_shared_reference_files_give_their_recorded_values(shared):
    folder = shared / "data" / "cka_reference"
    recorded = json.loads((folder / "values.json").read_text())["published"]
    first = (folder / "X.csv").read_text().splitlines()[0]
    skip = 0 if all(part.strip().lstrip("-")[:1].isdigit() for part in first.split(",")) else 1
    x, y = (np.loadtxt(folder / name, delimiter=",", skiprows=skip) for name in ("X.csv", "Y.csv"))
    assert linear_cka(x, y, debiased=False) == pytest.approx(recorded["linear_cka"], abs=5e-6)
    assert linear_cka(x, y) == pytest.approx(recorded["linear_cka_debiased"], abs=5e-6)
    assert rbf_cka(x, y) == pytest.approx(recorded["rbf_cka_threshold_0.5_of_median"], abs=5e-6)


@ROUTES
@pytest.mark.parametrize("debiased", [True, False])
@pytest.mark.parametrize("n_rows", [4, 37, 310])
def test_the_matrix_equals_the_definition_pair_by_pair(monkeypatch, route, debiased, n_rows):
    force(monkeypatch, route)
    monkeypatch.setattr(gram, "_TILE_ROWS", 128)
    monkeypatch.setattr(gram, "_COVARIANCE_ROWS", 100)
    xs = [layer(n_rows, width, seed=width, dtype=np.float32) for width in (5, 24, 31)]
    ys = [xs[1] + 0.3 * layer(n_rows, 24, seed=9, dtype=np.float32), layer(n_rows, 7, seed=8, dtype=np.float32)]
    for others in (None, ys):
        matrix = cka_matrix(xs, others, debiased=debiased)
        expected = [[cka_by_definition(x, y, debiased=debiased) for y in others or xs] for x in xs]
        np.testing.assert_allclose(matrix, expected, atol=1e-6)


@pytest.mark.parametrize("bandwidth", [0.3, 0.5, 1.0, 4.0])
@pytest.mark.parametrize("debiased", [True, False])
def test_the_rbf_matrix_equals_the_definition(monkeypatch, bandwidth, debiased):
    monkeypatch.setattr(gram, "_TILE_ROWS", 32)
    xs = [layer(90, width, seed=width) for width in (3, 20)]
    ys = [layer(90, 6, seed=1) + xs[0][:, :1], xs[1] * 5]
    for others in (None, ys):
        matrix = cka_matrix(xs, others, kernel="rbf", bandwidth=bandwidth, debiased=debiased)
        expected = [[cka_by_definition(x, y, debiased=debiased, bandwidth=bandwidth) for y in others or xs] for x in xs]
        np.testing.assert_allclose(matrix, expected, atol=1e-6)


@pytest.mark.parametrize("n_rows", [2, 3, 50, 51, 130])
def test_the_streamed_median_is_the_median_of_all_squared_distances(monkeypatch, n_rows):
    monkeypatch.setattr(gram, "_TILE_ROWS", 48)
    x = layer(n_rows, 6, seed=n_rows)
    one = gram.view(x)
    squared = ((x[:, None] - x[None]) ** 2).sum(axis=-1) * one.scale**2
    assert gram.median_squared_distance(one, no_report, "") == pytest.approx(np.median(squared), rel=1e-6)


@ROUTES
def test_the_routes_ignore_whether_centred_copies_are_kept(monkeypatch, route):
    force(monkeypatch, route)
    xs = [layer(120, 9, seed=i, dtype=np.float32) for i in range(3)]
    kept = cka_matrix(xs)
    monkeypatch.setattr(gram, "_READY_BYTES", 0)
    np.testing.assert_array_equal(cka_matrix(xs), kept)


@ROUTES
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("debiased", [True, False])
def test_rotation_scale_offset_and_zero_padding_change_nothing(monkeypatch, route, kernel, debiased):
    force(monkeypatch, route)
    x, y = layer(80, 12), layer(80, 12, seed=1) + layer(80, 12)
    moved = {
        "rotation": x @ rotation(12),
        "scale": 1e-3 * x,
        "large scale": 1e6 * x,
        "offset": x + np.linspace(-50, 50, 12),
        "zero padding": np.hstack([x, np.zeros((80, 5))]),
    }
    expected = cka_matrix([x], [y], kernel=kernel, debiased=debiased)[0, 0]
    for name, other in moved.items():
        found = cka_matrix([other], [y], kernel=kernel, debiased=debiased)[0, 0]
        assert found == pytest.approx(expected, abs=1e-7), name


def test_a_general_linear_map_changes_it():
    x = layer(80, 12)
    assert linear_cka(x, x * np.logspace(0, 3, 12)[::-1]) < 0.95


@ROUTES
@pytest.mark.parametrize("debiased", [True, False])
def test_a_layer_is_wholly_similar_to_itself_and_the_matrix_symmetric(monkeypatch, route, debiased):
    force(monkeypatch, route)
    xs = [layer(60, 8, seed=i, dtype=np.float32) for i in range(4)]
    matrix = cka_matrix(xs, debiased=debiased)
    np.testing.assert_allclose(np.diag(matrix), 1.0, atol=1e-7)
    np.testing.assert_array_equal(matrix, matrix.T)


@ROUTES
def test_a_rogue_dimension_at_200_in_float32_costs_no_digits(monkeypatch, route):
    force(monkeypatch, route)
    x, y = layer(400, 30), layer(400, 30) + layer(400, 30, seed=1)
    truth = linear_cka(x, y)
    for rogue in (x, y):
        rogue[:, 3] += 200
    assert linear_cka(x.astype(np.float32), y.astype(np.float32)) == pytest.approx(truth, abs=1e-5)


def test_float16_with_a_column_at_300_does_not_overflow():
    x, y = layer(200, 16), layer(200, 16) + layer(200, 16, seed=1)
    x[:, 2] = 300 * x[:, 2] / np.abs(x[:, 2]).max()
    half = x.astype(np.float16)
    assert linear_cka(half, y) == pytest.approx(linear_cka(half.astype(np.float64), y), abs=1e-6)


@ROUTES
def test_one_enormous_row_leaves_the_debiased_value_exact(monkeypatch, route):
    """A decoder's first token can be 60 times as long as the others: its square dominates every Gram matrix."""
    force(monkeypatch, route)
    x, y = layer(300, 20), layer(300, 20, seed=2)
    x[0] *= 60
    y[0] *= 60
    narrow = linear_cka(x.astype(np.float32), y.astype(np.float32))
    assert narrow == pytest.approx(cka_by_definition(x, y, debiased=True), abs=1e-5)


def test_huge_and_tiny_activations_neither_overflow_nor_vanish():
    x, y = layer(50, 6), layer(50, 6) + layer(50, 6, seed=4)
    for scale in (1e-30, 1e30):
        assert linear_cka((scale * x).astype(np.float32), y.astype(np.float32)) == pytest.approx(
            linear_cka(x, y), abs=1e-5
        )


@pytest.mark.parametrize("bandwidth", [0.1, 0.5, 1.3, 3.0])
def test_independent_gaussians_score_the_stated_baseline_with_the_rbf_kernel_too(bandwidth):
    rng = np.random.default_rng(0)
    x, y = rng.standard_normal((300, 200)), rng.standard_normal((300, 120))
    found = rbf_cka(x, y, bandwidth=bandwidth, debiased=False)
    assert chance_level(300, 200, 120, kernel="rbf", bandwidth=bandwidth) == pytest.approx(found, abs=0.02)


def test_independent_gaussians_score_the_stated_baseline_when_biased_and_zero_when_not():
    rng = np.random.default_rng(0)
    pairs = [(rng.standard_normal((200, 150)), rng.standard_normal((200, 60))) for _ in range(8)]
    biased = np.mean([linear_cka(x, y, debiased=False) for x, y in pairs])
    assert biased == pytest.approx(np.sqrt(150 * 60 / (350 * 260)), abs=0.01)
    values = [linear_cka(x, y) for x, y in pairs]
    assert abs(np.mean(values)) < 0.01
    assert min(values) < 0 < max(values)  # an unbiased estimate of 0 falls on both sides


def test_copies_of_rows_are_like_any_other_rows():
    rng = np.random.default_rng(3)
    x, y = rng.standard_normal((1000, 10)), rng.standard_normal((1000, 10))
    y += x
    x[:50], y[:50] = x[0], y[0]
    for kernel, bandwidth in (("linear", None), ("rbf", 0.5)):
        found = cka_matrix([x], [y], kernel=kernel)[0, 0]
        assert found == pytest.approx(cka_by_definition(x, y, debiased=True, bandwidth=bandwidth), abs=1e-6)


def test_single_dimension_is_the_squared_correlation():
    x, y = layer(40, 1), layer(40, 1) + layer(40, 1, seed=1)
    assert linear_cka(x, y, debiased=False) == pytest.approx(np.corrcoef(x.T, y.T)[0, 1] ** 2, abs=1e-9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n_rows", [1, 2, 3])
def test_too_few_rows_are_undefined_with_the_number_needed(n_rows):
    x, y = layer(n_rows, 5), layer(n_rows, 5, seed=1)
    assert np.isnan(linear_cka(x, y))
    outcome = CKA.run([stack_of([x, y])], None, CkaParams(), 0, no_report)
    assert np.isnan(outcome.values.matrix).all()
    assert f"only {n_rows} row" in outcome.undefined[0].reason
    assert "needs at least 4" in outcome.undefined[0].reason


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
def test_degenerate_layers_are_undefined_and_the_others_are_not(kernel):
    good, other = layer(30, 6, dtype=np.float32), layer(30, 6, seed=1, dtype=np.float32)
    broken = good.copy()
    broken[[2, 5], 1] = [np.nan, np.inf]
    same = np.tile(good[:1], (30, 1))
    outcome = CKA.run([stack_of([same, good, broken, other])], None, CkaParams(kernel=kernel), 0, no_report)
    assert np.isnan(outcome.values.matrix[[0, 2]]).all()
    assert np.isnan(outcome.values.matrix[:, [0, 2]]).all()
    expected = cka_matrix([good, other], kernel=kernel)
    np.testing.assert_allclose(outcome.values.matrix[np.ix_([1, 3], [1, 3])], expected, atol=1e-12)
    reasons = {entry.index: entry.reason for entry in outcome.undefined}
    assert reasons[0,] == "model, layer 0: all rows are identical"
    assert reasons[2,] == "model, layer 2: non-finite activations (2 rows)"
    assert reasons[1, 2] == "model, layer 2: non-finite activations (2 rows)"


@pytest.mark.filterwarnings("error")
def test_a_simplex_has_nothing_left_after_debiasing():
    """Every pair of corners is equally similar, so the debiased self-similarity is 0 / 0."""
    outcome = CKA.run([stack_of([np.eye(8), layer(8, 4)])], None, CkaParams(), 0, no_report)
    assert np.isnan(outcome.values.matrix[0]).all()
    assert "nothing is left" in outcome.undefined[0].reason
    assert outcome.values.matrix[1, 1] == pytest.approx(1.0)


def test_different_rows_are_refused():
    x = layer(20, 4)
    with pytest.raises(InvalidRequest, match="20"):
        linear_cka(x, layer(21, 4))
    with pytest.raises(InvalidRequest, match="different texts"):
        CKA.run([stack_of([x], texts="a"), stack_of([x], texts="b")], None, CkaParams(), 0, no_report)
    with pytest.raises(InvalidRequest, match="tokens"):
        CKA.run([stack_of([x], tokens=range(20)), stack_of([x], tokens=range(1, 21))], None, CkaParams(), 0, no_report)


def test_unknown_kernels_and_shapes_are_refused():
    with pytest.raises(InvalidRequest, match="cosine"):
        cka_matrix([layer(9, 2)], kernel="cosine")
    with pytest.raises(InvalidRequest, match="shape"):
        linear_cka(np.zeros(4), np.zeros(4))


def test_two_stacks_of_different_depth_and_width_give_a_rectangle():
    first, second = [layer(25, 6, seed=i) for i in range(3)], [layer(25, 9, seed=i) for i in range(5)]
    result = CKA.run([stack_of(first), stack_of(second)], None, CkaParams(debiased=False), 0, no_report).values
    assert result.matrix.shape == (3, 5)
    assert result.matrix[2, 4] == pytest.approx(linear_cka(first[2], second[4], debiased=False), abs=1e-9)
    assert (result.n_rows, result.n_dims, result.n_dims_y, result.within) == (25, 6, 9, False)
    np.testing.assert_allclose(result.baseline, np.sqrt(54 / (31 * 34)))


@ROUTES
def test_a_cancelled_matrix_ends_at_the_next_block(monkeypatch, route):
    force(monkeypatch, route)
    monkeypatch.setattr(gram, "_TILE_ROWS", 16)
    monkeypatch.setattr(gram, "_COVARIANCE_ROWS", 16)
    calls = []

    def report(done, total, stage):
        calls.append((done, total, stage))
        if len(calls) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        cka_matrix([layer(64, 5, seed=i) for i in range(3)], report=report)
    assert len(calls) == 3
    assert all(0 <= done < total for done, total, _ in calls)


# Digits: the definition written out in extended precision


def written_out(x, y, *, kernel, debiased):
    """CKA from whole kernel matrices, with 18 digits."""
    kernels = []
    for rows in (x.astype(np.longdouble), y.astype(np.longdouble)):
        rows = rows - np.median(rows, axis=0)
        gaps = ((rows[:, None] - rows[None]) ** 2).sum(-1)
        k = rows @ rows.T if kernel == "linear" else np.exp(-gaps / (2 * 0.5**2 * np.median(gaps)))
        n = len(k)
        if debiased:
            k = k - np.diag(np.diag(k))
            k = k - k.sum(0) / (n - 2) - k.sum(1)[:, None] / (n - 2) + k.sum() / ((n - 1) * (n - 2))
            k = k - np.diag(np.diag(k))
        else:
            k = k - k.mean(0) - k.mean(1)[:, None] + k.mean()
        kernels.append(k)
    a, b = kernels
    return float((a * b).sum() / np.sqrt((a * a).sum() * (b * b).sum()))


@pytest.mark.parametrize("debiased", [False, True])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("ratio", [1e3, 1e4, 1e5])
def test_clusters_far_apart_beside_their_width_keep_their_digits(kernel, debiased, ratio):
    rng = np.random.default_rng(0)
    for n_clusters in (2, 5):
        centres = ratio * rng.normal(size=(n_clusters, 12))
        x = (rng.normal(size=(90, 12)) + centres[rng.integers(0, n_clusters, 90)]).astype(np.float32)
        y = (x[:, :8] + rng.normal(size=(90, 8))).astype(np.float32)
        found = cka_matrix([x], [y], kernel=kernel, debiased=debiased)[0, 0]
        assert found == pytest.approx(written_out(x, y, kernel=kernel, debiased=debiased), abs=1e-6)


@pytest.mark.parametrize("debiased", [False, True])
@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("length", [1e3, 1e5, 1e7, 1e9])
def test_one_row_far_longer_than_the_others_hides_none_of_them(kernel, debiased, dtype, length):
    rng = np.random.default_rng(1)
    x = rng.normal(size=(100, 10))
    y = (x @ rng.normal(size=(10, 6)) + rng.normal(size=(100, 6))).astype(dtype)
    x[0] *= length
    x = x.astype(dtype)
    found = cka_matrix([x], [y], kernel=kernel, debiased=debiased)[0, 0]
    assert found == pytest.approx(written_out(x, y, kernel=kernel, debiased=debiased), abs=3e-4)
    within = cka_matrix([x, y], kernel=kernel, debiased=debiased)
    np.testing.assert_allclose(within[[0, 0, 1], [0, 1, 1]], [1, found, 1], atol=1e-6)


@pytest.mark.parametrize("offset", [0, 5, 200])
def test_rows_that_are_equally_similar_have_no_debiased_cka(offset):
    rng = np.random.default_rng(0)
    corners = np.linalg.qr(rng.normal(size=(40, 40)))[0] + offset
    for dtype in (np.float32, np.float64):
        assert np.isnan(linear_cka(corners.astype(dtype), rng.normal(size=(40, 6)), debiased=True))


def test_the_median_of_the_step_that_others_are_compared_with_is_found_once(monkeypatch):
    asked = []
    find = cka_kernel.median_squared_distance
    monkeypatch.setattr(cka_kernel, "median_squared_distance", lambda one, *how: asked.append(one) or find(one, *how))
    base, *steps = (layer(30, 7, seed=seed) for seed in range(900, 904))
    found = [rbf_cka(step, base) for step in steps]
    assert len(asked) == len(steps) + 1
    monkeypatch.setattr(cka_kernel, "_MEDIANS", Kept(0, lambda _: 8))
    assert [rbf_cka(step, base) for step in steps] == found
