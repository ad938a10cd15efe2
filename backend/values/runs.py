"""What is known of a run of fine-tuning: where it stands, what it was made from, how good it is at each step."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from backend.values.recipes import Recipe

PREFIX = "run:"
RUN_STATES = ("running", "done", "stopped", "failed")


@dataclass(frozen=True, slots=True)
class RunInfo:
    """One run.

    ``task`` is the fingerprint of the FinetuneTask; ``base`` and ``commit`` name the model it began from, ``texts`` and
    ``table`` (the digest of the whole table) what it learns from. ``steps`` are the saved steps in order, ``accuracies``
    and ``losses`` those of each on the ``n_test`` rows called ``judged_on``; ``epochs`` is the epoch at each of them.
    ``frozen`` is the accuracy on the same rows of a linear head fitted on the base's own last layer with the pooling
    ``frozen_pooling``, which is what the tuned head reads; ``frozen_mean`` that with mean pooling. ``majority`` is the
    accuracy of always guessing the largest class. ``threads`` are those of the CPU: sums of more or fewer parts round
    otherwise. Where the test rows of the texts took no part in choosing a step,
    ``test_accuracy`` and ``test_frozen`` (n_final rows) are on them; they are NaN otherwise. ``former`` are the names that
    it had before, the last one first: they still lead to it.
    """

    name: str
    task: str
    base: str
    commit: str
    texts: str
    table: str
    unit: str
    label: str
    classes: tuple[str, ...]
    recipe: Recipe
    state: str = "running"
    device: str = ""
    threads: int = 0
    versions: dict[str, str] = field(default_factory=dict)
    n_train: int = 0
    n_test: int = 0
    n_final: int = 0
    judged_on: str = ""
    n_lost: int = 0
    total_steps: int = 0
    steps: tuple[int, ...] = ()
    epochs: tuple[float, ...] = ()
    accuracies: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()
    majority: float = math.nan
    frozen: float = math.nan
    frozen_pooling: str = ""
    frozen_mean: float = math.nan
    test_accuracy: float = math.nan
    test_frozen: float = math.nan
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    created: float = 0.0
    owner: str = ""
    error: str = ""
    hint: str = ""
    folder: str = ""
    former: tuple[str, ...] = ()

    @property
    def best_step(self) -> int | None:
        """The saved step with the highest accuracy, the earliest of equals; None where nothing is saved."""
        if not self.steps:
            return None
        return self.steps[max(range(len(self.steps)), key=lambda place: (self.accuracies[place], -place))]

    @property
    def step(self) -> int | None:
        """The step that ``run:NAME`` stands for: the last saved one; the best where the recipe has a patience.

        How the run ended plays no part: a process that is killed does not change what a name means.
        """
        if not self.steps:
            return None
        return self.best_step if self.recipe.patience else self.steps[-1]

    @property
    def model(self) -> str:
        """The name of the run's model: ``run:NAME``; while that may still come to mean another step, with the step."""
        name = f"{PREFIX}{self.name}"
        return name if self.state == "done" or self.step is None else f"{name}@{step_name(self.step)}"

    @property
    def gain(self) -> float:
        """Its accuracy less that of a head on the frozen base, on the same rows; NaN where either is missing."""
        return self.accuracy - self.frozen

    @property
    def accuracy(self) -> float:
        """The accuracy at ``step``; NaN where nothing is saved."""
        return math.nan if self.step is None else self.accuracies[self.steps.index(self.step)]


@dataclass(frozen=True, slots=True)
class RunForecast:
    """What a run will take, before it starts.

    ``n_train`` rows are learned from, ``n_test`` (called ``judged_on``) are held out; ``n_steps`` updates of the weights,
    ``n_in_epoch`` in an epoch, of which the weights after ``n_saved`` are kept: ``n_bytes`` in all, and ``n_bytes_resume`` more while
    it trains. ``seconds`` of training, from ``low`` to ``high`` in most cases: by ``known_from``, the newest earlier run of the
    same base, and others before it; a first guess where there is none.
    ``warning`` says why it is hardly worth while; empty otherwise.
    """

    n_train: int
    n_test: int
    judged_on: str
    n_steps: int
    n_in_epoch: int
    n_saved: int
    n_bytes: int
    n_bytes_resume: int
    seconds: float = math.nan
    low: float = math.nan
    high: float = math.nan
    known_from: str = ""
    warning: str = ""


def step_name(step: int) -> str:
    """The name of a saved step: that of its folder, and what stands after the @ in ``run:NAME@step-00128``."""
    return f"step-{step:05d}"


def moving_mean(values: npt.NDArray[np.float64], around: int) -> npt.NDArray[np.float64]:
    """Mean of the ``around`` values about each of ``values`` (n,); of fewer at the ends."""
    half = around // 2
    total = np.concatenate([[0.0], np.cumsum(values)])
    places = np.arange(len(values))
    low, high = np.maximum(places - half, 0), np.minimum(places + half + 1, len(values))
    return np.asarray((total[high] - total[low]) / (high - low))


def run_called(runs: Iterable[RunInfo], name: str) -> RunInfo | None:
    """The run of that name, or else the one that had it before it was renamed; None where there is neither."""
    known = list(runs)
    found = next((run for run in known if run.name == name), None)
    return found or next((run for run in known if name in run.former), None)
