"""Several maps of the same points in one figure, side by side."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from pages._kit.charts.base import Floats, safe, shortened, titled
from pages._kit.charts.maps import projection_scatter

_GAP = 0.02  # of the width, between two maps
_MOST_CHARS = 60  # of a panel's title
_TOP = 0.94  # of the height: above it stand the titles, over no point


@dataclass(frozen=True, slots=True, eq=False)
class Panel:
    """One map: its title, where its points lie, (n_points, 2), and how they look (see ``projection_scatter``)."""

    title: str
    coordinates: Floats
    looks: dict[str, Any]


def beside(panels: Sequence[Panel], ids: npt.NDArray[np.int64], *, together: bool, note: str = "") -> go.Figure:
    """The ``panels`` from left to right; a point has the same id of ``ids`` (n_points,) in each, and a class one legend entry.

    ``together`` says that all lie in one frame, so that they zoom together. ``note`` stands above them.
    """
    figure = go.Figure()
    width = (1 - _GAP * (len(panels) - 1)) / len(panels)
    for place, panel in enumerate(panels):
        drawn = projection_scatter(panel.coordinates[:, :2], **panel.looks, ids=ids).figure
        number = "" if place == 0 else str(place + 1)
        if place == 0:
            figure.update_layout(drawn.layout)
        for trace in drawn.data:
            trace.update(xaxis=f"x{number}", yaxis=f"y{number}", legendgroup=trace.name)
            if place:
                trace.update(showlegend=False)
                if trace.marker.showscale is not False and trace.marker.colorbar.title.text:
                    trace.marker.showscale = False
            figure.add_trace(trace)
        start = place * (width + _GAP)
        hidden = {"showticklabels": False, "ticks": "", "showgrid": False, "zeroline": False, "title": {"text": ""}}
        across: dict[str, Any] = {
            **hidden,
            "domain": [start, start + width],
            "anchor": f"y{number}",
            "showline": True,
            "mirror": True,
        }
        up: dict[str, Any] = {
            **hidden,
            "domain": [0, _TOP],
            "anchor": f"x{number}",
            "showline": True,
            "mirror": True,
        }
        if together and place:
            across["matches"], up["matches"] = "x", "y"
        if not (together and place):
            up |= {"scaleanchor": f"x{number}", "scaleratio": 1}
        figure.update_layout({f"xaxis{number}": across, f"yaxis{number}": up})
        figure.add_annotation(
            text=f"<b>{safe(shortened(panel.title, _MOST_CHARS))}</b>",
            xref="paper",
            yref="paper",
            x=start + width / 2,
            y=1,
            xanchor="center",
            yanchor="top",
            yshift=-2,
            showarrow=False,
        )
    figure.update_layout(margin={"l": 10, "r": 10, "t": 50 if note else 34})
    return titled(figure, note) if note else figure
