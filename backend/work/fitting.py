"""What measured times say of the next one: seconds, and how far they may be off. Numbers in, numbers out.

The time of a metric is taken to be ``a`` times what its guess says for any size, plus ``b`` times what the guess says grows.
Both factors are found from the measurements, each of which counts less the older it is, the further its size is from what is
asked and where its parameters were others; without measurements they are those of the instance. What the nearest measurements
still differ by from these two factors is added.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.metrics.shared.linalg import Floats

_MOST_USED = 32  # measurements, the latest
_SAME, _SPLIT = (
    0.8,
    0.7,
)  # how far the two factors may be from 1 together, and from each other, in logarithms, before any is measured
_NOISE = 0.2  # the same work does not take the same time twice
_ODD = 3.0  # degrees of freedom of Student's t: a time far off the others hardly moves the fit
_OTHERWISE = 1.0  # more noise in a measurement with other parameters
_AWAY = 0.12  # more noise for each factor of e between the sizes
_NEAR = 0.7  # how near a measurement is whose own difference counts, in the logarithm of the guess
_HALF_LIFE = 12  # measurements after which one counts half
_KNOWN = 0.5  # the weight of measurements from which an estimate is no first guess
_REACH = 2.5  # how far away a measurement still tells much, in the logarithm of the guess
_PACE_HALF_LIFE = 120.0  # seconds after which what a busy machine did to a time counts half
_PACE_NEXT = 3.0  # measurements after which one counts half
_PACE_OF_LOAD = 0.5  # weight of the load that the machine says it has, against 1 of a measurement just made
_LONG = 0.3  # seconds of work from which a measurement says all it can of the pace
_PACE_LIKE = 2.0  # how much longer or shorter a run is whose pace still tells much, in logarithms
_LEAST_SPREAD, _UNSURE = 0.1, 0.45  # of the pace: where the machine was calm for a while, and where it is busy
_EIGHT_OF_TEN = 1.2816  # standard deviations on either side that hold 80 % of a normal distribution
_GRID = np.linspace(-2.0, 2.0, 19)  # logarithms of the factors that are tried, around the middle of the measurements


MOST_SLOWED = 16.0  # times that a busy machine makes work longer; what takes longer than that waits for something else


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement: the ``seconds`` it took, the ``guess`` in seconds that its size had, and ``how`` it was asked for.

    ``start`` is the part of the guess that is the same for any size. ``worked`` are the seconds that the processor worked
    on it, NaN where they are not known: on a busy machine work takes longer than that.
    """

    seconds: float
    guess: float
    how: str = ""
    start: float = 0.0
    worked: float = math.nan

    @property
    def calm(self) -> float:
        """Seconds that it would have taken on a machine with nothing else to do: no more than it took, and no less than a sixteenth."""
        if not self.worked > 0:  # nor NaN
            return self.seconds
        return min(self.seconds, max(self.worked, self.seconds / MOST_SLOWED))

    @property
    def slowed(self) -> float:
        """The logarithm of how many times longer it took than on such a machine."""
        return math.log(self.seconds / self.calm)


@dataclass(frozen=True, slots=True)
class Pace:
    """How much longer work takes at present than on a calm machine.

    ``latest`` are measurements of any work, the newest first: the logarithm of how much longer it took, its seconds on a calm
    machine, and how many seconds ago it ended. ``load`` are the tasks that want a processor, for each that there is.
    """

    latest: tuple[tuple[float, float, float], ...] = ()
    load: float = 0.0

    def of(self, seconds: float) -> tuple[float, float]:
        """The logarithm of how much longer work takes that is of so many seconds on a calm machine, and how far off that may be.

        Measurements of about as long count most: other work takes more of a long run than of a short one.
        """
        slowed = np.array([*(one for one, _, _ in self.latest), math.log(min(MOST_SLOWED, max(1.0, self.load)))])
        weights = [
            math.sqrt(min(1.0, calm / _LONG))
            * 0.5 ** (age / _PACE_HALF_LIFE + place / _PACE_NEXT)
            * math.exp(-abs(math.log(calm / seconds)) / _PACE_LIKE)
            for place, (_, calm, age) in enumerate(self.latest)
        ]
        weight = np.array([*weights, _PACE_OF_LOAD])
        mean = float(np.average(slowed, weights=weight))
        around = float(np.average((slowed - mean) ** 2, weights=weight))
        return mean, max(_UNSURE if mean > math.log(1.25) else _LEAST_SPREAD, math.sqrt(around))


