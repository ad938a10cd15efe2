"""One layer of several models in the plane, such as the checkpoints of a series: each map begun from the one before."""

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace

from backend.errors import InvalidRequest
from backend.metrics.base import BEFORE_FIRST, Metric, Outcome, param
from backend.metrics.effort import Effort, Size
from backend.metrics.maps.projection import Projection, ProjectionParams, lay_out_all, projection_work
from backend.metrics.shared.degenerate import same_rows
from backend.values.activations import Labels, LayerStack, Report


@dataclass(frozen=True, slots=True)
class ProjectionSeriesParams(ProjectionParams):
    """Parameters of ``projection_series``: those of ``projection``, and the layer."""

    layer: int = param(
        -1, "The position of the layer among those chosen; -1 is the last of each model.", low=-1, high=1000
    )


@dataclass(frozen=True, slots=True, eq=False)
class ProjectionSeries(Projection):
    """Maps of one layer of every model, in the order of the models.

    The fields of Projection with the models in the place of the layers; ``layer_names`` (n_models,) names each model's
    layer, and ``n_dims`` is the first model's width.
    """

    layer_names: tuple[str, ...]


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: ProjectionSeriesParams, seed: int, report: Report
) -> Outcome[ProjectionSeries]:
    """Lay out one layer of every stack over the same rows; a model whose rows are all identical has no coordinates."""
    same_rows(stacks)
    places = [_place(stack, params.layer) for stack in stacks]
    first = stacks[0]
    chain = LayerStack(
        model=first.model,
        pooling=first.pooling,
        layers=tuple(range(len(stacks))),
        layer_names=tuple(stack.model for stack in stacks),
        matrices=tuple(stack.matrices[place] for stack, place in zip(stacks, places, strict=True)),
        texts_digest=first.texts_digest,
        tokens=first.tokens,
    )
    found = lay_out_all(chain, params, seed, report, each="model" if len(stacks) == 1 else "checkpoint")
    shared = {field.name: getattr(found.values, field.name) for field in fields(Projection)}
    names = tuple(stack.layer_names[place] for stack, place in zip(stacks, places, strict=True))
    return Outcome(ProjectionSeries(**shared, layer_names=names), found.undefined, found.notes)


def _place(stack: LayerStack, layer: int) -> int:
    if layer >= len(stack):
        raise InvalidRequest(
            f"{stack.model} has {len(stack)} of the layers asked for, so none at place {layer}.",
            f"Give a place from 0 to {len(stack) - 1}, or -1 for the last.",
        )
    return layer if layer >= 0 else len(stack) - 1


def _work(size: Size, params: ProjectionSeriesParams) -> float:
    """That of the maps of one layer of every model."""
    return projection_work(replace(size, n_layers=1), params)


PROJECTION_SERIES = Metric(
    name="projection_series",
    version=6,
    title="Projection over checkpoints",
    scope="models",
    params=ProjectionSeriesParams,
    result=ProjectionSeries,
    run=run,
    worker="layouts",
    direction=BEFORE_FIRST,
    effort=Effort(_work, rate=1.6e-10, start=0.05, each=0.003),
)
