"""Anisotropy, its relatives and the average cosine: closed forms, the full SVD, invariances, bands, degenerate layers."""

import itertools

import numpy as np
import pytest

from backend.errors import Cancelled, InvalidRequest
from backend.metrics.anisotropy.average_cosine_metric import AVERAGE_COSINE, AverageCosineParams
from backend.metrics.anisotropy.cosine import average_cosine
from backend.metrics.anisotropy.explained_variance import components_above_one, components_for, variance_ratio
from backend.metrics.anisotropy.isotropic import (
    isotropic_anisotropy,
    isotropic_average_cosine,
    isotropic_effective_rank,
    isotropic_isoscore,
    isotropic_participation_ratio,
)
from backend.metrics.anisotropy.kernel import (
    anisotropy,
    decompose,
    effective_rank,
    isoscore,
    measures,
    measures_of,
    participation_ratio,
    participation_ratio_corrected,
    spectrum,
)
from backend.metrics.anisotropy.metric import ANISOTROPY, AnisotropyParams
from backend.metrics.anisotropy.spectrum_metric import SPECTRUM, SpectrumParams
from backend.metrics.anisotropy.variance_ratio_metric import VARIANCE_RATIO, VarianceRatioParams
from backend.values.activations import no_report
from tests.metrics.stacks import layer, rotation, stack_of

KERNELS = {
    "anisotropy": anisotropy,
    "isoscore": isoscore,
    "participation_ratio": participation_ratio,
    "effective_rank": effective_rank,
}
SHAPES = [(300, 20), (20, 300), (64, 64), (5, 2)]


def by_svd(x, *, centred=True):
    """The same numbers from the singular values of the matrix itself."""
    x = np.asarray(x, dtype=np.float64)
    sigma = np.linalg.svd(x - x.mean(axis=0) if centred else x, compute_uv=False)
    sigma = sigma[sigma > 1e-12 * sigma[0]]
    share, squares = sigma / sigma.sum(), sigma**2
    ratio = squares.sum() ** 2 / (squares**2).sum()
    return {
        "anisotropy": squares[0] / squares.sum(),
        "isoscore": (ratio - 1) / (x.shape[1] - 1),
        "participation_ratio": ratio,
        "effective_rank": np.exp(-(share * np.log(share)).sum()),
    }


def equal_eigenvalues(n_dims, k):
    """Rows whose covariance has k equal eigenvalues of n_dims: +/- the first k unit vectors, rotated."""
    corners = np.vstack([np.eye(n_dims)[:k], -np.eye(n_dims)[:k]])
    return corners @ rotation(n_dims)


@pytest.mark.parametrize("shape", SHAPES)
def test_every_number_equals_the_full_svd(shape):
    x = layer(*shape, seed=5) + 3.0
    for name, expected in by_svd(x).items():
        assert KERNELS[name](x) == pytest.approx(expected, rel=1e-9), name
    assert anisotropy(x, centred=False) == pytest.approx(by_svd(x, centred=False)["anisotropy"], rel=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("offset", [0.0, 0.01, 3.0, 1000.0])
def test_the_decomposition_gives_the_same_numbers_as_the_eigenvalues_alone(shape, offset):
    x = layer(*shape, seed=6) + offset * np.linspace(1, 2, shape[1])
    np.testing.assert_allclose(measures_of(decompose(x)), measures(x), rtol=1e-9)
    expected = by_svd(x, centred=False)["anisotropy"]
    assert measures(x)[1] == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("n_dims", "k"), [(10, 1), (10, 4), (10, 10), (7, 2)])
def test_k_equal_eigenvalues_of_d(n_dims, k):
    x = equal_eigenvalues(n_dims, k)
    assert anisotropy(x) == pytest.approx(1 / k)
    assert participation_ratio(x) == pytest.approx(k)
    assert effective_rank(x) == pytest.approx(k)
    assert isoscore(x) == pytest.approx((k - 1) / (n_dims - 1))
    np.testing.assert_allclose(spectrum(x), [1 / k] * k + [0.0] * (min(2 * k, n_dims) - k), atol=1e-12)


