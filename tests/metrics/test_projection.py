"""Maps: principal components in closed form, points that keep their place, quality against a reference, and stopping."""

import itertools

import numpy as np
import pytest

from backend.errors import Cancelled, InvalidRequest
from backend.metrics.base import parse_params
from backend.metrics.maps import kernel, projection
from backend.metrics.maps.kernel import (
    aligned,
    alignment_residual,
    laid_on,
    oriented,
    pca_layout,
    tsne_layout,
)
from backend.metrics.maps.projection import PROJECTION
from backend.metrics.maps.quality import quality, trustworthiness
from backend.metrics.neighbors.kernel import nearest_neighbours, neighbour_overlap, row_norms
from backend.metrics.shared.compiled import keep_compiled
from backend.values.activations import Activations, LayerStack, no_report

METHODS = ("pca", "tsne", "umap")


def clusters(n=150, dims=16, n_clusters=3, seed=0):
    """Rows in well separated groups, and the group of each row."""
    rng = np.random.default_rng(seed)
    group = rng.integers(0, n_clusters, n)
    return (rng.normal(size=(n_clusters, dims))[group] * 6 + rng.normal(size=(n, dims))).astype(np.float32), group


def stack_of(*matrices, text_index=None, token_index=None):
    return LayerStack(
        "model",
        "mean",
        tuple(range(len(matrices))),
        tuple(f"layer {i}" for i in range(len(matrices))),
        tuple(Activations(np.asarray(x, dtype=np.float32), text_index, token_index) for x in matrices),
    )


def run(stack, *, seed=0, report=no_report, **given):
    return PROJECTION.run([stack], None, parse_params(PROJECTION.params, given), seed, report)


def turned(x, seed=1):
    return x @ np.linalg.qr(np.random.default_rng(seed).normal(size=(x.shape[1], x.shape[1])))[0]


# Principal components


@pytest.mark.parametrize(("n", "dims"), [(60, 8), (8, 60)])
def test_scores_and_ratios_are_those_of_the_singular_values(n, dims):
    x = np.random.default_rng(0).normal(size=(n, dims)) + 200
    scores, ratios = pca_layout(x, 3)
    centred = x - x.mean(axis=0)
    left, singular, _ = np.linalg.svd(centred, full_matrices=False)
    np.testing.assert_allclose(ratios, singular[:3] ** 2 / (singular**2).sum(), rtol=1e-9)
    np.testing.assert_allclose(np.abs(scores), np.abs(left[:, :3] * singular[:3]), atol=1e-9)
    for i in range(3):
        loadings = scores[:, i] @ centred
        assert loadings[np.argmax(np.abs(loadings))] > 0


def test_a_line_has_one_component():
    scores, ratios = pca_layout(np.outer(np.arange(5.0), [3.0, 4.0]), 3)
    np.testing.assert_allclose(scores[:, 0], 5 * (np.arange(5) - 2.0), atol=1e-9)
    np.testing.assert_array_equal(scores[:, 1:], 0)
    np.testing.assert_allclose(ratios, [1, 0, 0])


def test_a_layer_by_pca_is_the_same_alone_and_among_others():
    rng = np.random.default_rng(0)
    x, other = (rng.gamma(1.0, size=(80, 6)) * [9, 5, 1, 1, 1, 1] for _ in range(2))
    alone, among = run(stack_of(x)).values.coords[0], run(stack_of(-other, other, x)).values.coords[2]
    np.testing.assert_allclose(among, alone, atol=1e-4)


def test_layers_that_are_mirrored_point_by_point_are_not_mirrored_on_the_map():
    x = np.random.default_rng(0).gamma(1.0, size=(80, 6)) * [9, 5, 1, 1, 1, 1]
    first, second = run(stack_of(x, x * [-1, 1, -1, 1, 1, -1])).values.coords
    np.testing.assert_allclose(first, second, atol=1e-3)


def test_three_components_for_pca_only():
    x, _ = clusters()
    assert run(stack_of(x), n_components=3).values.coords.shape == (1, 150, 3)
    with pytest.raises(InvalidRequest, match="2 dimensions"):
        run(stack_of(x), n_components=3, method="tsne")


def test_the_variance_shown_is_what_the_map_holds_of_that_of_the_rows():
    x, _ = clusters()
    flat = np.full_like(x, 0.5)
    outcome = run(stack_of(x, flat))
    held = outcome.values.coords[0].var(axis=0).sum() / x.astype(np.float64).var(axis=0).sum()
    assert outcome.values.variance_shown[0] == pytest.approx(held, rel=1e-5)
    assert np.isnan(outcome.values.variance_shown[1])
    assert ("variance_shown", (1,)) in {(gap.field, gap.index) for gap in outcome.undefined}
    assert run(stack_of(x), method="tsne", n_iter=250).values.variance_shown.shape == (0,)


