"""Intrinsic dimension from nearest-neighbour distances: TwoNN, MLE, MADA, method of moments, from one shared graph.

Identical rows count once. A pair at distance 0 says nothing about dimension, and beside a copied row the two nearest
neighbours of a third are equally far; the kernels therefore work on the distinct rows and say how many were dropped.
Estimates fall with n for large dimensions: an estimate above ``resolvable_dimension(n)`` is best read as a lower bound.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.neighbors.kernel import (
    AnyRows,
    Floats,
    Indices,
    checked_rows,
    distinct_rows,
    neighbours_of_distinct,
)
from backend.metrics.shared.rounding import distance_rounding, row_reach, same_points, step_of, tied
from backend.values.activations import Report, no_report

ESTIMATORS = ("two_nn", "two_nn_mle", "mle", "mada", "method_of_moments")
DISCARD_FRACTIONS = {"usual": 0.1, "paper notebook": 0.8}  # the second is what Razzhigaev et al. ran
N_GROUPS = 10  # of the jackknife
_T_QUANTILE = 2.262157  # of Student's t with N_GROUPS - 1 degrees of freedom, for 95 %
# Share of equal neighbour distances above which there is no estimate. Up to there, uniform rows of 2 to 20 dimensions
# rounded to ever coarser grids had estimates within a third of those before; moments look at sums, which ties do not harm.
_MOST_TIED = {"two_nn": 0.5, "two_nn_mle": 0.5, "mle": 0.75, "mada": 0.75, "method_of_moments": 1.0}


@dataclass(frozen=True, slots=True)
class Settings:
    """How the estimators are run: share of the largest ratios that TwoNN drops, and neighbours of the others."""

    discard_fraction: float = 0.1
    k: int = 20
    k_moments: int = 100

    def __post_init__(self) -> None:
        if not 0 <= self.discard_fraction < 1:
            raise InvalidRequest(
                f"discard_fraction is {self.discard_fraction}.", "Give a share from 0 to below 1; 0.1 is usual."
            )
        if self.k < 2 or self.k_moments < 2:
            raise InvalidRequest(
                f"k is {self.k} and k_moments {self.k_moments}.", "These estimators compare at least 2 neighbours."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Nearest neighbours among the distinct rows of a matrix.

    ``distances`` and ``indices`` are (n_distinct, k), no distance is 0; ``rows`` (n_distinct,) are the rows' numbers in
    the matrix, ``n_duplicates`` counts the rows left out.
    """

    distances: Floats
    indices: Indices
    rows: Indices
    n_duplicates: int


def two_nn(x: AnyRows, *, discard_fraction: float = 0.1, method: str = "linear") -> float:
    """TwoNN estimate of the intrinsic dimension, from the ratio of the second to the first neighbour distance.

    ``x`` is (n_rows, n_dims). "linear" fits -log(1 - F) = d log(mu) through the origin after dropping the largest
    ``discard_fraction`` of the ratios; "mle" is the unbiased maximum-likelihood estimate with those censored. NaN
    where fewer than 3 rows are distinct or no ratio exceeds 1. Facco et al. (2017); Denti et al. (2022).
    """
    if method not in ("linear", "mle"):
        raise InvalidRequest(f"There is no TwoNN method '{method}'.", "Choose 'linear' or 'mle'.")
    settings = Settings(discard_fraction=discard_fraction)
    graph = neighbour_graph(x, 2)
    return estimates(graph, settings)["two_nn" if method == "linear" else "two_nn_mle"]


def mle(x: AnyRows, *, k: int = 20) -> float:
    """Maximum-likelihood estimate of the intrinsic dimension: harmonic mean over the rows' own estimates.

    ``x`` is (n_rows, n_dims), ``k`` the neighbours of a row (all, where there are fewer). NaN below 3 distinct rows.
    Levina and Bickel (2004), with the mean of MacKay and Ghahramani (2005).
    """
    settings = Settings(k=k)
    return estimates(neighbour_graph(x, settings.k), settings)["mle"]


def mada(x: AnyRows, *, k: int = 20) -> float:
    """Manifold-adaptive estimate: mean over the rows of ln(k / j) / ln(R_k / R_j), j half of k, rounded down.

    ``x`` is (n_rows, n_dims), ``k`` the neighbours of a row (all, where there are fewer). NaN below 3 distinct rows.
    Farahmand et al. (2007), whose ln 2 is that of an even k. The mean lies above the dimension by ``mada_excess(k)``.
    """
    settings = Settings(k=k)
    return estimates(neighbour_graph(x, settings.k), settings)["mada"]


