"""Charts over depth: one line a model, with its band, its isotropic reference and its undefined layers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import plotly.graph_objects as go

from backend import (
    hover_form,
    relative_depths,
)
from pages._kit.charts.base import (
    DASHES,
    MUTED,
    Floats,
    base_figure,
    colour,
    faint,
    hover_text,
    layer_ticks,
    safe,
    with_legend,
)

CAPTION = (
    "Each line follows one model from the embedding output (left) to its last layer (right). A × at the bottom marks a "
    "layer where the number is undefined; hover over it for the reason."
)
BAND_CAPTION = "A band is the spread of the estimate."
REFERENCE_CAPTION = "Compare each line with the dashed one of its size: what perfectly isotropic data with as many rows and dimensions would give."
REFERENCE = "isotropic reference"
CORRECTED = "corrected for few rows"
CORRECTED_CAPTION = "The dotted line estimates the value for infinitely many rows."


FAMILY_MARKS = {
    "decoder": ("circle", "solid"),
    "encoder": ("square-open", "longdashdot"),
    "encoder-decoder": ("triangle-up-open", "longdash"),
}
FAMILY_CAPTION = "Decoders have filled circles on a solid line, encoders open squares on a broken one, the encoders of encoder-decoders open triangles."


@dataclass(frozen=True, slots=True, eq=False)
class Series:
    """One line of a profile: a value for each layer (NaN where undefined), with an optional band, reference and correction.

    ``undefined`` gives the reason of each NaN by position; ``sharing`` names the other models of the same size, whose
    reference is the same line. ``place`` chooses the colour and ``style`` the dash, so
    that two measures of one model share a colour. Where there are models of more than one ``family``, each has its marker and kind
    of line, and the legend says it.
    """

    name: str
    layers: Sequence[str]
    values: Floats
    low: Floats | None = None
    high: Floats | None = None
    reference: Floats | None = None
    corrected: Floats | None = None
    undefined: Mapping[int, str] = field(default_factory=dict)
    place: int = 0
    style: int = 0
    sharing: Sequence[str] = ()
    family: str = ""


def profile_lines(
    series: Sequence[Series],
    *,
    y_title: str,
    relative: bool = False,
    y_range: tuple[float, float] | None = None,
    unit: str = "number",
) -> go.Figure:
    """Values over depth, several models overlaid.

    ``relative`` puts depth on a scale from 0 (embedding output) to 1 (last layer), which models of different depth
    share; otherwise the axis counts layers and, where all models agree, names them. Without ``y_range`` the value axis begins at 0.
    """
    figure = base_figure(
        x_title="Relative depth (0 = embedding output, 1 = last layer)" if relative else "Layer", y_title=y_title
    )
    figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})
    families = _families(series)
    for one in sorted(series, key=lambda one: families.index(one.family)) if len(families) > 1 else series:
        depth = _depth(one, relative)
        _band(figure, one, depth)
        _line(figure, one, depth, unit, families)
    _corrections(figure, series, relative, unit)
    _references(figure, series, relative, unit)
    for one in series:
        _undefined(figure, one, _depth(one, relative))
    if not relative:
        _name_layers(figure, series)
    figure.update_layout(yaxis={"rangemode": "tozero"} if y_range is None else {"range": list(y_range)})
    if len(series) > 1 or has_reference(series) or any(one.corrected is not None for one in series):
        return with_legend(figure)
    return figure


def _depth(one: Series, relative: bool) -> Floats:
    return relative_depths(len(one.layers)) if relative else np.arange(len(one.layers), dtype=np.float64)


def _families(series: Sequence[Series]) -> list[str]:
    """The families of the models, in the order of FAMILY_MARKS; those that are none of them last."""
    known = list(FAMILY_MARKS)
    return sorted({one.family for one in series}, key=lambda name: known.index(name) if name in known else len(known))


def _line(figure: go.Figure, one: Series, depth: Floats, unit: str, families: Sequence[str]) -> None:
    told = len(families) > 1 and bool(one.family)
    symbol, dash = (
        FAMILY_MARKS.get(one.family, ("circle", "solid")) if told else ("circle", DASHES[one.style % len(DASHES)])
    )
    name = f"{one.name} ({one.family})" if told else one.name
    figure.add_scatter(
        x=depth,
        y=np.asarray(one.values, np.float32),
        mode="lines+markers",
        name=safe(name),
        legendgroup=one.name,
        connectgaps=False,
        line={"color": colour(one.place), "width": 2.2, "dash": dash},
        marker={"size": 8 if told else 6, "symbol": symbol},
        text=[safe(layer) for layer in one.layers],
        hovertemplate=f"{safe(name)}, %{{text}}<br><b>%{{y:{hover_form(unit)}}}</b><extra></extra>",
    )


def _band(figure: go.Figure, one: Series, depth: Floats) -> None:
    if one.low is None or one.high is None:
        return
    whole = np.isfinite(one.low) & np.isfinite(one.high)
    starts = np.flatnonzero(whole & ~np.r_[False, whole[:-1]])
    ends = np.flatnonzero(whole & ~np.r_[whole[1:], False]) + 1
    for start, end in zip(starts, ends, strict=True):
        run = slice(start, end)
        figure.add_scatter(
            x=np.r_[depth[run], depth[run][::-1]].astype(np.float32),
            y=np.r_[one.high[run], one.low[run][::-1]].astype(np.float32),
            mode="lines",
            line={"width": 0},
            fill="toself",
            fillcolor=faint(colour(one.place), 0.18),
            legendgroup=one.name,
            showlegend=False,
            hoverinfo="skip",
        )


def has_reference(series: Sequence[Series]) -> bool:
    """Whether any line has an isotropic reference to be drawn."""
    return bool(_with_reference(series))


def _with_reference(series: Sequence[Series]) -> list[Series]:
    return [one for one in series if one.reference is not None and np.isfinite(one.reference).any()]


def _references(figure: go.Figure, series: Sequence[Series], relative: bool, unit: str) -> None:
    """Dashed, in the colour of their model where there are several; the one entry of the legend is grey."""
    drawn = _with_reference(series)
    shared = {"mode": "lines", "name": REFERENCE, "legendgroup": REFERENCE}
    for one in drawn:
        line_colour = MUTED if len(drawn) == 1 else colour(one.place)
        names = safe(", ".join((one.name, *one.sharing)))
        figure.add_scatter(
            x=_depth(one, relative),
            y=np.asarray(one.reference, np.float32),
            showlegend=False,
            line={"color": line_colour, "width": 1.8, "dash": "dash"},
            hovertemplate=f"isotropic data of the size of {names}<br><b>%{{y:{hover_form(unit)}}}</b><extra></extra>",
            **shared,
        )
    if drawn:
        entry = {"color": MUTED, "width": 1.8, "dash": "dash"}
        figure.add_scatter(x=[None], y=[None], showlegend=True, hoverinfo="skip", line=entry, **shared)


def _corrections(figure: go.Figure, series: Sequence[Series], relative: bool, unit: str) -> None:
    """Dotted, in the colour of their model; the one entry of the legend is grey."""
    shared = {"mode": "lines", "name": CORRECTED, "legendgroup": CORRECTED}
    drawn = [(one, one.corrected) for one in series if one.corrected is not None and np.isfinite(one.corrected).any()]
    for one, values in drawn:
        figure.add_scatter(
            x=_depth(one, relative),
            y=np.asarray(values, np.float32),
            showlegend=False,
            line={"color": colour(one.place), "width": 1.8, "dash": "dot"},
            text=[safe(layer) for layer in one.layers],
            hovertemplate=f"{safe(one.name)}, %{{text}}, {CORRECTED}<br><b>%{{y:{hover_form(unit)}}}</b><extra></extra>",
            **shared,
        )
    if drawn:
        entry = {"color": MUTED, "width": 1.8, "dash": "dot"}
        figure.add_scatter(x=[None], y=[None], showlegend=True, hoverinfo="skip", line=entry, **shared)


def _undefined(figure: go.Figure, one: Series, depth: Floats) -> None:
    missing = np.flatnonzero(~np.isfinite(one.values))
    if not len(missing):
        return
    reasons = [one.undefined.get(int(i), "no reason was given") for i in missing]
    figure.add_scatter(
        x=depth[missing],
        y=np.full(len(missing), 0.025, np.float32),
        yaxis="y2",
        mode="markers",
        marker={"symbol": "x", "size": 9, "color": colour(one.place), "line": {"width": 1, "color": MUTED}},
        text=[
            f"{safe(one.name)}, {safe(one.layers[int(i)])}<br><b>undefined</b><br>{hover_text(why, width=36)}"
            for i, why in zip(missing, reasons, strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
        legendgroup=one.name,
        showlegend=False,
    )


def _name_layers(figure: go.Figure, series: Sequence[Series]) -> None:
    longest = max(series, key=lambda one: len(one.layers), default=None)
    if longest is None:
        return
    agree = all(list(one.layers) == list(longest.layers)[: len(one.layers)] for one in series)
    names = longest.layers if agree else [str(i) for i in range(len(longest.layers))]
    figure.update_xaxes(**layer_ticks(names))
