"""Charts of one plot each as the panels of one figure, with one legend: the same chart of several models."""

from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from pages._kit.charts.base import base_figure, safe, shortened

_TITLE_CHARS = 48
_AXIS_CHARS = 28  # of an axis's words in a line, in panels of a third of a figure
_ROW, _AROUND = 255, 150  # pixels: the height of a row of panels, and of what is around all of them
_MANY, _MOST = 6, 1_100  # more panels than these are smaller; pixels of all rows, so that the figure fits a page


def in_panels(figures: Sequence[go.Figure], titles: Sequence[str]) -> go.Figure:
    """The ``figures``, each with one plot and named by its title, as panels: up to three in a row (of many four), more in several rows.

    Traces of one name are one entry of the legend. Lines across a plot come along, their names in the margin beside the last panel
    of a row; the words of a vertical axis stand at the first panel of a row, those of a horizontal one below the last of a column; of many small panels once for all.
    """
    n_columns = columns_of(len(figures))
    n_rows = -(-len(figures) // n_columns)
    whole = make_subplots(
        n_rows,
        n_columns,
        specs=[
            [{} if row * n_columns + at < len(figures) else None for at in range(n_columns)] for row in range(n_rows)
        ],
        subplot_titles=[safe(shortened(title, _TITLE_CHARS)) for title in titles],
        horizontal_spacing=0.07,
        vertical_spacing=0.22 / n_rows,
    )
    notes = [note.to_plotly_json() | {"font": {"size": 12}} for note in whole.layout.annotations]
    traces: list[dict[str, Any]] = []
    shapes: list[dict[str, Any]] = []
    axes: dict[str, Any] = {}
    named: set[str] = set()
    many = len(figures) > _MANY
    for place, figure in enumerate(figures):
        number = str(place + 1) if place else ""
        traces += [_trace(trace, number, named) for trace in figure.data]
        shapes += [_moved(shape.to_plotly_json(), number) for shape in figure.layout.shapes]
        # Beside the last panel of a row there is room for names
        last = place == len(figures) - 1 or place % n_columns == n_columns - 1
        notes += [
            _moved(note.to_plotly_json(), number) for note in figure.layout.annotations if last or note.xref != "paper"
        ]
        below, beside = not many and place + n_columns >= len(figures), not many and place % n_columns == 0
        axes[f"xaxis{number}"] = _axis(figure.layout.xaxis, titled=below, broken=n_columns > 2)
        axes[f"yaxis{number}"] = _axis(figure.layout.yaxis, titled=beside)
    if many:
        notes += _names_of_axes(figures[0])
    whole.add_traces(traces)
    whole.layout.annotations = notes  # set, not updated: an update leaves those that are there as they are
    return whole.update_layout(
        template="none",
        legend=base_figure(x_title="", y_title="").layout.legend,
        showlegend=bool(named),
        hovermode="closest",
        barmode=figures[0].layout.barmode,
        margin={"l": 60, "r": max(20, *(figure.layout.margin.r or 0 for figure in figures)), "t": 50, "b": 105},
        shapes=shapes,
        **axes,
    )


def panels_height(n_panels: int) -> int:
    """A height in pixels that leaves each panel of ``in_panels`` room to be read."""
    n_rows = -(-n_panels // columns_of(n_panels))
    return min(_ROW if n_panels <= _MANY else 185, _MOST // n_rows) * n_rows + _AROUND


def columns_of(n_panels: int) -> int:
    """How many of so many panels stand in a row."""
    return max(1, 2 if n_panels == 4 else min(n_panels, 3 if n_panels <= _MANY else 4))


def _trace(trace: Any, number: str, named: set[str]) -> dict[str, Any]:  # a trace of any kind
    """A trace in its panel; the first of a name has the entry in the legend, which switches all."""
    words: dict[str, Any] = {**trace.to_plotly_json(), "xaxis": f"x{number}", "yaxis": f"y{number}"}
    if trace.name and trace.showlegend is not False:
        words |= {"legendgroup": trace.legendgroup or trace.name, "showlegend": trace.name not in named}
        named.add(trace.name)
    return words


def _axis(axis: Any, *, titled: bool, broken: bool = False) -> dict[str, Any]:  # an axis of a layout
    """An axis with its words or without; ``broken`` sets long ones in two lines, so that those of panels side by side do not touch."""
    words: dict[str, Any] = axis.to_plotly_json()
    if not titled:
        words.pop("title", None)
    elif broken and len(text := str(axis.title.text or "")) > _AXIS_CHARS and " " in text and "<br>" not in text:
        middle = min((at for at, sign in enumerate(text) if sign == " "), key=lambda at: abs(at - len(text) // 2))
        words["title"] = {**words["title"], "text": f"{text[:middle]}<br>{text[middle + 1 :]}"}
    return words


def _names_of_axes(figure: go.Figure) -> list[dict[str, Any]]:
    """The words of both axes in the middle of the lower and the left edge."""
    on = {"xref": "paper", "yref": "paper", "showarrow": False, "font": {"size": 12}}
    across = {"x": 0.5, "y": 0, "yanchor": "top", "yshift": -24, "text": figure.layout.xaxis.title.text}
    up = {"x": 0, "y": 0.5, "xanchor": "right", "xshift": -38, "textangle": -90, "text": figure.layout.yaxis.title.text}
    return [on | across, on | up]


def _moved(item: dict[str, Any], number: str) -> dict[str, Any]:
    """A line or a note of one plot in its panel; what stood in the margin beside the plot stands beside the panel."""
    found = dict(item)
    for axis in "xy":
        ref = str(item.get(f"{axis}ref", axis))
        found[f"{axis}ref"] = f"{axis}{number} domain" if ref in ("paper", f"{axis} domain") else f"{axis}{number}"
    return found
