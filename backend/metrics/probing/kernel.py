"""Classifier probes: networks of two hidden layers, the search for their setting, and the rows they are chosen by."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.direct_probe.kernel import sample_rows
from backend.metrics.shared.linalg import Floats, Ints, Matrix, as_matrix, centred, row_mean
from backend.metrics.shared.rounding import inverse_spread, step_of
from backend.values.activations import Report, no_report

SIZES = (32, 64, 128, 256)
EXPONENTS = tuple(range(-7, 1))
MOST_ITERATIONS = 1_000
_HELD_OUT = 0.2
_FACTOR = 4  # one setting in so many is kept for as many times more rows
_LEAST_ROWS = 50
_BATCH = 200  # scikit-learn's
_TOLERANCE, _ROUGH = 1e-4, 1e-3  # of the loss over ten passes: scikit-learn's, and that of a search's first rounds
_SCALED = tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]


@dataclass(frozen=True, slots=True)
class Setting:
    """Sizes of the two hidden layers, and the L2 weight (scikit-learn's ``alpha``)."""

    hidden: tuple[int, int]
    weight: float


@dataclass(frozen=True, slots=True, eq=False)
class Round:
    """One round of a search: each of ``settings`` fitted on ``n_rows``, and its accuracy on the held-out rows."""

    n_rows: int
    settings: tuple[Setting, ...]
    accuracy: Floats
    converged: npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Search:
    """The setting that was found, and the rounds in which it was."""

    best: Setting
    rounds: tuple[Round, ...]

    @property
    def n_fits(self) -> int:
        """Networks fitted."""
        return sum(len(one.settings) for one in self.rounds)

    @property
    def n_unconverged(self) -> int:
        """Those that were stopped at the most iterations."""
        return sum(int(np.count_nonzero(~one.converged)) for one in self.rounds)

    @property
    def held_accuracy(self) -> float:
        """The best setting's accuracy on the held-out rows in the last round: too high, as it is the winner's."""
        return float(self.rounds[-1].accuracy.max())


def all_settings(sizes: Sequence[int], exponents: Sequence[int], n_dims: int, n_classes: int) -> tuple[Setting, ...]:
    """Every setting of a grid: the smallest network first, and of equal networks the strongest regularisation.

    Raises InvalidRequest for an empty grid, one of more than 1,024 settings, sizes outside 1 to 1,024 and exponents outside -12 to 4.
    """
    if not sizes or not exponents or len(set(sizes)) ** 2 * len(set(exponents)) > 1_024:
        raise InvalidRequest(
            f"The grid has {len(set(sizes))} sizes and {len(set(exponents))} exponents.",
            "Give one of each at least, and at most 1,024 settings (sizes x sizes x exponents).",
        )
    if min(sizes) < 1 or max(sizes) > 1_024 or min(exponents) < -12 or max(exponents) > 4:
        raise InvalidRequest(
            f"The grid has sizes {_listed(sizes)} and exponents {_listed(exponents)}.",
            "A size is from 1 to 1,024, an exponent from -12 to 4.",
        )
    found = [
        Setting((int(one), int(two)), 10.0**exponent)
        for one, two, exponent in product(sorted(set(sizes)), sorted(set(sizes)), sorted(set(exponents), reverse=True))
    ]

    def n_weights(setting: Setting) -> int:
        one, two = setting.hidden
        return n_dims * one + one * two + two * n_classes

    return tuple(sorted(found, key=n_weights))


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))


def standardised(train: npt.ArrayLike, test: npt.ArrayLike, step: float | None = None) -> _SCALED:
    """Both parts in float32, in units of the training rows' mean and standard deviation; constant dimensions become 0."""
    rows = as_matrix(train)
    mean = row_mean(rows)
    scaled = centred(rows, mean)
    inverse = inverse_spread(scaled.std(axis=0), mean, step_of(rows, step))
    other = centred(as_matrix(test), mean)
    return (scaled * inverse).astype(np.float32), (other * inverse).astype(np.float32)


def hold_out(labels: Ints, seed: int) -> tuple[Ints, Ints]:
    """Row numbers to fit on and to choose by: a fifth of every class that has two rows, one row at least.

    Raises InvalidRequest where no class has two rows.
    """
    rng = np.random.default_rng([seed, 4])
    fit, held = [], []
    for label in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == label))
        n_held = max(1, round(_HELD_OUT * len(rows))) if len(rows) > 1 else 0
        held.append(rows[:n_held])
        fit.append(rows[n_held:])
    if not sum(map(len, held)):
        raise InvalidRequest(
            "No class has two training rows, so that none is left to choose a network by.",
            "Give more rows of each class, or choose the grid fixed.",
        )
    return np.sort(np.concatenate(fit)), np.sort(np.concatenate(held))


