"""Texts that a model reads as the same tokens: one of them is run, and its numbers are those of all."""

import hashlib
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]


class Repeats:
    """Which texts have equal tokens.

    ``first`` (n_distinct,), ascending, numbers the texts that are run: of equal ones the first. Two runs of one text in
    two batches differ by rounding; what is run once is equal bit for bit.
    """

    def __init__(self, source: Ints) -> None:
        """``source`` (n_texts,) is the number of the first text with the tokens of each."""
        self.first, self._place = np.unique(source, return_inverse=True)
        self._order = np.argsort(self._place, kind="stable")
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(self._place))]).astype(np.int64)

    @classmethod
    def of(cls, digests: npt.NDArray[np.uint64]) -> "Repeats":
        """From the ``token_digest`` of every text (n_texts, 2)."""
        keys = digests.view([("high", np.uint64), ("low", np.uint64)]).ravel()
        _, first, group = np.unique(keys, return_index=True, return_inverse=True)
        return cls(first[group.ravel()])

    def among(self, texts: Ints) -> "Repeats":
        """The same of some of the texts, ascending numbers (n_chosen,), which are numbered anew from 0."""
        _, first, group = np.unique(self._place[texts], return_index=True, return_inverse=True)
        return Repeats(first[group.ravel()])

    def counts(self, rows: Ints) -> Ints:
        """How many texts have the tokens of each of ``rows``, which are among ``first``."""
        found = np.searchsorted(self.first, rows)
        return self._starts[found + 1] - self._starts[found]

    def spread(self, rows: Ints) -> tuple[Ints, Ints]:
        """All texts with the tokens of ``rows`` (among ``first``), and the place in ``rows`` of each one's tokens."""
        found, counts = np.searchsorted(self.first, rows), self.counts(rows)
        texts = [self._order[self._starts[i] : self._starts[i + 1]] for i in found]
        return np.concatenate(texts), np.repeat(np.arange(len(rows)), counts)


def token_digest(ids: Sequence[int], types: Sequence[int] | None) -> npt.NDArray[np.uint64]:
    """A 128-bit digest (2,) of what a model gets of one text: token ids, and segment numbers where there are any."""
    parts = np.array([len(ids), *ids, *(types or ())], dtype=np.int64)
    return np.frombuffer(hashlib.blake2b(parts.tobytes(), digest_size=16).digest(), dtype=np.uint64)
