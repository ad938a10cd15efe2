"""The runner: does one task as its row in the table of tasks says, and writes the answer down."""

from backend.forms.codec import Codec, read_json, to_json
from backend.forms.fingerprint import fingerprint
from backend.settings import Settings
from backend.store import Store
from backend.values.activations import Report
from backend.values.models import ModelInfo
from backend.values.specs import ActivationSpec
from backend.values.tasks import ReadTask, Task
from backend.values.vectors import VectorsTask
from backend.work.agreement import check_models, check_texts, of_objects
from backend.work.doors import check_task
from backend.work.filling import fill
from backend.work.kinds import Hands, Helpers
from backend.work.library import Library
from backend.work.measuring import analyse
from backend.work.modelhost import ModelHost
from backend.work.parts import DOING, Answer, Part
from backend.work.stacks import Stacks
from backend.work.tasks import kind_of

_AWAY = (
    "models",
    "training",
)  # the kinds of workers whose tasks helpers do whole; others are quick, or read what is foreign


class Runner:
    """Does tasks over one store: in this process, or where it has helpers, with them."""

    def __init__(
        self,
        store: Store,
        library: Library,
        models: ModelHost,
        codec: Codec,
        settings: Settings,
        helpers: Helpers | None = None,
    ) -> None:
        self._stacks = Stacks(store, library, models, settings)
        self._hands = Hands(store, library, models, codec, settings, self._stacks, helpers)

    @property
    def models(self) -> ModelHost:
        """The models that it has."""
        return self._hands.models

    def run(self, task: Task, report: Report) -> None:
        """Do ``task`` and store its answer; raises EmbedscopeError where it cannot be done."""
        self.check(task)
        kind = kind_of(task)
        if self._hands.helpers is not None and kind.worker in _AWAY and not of_objects(task):
            self._hands.helpers.run(self._hands, task, report)
            return
        answer = kind.do(self._hands, task, report)
        if answer is not None:
            key = f"task/{fingerprint(task)}"
            self._hands.store.set_record(key, to_json(answer, {}), expire=kind.expiry(task, answer))
            if isinstance(task, ReadTask | VectorsTask):  # a preview has rows of what was uploaded, and goes with it
                self._hands.store.set_record(f"of/{task.blob}/{fingerprint(task)}", True)

    def load_ahead(self, task: Task) -> None:
        """Load the model that ``task`` has looked up, with its weights, so that it is there when it is to be run."""
        info = self._hands.store.record(f"task/{fingerprint(task)}")
        found = read_json(ModelInfo, info)
        if found is not None:
            self._hands.models.load(found.spec)

    def check(self, task: Task) -> None:
        """Raise where ``task`` makes no sense, or where its inputs are not what its address says."""
        check_task(task)
        check_texts(self._hands.library, task)
        check_models(self._hands.models, task)

    def fill(self, task: Task, report: Report) -> None:
        """Bring the activations of the analyses in ``task`` into the store: the first of two steps of `run`."""
        self.check(task)
        if (begin := kind_of(task).begin) is not None:
            begin(self._hands, task, report)
            return
        todo = [spec for spec in kind_of(task).analyses(task) if not self._hands.store.has_result(fingerprint(spec))]
        fill(self._hands, tuple(item for spec in todo for item in spec.inputs), report)

    def part(self, part: Part, report: Report) -> Answer:
        """Do a part of what another process does."""
        if part.kind in DOING:
            return DOING[part.kind](self._hands, part.what, report)
        task = self._hands.codec.task_from_json(part.what)
        (self.measure if part.kind == "measure" else self.run)(task, report)
        return None

    def bring(self, inputs: tuple[ActivationSpec, ...], report: Report) -> None:
        """Bring activations into the store, whatever they are for."""
        fill(self._hands, inputs, report)

    def measure(self, task: Task, report: Report) -> None:
        """Run the metrics of ``task`` on activations that are there: the second of two steps of `run`."""
        self.check(task)
        for spec in kind_of(task).analyses(task):
            analyse(self._hands, spec, report)  # extracts nothing, unless an entry went since the first step
