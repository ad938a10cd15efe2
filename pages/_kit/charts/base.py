"""What all charts share: the palette, the empty figure, user text made safe for hovers, captions.

A chart is a pure function from numbers to a Plotly figure; none imports Streamlit. Colours that depend on the theme
(text, grid, background) are left unset: the component fills them in, and ``for_paper`` does for a saved page.
"""

import html
import textwrap
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from backend import short_model as short_model
from backend import visible


def rgba_start(hexadecimal: str) -> str:
    """How a colour such as "#0072B2" begins where it has an opacity: ``rgba(0,114,178,``."""
    red, green, blue = (int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},"


# Seven colours and a grey that colour-blind readers tell apart, each at least 3:1 against a white page, in the order of use;
# what stands for each on a dark page is at least 3:1 there. The first ones are furthest apart.
PALETTE = ("#0050A0", "#B6710D", "#037C58", "#AE4D2A", "#932C77", "#2C86C4", "#6A4600", "#767676")
_PALETTE_ON_DARK = ("#4C86F1", "#E9A005", "#25B588", "#E97639", "#CF88C4", "#7DC5EF", "#D5CD5A", "#9A9A9A")
# Numbers as colours of points, ordered by lightness; on a white page and on a dark one.
SCALE = ("#1B2A6B", "#5A2A86", "#9A2C78", "#C0443A", "#B87400")
_SCALE_ON_DARK = ("#5B7BE0", "#9B7BE0", "#DA7FA6", "#F39A6B", "#F2CE55")
# What the component writes in the place of a colour on a dark page.
ON_DARK = {
    written(light): written(dark)
    for light, dark in zip((*PALETTE, *SCALE), (*_PALETTE_ON_DARK, *_SCALE_ON_DARK), strict=True)
    for written in (str, rgba_start)
}
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down", "star", "hexagon")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
MUTED = "#7A7A7A"  # readable on white and on a dark page
# In order by lightness too; each can be read on a white and on a dark page.
ORDERED = ("#3D6FD6", "#8A63C9", "#CC5A8F", "#DD6F38", "#BF8A0B")
COLOUR_SCALE = "Viridis"  # perceptually uniform, and ordered in grey too
PAPER_TEMPLATE = "plotly_white"

Floats = npt.NDArray[np.floating[Any]]


def base_figure(*, x_title: str, y_title: str) -> go.Figure:
    """An empty figure with the margins, legend and hover behaviour of every chart here."""
    return go.Figure(
        layout={
            "template": "none",
            "margin": {"l": 60, "r": 20, "t": 40, "b": 55},
            "hovermode": "closest",
            "showlegend": False,
            "legend": {"orientation": "h", "x": 0, "xanchor": "left", "yref": "container", "y": 0, "yanchor": "bottom"},
            "xaxis": {"title": {"text": x_title}, "zeroline": False},
            "yaxis": {"title": {"text": y_title}, "zeroline": False},
        }
    )


def titled(figure: go.Figure, text: str) -> go.Figure:
    """``figure`` with a line above the plot that names what is drawn, at the left, clear of the mode bar."""
    title = {
        "text": safe(text),
        "font": {"size": 13},
        "x": 0,
        "xref": "paper",
        "xanchor": "left",
        "y": 0.99,
        "yanchor": "top",
    }
    return figure.update_layout(title=title)


def legend_beside(figure: go.Figure) -> go.Figure:
    """``figure`` with its legend to the right of the plot, where it scrolls: for many lines."""
    legend = {"orientation": "v", "x": 1.02, "xanchor": "left", "yref": "paper", "y": 1, "yanchor": "top"}
    return figure.update_layout(showlegend=True, legend=legend)


def shortened(name: str, n_chars: int = 18) -> str:
    """A name of at most ``n_chars`` characters, with an ellipsis where it was longer."""
    return name if len(name) <= n_chars else name[: n_chars - 1].rstrip() + "…"


def faint(hexadecimal: str, opacity: float) -> str:
    """A colour such as "#0072B2" that lets what is behind it be seen."""
    return f"{rgba_start(hexadecimal)}{opacity})"


def with_legend(figure: go.Figure) -> go.Figure:
    """``figure`` with its legend, below the plot: above, it would collide with the mode bar."""
    return figure.update_layout(showlegend=True, margin={"b": 90})


def add_band(figure: go.Figure, x: Floats | npt.NDArray[np.integer[Any]], low: Floats, high: Floats) -> None:
    """A grey band from ``low`` to ``high`` over ``x``, each (n,): behind a line, without hover or legend of its own."""
    figure.add_scatter(
        x=np.concatenate([x, x[::-1]]).astype(np.int32),
        y=np.concatenate([high, low[::-1]]).astype(np.float32),
        mode="lines",
        line={"width": 0},
        fill="toself",
        fillcolor="rgba(140,140,140,0.22)",
        hoverinfo="skip",
        showlegend=False,
    )


def colour(place: int) -> str:
    """The colour of the ``place``-th class or model; it comes round again after eight."""
    return PALETTE[place % len(PALETTE)]


def safe(text: str) -> str:
    """User text for hovers, legends and ticks, which Plotly reads as a kind of HTML, and as a formula between dollars."""
    # Plotly does not know the names of quotation marks, and needs none: no user text stands in an attribute.
    return (
        html.escape(visible(text), quote=False).replace("$", "&#36;").replace("%{", "&#37;{")
    )  # the last is a placeholder in hovers


_MOST_KEPT_CHARS = 160


def hover_text(text: str, *, n_chars: int = 160, width: int = 60) -> str:
    """A text shortened and broken into lines for a hover, made safe."""
    made = _wrapped if n_chars <= _MOST_KEPT_CHARS else _wrapped.__wrapped__
    return made(text[: 4 * n_chars + 1], n_chars, width)


@lru_cache(maxsize=2**15)  # at each run of a page the same texts are wrapped again, which is most of the work for a map
def _wrapped(text: str, n_chars: int, width: int) -> str:
    flat = " ".join(text[: 4 * n_chars].split())
    if len(flat) > n_chars or len(text) > 4 * n_chars:
        flat = flat[: n_chars - 1].rstrip() + "…"
    return "<br>".join(safe(line) for line in textwrap.wrap(flat, width) or [""])


def layer_ticks(names: Sequence[str], *, most: int = 26) -> dict[str, Any]:
    """Axis settings that write layer names at 0, 1, ...; with many layers only every second, third, ... one, and the last."""
    places = tick_places(len(names), most)
    return {"tickmode": "array", "tickvals": places, "ticktext": [safe(short_layer(names[i])) for i in places]}


def tick_places(n_places: int, most: int = 26) -> list[int]:
    """At most about ``most`` of the places 0 ... ``n_places`` - 1, evenly apart; the first and the last always."""
    step = max(1, -(-n_places // most))
    places = list(range(0, n_places, step))
    if places and places[-1] != n_places - 1:
        if len(places) > 1 and n_places - 1 - places[-1] <= step // 2:  # the two names would touch
            places.pop()
        places.append(n_places - 1)
    return places


def short_layer(name: str) -> str:
    """A layer's name short enough for an axis: "block 7" is 7, the embedding output "emb.", the final norm "norm"."""
    head, _, tail = name.partition(" ")
    if head == "block" and tail.isdigit():
        return tail
    return {"embedding": "emb.", "final norm": "norm"}.get(name, name)


def for_paper(figure: go.Figure) -> go.Figure:
    """A copy of ``figure`` with the colours of a white page, for a file that is read outside the dashboard."""
    return go.Figure(figure).update_layout(template=PAPER_TEMPLATE)
