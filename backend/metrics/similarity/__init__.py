"""Similarity of layers: CKA."""

from backend.metrics.similarity.kernel import chance_level, cka_matrix, linear_cka, rbf_cka

__all__ = ["chance_level", "cka_matrix", "linear_cka", "rbf_cka"]
