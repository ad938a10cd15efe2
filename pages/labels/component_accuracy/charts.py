"""Charts of accuracy against the number of components, and against the rows that a basis was fitted on."""

from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go
from plotly.colors import sample_colorscale
from plotly.subplots import make_subplots

from backend import (
    ComponentAccuracy,
    band_ends,
    hover_form,
)
from pages._kit.charts.base import COLOUR_SCALE, MUTED, Floats, add_band, base_figure, colour, with_legend
from pages._kit.charts.threshold import majority_line, margin_name

CAPTION = (
    "Share of the test texts whose class a linear classifier finds from the first directions alone. A line that is high "
    "from the start means that a few directions carry the labels; random dimensions show what as many dimensions taken at random would do."
)
SAMPLE_CAPTION = (
    "The same classifier, always on the same number of components, while the basis is fitted on more and more rows. Where "
    "the line is flat, more rows do not improve the basis."
)


def component_accuracy_chart(values: ComponentAccuracy, layer: int) -> go.Figure:
    """The curves of one ``layer`` of a ComponentAccuracy; the control is faint, random dimensions have a band."""
    figure = base_figure(x_title="Components (count)", y_title="Test accuracy (share of texts)")
    counts = values.n_components.astype(np.int32)
    control, spread = values.control[layer], values.control_std[layer]
    if np.isfinite(spread).any():
        add_band(figure, counts, *band_ends(control, spread))
    _line(figure, counts, control, "shuffled labels", MUTED, width=1.2, opacity=0.6)
    mean, std = values.random[layer], values.random_std[layer]
    if np.isfinite(mean).any():
        add_band(figure, counts, *band_ends(mean, std))
    _line(figure, counts, mean, "as many random dimensions (mean ± std)", "#8C8C8C", dash="dot")
    _line(figure, counts, values.general[layer], "components of the general texts", colour(1))
    _line(figure, counts, values.in_domain[layer], "components of these texts", colour(0), width=2.6)
    majority_line(figure, values.split.majority)
    full = float(values.fitted[layer])
    if np.isfinite(full):
        figure.add_hline(y=full, line={"color": colour(2), "dash": "dash", "width": 1.5})
        above = full - values.split.majority
        apart = 0 if abs(above) > 0.05 else (14 if above >= 0 else -14)  # else the two names would lie on each other
        margin_name(figure, full, "all dimensions", colour(2), shift=apart)
    if values.own_head[layer]:
        figure.add_scatter(
            x=[int(counts[-1])],
            y=[float(values.full[layer])],
            mode="markers",
            name="the model's own head",
            marker={"color": colour(3), "size": 10, "symbol": "diamond"},
            hovertemplate=f"the model's own head<br><b>%{{y:{hover_form('accuracy')}}}</b><extra></extra>",
        )
    figure.update_xaxes(type="log", tickmode="array", tickvals=_ticks(int(counts[-1])), range=_ends(counts))
    figure.update_yaxes(range=[0, 1.03])
    return with_legend(figure)


def sample_chart(values: ComponentAccuracy, layer: int) -> go.Figure:
    """Accuracy with a fixed number of components against the rows of the basis, for one ``layer``."""
    figure = base_figure(x_title="Rows that the basis is fitted on", y_title="Test accuracy (share of texts)")
    sizes = values.sample_sizes.astype(np.int32)
    _line(figure, sizes, values.sample_general[layer], "components of the general texts", colour(1))
    _line(figure, sizes, values.sample_in_domain[layer], "components of these texts", colour(0), width=2.6)
    figure.update_xaxes(type="log", tickmode="array", tickvals=sizes, range=_ends(sizes))
    figure.update_yaxes(range=[0, 1.03])
    return with_legend(figure)


def all_samples_chart(values: ComponentAccuracy, layer: int) -> go.Figure:
    """The same for every number of components, dark (few) to light, for one ``layer``: a panel for each basis."""
    bases = [("components of these texts", values.all_in_domain[layer])]
    if np.isfinite(values.all_general[layer]).any():
        bases.append(("components of the general texts", values.all_general[layer]))
    figure = make_subplots(1, len(bases), subplot_titles=[name for name, _ in bases], shared_yaxes=True)
    sizes = values.sample_sizes.astype(np.int32)
    shades = sample_colorscale(COLOUR_SCALE, np.linspace(0.05, 0.9, max(2, len(values.n_components))))
    for place, (name, grid) in enumerate(bases):
        for k, line, shade in zip(values.n_components.tolist(), grid.T, shades, strict=False):
            if np.isfinite(line).any():
                figure.add_scatter(
                    x=sizes,
                    y=np.asarray(line, np.float32),
                    mode="lines+markers",
                    name=f"{k:,}",
                    legendgroup=str(k),
                    showlegend=place == 0,
                    line={"color": shade, "width": 2},
                    marker={"size": 5},
                    hovertemplate=f"{name}, {k:,} of them<br>%{{x}} rows: <b>%{{y:{hover_form('accuracy')}}}</b><extra></extra>",
                    row=1,
                    col=place + 1,
                )
    figure.update_xaxes(
        type="log", tickmode="array", tickvals=sizes, range=_ends(sizes), title={"text": "Rows of the basis"}
    )
    figure.update_yaxes(range=[0, 1.03])
    figure.update_yaxes(title={"text": "Test accuracy (share of texts)"}, row=1, col=1)
    base = base_figure(x_title="", y_title="").layout
    legend = {**base.legend.to_plotly_json(), "title": {"text": "components"}}
    return figure.update_layout(
        template="none",
        showlegend=True,
        legend=legend,
        hovermode="closest",
        margin={"l": 60, "r": 20, "t": 40, "b": 110},
    )


def _ends(counts: npt.NDArray[np.int32]) -> list[float]:
    """From where to where a logarithmic axis goes, in powers of ten, with some room for the markers."""
    low, high = float(np.log10(counts[0])), float(np.log10(counts[-1]))
    room = 0.03 * (high - low) or 0.1
    return [low - room, high + room]


def _ticks(last: int) -> list[int]:
    """1, 2, 5, 10, ... and the last, without the neighbours it would collide with."""
    usual = [step * 10**power for power in range(6) for step in (1, 2, 5)]
    return [*(tick for tick in usual if tick < 0.75 * last), last]


def _line(
    figure: go.Figure,
    x: Any,
    y: Floats,
    name: str,
    shade: str,
    *,
    width: float = 2,
    dash: str = "solid",
    opacity: float = 1,
) -> None:
    if not np.isfinite(y).any():
        return
    figure.add_scatter(
        x=x,
        y=np.asarray(y, np.float32),
        mode="lines+markers",
        name=name,
        opacity=opacity,
        line={"color": shade, "width": width, "dash": dash},
        marker={"size": 5},
        hovertemplate=f"{name}<br>%{{x}}: <b>%{{y:{hover_form('accuracy')}}}</b><extra></extra>",
    )
