"""What all charts share: the palette, the empty figure, user text made safe for hovers, captions.

A chart is a pure function from numbers to a Plotly figure; none imports Streamlit. Colours that depend on the theme
(text, grid, background) are left unset: the component fills them in, and ``for_paper`` does for a saved page.
"""

import html
import textwrap
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

# Okabe and Ito's palette for colour-blind readers, without its black (lost on a dark page), darkest contrasts first.
PALETTE = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#B8A800", "#8C8C8C")
# Its blue is too dark for thin lines on a dark page: the component swaps it there.
ON_DARK = {"#0072B2": "#4C86F0", "rgba(0,114,178,": "rgba(76,134,240,"}
SYMBOLS = ("circle", "diamond", "square", "triangle-up", "cross", "triangle-down", "star", "hexagon")
DASHES = ("solid", "dash", "dot", "dashdot", "longdash")
MUTED = "#888888"  # readable on white and on a dark page
# In order by lightness too; both ends can be read on a white and on a dark page.
ORDERED = ("#3D6FD6", "#8A63C9", "#CC5A8F", "#E5763F", "#DFA206")
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
    red, green, blue = (int(hexadecimal[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


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
    return html.escape(text).replace("$", "&#36;").replace("%{", "&#37;{")  # the last is a placeholder in hovers


def hover_text(text: str, *, n_chars: int = 160, width: int = 60) -> str:
    """A text shortened and broken into lines for a hover, made safe."""
    flat = " ".join(text.split())
    if len(flat) > n_chars:
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


def short_model(name: str) -> str:
    """A model's name short enough for a legend: of a local folder its last two parts."""
    return "/".join(name.rstrip("/").split("/")[-2:]) if name.startswith(("/", ".", "~")) else name


def for_paper(figure: go.Figure) -> go.Figure:
    """A copy of ``figure`` with the colours of a white page, for a file that is read outside the dashboard."""
    return go.Figure(figure).update_layout(template=PAPER_TEMPLATE)
