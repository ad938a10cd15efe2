"""One rule for what is rounding: rows that are one point, dimensions that are constant, distances that are equal."""

import numpy as np
import pytest

from backend.metrics import METRICS
from backend.metrics.ablation.geometry import geometry_curves
from backend.metrics.base import parse_params
from backend.metrics.dimension.kernel import (
    ESTIMATORS,
    Settings,
    estimates,
    mada,
    mada_excess,
    neighbour_graph,
    tied_shares,
)
from backend.metrics.direct_probe.kernel import direct_probe
from backend.metrics.maps.quality import trustworthiness
from backend.metrics.neurons.kernel import single_dimension_fits
from backend.metrics.neurons.kernel import standardised as dimensions
from backend.metrics.postprocess import postprocess
from backend.metrics.probing.kernel import standardised
from backend.metrics.shared.degenerate import why_undefined
from backend.metrics.shared.heads import fit_linear
from backend.metrics.shared.rounding import constant_below, same_pairs, same_points, step_of
from backend.values.activations import NUMBER_STEPS, no_report
from backend.values.specs import PostProcess
from tests.metrics.stacks import stack_of

SINGLE = NUMBER_STEPS["float32"]
FORMATS = list(NUMBER_STEPS)


def noisy(x, step, seed=0, steps=2.0):
    """``x`` as a network of that format would give it another time: some steps off in every entry, and in small ones
    off by the size of the row's typical entry."""
    rng = np.random.default_rng(seed)
    size = np.maximum(np.abs(x), np.median(np.abs(x), axis=1, keepdims=True))
    return (x + steps * step * size * rng.normal(size=x.shape)).astype(np.float32)


