"""Whether two readers differ on the same rows: by the rows that one of them alone gets right."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.shared.linalg import Floats

LEVEL = 0.05  # how often two equal readers may be called different


@dataclass(frozen=True, slots=True)
class Paired:
    """Two readers of the same ``n_rows``: ``n_gained`` rows the second alone gets right, ``n_lost`` the first alone.

    ``difference`` is the second's accuracy minus the first's; ``p`` how often two readers that are equally often right would
    differ on so many rows as much, in (0, 1].
    """

    n_rows: int
    n_gained: int
    n_lost: int
    difference: float
    p: float

    @property
    def differ(self) -> bool:
        """Whether chance alone does as much in less than 5 % of cases."""
        return self.p < LEVEL


def mcnemar(first: npt.ArrayLike, second: npt.ArrayLike) -> Paired:
    """McNemar's test in its exact form: ``first`` and ``second`` (n_rows,) say which rows each reader gets right.

    Of the rows that only one gets right, each reader has half by chance: ``p`` is the two-sided binomial tail, never below what
    it should be (for few such rows well above), and 1 where there are none. Raises InvalidRequest where the lengths differ.
    McNemar 1947; Dietterich 1998, section 3.1.
    """
    from scipy.special import bdtr

    a, b = np.asarray(first, dtype=bool), np.asarray(second, dtype=bool)
    if a.ndim != 1 or a.shape != b.shape or not len(a):
        raise InvalidRequest(
            f"Readers of {a.shape} and {b.shape} rows cannot be compared.", "Give right or wrong for the same rows."
        )
    gained, lost = int(np.count_nonzero(b & ~a)), int(np.count_nonzero(a & ~b))
    n = gained + lost
    p = 1.0 if not n else min(1.0, 2 * float(bdtr(min(gained, lost), n, 0.5)))
    return Paired(len(a), gained, lost, (gained - lost) / len(a), p)


def paired_error(difference: npt.ArrayLike, *, n_looks: int = 1) -> float:
    """Half the width of a 95 % interval of the mean of ``difference`` (n_rows,), row by row between two readers.

    For readers that are means over draws or trainings, whose rows are right in part. 1.96 standard errors of the mean, more
    where the difference is the widest of ``n_looks`` (Bonferroni), with 1 / n_rows added, so that few differing rows are not
    taken for certainty; NaN of fewer than two rows.
    """
    from scipy.special import ndtri

    d: Floats = np.asarray(difference, dtype=np.float64)
    if len(d) < 2:
        return float("nan")
    width = -float(ndtri(LEVEL / 2 / n_looks))
    return float(width * d.std(ddof=1) / np.sqrt(len(d)) + 1 / len(d))
