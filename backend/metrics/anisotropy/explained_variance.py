"""What is read of explained variances: how many components hold a share, and what fine-tuning does to them.

Matton & de Oliveira: the ratio of explained variances, tuned over base, stays above 1 for about as many components as
there are classes.
"""

import numpy as np
import numpy.typing as npt

from backend.metrics.anisotropy.kernel import spectrum
from backend.metrics.shared.linalg import Floats


def variance_ratio(x_tuned: npt.ArrayLike, x_base: npt.ArrayLike) -> Floats:
    """Ratio of the i-th explained-variance ratio, tuned over base, (min of the two numbers of components,).

    ``x_tuned`` (n_rows, n_dims), ``x_base`` (n_rows, its own n_dims); NaN where the base explains nothing and for
    degenerate inputs. Matton & de Oliveira, figure 4.
    """
    tuned, base = spectrum(x_tuned), spectrum(x_base)
    count = min(len(tuned), len(base))
    return divided(tuned[:count], base[:count])


def divided(tuned: Floats, base: Floats) -> Floats:
    """``tuned`` over ``base``, of one shape; NaN where the base is 0."""
    out = np.full(tuned.shape, np.nan)
    np.divide(tuned, base, out=out, where=base > 0)
    return out


def components_above_one(ratios: Floats) -> int:
    """Number of leading components before the ratio first falls below 1 (or is undefined): 0 where the first does."""
    below = np.flatnonzero(~(ratios >= 1))
    return int(below[0]) if below.size else len(ratios)


def components_for(summed: Floats, share: float) -> int:
    """Number of leading components that hold ``share`` of the variance, ``summed`` (n_components,) ascending; -1 if none do."""
    enough = np.flatnonzero(summed >= share)
    return int(enough[0]) + 1 if enough.size else -1
