"""Exact nearest neighbours, and how many of them two representations share."""

from backend.metrics.neighbors.chance import shared_by_chance
from backend.metrics.neighbors.kernel import nearest_neighbours, neighbour_overlap
from backend.metrics.neighbors.ranks import distances_to

__all__ = ["distances_to", "nearest_neighbours", "neighbour_overlap", "shared_by_chance"]