@dataclass(frozen=True, slots=True)
class Estimate:
    """Seconds that something will take, from ``low`` to ``high`` in most cases; ``measured`` here, or a first guess."""

    seconds: float
    low: float
    high: float
    measured: bool

    def __add__(self, other: "Estimate") -> "Estimate":
        """Both, one after the other; what makes one late may make the other late, so their ends add up."""
        return Estimate(
            self.seconds + other.seconds,
            self.low + other.low,
            self.high + other.high,
            self.measured and other.measured,
        )


NOTHING = Estimate(0.0, 0.0, 0.0, True)
CALM = Pace()


def fitted(
    guess: float, how: str, known: Sequence[Measured], *, start: float = 0.0, speed: float = 0.0, pace: Pace = CALM
) -> Estimate:
    """What work with this ``guess`` (above 0), asked for in this way, will take by the measurements that are ``known``.

    ``start`` is the part of the guess that does not grow, ``speed`` the logarithm of what first guesses are multiplied by on
    this instance, ``pace`` how busy its machine is now. The range from low to high holds about eight cases of ten.
    """
    known = known[-_MOST_USED:]
    distance = np.array([abs(math.log(guess / one.guess)) for one in known])
    other = np.array([one.how != how for one in known], dtype=bool)
    weights = 0.5 ** (np.arange(len(known))[::-1] / _HALF_LIFE)
    middle, variance, rest = _by_factors(guess, start, known, weights, distance, other, speed)
    near = weights * np.exp(-distance / _NEAR) * np.where(other, 0.05, 1.0)
    total = float(near.sum())
    trust = total / (total + 1.0)
    if total > 0:
        nearest = _median(rest, near)
        middle += trust * nearest
        variance += trust * float(np.average(np.clip(rest - nearest, -2.0, 2.0) ** 2, weights=near))
    slowed, unsure = pace.of(math.exp(middle))
    seconds = math.exp(middle + slowed)
    off = math.exp(_EIGHT_OF_TEN * math.sqrt(variance + _NOISE**2 + unsure**2))
    enough = float((weights * np.exp(-distance / _REACH) * np.where(other, 0.7, 1.0)).sum()) >= _KNOWN
    return Estimate(seconds, seconds / off, seconds * off, enough)


def _by_factors(
    guess: float,
    start: float,
    known: Sequence[Measured],
    weights: Floats,
    distance: Floats,
    other: Floats,
    speed: float,
) -> tuple[float, float, Floats]:
    """The logarithm of the time by the two factors, its variance, and what each measurement (n,) differs by from them."""
    calm = np.log([one.calm for one in known])
    centre = _median(calm - np.log([one.guess for one in known]), weights * np.exp(-distance)) if known else speed
    a, b = centre + _GRID[:, None], centre + _GRID[None, :]
    together, apart = (a + b) / 2 - speed, a - b
    score = -(together**2) / (2 * _SAME**2) - apart**2 / (2 * _SPLIT**2)
    rest = []
    scale = _NOISE**2 + (_OTHERWISE * other) ** 2 + (_AWAY * distance) ** 2
    for place, one in enumerate(known):
        rest.append(calm[place] - _log_time(one.guess, one.start, a, b))
        score = score - weights[place] * (_ODD + 1) / 2 * np.log1p(rest[-1] ** 2 / (_ODD * scale[place]))
    sure = np.exp(score - score.max())
    sure /= sure.sum()
    here = _log_time(guess, start, a, b)
    middle = float((sure * here).sum())
    variance = float((sure * (here - middle) ** 2).sum())
    return middle, variance, np.array([float((sure * one).sum()) for one in rest])


def _log_time(guess: float, start: float, a: Floats, b: Floats) -> Floats:
    found: Floats = np.log(start * np.exp(a) + max(guess - start, 1e-9 * guess) * np.exp(b))
    return found


def _median(values: Floats, weights: Floats) -> float:
    """The weighted median: the mean of the two in the middle where half of the weight ends between them."""
    order = np.argsort(values, kind="stable")
    summed = np.cumsum(weights[order]) / weights.sum()
    low = int(np.searchsorted(summed, 0.5 - 1e-9).clip(0, len(values) - 1))
    high = int(np.searchsorted(summed, 0.5 + 1e-9).clip(0, len(values) - 1))
    return float((values[order][low] + values[order][high]) / 2)
