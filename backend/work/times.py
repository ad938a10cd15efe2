"""Times that this instance has measured, and what they say of the next one: seconds, and how far they may be off.

A finished analysis, and a finished forward pass, leaves one measurement under the name of its metric, beside the guess that
was made for it (`metrics.effort`). An estimate is that guess, times what the measurements nearest in size differed by.
"""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from backend.metrics.effort import Size
from backend.store import Store
from backend.values.json_data import Json

FORWARD = "forward pass"  # what a pass of texts through a model is called among the metrics
MOST_KEPT = 64  # measurements of one metric
_VERSION = 1  # of the guesses that stand beside them
_PRIOR_SPREAD = math.log(3.0)  # a first guess is off by a factor of this, either way
_FLOOR = math.log(1.25)  # the same work does not take the same time twice
_PRIOR_WEIGHT = 0.5  # of the guess, against 1 of a measurement of the same work: one time on a busy machine says little
_OTHERWISE = 1.0  # how much further away a measurement with other parameters is, in the logarithm of the work
_HALF_LIFE = 16  # measurements after which one counts half
_KNOWN = 0.5  # the weight of measurements from which an estimate is no first guess


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement: the ``seconds`` it took, the ``guess`` in seconds that its size had, and ``how`` it was asked for."""

    seconds: float
    guess: float
    how: str = ""


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


def note_time(store: Store, name: str, size: Size, measured: Measured, worker: str = "") -> None:
    """Keep one measurement, in the place of the oldest where there are many; two processes may lose one of each other's."""
    if not (0 < measured.seconds < math.inf and 0 < measured.guess < math.inf):
        return
    about = [size.n_rows, size.n_dims, size.n_layers, size.n_models, size.n_classes]
    entry = [measured.seconds, measured.guess, measured.how, worker, *about, round(time.time())]
    kept = _raw(store, name)
    store.set_record(_key(name), [*kept[1 - MOST_KEPT :], entry])


def is_times(key: str) -> bool:
    """Whether a record holds measurements."""
    return key.startswith(f"seconds/{_VERSION}/")


def note_again(store: Store, key: str, value: Json) -> None:
    """Keep the last measurement of a record that another process wrote, among those that are kept here."""
    kept, last = store.record(key), value[-1:] if isinstance(value, list) else []
    store.set_record(key, [*(kept if isinstance(kept, list) else [])[1 - MOST_KEPT :], *last])


def times_of(store: Store, name: str) -> list[Measured]:
    """The measurements of one metric, oldest first; a record of another form counts for nothing."""
    return list(_read(_raw(store, name)))


def fitted(guess: float, how: str, known: Sequence[Measured]) -> Estimate:
    """What work with this ``guess`` (above 0), asked for in this way, will take by the measurements that are ``known``.

    The guess is multiplied by the weighted median of measured time over guess. A measurement weighs less the further
    its size is, the older it is, and where its parameters were others; without any near one the guess stays, with a wide spread.
    """
    ratios = np.array([math.log(one.seconds / one.guess) for one in known])
    distance = np.array([abs(math.log(guess / one.guess)) + (one.how != how) * _OTHERWISE for one in known])
    age = np.arange(len(known))[::-1]
    weights = np.exp(-distance) * 0.5 ** (age / _HALF_LIFE)
    total = float(weights.sum())
    trust = total / (total + _PRIOR_WEIGHT)
    middle = _quantile(ratios, weights, 0.5) if total else 0.0
    below, above = (abs(_quantile(ratios, weights, at) - middle) if total else 0.0 for at in (0.1, 0.9))
    seconds = guess * math.exp(trust * middle)
    down, up = (trust * max(_FLOOR, one) + (1 - trust) * _PRIOR_SPREAD for one in (below, above))
    return Estimate(seconds, seconds * math.exp(-down), seconds * math.exp(up), total >= _KNOWN)


def _quantile(values: np.ndarray, weights: np.ndarray, share: float) -> float:
    """The least value with at least ``share`` of the weights at or below it."""
    order = np.argsort(values, kind="stable")
    summed = np.cumsum(weights[order])
    return float(values[order][np.searchsorted(summed, share * summed[-1], side="left").clip(0, len(values) - 1)])


def _raw(store: Store, name: str) -> list[Json]:
    found = store.record(_key(name))
    return list(found) if isinstance(found, list) else []


def _read(entries: Sequence[Json]) -> Iterator[Measured]:
    for entry in entries:
        if not isinstance(entry, list) or len(entry) < 3:
            continue
        seconds, guess, how = entry[:3]
        numbers = all(type(one) in (int, float) and 0 < one < math.inf for one in (seconds, guess))
        if numbers and isinstance(how, str):
            yield Measured(float(seconds), float(guess), how)


def _key(name: str) -> str:
    return f"seconds/{_VERSION}/{name}"
