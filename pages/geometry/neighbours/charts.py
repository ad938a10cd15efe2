"""The charts of the page Neighbours: ranks over depth, and how many neighbours the texts keep beside what chance leaves them."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from backend import MovedTexts, hover_form, number_text
from pages._kit.charts.base import (
    DASHES,
    MUTED,
    PALETTE,
    Floats,
    base_figure,
    colour,
    hover_text,
    layer_ticks,
    legend_beside,
    safe,
    shortened,
    with_legend,
)

MOST_LINES = 20
RANKS_CAPTION = (
    "1 is the nearest. Below the dashed line a text is no longer among the nearest. The rank axis is logarithmic."
)
KEPT_CAPTION = (
    "Each bar counts the {0}s that keep so many of their nearest neighbours, in the full space. The line is what unrelated layers "
    "would give: where the bars stand on it, the {0}s have new neighbours."
)


def ranks_chart(
    ranks: Floats, layers: Sequence[str], names: Sequence[str], texts: Sequence[str], k: int, n_others: int
) -> go.Figure:
    """The ranks (n_layers, n_lines) of some rows over depth; ``names`` (n_lines,) go into the legend, ``texts`` into the hover.

    ``k`` is where the nearest end, of ``n_others``; the axis ends at the worst rank that is drawn.
    """
    figure = base_figure(x_title="Layer", y_title="Rank")
    for line, (name, text) in enumerate(zip(names, texts, strict=True)):
        figure.add_scatter(
            x=np.arange(len(layers)),
            y=np.asarray(ranks[:, line], np.float32),
            mode="lines+markers",
            name=safe(shortened(name, 20)),
            line={"color": colour(line), "width": 1.8, "dash": DASHES[line // len(PALETTE) % len(DASHES)]},
            marker={"size": 5},
            customdata=[safe(layer) for layer in layers],
            hovertemplate=f"{hover_text(text)}<br>%{{customdata}}<br><b>rank %{{y:{hover_form('count')}}}</b><extra></extra>",
        )
    figure.update_xaxes(**layer_ticks(layers))
    worst = float(np.nanmax(ranks, initial=1.0))
    most = min(n_others, max(k + 1, worst))
    figure.update_yaxes(type="log", range=[np.log10(most) + 0.08, -0.08], dtick=1)
    if k < n_others:
        figure.add_hline(y=k + 0.5, line={"color": MUTED, "width": 1.2, "dash": "dash"})
    return legend_beside(figure)


def kept_chart(values: MovedTexts, row_name: str) -> go.Figure:
    """How many texts keep 0, 1, ... k of their neighbours as bars, and the numbers that unrelated layers would give as a line."""
    shares = np.arange(values.k + 1) / values.k
    found = f" ({values.approximate})" if values.approximate else ""
    figure = base_figure(x_title=f"Neighbours kept{found}", y_title=f"{row_name.capitalize()}s")
    about = f"keep %{{x:{hover_form('share')}}}"
    figure.add_bar(
        x=shares,
        y=values.counts,
        name="counted",
        marker={"color": colour(0)},
        hovertemplate=f"{about}<br><b>%{{y:{hover_form('count')}}} {row_name}s</b><extra></extra>",
    )
    figure.add_scatter(
        x=shares,
        y=np.asarray(values.expected, np.float32),
        name="if the layers were unrelated",
        mode="lines+markers",
        line={"color": colour(3), "width": 2, "dash": "dash"},
        marker={"size": 5},
        hovertemplate=f"{about}, by chance<br><b>%{{y:{hover_form('small')}}} {row_name}s</b><extra></extra>",
    )
    figure.add_vline(
        x=values.by_chance,
        line={"color": MUTED, "width": 1.2, "dash": "dot"},
        annotation={
            "text": f"chance {number_text(values.by_chance, 'share')}",
            "font": {"color": MUTED, "size": 11},
            "xanchor": "left",
        },
    )
    figure.update_layout(bargap=0.15)
    figure.update_xaxes(tickformat=".0%", range=[-0.6 / values.k, 1 + 0.6 / values.k])
    return with_legend(figure)
