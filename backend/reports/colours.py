"""Numbers that points are coloured by: how long the texts are, and where a scale of colours begins and ends."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def text_lengths(texts: Sequence[str], unit: str) -> Floats:
    """How long each text is, (n_texts,): in "characters", or in "words", which are what white space divides."""
    return np.array([len(text.split()) if unit == "words" else len(text) for text in texts], dtype=np.float64)


def scale_ends(numbers: npt.ArrayLike) -> tuple[float, float] | None:
    """Where a scale of colours for ``numbers`` (any shape) begins and ends; None where none of them is finite.

    At the 1st and the 99th percentile, so that a few outliers do not take all colours.
    """
    known = np.asarray(numbers, np.float64)
    known = known[np.isfinite(known)]
    if not len(known):
        return None
    low, high = np.percentile(known, [1, 99])
    return float(low), float(high)
