"""Layouts of one matrix in two or three dimensions (PCA, t-SNE, UMAP), and their alignment."""

import warnings

import numpy as np

from backend.metrics.neighbors.kernel import AnyRows, Floats, Indices
from backend.metrics.shared.compiled import keep_compiled
from backend.values.activations import Report, no_report

_EXAGGERATED_ITERATIONS = 250  # of t-SNE, before its normal ones
MOST_EXACT = 25_000  # rows between which t-SNE takes every pair; of more, interpolation on a grid is quicker
_JITTER = 0.01  # share of the start's spread, so that copies do not start (and stay) on one spot
_REPORT_EVERY = 25
_BLOCK_ROWS = 1024  # of principal components at a time: what is centred is multiplied while it is in the cache


def pca_layout(x: AnyRows, n_components: int, *, centre: bool = True) -> tuple[Floats, Floats]:
    """Scores on the first principal components (n_rows, n_components), and their explained-variance ratios.

    Every component's largest loading is positive. Components beyond the rank have scores and a ratio of 0. Without
    ``centre`` the axes go through the origin, which stays at 0, and the ratios are shares of the squared lengths.
    """
    from scipy.linalg import eigh

    n_rows, n_dims = x.shape
    size, found = min(n_rows, n_dims), min(n_components, *x.shape)
    middle = x.mean(axis=0, dtype=np.float64) if centre else np.zeros(n_dims)
    blocks = [slice(start, start + _BLOCK_ROWS) for start in range(0, n_rows, _BLOCK_ROWS)]

    tall = n_dims <= n_rows
    centred = np.empty((min(n_rows, _BLOCK_ROWS) if tall else n_rows, n_dims))

    def rows(
        block: slice,
    ) -> Floats:  # one block after the other in one place: the whole in float64 would be twice what is there
        part = x[block]
        return np.subtract(part, middle, out=centred[: len(part)])

    matrix = sum((one.T @ one for one in map(rows, blocks)), np.zeros(())) if tall else rows(slice(None))
    matrix = matrix if tall else matrix @ matrix.T
    values, vectors = eigh(matrix, subset_by_index=[size - found, size - 1])
    values, vectors = values[::-1], vectors[:, ::-1]
    total = float(np.trace(matrix))
    scores, ratios = np.zeros((n_rows, n_components)), np.zeros(n_components)
    kept = values > total * size * np.finfo(np.float64).eps
    values, vectors, here = values[kept], vectors[:, kept], np.flatnonzero(kept)
    loadings = vectors if tall else rows(slice(None)).T @ vectors
    largest = np.take_along_axis(loadings, np.abs(loadings).argmax(axis=0, keepdims=True), axis=0)[0]
    signs = np.where(largest >= 0, 1.0, -1.0)
    for block in blocks:
        scores[block, here] = signs * (rows(block) @ vectors if tall else vectors[block] * np.sqrt(values))
    ratios[here] = values / total
    return scores, ratios


def tsne_layout(
    neighbours: tuple[Floats, Indices],
    start: Floats,
    *,
    perplexity: float,
    n_iter: int,
    seed: int,
    report: Report = no_report,
) -> Floats:
    """t-SNE layout (n_rows, 2) from exact neighbours, begun at ``start`` (n_rows, 2).

    ``neighbours`` are distances and row numbers, three times ``perplexity`` of them. ``report`` is called every 25
    iterations and may cancel. In one thread, so the same on every machine of a kind. Exact forces up to ``MOST_EXACT`` rows,
    openTSNE's interpolation beyond; the descent is openTSNE's (Policar et al. 2019).
    """
    import openTSNE
    from openTSNE.affinity import PerplexityBasedNN
    from openTSNE.nearest_neighbors import PrecomputedNeighbors

    from backend.metrics.maps.forces import gradient

    distances, indices = neighbours
    total, done = _EXAGGERATED_ITERATIONS + n_iter, 0

    def step(iteration: int, error: float, embedding: Floats) -> None:
        nonlocal done
        done += _REPORT_EVERY
        report(min(done, total), total, "t-SNE")

    affinities = PerplexityBasedNN(knn_index=PrecomputedNeighbors(indices, distances), perplexity=perplexity, n_jobs=1)
    model = openTSNE.TSNE(
        early_exaggeration_iter=_EXAGGERATED_ITERATIONS,
        n_iter=n_iter,
        n_jobs=1,
        negative_gradient_method=gradient if len(start) <= MOST_EXACT else "fft",
        callbacks=[step],
        callbacks_every_iters=_REPORT_EVERY,
        random_state=seed,
    )
    begun = _apart(start, seed)
    spread = begun[:, 0].std() or 1.0
    return np.asarray(model.fit(affinities=affinities, initialization=begun / spread * 1e-4), dtype=np.float64)


