"""Charts of CKA: the layer by layer heatmap, the difference of two, the diagonal of layers at the same depth."""

from collections.abc import Mapping, Sequence

import numpy as np
import plotly.graph_objects as go

from backend import hover_form
from pages._kit.charts.base import (
    COLOUR_SCALE,
    MUTED,
    Floats,
    base_figure,
    colour,
    hover_text,
    layer_ticks,
    safe,
    short_model,
    titled,
)

CAPTION = (
    "Each cell compares two layers on the same texts: 1 means the same geometry up to rotation and scale, 0 means "
    "unrelated. The colour scale is always 0 to 1. A bright block along the diagonal is a run of layers that change "
    "little. A grey cell with × is undefined."
)
DIFFERENCE_CAPTION = (
    "Each cell is the matrix after minus the matrix before: blue where two layers have become less alike, red where more. The "
    "colours are symmetric around 0 and go as far as the largest change, at least to 0.01."
)

LEAST_SPAN = 0.01  # of the colours of a difference: what is smaller stays pale
MOST_CROSSES = 1500

Reasons = Mapping[tuple[int, int], str]


def cka_heatmap(
    matrix: Floats,
    x_layers: Sequence[str],
    y_layers: Sequence[str],
    undefined: Reasons | None = None,
    *,
    x_name: str = "",
    y_name: str = "",
    value_name: str = "CKA",
    unit: str = "correlation",
    note: str = "",
) -> go.Figure:
    """CKA as a heatmap of ``matrix`` (len(y_layers), len(x_layers)), on a fixed scale from 0 to 1.

    ``undefined`` gives the reason of each NaN cell by (row, column); such cells are grey, bear a × and say why.
    ``x_name`` and ``y_name`` are the models,
    ``value_name`` and ``unit`` what is drawn where it is another similarity in [0, 1], and ``note`` what each hover adds.
    """
    figure = _square(x_layers, y_layers, x_name, y_name)
    hover = f"%{{customdata[0]}}<br>%{{customdata[1]}}<br><b>{value_name} %{{z:{hover_form(unit)}}}</b>{_said(note)}<extra></extra>"
    figure.add_heatmap(
        z=np.asarray(matrix, np.float32),
        zmin=0,
        zmax=1,
        colorscale=COLOUR_SCALE,
        colorbar={"title": {"text": value_name}, "thickness": 14, "tickvals": [0, 0.25, 0.5, 0.75, 1]},
        customdata=_pairs(x_layers, y_layers, x_name, y_name),
        hovertemplate=hover,
        hoverongaps=False,
        xgap=1,
        ygap=1,
    )
    _mark_undefined(figure, matrix, x_layers, y_layers, undefined or {})
    return figure


def difference_heatmap(
    matrix: Floats,
    x_layers: Sequence[str],
    y_layers: Sequence[str],
    undefined: Reasons | None = None,
    *,
    name: str = "",
) -> go.Figure:
    """The difference of two CKA matrices, ``name`` "after minus before", in colours symmetric around 0 up to its largest value."""
    figure = _square(x_layers, y_layers, "", "")
    span = max(LEAST_SPAN, float(np.nanmax(np.abs(matrix), initial=0.0)))
    figure.add_heatmap(
        z=np.asarray(matrix, np.float32),
        zmin=-span,
        zmax=span,
        colorscale="RdBu_r",
        colorbar={"title": {"text": "after − before"}, "thickness": 14},
        customdata=_pairs(x_layers, y_layers, "", ""),
        hovertemplate=f"%{{customdata[0]}}<br>%{{customdata[1]}}<br><b>%{{z:+{hover_form('correlation')}}}</b>{_said(name)}<extra></extra>",
        hoverongaps=False,
        xgap=1,
        ygap=1,
    )
    _mark_undefined(figure, matrix, x_layers, y_layers, undefined or {})
    return titled(figure, f"After minus before: {name}") if name else figure


def _said(name: str) -> str:
    return f"<br>{safe(name)}" if name else ""


