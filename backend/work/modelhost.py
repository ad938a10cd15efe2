"""The models of one process: names resolved, facts remembered in the store, weights kept loaded up to a budget."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from backend.errors import ModelError
from backend.forms.codec import read_json, to_json
from backend.forms.fingerprint import EXTRACTION_VERSION
from backend.settings import Settings
from backend.store import Store
from backend.values.activations import Report
from backend.values.history import History, history_of, history_text
from backend.values.json_data import Json
from backend.values.models import OBJECT_PREFIX, ModelInfo, SeriesInfo
from backend.values.specs import ModelSpec
from backend.values.tasks import SeriesTask
from backend.values.vectors import PREFIX as VECTORS
from backend.work.allowed import require_allowed, require_small
from backend.work.runlist import hides_run, require_seen
from backend.work.vectorlist import named_vectors, vectors_of

if TYPE_CHECKING:
    from backend.models.loading import LoadedModel, LoadedModels
    from backend.models.resolve import ModelFiles


class ModelHost:
    """Resolves, describes and loads models.

    ``roots`` None lets local folders lie anywhere (command line, notebook); a tuple lets them lie below these only.
    """

    def __init__(self, store: Store, settings: Settings, roots: tuple[Path, ...] | None) -> None:
        self._store, self._settings, self._roots = store, settings, roots
        self._runs = settings.runs_folder
        self._loaded: LoadedModels | None = None
        self._lent: dict[str, LoadedModel] = {}

    def resolve(self, name: str, dtype: str) -> ModelInfo:
        """What ``name`` stands for now; raises ModelError where it stands for nothing that can be run."""
        if name.strip().startswith(OBJECT_PREFIX):
            _refuse_unloadable(ModelSpec(name.strip(), ""))
        if name.strip().startswith(VECTORS):
            return named_vectors(self._store, name).model  # in the number format that they came in
        require_seen(self._store, self._runs, name)
        from backend.models.resolve import resolve

        if dtype == "auto":
            dtype = self._dtype()
        if self._roots is not None:
            require_allowed(name, self._settings)
        spec = resolve(name, dtype=dtype, roots=self._roots, runs=self._runs)
        for known_by in {name.strip(), spec.name}:
            self._note_name(replace(spec, name=known_by))
        info = self.known(spec)
        if not info.built:  # remembered from a version that did not ask for it
            info = self._look(spec)
        if self._roots is not None:
            require_small(info, self._settings)
        return info

    def confirm(self, spec: ModelSpec) -> None:
        """Raise ModelError, as resolve does, where the name of ``spec`` does not stand for its commit.

        A name that once did is remembered: a folder may change afterwards, what was computed from it stays what it is.
        """
        if spec.name.startswith(VECTORS):
            require_vectors(self._store, spec)
            return
        require_seen(self._store, self._runs, spec.name)
        if spec.name.startswith(OBJECT_PREFIX):
            self.known(spec)
        elif not knows_name(self._store, spec):
            from backend.models.resolve import model_files

            model_files(spec, roots=self._roots, weights=False, runs=self._runs)
            self._note_name(spec)

    def series(self, task: SeriesTask, report: Report) -> SeriesInfo:
        """The checkpoints that a name stands for now; raises ModelError where there are fewer than two to use."""
        from backend.models.series import choose, find_members, series_info

        require_seen(self._store, self._runs, task.name)
        hidden = hides_run(self._store, self._runs, task.name)  # a name without "run:", which may be a folder's too
        runs = self._runs / ".none" if hidden else self._runs
        members = find_members(task.name, roots=self._roots, runs=runs)
        wanted = choose(members, task.steps, task.at_most)
        done = iter(range(len(wanted)))

        def look_up(name: str) -> ModelInfo:
            report(next(done), len(wanted), "Looking up the checkpoints")
            return self.resolve(name, task.dtype)

        return series_info(task.name, members, wanted, look_up)

    def known(self, spec: ModelSpec) -> ModelInfo:
        """The facts about a resolved model: from the store, or from its configuration."""
        info = known_model(self._store, spec)
        if info is not None:
            return info
        if spec.name.startswith(VECTORS):
            return require_vectors(self._store, spec)
        return self._look(spec)

    def _look(self, spec: ModelSpec) -> ModelInfo:
        """The facts about a resolved model from its configuration, which the store then has."""
        _refuse_unloadable(spec)
        from backend.models.loading import describe

        info = describe(spec, roots=self._roots, runs=self._runs)
        info = replace(info, tuned=bool(self.history(spec)))
        self._store.set_record(_facts_key(spec), to_json(info, {}))
        return info

    def history(self, spec: ModelSpec) -> History:
        """Which rows the fine-tunings behind a model have seen: from the store, or from the model's files.

        Raises ModelError where they are damaged, or needed and gone.
        """
        if spec.name.startswith(VECTORS):
            return History()  # nobody knows, and their remark says so
        key = _history_key(spec)
        text = self._store.record(key)
        if isinstance(text, str):
            return history_of(text, spec.name)
        from backend.models.past import read_history
        from backend.models.resolve import model_files

        found = read_history(model_files(spec, roots=self._roots, weights=False, runs=self._runs))
        self._store.set_record(key, history_text(found))
        return found

    def load(self, spec: ModelSpec) -> "LoadedModel":
        """The model with its weights, loaded or still loaded."""
        if spec.commit in self._lent:
            return self._lent[spec.commit]
        _refuse_unloadable(spec)
        if self._roots is not None:
            require_allowed(spec.name, self._settings)
            require_small(self.known(spec), self._settings)
        from backend.models.device import choose_device
        from backend.models.loading import LoadedModels

        if self._loaded is None:
            self._loaded = LoadedModels(self._settings.model_bytes)
        device = choose_device(self._settings.device)
        return self._loaded.get(spec, device=device, roots=self._roots, runs=self._runs)

    @contextmanager
    def lend(self, loaded: "LoadedModel") -> Iterator[ModelInfo]:
        """Have a model that somebody holds in memory, for a while; what is known of it, and what it gave, is kept."""
        spec = loaded.spec
        self._note_name(spec)
        self._store.set_record(_facts_key(spec), to_json(loaded.info, {}))
        self._store.set_record(_history_key(spec), history_text(History()))
        self._lent[spec.commit] = loaded
        try:
            yield loaded.info
        finally:
            self._lent.pop(spec.commit, None)

    def files(self, spec: ModelSpec) -> "ModelFiles":
        """Where the files of a model are, its weights too; raises ModelError as load does."""
        _refuse_unloadable(spec)
        from backend.models.resolve import model_files

        return model_files(spec, roots=self._roots, runs=self._runs)

    def release(self) -> None:
        """Let go of the models in memory."""
        if self._loaded is not None:
            self._loaded.clear()

    def _note_name(self, spec: ModelSpec) -> None:
        if not knows_name(self._store, spec):
            names = self._store.record(_names_key(spec)) or []
            self._store.set_record(_names_key(spec), [*names, spec.name])

    def _dtype(self) -> str:
        if self._settings.dtype != "auto":
            return self._settings.dtype
        if self._settings.device == "cpu":
            return "float32"
        from backend.models.device import choose_device, choose_dtype

        return choose_dtype("auto", choose_device(self._settings.device))


def known_model(store: Store, spec: ModelSpec) -> ModelInfo | None:
    """The facts about a model that was looked at before; None of any other, and no file is opened."""
    if spec.name.startswith(VECTORS):
        kept = vectors_of(store, spec.commit)
        return None if kept is None else replace(kept.model, spec=spec)
    info: ModelInfo | None = read_json(ModelInfo, store.record(_facts_key(spec)))
    return None if info is None else replace(info, spec=spec)


def knows_name(store: Store, spec: ModelSpec) -> bool:
    """Whether the name of ``spec`` was found before to stand for its commit."""
    if spec.name.startswith(VECTORS):
        return vectors_of(store, spec.commit) is not None
    return spec.name in (store.record(_names_key(spec)) or [])


def records_of(store: Store, models: Iterable[ModelSpec]) -> dict[str, Json]:
    """What was written down of these models: what another process needs that has other records."""
    keys = [key for spec in models for key in (_names_key(spec), _facts_key(spec), _history_key(spec))]
    found = {key: store.record(key) for key in keys}
    return {key: value for key, value in found.items() if value is not None}


def require_vectors(store: Store, spec: ModelSpec) -> ModelInfo:
    """The facts about imported vectors; raises ModelError where they are not here."""
    info = known_model(store, spec)
    if info is None:
        raise ModelError(
            f"The vectors '{spec.name}' with the digest {spec.commit[:12]}... are not here.",
            "They were deleted, or are on another machine: add them again.",
        )
    return info


def _refuse_unloadable(spec: ModelSpec) -> None:
    """Raise ModelError for vectors, behind which there is no model, and for an object that is not lent any more."""
    if spec.name.startswith(OBJECT_PREFIX):
        raise ModelError(
            f"{spec.name} was an object in a notebook, and is not here to be run.",
            "Call compute with the object and its tokenizer again.",
        )
    if spec.name.startswith(VECTORS):
        raise ModelError(
            f"{spec.name} are imported vectors: there is no model behind them that could be run.", "Choose a model."
        )


def _facts_key(spec: ModelSpec) -> str:
    return f"model/{EXTRACTION_VERSION}/{spec.commit}/{spec.dtype}"  # a new version may know other facts


def _history_key(spec: ModelSpec) -> str:
    return f"history/{spec.commit}"


def _names_key(spec: ModelSpec) -> str:
    return f"names/{spec.commit}"
