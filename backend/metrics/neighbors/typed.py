"""The nearest rows of a text that is typed, which the model reads now: the metric ``neighbours_of_text``."""

from collections.abc import Sequence
from dataclasses import dataclass

from backend.metrics.base import Metric, Outcome, param
from backend.metrics.effort import Effort, Size, entries
from backend.metrics.neighbors.nearest import DISTANCES, Neighbours, neighbours_in
from backend.metrics.shared.typed_text import read_text
from backend.values.activations import Labels, LayerStack, Report


@dataclass(frozen=True, slots=True)
class TypedParams:
    """Parameters of ``neighbours_of_text``."""

    text: str = param("", "The text whose neighbours are looked for.")
    k: int = param(10, "Neighbours of the text.", low=1, high=500)
    metric: str = param("euclidean", "Distance between rows.", choices=DISTANCES)


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: TypedParams, seed: int, report: Report
) -> Outcome[Neighbours]:
    """Run the model on the text, and compare what it makes of it with all rows in every layer."""
    stack = stacks[0]
    points, notes = read_text(stack, params.text, report)
    found = neighbours_in(stack, params.k, params.metric, lambda layer: points[layer], -1, report)
    return Outcome(found.values, found.undefined, (*notes, *found.notes))


def _work(size: Size, params: TypedParams) -> float:
    """The distances in each layer; the weights, which may have to be loaded first."""
    return entries(size, params) + 0.2 * size.n_parameters


NEIGHBOURS_OF_TEXT = Metric(
    name="neighbours_of_text",
    version=1,
    title="Nearest neighbours of a typed text",
    scope="stack",
    params=TypedParams,
    result=Neighbours,
    run=run,
    network=True,
    effort=Effort(_work, rate=7e-9, start=0.03, each=0.001),
)
