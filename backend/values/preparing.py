"""Preparing: many analyses as one job, each for itself, so that what cannot be computed does not keep the rest from it."""

from dataclasses import dataclass, field

from backend.values.specs import NOT_IN_KEY, AnalysisSpec, Request


@dataclass(frozen=True, slots=True)
class NotPrepared:
    """One of the analyses that could not be done: its place among them, its metric, and why."""

    place: int
    metric: str
    reason: str


@dataclass(frozen=True, slots=True)
class Prepared:
    """What came of a PrepareTask: how many of its analyses are there now, and those that are not."""

    n_done: int
    failed: tuple[NotPrepared, ...] = ()


@dataclass(frozen=True, slots=True)
class PrepareTask(Request[Prepared]):
    """Several analyses as one job, in order, each with its own result; one that fails does not end the others."""

    analyses: tuple[AnalysisSpec, ...]
    title: str = field(default="", metadata=NOT_IN_KEY)
