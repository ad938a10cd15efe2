"""Charts over the checkpoints of a training run: profiles, step by layer heatmaps, and lines over the training step."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from backend import complete_layers, hover_form, mean_over_layers
from pages._kit.charts.base import (
    COLOUR_SCALE,
    DASHES,
    MUTED,
    ORDERED,
    Floats,
    base_figure,
    colour,
    hover_text,
    layer_ticks,
    safe,
    with_legend,
)
from pages._kit.charts.clusters import named_extremes
from pages._kit.charts.layer_pairs import undefined_marks
from pages._kit.charts.paths import label_look

PROFILE_CAPTION = (
    "One line per checkpoint, from the embedding output (left) to the last layer (right): blue is the first checkpoint, "
    "amber the last. Look for a layer where the lines separate, and for the step after which they stay together."
)
HEATMAP_CAPTION = (
    "A column is a checkpoint, a row a layer, the embedding output at the bottom. Columns are evenly spaced, whatever the "
    "steps between them. A grey cell with × is undefined; hover over it for the reason."
)
OVER_STEPS_CAPTION = (
    "The thick line is the mean over the layers, the thin ones are the single layers: blue near the embedding output, "
    "amber near the last layer."
)
LAYERS_CAPTION = "One line per layer: blue is the embedding output, amber the last layer."
LABELS_CAPTION = (
    "Each label's distance to the label nearest to it. Named are the three whose distance grows most from the first "
    "checkpoint to the last (or falls least, where all fall) and the three whose distance grows least (or falls most); labels that "
    "tie with one outside their three bear no rank. The others are grey."
)
MOST_LEGEND = 12
_TICK_GAP = 0.055  # of the axis: nearer ticks would write over each other


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """One number for each checkpoint and layer: ``values`` (n_steps, n_layers), NaN where ``undefined`` says why."""

    steps: tuple[int, ...]
    layers: tuple[str, ...]
    values: Floats
    undefined: Mapping[tuple[int, int], str] = field(default_factory=dict)
    unit: str = "number"

    def why(self, step: int, layer: int) -> str:
        """The reason of one undefined number."""
        return self.undefined.get((step, layer), "no reason was given")

    def thinned(self, every: int) -> "Grid":
        """The same with every ``every``-th layer only; the first, the last block and a final norm stay always."""
        n_layers = len(self.layers)
        ends = {n_layers - 1} | ({n_layers - 2} if self.layers[-1] == "final norm" and n_layers > 1 else set())
        kept = sorted({*range(0, n_layers, every), *ends})
        place = {layer: at for at, layer in enumerate(kept)}
        why = {(step, place[layer]): reason for (step, layer), reason in self.undefined.items() if layer in place}
        return Grid(self.steps, tuple(self.layers[layer] for layer in kept), self.values[:, kept], why, self.unit)

    def without_first(self) -> "Grid":
        """The same without the first layer."""
        why = {(step, layer - 1): reason for (step, layer), reason in self.undefined.items() if layer}
        return Grid(self.steps, self.layers[1:], self.values[:, 1:], why, self.unit)


def places_of(steps: Sequence[int], *, logarithmic: bool) -> npt.NDArray[np.float64]:
    """Where the steps lie on the axis: the step itself, or log2(step + 1), which has a place for step 0."""
    numbers = np.asarray(steps, np.float64)
    return np.log2(numbers + 1) if logarithmic else numbers


def step_axis(steps: Sequence[int], *, logarithmic: bool) -> dict[str, Any]:
    """Axis settings: ticks at checkpoints (those with room), named by their step."""
    places = places_of(steps, logarithmic=logarithmic)
    shown = _with_room(places)
    title = "Training step" + (", logarithmic: log(step + 1)" if logarithmic else "")
    ticks = {"tickmode": "array", "tickvals": [float(places[i]) for i in shown]}
    span = float(places[-1] - places[0]) or 1.0
    edges = [float(places[0]) - 0.03 * span, float(places[-1]) + 0.03 * span]
    return {"title": {"text": title}, "ticktext": [f"{steps[i]:,}" for i in shown], "range": edges, **ticks}


def _with_room(places: npt.NDArray[np.float64]) -> list[int]:
    """The places of ticks that do not touch: first and last always."""
    gap = _TICK_GAP * (places[-1] - places[0])
    shown = [0]
    for i in range(1, len(places) - 1):
        if places[i] - places[shown[-1]] >= gap and places[-1] - places[i] >= gap:
            shown.append(i)
    return shown + ([len(places) - 1] if len(places) > 1 else [])


def shades(number: int) -> list[str]:
    """So many colours in order, blue to amber."""
    spots = np.linspace(0, 1, number) if number > 1 else [0.0]
    return [str(shade) for shade in sample_colorscale(list(ORDERED), list(map(float, spots)))]


def step_profiles(grid: Grid, *, y_title: str, y_range: tuple[float, float] | None = None) -> go.Figure:
    """One line a checkpoint over the layers; crosses at the bottom for undefined numbers."""
    figure = base_figure(x_title="Layer", y_title=y_title)
    figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})
    depth = np.arange(len(grid.layers), dtype=np.float32)
    for number, (step, shade) in enumerate(zip(grid.steps, shades(len(grid.steps)), strict=True)):
        ends = number in (0, len(grid.steps) - 1)
        figure.add_scatter(
            x=depth,
            y=np.asarray(grid.values[number], np.float32),
            mode="lines+markers",
            name=f"step {step:,}",
            legendgroup=str(step),
            line={"color": shade, "width": 3 if ends else 1.8},
            marker={"size": 5},
            text=[safe(name) for name in grid.layers],
            hovertemplate=f"step {step:,}, %{{text}}<br><b>%{{y:{hover_form(grid.unit)}}}</b><extra></extra>",
        )
        missing = np.flatnonzero(~np.isfinite(grid.values[number]))
        _crosses(
            figure,
            depth[missing],
            [f"step {step:,}, {safe(grid.layers[i])}" for i in missing],
            [grid.why(number, int(i)) for i in missing],
            shade,
        )
    figure.update_xaxes(**layer_ticks(grid.layers))
    _value_axis(figure, y_range)
    return with_legend(figure) if len(grid.steps) <= MOST_LEGEND else _with_step_bar(figure, grid.steps)


def step_heatmap(grid: Grid, *, value_name: str, value_range: tuple[float, float] | None = None) -> go.Figure:
    """The numbers as colours: a column a checkpoint, a row a layer; undefined cells are grey with a ×."""
    figure = base_figure(x_title="Training step (evenly spaced)", y_title="Layer")
    z = np.asarray(grid.values.T, np.float32)
    low, high = value_range or (None, None)
    cells = [[[f"step {step:,}", safe(name)] for step in grid.steps] for name in grid.layers]
    figure.add_heatmap(
        z=z,
        zmin=low,
        zmax=high,
        colorscale=COLOUR_SCALE,
        colorbar={"title": {"text": safe(value_name), "side": "right"}, "thickness": 14},
        customdata=cells,
        hovertemplate=f"%{{customdata[0]}}, %{{customdata[1]}}<br><b>%{{z:{hover_form(grid.unit)}}}</b><extra></extra>",
        hoverongaps=False,
        xgap=1,
        ygap=1,
    )
    hovers = [
        [
            f"step {step:,}, {safe(name)}<br><b>undefined</b><br>{hover_text(grid.why(column, row), width=36)}"
            for column, step in enumerate(grid.steps)
        ]
        for row, name in enumerate(grid.layers)
    ]
    figure.add_traces(undefined_marks(z, hovers, gap=1))
    shown = _with_room(np.arange(len(grid.steps), dtype=np.float64))
    ticks = {"tickmode": "array", "tickvals": shown, "ticktext": [f"{grid.steps[i]:,}" for i in shown]}
    figure.update_xaxes(range=[-0.5, len(grid.steps) - 0.5], showgrid=False, **ticks)
    figure.update_yaxes(range=[-0.5, len(grid.layers) - 0.5], showgrid=False, **layer_ticks(grid.layers))
    return figure


def over_steps(
    grid: Grid,
    *,
    y_title: str,
    logarithmic: bool,
    y_range: tuple[float, float] | None = None,
    mean: bool = True,
) -> go.Figure:
    """Each layer as a line over the training step, faint beside their ``mean`` where that is wanted."""
    figure = base_figure(x_title="", y_title=y_title)
    figure.update_layout(yaxis2={"overlaying": "y", "range": [0, 1], "visible": False, "fixedrange": True})
    x = places_of(grid.steps, logarithmic=logarithmic).astype(np.float32)
    steps = [f"{step:,}" for step in grid.steps]
    for layer, (name, shade) in enumerate(zip(grid.layers, shades(len(grid.layers)), strict=True)):
        figure.add_scatter(
            x=x,
            y=np.asarray(grid.values[:, layer], np.float32),
            mode="lines" if mean else "lines+markers",
            name=safe(name),
            legendgroup=f"layer {layer}",
            showlegend=not mean or len(grid.layers) <= MOST_LEGEND,
            opacity=0.55 if mean else 1,
            line={"color": shade, "width": 1.3 if mean else 2},
            marker={"size": 5},
            text=steps,
            hovertemplate=f"{safe(name)}, step %{{text}}<br><b>%{{y:{hover_form(grid.unit)}}}</b><extra></extra>",
        )
        missing = np.flatnonzero(~np.isfinite(grid.values[:, layer]))
        named = [f"{safe(name)}, step {steps[i]}" for i in missing]
        _crosses(figure, x[missing], named, [grid.why(int(i), layer) for i in missing], shade)
    if mean:
        figure.add_scatter(
            x=x,
            y=np.asarray(mean_over_layers(grid.values), np.float32),
            mode="lines+markers",
            name=mean_name(grid),
            line={"color": colour(2), "width": 3.5},
            marker={"size": 8},
            text=steps,
            hovertemplate=f"mean, step %{{text}}<br><b>%{{y:{hover_form(grid.unit)}}}</b><extra></extra>",
        )
    figure.update_xaxes(**step_axis(grid.steps, logarithmic=logarithmic))
    _value_axis(figure, y_range)
    return with_legend(figure) if mean or len(grid.layers) <= MOST_LEGEND else figure


def mean_name(grid: Grid) -> str:
    """What the mean over the layers is called: it leaves out those that are undefined at some step."""
    n_whole = len(complete_layers(grid.values))
    return "mean over the layers" if n_whole == len(grid.layers) else f"mean over {n_whole} layers"


def label_lines(
    steps: Sequence[int],
    minimum: Floats,
    classes: Sequence[str],
    *,
    logarithmic: bool,
    named: Sequence[int] | None = None,
    others: bool = True,
) -> go.Figure:
    """Least distance of each label (n_steps, n_labels) over the step; those that grow most and least are named.

    With labels ``named`` these are, each in the look of its place among them, and nothing is said of their growth. Without
    ``others`` the rest is left out.
    """
    figure = base_figure(x_title="", y_title="Distance to the nearest label")
    x = places_of(steps, logarithmic=logarithmic).astype(np.float32)
    looks = _looks(minimum, named)
    for label in sorted(range(len(classes)), key=lambda label: label in looks):
        shown = label in looks
        if not shown and not (others and np.isfinite(minimum[:, label]).any()):
            continue
        kind, shade, dash = looks.get(label, ("", MUTED, DASHES[0]))
        name = f"{safe(classes[label])} ({kind})" if kind else safe(classes[label])
        figure.add_scatter(
            x=x,
            y=np.asarray(minimum[:, label], np.float32),
            mode="lines+markers",
            name=name,
            opacity=1 if shown else 0.35,
            showlegend=shown,
            line={"color": shade, "width": 2.2 if shown else 1, "dash": dash},
            marker={"size": 6 if shown else 3},
            text=[f"{step:,}" for step in steps],
            hovertemplate=f"{name}, step %{{text}}<br><b>%{{y:{hover_form('distance')}}}</b><extra></extra>",
        )
    figure.update_xaxes(**step_axis(steps, logarithmic=logarithmic))
    return with_legend(figure.update_yaxes(rangemode="tozero"))


def _looks(minimum: Floats, named: Sequence[int] | None) -> dict[int, tuple[str, str, str]]:
    """Of each label in colour what is said of it, its colour and its dash."""
    if named is None:
        return {
            label: (kind, colour(place), DASHES[dash]) for label, (kind, place, dash) in named_extremes(minimum).items()
        }
    looks = [label_look(order) for order in range(len(named))]
    return {label: ("", look.shade, look.dash) for label, look in zip(named, looks, strict=True)}


def _value_axis(figure: go.Figure, y_range: tuple[float, float] | None) -> None:
    """From 0 where nothing is said; else the range, with room for markers, and for numbers that leave it (debiased CKA)."""
    if y_range is None:
        figure.update_layout(yaxis={"rangemode": "tozero"})
        return
    drawn = [np.asarray(trace.y, np.float64) for trace in figure.data if trace.yaxis != "y2" and len(trace.y)]
    low = min([y_range[0], *(float(np.nanmin(y)) for y in drawn if np.isfinite(y).any())])
    room = 0.02 * (y_range[1] - low)
    figure.update_layout(yaxis={"range": [low - room, y_range[1] + room]})


def _crosses(figure: go.Figure, x: Floats, places: Sequence[str], reasons: Sequence[str], shade: str) -> None:
    if not len(x):
        return
    figure.add_scatter(
        x=x,
        y=np.full(len(x), 0.025, np.float32),
        yaxis="y2",
        mode="markers",
        showlegend=False,
        marker={"symbol": "x", "size": 8, "color": shade, "line": {"width": 1, "color": MUTED}},
        text=[
            f"{place}<br><b>undefined</b><br>{hover_text(why, width=36)}"
            for place, why in zip(places, reasons, strict=True)
        ],
        hovertemplate="%{text}<extra></extra>",
    )


def _with_step_bar(figure: go.Figure, steps: Sequence[int]) -> go.Figure:
    """A colour bar in the place of a legend that would be too long; its ticks are checkpoints, in their order."""
    shown = _with_room(np.arange(len(steps), dtype=np.float64))
    bar = {
        "title": {"text": "step", "side": "right"},
        "thickness": 14,
        "tickvals": shown,
        "ticktext": [f"{steps[i]:,}" for i in shown],
    }
    scale = [[place, shade] for place, shade in zip(np.linspace(0, 1, 9).tolist(), shades(9), strict=True)]
    marker = {"color": [0.0], "cmin": 0, "cmax": len(steps) - 1, "colorscale": scale, "colorbar": bar, "opacity": 0}
    figure.add_scatter(x=[0], y=[None], mode="markers", marker=marker, showlegend=False, hoverinfo="skip")
    return figure