def activations(n=300, d=64, dims=5, seed=0):
    """Rows of a few directions in many dimensions, with an offset and a rogue dimension."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, dims)) @ rng.normal(size=(dims, d))
    x[:, 7] = 40 + 3 * x[:, 7]
    return x.astype(np.float32)


# Rows


@pytest.mark.parametrize("dtype", FORMATS)
def test_rows_computed_twice_are_one_point_in_their_format(dtype):
    step, x = NUMBER_STEPS[dtype], activations()
    again = noisy(x, step)
    assert same_points(x, again, step).all()
    assert not same_points(x, np.roll(x, 1, axis=0), step).any()
    if step > SINGLE:
        assert not same_points(x, again, SINGLE).any()


@pytest.mark.parametrize("dtype", FORMATS)
def test_identical_layers_are_undefined_in_their_format(dtype):
    step, x = NUMBER_STEPS[dtype], activations()
    flat = noisy(np.tile(x[:1], (50, 1)), step)
    assert why_undefined(flat, step=step) == "all rows are identical"
    assert why_undefined(x, step=step) is None


def test_a_small_signal_beside_constant_dimensions_is_no_rounding():
    x = np.full((40, 10), 14.62, dtype=np.float32)
    x[:, 3] = 1e-6 * np.random.default_rng(0).normal(size=40)
    assert why_undefined(x) is None
    x[:, 3] = 0
    assert why_undefined(x) == "all rows are identical"


@pytest.mark.parametrize("dtype", FORMATS)
def test_noisy_copies_leave_every_estimate_as_it_is(dtype):
    step, x = NUMBER_STEPS[dtype], activations(dims=3)
    every = np.concatenate([x, noisy(x[:150], step), noisy(x[:60], step, seed=1)])
    graph, alone = neighbour_graph(every, 116, step=step), neighbour_graph(x, 116, step=step)
    assert graph.n_duplicates == 210 and graph.rows.tolist() == list(range(300))
    assert estimates(graph, Settings()) == pytest.approx(estimates(alone, Settings()), rel=1e-12)


@pytest.mark.parametrize("dtype", FORMATS)
@pytest.mark.parametrize("seed", range(5))
def test_one_text_under_two_labels_is_a_conflict(dtype, seed):
    step, x = NUMBER_STEPS[dtype], activations(40, 64, 30, seed)
    labels = np.arange(40) % 2
    found = direct_probe(np.concatenate([x, noisy(x[3:4], step, seed)]), np.append(labels, 0), step=step)
    assert found.conflicts.tolist() == [[3, 40]]


def test_same_pairs_by_brute_force():
    x = np.concatenate([activations(60), noisy(activations(60)[:20], SINGLE)])
    labels = np.random.default_rng(0).integers(0, 3, len(x))
    expected = [
        [i, j]
        for i in range(len(x))
        for j in range(i + 1, len(x))
        if labels[i] != labels[j] and same_points(x[i : i + 1], x[j : j + 1], SINGLE)[0]
    ]
    assert same_pairs(x, labels, SINGLE).tolist() == expected and expected


def test_the_geometry_of_an_ablation_counts_noisy_copies_once():
    step, x = NUMBER_STEPS["bfloat16"], activations(120, dims=3)
    every = np.concatenate([x, noisy(x[:60], step)]).astype(np.float64)
    order, grid, fill = np.arange(64), np.array([0, 8]), np.zeros(64)
    alone = geometry_curves(x.astype(np.float64), order, grid, fill, k=5, step=step, report=no_report)
    found = geometry_curves(every, order, grid, fill, k=5, step=step, report=no_report)
    np.testing.assert_allclose(found.values[2], alone.values[2], rtol=1e-12)


# Dimensions


def columns(n=400):
    rng = np.random.default_rng(0)
    constant = [np.full(n, value) for value in (14.62, 1e8, 1 / 3, 0.0, -5e-7)]
    rounded = [
        np.float32(value) + np.spacing(np.float32(value)) * rng.integers(0, 2, n) for value in (14.62, -300.0, 1e-6)
    ]
    signals = [1e-6 * rng.normal(size=n), 1e-20 * rng.normal(size=n), 5 + 1e-3 * rng.normal(size=n), rng.normal(size=n)]
    return np.stack([*constant, *rounded, *signals], axis=1).astype(np.float32), len(constant) + len(rounded)


def test_every_standardising_has_the_same_constant_dimensions():
    x, n_flat = columns()
    halves = np.arange(len(x)) % 2
    chains = [("standardise",), ("centre", "standardise"), ("standardise", "standardise")]
    spreads = [postprocess(x, tuple(map(PostProcess, kinds))).astype(np.float64).std(axis=0) for kinds in chains]
    spreads += [standardised(x, x)[0].astype(np.float64).std(axis=0), dimensions(x)[0].std(axis=1)]
    for spread in spreads:
        np.testing.assert_array_equal(spread[:n_flat], 0)
        np.testing.assert_allclose(spread[n_flat:], 1, rtol=1e-5)
    weight = fit_linear(x, halves, 2).stages[0].weight
    slopes = single_dimension_fits(x, halves).slopes
    for found in (weight, slopes[1:]):
        assert (found[:, :n_flat] == 0).all() and (found[-1, n_flat:] != 0).all()


def test_what_was_constant_stays_so_after_it_was_centred():
    x, n_flat = columns()
    found = postprocess(x, (PostProcess("centre"),))
    np.testing.assert_array_equal(np.ptp(found[:, :n_flat], axis=0), 0)
    assert (fit_linear(found, np.arange(len(x)) % 2, 2).stages[0].weight[:, :n_flat] == 0).all()


@pytest.mark.parametrize("dtype", FORMATS)
def test_a_dimension_between_two_numbers_of_its_format_is_constant(dtype):
    step = NUMBER_STEPS[dtype]
    x = (1.75 + step * (np.arange(100) % 2))[:, None]
    assert x.std(axis=0) <= constant_below(x.mean(axis=0), step)
    x = 1.75 * (1 + 20 * step * np.random.default_rng(0).normal(size=(100, 1)))
    assert x.std(axis=0) > constant_below(x.mean(axis=0), step)


def test_the_step_of_a_matrix_given_by_hand():
    assert step_of(np.zeros(1, np.float64)) == 2.0**-52 and step_of(np.zeros(1, np.float16)) == SINGLE
    assert step_of(np.zeros(1, np.float32), 2.0**-7) == 2.0**-7


# Distances


def grid(side=30, dims=2):
    return np.stack(np.meshgrid(*[np.arange(side)] * dims), axis=-1).reshape(-1, dims).astype(np.float64)


def lattices():
    rng = np.random.default_rng(0)
    turned = np.linalg.qr(rng.normal(size=(32, 32)))[0][:2]
    yield from ((f"spacing {s}", (s * grid()).astype(np.float32)) for s in (1.0, 0.1, 0.3, 1 / 3, 1e-3, 7e5, 1e-12))
    yield from ((f"offset {at}", (0.1 * grid() + at).astype(np.float32)) for at in (3.3, -1.7, 50.0))
    yield "turned", (grid() @ turned).astype(np.float32)
    yield "turned and moved", (grid() @ turned + 2).astype(np.float32)
    yield "among constants", np.concatenate([0.1 * grid(), np.full((900, 62), 2.0)], axis=1).astype(np.float32)
    yield "three dimensions", (0.1 * grid(10, 3)).astype(np.float32)
    yield "float64", 0.1 * grid() + 0.7
    yield "one dimension", (0.1 * np.arange(300.0))[:, None].astype(np.float32)


@pytest.mark.parametrize(("name", "x"), list(lattices()), ids=lambda value: value if isinstance(value, str) else "")
def test_a_lattice_has_no_dimension_or_one_near_the_truth(name, x):
    found = estimates(neighbour_graph(x, 116), Settings())
    assert np.isnan(found["two_nn"]) and np.isnan(found["two_nn_mle"])
    assert all(np.isnan(value) or value < 4 for value in found.values()), found


@pytest.mark.parametrize(("dims", "levels"), [(2, 128), (2, 256), (5, 16), (10, 8), (20, 4)])
def test_quantised_rows_have_about_the_dimension_of_the_rows_before(dims, levels):
    x = np.random.default_rng(0).uniform(size=(2000, dims))
    coarse = (np.round(x * levels) / levels).astype(np.float32)
    graph = neighbour_graph(coarse, 116)
    assert 0.02 < tied_shares(graph, Settings())["two_nn"] < 0.5
    expected = estimates(neighbour_graph(x, 116), Settings())
    assert estimates(graph, Settings()) == pytest.approx(expected, rel=0.3)


def test_ties_are_said_and_where_all_are_tied_there_is_a_reason():
    rng = np.random.default_rng(0)
    coarse = np.round(rng.uniform(size=(900, 2)) * 64) / 64
    metric = METRICS["intrinsic_dimension"]
    params = parse_params(metric.params, {"bands": "none"})
    outcome = metric.run((stack_of([0.1 * grid(), coarse]),), None, params, 0, no_report)
    assert any("equally far" in note for note in outcome.notes)
    reasons = {entry.field: entry.reason for entry in outcome.undefined if entry.index == (0,)}
    assert all("equally far" in reasons[name] for name in ESTIMATORS[:4])
    smooth = metric.run((stack_of([rng.uniform(size=(900, 2))]),), None, params, 0, no_report)
    assert not any("equally far" in note for note in smooth.notes)


@pytest.mark.parametrize("offset", [0.0, 200.0, 3000.0])
def test_an_offset_makes_no_ties_of_its_own(offset):
    x = np.random.default_rng(0).normal(size=(500, 20))
    x[:, 0] += offset
    graph, exact = neighbour_graph(x.astype(np.float32), 116), neighbour_graph(x, 116)
    assert tied_shares(graph, Settings())["mle"] < 0.02
    assert estimates(graph, Settings()) == pytest.approx(estimates(exact, Settings()), rel=2e-3)


@pytest.mark.parametrize("k", [3, 4, 6, 10])
def test_a_lattice_is_a_faithful_map_of_itself_turned(k):
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(32, 32)))[0][:2]
    flat, wide = (0.1 * grid(20)).astype(np.float32), (0.1 * grid(20) @ turn + 1).astype(np.float32)
    assert trustworthiness(wide, 0.1 * grid(20), k) == trustworthiness(flat, 7 * grid(20), k) == 1


def test_equal_distances_keep_ranks_as_the_definition_with_ties_has_them():
    """Brute force: the rank of a shown neighbour is one more than the rows that are nearer by more than rounding."""
    rng = np.random.default_rng(0)
    x, coords, k = (0.1 * grid(9)).astype(np.float32), rng.normal(size=(81, 2)), 5
    gaps = np.linalg.norm(grid(9)[:, None] - grid(9)[None], axis=-1) + np.diag(np.full(81, np.inf))
    shown = np.argsort(np.linalg.norm(coords[:, None] - coords[None], axis=-1), axis=1)[:, 1 : k + 1]
    ranks = [[1 + (gaps[i] < gaps[i, j] - 1e-9).sum() for j in shown[i]] for i in range(81)]
    penalty = np.maximum(np.array(ranks) - k, 0).sum()
    assert trustworthiness(x, coords, k) == pytest.approx(1 - penalty * 2 / (81 * k * (2 * 81 - 3 * k - 1)), rel=1e-12)


# MADA


@pytest.mark.parametrize("k", [3, 4, 5, 7, 10, 19])
@pytest.mark.parametrize("dim", [2, 5])
def test_mada_of_an_exact_power_law_for_every_k(k, dim):
    distances = np.tile((np.arange(1, k + 1) / k) ** (1 / dim), (7, 1))
    graph = neighbour_graph(np.random.default_rng(0).normal(size=(30, 3)), k)
    exact = type(graph)(distances, np.zeros(distances.shape, dtype=np.int64), np.arange(7), 0)
    assert estimates(exact, Settings(k=k))["mada"] == pytest.approx(dim, rel=1e-12)


@pytest.mark.parametrize("k", [3, 4, 5, 9, 20])
def test_the_mean_of_mada_lies_above_the_dimension_by_its_excess(k):
    """On a flat torus, where nothing ends: distances of a Poisson process in two dimensions, by the coordinates' cosine."""
    angles = 2 * np.pi * np.random.default_rng(1).random((6000, 2))
    torus = np.concatenate([np.cos(angles), np.sin(angles)], axis=1)
    assert mada(torus, k=k) == pytest.approx(2 * (1 + mada_excess(k)), rel=0.05)
    assert mada_excess(2) == np.inf
