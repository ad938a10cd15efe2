"""Where the labels' centroids are, and how far they move."""

from backend.metrics.movement.kernel import common_share, label_centroids, lengths, paired_error, plane, spread

__all__ = ["common_share", "label_centroids", "lengths", "paired_error", "plane", "spread"]
