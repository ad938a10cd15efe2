"""How unevenly a layer uses its space: anisotropy and its relatives, the average cosine, the spectrum."""

from backend.metrics.anisotropy.cosine import average_cosine
from backend.metrics.anisotropy.explained_variance import variance_ratio
from backend.metrics.anisotropy.kernel import (
    anisotropy,
    effective_rank,
    isoscore,
    participation_ratio,
    participation_ratio_corrected,
    spectrum,
)

__all__ = [
    "anisotropy",
    "average_cosine",
    "effective_rank",
    "isoscore",
    "participation_ratio",
    "participation_ratio_corrected",
    "spectrum",
    "variance_ratio",
]
