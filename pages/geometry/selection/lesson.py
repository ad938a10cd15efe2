"""What the selected texts look like where they differ from the rest, and where they do not; from formulas."""

import numpy as np
import plotly.graph_objects as go

from pages._kit.charts.depth import Series, profile_lines
from pages._kit.show.lessons import DEPTH, LAYERS
from pages._kit.show.teaching import Example, Teaching


def _parts(apart: float) -> go.Figure:
    rest = np.asarray(0.18 + 0.22 * DEPTH)
    drawn = rest + 0.04
    series = [
        Series("selected", LAYERS, drawn + apart * DEPTH + 0.025 * np.sin(7 * DEPTH), place=0),
        Series("as many at random", LAYERS, drawn, low=drawn - 0.05, high=drawn + 0.05, place=1),
        Series("the rest", LAYERS, rest, place=2),
    ]
    return profile_lines(series, y_title="Anisotropy", y_range=(0, 1.03))


SELECTION = Teaching(
    "Are the selected texts another kind of texts, and not only fewer?",
    Example(
        "their line leaves the band of as many texts drawn at random: to be few would not take them there.",
        lambda: _parts(0.45),
    ),
    Example(
        "it stays within the band, though it lies above the rest: fewer texts alone raise the number so far.",
        lambda: _parts(0.0),
    ),
    "A selection that was made on a map of the same vectors differs from the rest by the way it was made. Few texts move every number: compare "
    "with those at random, not with all. Who looks at many measures and layers finds some that differ.",
)
