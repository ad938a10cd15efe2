"""What a first look shows where the layers do different work, and where they do not; from formulas."""

import numpy as np
import plotly.graph_objects as go

from pages._kit.charts.layer_pairs import cka_heatmap
from pages._kit.show.lessons import LAYERS
from pages._kit.show.teaching import Example, Teaching


def _layers(pace: float) -> go.Figure:
    places = np.arange(len(LAYERS))
    return cka_heatmap(np.exp(-np.abs(places[:, None] - places[None, :]) / pace), LAYERS, LAYERS)


OVERVIEW = Teaching(
    "Do the layers of this model hold the texts in different ways?",
    Example(
        "the first figure is bright along the diagonal alone: far layers have little in common, and are worth a look of their own.",
        lambda: _layers(2.0),
    ),
    Example("it is bright all over: what one layer shows, all of them show.", lambda: _layers(60.0)),
    "A first look is of few numbers. One dimension of huge values can make all layers look alike, and most of the anisotropy: see Rogue "
    "dimensions. The map keeps two directions of hundreds: labels that are mixed on it can be apart in the layer (see Probes). Few texts "
    "raise every line.",
    height=270,
)