# Alignment and quality


def test_alignment_undoes_a_turn_a_mirror_and_a_shift_but_no_stretch():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(40, 2))
    moved = reference @ np.array([[0.6, 0.8], [0.8, -0.6]]) + 7
    np.testing.assert_allclose(aligned(moved, reference), reference - reference.mean(axis=0), atol=1e-12)
    np.testing.assert_allclose(aligned(3 * moved, reference), 3 * (reference - reference.mean(axis=0)), atol=1e-12)


def test_a_map_is_laid_on_another_by_shift_turn_mirror_and_one_spread():
    rng = np.random.default_rng(0)
    reference = rng.normal(size=(40, 2)) * [3, 1] + 5
    moved = 0.2 * reference @ np.array([[0.6, 0.8], [0.8, -0.6]]) - 3
    np.testing.assert_allclose(laid_on(moved, reference), reference, atol=1e-12)
    other = rng.normal(size=(40, 2))
    laid = laid_on(other, reference)
    assert laid.std() * np.sqrt(laid.size) > 0
    spread = [np.linalg.norm(one - one.mean(axis=0)) for one in (laid, reference)]
    assert spread[0] == pytest.approx(spread[1])
    angles = np.linspace(0, 2 * np.pi, 721)
    for mirror in (1, -1):
        turns = [np.array([[np.cos(a), -np.sin(a)], [mirror * np.sin(a), mirror * np.cos(a)]]) for a in angles]
        centred = (laid - laid.mean(axis=0)) @ np.array(turns)
        apart = np.linalg.norm(centred - (reference - reference.mean(axis=0)), axis=(1, 2))
        assert apart.min() >= np.linalg.norm(laid - reference) - 1e-9, "no other turn brings it nearer"
    for bad in (np.full((40, 2), np.nan), np.ones((40, 2)), np.full((40, 2), 0.1), np.full((40, 2), 1 / 3)):
        assert np.isnan(laid_on(bad, reference)).all() and np.isnan(laid_on(reference, bad)).all()


def test_the_residual_of_an_alignment_is_the_disparity_of_scipy():
    from scipy.spatial import procrustes

    rng = np.random.default_rng(0)
    a, b = rng.normal(size=(40, 2)) + 5, rng.normal(size=(40, 2)) * [3, 1]
    assert alignment_residual(a, b) == pytest.approx(procrustes(a, b)[2], rel=1e-9)
    assert alignment_residual(7 * a @ np.array([[0.6, 0.8], [0.8, -0.6]]) + 1, a) == pytest.approx(0, abs=1e-12)
    for spot in (1.0, 0.1, 1 / 3):
        assert np.isnan(alignment_residual(np.full((10, 2), spot), a[:10]))
        assert np.isnan(alignment_residual(a[:10], np.full((10, 2), spot)))
    x, _ = clusters(80)
    coords = (values := run(stack_of(x, turned(x), rng.normal(size=x.shape))).values).coords.astype(np.float64)
    expected = [0, *(procrustes(before, after)[2] for before, after in itertools.pairwise(coords))]
    np.testing.assert_allclose(values.alignment_residual, expected, atol=1e-4)


def test_norms_are_the_lengths_of_the_rows_as_they_are():
    x, _ = clusters(80)
    values = run(stack_of(x, 9 * x), metric="cosine", max_rows=30, seed=1).values
    lengths = np.linalg.norm(x[values.row_index].astype(np.float64), axis=1)
    np.testing.assert_allclose(values.norms, [lengths, 9 * lengths], rtol=1e-6)
    many = np.random.default_rng(0).normal(size=(40_000, 3))
    np.testing.assert_allclose(row_norms(many), np.linalg.norm(many, axis=1))
    huge = np.full((3, 4), 3e38, np.float32)
    np.testing.assert_allclose(row_norms(huge), 6e38, rtol=1e-6)
    assert np.isnan(row_norms(np.array([[1.0, np.nan]]))).all()


def test_principal_components_block_by_block_are_those_of_the_whole(monkeypatch):
    x, _ = clusters(150)
    whole = pca_layout(x + 100, 3)
    monkeypatch.setattr(kernel, "_BLOCK_ROWS", 7)
    for blocks, expected in zip(pca_layout(x + 100, 3), whole, strict=True):
        np.testing.assert_allclose(blocks, expected, atol=1e-8)


