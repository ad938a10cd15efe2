"""What is said of maps beside their numbers: why some do not exist, and what belongs on the figure."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from backend.values.results import Undefined

if TYPE_CHECKING:
    from backend.metrics.maps.projection import Projection, ProjectionParams

QUALITY = ("trustworthiness", "neighbour_overlap")


def gaps_of_maps(values: "Projection", reasons: Sequence[str | None], otherwise: str) -> tuple[Undefined, ...]:
    """Why numbers are undefined: of layers that have no map for these ``reasons``, of the others ``otherwise``."""
    return tuple(gap for layer, reason in enumerate(reasons) for gap in _gaps(values, layer, reason, otherwise))


def _gaps(values: "Projection", layer: int, reason: str | None, otherwise: str) -> list[Undefined]:
    if reason is None:
        return [Undefined(name, (layer,), otherwise) for name in QUALITY if np.isnan(getattr(values, name)[layer])]
    names = [*QUALITY, "alignment_residual"] + ["norms"] * bool(np.isnan(values.norms[layer]).any())
    if len(values.explained_variance_ratio):
        names += ["explained_variance_ratio", "variance_shown"]
    return [Undefined(name, (layer,), reason) for name in ("coords", *names)]


def notes_on_maps(
    values: "Projection", n_maps: int, params: "ProjectionParams", n_among: int, n_zero: int, each: str
) -> list[str]:
    """Sentences for the figure: neighbours are looked for among ``n_among`` points, ``n_zero`` rows have no direction, and ``each`` is what a
    map is of."""
    notes = []
    if len(values.row_index) < values.n_rows:
        notes.append(f"{len(values.row_index):,} of {values.n_rows:,} rows were drawn by the seed.")
    if values.n_compared < len(values.row_index):
        n = len(values.row_index)
        among = "all" if n <= n_among else f"{n_among:,}"
        notes.append(
            f"Trustworthiness and neighbour overlap are means over {values.n_compared:,} of the {n:,} points, "
            f"drawn at random; their neighbours are looked for among {among}."
        )
    if params.method != "pca":
        notes.append("Distances and cluster sizes on the map mean little; see trustworthiness and neighbour overlap.")
    if params.method == "pca":
        notes.append("The sign of a component says nothing; one rule chooses it, the same on every page.")
    elif params.align and n_maps > 1:
        notes.append(f"Each {each} starts from, and is rotated to match, the {each} before it.")
    if n_zero:
        notes.append(f"Up to {n_zero:,} rows of a {each} are zero and have no direction; they stay at the origin.")
    return notes
