"""Rogue dimensions: the few that dominate a layer."""

from backend.metrics.rogue.kernel import (
    beyond,
    cosine_contribution,
    dimension_mean,
    dimension_variance,
    layer_norm_outliers,
    outlier_dimensions,
    principal_rogue_dimension,
    rogue_dimensions,
    standard_scores,
)

__all__ = [
    "beyond",
    "cosine_contribution",
    "dimension_mean",
    "dimension_variance",
    "layer_norm_outliers",
    "outlier_dimensions",
    "principal_rogue_dimension",
    "rogue_dimensions",
    "standard_scores",
]
