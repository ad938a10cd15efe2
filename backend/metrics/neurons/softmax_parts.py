"""Softmax regressions that share rows, classes and all features but one: what they share, and what their coefficients give."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from backend.metrics.shared.linalg import Floats, Ints

MOST_EXACT = 100  # coefficients of one problem up to which all are solved at once with their Hessians
PENALTY = 1.0  # 1 / C
_LARGE = 300.0  # a logit whose exponential is taken as it is; sums of those are finite, and none is 0
_AT_ONCE = 16  # larger problems between two reports
_ENTRIES = 1 << 15, 1 << 19  # of one block of problems with one logit, with more: they stay in the cache


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """The rows that a fit is made of: shared features ``base`` (n_rows, m), the first of them 1, and classes.

    ``y`` (n_rows,) are places in ``classes`` (the classes that occur, at least two); ``start`` (m, n_logits) are the
    coefficients for the shared features alone.
    """

    base: Floats
    y: Ints
    classes: Ints
    start: Floats

    @property
    def n_logits(self) -> int:
        """1 for two classes, whose difference it is; else the number of classes."""
        return logits_of(len(self.classes))

    @property
    def exact(self) -> bool:
        """Whether a problem with one feature more is small enough for its Hessian."""
        return bool(self.n_logits * (self.base.shape[1] + 1) <= MOST_EXACT)

    def blocks(self, n_problems: int, at_once: int = _AT_ONCE) -> Iterator[slice]:
        """Slices over problems, so many at a time that their rows fit into memory that is near; of large ones ``at_once``."""
        if not self.exact:
            yield from (slice(first, min(first + at_once, n_problems)) for first in range(0, n_problems, at_once))
            return
        entries = _ENTRIES[0] if self.n_logits == 1 else _ENTRIES[1] // (self.n_logits * (self.base.shape[1] + 1))
        step = max(1, entries // max(1, len(self.y)))
        for first in range(0, n_problems, step):
            yield slice(first, min(first + step, n_problems))


def logits_of(n_classes: int) -> int:
    """Number of logits of a problem."""
    return 1 if n_classes == 2 else n_classes


def intercept_part(y: Ints) -> Part:
    """The part of rows with classes ``y`` (n_rows,) and no feature yet; its start is the classes' frequencies."""
    classes, places = np.unique(y, return_inverse=True)
    shares = np.log(np.bincount(places) / len(y))
    start = shares[1:] - shares[:1] if len(classes) == 2 else shares - shares.mean()
    return Part(np.ones((len(y), 1)), places.astype(np.int64), classes.astype(np.int64), start[None, :])


def extended(part: Part, x: Floats, coefficients: Floats) -> Part:
    """The part with feature ``x`` (n_rows,) among its shared ones, and the coefficients (m + 1, n_logits) as start."""
    return Part(np.column_stack([part.base, x]), part.y, part.classes, coefficients)


def scores_of(base: Floats, x: Floats, coefficients: Floats) -> Floats:
    """Logits (n_problems, n_logits, n_rows) of rows with the shared features ``base``."""
    n_problems, n_features, n_logits = coefficients.shape
    if n_logits > 1:
        return np.asarray(coefficients.transpose(0, 2, 1) @ features_of(base, x).transpose(0, 2, 1))
    out = coefficients[:, -1, :, None] * x[:, None, :]
    if n_features == 2:
        out += coefficients[:, 0, :, None]
    else:
        shared = coefficients[:, :-1].transpose(0, 2, 1).reshape(n_problems * n_logits, -1)
        out += (shared @ base.T).reshape(out.shape)
    return np.asarray(out)


def features_of(base: Floats, x: Floats) -> Floats:
    """All features of each problem, the shared ones and its own, (n_problems, n_rows, m + 1)."""
    out = np.empty((*x.shape, base.shape[1] + 1))
    out[:, :, :-1] = base
    out[:, :, -1] = x
    return out


def winners(scores: Floats, classes: Ints) -> Ints:
    """The class of the highest logit (ties: the lower class), from (n_problems, n_logits, n_rows): (n_problems, n_rows)."""
    places = (scores[:, 0] > 0).astype(np.int64) if scores.shape[1] == 1 else scores.argmax(axis=1)
    return np.asarray(classes[places])


def margins(scores: Floats, off: Floats, places: Ints) -> tuple[Floats, Floats]:
    """How far the logit of each row's class is above the highest other, at least and at most, (n_problems, n_rows) each.

    ``scores`` (n_problems, n_logits, n_rows) may be ``off`` by so much; ``places`` (n_rows,) are the classes.
    """
    if scores.shape[1] == 1:
        ahead = np.where(places == 1, scores[:, 0], -scores[:, 0])
        return ahead - off[:, 0], ahead + off[:, 0]
    low, high, rows = scores - off, scores + off, np.arange(len(places))
    own_low, own_high = low[:, places, rows], high[:, places, rows]
    low[:, places, rows] = high[:, places, rows] = -np.inf
    return own_low - high.max(axis=1), own_high - low.max(axis=1)


def probabilities(scores: Floats) -> Floats:
    """The softmax of (n_problems, n_logits, n_rows), in place; of one logit, the probability of the second class."""
    if scores.shape[1] == 1:
        with np.errstate(over="ignore"):
            np.exp(np.negative(scores, out=scores), out=scores)
        scores += 1.0
        return np.reciprocal(scores, out=scores)
    exponentials, inverse = exponentials_of(scores)
    exponentials *= inverse[:, None]
    return exponentials


def exponentials_of(scores: Floats, largest: float = np.inf) -> tuple[Floats, Floats]:
    """What probabilities (n_problems, n_logits, n_rows) are made of: exponentials, in place, and 1 / their sum (n_problems, n_rows).

    No score is beyond ``largest``: where that is small, the highest of each row need not be taken off first.
    """
    if not largest < _LARGE:
        scores -= scores.max(axis=1, keepdims=True)
    np.exp(scores, out=scores)
    return scores, np.reciprocal(scores.sum(axis=1))
