"""Which of two models was there before the other: by the run that made one from the other, or by the step of a training.

There is one answer for everybody: pages, report, command line and notebook put models in order by ``put_in_order``.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePath

from backend.values.models import ModelInfo, short_model
from backend.values.runs import RunInfo, run_called

RUN = "run:"
_STEP = re.compile(r"(?:checkpoint|ckpt|global[-_]?step|step|iter(?:ation)?|epoch)?[-_]?(\d{1,12})", re.IGNORECASE)
_CANONICAL = (
    "albert",
    "distilbert",
    "FacebookAI",
    "google-bert",
    "google-t5",
    "openai-community",
)  # of the hub's short names
_DEEPEST = 32  # runs upon runs; beyond it something names itself


@dataclass(frozen=True, slots=True)
class Ordered:
    """Models from the earliest to the latest. ``known`` says whether runs, cards or steps tell; ``reason`` how they do, as
    sentences, or why they do not."""

    models: tuple[ModelInfo, ...]
    known: bool
    reason: str

    @property
    def before(self) -> ModelInfo:
        """The first of them."""
        return self.models[0]

    @property
    def after(self) -> ModelInfo:
        """The last of them."""
        return self.models[-1]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a model stands: the ``series`` of checkpoints it belongs to ("" where none), and its step (None: the end)."""

    series: str
    step: int | None


def step_of(name: str) -> int | None:
    """The training step that the name of a folder or revision bears (checkpoint-500, step1000, 0032), or None."""
    found = _STEP.fullmatch(name)
    return int(found[1]) if found else None


def put_in_order(models: Sequence[ModelInfo], runs: Sequence[RunInfo] = (), *, before: str = "") -> Ordered:
    """``models`` from the earliest to the latest; those of which it is not known stay in the order given.

    Known is: a run's base comes before its steps, over chains of runs too; a card's base before the model with the card; an
    earlier step before a later one of the same training; and what follows from these. ``before`` names the model that is to come first among two of
    which nothing is known; it is without effect where the order is known.
    """
    given = list(models)
    if len(given) == 2 and before == given[1].spec.name and _why(given[0], given[1], runs) is None:
        given = [given[1], given[0]] if _why(given[1], given[0], runs) is None else given
    n = len(given)
    why = {(i, j): found for i in range(n) for j in range(n) if i != j and (found := _why(given[i], given[j], runs))}
    earlier = _closed(set(why), n)
    left, order = list(range(n)), []
    while left:
        first = next((i for i in left if not any((j, i) in earlier for j in left if j != i)), left[0])
        order.append(first)
        left.remove(first)
    known = all((a, b) in earlier for place, a in enumerate(order) for b in order[place + 1 :])
    said = [why[pair] for pair in pairwise(order) if pair in why]
    if not known:
        said.append(_unknown(n))
    return Ordered(tuple(given[i] for i in order), known, " ".join(dict.fromkeys(said)))


def _unknown(n: int) -> str:
    if n == 2:
        return "No run, card or step says which of the two came first, so the order given is used."
    return "For some of these no run, card or step says which came first, so the order given is used."


def _closed(pairs: set[tuple[int, int]], n: int) -> set[tuple[int, int]]:
    """The pairs, with those that follow from them."""
    found = set(pairs)
    for k in range(n):
        found |= {(i, j) for i in range(n) for j in range(n) if (i, k) in found and (k, j) in found and i != j}
    return {(i, j) for i, j in found if (j, i) not in found}


def _why(first: ModelInfo, second: ModelInfo, runs: Sequence[RunInfo]) -> str | None:
    """Why ``first`` was there before ``second``; None where it was not, or nobody knows."""
    if first.spec.commit == second.spec.commit:
        return None
    at, beyond = _place(first, runs), _place(second, runs)
    if at.series and at.series == beyond.series:
        return _by_step(first, second, at, beyond)
    return _by_descent(first, second, runs)


