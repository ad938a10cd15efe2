"""Charts of an ablation: accuracy at every k, the geometry along it, the texts that are right or wrong at k."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from backend import (
    AblationResult,
    band_ends,
    hover_form,
    number_text,
)
from pages._kit.charts.base import MUTED, Floats, add_band, base_figure, colour, hover_text, safe, with_legend
from pages._kit.charts.threshold import majority_line

CAPTION = (
    "Share of the test texts that the head still gets right when the first dimensions of an order are removed (GPTology, "
    "figure 6)."
)
SLIDER_CAPTION = "Drag the slider: the line, the numbers, the geometry and the map follow at once."
NO_CURVES = "There is nothing to ablate: in this layer all texts have the same vector."
_FILLED = {"mean": "their mean over the training rows", "zero": "0"}
GEOMETRY_CAPTION = (
    "Of {n} with the same dimensions removed: anisotropy, average cosine, intrinsic dimension (TwoNN), and the share "
    "of each text's nearest neighbours that are still those of the unablated layer."
)
MAP_CAPTION = "Every point is a test text: circles are those that the head gets right at this number of removed dimensions, crosses those it gets wrong."
NAMES = {
    "highest": "highest variance first",
    "lowest": "lowest variance first",
    "random": "random (mean, lowest to highest draw)",
    "chosen": "hand-picked",
}
_PLACES = {"highest": 0, "lowest": 1, "random": 7, "chosen": 3}
MEASURES = {
    "anisotropy": "Anisotropy",
    "average_cosine": "Average cosine",
    "two_nn": "Intrinsic dimension (TwoNN)",
    "neighbour_overlap": "Neighbour overlap",
}
UNITS = {"neighbour_overlap": "share"}
CONTROL = "shuffled labels"
RIGHT, WRONG = "right", "wrong"


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """One order of one layer: accuracies (n + 1,), mean and spread of the control's, geometry by measure (n_grid,) at ``grid``, dimensions in
    their order (n,), and which texts are right (n + 1, n_sample), None where that was not kept."""

    name: str
    accuracy: Floats
    control: Floats
    control_std: Floats
    grid: Any
    geometry: dict[str, Floats]
    dims: Any
    right: npt.NDArray[np.bool_] | None


def how_words(values: AblationResult) -> str:
    """What removed dimensions are set to, and which head reads what is left."""
    own = "the model's own head" if values.own_head[0] else "a fitted head"
    return f"Removed dimensions are set to {_FILLED[values.modes[0]]}. Read by {own}."


def curves_of(values: AblationResult, layer: int = 0) -> dict[str, Curve]:
    """The orders of one layer of an AblationResult, the hand-picked dimensions among them where there are some."""
    found = {}
    for place, name in enumerate(values.orders):
        geometry = {measure: getattr(values, measure)[layer, place] for measure in MEASURES}
        found[name] = Curve(
            name,
            values.accuracy[layer, place],
            values.control[layer, place],
            values.control_std[layer, place],
            values.grid,
            geometry,
            values.order[layer, place],
            values.right(name, layer),
        )
    if len(values.dims):
        geometry = {measure: getattr(values, f"chosen_{measure}")[layer] for measure in MEASURES}
        right = values.right("chosen", layer)
        dims = np.array(values.dims, np.int64)
        accuracy, control = values.chosen_accuracy[layer], values.chosen_control[layer]
        spread = values.chosen_control_std[layer]
        found["chosen"] = Curve("chosen", accuracy, control, spread, values.chosen_grid, geometry, dims, right)
    return found


def accuracy_chart(
    curves: dict[str, Curve], values: AblationResult, layer: int = 0, *, shown: str = "highest"
) -> go.Figure:
    """All curves over k, controls faint. Hand-picked dimensions have markers, and with ``shown`` "chosen" the axis ends
    where they do: they are few, and on an axis of all dimensions nobody would see them."""
    figure = base_figure(x_title="Dimensions removed (count)", y_title="Test accuracy (share of texts)")
    controls = [curve for curve in curves.values() if np.isfinite(curve.control).any()]
    for curve in controls:
        name, first = f"{CONTROL}, {NAMES[curve.name]}", curve is controls[0]
        _line(figure, curve.control, name, MUTED, width=1, opacity=0.35, group=CONTROL, legend=first)
    if shown in curves and np.isfinite(curves[shown].control_std).any():
        low, high = band_ends(curves[shown].control, curves[shown].control_std)
        add_band(figure, np.arange(len(low)), low, high)
    low, high = values.random_low[layer], values.random_high[layer]
    add_band(figure, np.arange(len(low)), low, high)
    for curve in curves.values():
        dash = "dot" if curve.name == "random" else "solid"
        marked = curve.name == "chosen"
        _line(figure, curve.accuracy, NAMES[curve.name], colour(_PLACES[curve.name]), dash=dash, marked=marked)
    majority_line(figure, values.split.majority)
    figure.update_xaxes(**_k_axis(curves, shown, len(low) - 1))
    figure.update_yaxes(range=[0, 1.03])
    return with_legend(figure)


def _k_axis(curves: dict[str, Curve], shown: str, n_dims: int) -> dict[str, Any]:
    """The axis of k: all dimensions, or as many as are hand-picked where those are ``shown``."""
    last = len(curves["chosen"].dims) if shown == "chosen" and "chosen" in curves else n_dims
    room = (0.01 if last == n_dims else 0.04) * last
    return {"range": [-room, last + room], **({"dtick": 1} if last <= 12 else {})}


def geometry_chart(curves: dict[str, Curve], *, shown: str = "highest") -> go.Figure:
    """One panel a measure with all orders; ``shown`` as for ``accuracy_chart``."""
    figure = make_subplots(2, 2, subplot_titles=list(MEASURES.values()), horizontal_spacing=0.09, vertical_spacing=0.2)
    places = [(row, column) for row in (1, 2) for column in (1, 2)]
    for measure, (row, column) in zip(MEASURES, places, strict=True):
        for curve in curves.values():
            name = NAMES[curve.name]
            figure.add_scatter(
                x=curve.grid.astype(np.int32),
                y=np.asarray(curve.geometry[measure], np.float32),
                mode="lines+markers" if curve.name == "chosen" else "lines",
                marker={"size": 5},
                connectgaps=False,
                line={
                    "color": colour(_PLACES[curve.name]),
                    "width": 1.8,
                    "dash": "dot" if curve.name == "random" else "solid",
                },
                hovertemplate=f"{name}<br>%{{x:,}} removed<br><b>%{{y:{hover_form(UNITS.get(measure, 'number'))}}}</b><extra></extra>",
                row=row,
                col=column,
            )
    if shown == "chosen":
        figure.update_xaxes(**_k_axis(curves, shown, 0))
    figure.update_xaxes(zeroline=False)
    figure.update_yaxes(zeroline=False, rangemode="tozero")
    for column in (1, 2):
        figure.update_xaxes(title={"text": "Dimensions removed (count)"}, row=2, col=column)
    return figure.update_layout(
        template="none", showlegend=False, hovermode="closest", margin={"l": 50, "r": 20, "t": 62, "b": 50}
    )


def nearest_step(curve: Curve, k: int) -> int:
    """The place in the grid that is nearest to ``k``, the smaller of two."""
    return int(np.argmin(np.abs(np.asarray(curve.grid) - k)))


def step_name(curve: Curve, k: int) -> str:
    """The slider's reading at ``k``; random dimensions are a mean of several draws, of which none is named."""
    last = f", last removed: {int(curve.dims[k - 1])}" if k and curve.name != "random" else ""
    return f"{k:,} of {len(curve.dims):,}{last}"