@pytest.mark.parametrize("name", KERNELS)
@pytest.mark.parametrize("shape", [(120, 10), (10, 40)])
def test_rotation_scale_and_offset_change_nothing(name, shape):
    x, kernel = layer(*shape), KERNELS[name]
    for other in (x @ rotation(shape[1]), 1e-4 * x, 1e5 * x, x + np.linspace(-80, 80, shape[1])):
        assert kernel(other) == pytest.approx(kernel(x), rel=1e-8)


def test_zero_padding_changes_only_isoscore():
    x = layer(50, 8)
    wide = np.hstack([x, np.zeros((50, 4))])
    for name in ("anisotropy", "participation_ratio", "effective_rank"):
        assert KERNELS[name](wide) == pytest.approx(KERNELS[name](x), rel=1e-9)
    assert isoscore(wide) == pytest.approx(isoscore(x) * 7 / 11, rel=1e-9)


@pytest.mark.parametrize("name", KERNELS)
def test_an_offset_of_200_in_float32_costs_no_digits(name):
    x = layer(500, 30)
    wide = x.copy()
    wide[:, 4] += 200
    assert KERNELS[name](wide.astype(np.float32)) == pytest.approx(KERNELS[name](x), rel=1e-5)


def test_float16_with_a_column_at_300_does_not_overflow():
    x = layer(200, 16).astype(np.float16)
    x[::2, 2], x[1::2, 2] = 300, -300
    assert anisotropy(x) == pytest.approx(by_svd(x)["anisotropy"], rel=1e-6)
    assert average_cosine(x) == pytest.approx(average_cosine(x.astype(np.float64)), abs=1e-7)


@pytest.mark.parametrize(("n_rows", "n_dims"), [(872, 768), (440, 384), (60, 200), (2000, 50), (30, 20)])
def test_the_isotropic_references_are_what_gaussians_score(n_rows, n_dims):
    rng = np.random.default_rng(n_rows)
    rows = [rng.standard_normal((n_rows, n_dims)) for _ in range(3 if n_rows > 100 else 200)]
    found = np.mean([measures(x) for x in rows], axis=0)
    expected = [
        isotropic_anisotropy(n_rows, n_dims),
        isotropic_anisotropy(n_rows, n_dims, centred=False),
        isotropic_isoscore(n_rows, n_dims),
        isotropic_participation_ratio(n_rows, n_dims),
        isotropic_effective_rank(n_rows, n_dims),
    ]
    np.testing.assert_allclose(found, expected, rtol=0.03)
    cosines = [np.mean([average_cosine(x, centred=centred) for x in rows]) for centred in (False, True)]
    assert cosines[0] == pytest.approx(isotropic_average_cosine(n_rows, centred=False), abs=2e-3)
    assert cosines[1] == pytest.approx(isotropic_average_cosine(n_rows, centred=True), abs=1e-3)


def test_the_known_small_sample_values():
    assert isotropic_participation_ratio(872, 768) == pytest.approx(872 * 768 / (872 + 768), rel=2e-3)
    assert isotropic_isoscore(872, 768) == pytest.approx(0.53, abs=0.005)


def cosine_by_pairs(x):
    x = np.asarray(x, dtype=np.float64)
    values = [
        x[i] @ x[j] / (np.linalg.norm(x[i]) * np.linalg.norm(x[j])) for i in range(len(x)) for j in range(i + 1, len(x))
    ]
    return np.mean(values)


@pytest.mark.parametrize("shape", [(2, 3), (30, 5), (12, 40)])
def test_the_average_cosine_equals_all_pairs(shape):
    x = layer(*shape, seed=2) + 0.2
    assert average_cosine(x) == pytest.approx(cosine_by_pairs(x), abs=1e-12)
    assert average_cosine(x, centred=True) == pytest.approx(cosine_by_pairs(x - x.mean(axis=0)), abs=1e-12)


