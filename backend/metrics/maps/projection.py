"""Every layer of a stack in the plane, each begun from the layer before it, so that a point keeps its place."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.base import Metric, Outcome, param
from backend.metrics.effort import Effort, Size
from backend.metrics.maps.kernel import (
    MOST_EXACT,
    aligned,
    alignment_residual,
    oriented,
    pca_layout,
    tsne_layout,
    umap_layout,
)
from backend.metrics.maps.quality import quality
from backend.metrics.maps.saying import gaps_of_maps, notes_on_maps
from backend.metrics.neighbors.kernel import (
    AnyRows,
    Floats,
    Indices,
    nearest_neighbours,
    row_norms,
    sampled_rows,
    unit_rows,
)
from backend.metrics.shared.degenerate import why_undefined
from backend.metrics.shared.offering import NOT_YET, offer
from backend.metrics.shared.progress import one_then_other, part_of
from backend.values.activations import Array, Labels, LayerStack, Report

_LEAST_ROWS = 5  # of t-SNE and UMAP; below, principal components say all there is
_MOST_OF_ALL, _MOST_LAID_OUT = 1_000_000, 50_000  # rows of PCA; of t-SNE and UMAP
_MOST_COMPARED, _MOST_SEARCHED = (
    2_500,
    50_000,
)  # rows whose neighbours are compared with those on the map, and rows among which
_SHARE_OF_MAPS = {"pca": 4, "tsne": 90, "umap": 90}  # of the time, in hundredths; the rest goes into their quality


@dataclass(frozen=True, slots=True)
class ProjectionParams:
    """Parameters of ``projection``."""

    method: str = param("pca", "PCA, t-SNE or UMAP.", choices=("pca", "tsne", "umap"))
    n_components: int = param(2, "Dimensions of the map; 3 for PCA only.", low=2, high=3)
    perplexity: float = param(30.0, "t-SNE: roughly the number of neighbours that count.", low=1.0, high=500.0)
    n_neighbors: int = param(15, "UMAP: neighbours of a row, including itself.", low=2, high=200)
    min_dist: float = param(0.1, "UMAP: minimum distance between points on the map.", low=0.0, high=0.99)
    metric: str = param(
        "euclidean",
        "Distance between rows; 'cosine' first brings every row to length 1.",
        choices=("euclidean", "cosine"),
    )
    n_iter: int = param(500, "t-SNE and UMAP: iterations.", low=11, high=5000)
    align: bool = param(True, "t-SNE and UMAP: start each layer from the layer before and rotate it to match.")
    max_rows: int = param(
        5000, "Maximum number of rows laid out, drawn by the seed; t-SNE and UMAP: 50,000.", low=10, high=_MOST_OF_ALL
    )
    k: int = param(15, "Neighbours compared between the map and the full space.", low=1, high=200)


@dataclass(frozen=True, slots=True, eq=False)
class Projection:
    """Maps of all layers.

    ``coords`` (n_layers, n_points, n_components); ``row_index``, ``text_index`` and ``token_index`` (n_points,) say
    which row of the activations, which text and which token (-1 for a whole text) a point is, and ``tokens`` (n_points,) what
    those tokens are (empty where points are no tokens, or where that is not known); ``token_spans`` (n_points, 2) are the
    characters of its text that a token stands for (-1 for none; no rows where that is not known). ``norms`` (n_layers, n_points)
    are the Euclidean lengths of the rows. ``trustworthiness`` and
    ``neighbour_overlap`` (n_layers,) compare the ``k`` nearest neighbours in the map and in the full space, both among all points (at most 50,000), for
    ``n_compared`` of them; ``overlap_by_chance`` is what unrelated maps share. ``alignment_residual`` (n_layers,), 0 to 1, is
    what the best alignment of each map with the one before it leaves; 0 for the first. ``explained_variance_ratio`` is (n_layers, n_components) for
    PCA and (0, n_components) for the others, ``variance_shown`` (n_layers,) or (0,) the sum over the axes. ``method`` and
    ``perplexity`` are the ones used.
    """

    coords: npt.NDArray[np.float32]
    row_index: Indices
    text_index: Indices
    token_index: Indices
    tokens: tuple[str, ...]
    token_spans: Indices
    norms: Floats
    trustworthiness: Floats
    neighbour_overlap: Floats
    overlap_by_chance: float
    alignment_residual: Floats
    explained_variance_ratio: Floats
    variance_shown: Floats
    k: int
    n_compared: int
    method: str
    perplexity: float
    n_rows: int
    n_dims: int


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: ProjectionParams, seed: int, report: Report
) -> Outcome[Projection]:
    """Lay out all layers of one stack; a layer whose rows are all identical stays without coordinates.

    All maps are made first and offered, then it is measured how far each can be trusted. UMAP never calls back, so that it is
    cancelled between layers only; t-SNE is, within 25 iterations.
    """
    return lay_out_all(stacks[0], params, seed, report, show=offer)


def lay_out_all(
    stack: LayerStack,
    params: ProjectionParams,
    seed: int,
    report: Report,
    *,
    each: str = "layer",
    show: Callable[[Outcome[Projection]], None] | None = None,
) -> Outcome[Projection]:
    """The maps of the matrices of ``stack``, each begun from the one before; ``each`` is what a note calls one of them.

    ``show`` is given them before their quality is measured, unless there are too few rows for that.
    Raises InvalidRequest for 3 dimensions with another method than PCA.
    """
    if params.n_components == 3 and params.method != "pca":
        raise InvalidRequest(f"{params.method} makes maps of 2 dimensions here, not 3.", "Use PCA for 3 dimensions.")
    n_rows = len(stack.rows[0])
    rows = sampled_rows(n_rows, min(params.max_rows, most_laid_out(params.method)), seed)
    used, notes = _fitted(params, len(rows))
    among = sampled_rows(len(rows), _MOST_SEARCHED, seed)
    compared = sampled_rows(len(among), _MOST_COMPARED, seed)
    k = max(1, min(params.k, (len(among) - 1) // 2))
    values = _empty(stack, rows, used, k, len(compared))
    laying, comparing = one_then_other(report, _SHARE_OF_MAPS[used.method])
    reasons: list[str | None] = []
    kept: list[_Kept | None] = []
    reference: Floats | None = None
    n_zero = 0
    for layer, matrix in enumerate(stack.rows):
        inner = part_of(laying, layer, len(stack), stack.layer_names[layer])
        inner(0, 1, "")
        x = _drawn(matrix, rows)
        values.norms[layer] = row_norms(x)
        reason = why_undefined(x, min_rows=2, step=stack.step)
        if reason is None and used.metric == "cosine":
            n_zero = max(n_zero, int((~x.any(axis=1)).sum()))
            x = _directions(x)
            reason = "all rows point the same way" if why_undefined(x, min_rows=2, step=stack.step) else None
        reasons.append(reason)
        kept.append(None)
        if reason is None:
            before = reference
            reference, near = _lay_out(values, layer, x, before, used, seed, inner)
            values.alignment_residual[layer] = 0.0 if before is None else alignment_residual(reference, before)
            near = None if near is None or len(among) < len(x) else near[compared, :k]
            kept[-1] = _Kept(reference[among], near)
    more = (*notes, *notes_on_maps(values, len(stack), used, len(among), n_zero, each))
    if 2 * k < len(among):
        if show is not None:
            early = _as_laid_out(values)
            show(Outcome(early, gaps_of_maps(early, reasons, NOT_YET), more))
        for layer, (matrix, one) in enumerate(zip(stack.rows, kept, strict=True)):
            part_of(comparing, layer, len(stack), stack.layer_names[layer])(0, 1, "quality of the map")
            if one is not None:
                x = _drawn(matrix, rows)
                x = _directions(x) if used.metric == "cosine" else x
                found = quality(x if len(among) == len(x) else x[among], one.coords, k, compared, one.near)
                values.trustworthiness[layer], values.neighbour_overlap[layer] = found
    report(len(stack), len(stack), "")
    few = f"{len(rows):,} rows are too few to compare {k} neighbours"
    return Outcome(values, gaps_of_maps(values, reasons, few), more)


@dataclass(frozen=True, slots=True, eq=False)
class _Kept:
    """What the quality of a map is measured by: where the points lie among which neighbours are looked for, in float64, and the neighbours that
    are known of those compared, (n_compared, k) in the full space."""

    coords: Floats
    near: Indices | None


def _drawn(matrix: AnyRows, rows: Indices) -> AnyRows:
    """The rows of a layer that are laid out; where that is all of them, they are read where they lie."""
    return np.asarray(matrix if len(rows) == len(matrix) else matrix[rows], dtype=np.float32)


def _directions(x: AnyRows) -> AnyRows:
    return unit_rows(x).astype(np.float32)


def _as_laid_out(values: Projection) -> Projection:
    """``values`` before the quality of any map is measured, whatever is filled in later."""
    n = len(values.coords)
    return replace(values, trustworthiness=np.full(n, np.nan), neighbour_overlap=np.full(n, np.nan))


def most_laid_out(method: str) -> int:
    """How many rows a method lays out at most: "pca", "tsne" or "umap"."""
    return _MOST_OF_ALL if method == "pca" else _MOST_LAID_OUT


def _fitted(params: ProjectionParams, n_points: int) -> tuple[ProjectionParams, list[str]]:
    """The parameters as ``n_points`` rows allow them, and sentences on what was changed."""
    notes = []
    if params.method != "pca" and n_points < _LEAST_ROWS:
        notes.append(f"{n_points:,} rows are too few for {params.method}: principal components are shown.")
        params = replace(params, method="pca")
    if params.method == "tsne" and params.perplexity > (n_points - 1) / 3:
        notes.append(
            f"Perplexity {params.perplexity:g} was lowered to {(n_points - 1) / 3:.3g}: there are {n_points:,} rows."
        )
        params = replace(params, perplexity=(n_points - 1) / 3)
    if params.method == "umap" and params.n_neighbors > n_points - 1:
        notes.append(
            f"UMAP's neighbours were lowered from {params.n_neighbors:,} to {n_points - 1:,}: there are {n_points:,} rows."
        )
        params = replace(params, n_neighbors=n_points - 1)
    return params, notes


def _empty(stack: LayerStack, rows: Indices, params: ProjectionParams, k: int, n_compared: int) -> Projection:
    first, n_layers, n = stack.matrices[0], len(stack), len(rows)
    n_shares = n_layers if params.method == "pca" else 0
    return Projection(
        coords=np.full((n_layers, n, params.n_components), np.nan, dtype=np.float32),
        row_index=rows,
        text_index=_taken(first.text_index, rows, rows),
        token_index=_taken(first.token_index, rows, np.full(n, -1)),
        tokens=() if stack.tokens is None else stack.tokens.of(rows),
        token_spans=np.zeros((0, 2), dtype=np.int64) if stack.tokens is None else stack.tokens.spans_of(rows),
        norms=np.full((n_layers, n), np.nan),
        trustworthiness=np.full(n_layers, np.nan),
        neighbour_overlap=np.full(n_layers, np.nan),
        overlap_by_chance=min(1.0, k / max(1, min(n, _MOST_SEARCHED) - 1)),
        alignment_residual=np.full(n_layers, np.nan),
        explained_variance_ratio=np.full((n_shares, params.n_components), np.nan),
        variance_shown=np.full(n_shares, np.nan),
        k=k,
        n_compared=n_compared,
        method=params.method,
        perplexity=params.perplexity,
        n_rows=len(stack.rows[0]),
        n_dims=stack.rows[0].shape[1],
    )


def _taken(index: Array | None, rows: Indices, otherwise: Indices) -> Indices:
    return np.asarray(otherwise if index is None else index[rows], dtype=np.int64)


def _lay_out(
    values: Projection,
    layer: int,
    x: AnyRows,
    reference: Floats | None,
    params: ProjectionParams,
    seed: int,
    report: Report,
) -> tuple[Floats, Indices | None]:
    """Fill in one layer's map, which is the next layer's reference; also the neighbours that it needed."""
    start, ratios = pca_layout(x, params.n_components)
    indices: Indices | None = None
    if params.method == "pca":
        values.explained_variance_ratio[layer], values.variance_shown[layer] = ratios, ratios.sum()
        coords = oriented(start)
    else:
        n_near = int(np.ceil(3 * params.perplexity)) if params.method == "tsne" else params.n_neighbors - 1
        distances, indices = nearest_neighbours(x, min(len(x) - 1, max(n_near, values.k)))
        near = (distances**2 / 2 if params.metric == "cosine" else distances)[:, :n_near], indices[:, :n_near]
        report(0, 1, "neighbours found")
        if params.align and reference is not None:
            start = reference
        if params.method == "tsne":
            coords = tsne_layout(
                near, start, perplexity=params.perplexity, n_iter=params.n_iter, seed=seed, report=report
            )
        else:
            coords = umap_layout(
                x,
                near,
                start,
                n_neighbors=params.n_neighbors,
                min_dist=params.min_dist,
                n_iter=params.n_iter,
                seed=seed,
            )
        coords = aligned(coords, start)
    values.coords[layer] = coords
    return coords, indices


_ROW = 1.5e5  # multiplications in whose time the neighbours of a row are sorted and compared


def projection_work(size: Size, params: ProjectionParams) -> float:
    """Multiplications: neighbours in the full space and on the map, then t-SNE's or UMAP's iterations over the points."""
    laid_out = min(size.n_rows, params.max_rows, most_laid_out(params.method))
    searched = laid_out if params.method != "pca" else 0
    compared = min(laid_out, _MOST_COMPARED)
    pairs = min(laid_out, MOST_EXACT)
    turns = {"pca": 0.0, "tsne": 1e6 + laid_out * (pairs + 3e3 * params.perplexity / 30), "umap": 1.5e4 * laid_out}
    compiled = 3e10 if params.method == "umap" else 0.0  # once in a process
    components = 2.0 * laid_out * size.n_dims * min(size.n_dims, laid_out)
    looked = (searched + compared) * (min(laid_out, _MOST_SEARCHED) * (0.2 * size.n_dims + 150.0) + _ROW)
    return size.n_matrices * (looked + components + turns[params.method] * params.n_iter) + compiled


PROJECTION = Metric(
    name="projection",
    version=6,
    title="Projection",
    scope="stack",
    params=ProjectionParams,
    result=Projection,
    run=run,
    worker="layouts",
    aliases=("pca", "tsne", "umap"),
    effort=Effort(projection_work, rate=1.6e-10, start=0.03, each=0.013),
)
