"""DirectProbe: clusters of one label whose convex hulls do not overlap, and the distances between them."""

from backend.metrics.direct_probe.kernel import DirectProbe, direct_probe, spatial_similarity

__all__ = ["DirectProbe", "direct_probe", "spatial_similarity"]