@pytest.mark.parametrize("n_dims", [1, 2, 5, 20])
def test_a_simplex_has_average_cosine_minus_one_over_n(n_dims):
    corners = np.eye(n_dims + 1) - 1 / (n_dims + 1)
    assert average_cosine(corners) == pytest.approx(-1 / n_dims)
    assert average_cosine(corners + 7, centred=True) == pytest.approx(-1 / n_dims)


def test_rows_of_norm_zero_are_left_out_and_counted():
    x = layer(20, 4) + 1
    padded = np.vstack([x, np.zeros((3, 4))])
    assert average_cosine(padded) == pytest.approx(average_cosine(x), abs=1e-12)
    outcome = AVERAGE_COSINE.run([stack_of([padded, padded + 1])], None, AverageCosineParams(), 0, no_report)
    assert outcome.values.n_zero_rows.tolist() == [3, 0]
    assert "left out (up to 3" in outcome.notes[0]


def test_copies_of_rows_count_as_rows():
    x = layer(300, 12) + 0.3
    x[:50] = x[0]
    assert average_cosine(x) == pytest.approx(cosine_by_pairs(x), abs=1e-10)
    assert anisotropy(x) == pytest.approx(by_svd(x)["anisotropy"], rel=1e-9)


@pytest.mark.parametrize("bands", ["jackknife", "bootstrap"])
def test_a_band_has_the_width_of_the_spread_over_fresh_samples(bands):
    """For 400 rows of 8 unequal, skewed dimensions, against 200 fresh samples of the same distribution.

    Skewed, because for a symmetric distribution the centred average cosine is 0 with no first-order spread at all.
    """
    scales, shift = np.array([3, 2, 1.5, 1, 1, 0.5, 0.5, 0.2]), np.linspace(0, 2, 8)
    rng = np.random.default_rng(11)
    samples = [rng.exponential(size=(400, 8)) * scales + shift for _ in range(200)]
    spread = np.std([measures(x) for x in samples], axis=0)
    cosines = [[average_cosine(x), average_cosine(x, centred=True)] for x in samples]
    stack = stack_of(samples[:4])
    found = ANISOTROPY.run([stack], None, AnisotropyParams(bands=bands, n_bootstrap=80), 0, no_report).values
    for column, name in enumerate(("anisotropy", "anisotropy_uncentred", "isoscore", "participation_ratio")):
        width = np.mean(getattr(found, f"{name}_high") - getattr(found, f"{name}_low")) / (2 * 1.96)
        assert width == pytest.approx(spread[column], rel=0.3), name
    width = np.mean(found.effective_rank_high - found.effective_rank_low) / (2 * 1.96)
    assert width == pytest.approx(spread[4], rel=0.3)
    cosine = AVERAGE_COSINE.run([stack], None, AverageCosineParams(bands=bands, n_bootstrap=80), 0, no_report).values
    width = np.mean(cosine.average_cosine_high - cosine.average_cosine_low) / (2 * 1.96)
    assert width == pytest.approx(np.std(cosines, axis=0)[0], rel=0.3)
    width = np.mean(cosine.average_cosine_centred_high - cosine.average_cosine_centred_low) / (2 * 1.96)
    assert width == pytest.approx(np.std(cosines, axis=0)[1], rel=0.3)


def test_batches_give_mean_and_standard_deviation_over_shuffled_batches():
    x = layer(250, 6)
    params = AnisotropyParams(bands="batches", batch_rows=100)
    result = ANISOTROPY.run([stack_of([x])], None, params, 3, no_report).values
    shuffled = np.random.default_rng(3).permutation(250)
    parts = [anisotropy(x[part]) for part in np.array_split(shuffled, 2)]
    assert result.anisotropy[0] == pytest.approx(np.mean(parts))
    assert result.anisotropy_high[0] - result.anisotropy[0] == pytest.approx(np.std(parts, ddof=1))
    assert result.n_batches == 2
    assert result.isoscore_isotropic[0] == pytest.approx(isotropic_isoscore(125, 6))