def test_many_points_are_judged_by_a_part_of_them_among_all_and_slow_methods_lay_out_fewer(monkeypatch):
    x, _ = clusters(120)
    whole = run(stack_of(x), k=5)
    monkeypatch.setattr(projection, "_MOST_COMPARED", 60)
    monkeypatch.setattr(projection, "_MOST_LAID_OUT", 50)
    part = run(stack_of(x), k=5)
    np.testing.assert_array_equal(part.values.coords, whole.values.coords)
    assert part.values.n_compared == 60 and any("60 of the 120 points" in note for note in part.notes)
    assert part.values.trustworthiness[0] == pytest.approx(whole.values.trustworthiness[0], abs=0.01)
    assert part.values.overlap_by_chance == whole.values.overlap_by_chance == pytest.approx(5 / 119)
    monkeypatch.setattr(projection, "_MOST_SEARCHED", 80)
    fewer = run(stack_of(x), k=5)
    assert fewer.values.n_compared == 60 and any("among 80." in note for note in fewer.notes)
    assert fewer.values.overlap_by_chance == pytest.approx(5 / 79)
    assert fewer.values.trustworthiness[0] == pytest.approx(whole.values.trustworthiness[0], abs=0.05)
    monkeypatch.setattr(projection, "_MOST_COMPARED", 30)  # of those whose neighbours t-SNE has found already
    slow = run(stack_of(x), k=5, method="tsne", n_iter=20)
    again, part = slow.values.row_index, np.sort(np.random.default_rng(0).choice(50, 30, replace=False))
    expected = quality(x[again], slow.values.coords[0].astype(np.float64), 5, part)
    assert (slow.values.trustworthiness[0], slow.values.neighbour_overlap[0]) == pytest.approx(expected, abs=1e-3)
    assert slow.values.n_compared == 30
    monkeypatch.setattr(projection, "_MOST_COMPARED", 60)
    slow = run(stack_of(x), k=5, method="tsne", n_iter=20)
    assert len(slow.values.row_index) == slow.values.n_compared == 50
    assert any("50 of 120 rows" in note for note in slow.notes)


@pytest.mark.parametrize("copies", [1, 30, 100])
def test_the_quality_of_some_rows_is_their_part_of_that_of_all(copies):
    rng = np.random.default_rng(0)
    x, coords = rng.normal(size=(100, 8)), rng.normal(size=(100, 2))
    x[:copies], coords[:copies] = x[0], coords[0]
    rows = [np.sort(part) for part in np.split(rng.permutation(100), 4)]
    parts = np.array([quality(x, coords, 7, part) for part in rows])
    every = np.arange(100)
    np.testing.assert_allclose(parts.mean(axis=0), quality(x, coords, 7, every), rtol=1e-12)
    assert parts[:, 0].mean() == pytest.approx(trustworthiness(x, coords, 7), rel=1e-12)
    assert parts[:, 1].mean() == pytest.approx(neighbour_overlap(x, coords, 7).mean(), rel=1e-12)
    known = nearest_neighbours(x, 20)[1]
    assert quality(x, coords, 7, rows[0], known[rows[0], :7]) == tuple(parts[0])


@pytest.mark.parametrize("k", [1, 5, 20])
def test_trustworthiness_is_that_of_scikit_learn(k):
    from sklearn.manifold import trustworthiness as expected

    rng = np.random.default_rng(0)
    x, coords = rng.normal(size=(90, 10)) + 200, rng.normal(size=(90, 2))
    assert trustworthiness(x, coords, k) == pytest.approx(expected(x, coords, n_neighbors=k), rel=1e-9)
    assert trustworthiness(x, x, k) == 1


@pytest.mark.parametrize("method", METHODS)
def test_maps_keep_clusters_apart_and_say_how_good_they_are(method):
    x, group = clusters()
    outcome = run(stack_of(x), method=method, n_iter=200, k=10)
    values, coords = outcome.values, outcome.values.coords[0].astype(np.float64)
    same = group[nearest_neighbours(coords, 1)[1][:, 0]] == group
    assert same.mean() > 0.97
    assert values.trustworthiness[0] == pytest.approx(trustworthiness(x, coords, 10), abs=1e-3)
    assert values.neighbour_overlap[0] == pytest.approx(neighbour_overlap(x, coords, 10).mean(), abs=1e-2)
    assert values.overlap_by_chance == pytest.approx(10 / 149)
    assert not outcome.undefined


@pytest.mark.parametrize("method", METHODS[1:])
def test_a_point_keeps_its_place_from_layer_to_layer(method):
    x, _ = clusters()
    stack = stack_of(x, turned(x), turned(x, 2))
    tied = run(stack, method=method, n_iter=200).values.coords.astype(np.float64)
    size = np.linalg.norm(tied[0] - tied[0].mean(axis=0), axis=1).mean()
    moved = np.linalg.norm(tied[1:] - tied[:-1], axis=2).mean()
    assert moved < 0.5 * size  # places drawn afresh would lie about 1.4 times the size apart


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_deterministic_with_copies_and_input_unchanged(method, metric):
    x, _ = clusters(90)
    x[:50] = x[50]
    before = x.copy()
    first, second = (run(stack_of(x), method=method, metric=metric, n_iter=60, seed=4).values for _ in range(2))
    assert np.isfinite(first.coords).all()
    np.testing.assert_array_equal(first.coords, second.coords)
    np.testing.assert_array_equal(x, before)


