"""Exact nearest neighbours, and how many of them two representations share."""

from backend.metrics.neighbors.kernel import nearest_neighbours, neighbour_overlap

__all__ = ["nearest_neighbours", "neighbour_overlap"]
