"""Intrinsic dimension: closed forms, cubes of known dimension, scikit-dimension where definitions agree, and copies."""

import warnings

import numpy as np
import pytest

from backend.errors import Cancelled, InvalidRequest
from backend.metrics.base import parse_params
from backend.metrics.dimension.kernel import (
    ESTIMATORS,
    Graph,
    Settings,
    estimates,
    graph_size,
    jackknife,
    mada,
    method_of_moments,
    mle,
    neighbour_graph,
    two_nn,
)
from backend.metrics.dimension.metric import INTRINSIC_DIMENSION
from backend.metrics.dimension.scale import DIMENSION_SCALE
from backend.values.activations import Activations, LayerStack, no_report

KERNELS = (two_nn, lambda x: two_nn(x, method="mle"), mle, mada, method_of_moments)


def cube(n, dim, width, seed=0, dtype=np.float64):
    """Points of a ``dim``-dimensional cube, turned into ``width`` dimensions."""
    rng = np.random.default_rng(seed)
    turn = np.linalg.qr(rng.normal(size=(width, width)))[0]
    return (rng.random((n, dim)) @ turn[:dim]).astype(dtype)


def stack_of(*matrices):
    return LayerStack(
        "model",
        "mean",
        tuple(range(len(matrices))),
        tuple(f"layer {i}" for i in range(len(matrices))),
        tuple(Activations(np.asarray(x, dtype=np.float32)) for x in matrices),
    )


def run(metric, stack, *, seed=0, report=no_report, **given):
    return metric.run([stack], None, parse_params(metric.params, given), seed, report)


def graph_of(distances):
    n = len(distances)
    return Graph(distances, np.zeros(distances.shape, dtype=np.int64), np.arange(n), 0)


# Closed forms


@pytest.mark.parametrize("dim", [1.0, 2.5, 17.0])
@pytest.mark.parametrize("discard", [0.1, 0.8])
def test_exact_pareto_ratios_lie_on_the_line(dim, discard):
    n = 500
    share = np.arange(1, n + 1) / n
    share[-1] = 1 - 1e-9  # the last ratio of the law is infinite; it is dropped by the fit
    ratios = (1 - share) ** (-1 / dim)
    distances = np.stack([np.ones(n), ratios], axis=1)
    assert estimates(graph_of(distances), Settings(discard, 2, 2))["two_nn"] == pytest.approx(dim, rel=1e-10)


def test_two_nn_maximum_likelihood_is_the_censored_mean():
    ratios = np.exp(np.array([0.1, 0.2, 0.3, 0.4, 5.0]))
    distances = np.stack([np.ones(5), ratios], axis=1)
    found = estimates(graph_of(distances), Settings(0.2, 2, 2))["two_nn_mle"]
    assert found == pytest.approx((4 - 1) / (0.1 + 0.2 + 0.3 + 0.4 + 1 * 0.4), rel=1e-12)


