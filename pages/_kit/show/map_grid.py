"""All maps of a slider at once, as one figure."""

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from backend import drawn_points, number_text
from pages._kit.charts.map_grid import grid_height, map_grid
from pages._kit.charts.maps import headlined
from pages._kit.show.finding import Finding
from pages._kit.show.map_layers import part_of
from pages._kit.show.wording import count

if TYPE_CHECKING:
    from pages._kit.show.map_view import MapView

MOST_DRAWN = 20_000  # points in all panels together
_CAPTION = (
    " A small map for each place of the slider; what is selected in one is selected in all. The share below a name is the residual of its "
    "alignment with the map before it."
)


def every_place(view: "MapView", finding: Finding) -> Finding:
    """``finding``, which is the map of ``view`` with its slider, with one small map for each place instead."""
    values, n_places = view.result.values, len(view.names)
    rows = drawn_points(
        view.points_shown.classes,
        len(values.row_index),
        n_drawn=max(1, MOST_DRAWN // n_places),
        seed=view.result.seed,
    )
    part = replace(view, result=replace(view.result, values=part_of(values, rows)))
    shares = [
        number_text(share, "share") if place and np.isfinite(share) else ""
        for place, share in enumerate(values.alignment_residual)
    ]
    figure = map_grid(
        part.result.values.coords,
        view.names,
        shares,
        part.points_shown,
        ids=part.result.values.row_index,
        joined=values.method != "pca",
    )
    if len(rows) < len(values.row_index):
        drawn = f"{len(rows):,} of {count(values.n_rows, 'token' if view.tokens else 'text')} in each map, drawn with seed {view.result.seed}"
        headlined(figure, drawn)
    elif view.part:
        headlined(figure, view.part)
    return replace(
        finding,
        figure=figure,
        frames=None,
        table=part.points,
        results=[view.result],
        chosen=part.shared,
        caption=finding.caption + _CAPTION,
        view=f"{finding.view} at once",
        height=grid_height(n_places),
    )