def test_cosine_does_not_see_the_length_of_a_row():
    x, _ = clusters(80)
    longer = x * np.random.default_rng(0).uniform(0.5, 20, size=(80, 1))
    a, b = (run(stack_of(y), metric="cosine").values.coords for y in (x, longer))
    np.testing.assert_allclose(a, b, atol=1e-4)
    zeros = x.copy()
    zeros[3] = 0
    outcome = run(stack_of(zeros), metric="cosine")
    assert np.isfinite(outcome.values.coords).all() and any("no direction" in note for note in outcome.notes)


# Small, degenerate and sampled stacks


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("n", [1, 2, 3, 4, 5, 6, 9])
def test_few_rows(method, n):
    x = np.random.default_rng(0).normal(size=(n, 7))
    outcome = run(stack_of(x, x[:, ::-1]), method=method, n_iter=20)
    said = {(item.field, item.index) for item in outcome.undefined}
    assert np.isfinite(outcome.values.coords).all() == (n > 1)
    for name in ("coords", "trustworthiness", "neighbour_overlap"):
        for layer in range(2):
            assert np.isnan(getattr(outcome.values, name)[layer]).any() == ((name, (layer,)) in said)
    if method != "pca" and n < 5:
        assert any("too few" in note for note in outcome.notes) and outcome.values.method == "pca"
    elif method == "tsne":
        assert outcome.values.perplexity == pytest.approx((n - 1) / 3)
        assert any("lowered" in note for note in outcome.notes)


@pytest.mark.parametrize("method", METHODS)
def test_an_identical_layer_has_a_reason_and_the_others_are_tied_across_it(method):
    x, _ = clusters(60)
    outcome = run(stack_of(x, np.ones((60, 16)), x), method=method, n_iter=60)
    assert np.isnan(outcome.values.coords[1]).all() and np.isfinite(outcome.values.coords[[0, 2]]).all()
    reasons = {item.field: item.reason for item in outcome.undefined if item.index == (1,)}
    assert reasons.keys() >= {"coords", "trustworthiness", "neighbour_overlap"}
    assert set(reasons.values()) == {"all rows are identical"}
    assert len(outcome.undefined) == len(reasons)


def test_sampled_rows_say_which_text_and_token_they_are():
    x, _ = clusters(100)
    texts, tokens = np.arange(100) // 4, np.arange(100) % 4
    outcome = run(stack_of(x, text_index=texts, token_index=tokens), max_rows=30, seed=6)
    values = outcome.values
    assert values.coords.shape == (1, 30, 2) and values.n_rows == 100
    np.testing.assert_array_equal(values.text_index, texts[values.row_index])
    np.testing.assert_array_equal(values.token_index, tokens[values.row_index])
    np.testing.assert_allclose(values.coords[0], oriented(pca_layout(x[values.row_index], 2)[0]), atol=1e-4)
    assert any("30 of 100 rows" in note for note in outcome.notes)
    assert (run(stack_of(x)).values.token_index == -1).all()


# Stopping


def test_tsne_stops_in_the_middle_of_a_layer():
    x, _ = clusters(80)
    calls = []

    def stop(done, total, stage):
        calls.append((done, total))
        if done >= 100:
            raise Cancelled

    with pytest.raises(Cancelled):
        tsne_layout(nearest_neighbours(x, 30), pca_layout(x, 2)[0], perplexity=10.0, n_iter=500, seed=0, report=stop)
    assert calls[-1] == (100, 750)


@pytest.mark.parametrize("method", METHODS)
def test_progress_rises_to_the_end_and_cancels(method):
    x, _ = clusters(60)
    seen = []
    run(stack_of(x, x), method=method, n_iter=50, report=lambda *step: seen.append(step))
    shares = [done / total for done, total, _ in seen]
    assert shares == sorted(shares) and shares[-1] == 1

    def stop(done, total, stage):
        if done / total >= 0.5:
            raise Cancelled

    with pytest.raises(Cancelled):
        run(stack_of(x, x), method=method, n_iter=50, report=stop)


def test_what_is_compiled_of_umap_is_kept_on_disk():
    import umap.layouts

    assert keep_compiled("umap", "pynndescent") > 100
    assert umap.layouts._nb_optimize_layout_euclidean_single_epoch.stats.cache_path is not None