def test_too_few_rows_for_batches_leave_the_value_without_a_band():
    x = layer(50, 6)
    outcome = ANISOTROPY.run([stack_of([x])], None, AnisotropyParams(bands="batches"), 0, no_report)
    assert outcome.values.anisotropy[0] == pytest.approx(anisotropy(x))
    assert np.isnan(outcome.values.anisotropy_low[0])
    assert "50 rows make fewer than two batches of 4,096" in outcome.undefined[0].reason
    assert any("fewer than two batches" in note for note in outcome.notes)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("bands", ["jackknife", "bootstrap", "batches", "none"])
def test_degenerate_layers_are_undefined_with_a_reason(bands):
    good = layer(12, 5, dtype=np.float32)
    broken = good.copy()
    broken[3, 3] = np.inf
    same = np.tile(good[:1], (12, 1))
    stack = stack_of([same, good, broken, np.zeros((12, 5))])
    params = AnisotropyParams(bands=bands, n_bootstrap=5, batch_rows=6)
    outcome = ANISOTROPY.run([stack], None, params, 0, no_report)
    np.testing.assert_array_equal(np.isnan(outcome.values.anisotropy), [True, False, True, True])
    assert outcome.values.anisotropy_uncentred[0] == 1.0  # identical rows lie on one direction
    assert np.isnan(outcome.values.anisotropy_uncentred[3])
    reasons = {(entry.field, *entry.index): entry.reason for entry in outcome.undefined}
    assert reasons["effective_rank", 0] == "model, layer 0: all rows are identical"
    assert reasons["isoscore", 2] == "model, layer 2: non-finite activations (1 row)"
    cosine_params = AverageCosineParams(bands=bands, n_bootstrap=5, batch_rows=6)
    cosine = AVERAGE_COSINE.run([stack], None, cosine_params, 0, no_report)
    assert cosine.values.average_cosine[0] == pytest.approx(1.0)
    assert np.isnan(cosine.values.average_cosine_centred[0])
    assert np.isnan(cosine.values.average_cosine[[2, 3]]).all()
    reasons = {(entry.field, *entry.index): entry.reason for entry in cosine.undefined}
    assert "only 0 rows have a direction" in reasons["average_cosine", 3]
    assert "non-finite" in reasons["average_cosine", 2]


@pytest.mark.filterwarnings("error")
def test_one_row_is_undefined_and_two_are_one_direction():
    one, two = layer(1, 6), layer(2, 6)
    for kernel in (*KERNELS.values(), average_cosine):
        assert np.isnan(kernel(one))
    assert np.isnan(spectrum(one)).all()
    assert anisotropy(two) == pytest.approx(1.0)
    assert participation_ratio(two) == pytest.approx(1.0)
    assert effective_rank(two) == pytest.approx(1.0)
    assert average_cosine(two, centred=True) == pytest.approx(-1.0)


@pytest.mark.filterwarnings("error")
def test_a_single_dimension_has_no_isoscore():
    x = layer(30, 1)
    assert anisotropy(x) == participation_ratio(x) == effective_rank(x) == 1.0
    assert np.isnan(isoscore(x))
    outcome = ANISOTROPY.run([stack_of([x])], None, AnisotropyParams(), 0, no_report)
    reasons = {entry.field: entry.reason for entry in outcome.undefined}
    assert reasons["isoscore"] == "only 1 dimension; IsoScore needs at least 2"


def test_few_rows_are_said():
    outcome = ANISOTROPY.run([stack_of([layer(30, 20)])], None, AnisotropyParams(), 0, no_report)
    assert "30 rows are few for 20 dimensions" in outcome.notes[0]


