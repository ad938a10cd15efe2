"""What the accuracies of single dimensions look like where a few know the classes, and where none does; from formulas."""

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from backend import count_by_accuracy
from pages._kit.show.teaching import Example, Teaching
from pages.labels.neurons.charts import singles_histogram


def _chance(start: int) -> npt.NDArray[np.float64]:
    dims = np.arange(start, start + 300)
    return np.asarray(np.round(200 * (0.52 + 0.09 * np.sin(12.9 * dims) * np.sin(4.1 * dims + 1))) / 200)


def _singles(knowing: int) -> go.Figure:
    accuracies = _chance(0)
    accuracies[:knowing] = np.round(200 * (0.93 - 0.012 * np.arange(knowing))) / 200
    control = np.stack([_chance(300 * shuffle) for shuffle in range(1, 4)])
    return singles_histogram(count_by_accuracy(accuracies, control, n_test=200), 0.5)[0]


NEURONS = Teaching(
    "Are there dimensions that know the classes by themselves?",
    Example("most are at chance, and a few stand apart near the right end.", lambda: _singles(12)),
    Example("all are at chance, as with shuffled labels: what is known is spread over many.", lambda: _singles(0)),
    "Of hundreds of dimensions some are good by luck: compare with the grey of shuffled labels. A class that most texts have moves the whole "
    "heap to the right. Dimensions are chosen without the test rows; one chosen by looking at this figure is not.",
)
