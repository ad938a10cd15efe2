"""Small maps of every place of a slider in one figure."""

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pages._kit.charts.base import MUTED, SCALE, Floats, base_figure, safe, shortened, with_legend
from pages._kit.charts.classes import Group, class_groups, measured_groups, shade, symbol
from pages._kit.charts.maps import OPACITY

_SIZE = 3.5
_PANEL, _AROUND = 150, 110  # pixels: the height of a row of panels, and of what is around all of them


class Points(Protocol):
    """What the points look like and say, in each place."""

    def looks(self, place: int) -> dict[str, Any]:
        """As ``projection_scatter`` takes it: hovers, labels, chosen, numbers, ends, name."""


def map_grid(
    coords: Floats,
    names: Sequence[str],
    shares: Sequence[str],
    points: Points,
    *,
    ids: npt.NDArray[np.int64],
    joined: bool,
) -> go.Figure:
    """``coords`` (n_places, n_points, 2), one panel a place, with one trace each.

    ``shares`` stand below the ``names`` of the panels. The colours are those of the large map; classes have one legend for all. Axes
    of ``joined`` maps zoom together.
    """
    n_places = len(coords)
    n_columns = _columns(n_places)
    n_rows = -(-n_places // n_columns)
    titles = [
        safe(shortened(name, 16)) + (f"<br>{share}" if share else "") for name, share in zip(names, shares, strict=True)
    ]
    figure = make_subplots(
        n_rows, n_columns, subplot_titles=titles, horizontal_spacing=0.015, vertical_spacing=0.3 / n_rows
    )
    groups: list[Group] = []
    for place in range(n_places):
        looks = points.looks(place)
        trace, groups = _panel(coords[place], looks, ids)
        trace["marker"] |= {"showscale": looks["numbers"] is not None and place == n_places - 1}
        figure.add_scattergl(**trace, row=place // n_columns + 1, col=place % n_columns + 1)
    _legend(figure, groups if points.looks(0)["numbers"] is None else [])
    base = base_figure(x_title="", y_title="").layout
    figure.update_layout(template=base.template, legend=base.legend, hovermode="closest", dragmode="pan")
    figure.update_layout(margin={"l": 10, "r": 20, "t": 60, "b": 40})
    if len(groups) > 1:
        with_legend(figure)
    figure.update_annotations(font={"size": 11})
    hidden = {
        "showticklabels": False,
        "ticks": "",
        "showgrid": False,
        "zeroline": False,
        "showline": True,
        "mirror": True,
    }
    figure.update_xaxes(**hidden)
    figure.update_yaxes(**hidden)
    for place, axis in enumerate(figure.select_yaxes()):
        axis.update(scaleanchor=f"x{place + 1 if place else ''}", scaleratio=1)
    if joined:
        figure.update_xaxes(matches="x")
        figure.update_yaxes(matches="y", scaleanchor=None)
    return figure


def grid_height(n_places: int) -> int:
    """How high a figure with so many panels is, in pixels."""
    return _PANEL * -(-n_places // _columns(n_places)) + _AROUND


def _columns(n_places: int) -> int:
    return min(n_places, 4 if n_places <= 12 else 5 if n_places <= 25 else 7)


def _panel(coords: Floats, looks: dict[str, Any], ids: npt.NDArray[np.int64]) -> tuple[dict[str, Any], list[Group]]:
    """The points of one place as a trace, what is grey at the back; and the classes."""
    numbers, labels = looks["numbers"], looks["labels"]
    groups = (
        class_groups(labels, len(coords), looks["chosen"], looks["order"])
        if numbers is None
        else measured_groups(numbers)
    )
    order = np.concatenate([group.rows for group in groups])
    hovers = np.array(looks["hovers"], dtype=object)[order]
    marker: dict[str, Any] = {"size": _SIZE, "opacity": OPACITY}
    if numbers is None:
        marker["symbol"] = [symbol(group.place) for group in groups for _ in group.rows]
        marker |= _steps(groups)
        words = ["" if labels is None else labels[row] or "" for row in order]
        hovers = np.array(
            [
                f"{text}<br><b>{safe(shortened(one, 60))}</b>" if one else text
                for text, one in zip(hovers, words, strict=True)
            ],
            dtype=object,
        )
        template = "%{text}<extra></extra>"
    else:
        scale = [[place / (len(SCALE) - 1), colour] for place, colour in enumerate(SCALE)]
        low, high = looks["ends"] or (0.0, 1.0)
        marker |= {"color": np.asarray(numbers, np.float64)[order], "colorscale": scale, "cmin": low, "cmax": high}
        marker["colorbar"] = {"title": {"text": safe(shortened(looks["name"], 48)), "side": "right"}, "thickness": 14}
        template = f"%{{text}}<br><b>{safe(shortened(looks['name'], 60))}: %{{marker.color:.6g}}</b><extra></extra>"
    x, y = np.asarray(coords[order].T, np.float32)
    trace = {
        "x": x,
        "y": y,
        "mode": "markers",
        "customdata": ids[order].astype(np.int32),
        "text": hovers,
        "hovertemplate": template,
    }
    faded = {"selected": {"marker": {"opacity": 1}}, "unselected": {"marker": {"opacity": 0.1}}}
    return {**trace, **faded, "marker": marker, "showlegend": False}, groups


def _steps(groups: Sequence[Group]) -> dict[str, Any]:
    """Numbers for classes on a scale of steps: an array of colours would not follow the theme, a scale does."""
    n = len(groups)
    colours = [MUTED if group.place < 0 else shade(group.place) for group in groups]
    scale = [[(place + end) / n, colour] for place, colour in enumerate(colours) for end in (0, 1)]
    numbers = np.repeat(np.arange(n), [len(group.rows) for group in groups])
    return {"color": numbers.astype(np.float32), "colorscale": scale, "cmin": -0.5, "cmax": n - 0.5}


def _legend(figure: go.Figure, groups: Sequence[Group]) -> None:
    """An entry for each class, without points."""
    for group in groups if len(groups) > 1 else ():
        look = {"color": MUTED if group.place < 0 else shade(group.place), "symbol": symbol(group.place), "size": 9}
        name = f"{safe(shortened(group.name, 24))} ({len(group.rows):,})"
        rank = 1000 + (group.place if group.place >= 0 else 999)
        meta = {"class": group.name if group.place >= 0 else ""}
        figure.add_scatter(
            x=[None], y=[None], mode="markers", name=name, marker=look, meta=meta, legendrank=rank, hoverinfo="skip"
        )