def test_the_spectrum_sums_to_one_and_descends():
    x = layer(90, 12, dtype=np.float32)
    ratios = spectrum(x)
    assert ratios.sum() == pytest.approx(1.0)
    assert (np.diff(ratios) <= 0).all()
    expected = np.linalg.svd(x.astype(np.float64) - x.mean(axis=0, dtype=np.float64), compute_uv=False) ** 2
    np.testing.assert_allclose(ratios, expected / expected.sum(), rtol=1e-9)
    result = SPECTRUM.run([stack_of([x, 2 * x])], None, SpectrumParams(n_components=4), 0, no_report).values
    np.testing.assert_allclose(result.ratios, [ratios[:4], ratios[:4]], rtol=1e-9)
    assert result.n_for_90.tolist() == [-1, -1], "the four that are kept hold less"


@pytest.mark.filterwarnings("error")
def test_what_the_first_components_hold_together_of_a_known_spectrum():
    x = np.vstack([np.diag([6.0, 3.0, 2.0, 1.0]), -np.diag([6.0, 3.0, 2.0, 1.0])])  # variances 36 : 9 : 4 : 1
    flat = np.vstack([np.eye(4), -np.eye(4)])
    result = SPECTRUM.run([stack_of([x, flat, np.ones((8, 4))])], None, SpectrumParams(), 0, no_report).values
    np.testing.assert_allclose(result.summed[0], [0.72, 0.9, 0.98, 1.0])
    np.testing.assert_allclose(result.summed[1], [0.25, 0.5, 0.75, 1.0])
    assert np.isnan(result.summed[2]).all() and result.n_for_90[1:].tolist() == [4, -1]
    assert components_for(np.array([0.5, 0.9, 1.0]), 0.9) == 2


def test_the_variance_ratio_of_known_spectra():
    tuned = np.vstack([np.diag([3.0, 2.0, 1.0, 0.5]), -np.diag([3.0, 2.0, 1.0, 0.5])])
    base = np.vstack([np.eye(4), -np.eye(4)])
    expected = 4 * np.array([9, 4, 1, 0.25]) / 14.25
    np.testing.assert_allclose(variance_ratio(tuned, base), expected)
    stacks = [stack_of([tuned], model="tuned"), stack_of([base], model="base")]
    result = VARIANCE_RATIO.run(stacks, None, VarianceRatioParams(), 0, no_report).values
    np.testing.assert_allclose(result.ratio[0], expected)
    assert result.n_above_one.tolist() == [2]


@pytest.mark.parametrize(
    ("ratios", "count"), [([2, 1, 0.9, 3], 2), ([0.5, 2], 0), ([1, 1], 2), ([2, np.nan, 2], 1), ([], 0)]
)
def test_components_are_counted_until_the_ratio_first_falls_below_one(ratios, count):
    assert components_above_one(np.array(ratios, dtype=float)) == count


def test_the_variance_ratio_needs_two_stacks_of_the_same_layers():
    one, two = stack_of([layer(9, 3)]), stack_of([layer(9, 3), layer(9, 3)])
    for stacks in ([one], [one, two]):
        with pytest.raises(InvalidRequest, match="one by one"):
            VARIANCE_RATIO.run(stacks, None, VarianceRatioParams(), 0, no_report)


@pytest.mark.parametrize("row", [ANISOTROPY, AVERAGE_COSINE])
def test_a_bootstrap_is_cancelled_between_resamples(row):
    calls = []

    def report(*progress):
        calls.append(progress)
        if len(calls) == 4:
            raise Cancelled

    with pytest.raises(Cancelled):
        row.run([stack_of([layer(20, 3)])], None, row.params(bands="bootstrap"), 0, report)
    assert len(calls) == 4


# Few rows


