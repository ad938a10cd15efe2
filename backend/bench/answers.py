"""Where the answers to tasks lie, as this process sees it: its own store, and behind it the executor's."""

from collections.abc import Sequence
from dataclasses import replace

from backend.errors import EmbedscopeError
from backend.forms.codec import Codec, read_json
from backend.forms.fingerprint import fingerprint
from backend.jobs.base import Executor
from backend.store import Store
from backend.store.remembered import Remembered
from backend.values.json_data import Json
from backend.values.people import NOBODY, asking
from backend.values.results import Result
from backend.values.runs import RunInfo
from backend.values.specs import ActivationSpec, AnalysisSpec
from backend.values.tasks import Task
from backend.values.vectors import PREFIX as VECTORS
from backend.work.early import early_of
from backend.work.stacks import groups_of
from backend.work.tasks import kind_of

_MOST_BYTES = 2**27  # of result files: what is decoded takes about as much


class StoredAnswers:
    """The answers in one store; what is not there is fetched through the executor.

    A result is read and decoded once for as long as its file stays as it is; its arrays cannot be written to.
    """

    def __init__(self, store: Store, executor: Executor, codec: Codec) -> None:
        self._store, self._executor, self._codec = store, executor, codec
        self._results: Remembered[Result] = Remembered(_MOST_BYTES)

    def result(self, spec: AnalysisSpec) -> Result | None:
        """The stored result of an analysis, or None."""
        if asking() != NOBODY and not self._executor.fetch(spec):  # whoever keeps it says who may see it
            return None
        digest = fingerprint(spec)
        stamp = self._store.result_stamp(digest)
        known = self._results.get(digest, stamp)
        if known is not None:
            return _as_asked(known, spec)
        parts = self._store.get_result(digest)
        if parts is None and self._executor.fetch(spec):
            stamp, parts = self._store.result_stamp(digest), self._store.get_result(digest)
        if parts is None:
            return None
        for array in parts[1].values():
            array.flags.writeable = False  # whoever asks next is given the same array
        try:
            found = self._codec.result_from_parts(*parts)
            answer = _as_asked(found, spec)
        except (EmbedscopeError, LookupError, TypeError, ValueError):
            self._store.forget_result(digest)  # another version wrote it in a form of its own: it is computed again
            return None
        self._results.keep(digest, stamp, found)
        return answer

    def early(self, spec: AnalysisSpec) -> Result | None:
        """What is shown of an analysis before it is done; None where that is nothing."""
        found = early_of(self._executor.look(spec), spec, self._codec)
        return None if found is None else _as_asked(found, spec)

    def noted(self, task: Task) -> Json:
        """The answer that the runner wrote down as a record, or None."""
        if asking() != NOBODY:
            return read_json(kind_of(task).answer, self._executor.noted(task))
        key = f"task/{fingerprint(task)}"
        data = self._store.record(key)
        if data is None and self._executor.fetch(task):
            data = self._store.record(key)
        return read_json(kind_of(task).answer, data)

    def runs(self) -> list[RunInfo]:
        """The runs of fine-tuning."""
        return self._executor.runs()

    def is_cached(self, inputs: Sequence[ActivationSpec]) -> bool:
        """Whether all these activations are in this process's store, of texts that who asks may see."""
        return self.may_see(inputs) and all(
            self._store.has_array(fingerprint(replace(spec, postprocess=()))) for spec in inputs
        )

    def may_see(self, inputs: Sequence[ActivationSpec]) -> bool:
        """Whether who asks may see the texts and the vectors of these activations."""
        if asking() == NOBODY:
            return True
        texts = {(info.spec.table, info.spec.digest) for info in self._executor.text_sets()}
        vectors = {info.commit for info in self._executor.vector_sets()} if _vectors(inputs) else set()
        return all((spec.texts.table, spec.texts.digest) in texts for spec in inputs) and _vectors(inputs) <= vectors


def _vectors(inputs: Sequence[ActivationSpec]) -> set[str]:
    return {spec.model.commit for spec in inputs if spec.model.name.startswith(VECTORS)}


def _as_asked(result: Result, spec: AnalysisSpec) -> Result:
    """``result`` with models and texts called as in this request: the stored names are those of whoever asked first."""
    groups = groups_of(spec.inputs)
    if len(groups) != len(result.sources):
        return result
    sources = (
        replace(source, model=group[0].model.name, texts=group[0].texts.name)
        for source, group in zip(result.sources, groups, strict=True)
    )
    return replace(result, sources=tuple(sources))
