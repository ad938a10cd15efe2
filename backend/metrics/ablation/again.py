"""The network run again with dimensions overwritten after a block, and what its last layer is read with."""

from dataclasses import dataclass, field

import numpy as np

from backend.metrics.shared.degenerate import named, why_undefined
from backend.metrics.shared.head_classes import HeadParams
from backend.metrics.shared.heads import accuracy, choose_head, fit_linear, predictions
from backend.metrics.shared.linalg import Floats, Ints, Matrix
from backend.metrics.shared.progress import part_of
from backend.metrics.shared.splits import Split, mean_and_spread
from backend.values.activations import Head, LayerStack, Network, Report


@dataclass(slots=True)
class Reading:
    """What the last layer is read with: a head for the labels and for each shuffle of them, and the texts' classes."""

    why: str = "no labels were chosen"
    head: Head | None = None
    controls: list[tuple[Head, Ints]] = field(default_factory=list)
    y: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    own: bool = False
    baseline: float = np.nan
    note: str = ""

    def read(self, rows: Matrix) -> tuple[Floats, tuple[float, float]]:
        """Which rows of the last layer are right, and mean and spread of the control's accuracy; NaN where there is none."""
        nothing = np.full(len(rows), np.nan)
        if self.head is None:
            return nothing, (np.nan, np.nan)
        if not np.isfinite(rows).all():
            self.why = "the network gave values that are not finite"
            return nothing, (np.nan, np.nan)
        control = mean_and_spread([accuracy(head, rows, y) for head, y in self.controls])
        right = (predictions(self.head, rows) == self.y).astype(np.float64)
        return right, (float(control[0]), float(control[1]))


@dataclass(slots=True)
class Again:
    """The network over the same texts again and again, and how many tokens it predicted last."""

    network: Network
    texts: Ints
    layer: int
    mode: str
    reading: Reading
    predicts: bool
    n_tokens: int = 0
    right: dict[tuple[int, ...], Floats] = field(default_factory=dict)

    def measure(self, dims: tuple[int, ...], report: Report) -> tuple[float, float, float, float]:
        """Accuracy, mean and spread of the control's, and loss of a token with ``dims`` overwritten; with none, as it is."""
        where = self.layer if dims else None
        reads = self.reading.head is not None
        right, control, loss = np.full(len(self.texts), np.nan), (np.nan, np.nan), np.nan
        if self.predicts:  # first: the pass that predicts the tokens brings the last layer's rows along
            inner = part_of(report, 0, 1 + reads, "")
            losses, counts = self.network.token_loss(self.texts, where, dims, self.mode, inner)
            self.n_tokens = int(counts.sum())
            if self.n_tokens and np.isfinite(losses).all():
                loss = float(losses.sum()) / self.n_tokens
        if reads:
            inner = part_of(report, int(self.predicts), 1 + self.predicts, "")
            right, control = self.reading.read(self.network.final_rows(self.texts, where, dims, self.mode, inner))
        self.right[dims] = right
        return (float(right.mean()), *control, loss)


def reading_of(stack: LayerStack, split: Split | None, chosen: Ints, params: HeadParams, seed: int) -> Reading:
    """The heads for the last layer: fitted, if they are, on the training rows with nothing overwritten."""
    if split is None:
        return Reading()
    last = len(stack) - 1
    rows = stack.rows[last]
    reason = why_undefined(rows, step=stack.step) or why_undefined(rows[split.train], step=stack.step)
    if reason is not None:
        return Reading(named(stack, last, reason))
    head = choose_head(stack, last, split, wanted=params.head, classes=params.classes)
    controls = []
    for one in split.shuffles(params, seed):
        other = head.head if head.own else fit_linear(rows[one.train], one.y_train, one.n_classes, step=stack.step)
        controls.append((other, one.y_test[chosen]))
    y = split.y_test[chosen]
    return Reading(
        why="",
        head=head.head,
        controls=controls,
        y=y,
        own=head.own,
        baseline=accuracy(head.head, rows[split.test[chosen]], y),
        note=head.note,
    )
