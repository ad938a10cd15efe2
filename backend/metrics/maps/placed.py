"""Where a text that is typed lies on the map of principal components: the metric ``text_on_map``."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.metrics.base import Metric, Outcome, param
from backend.metrics.effort import Effort, Size
from backend.metrics.maps.kernel import on_components, oriented, pca_layout
from backend.metrics.neighbors.kernel import AnyRows, Floats, sampled_rows, unit_rows
from backend.metrics.shared.degenerate import named, undefined_entries, why_undefined
from backend.metrics.shared.progress import part_of
from backend.metrics.shared.typed_text import read_text
from backend.values.activations import Labels, LayerStack, Report


@dataclass(frozen=True, slots=True)
class TextOnMapParams:
    """Parameters of ``text_on_map``: the text, and those of the map that decide its components."""

    text: str = param("", "The text to place.")
    n_components: int = param(2, "Dimensions of the map.", low=2, high=3)
    metric: str = param(
        "euclidean",
        "Distance between rows; 'cosine' first brings every row to length 1.",
        choices=("euclidean", "cosine"),
    )
    max_rows: int = param(5000, "Maximum number of rows laid out, drawn by the seed.", low=10, high=50_000)


@dataclass(frozen=True, slots=True, eq=False)
class TextOnMap:
    """Where a typed text lies on the map of each layer that ``projection`` makes with PCA and the same parameters.

    ``coords`` (n_layers, n_components) are in the units of that map; ``shown`` (n_layers,), in [0, 1], is the share of the text's squared
    distance from the mean row that the axes show.
    """

    coords: Floats
    shown: Floats
    n_rows: int
    n_dims: int


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: TextOnMapParams, seed: int, report: Report
) -> Outcome[TextOnMap]:
    """Run the model on the text, and project what it makes of it on the components of the rows."""
    stack = stacks[0]
    points, notes = read_text(stack, params.text, report)
    n_rows, n_dims = stack.rows[0].shape
    rows = sampled_rows(n_rows, params.max_rows, seed)
    values = TextOnMap(np.full((len(stack), params.n_components), np.nan), np.full(len(stack), np.nan), n_rows, n_dims)
    reasons = {}
    for layer, matrix in enumerate(stack.rows):
        part_of(report, layer, len(stack), stack.layer_names[layer])(0, 1, "")
        x: AnyRows = np.asarray(matrix[rows], dtype=np.float32)
        point: AnyRows = points[layer]
        reason = why_undefined(x, min_rows=2, step=stack.step)
        if reason is None and params.metric == "cosine":
            x, point = unit_rows(x).astype(np.float32), unit_rows(point[None])[0]
            reason = "all rows point the same way" if why_undefined(x, min_rows=2, step=stack.step) else None
        if reason is not None:
            reasons[layer] = reason
            continue
        scores = oriented(pca_layout(x, params.n_components)[0])
        values.coords[layer], values.shown[layer] = on_components(x, scores, point)
    report(len(stack), len(stack), "")

    def why(_: str, at: tuple[int, ...]) -> str:
        return named(stack, at[0], reasons.get(at[0], "the text lies at the mean of all rows"))

    return Outcome(values, undefined_entries(values, why), notes)


def _work(size: Size, params: TextOnMapParams) -> float:
    """Multiplications of the covariances; the weights, which may have to be loaded first."""
    rows = min(size.n_rows, params.max_rows)
    return float(size.n_layers) * rows * size.n_dims * min(rows, size.n_dims) + 10.0 * size.n_parameters


TEXT_ON_MAP = Metric(
    name="text_on_map",
    version=1,
    title="A typed text on the map",
    scope="stack",
    params=TextOnMapParams,
    result=TextOnMap,
    run=run,
    network=True,
    effort=Effort(_work, rate=1.8e-10, start=0.03, each=0.003),
)