def _by_step(first: ModelInfo, second: ModelInfo, at: _Place, beyond: _Place) -> str | None:
    if at.step is None or (beyond.step is not None and at.step >= beyond.step):
        return None
    if beyond.step is None:
        return f"{_short(first)} is a checkpoint of the training run that presumably ended in {_short(second)}."
    return f"Step {at.step:,} of {_series(at.series)} comes before step {beyond.step:,}."


def _by_descent(first: ModelInfo, second: ModelInfo, runs: Sequence[RunInfo]) -> str | None:
    """Climb from ``second`` to what it was made from, and from there on, until ``first`` is met."""
    at = _place(first, runs)
    name, commit, how = _parent(second, runs)
    said = [how]
    for _ in range(_DEEPEST):
        if not name:
            return None
        met = _place_of(name, runs)
        same_series = bool(at.series) and at.series == met.series
        if commit == first.spec.commit or (not same_series and _same_name(name, first.spec.name)):
            return " ".join(said)
        if same_series:
            return " ".join(said) if _reached(at.step, met.step) else None
        run = _run(name, runs)
        if run is None:
            return None
        name, commit = run.base, run.commit
        said.append(f"{RUN}{run.name} started from {short_model(run.base)}.")
    return None


def _reached(step: int | None, later: int | None) -> bool:
    """Whether a training had passed ``step`` when it was left at ``later`` (None: its end)."""
    return later is None or (step is not None and step <= later)


def _parent(info: ModelInfo, runs: Sequence[RunInfo]) -> tuple[str, str, str]:
    """Name and commit of what a model was made from, and the sentence that says so."""
    run = _run(info.spec.name, runs)
    if run is not None:
        return run.base, run.commit, f"{RUN}{run.name} started from {short_model(run.base)}."
    return info.base, info.base_commit, f"The card of {_short(info)} names {short_model(info.base)} as its base."


def _run(name: str, runs: Sequence[RunInfo]) -> RunInfo | None:
    """The run that a model is a step of, by its name (``run:NAME``, with a step or without) or by its folder."""
    if name.startswith(RUN):
        return run_called(runs, name.removeprefix(RUN).partition("@")[0])
    return next((run for run in runs if run.folder and PurePath(name).parent == PurePath(run.folder)), None)


def _place(info: ModelInfo, runs: Sequence[RunInfo]) -> _Place:
    return _place_of(info.spec.name, runs)


def _place_of(name: str, runs: Sequence[RunInfo]) -> _Place:
    """The series of a model's name and its step: of a run, a folder of checkpoints, or revisions of a repository."""
    run = _run(name, runs)
    if name.startswith(RUN):
        short, _, saved = name.removeprefix(RUN).partition("@")
        short = short if run is None else run.name
        return _Place(f"{RUN}{short}", step_of(saved) if saved else (run.step if run is not None else None))
    if name.startswith(("/", ".", "~")):
        path = PurePath(name)
        if run is not None:
            return _Place(f"{RUN}{run.name}", step_of(path.name))
        step = step_of(path.name)
        return _Place(str(path if step is None else path.parent), step)
    repo, at, revision = name.partition("@")
    step = step_of(revision) if at else None
    if at and step is None and revision != "main":
        return _Place("", None)  # a branch or a commit of which nothing is known
    return _Place(repo, step)


def _same_name(one: str, other: str) -> bool:
    """Whether two names mean the same model: neither the main revision need be named, nor the owner of gpt2 and its like."""
    return _bare(one) == _bare(other)


def _bare(name: str) -> str:
    owner, slash, rest = name.removesuffix("@main").partition("/")
    return rest if slash and owner in _CANONICAL else name.removesuffix("@main")


def _series(name: str) -> str:
    return name if name.startswith(RUN) else short_model(name)


def _short(info: ModelInfo) -> str:
    return short_model(info.spec.name)
