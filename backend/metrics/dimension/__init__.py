"""Intrinsic dimension from nearest-neighbour distances."""

from backend.metrics.dimension.kernel import (
    Settings,
    estimate,
    estimates,
    mada,
    method_of_moments,
    mle,
    neighbour_graph,
    two_nn,
)

__all__ = ["Settings", "estimate", "estimates", "mada", "method_of_moments", "mle", "neighbour_graph", "two_nn"]