@pytest.mark.parametrize("n_rows", [60, 200])
@pytest.mark.parametrize("shape", ["even", "falling", "rogue", "heavy tails"])
def test_the_corrected_participation_ratio_has_no_bias(n_rows, shape):
    n_dims = 96
    variances = np.ones(n_dims) if shape == "even" else 1.0 / np.arange(1, n_dims + 1)
    if shape == "rogue":
        variances[0] = variances[1:].sum()
    truth = variances.sum() ** 2 / (variances**2).sum()
    rng = np.random.default_rng(0)
    draws = [
        (rng.standard_t(9, (n_rows, n_dims)) if shape == "heavy tails" else rng.normal(size=(n_rows, n_dims)))
        * np.sqrt(variances)
        + 7
        for _ in range(80)
    ]
    corrected = [participation_ratio_corrected(x) for x in draws]
    error = np.std(corrected, ddof=1) / np.sqrt(len(draws))
    assert abs(np.mean(corrected) - truth) < 4 * error + 0.02 * truth  # a ratio of two unbiased parts: 1 / n is left
    if shape != "rogue":  # there the plain one happens to have little
        assert (
            abs(np.mean(corrected) - truth)
            < 0.3 * abs(np.mean([participation_ratio(x) for x in draws]) - truth) + error
        )


def test_the_corrected_ratio_is_that_of_the_u_statistics_written_out():
    x = layer(9, 5)
    n = len(x)
    gaps = [[0.5 * float(np.sum((a - b) ** 2)) for a in x] for b in x]
    pairs = [(i, j, k, m) for i, j, k, m in itertools.permutations(range(n), 4)]
    squares = np.mean([(x[i] - x[j]) @ (x[k] - x[m]) * ((x[i] - x[j]) @ (x[k] - x[m])) / 4 for i, j, k, m in pairs])
    trace = np.mean([gaps[i][j] * gaps[k][m] for i, j, k, m in pairs])
    assert participation_ratio_corrected(x) == pytest.approx(trace / squares, rel=1e-9)


def test_the_result_holds_corrected_values_and_says_what_bands_leave_out():
    x = np.random.default_rng(0).normal(size=(200, 256))
    outcome = ANISOTROPY.run([stack_of([x, np.ones((200, 256))])], None, ANISOTROPY.params(), 0, no_report)
    values = outcome.values
    assert values.participation_ratio_high[0] < 150 and values.participation_ratio_corrected[0] > 200
    expected = (values.participation_ratio_corrected[0] - 1) / 255
    assert values.isoscore_corrected[0] == pytest.approx(expected)
    assert np.isnan(values.participation_ratio_corrected[1]) and np.isnan(values.isoscore_corrected[1])
    assert any("leave out the bias" in note for note in outcome.notes)
    few = ANISOTROPY.run([stack_of([x[:3]])], None, ANISOTROPY.params(), 0, no_report)
    assert "3 rows" in {entry.field: entry.reason for entry in few.undefined}["participation_ratio_corrected"]


def test_the_squared_trace_has_no_bias_at_six_rows():
    rng, truth = np.random.default_rng(0), 49.0  # variances 4, 1, 1, 1
    found = []
    for _ in range(4000):
        x = rng.normal(size=(6, 4)) * [2, 1, 1, 1]
        gaps = 0.5 * ((x[:, None] - x) ** 2).sum(axis=2)
        traces = gaps.sum() ** 2 - 4 * (gaps.sum(axis=1) ** 2).sum() + 2 * (gaps**2).sum()
        q = ((x - x.mean(axis=0)) ** 2).sum(axis=1)
        products = (((x - x.mean(axis=0)).T @ (x - x.mean(axis=0))) ** 2).sum()
        assert traces == pytest.approx(q.sum() ** 2 * (36 - 18 + 1) - (q @ q) * 30 + 2 * products)
        found.append(traces / (6 * 5 * 4 * 3))
    assert abs(np.mean(found) - truth) < 4 * np.std(found) / np.sqrt(len(found))
