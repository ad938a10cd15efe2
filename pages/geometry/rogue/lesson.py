"""What spikes look like where a few dimensions rule the vectors, and where none does; from formulas."""

import numpy as np
import plotly.graph_objects as go

from pages._kit.show.teaching import Example, Teaching
from pages.geometry.rogue.charts import ROGUE, spike_plot


def _spikes(height: float) -> go.Figure:
    dims, texts = np.arange(120)[None, :], np.arange(8)[:, None]
    values = 0.5 * np.sin(12.9 * dims + 4.1 * texts) * np.cos(0.7 * dims)
    values[:, 70] += height * (1 - 0.12 * texts[:, 0])
    marks = {70: ROGUE} if height else {}
    return spike_plot(values, texts=["a text"] * 8, marks=marks, ranking="variance")


ROGUE_LESSON = Teaching(
    "Do a few dimensions rule the vectors?",
    Example("one spike stands far above the rest in every text.", lambda: _spikes(9.0)),
    Example("all dimensions are of about one size.", lambda: _spikes(0.0)),
    "A large mean that all texts share tells none of them apart: a spike from which the lines fan out is another thing. Which dimensions stand out "
    "depends on the score. Two very large ones hide others. Dimensions of separately trained models do not correspond.",
)