def umap_layout(
    x: AnyRows,
    neighbours: tuple[Floats, Indices],
    start: Floats,
    *,
    n_neighbors: int,
    min_dist: float,
    n_iter: int,
    seed: int,
) -> Floats:
    """UMAP layout (n_rows, 2) from exact neighbours, begun at ``start`` (n_rows, 2), in one thread.

    UMAP counts a row among its own ``n_neighbors`` and never calls back: it can only be cancelled between layers, or by
    ending its process. Its functions are compiled once an installation. umap-learn (McInnes et al. 2018).
    """
    import umap

    keep_compiled("umap", "pynndescent")
    own = np.arange(len(x))[:, None]
    indices = np.concatenate([own, neighbours[1][:, : n_neighbors - 1]], axis=1)
    distances = np.concatenate([np.zeros(own.shape), neighbours[0][:, : n_neighbors - 1]], axis=1)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # one thread (as a seed demands), no index for new data, disconnected rows
        model = umap.UMAP(
            n_neighbors=n_neighbors,
            min_dist=min_dist,
            n_epochs=n_iter,
            init=_apart(start, seed).astype(np.float32),
            random_state=seed,
            n_jobs=1,
            precomputed_knn=(indices, distances.astype(np.float32)),
        )
        found = model.fit_transform(np.asarray(x, dtype=np.float32))
    return np.asarray(found, dtype=np.float64)


def aligned(coords: Floats, reference: Floats) -> Floats:
    """``coords`` moved, turned and mirrored (never stretched) to lie as close to ``reference`` as that can bring them."""
    centred = coords - coords.mean(axis=0)
    left, _, right = np.linalg.svd(centred.T @ (reference - reference.mean(axis=0)))
    return np.asarray(centred @ left @ right)


def laid_on(coords: Floats, reference: Floats) -> Floats:
    """``coords`` brought to the spread of ``reference``, then shifted, turned and mirrored to lie as close to it as that can bring them.

    Both are (n_rows, n_components) with the same rows; ``alignment_residual`` says how alike they are. NaN where one has NaN or
    is one spot. The scale of a Procrustes analysis (Gower 1975) would shrink a map that has little in common with the other.
    """
    coords, reference = np.asarray(coords, np.float64), np.asarray(reference, np.float64)
    a, middle = coords - coords.mean(axis=0), reference.mean(axis=0)
    size = float((a * a).sum())
    if not (np.isfinite(a).all() and np.isfinite(reference).all()) or _is_spot(coords) or _is_spot(reference):
        return np.full_like(coords, np.nan)
    b = reference - middle
    left, _, right = np.linalg.svd(a.T @ b)
    return np.asarray(a @ (left @ right) * np.sqrt((b * b).sum() / size) + middle)


def _is_spot(coords: Floats) -> bool:
    """Whether all points of a map are one; the mean of equal numbers is not always that number, so it is not asked for."""
    return not np.ptp(coords, axis=0).any()


def alignment_residual(coords: Floats, reference: Floats) -> float:
    """What the best shift, turn, mirroring and scaling of one map onto another leaves: 0 (the same map) to 1.

    A share of the squared spread; both are (n_rows, n_components) with the same rows. NaN where a map is one spot.
    Procrustes disparity (Gower 1975).
    """
    a, b = coords - coords.mean(axis=0), reference - reference.mean(axis=0)
    sizes = float(np.linalg.norm(a) * np.linalg.norm(b))
    if sizes == 0 or _is_spot(coords) or _is_spot(reference):
        return float("nan")
    shared = np.linalg.svd(a.T @ b, compute_uv=False).sum() / sizes
    return float(np.clip(1 - shared**2, 0.0, 1.0))


def oriented(scores: Floats) -> Floats:
    """Principal components (n_rows, n_components) with each sign chosen by the component and its rows alone.

    The sum of the scores under fixed random weights of the rows is positive. So the same component looks the same
    wherever it is drawn, and layers in which the rows lie alike look alike: for that the sign of a loading, or of a skew
    that is near 0, would be too fickle.
    """
    weights = np.random.default_rng(0).normal(size=len(scores))
    return scores * np.where(weights @ scores < 0, -1.0, 1.0)


def on_components(x: AnyRows, scores: Floats, point: AnyRows) -> tuple[Floats, float]:
    """Where ``point`` (n_dims,) lies on the principal components on which the rows ``x`` have the ``scores`` (n_rows, n_components).

    The components are taken back from rows and scores, signs included, so that a row's own vector lands on the row. Also the
    share of its squared distance from the mean that these components show, in [0, 1]; NaN at the mean itself.
    """
    mean = x.mean(axis=0, dtype=np.float64)
    gap = np.asarray(point, dtype=np.float64) - mean
    lengths = np.einsum("ij,ij->j", scores, scores)
    along = np.zeros((x.shape[1], scores.shape[1]))
    for start in range(0, len(x), 4096):
        along += (x[start : start + 4096] - mean).T @ scores[start : start + 4096]
    coords = np.divide(gap @ along, lengths, out=np.zeros(scores.shape[1]), where=lengths > 0)
    whole = float(gap @ gap)
    return coords, float(min(1.0, coords @ coords / whole)) if whole > 0 else float("nan")


def _apart(start: Floats, seed: int) -> Floats:
    """``start`` with a little seeded noise on it, of the same relative size on every axis."""
    spread = start.std(axis=0)
    spread = np.where(spread > 0, spread, spread.max() or 1.0)
    return start + _JITTER * spread * np.random.default_rng(seed).normal(size=start.shape)
