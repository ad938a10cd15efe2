"""A text that is typed: read by the model now, for the metrics that look where it lies among the rows."""

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.values.activations import LayerStack, Report


def read_text(stack: LayerStack, text: str, report: Report) -> tuple[npt.NDArray[np.float32], tuple[str, ...]]:
    """What the model of ``stack`` makes of ``text`` in each of its layers, (n_layers, n_dims), and notes.

    Raises InvalidRequest where there is no model to run.
    """
    if stack.network is None:
        raise InvalidRequest("There is no model to read the text.", "Run it on a model and a text set.")
    report(0, 1, "reading the text")
    return stack.network.rows_of(text, stack.layers)