def method_of_moments(x: AnyRows, *, k: int = 100) -> float:
    """Method-of-moments estimate: mean over the rows of m / (R_k - m), m the mean of the row's k neighbour distances.

    ``x`` is (n_rows, n_dims), ``k`` the neighbours of a row (all, where there are fewer). NaN below 3 distinct rows.
    Amsaleg et al. (2018).
    """
    settings = Settings(k_moments=k)
    return estimates(neighbour_graph(x, settings.k_moments), settings)["method_of_moments"]


def neighbour_graph(x: AnyRows, k: int, *, step: float | None = None, report: Report = no_report) -> Graph:
    """The ``k`` nearest neighbours among the distinct rows of ``x``; fewer where there are not that many.

    Rows that differ by rounding alone are one row (``rounding.same_points``, in the format of ``step``), and distances
    that differ by the rounding of the rows' entries alone are made equal: their ratio says nothing.
    """
    x, step = checked_rows(x), step_of(x, step)
    rows, _ = distinct_rows(x)
    while True:
        here = x if len(rows) == len(x) else x[rows]
        if len(rows) < 2:
            none = np.zeros((len(rows), 0))
            return Graph(none, none.astype(np.int64), rows, len(x) - len(rows))
        distances, indices = neighbours_of_distinct(here, min(k, len(rows) - 1), report=report)
        copied = _copied(here, distances, indices, step)
        if not copied.any():
            return Graph(tied(distances, distance_rounding(here)), indices, rows, len(x) - len(rows))
        rows = rows[~copied]


def _copied(x: AnyRows, distances: Floats, indices: Indices, step: float) -> npt.NDArray[np.bool_]:
    """Which rows are the same point as an earlier one among their neighbours: copies come first in each list."""
    copied, open_rows = np.zeros(len(x), dtype=bool), np.arange(len(x))
    longest = np.maximum(x.max(axis=1), -x.min(axis=1)).astype(np.float64) * np.sqrt(x.shape[1])  # no row is longer
    reach = row_reach(x.shape[1], step) * (1 + 1e-6)
    for place in range(indices.shape[1]):
        others = indices[open_rows, place]
        within = distances[open_rows, place] <= reach * np.maximum(longest[open_rows], longest[others])
        open_rows, others = open_rows[within], others[within]
        same = same_points(x[open_rows], x[others], step)
        copied[open_rows[same & (others < open_rows)]] = True
        open_rows = open_rows[same & ~copied[open_rows]]
        if not len(open_rows):
            break
    return copied


def estimates(graph: Graph, settings: Settings) -> dict[str, float]:
    """All estimates by name, from one graph of at least ``settings.k_moments`` neighbours (or all there are).

    NaN where so many neighbours of a row are equally far, as on a grid, that nothing is left to estimate from:
    more than half of the two nearest for TwoNN, three quarters of the k nearest for MLE and MADA.
    """
    log_ratios = _log_ratios(graph.distances)
    found = {
        "two_nn": _two_nn_linear(log_ratios, settings.discard_fraction),
        "two_nn_mle": _two_nn_mle(log_ratios, settings.discard_fraction),
        "mle": _mle(graph.distances[:, : settings.k]),
        "mada": _mada(graph.distances[:, : settings.k]),
        "method_of_moments": _moments(graph.distances[:, : settings.k_moments]),
    }
    shares = tied_shares(graph, settings)
    return {name: value if shares[name] <= _MOST_TIED[name] else float("nan") for name, value in found.items()}


def tied_shares(graph: Graph, settings: Settings) -> dict[str, float]:
    """Share of successive neighbours that are equally far, in [0, 1], among those that each estimator looks at."""
    lists = {"mle": settings.k, "mada": settings.k, "method_of_moments": settings.k_moments}
    shares = {}
    for name in ESTIMATORS:
        part = graph.distances[:, : lists.get(name, 2)]
        shares[name] = float((part[:, 1:] == part[:, :-1]).mean()) if part.shape[1] > 1 and len(part) else 0.0
    return shares


def estimate(
    x: AnyRows, name: str, settings: Settings, *, step: float | None = None, report: Report = no_report
) -> float:
    """One estimate by name, from as many neighbours as it needs."""
    k = {"two_nn": 2, "two_nn_mle": 2, "method_of_moments": settings.k_moments}.get(name, settings.k)
    return estimates(neighbour_graph(x, k, step=step, report=report), settings)[name]


def graph_size(settings: Settings) -> int:
    """Neighbours that ``jackknife`` wants in the graph: enough to have k left when a tenth of the rows is gone."""
    most = max(settings.k, settings.k_moments)
    return int(np.ceil(most * 1.15)) + 16


