"""What unrelated neighbours share: the chance level of an overlap, and how far it spreads."""

from math import comb

import numpy as np

from backend.metrics.neighbors.kernel import Floats


def shared_by_chance(k: int, n_others: int) -> Floats:
    """Probabilities (k + 1,) that two unrelated sets of ``k`` neighbours among ``n_others`` rows share 0, 1, ... k.

    If the texts of one side were shuffled, the neighbours of a text would be any k of the others: the number that it shares is
    hypergeometric, with mean k^2 / n_others. Each is the correctly rounded quotient of whole numbers.
    """
    every = comb(n_others, k)
    return np.array([comb(k, m) * comb(n_others - k, k - m) / every for m in range(k + 1)])


def at_least(probabilities: Floats) -> Floats:
    """Probabilities (k + 1,) of 0 or more, 1 or more, ... of those of 0, 1, ..."""
    return np.minimum(1.0, np.cumsum(probabilities[::-1])[::-1])
