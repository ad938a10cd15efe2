"""Salient neurons: which few dimensions tell the classes apart."""

from backend.metrics.neurons.kernel import greedy_dimensions, single_dimension_accuracy, single_dimension_fits

__all__ = ["greedy_dimensions", "single_dimension_accuracy", "single_dimension_fits"]
