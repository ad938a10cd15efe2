"""Charts of the spectrum: explained variance by component, and its ratio between a tuned model and its base."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from pages._ui.charts import COLOUR_SCALE, MUTED, PALETTE, Floats, base_figure, colour, safe, with_legend

CAPTION = (
    "How the variance of the vectors is shared out among their principal components. A line that falls steeply means "
    "that few directions carry the layer; an even one means that many do."
)
RATIO_CAPTION = (
    "The explained-variance ratio of each component after tuning, divided by that before. Components above the dashed "
    "line gained; how many do, before the first that does not, is often about the number of classes."
)


def spectrum_chart(
    ratios: Floats, layers: Sequence[str], *, cumulative: bool = False, log: bool = True, name: str = ""
) -> go.Figure:
    """Explained-variance ``ratios`` (n_layers, n_components) by component, one line a layer, dark (early) to light.

    ``cumulative`` adds them up from the first; ``log`` puts both axes on a logarithmic scale.
    """
    title = "Explained variance, summed (share)" if cumulative else "Explained variance (share)"
    figure = base_figure(x_title="Principal component", y_title=title)
    shown = np.cumsum(ratios, axis=1) if cumulative else ratios
    shades = sample_colorscale(COLOUR_SCALE, np.linspace(0.2, 0.92, max(len(layers), 2)))
    components = np.arange(1, ratios.shape[1] + 1, dtype=np.int32)
    for line, layer, shade in zip(shown, layers, shades, strict=False):
        if not np.isfinite(line).any():
            continue
        label = safe(f"{name}: {layer}" if name else layer)
        figure.add_scatter(
            x=components,
            y=np.asarray(line, np.float32),
            mode="lines",
            name=label,
            line={"color": shade, "width": 1.8},
            hovertemplate=f"{label}<br>component %{{x}}<br><b>%{{y:.4g}}</b><extra></extra>",
        )
    if log and not cumulative:
        floor = float(np.nanmax(shown, initial=1e-6)) * 1e-6  # rounding below it would fill the plot
        figure.update_xaxes(type="log")
        top = float(np.log10(np.nanmax(shown, initial=1e-6)))
        figure.update_yaxes(type="log", exponentformat="power", range=[np.log10(floor), top + 0.2])
    return figure.update_layout(
        showlegend=True,
        legend={"orientation": "v", "x": 1.02, "xanchor": "left", "yref": "paper", "y": 1, "yanchor": "top"},
    )


def variance_ratio_chart(
    ratios: Floats, layers: Sequence[str], n_above_one: Sequence[int], *, n_classes: int | None = None
) -> go.Figure:
    """Ratio tuned / base of the explained variance, (n_layers, n_components), one line a layer.

    ``n_above_one`` (n_layers,) marks on each line the last component before it first falls below 1; ``n_classes``
    draws a line at that component for comparison.
    """
    figure = base_figure(x_title="Principal component", y_title="Explained variance, tuned / base (ratio)")
    components = np.arange(1, ratios.shape[1] + 1, dtype=np.int32)
    for place, (line, layer, above) in enumerate(zip(ratios, layers, n_above_one, strict=True)):
        sizes = np.where(components == above, 13, 5)
        figure.add_scatter(
            x=components,
            y=np.asarray(line, np.float32),
            mode="lines+markers",
            name=f"{safe(layer)} ({above} at or above 1)",
            line={"color": colour(place), "width": 2},
            marker={
                "size": sizes,
                "symbol": ["diamond" if component == above else "circle" for component in components],
            },
            hovertemplate=f"{safe(layer)}<br>component %{{x}}<br><b>%{{y:.3f}}</b><extra></extra>",
        )
    figure.add_hline(y=1, line={"color": MUTED, "dash": "dash", "width": 1.5})
    if n_classes is not None:
        mark = {"text": f"{n_classes} classes", "font": {"color": MUTED}}
        figure.add_vline(x=n_classes, line={"color": PALETTE[-1], "dash": "dot"}, annotation=mark)
    return with_legend(figure)
