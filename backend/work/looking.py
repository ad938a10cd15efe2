"""Looking at a pass while it goes on: rows kept in memory as they come, and a first look made of them now and then.

It is done between two batches, by the process that does the pass, and takes at most SHARE of its time.
"""

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from backend.forms.fingerprint import fingerprint
from backend.values.activations import Activations, LayerStack, Report
from backend.values.stored import narrowed, widened
from backend.values.working import working_seconds
from backend.work.kinds import Hands
from backend.work.looks import MOST_ROWS, SEED, look_at, show_look
from backend.work.stacks import pass_of

if TYPE_CHECKING:
    from backend.models.extraction import Sink
    from backend.work.filling import Opened

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float32]

BEGIN_SECONDS = 3.0  # of a pass, before which there is no look; nor is there one so shortly before its end
EVERY_SECONDS = 2.0  # at least, between two looks
LEAST_ROWS = 40
SHARE = 0.05  # of the time of a pass that looks may take
_FIRST_ROWS = 64
_FIRST_COST = 0.1  # seconds that the first look is expected to take
_MOST_BYTES = 64 * 2**20  # of the rows kept


class Pace:
    """When the next look may be made, and of how many rows: so that all looks together take no more than their share."""

    def __init__(self, now: float) -> None:
        self._began = self._last = now
        self._spent = self._cost = 0.0
        self._n_rows = 0

    def rows_now(self, now: float, n_kept: int, share_done: float) -> int:
        """How many of ``n_kept`` rows to look at ``now``; 0: none yet. ``share_done`` is how much of the pass is done."""
        passed = now - self._began
        left = passed * (1.0 - share_done) / share_done if share_done > 0 else np.inf
        if n_kept < LEAST_ROWS or passed < BEGIN_SECONDS or left < BEGIN_SECONDS or now - self._last < EVERY_SECONDS:
            return 0
        n_rows = min(n_kept, 2 * self._n_rows or _FIRST_ROWS)
        return n_rows if self._spent + self._expected(n_rows) <= SHARE * passed else 0

    def _expected(self, n_rows: int) -> float:
        """Seconds that a look at so many rows will take, by the latest one: at most as their square."""
        return self._cost * (n_rows / self._n_rows) ** 2 if self._n_rows else _FIRST_COST

    def looked(self, now: float, seconds: float, n_rows: int) -> None:
        """Note a look that took so long."""
        self._last, self._cost, self._n_rows = now, seconds, n_rows
        self._spent += seconds

    def kept(self, seconds: float) -> None:
        """Note seconds in which rows were kept."""
        self._spent += seconds


class Sample:
    """Rows of all layers, drawn at random from those that have come: of each row it is known beforehand how early it is taken."""

    def __init__(self, n_layers: int, n_rows: int, n_dims: int) -> None:
        most = max(1, min(MOST_ROWS, n_rows, _MOST_BYTES // max(1, 4 * n_layers * n_dims)))
        self._rank = np.random.default_rng(SEED).permutation(n_rows)
        self._rows: Ints = np.zeros(0, np.int64)
        self._values = np.zeros((n_layers, most, n_dims), np.float32)
        self.n_seen = 0

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, rows: Ints, layers: dict[int, Floats]) -> None:
        """Take what belongs into the sample of a batch: ``layers`` has its rows of every layer."""
        self.n_seen += len(rows)
        most, kept = self._values.shape[1], self._rows
        joined = self._rank[np.concatenate([kept, rows])]
        chosen = np.sort(np.argsort(joined)[:most])
        new = chosen[chosen >= len(kept)] - len(kept)
        free = np.concatenate([np.setdiff1d(np.arange(len(kept)), chosen), np.arange(len(kept), most)])[: len(new)]
        self._rows = np.concatenate([kept, np.zeros(max(0, len(chosen) - len(kept)), np.int64)])
        self._rows[free] = rows[new]
        for layer, block in layers.items():
            self._values[layer, free] = block[new]

    def first(self, n_rows: int) -> tuple[Ints, list[Floats]]:
        """So many of the rows kept, ascending, and their values of each layer."""
        places = np.argsort(self._rank[self._rows])[:n_rows]
        places = places[np.argsort(self._rows[places])]
        return self._rows[places], [layer[places] for layer in self._values]


class Looking:
    """A sink before the one of a pass, and a report before the pass's own: between two batches they make a first look."""

    def __init__(self, hands: Hands, one: "Opened", sink: "Sink", report: Report) -> None:
        self._hands, self._one, self._sink, self._report = hands, one, sink, report
        self._names = one.loaded.info.layer_names
        self._sample = Sample(len(self._names), one.plan.n_rows(one.spec.pooling), one.n_dims)
        self._pace = Pace(working_seconds())
        self._coming: tuple[Ints, dict[int, Floats]] | None = None

    def write(self, layer: int, pooling: str, rows: Ints, block: Floats) -> None:
        """Hand a block on, and keep it until its batch is whole."""
        self._sink.write(layer, pooling, rows, block)
        if pooling != self._one.spec.pooling:
            return
        if self._coming is None or not np.array_equal(self._coming[0], rows):
            self._coming = rows, {}
        self._coming[1][layer] = block

    def report(self, done: int, total: int, stage: str) -> None:
        """Report, which may raise Cancelled; then take what has come, and look at it where it is time."""
        self._report(done, total, stage)
        coming, self._coming = self._coming, None
        if coming is None or len(coming[1]) < len(self._names):
            return  # a batch that memory ran out for: it comes again
        began = working_seconds()
        self._sample.take(*coming)
        now = working_seconds()
        self._pace.kept(now - began)
        n_rows = self._pace.rows_now(now, len(self._sample), done / total if total else 0.0)
        if n_rows:
            with contextlib.suppress(Exception):  # whatever keeps it from being made or shown, the pass goes on
                self._look(n_rows)
            self._pace.looked(working_seconds(), working_seconds() - now, n_rows)

    def _look(self, n_rows: int) -> None:
        rows, values = self._sample.first(n_rows)
        one, spec = self._one, self._one.spec
        text_index, token_index = _indices(one, rows)
        kept = (widened(narrowed(layer, spec.stored), spec.stored) for layer in values)
        stack = LayerStack(
            model="",
            pooling=spec.pooling,
            layers=tuple(range(len(self._names))),
            layer_names=self._names,
            matrices=tuple(Activations(layer, text_index, token_index) for layer in kept),
            dtype=spec.model.dtype,
            stored=spec.stored,
        )
        n_all = one.plan.n_rows(spec.pooling)
        show_look(self._hands.store, spec, look_at(stack, rows, self._sample.n_seen, n_all))


def _indices(one: "Opened", rows: Ints) -> tuple[Ints, Ints | None]:
    """The row of the text set that each row is of, and the token that it is."""
    plan = one.plan
    if plan.words is not None:
        return plan.words.table_row[rows], None
    if plan.text_index is not None and plan.token_index is not None:
        return plan.text_index[rows], plan.token_index[rows]
    return rows, None


@contextlib.contextmanager
def looking(hands: Hands, one: "Opened", sink: "Sink", report: Report) -> Iterator[Looking]:
    """A pass into ``sink`` that is looked at while it goes on; when it ends, however it does, nothing is left of that."""
    try:
        yield Looking(hands, one, sink, report)
    finally:
        hands.store.forget_look(fingerprint(pass_of(one.spec)))
