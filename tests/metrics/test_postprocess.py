"""Post-processing steps: what each makes of a matrix, in closed form, and what is refused."""

import numpy as np
import pytest

from backend.errors import InvalidRequest
from backend.metrics import postprocess as module
from backend.metrics.postprocess import postprocess
from backend.values.specs import POSTPROCESS_STEPS, PostProcess


def layer(n=200, dims=12, seed=0):
    """Correlated rows with an offset dimension, a rogue dimension and a constant one."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, dims)) @ rng.normal(size=(dims, dims))
    x[:, 2] += 200
    x[:, 5] *= 30
    x[:, 8] = 7.3
    return x.astype(np.float32)


def apply(x, *steps):
    return postprocess(x, tuple(PostProcess(*step) for step in steps))


def usual(kind, k=1):
    """A step of this kind that removes something, where it removes anything."""
    if kind == "remove_dims":
        return (kind, 0, (2,))
    return (kind, k if kind.startswith("remove") else 0)


def test_no_step_is_the_matrix_itself():
    np.testing.assert_array_equal(apply(layer()), layer())


def test_centre():
    x = layer()
    expected = x.astype(np.float64) - x.astype(np.float64).mean(axis=0)
    np.testing.assert_allclose(apply(x, ("centre",)), expected, atol=2e-5)


def test_standardise_and_constant_dimensions():
    found = apply(layer(), ("standardise",)).astype(np.float64)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.delete(found.std(axis=0), 8), 1, rtol=1e-6)
    np.testing.assert_array_equal(found[:, 8], 0)


def test_remove_rogue_zeroes_the_dimensions_of_highest_variance_and_nothing_else():
    x = layer()
    order = np.argsort(-x.astype(np.float64).var(axis=0))
    found = apply(x, ("remove_rogue", 3))
    np.testing.assert_array_equal(found[:, order[:3]], 0)
    np.testing.assert_array_equal(found[:, order[3:]], x[:, order[3:]])


def test_remove_rogue_breaks_ties_to_the_lower_index():
    x = np.array([[1.0, 2.0, 1.0], [-1.0, -2.0, -1.0]])
    np.testing.assert_array_equal(apply(x, ("remove_rogue", 2)), [[0, 0, 1], [0, 0, -1]])


def test_remove_dims_zeroes_the_named_dimensions_and_nothing_else():
    x = layer()
    found = apply(x, ("remove_dims", 0, (2, 5)))
    np.testing.assert_array_equal(found[:, [2, 5]], 0)
    np.testing.assert_array_equal(np.delete(found, [2, 5], axis=1), np.delete(x, [2, 5], axis=1))


@pytest.mark.parametrize("n", [8, 200])
def test_remove_components_leaves_the_rest_of_the_spectrum(n):
    x = layer(n)
    centred = x.astype(np.float64) - x.astype(np.float64).mean(axis=0)
    before = np.linalg.svd(centred, compute_uv=False)
    found = apply(x, ("remove_components", 3)).astype(np.float64)
    after = np.linalg.svd(found - found.mean(axis=0), compute_uv=False)
    np.testing.assert_allclose(after[:4], before[3:7], rtol=1e-4)
    np.testing.assert_allclose(found.mean(axis=0), 0, atol=1e-4)


def test_all_but_the_top_of_a_line_is_nothing():
    x = np.outer(np.arange(10.0), [3.0, 4.0]) + 5
    np.testing.assert_allclose(apply(x, ("remove_components", 1)), 0, atol=1e-5)


def test_whiten_gives_every_direction_of_the_rank_variance_1():
    found = apply(layer(), ("whiten",)).astype(np.float64)
    values = np.linalg.eigvalsh(found.T @ found / len(found))
    np.testing.assert_allclose(values[1:], 1, rtol=1e-4)
    assert abs(values[0]) < 1e-8  # the constant dimension
    wide = apply(layer(6), ("whiten",)).astype(np.float64)
    np.testing.assert_allclose(np.linalg.eigvalsh(wide @ wide.T / 6)[1:], 1, rtol=1e-4)


def test_whitening_leaves_the_axes_unturned():
    x = np.random.default_rng(1).normal(size=(4000, 3)) * [1.0, 5.0, 0.2] + [0, 9, 0]
    x -= x.mean(axis=0)
    x = np.linalg.qr(x)[0] * [1.0, 5.0, 0.2]  # exactly uncorrelated
    found = apply(x, ("whiten",))
    np.testing.assert_allclose(found, (x - x.mean(axis=0)) / x.std(axis=0), atol=2e-2)


@pytest.mark.parametrize("kind", ["centre", "standardise", "remove_components", "whiten"])
def test_identical_rows_become_zero_without_a_warning(kind, recwarn):
    x = np.full((30, 5), 0.1, dtype=np.float32) * np.arange(1, 6, dtype=np.float32)
    k = 1 if kind == "remove_components" else 0
    np.testing.assert_allclose(apply(x, (kind, k)), 0, atol=1e-6)
    assert not recwarn.list


def test_steps_are_applied_in_order():
    x = layer()
    both = apply(x, ("remove_rogue", 1), ("standardise",))
    np.testing.assert_allclose(both, apply(apply(x, ("remove_rogue", 1)), ("standardise",)), atol=1e-5)
    assert not np.allclose(both, apply(x, ("standardise",), ("remove_rogue", 1)))


@pytest.mark.parametrize("kind", POSTPROCESS_STEPS)
def test_blocks_change_nothing(kind, monkeypatch):
    steps = ("remove_rogue", 1), usual(kind, 2)
    whole = apply(layer(), *steps)
    monkeypatch.setattr(module, "_BLOCK_ENTRIES", 12 * 7)
    np.testing.assert_allclose(apply(layer(), *steps), whole, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("kind", POSTPROCESS_STEPS)
def test_float16_input_unchanged_and_deterministic(kind):
    x = (300 + 40 * np.random.default_rng(2).normal(size=(60, 5))).astype(np.float16)
    before = x.copy()
    step = usual(kind)
    found = apply(x, step)
    assert found.dtype == np.float32 and found.shape == x.shape and np.isfinite(found).all()
    np.testing.assert_array_equal(x, before)
    np.testing.assert_array_equal(found, apply(x, step))


@pytest.mark.parametrize("n", [0, 1])
@pytest.mark.parametrize("kind", POSTPROCESS_STEPS)
def test_no_rows_and_one_row(kind, n, recwarn):
    found = apply(np.ones((n, 3), dtype=np.float32), usual(kind))
    assert found.shape == (n, 3) and np.isfinite(found).all()
    assert not recwarn.list


@pytest.mark.parametrize(
    ("step", "said"),
    [
        (("rotate", 0), "no post-processing step 'rotate'"),
        (("remove_rogue", 0), "remove 0 of 12"),
        (("remove_components", 12), "remove 12 of 12"),
        (("centre", 2), "takes no count"),
        (("remove_dims", 0), "was given the dimensions"),
        (("centre", 0, (1,)), "was given the dimensions"),
        (("remove_dims", 0, (3, 12)), "no dimension 12 of 12"),
    ],
)
def test_wrong_steps_are_refused(step, said):
    with pytest.raises(InvalidRequest, match=said):
        apply(layer(), step)


def test_every_step_of_the_vocabulary_exists():
    assert set(module._FITS) == set(POSTPROCESS_STEPS)


@pytest.mark.parametrize("kind", POSTPROCESS_STEPS)
def test_what_is_fitted_on_some_rows_does_not_hear_of_the_others(kind):
    x, fit = layer(), np.arange(0, 200, 2)
    other = x.copy()
    other[1::2] = 50 * other[1::2] ** 2 + 3
    steps = (PostProcess("centre"), PostProcess(*usual(kind)), PostProcess("standardise"))
    found, changed = postprocess(x, steps, fit), postprocess(other, steps, fit)
    np.testing.assert_array_equal(found[fit], changed[fit])
    np.testing.assert_allclose(found[fit], postprocess(x[fit], steps), atol=1e-5)
    assert not np.allclose(found, postprocess(x, steps), atol=1e-3)


def test_rows_outside_the_fit_are_changed_by_the_same_numbers():
    x, fit = layer(), np.arange(120)
    mean, deviation = x[:120].astype(np.float64).mean(axis=0), x[:120].astype(np.float64).std(axis=0)
    deviation[8] = np.inf  # the constant one
    np.testing.assert_allclose(
        postprocess(x, (PostProcess("standardise"),), fit), (x.astype(np.float64) - mean) / deviation, atol=1e-4
    )
