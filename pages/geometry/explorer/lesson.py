"""What the layers look like where two of their numbers go together, and where they do not; from formulas."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from pages._kit.show.teaching import Example, Teaching
from pages.geometry.explorer.against import scatter

_PLACES = np.arange(13)


def _points(noise: float) -> go.Figure:
    across = 0.1 + 0.06 * _PLACES
    scattered = 0.55 + 0.4 * (_PLACES * (np.sqrt(5.0) - 1) / 2 % 1)  # spread as if drawn, and the same each time
    up = (0.6 + 0.025 * _PLACES) * (1 - noise) + scattered * noise
    names = [f"layer {place}" for place in _PLACES]
    points = pd.DataFrame({"model": "a model", "layer": names, "x": across, "y": up})
    return scatter(points, ["Anisotropy", "Test accuracy"])


EXPLORER = Teaching(
    "Do two numbers of the layers go together?",
    Example("the layers lie along a line: where the one is higher, so is the other.", lambda: _points(0.1)),
    Example("they lie all over: knowing the one says nothing about the other.", lambda: _points(1.0)),
    "Both may follow the depth, and neither the other: nearly everything rises or falls from layer to layer. The layers of one model are not "
    "independent, so a correlation of a dozen of them is no test; of several models it says more. Of many pairs that are tried, some "
    "go together by chance.",
)
