"""How many single dimensions reach which accuracy, and how the values of one spread over a class: counts of a result."""

from dataclasses import dataclass

import numpy as np

from backend.metrics.shared.linalg import Floats, Ints

_MOST_BINS = 60


@dataclass(frozen=True, slots=True, eq=False)
class AccuracyCounts:
    """Dimensions by their test accuracy alone.

    ``edges`` (n_bins + 1,) of the bins; ``counts`` (n_bins,) of dimensions in each; ``shuffled`` (n_bins,) the same with shuffled
    labels, the mean over the shuffles, None where there are none; ``above`` (n_bins + 1,) dimensions above each edge.
    """

    edges: Floats
    counts: Ints
    shuffled: Floats | None
    above: Ints

    @property
    def shares_above(self) -> Floats:
        """The share of all dimensions above each edge, (n_bins + 1,)."""
        return np.asarray(self.above / self.above[0])


def count_by_accuracy(accuracy: Floats, control: Floats | None, *, n_test: int) -> AccuracyCounts:
    """Count dimensions by ``accuracy`` (n_dims,), and by that with shuffled labels, ``control`` (n_shuffles, n_dims).

    A bin holds whole steps of 1 / ``n_test``: accuracies lie on these steps, and other bins would show a comb. No accuracy lies
    on an edge.
    """
    everything = accuracy if control is None else np.concatenate([accuracy, control.ravel()])
    low, high = float(everything.min()), float(everything.max())
    n_steps = max(1, -(-round((high - low) * n_test) // _MOST_BINS))
    n_bins = round((high - low) * n_test) // n_steps + 1
    edges = low + (np.arange(n_bins + 1) * n_steps - 0.5) / n_test
    counts = np.histogram(accuracy, edges)[0].astype(np.int64)
    shuffled = None if control is None else np.histogram(control, edges)[0] / len(control)
    return AccuracyCounts(edges, counts, shuffled, np.append(counts[::-1].cumsum()[::-1], 0))


def class_shares(counts: Ints) -> Floats:
    """The share of a class's rows in each bin: ``counts`` (n_classes, n_bins) over their sum; NaN for a class without rows."""
    totals = counts.sum(axis=1, keepdims=True)
    shares = np.full(counts.shape, np.nan)
    np.divide(counts, totals, out=shares, where=totals > 0)
    return shares
