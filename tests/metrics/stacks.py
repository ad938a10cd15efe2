"""Inputs for the metrics' tests: matrices that look like layers, and stacks of them."""

import numpy as np

from backend.errors import InvalidRequest
from backend.values.activations import Activations, LayerStack


def layer(n_rows, n_dims, seed=0, dtype=np.float64):
    """Correlated Gaussian rows: a few strong directions, many weak ones, no offset."""
    rng = np.random.default_rng(seed)
    scales = 1.0 / np.sqrt(1.0 + np.arange(n_dims))
    rotation = np.linalg.qr(rng.standard_normal((n_dims, n_dims)))[0]
    return (rng.standard_normal((n_rows, n_dims)) * scales @ rotation).astype(dtype)


def rotation(n_dims, seed=0):
    """A random orthogonal matrix."""
    return np.linalg.qr(np.random.default_rng(seed).standard_normal((n_dims, n_dims)))[0]


def stack_of(matrices, *, model="model", texts="texts", tokens=None):
    """A stack with one layer for each matrix; ``tokens`` marks every row with that token index."""
    found = tuple(
        Activations(np.asarray(matrix), np.arange(len(matrix)), None if tokens is None else np.asarray(tokens))
        for matrix in matrices
    )
    numbers = tuple(range(len(found)))
    return LayerStack(model, "mean", numbers, tuple(f"layer {i}" for i in numbers), found, texts)


class MatrixNetwork:
    """The network protocol over plain matrices: every layer reaches the last one through a random linear map.

    With nothing overwritten it gives the last matrix itself; its loss is the norm of the last layer's row for each of the two
    tokens that it predicts of a text.
    """

    def __init__(self, matrices, *, seed=0, can_predict_tokens=True):
        self.matrices = [np.asarray(matrix, dtype=np.float64) for matrix in matrices]
        width = self.matrices[0].shape[1]
        self.maps = np.random.default_rng(seed).standard_normal((len(matrices), width, width)) / np.sqrt(width)
        self.maps[-1] = np.eye(width)
        self.can_predict_tokens = can_predict_tokens
        self.runs = []
        self.source = None

    def fill_from(self, texts):
        self.source = texts

    def final_rows(self, texts, layer, dims, mode, report):
        self.runs.append((layer, tuple(dims)))
        report(0, 1, "running")
        rows = self.matrices[-1][texts].copy()
        if layer is not None:
            here = self.matrices[layer][texts]
            change = np.zeros_like(here)
            means = (here if self.source is None else self.matrices[layer][self.source]).mean(axis=0)
            change[:, list(dims)] = (means if mode == "mean" else 0.0 * here[0])[list(dims)]
            change[:, list(dims)] -= here[:, list(dims)]
            rows += change @ self.maps[layer]
        return rows.astype(np.float32)

    def rows_of(self, text, layers):
        """The rows of the text whose number is the length of ``text``."""
        rows = [self.matrices[layer][len(text) % len(self.matrices[layer])] for layer in layers]
        return np.array(rows, dtype=np.float32), ()

    def token_loss(self, texts, layer, dims, mode, report):
        if not self.can_predict_tokens:
            raise InvalidRequest("It predicts no tokens.", "Take another.")
        norms = np.linalg.norm(self.final_rows(texts, layer, dims, mode, report).astype(np.float64), axis=1)
        return 2 * norms, np.full(len(texts), 2)
