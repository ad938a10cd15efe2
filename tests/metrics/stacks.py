"""Inputs for the metrics' tests: matrices that look like layers, and stacks of them."""

import numpy as np

from backend.activations import Activations, LayerStack


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
