"""The times that this instance has measured, as records in its store: of every metric, of forward passes, and its pace.

A finished analysis, and a finished forward pass, leaves one measurement under the name of its metric, beside the guess that
was made for it (`metrics.effort`); `fitting` says what they tell of the next one. One more record has the latest of all: how
much longer than on a calm machine things take at present, and by how much first guesses are off on this instance.
"""

import math
import os
import time
from collections.abc import Iterator, Sequence

import numpy as np

from backend.metrics.effort import Size
from backend.store import Store
from backend.values.json_data import Json
from backend.work.fitting import Measured, Pace

FORWARD = "forward pass"  # what a pass of texts through a model is called among the metrics
MOST_KEPT = 64  # measurements of one metric
_VERSION = 2  # of the guesses that stand beside them
_LATEST = "latest"  # the record of the latest measurements of all metrics
_MOST_LATEST = 32
Latest = tuple[
    tuple[float, float, float, str, float], ...
]  # seconds, those on a calm machine, the guess, the metric, when


def note_time(store: Store, name: str, size: Size, measured: Measured, worker: str = "") -> None:
    """Keep one measurement, in the place of the oldest where there are many; two processes may lose one of each other's."""
    if not (0 < measured.seconds < math.inf and 0 < measured.guess < math.inf):
        return
    about = [size.n_rows, size.n_dims, size.n_layers, size.n_models, size.n_classes]
    worked = measured.worked if 0 < measured.worked < math.inf else 0.0
    now = round(time.time(), 1)
    entry: list[Json] = [measured.seconds, measured.guess, measured.how, measured.start, worked, worker, *about, now]
    for key, most, new in (
        (_key(name), MOST_KEPT, entry),
        (_key(_LATEST), _MOST_LATEST, [measured.seconds, measured.calm, measured.guess, name, now]),
    ):
        kept = store.record(key)
        store.set_record(key, [*(kept if isinstance(kept, list) else [])[1 - most :], new])


def is_times(key: str) -> bool:
    """Whether a record holds measurements."""
    return key.startswith(f"seconds/{_VERSION}/")


def note_again(store: Store, key: str, value: Json) -> None:
    """Keep the last measurement of a record that another process wrote, among those that are kept here."""
    kept, last = store.record(key), value[-1:] if isinstance(value, list) else []
    most = _MOST_LATEST if key == _key(_LATEST) else MOST_KEPT
    store.set_record(key, [*(kept if isinstance(kept, list) else [])[1 - most :], *last])


def times_of(store: Store, name: str) -> list[Measured]:
    """The measurements of one metric, oldest first; a record of another form counts for nothing."""
    found = store.record(_key(name))
    return list(_read(found)) if isinstance(found, list) else []


def latest_of(store: Store) -> Latest:
    """The latest measurements of all metrics, newest first, for ``pace_of`` and ``speed_of``: one look at the store."""
    return tuple(_latest(store))


def pace_of(latest: Latest, *, load: float | None = None, now: float | None = None) -> Pace:
    """How much longer work takes now than on a calm machine: by the latest measurements, and by the machine's own load.

    ``load`` are the tasks that want a processor, for each that there is (as the machine says it, if not given), ``now`` seconds
    since the epoch.
    """
    now = time.time() if now is None else now
    found = tuple((math.log(took / calm), calm, max(0.0, now - at)) for took, calm, _, _, at in latest)
    return Pace(found, _load() if load is None else load)


def speed_of(latest: Latest, prior: float = 0.0) -> float:
    """The logarithm of what first guesses are to be multiplied by here: as a metric's was that has been measured.

    ``prior`` counts as one of them, the median of the metrics is taken.
    """
    by_metric: dict[str, float] = {}
    for _, calm, guess, name, _ in latest:
        by_metric.setdefault(name, math.log(calm / guess))
    return float(np.median([prior, prior, *by_metric.values()]))


def _latest(store: Store) -> list[tuple[float, float, float, str, float]]:
    """The latest measurements, newest first: seconds, those on a calm machine, the guess, the metric, and when it was."""
    found = store.record(_key(_LATEST))
    out = []
    for entry in reversed(found if isinstance(found, list) else []):
        if not isinstance(entry, list) or len(entry) != 5 or not isinstance(entry[3], str):
            continue
        numbers = [one for one in (*entry[:3], entry[4]) if type(one) in (int, float) and 0 < one < math.inf]
        if len(numbers) == 4:
            out.append((float(numbers[0]), float(numbers[1]), float(numbers[2]), entry[3], float(numbers[3])))
    return out


def _load() -> float:
    """Tasks that want a processor now, for each that there is, with the one that is to come."""
    try:
        return (os.getloadavg()[0] + 1) / (os.cpu_count() or 1)
    except (OSError, AttributeError):  # not known everywhere
        return 1.0


def _read(entries: Sequence[Json]) -> Iterator[Measured]:
    for entry in entries:
        if not isinstance(entry, list) or len(entry) < 5:
            continue
        seconds, guess, how, start, worked = entry[:5]
        numbers = all(type(one) in (int, float) and 0 < one < math.inf for one in (seconds, guess))
        least = all(type(one) in (int, float) and 0 <= one < math.inf for one in (start, worked))
        if numbers and least and isinstance(how, str):
            yield Measured(
                float(seconds), float(guess), how, min(float(start), float(guess)), float(worked) or math.nan
            )


def _key(name: str) -> str:
    return f"seconds/{_VERSION}/{name}"
