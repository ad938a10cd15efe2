"""What a perfectly isotropic Gaussian scores at the same n and d: the line that a measured profile is read against.

Finite samples of an isotropic distribution look anisotropic: at 872 rows of 768 dimensions IsoScore is 0.53, not 1. All
closed forms are for centred Gaussian rows with equal variances; a simulation agrees within a few per cent from 20 rows
and dimensions on.
"""

import math

import numpy as np

_TRACY_WIDOM_MEAN = -1.2065335745820  # of the real case (beta = 1)
_NODES = 2048  # of the quadrature over the Marchenko-Pastur density


def isotropic_participation_ratio(n_rows: int, n_dims: int, *, centred: bool = True) -> float:
    """Participation ratio of isotropic Gaussian rows, about d n / (n + d): E tr^2 / E ||C||_F^2 of a Wishart matrix."""
    m = n_rows - 1 if centred else n_rows
    return (m * n_dims + 2) / (m + n_dims + 1) if min(m, n_dims) > 0 else math.nan


def isotropic_isoscore(n_rows: int, n_dims: int) -> float:
    """IsoScore of isotropic Gaussian rows; NaN for a single dimension."""
    return (isotropic_participation_ratio(n_rows, n_dims) - 1) / (n_dims - 1) if n_dims > 1 else math.nan


def isotropic_anisotropy(n_rows: int, n_dims: int, *, centred: bool = True) -> float:
    """Share of the first principal component of isotropic Gaussian rows: the Tracy-Widom mean (Johnstone 2001)."""
    m = n_rows - 1 if centred else n_rows
    if min(m, n_dims) < 1:
        return math.nan
    if min(m, n_dims) == 1:
        return 1.0
    a, b = math.sqrt(m - 0.5), math.sqrt(n_dims - 0.5)
    top = (a + b) ** 2 + (a + b) * (1 / a + 1 / b) ** (1 / 3) * _TRACY_WIDOM_MEAN
    share: float = top / (m * n_dims)
    return min(1.0, share)


def isotropic_effective_rank(n_rows: int, n_dims: int) -> float:
    """Effective rank of isotropic Gaussian rows: the entropy of sigma / sum sigma over the Marchenko-Pastur density."""
    m = n_rows - 1
    if min(m, n_dims) < 1:
        return math.nan
    few, many = min(m, n_dims), max(m, n_dims)
    ratio = few / many
    # lambda = centre + half cos(t) turns the density sqrt((upper - l)(l - lower)) / l dl into sin^2(t) / l dt
    angle = (np.arange(_NODES) + 0.5) * np.pi / _NODES
    value = 1 + ratio + 2 * math.sqrt(ratio) * np.cos(angle)
    weight = np.sin(angle) ** 2 / value
    weight /= weight.sum()
    sigma = np.sqrt(value)
    mean = float(weight @ sigma)
    entropy = math.log(few * mean) - float(weight @ (sigma * np.log(sigma))) / mean
    return math.exp(entropy)


def isotropic_average_cosine(n_rows: int, *, centred: bool) -> float:
    """Average cosine of isotropic Gaussian rows: 0, or about -1 / (n - 1) once their own mean is subtracted."""
    if n_rows < 2:
        return math.nan
    return -1.0 / (n_rows - 1) if centred else 0.0
