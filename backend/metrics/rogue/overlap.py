"""How many of their rogue dimensions the layers of two stacks share, or of one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.errors import InvalidRequest
from backend.metrics.base import Metric, Outcome, param
from backend.metrics.effort import Effort
from backend.metrics.rogue.kernel import RANKINGS, leading_dimensions
from backend.metrics.rogue.metric import BY_HELP
from backend.metrics.shared.degenerate import named, undefined_entries, why_undefined
from backend.metrics.shared.linalg import Floats
from backend.values.activations import Labels, LayerStack, Report
from backend.values.numbers import number_text


@dataclass(frozen=True, slots=True)
class RogueOverlapParams:
    """Which dimensions are compared."""

    top: int = param(10, "Number of leading dimensions compared.", low=1, high=1000)
    by: str = param("variance", BY_HELP, choices=RANKINGS)


@dataclass(frozen=True, slots=True, eq=False)
class RogueOverlapResult:
    """Share of the top dimensions that two layers have in common, ``matrix`` (n_xs, n_ys) in [0, 1].

    ``chance`` is the expected share of two random choices, top / n_dims.
    """

    matrix: Floats
    chance: float
    top: int
    by: str
    within: bool
    n_rows: int
    n_dims: int


def run(
    stacks: Sequence[LayerStack], _labels: Labels | None, params: RogueOverlapParams, _seed: int, report: Report
) -> Outcome[RogueOverlapResult]:
    first, second = stacks[0], stacks[-1]
    widths = (first.rows[0].shape[1], second.rows[0].shape[1])
    if widths[0] != widths[1]:
        raise InvalidRequest(
            f"{first.model} has {widths[0]} dimensions, {second.model} {widths[1]}: their dimensions do not correspond.",
            "Compare two models of the same width, such as a model before and after fine-tuning.",
        )
    top, total = min(params.top, widths[0]), sum(map(len, stacks))
    done, sides = 0, []
    for stack in stacks:
        sets = []
        for x in stack.rows:
            report(done, total, "Overlap of rogue dimensions")
            done += 1
            found = leading_dimensions(x, params.by, top, stack.step)
            sets.append(None if found is None else set(found.tolist()))
        sides.append(sets)
    xs, ys = sides[0], sides[-1]
    matrix = np.array([[np.nan if a is None or b is None else len(a & b) / top for b in ys] for a in xs])
    result = RogueOverlapResult(
        matrix, top / widths[0], top, params.by, len(stacks) == 1, first.rows[0].shape[0], widths[0]
    )

    def why(_field: str, index: tuple[int, ...]) -> str:
        stack, layer = (first, index[0]) if xs[index[0]] is None else (second, index[1])
        return named(
            stack, layer, why_undefined(stack.rows[layer], step=stack.step) or "fewer than 2 rows have a direction"
        )

    note = f"By chance, two random choices of {top} of {widths[0]} dimensions share {number_text(top / widths[0], 'share')} of them."
    return Outcome(result, undefined_entries(result, why), (note,))


ROGUE_OVERLAP = Metric(
    name="rogue_overlap",
    version=1,
    title="Overlap of rogue dimensions",
    scope="pair",
    params=RogueOverlapParams,
    result=RogueOverlapResult,
    run=run,
    effort=Effort(rate=6e-9, start=0.02, each=0.0005),
)