@pytest.mark.parametrize("dim", [1.0, 3.0, 12.0])
def test_neighbour_distances_of_an_exact_power_law(dim):
    k = 20
    distances = np.tile((np.arange(1, k + 1) / k) ** (1 / dim), (7, 1))  # j neighbours within r ~ r^dim
    found = estimates(graph_of(distances), Settings(0.1, k, k))
    assert found["mada"] == pytest.approx(dim, rel=1e-12)  # R_20 / R_10 = 2^(1/dim)
    logs = np.log(k / np.arange(1, k + 1)).sum()
    assert found["mle"] == pytest.approx(dim * (k - 1) / logs, rel=1e-12)
    mean = distances[0].mean()
    assert found["method_of_moments"] == pytest.approx(mean / (1 - mean), rel=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("dim", [1, 2, 5])
def test_cubes_of_known_dimension(kernel, dim):
    assert kernel(cube(3000, dim, 30)) == pytest.approx(dim, rel=0.13)  # the border of a cube lowers them all


# The reference library


def reference(x):
    skdim = pytest.importorskip("skdim", reason="scikit-dimension is a test-only dependency")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {
            "two_nn": skdim.id.TwoNN().fit(x).dimension_,
            "two_nn_mle": skdim.id.TwoNN(method="mle").fit(x).dimension_,
            "mle": skdim.id.MLE().fit(x, n_neighbors=20).dimension_,
            "mada": skdim.id.MADA().fit(x, n_neighbors=20).dimension_,
            "method_of_moments": skdim.id.MOM().fit(x, n_neighbors=100).dimension_,
        }


@pytest.mark.parametrize(("n", "dim", "width"), [(600, 4, 20), (500, 30, 64), (90, 3, 200), (4, 2, 3)])
def test_agrees_with_scikit_dimension(n, dim, width):
    x = cube(n, dim, width, seed=n)
    expected = reference(x)
    k = min(20, n - 1)
    expected["mada"] *= np.log(k / (k // 2)) / np.log(2)  # its ln 2 is that of an even k
    for name, kernel in zip(ESTIMATORS, KERNELS, strict=True):
        assert kernel(x) == pytest.approx(expected[name], rel=1e-6), name


def test_agrees_with_scikit_dimension_for_the_paper_notebook():
    skdim = pytest.importorskip("skdim", reason="scikit-dimension is a test-only dependency")
    x = cube(800, 6, 40)
    assert two_nn(x, discard_fraction=0.8) == pytest.approx(skdim.id.TwoNN(0.8).fit(x).dimension_, rel=1e-6)


def test_one_graph_gives_what_the_single_kernels_give():
    x = cube(400, 5, 20)
    settings = Settings()
    together = estimates(neighbour_graph(x, graph_size(settings)), settings)
    for name, kernel in zip(ESTIMATORS, KERNELS, strict=True):
        assert together[name] == pytest.approx(kernel(x), rel=1e-12)


def test_offset_columns_in_float32_change_nothing():
    x = cube(700, 6, 24, dtype=np.float32)
    offset = np.zeros((700, 2), dtype=np.float32) + np.float32(200)
    moved = np.concatenate([x, offset], axis=1)
    expected = reference(x.astype(np.float64))
    for name, kernel in zip(ESTIMATORS, KERNELS, strict=True):
        assert kernel(moved) == pytest.approx(expected[name], rel=1e-6), name


# Invariances


@pytest.mark.parametrize("kernel", KERNELS)
def test_rotation_scale_offset_zero_padding_and_order_do_not_matter(kernel):
    x = cube(400, 4, 12)
    rng = np.random.default_rng(3)
    turn = np.linalg.qr(rng.normal(size=(12, 12)))[0]
    moved = np.concatenate([1e-3 * x @ turn + 5, np.zeros((400, 7))], axis=1)[rng.permutation(400)]
    assert kernel(moved) == pytest.approx(kernel(x), rel=1e-8)


@pytest.mark.parametrize("kernel", KERNELS)
def test_input_is_unchanged_and_float16_is_accepted(kernel):
    x = (300 + 40 * cube(300, 3, 8)).astype(np.float16)
    before = x.copy()
    found = kernel(x)
    np.testing.assert_array_equal(x, before)
    assert found == kernel(x.astype(np.float64))


# Copies and degenerate layers


@pytest.mark.parametrize("kernel", KERNELS)
def test_copies_leave_the_estimate_as_it_is(kernel):
    x = cube(950, 5, 20, dtype=np.float32)
    copies = np.concatenate([x, np.tile(x[123], (50, 1))])[np.random.default_rng(0).permutation(1000)]
    assert kernel(copies) == pytest.approx(kernel(x), rel=1e-12)
    assert kernel(np.concatenate([x, x])) == pytest.approx(kernel(x), rel=1e-12)


def test_copies_that_differ_in_their_last_bits_are_copies():
    x = cube(300, 5, 20, dtype=np.float32)
    again = np.nextafter(x[:80], np.float32(2))
    graph = neighbour_graph(np.concatenate([x, again]), 10)
    assert graph.n_duplicates == 80
    assert mle(np.concatenate([x, again])) == pytest.approx(mle(x), rel=1e-12)


@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("x", [np.ones((1, 4)), np.eye(2), np.ones((50, 4)), np.repeat(np.eye(2), 30, axis=0)])
def test_nothing_to_estimate_is_nan_without_a_warning(kernel, x):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(kernel(x))


def test_three_rows_and_one_dimension():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [kernel(np.array([[0.0], [1.0], [4.0]])) for kernel in KERNELS]
    # Ratios 4, 3 and 4/3 of the three rows; the largest is dropped.
    x, y = np.log([4 / 3, 3]), -np.log1p([-1 / 3, -2 / 3])
    assert found[0] == pytest.approx((x @ y) / (x @ x))
    assert found[2] == pytest.approx(1 / np.mean(np.log([4, 3, 4 / 3])))
    assert two_nn(np.random.default_rng(0).random((3000, 1))) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize("kernel", KERNELS[:2])
def test_a_grid_has_no_two_nn_estimate(kernel):
    x = np.stack(np.meshgrid(np.arange(20), np.arange(20)), axis=-1).reshape(-1, 2).astype(np.float32)
    assert np.isnan(kernel(x))


def test_wrong_settings_are_refused():
    with pytest.raises(InvalidRequest, match="discard_fraction"):
        two_nn(np.eye(4), discard_fraction=1.0)
    with pytest.raises(InvalidRequest, match="method"):
        two_nn(np.eye(4), method="quadratic")
    with pytest.raises(InvalidRequest, match="2 neighbours"):
        mle(np.eye(4), k=1)


# Bands


def test_the_jackknife_leaves_rows_out_and_searches_again():
    x = cube(300, 4, 10)
    settings = Settings(k_moments=40)
    bands = jackknife(neighbour_graph(x, graph_size(settings)), settings, seed=5)
    groups = np.random.default_rng(5).permutation(300) % 10
    parts = [estimates(neighbour_graph(x[groups != g], 60), settings) for g in range(10)]
    whole = estimates(neighbour_graph(x, 60), settings)
    for name in ESTIMATORS:
        values = np.array([part[name] for part in parts])
        half = 2.262157 * np.sqrt(0.9 * ((values - values.mean()) ** 2).sum())
        assert bands[name] == pytest.approx((whole[name] - half, whole[name] + half), rel=1e-9)


@pytest.mark.slow
def test_the_jackknife_band_covers_what_other_samples_give():
    settings = Settings()
    found = {name: [] for name in ESTIMATORS}
    widths = {name: [] for name in ESTIMATORS}
    for seed in range(25):
        x = np.random.default_rng(seed).normal(size=(600, 6))
        graph = neighbour_graph(x, graph_size(settings))
        bands = jackknife(graph, settings, seed=seed)
        for name, value in estimates(graph, settings).items():
            found[name].append(value)
            widths[name].append(bands[name][1] - value)
    for name in ESTIMATORS:
        standard_error = np.sqrt(np.mean(np.square(widths[name]))) / 2.262157
        assert 0.7 < standard_error / np.std(found[name], ddof=1) < 2.5, name


# The rows of METRICS


def test_profile_of_a_stack():
    stack = stack_of(cube(400, 2, 16), np.ones((400, 16)), cube(400, 6, 16))
    outcome = run(INTRINSIC_DIMENSION, stack)
    values = outcome.values
    for name in ESTIMATORS:
        estimate, low, high = (getattr(values, name + end) for end in ("", "_low", "_high"))
        assert np.isnan(estimate[1]) and estimate[0] < estimate[2]
        assert (low[[0, 2]] < estimate[[0, 2]]).all() and (estimate[[0, 2]] < high[[0, 2]]).all()
    assert values.two_nn[0] == pytest.approx(two_nn(stack.rows[0]))
    np.testing.assert_array_equal(values.n_used, [400, 1, 400])
    np.testing.assert_array_equal(values.n_duplicates, [0, 399, 0])
    assert {(item.field, item.index, item.reason) for item in outcome.undefined} == {
        (name + end, (1,), "all rows are identical") for name in ESTIMATORS for end in ("", "_low", "_high")
    }


def test_every_nan_of_every_small_stack_has_a_reason():
    rng = np.random.default_rng(0)
    grid = np.stack(np.meshgrid(np.arange(6), np.arange(6)), axis=-1).reshape(-1, 2)
    for n in (1, 2, 3, 4, 20, 36):
        layers = (rng.normal(size=(n, 2)), np.ones((n, 2)), grid[:n], np.repeat(rng.normal(size=(n, 2)), 2, axis=0)[:n])
        for given in ({}, {"bands": "batches"}, {"bands": "none", "estimators": "two_nn"}):
            outcome = run(INTRINSIC_DIMENSION, stack_of(*layers), **given)
            said = {(item.field, *item.index) for item in outcome.undefined}
            missing = {
                (name + end, layer)
                for name in ESTIMATORS
                for end in ("", "_low", "_high")
                for layer in range(4)
                if np.isnan(getattr(outcome.values, name + end)[layer])
            }
            assert said == missing
            assert all(item.reason for item in outcome.undefined)


def test_batches_are_the_mean_and_spread_of_shuffled_parts():
    x = cube(1000, 4, 12, dtype=np.float32)
    outcome = run(INTRINSIC_DIMENSION, stack_of(x), bands="batches", batch_rows=300, seed=9)
    order = np.random.default_rng(9).permutation(1000)
    parts = [two_nn(x[np.sort(part)]) for part in np.array_split(order, 3)]
    values = outcome.values
    assert values.n_batches == 3
    assert values.two_nn[0] == pytest.approx(np.mean(parts), rel=1e-9)
    assert values.two_nn_high[0] - values.two_nn[0] == pytest.approx(np.std(parts, ddof=1), rel=1e-9)
    assert any("4,096" in note for note in outcome.notes)


def test_the_paper_notebook_by_name():
    x = cube(300, 4, 12)
    outcome = run(INTRINSIC_DIMENSION, stack_of(x), preset="paper notebook")
    assert outcome.values.discard_fraction == 0.8
    assert outcome.values.two_nn[0] == pytest.approx(two_nn(stack_of(x).rows[0], discard_fraction=0.8))
    with pytest.raises(InvalidRequest, match="discard fraction"):
        run(INTRINSIC_DIMENSION, stack_of(x), preset="paper notebook", discard_fraction=0.3)


def test_two_nn_alone_gives_the_same_numbers():
    stack = stack_of(cube(300, 4, 12))
    alone = run(INTRINSIC_DIMENSION, stack, estimators="two_nn", bands="none")
    together = run(INTRINSIC_DIMENSION, stack, bands="none")
    np.testing.assert_allclose(alone.values.two_nn, together.values.two_nn, rtol=1e-12)
    assert np.isnan(alone.values.mle).all()


def test_notes_say_what_was_done():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(120, 40))
    x[:20] = x[20]
    notes = " ".join(run(INTRINSIC_DIMENSION, stack_of(x), max_rows=110).notes)
    for said in ("110 of 120 rows", "Identical rows count once", "lower bounds", "few", "neighbours was lowered"):
        assert said in notes


def test_deterministic_and_input_unchanged():
    x = cube(300, 4, 12, dtype=np.float32)
    before = x.copy()
    first, second = (run(INTRINSIC_DIMENSION, stack_of(x), seed=3).values for _ in range(2))
    for name in ESTIMATORS:
        np.testing.assert_array_equal(getattr(first, name + "_low"), getattr(second, name + "_low"))
    np.testing.assert_array_equal(x, before)


@pytest.mark.parametrize("metric", [INTRINSIC_DIMENSION, DIMENSION_SCALE])
def test_progress_rises_to_the_end_and_cancels(metric):
    seen = []
    run(metric, stack_of(cube(200, 3, 6), cube(200, 3, 6)), report=lambda *step: seen.append(step))
    shares = [done / total for done, total, _ in seen]
    assert shares == sorted(shares) and shares[-1] == 1

    def stop(done, total, stage):
        if done / total > 0.4:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(metric, stack_of(cube(200, 3, 6), cube(200, 3, 6)), report=stop)


def test_scale_plot():
    x = cube(800, 5, 20, dtype=np.float32)
    outcome = run(DIMENSION_SCALE, stack_of(x, np.ones((800, 20))), n_sizes=4, n_draws=3, seed=2)
    values = outcome.values
    np.testing.assert_array_equal(values.sizes, [100, 200, 400, 800])
    np.testing.assert_allclose(10 ** (values.limit / 2), values.sizes)
    assert values.mean[0, -1] == pytest.approx(two_nn(x))
    rng = np.random.default_rng(2)
    draws = [two_nn(x[np.sort(rng.choice(np.arange(800), 100, replace=False))]) for _ in range(3)]
    assert values.mean[0, 0] == pytest.approx(np.mean(draws), rel=1e-9)
    assert values.std[0, 0] == pytest.approx(np.std(draws, ddof=1), rel=1e-9)
    said = {(item.field, item.index): item.reason for item in outcome.undefined}
    assert said["std", (0, 3)] == "a single draw has no spread"
    assert said["mean", (1,)] == "all rows are identical"
    assert set(said) == {("std", (0, 3)), ("mean", (1,)), ("std", (1,))}


def test_the_scale_plot_says_where_neighbours_are_too_large_a_part_of_the_rows():
    x = np.random.default_rng(0).standard_normal((400, 30))
    said = " ".join(run(DIMENSION_SCALE, stack_of(x), estimator="method_of_moments", n_sizes=4, n_draws=2).notes)
    assert "lowered to one less" in said and "50, 100, 200, 400 rows" in said and "lower bounds" in said
    plain = run(DIMENSION_SCALE, stack_of(cube(400, 2, 2)), n_sizes=3, n_draws=2).notes
    assert plain == ()
