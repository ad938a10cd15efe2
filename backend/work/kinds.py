"""What a row of the table of tasks says, and what the functions in it are handed."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from backend.forms.codec import Codec
from backend.settings import Settings
from backend.store import Store
from backend.values.activations import Report
from backend.values.jobs import Choice
from backend.values.json_data import Json
from backend.values.results import Result
from backend.values.runs import RunInfo
from backend.values.specs import ActivationSpec, AnalysisSpec, LabelSpec, ModelSpec, TextSetSpec
from backend.values.tasks import Task
from backend.work.library import Library
from backend.work.modelhost import ModelHost
from backend.work.stacks import Stacks

FRESH = 600.0  # seconds for which a branch or a folder, once resolved, is not looked at again

Steps = list[
    tuple[str, str]
]  # (kind of worker, the Runner's method that it calls: "run", "fill" or "measure"; "look up": "run", then "load_ahead")


class Helpers(Protocol):
    """Other processes, on this machine or others, that take over what is much work; all share one store."""

    def fill(self, hands: "Hands", passes: tuple[ActivationSpec, ...], report: Report) -> None:
        """Bring into the store what one forward pass for each of ``passes`` fills."""
        ...

    def measure(self, hands: "Hands", analyses: Sequence[AnalysisSpec], report: Report) -> None:
        """Run the metrics of ``analyses`` on activations that are there, and store their results."""
        ...

    def run(self, hands: "Hands", task: Task, report: Report) -> None:
        """Do ``task`` whole in one of the processes, and note its answer."""
        ...


@dataclass(frozen=True, slots=True)
class Hands:
    """What a task is done with; without ``helpers`` all of it is done in this process."""

    store: Store
    library: Library
    models: ModelHost
    codec: Codec
    settings: Settings
    stacks: Stacks
    helpers: Helpers | None = None


@dataclass(frozen=True, slots=True)
class About:
    """What a task says of things that are there, which must agree with them before anything is done.

    ``texts`` are text sets, each with the labels that are asked of it; ``models`` those beside the models of ``inputs``.
    """

    texts: tuple[tuple[TextSetSpec, LabelSpec | None], ...] = ()
    inputs: tuple[ActivationSpec, ...] = ()
    models: tuple[ModelSpec, ...] = ()


class Answers(Protocol):
    """Where the answers to tasks lie, as whoever asks for one sees it."""

    def result(self, spec: AnalysisSpec) -> Result | None:
        """The stored result of an analysis."""
        ...

    def noted(self, task: Task) -> Json:
        """The answer that the runner wrote down as a record."""
        ...

    def runs(self) -> list[RunInfo]:
        """The runs of fine-tuning."""
        ...

    def is_cached(self, inputs: Sequence[ActivationSpec]) -> bool:
        """Whether all these activations are in this process's store."""
        ...


def _noted(answers: Answers, task: Task) -> Any:
    return answers.noted(task)


def _says_nothing(task: Task) -> About:
    return About()


def _no_choice(task: Task) -> Choice | None:
    return None


def _none(task: Task) -> tuple[AnalysisSpec, ...]:
    return ()


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of task: a row of the table TASKS. ``answer`` is the class of what comes back.

    ``do`` does it and returns the answer, which is written down for ``lifetime`` seconds (None: for good), or None where
    it has stored the answer itself; ``find`` is how such an answer is found again. ``worker`` names the kind of worker
    that does it, or says for a task which workers do it in which steps. ``check`` refuses values that no form would
    let through, and ``about`` lists what must agree with what is there. ``analyses`` are those that the task is made of.
    With ``asked_anew`` it is started although its answer is there: a name may stand for something else by now, a text set
    that it made may be deleted, and a recipe may contradict itself, which is found at the door. ``choice`` is what makes a page draw the answer. ``begin`` does
    the step "fill", where that is more than bringing activations into the store.
    """

    task: type[Task]
    answer: Any
    do: Callable[[Hands, Any, Report], Any]
    worker: str | Callable[[Any], Steps]
    title: Callable[[Any], str]
    check: Callable[[Any], None]
    lifetime: float | Callable[[Any, Any], float | None] | None = None
    about: Callable[[Any], About] = _says_nothing
    analyses: Callable[[Any], tuple[AnalysisSpec, ...]] = _none
    find: Callable[[Answers, Any], Any] = _noted
    asked_anew: bool = False
    choice: Callable[[Any], Choice | None] = _no_choice
    begin: Callable[[Hands, Any, Report], None] | None = None

    def steps(self, task: Task) -> Steps:
        """Which workers do ``task``, in order."""
        return [(self.worker, "run")] if isinstance(self.worker, str) else self.worker(task)

    def expiry(self, task: Task, answer: object) -> float | None:
        """Seconds for which ``answer`` holds, or None where it holds for good."""
        return self.lifetime(task, answer) if callable(self.lifetime) else self.lifetime