def round_sizes(n_settings: int, n_rows: int, n_classes: int, *, halving: bool) -> list[tuple[int, int]]:
    """(settings, rows) of each round of a search: all at once, or with ``halving`` ever fewer on ever more rows.

    A quarter of the settings go on to four times the rows, until at most four are left on all of them. No round has
    fewer than 50 rows or two for each class; where these are all rows, that round is the last.
    """
    if not halving:
        return [(n_settings, n_rows)]
    counts = [n_settings]
    while counts[-1] > _FACTOR:
        counts.append(counts[-1] // _FACTOR)
    least = max(_LEAST_ROWS, 2 * n_classes)
    sizes: list[tuple[int, int]] = []
    for place, count in enumerate(counts):
        rows = min(n_rows, max(least, n_rows // _FACTOR ** (len(counts) - 1 - place)))
        sizes.append((count, rows))
        if rows == n_rows:
            break
    return sizes


def fit_probe(
    x: npt.NDArray[np.float32], y: Ints, setting: Setting, seed: int, *, rough: bool = False, batch: int = _BATCH
) -> tuple[Any, bool]:  # a classifier of scikit-learn, which has no types
    """A ReLU network of two hidden layers on ``x`` (n_rows, n_dims), and whether it converged within 1,000 passes.

    scikit-learn's MLPClassifier with Adam and its defaults; ``rough`` stops at ten times the tolerance. The L2 weight
    is that of batches of ``batch`` rows, so that fewer rows are regularised alike. Zhou & Srikumar, section 2.1.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier
    from threadpoolctl import threadpool_limits

    model = MLPClassifier(
        setting.hidden,
        alpha=setting.weight * min(_BATCH, len(x)) / min(_BATCH, batch),
        max_iter=MOST_ITERATIONS,
        tol=_ROUGH if rough else _TOLERANCE,
        random_state=seed,
    )
    with threadpool_limits(1), warnings.catch_warnings():  # steps this small are slower on several threads
        warnings.simplefilter("ignore", ConvergenceWarning)  # counted instead
        model.fit(x, y)
    return model, model.n_iter_ < MOST_ITERATIONS


def search_setting(
    x: npt.NDArray[np.float32],
    y: Ints,
    settings: Sequence[Setting],
    *,
    halving: bool = True,
    seed: int = 0,
    report: Report = no_report,
) -> Search:
    """The setting that is right most often on a fifth of the rows ``x`` (n_rows, n_dims), fitted on the others.

    All ``settings`` on all rows, or with ``halving`` by rounds (``round_sizes``; all but the last stop early). Of equals
    the first one wins. ``report`` is called before each fit and may cancel. Raises InvalidRequest where no class has
    two rows. Successive halving: Jamieson & Talwalkar 2016, as scikit-learn's HalvingGridSearchCV does it.
    """
    fit, held = hold_out(y, seed)
    sizes = round_sizes(len(settings), len(fit), len(np.unique(y)), halving=halving)
    total, done, left = sum(count for count, _ in sizes), 0, list(settings)
    rounds = []
    for place, (count, n_rows) in enumerate(sizes):
        rows = fit[sample_rows(y[fit], n_rows, seed)]
        left = left[:count]
        accuracy, converged = np.zeros(count), np.zeros(count, dtype=bool)
        for number, setting in enumerate(left):
            report(done, total, f"{count} settings on {len(rows):,} rows")
            rough = place < len(sizes) - 1
            model, converged[number] = fit_probe(x[rows], y[rows], setting, seed, rough=rough, batch=len(fit))
            accuracy[number] = right_share(model, x[held], y[held])
            done += 1
        rounds.append(Round(len(rows), tuple(left), accuracy, converged))
        left = [left[i] for i in np.argsort(-accuracy, kind="stable")]
    return Search(left[0], tuple(rounds))


def right_share(model: Any, x: Matrix, y: Ints) -> float:  # a classifier of scikit-learn
    """Accuracy of a fitted ``model`` on ``x`` (n_rows, n_dims), in [0, 1]."""
    return float(np.mean(model.predict(x) == y))


def spread(values: Floats) -> Floats:
    """Standard deviation over the last axis with n - 1 in the denominator (ddof 1); NaN of fewer than two values."""
    if values.shape[-1] < 2:
        return np.full(values.shape[:-1], np.nan)
    found: Floats = values.std(axis=-1, ddof=1)
    return found