def jackknife(graph: Graph, settings: Settings, *, seed: int) -> dict[str, tuple[float, float]]:
    """95 % intervals by name: the delete-a-group jackknife over ``N_GROUPS`` random groups of rows.

    Drawing rows with replacement would make copies, so that no bootstrap is possible here; leaving a tenth of the rows
    out changes each neighbourhood a little, as another sample would, and needs no new search. NaN where the estimate
    or one of the ten is.
    """
    whole = estimates(graph, settings)
    n_rows = len(graph.rows)
    if n_rows < 3 * N_GROUPS:
        return dict.fromkeys(ESTIMATORS, (np.nan, np.nan))
    groups = np.random.default_rng(seed).permutation(n_rows) % N_GROUPS
    parts = [estimates(_without(graph, groups == group), settings) for group in range(N_GROUPS)]
    bands = {}
    for name in ESTIMATORS:
        values = np.array([part[name] for part in parts])
        half = _T_QUANTILE * np.sqrt((N_GROUPS - 1) / N_GROUPS * ((values - values.mean()) ** 2).sum())
        bands[name] = (float(max(0.0, whole[name] - half)), float(whole[name] + half))
    return bands


def mada_excess(k: int) -> float:
    """How far ``mada`` lies above the dimension, relatively, where density is even: from its exact expectation.

    Of k points in a ball the share of the volume that j = k // 2 of them take is Beta(j, k - j): 0.076 for k = 20, 0.69
    for k = 4; infinite for k = 2, where the mean over the rows does not settle.
    """
    from scipy.integrate import quad
    from scipy.stats import beta

    if k < 3:
        return float("inf")
    mean = quad(lambda share: beta.pdf(share, k // 2, k - k // 2) / -np.log(share), 0.0, 1.0)[0]
    return float(np.log(k / (k // 2)) * mean - 1.0)


def resolvable_dimension(n_rows: int) -> float:
    """The largest dimension that n rows can show by counting neighbours: 2 log10(n). Eckmann and Ruelle (1992)."""
    return float(2 * np.log10(max(n_rows, 1)))


def _without(graph: Graph, gone: npt.NDArray[np.bool_]) -> Graph:
    """The graph among the rows that stay, read off the longer lists of the full graph."""
    kept_rows = np.flatnonzero(~gone)
    stays = ~gone[graph.indices[kept_rows]]
    width = min(int(stays.sum(axis=1).min()), graph.indices.shape[1])
    order = np.argsort(~stays, axis=1, kind="stable")[:, :width]
    distances = np.take_along_axis(graph.distances[kept_rows], order, axis=1)
    indices = np.take_along_axis(graph.indices[kept_rows], order, axis=1)
    return replace(graph, distances=distances, indices=indices, rows=graph.rows[kept_rows])


def _log_ratios(distances: Floats) -> Floats:
    """log(r2 / r1) of every row, ascending; empty where there is no second neighbour."""
    if distances.shape[1] < 2:
        return np.zeros(0)
    return np.sort(np.log(distances[:, 1] / distances[:, 0]))


def _two_nn_linear(log_ratios: Floats, discard_fraction: float) -> float:
    n = len(log_ratios)
    kept = min(int(n * (1 - discard_fraction)), n - 1)  # at F = 1 the fit has no value: the last ratio always goes
    if kept < 2:
        return float("nan")
    x, y = log_ratios[:kept], -np.log1p(-np.arange(1, kept + 1) / n)
    return _ratio(float(x @ y), float(x @ x))


def _two_nn_mle(log_ratios: Floats, discard_fraction: float) -> float:
    n = len(log_ratios)
    kept = int(n * (1 - discard_fraction))
    if kept < 2:
        return float("nan")
    return _ratio(kept - 1.0, float(log_ratios[:kept].sum() + (n - kept) * log_ratios[kept - 1]))


def _mle(distances: Floats) -> float:
    k = distances.shape[1]
    if k < 2:
        return float("nan")
    sums = np.log(distances[:, -1:] / distances).sum(axis=1)
    return _ratio(k - 1.0, float(sums.mean()))


def _mada(distances: Floats) -> float:
    k = distances.shape[1]
    if k < 2:
        return float("nan")
    log_ratios = np.log(distances[:, k - 1] / distances[:, k // 2 - 1])
    return _mean_ratio(np.full(len(log_ratios), np.log(k / (k // 2))), log_ratios)


def _moments(distances: Floats) -> float:
    if distances.shape[1] < 2:
        return float("nan")
    mean = distances.mean(axis=1)
    return _mean_ratio(mean, distances[:, -1] - mean)


def _mean_ratio(above: Floats, below: Floats) -> float:
    """Mean of above / below over the rows where ``below`` is positive (equal neighbour distances have no estimate)."""
    has = below > 1e-12 * above
    return float((above[has] / below[has]).mean()) if has.any() else float("nan")


def _ratio(above: float, below: float) -> float:
    return above / below if below > 1e-12 * above else float("nan")
