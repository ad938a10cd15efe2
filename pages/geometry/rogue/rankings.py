"""What makes a dimension rogue: the choice of the score, and the result that goes with it."""

import dataclasses
from collections.abc import Sequence
from typing import Any, TypeVar

from backend import ModelInfo, Result, result_of
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import obtain, run_panel
from pages._kit.state import ask
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench

RANKINGS = {"variance": "variance over the texts", "cosine": "share of the average cosine", "mean": "|mean|"}
SHORT = {"variance": "variance", "cosine": "cosine share", "mean": "|mean|"}  # the address holds these

Values = TypeVar("Values")


def choose_ranking() -> str:
    """The score that decides which dimensions are rogue."""
    by = ask.segmented_control(
        "Score",
        list(RANKINGS),
        format_func=lambda name: SHORT.get(name, name),
        default="variance",
        key="rogue_by",
        help="What makes a dimension rogue: the variance of its values over the texts, its share of the average cosine of "
        "all pairs of texts, or how far its mean lies from 0.",
    )
    return str(by)


def ranked(
    metric: str, of: type[Values], models: Sequence[ModelInfo], here: Selection, by: str
) -> Result[Values] | None:
    """The result of ``metric``, of the class ``of``, with the ranking ``by``, behind a Run button.

    Where the result of another ranking is there and the activations are too, this one comes without being asked for.
    """
    bench, params = workbench(), _params(metric, models, here, by)
    shared: dict[str, Any] = {"models": models, "layers": here.layers, **here.rows}
    specs = {name: bench.analysis(metric, params={**params, "by": name}, **shared) for name in RANKINGS}
    wanted = specs[by]
    others = [spec for name, spec in specs.items() if name != by]
    if bench.peek(wanted) is None and bench.is_cached(wanted.inputs) and any(map(bench.peek, others)):
        found = obtain(wanted, f"{metric}_ranked", what=f"Ranking by {RANKINGS[by]}")
        return None if found is None else result_of(found, of)
    results = run_panel([wanted], metric, of)
    return None if results is None else results[0]


def ranked_each(
    metric: str, of: type[Values], models: Sequence[ModelInfo], here: Selection, by: str
) -> list[Result[Values]] | None:
    """The result of ``metric`` for each of ``models`` alone, behind a Run button; of those that are there, if some are not."""
    params = _params(metric, models, here, by)
    specs = [
        workbench().analysis(metric, models=[info], layers=here.layers, params={**params, "by": by}, **here.rows)
        for info in models
    ]
    results = run_panel(specs, metric, of, partial=True)
    return None if results is None else [result for result in results if result is not None]


def _params(metric: str, models: Sequence[ModelInfo], here: Selection, by: str) -> dict[str, Any]:
    """What Settings say of all but the ranking, with Paper beside them."""
    row = workbench().metrics()[metric]
    paper = paper_choice([metric], here, models[0], metric, extra={"rogue_by": "variance"})
    with paper.box:
        rest = [field.name for field in dataclasses.fields(row.params) if field.name != "by"]
        params = params_form(row.params, only=rest, **paper.form(metric, metric))
    paper.say(here, {metric: {**params, "by": by}})
    return dict(params)