def cka_diagonal(
    values: Floats,
    layers: Sequence[str],
    *,
    difference: bool = False,
    name: str = "",
    value_name: str = "CKA",
    unit: str = "correlation",
    chance: float | None = None,
) -> go.Figure:
    """CKA of the layers at the same depth (or of neighbouring layers) as a line over depth, from 0 to 1.

    ``difference`` says that the values are differences of CKA, ``name`` "after minus before": symmetric around 0. ``value_name``
    and ``unit`` say what is drawn where it is another similarity in [0, 1], ``chance`` is its chance level, as a dashed line.
    """
    title = "Difference of CKA, after minus before" if difference else value_name
    figure = base_figure(x_title="Layer", y_title=title)
    figure.add_scatter(
        x=np.arange(len(layers)),
        y=np.asarray(values, np.float32),
        mode="lines+markers",
        line={"color": colour(0), "width": 2},
        text=[safe(layer) for layer in layers],
        hovertemplate=f"%{{text}}<br><b>{title} %{{y:{hover_form(unit)}}}</b><extra></extra>",
    )
    figure.update_xaxes(**layer_ticks(layers))
    if chance is not None:
        figure.add_hline(y=chance, line={"color": MUTED, "width": 1.5, "dash": "dash"})
    if difference:
        span = 1.05 * max(LEAST_SPAN, float(np.nanmax(np.abs(values), initial=0.0)))
        figure.update_yaxes(range=[-span, span])
        return titled(figure, f"After minus before: {name}") if name else figure
    return figure.update_yaxes(range=[min(0.0, float(np.nanmin(values, initial=0.0))) - 0.02, 1.02])


def _square(x_layers: Sequence[str], y_layers: Sequence[str], x_name: str, y_name: str) -> go.Figure:
    """Axes with square cells, the first layer at the lower left."""
    figure = base_figure(x_title=_axis_title(x_name), y_title=_axis_title(y_name))
    figure.update_layout(margin={"t": 34})
    shared = {"showgrid": False, "constrain": "domain"}
    figure.update_xaxes(
        range=[-0.5, len(x_layers) - 0.5], constraintoward="left", tickangle=0, **layer_ticks(x_layers), **shared
    )
    return figure.update_yaxes(
        range=[-0.5, len(y_layers) - 0.5], scaleanchor="x", constraintoward="top", **layer_ticks(y_layers), **shared
    )


def _axis_title(model: str) -> str:
    return f"Layer of {safe(short_model(model))}" if model else "Layer"


def _pairs(x_layers: Sequence[str], y_layers: Sequence[str], x_name: str, y_name: str) -> list[list[list[str]]]:
    across = [safe(f"{short_model(x_name)}: {layer}" if x_name else layer) for layer in x_layers]
    up = [safe(f"{short_model(y_name)}: {layer}" if y_name else layer) for layer in y_layers]
    return [[[row, column] for column in across] for row in up]


def _mark_undefined(
    figure: go.Figure, matrix: Floats, x_layers: Sequence[str], y_layers: Sequence[str], undefined: Reasons
) -> None:
    rows, columns = np.nonzero(~np.isfinite(matrix))
    why = [["" for _ in x_layers] for _ in y_layers]
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        layers = f"{safe(y_layers[row])} and {safe(x_layers[column])}"
        why[row][column] = f"{layers}<br>{undefined_words(undefined.get((row, column), ''))}"
    figure.add_traces(undefined_marks(matrix, why, gap=1))


def undefined_words(reason: str) -> str:
    """What the hover of an undefined cell says below the names of its layers."""
    return f"<b>undefined</b><br>{hover_text(reason or 'no reason was given', width=36)}"


def undefined_marks(
    matrix: Floats, hovers: Sequence[Sequence[str]] | None = None, *, gap: int = 0, size: int = 8
) -> list[go.Heatmap | go.Scatter]:
    """The traces that make the NaN cells of ``matrix`` grey, with a × of ``size`` pixels; none where all are defined.

    ``hovers`` (rows of columns) is what each cell says on hover; None leaves the hover to the heatmap below.
    """
    rows, columns = np.nonzero(~np.isfinite(matrix))
    if not len(rows):
        return []
    plain = "rgba(136,136,136,0.22)"
    grey = go.Heatmap(
        z=np.where(np.isfinite(matrix), np.nan, 0.0).astype(np.float32),
        colorscale=[[0, plain], [1, plain]],
        showscale=False,
        hoverongaps=False,
        xgap=gap,
        ygap=gap,
    )
    if hovers is None:
        grey.update(hoverinfo="skip")
    else:
        grey.update(customdata=hovers, hovertemplate="%{customdata}<extra></extra>")
    if len(rows) > MOST_CROSSES:
        return [grey]
    crosses = {"symbol": "x-thin", "size": size, "line": {"width": 1.2, "color": MUTED}}
    return [grey, go.Scatter(x=columns, y=rows, mode="markers", marker=crosses, hoverinfo="skip")]
