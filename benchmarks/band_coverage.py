"""How often a profile's 95 % band holds the population's value, and how wide it is beside the spread of fresh samples.

Run ``python -m benchmarks band_coverage`` (some minutes on one core). Populations are known: normal rows of given variances, whose
numbers follow from the variances alone, and for intrinsic dimension normal rows of few dimensions.
"""

from collections.abc import Callable, Sequence

import numpy as np

from backend.metrics.anisotropy.bands import NORMAL_95, banded
from backend.metrics.anisotropy.cosine import averages, averages_with_errors
from backend.metrics.anisotropy.kernel import (
    MEASURES,
    anisotropy_of,
    decompose,
    effective_rank_of,
    isoscore_of,
    measures,
    measures_of,
    participation_ratio_of,
    standard_errors,
)
from backend.metrics.dimension.kernel import ESTIMATORS, Settings, estimates, graph_size, jackknife, neighbour_graph
from backend.metrics.shared.linalg import Floats, Matrix

N_SAMPLES, N_BOOTSTRAPPED, N_BOOTSTRAP, MOST_BOOTSTRAPPED = 60, 12, 40, 1000


def populations(n_dims: int = 256) -> dict[str, Floats]:
    """Variances (n_dims,) by name."""
    falling = 1.0 / np.arange(1, n_dims + 1)
    rogue = falling.copy()
    rogue[0] = falling[1:].sum()
    return {"even, 64": np.ones(64), "falling as 1/i, 256": falling, "half in one, 256": rogue}


def known(variances: Floats) -> Floats:
    """The population's MEASURES."""
    share = anisotropy_of(variances)
    isoscore, ratio = isoscore_of(variances, len(variances)), participation_ratio_of(variances)
    return np.array([share, share, isoscore, ratio, effective_rank_of(variances)])


def _jackknifed(x: Floats) -> tuple[Floats, Floats]:
    parts = decompose(x)
    return measures_of(parts), standard_errors(x, parts)


def _bootstrapped(x: Floats, statistic: Callable[[Matrix], Floats], seed: int) -> Floats:
    def jackknifed() -> tuple[Floats, Floats]:
        raise NotImplementedError  # not asked for: the kind is "bootstrap"

    found = banded(
        x,
        statistic,
        jackknifed,
        kind="bootstrap",
        n_bootstrap=N_BOOTSTRAP,
        batch_rows=1,
        seed=seed,
        step=lambda: None,
    )
    return np.asarray((found.high - found.low) / (2 * NORMAL_95))


def table(
    name: str,
    n_rows: int,
    truth: Floats,
    draw: Callable[[int], Floats],
    both: Callable[[Floats], tuple[Floats, Floats]],
    statistic: Callable[[Matrix], Floats],
    labels: Sequence[str],
) -> None:
    """One line for each number: its bias, coverage of the truth, and both bands' widths beside the samples' spread."""
    found = [both(draw(seed)) for seed in range(N_SAMPLES)]
    values, errors = (np.array(part) for part in zip(*found, strict=True))
    spread, mean = values.std(axis=0, ddof=1), values.mean(axis=0)
    inside = (np.abs(values - truth) <= NORMAL_95 * errors).mean(axis=0)
    of_mean = (np.abs(values - mean) <= NORMAL_95 * errors).mean(axis=0)
    few = range(N_BOOTSTRAPPED if n_rows <= MOST_BOOTSTRAPPED else 0)
    resampled = [_bootstrapped(draw(seed), statistic, seed) for seed in few]
    boot = np.mean(resampled, axis=0) / spread if resampled else np.full(len(labels), np.nan)
    for i, label in enumerate(labels):
        print(
            f"| {name} | {n_rows:,} | {label} | {truth[i]:.3g} | {mean[i]:.3g} | {inside[i]:.0%} | {of_mean[i]:.0%} | "
            f"{np.median(errors[:, i]) / spread[i]:.2f} | {boot[i]:.2f} |",
            flush=True,
        )


def spectra() -> None:
    for name, variances in populations().items():
        for n_rows in (200, 872, 4096):

            def draw(seed: int, variances: Floats = variances, n_rows: int = n_rows) -> Floats:
                return np.random.default_rng(seed).normal(size=(n_rows, len(variances))) * np.sqrt(variances)

            table(name, n_rows, known(variances), draw, _jackknifed, measures, MEASURES)


def cosines(n_dims: int = 64) -> None:
    offset = np.zeros(n_dims)
    offset[0] = 4.0
    rng = np.random.default_rng(99)
    total = np.zeros(n_dims)
    for _ in range(100):
        rows = rng.normal(size=(20_000, n_dims)) + offset
        total += (rows / np.linalg.norm(rows, axis=1, keepdims=True)).mean(axis=0) / 100
    truth = np.array([total @ total, 0.0])
    for n_rows in (200, 872):

        def draw(seed: int, n_rows: int = n_rows) -> Floats:
            return np.random.default_rng(seed).normal(size=(n_rows, n_dims)) + offset

        table(
            "even, 64, offset 4",
            n_rows,
            truth,
            draw,
            averages_with_errors,
            averages,
            ("average cosine", "the same, centred"),
        )


def dimensions() -> None:
    settings = Settings()
    for n_dims in (2, 5, 20):
        for n_rows in (1000, 4000):
            samples: list[tuple[list[float], list[float], list[float]]] = []
            for seed in range(24):
                x = np.random.default_rng(seed).normal(size=(n_rows, n_dims))
                graph = neighbour_graph(x, graph_size(settings))
                bands, found = jackknife(graph, settings, seed=seed), estimates(graph, settings)
                low_end, high_end = ([float(bands[name][end]) for name in ESTIMATORS] for end in (0, 1))
                samples.append(([float(found[name]) for name in ESTIMATORS], low_end, high_end))
            values, low, high = (np.array(part) for part in zip(*samples, strict=True))
            inside = ((low <= n_dims) & (n_dims <= high)).mean(axis=0)
            width = np.median(high - low, axis=0) / 2 / 2.262 / values.std(axis=0, ddof=1)
            for i, name in enumerate(ESTIMATORS):
                mean = values[:, i].mean()
                print(
                    f"| normal, {n_dims} | {n_rows:,} | {name} | {n_dims} | {mean:.3g} | {inside[i]:.0%} | | {width[i]:.2f} | |",
                    flush=True,
                )


def main() -> None:
    head = ("population", "rows", "number", "its value", "mean of samples", "band holds it", "band holds the mean")
    print("| " + " | ".join((*head, "jackknife / spread", "bootstrap / spread")) + " |")
    print("|" + "---|" * 9)
    spectra()
    cosines()
    dimensions()


if __name__ == "__main__":
    main()
