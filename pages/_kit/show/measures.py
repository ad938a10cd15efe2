"""Numbers of which there is one a layer: what each page may draw over depth, and over the checkpoints of a series."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LayerMeasure:
    """One number a layer: the metric that computes it, its field in the result, how to read it, and what few rows do to it.

    ``meaning`` has ``{rows}`` where the rows are named: ``meant`` puts in what they are.
    """

    metric: str
    field: str
    name: str
    axis: str
    meaning: str
    bias: str = ""

    def meant(self, row_name: str) -> str:
        """How to read the number, of rows of this name: "text", "token", "word" or "word pair"."""
        return self.meaning.format(rows=f"{row_name}s")


_LOW = "Few rows lower it; the band, the spread over samples of this size, does not include that bias."
_HIGH = "Few rows raise it; the band, the spread over samples of this size, does not include that bias."
_ESTIMATE = "The band is the spread over samples of this size; beyond about five dimensions the estimate is too low, and the band with it."
_DIMS = "Intrinsic dimension (dimensions)"
MEASURES = (
    LayerMeasure(
        "anisotropy",
        "anisotropy",
        "Anisotropy",
        "Anisotropy (share of variance)",
        "The share of the variance along the strongest direction: 1 is a line, near 0 is equal in all directions.",
        _HIGH,
    ),
    LayerMeasure(
        "average_cosine",
        "average_cosine",
        "Average cosine",
        "Average cosine",
        "The mean cosine of all pairs of {rows}: near 1, all vectors point the same way.",
    ),
    LayerMeasure(
        "intrinsic_dimension",
        "two_nn",
        "Intrinsic dimension (TwoNN)",
        _DIMS,
        "The number of directions in which the {rows} vary locally, from the distances to the two nearest neighbours.",
        _ESTIMATE,
    ),
    LayerMeasure(
        "anisotropy",
        "anisotropy_uncentred",
        "Anisotropy, uncentred",
        "Anisotropy, uncentred (share)",
        "The same without subtracting the mean vector, so that what all {rows} have in common counts too.",
    ),
    LayerMeasure(
        "average_cosine",
        "average_cosine_centred",
        "Average cosine, centred",
        "Average cosine, centred",
        "The mean cosine after subtracting the mean vector: near 0 unless one group of {rows} dominates.",
        "Of n rows even isotropic ones score -1 / (n - 1), not 0; the band leaves that out.",
    ),
    LayerMeasure(
        "anisotropy",
        "isoscore",
        "IsoScore",
        "IsoScore",
        "0 if one direction holds all variance, 1 if all directions hold the same.",
        _LOW,
    ),
    LayerMeasure(
        "anisotropy",
        "participation_ratio",
        "Participation ratio",
        "Participation ratio (dimensions)",
        "How many directions share the variance, counted by its squares.",
        _LOW,
    ),
    LayerMeasure(
        "anisotropy",
        "effective_rank",
        "Effective rank",
        "Effective rank (dimensions)",
        "How many directions share the singular values, by their entropy (Roy and Vetterli).",
        _LOW,
    ),
    LayerMeasure(
        "intrinsic_dimension",
        "two_nn_mle",
        "TwoNN, maximum likelihood",
        _DIMS,
        "TwoNN by maximum likelihood instead of a line through the ratios.",
        _ESTIMATE,
    ),
    LayerMeasure(
        "intrinsic_dimension",
        "mle",
        "Intrinsic dimension (MLE)",
        _DIMS,
        "The estimate of Levina and Bickel from the k nearest neighbours.",
        _ESTIMATE,
    ),
    LayerMeasure(
        "intrinsic_dimension",
        "mada",
        "Intrinsic dimension (MADA)",
        _DIMS,
        "From how fast a neighbourhood grows between k/2 and k neighbours.",
        f"{_ESTIMATE} In few dimensions it lies above, by 8 % at k = 20.",
    ),
    LayerMeasure(
        "intrinsic_dimension",
        "method_of_moments",
        "Intrinsic dimension (moments)",
        _DIMS,
        "From the mean distance to the k nearest neighbours.",
        f"{_ESTIMATE} Of all five it sees the widest neighbourhood, and so the border and the density of the data most.",
    ),
)
