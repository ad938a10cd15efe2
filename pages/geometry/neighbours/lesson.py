"""What ranks over depth look like where a text keeps its neighbours, and where it does not; from formulas."""

import numpy as np
import plotly.graph_objects as go

from pages._kit.show.lessons import LAYERS
from pages._kit.show.teaching import Example, Teaching
from pages.geometry.neighbours.charts import ranks_chart


def _ranks(growth: float) -> go.Figure:
    layers, texts = np.arange(len(LAYERS))[:, None], np.arange(1, 6)[None, :]
    ranks = np.round(texts * np.exp(growth * (len(LAYERS) - 1 - layers)))
    names = [f"neighbour {place}" for place in range(1, 6)]
    return ranks_chart(ranks, LAYERS, names, names, 10, 1000)


NEIGHBOURS = Teaching(
    "Are the nearest texts of a text the same in all layers?",
    Example("the lines stay within the first ranks from layer to layer.", lambda: _ranks(0.05)),
    Example(
        "what is near in the last layer is far away in the first ones: the layers sort the texts by different things.",
        lambda: _ranks(0.4),
    ),
    "Ranks of texts that are all about equally far change with every rounding. Some texts are near to everything (hubs). A few huge "
    "dimensions decide Euclidean distances alone: choose the cosine, or remove them.",
)
