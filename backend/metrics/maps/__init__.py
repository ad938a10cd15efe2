"""Every layer in the plane, each begun from the one before."""

from backend.metrics.maps.kernel import aligned, pca_layout, tsne_layout, umap_layout
from backend.metrics.maps.quality import trustworthiness

__all__ = ["aligned", "pca_layout", "trustworthiness", "tsne_layout", "umap_layout"]