def step_names(curve: Curve) -> list[str]:
    """The slider's reading at every k."""
    return [step_name(curve, k) for k in range(len(curve.accuracy))]


def readings(curve: Curve) -> list[str]:
    """What holds at every k on one curve, a line each."""
    return [reading(curve, k) for k in range(len(curve.accuracy))]


def reading(curve: Curve, k: int) -> str:
    """What holds at ``k`` on one curve, in one line."""
    at = nearest_step(curve, k)
    parts = [f"accuracy {number_text(curve.accuracy[k], 'accuracy')}"]
    short = ("anisotropy", "average cosine", "TwoNN", "neighbour overlap")
    for name, measure in zip(short, MEASURES, strict=True):
        value = curve.geometry[measure][at]
        parts.append(
            f"{name} {number_text(value, UNITS.get(measure, 'number'))}" if np.isfinite(value) else f"{name} undefined"
        )
    where = "" if curve.grid[at] == k else f" (geometry at {curve.grid[at]:,} removed)"
    return " · ".join(parts) + where


def right_wrong_map(
    coordinates: Floats,
    texts: Sequence[str],
    classes: Sequence[str],
    ids: npt.NDArray[np.int64],
    axis_titles: Sequence[str],
    chosen: npt.NDArray[np.int64] | None = None,
) -> go.Figure:
    """Points (n, 2) twice: as those that are right, and as those that are wrong; which is shown follows the slider.

    Beside the places ``chosen`` all others are faint; None: nothing is selected.
    """
    figure = base_figure(x_title=axis_titles[0], y_title=axis_titles[1])
    hovers = [f"{hover_text(text)}<br><b>{safe(name)}</b>" for text, name in zip(texts, classes, strict=True)]
    looks = {RIGHT: (colour(2), "circle", 6), WRONG: (colour(3), "x", 7)}
    for name, (shade, symbol, size) in looks.items():
        figure.add_scattergl(
            x=np.asarray(coordinates[:, 0], np.float32),
            y=np.asarray(coordinates[:, 1], np.float32),
            mode="markers",
            name=name,
            text=hovers,
            customdata=np.asarray(ids, np.int32),
            hovertemplate=f"%{{text}}<br>{name}<extra></extra>",
            marker={"color": shade, "symbol": symbol, "size": size, "opacity": 0.8},
            selectedpoints=chosen,
            unselected={"marker": {"opacity": 0.12}},
        )
    spread = (
        [float(np.nanmin(coordinates)), float(np.nanmax(coordinates))] if np.isfinite(coordinates).any() else [0, 1]
    )
    for axis, update in ((0, figure.update_xaxes), (1, figure.update_yaxes)):
        column = coordinates[:, axis]
        low, high = (float(np.nanmin(column)), float(np.nanmax(column))) if np.isfinite(column).any() else spread
        room = 0.05 * max(high - low, 1e-6)
        update(range=[low - room, high + room])
    figure.update_layout(dragmode="pan")
    return with_legend(figure)


def _line(
    figure: go.Figure,
    values: Floats,
    name: str,
    shade: str,
    *,
    width: float = 2.2,
    dash: str = "solid",
    opacity: float = 1,
    legend: bool = True,
    group: str | None = None,
    marked: bool = False,
) -> None:
    figure.add_scatter(
        x=np.arange(len(values), dtype=np.int32),
        y=np.asarray(values, np.float32),
        mode="lines+markers" if marked else "lines",
        marker={"size": 7},
        name=group or name,
        legendgroup=group,
        opacity=opacity,
        showlegend=legend,
        line={"color": shade, "width": width, "dash": dash},
        hovertemplate=f"{name}<br>%{{x:,}} removed<br><b>%{{y:{hover_form('accuracy')}}}</b><extra></extra>",
    )
