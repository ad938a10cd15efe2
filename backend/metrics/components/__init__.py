"""What the leading principal components know."""

from backend.metrics.anisotropy.explained_variance import variance_ratio
from backend.metrics.components.kernel import component_accuracy, principal_basis

__all__ = ["component_accuracy", "principal_basis", "variance_ratio"]
