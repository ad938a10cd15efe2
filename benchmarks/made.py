"""Made-up activations that are hard in the ways of real ones: the one generator that all benchmarks of kernels share."""

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.float32]
_ROGUE = (3.0, 8.0, 25.0)  # means of the rogue dimensions, in lengths of the rest of a row
_CURVES = 6  # frequencies of the two angles of the curved part


def layer(n_rows: int, n_dims: int, seed: int = 0) -> Rows:
    """Rows (n_rows, n_dims) with a power law for a spectrum, a mean offset, three rogue dimensions and a curved part.

    The variances of the principal components fall as 1 / rank in directions of their own; a tenth of the variance is a surface of two
    angles bent into 24 directions; all rows share an offset as long as their rest; three dimensions have means of 3 to 25 times a
    row's length and vary with it.
    """
    rng = np.random.default_rng(seed)
    turned = np.linalg.qr(rng.standard_normal((n_dims, n_dims)))[0]
    rows = (rng.standard_normal((n_rows, n_dims)) / np.sqrt(1.0 + np.arange(n_dims))) @ turned
    length = float(np.sqrt((rows**2).sum(axis=1).mean()))
    rows += 0.3 * length * _curved(n_rows, n_dims, rng)
    direction = rng.standard_normal(n_dims)
    rows += length * direction / np.linalg.norm(direction)
    for dim, mean in zip(rogue_dimensions(n_dims), _ROGUE, strict=True):
        rows[:, dim] = length * mean * (1.0 + 0.1 * rng.standard_normal(n_rows))
    out: Rows = rows.astype(np.float32)
    return out


def rogue_dimensions(n_dims: int) -> tuple[int, int, int]:
    """Which dimensions are the rogue ones."""
    return n_dims // 7, n_dims // 3, n_dims - 2


def _curved(n_rows: int, n_dims: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """A surface of two angles, of mean length 1, in directions drawn by ``rng``."""
    angles = rng.uniform(0, 2 * np.pi, (n_rows, 2))
    waves = np.concatenate(
        [wave((1 + turn) * angles) / (1 + turn) for turn in range(_CURVES) for wave in (np.sin, np.cos)], axis=1
    )
    onto = rng.standard_normal((waves.shape[1], n_dims))
    curved = waves @ onto
    return np.asarray(curved / np.sqrt((curved**2).sum(axis=1).mean()), dtype=np.float64)


def layers(n_layers: int, n_rows: int, n_dims: int, seed: int = 0) -> list[Rows]:
    """A residual stream: each layer is the one before and something new of half its size, in all of these ways."""
    found = [layer(n_rows, n_dims, seed)]
    for number in range(1, n_layers):
        found.append(found[-1] + np.float32(0.5) * layer(n_rows, n_dims, seed + number))
    return found


def of_classes(n_rows: int, n_dims: int, n_classes: int, seed: int = 0) -> tuple[Rows, npt.NDArray[np.int64]]:
    """A layer and classes (n_rows,), of which a third of the dimensions know a little and one knows more."""
    rng = np.random.default_rng([seed, 1])
    y = rng.integers(0, n_classes, n_rows)
    rows = layer(n_rows, n_dims, seed)
    size = rows.std(axis=0)
    means = rng.normal(size=(n_classes, n_dims)) * (rng.random(n_dims) < 0.3)
    rows += (0.3 * size * means[y]).astype(np.float32)
    rows[:, 5] += (1.2 * size[5] * y / max(1, n_classes - 1)).astype(np.float32)
    return rows, y
