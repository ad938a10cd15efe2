"""Charts of the spectrum: explained variance by component, and its ratio between a tuned model and its base."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from plotly.colors import sample_colorscale

from backend import (
    SpectrumResult,
    hover_form,
)
from pages._kit.charts.base import (
    COLOUR_SCALE,
    MUTED,
    PALETTE,
    Floats,
    base_figure,
    colour,
    legend_beside,
    safe,
    short_model,
    titled,
    with_legend,
)

CAPTION = (
    "How the variance of the vectors is distributed over their principal components. A line that falls steeply means "
    "that few directions carry the layer; a flat one means that many do."
)
SUMMED_CAPTION = (
    "The cumulative share of the variance, from the first component to all of them. A line that rises steeply means that "
    "few directions carry the layer; one near the diagonal means that all carry equally."
)
_LOG_DECADES = 6  # below the highest; rounding below that would fill the plot


def ratio_caption(n_shown: int, n_components: int, n_classes: int | None, *, marked: bool = True) -> str:
    """How to read a variance ratio of the first ``n_shown`` of ``n_components`` components; classes where labels are there.

    ``marked`` is false where every line begins below 1, so that no component is marked.
    """
    few = f"The first {n_shown:,} of {n_components:,} components are drawn" if n_shown < n_components else ""
    drawn = few or f"All {n_components:,} components are drawn"
    expected = (
        f" Matton and de Oliveira found it at about the number of classes, which would be {n_classes} here."
        if n_classes is not None
        else ""
    )
    mark = "The diamond is the last component before a line first falls below 1."
    mark = f"{mark}{expected}" if marked else "Even the first component lost variance, so none is marked."
    return (
        f"{drawn}: the explained variance of each after tuning, divided by that before. Those above the dashed line "
        f"gained. {mark}"
    )


def log_caption(values: SpectrumResult) -> str:
    """What a logarithmic axis leaves out of a spectrum; empty where it leaves nothing out."""
    zeros, low = values.off_scale(_LOG_DECADES)
    parts = []
    if zeros:
        parts.append(
            f"up to {zeros:,} {'component' if zeros == 1 else 'components'} of a layer {_hold(zeros)} exactly no "
            "variance, which a logarithmic axis cannot show"
        )
    if low:
        parts.append(
            f"up to {low:,} of a layer {_hold(low)} less than a millionth of the highest share and "
            f"{'lies' if low == 1 else 'lie'} below the figure"
        )
    said = "; ".join(parts)
    return f"{said[0].upper()}{said[1:]}." if said else ""


def _hold(number: int) -> str:
    return "holds" if number == 1 else "hold"


def spectrum_chart(
    ratios: Floats, layers: Sequence[str], *, summed: bool = False, log: bool = True, name: str = ""
) -> go.Figure:
    """Explained-variance ``ratios`` (n_layers, n_components) by component, one line a layer, dark (early) to light.

    ``summed`` says that they are added up from the first; ``log`` puts both axes of others on a logarithmic scale.
    """
    title = "Explained variance, summed (share)" if summed else "Explained variance (share)"
    figure = base_figure(x_title="Principal component", y_title=title)
    shades = sample_colorscale(COLOUR_SCALE, np.linspace(0.2, 0.92, max(len(layers), 2)))
    components = np.arange(1, ratios.shape[1] + 1, dtype=np.int32)
    for line, layer, shade in zip(ratios, layers, shades, strict=False):
        if not np.isfinite(line).any():
            continue
        label = safe(f"{name}: {layer}" if name else layer)
        figure.add_scatter(
            x=components,
            y=np.asarray(line, np.float32),
            mode="lines",
            name=label,
            line={"color": shade, "width": 1.8},
            hovertemplate=f"{label}<br>component %{{x}}<br><b>%{{y:{hover_form('small')}}}</b><extra></extra>",
        )
    if log and not summed:
        top = float(np.log10(np.nanmax(ratios, initial=1e-6)))
        figure.update_xaxes(type="log", dtick=1)
        figure.update_yaxes(type="log", dtick=1, exponentformat="power", range=[top - _LOG_DECADES, top + 0.2])
    return legend_beside(figure)


def gained(n_above: int, n_shown: int, n_components: int) -> str:
    """A number of leading components; where all ``n_shown`` gained and there are others, it may be larger."""
    return f"{n_above} or more" if n_above == n_shown < n_components else str(n_above)


def variance_ratio_chart(
    ratios: Floats,
    layers: Sequence[str],
    n_above_one: Sequence[int],
    *,
    n_classes: int | None = None,
    n_components: int | None = None,
    models: tuple[str, str] = ("", ""),
) -> go.Figure:
    """Ratio tuned / base of the explained variance, (n_layers, n_components), one line a layer.

    ``n_above_one`` (n_layers,) marks on each line the last component before it first falls below 1; ``n_classes``
    draws a line at that component for comparison. ``n_components`` is how many there are, if not all are drawn;
    ``models`` names the tuned one and its base.
    """
    figure = base_figure(x_title="Principal component", y_title="Explained variance, tuned / base (ratio)")
    components = np.arange(1, ratios.shape[1] + 1, dtype=np.int32)
    for place, (line, layer, above) in enumerate(zip(ratios, layers, n_above_one, strict=True)):
        sizes = np.where(components == above, 13, 5)
        figure.add_scatter(
            x=components,
            y=np.asarray(line, np.float32),
            mode="lines+markers",
            name=f"{safe(layer)} ({gained(above, ratios.shape[1], n_components or ratios.shape[1])} at or above 1)",
            line={"color": colour(place), "width": 2},
            marker={
                "size": sizes,
                "symbol": ["diamond" if component == above else "circle" for component in components],
            },
            hovertemplate=f"{safe(layer)}<br>component %{{x}}<br><b>%{{y:{hover_form()}}}</b><extra></extra>",
        )
    n_shown = ratios.shape[1]
    step = max(1, round(n_shown / 20) * 5)
    ticks = sorted({1, *range(step, n_shown + 1, step)})
    figure.update_xaxes(range=[1 - 0.03 * n_shown, 1.03 * n_shown], tickmode="array", tickvals=ticks)
    figure.add_hline(y=1, line={"color": MUTED, "dash": "dash", "width": 1.5})
    if n_classes is not None:
        mark = {"text": f"{n_classes} classes", "font": {"color": MUTED}}
        figure.add_vline(x=n_classes, line={"color": PALETTE[-1], "dash": "dot"}, annotation=mark)
    if all(models):
        titled(figure, f"After over before: {short_model(models[0])} over {short_model(models[1])}")
    return with_legend(figure)
