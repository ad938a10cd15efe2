"""The workbench: what every caller sees. Build a spec, look whether its result is there, start it, follow it, read it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.bench.objectcalls import ObjectCalls
from backend.bench.written import Written, written
from backend.errors import InvalidRequest
from backend.metrics import METRICS, metric
from backend.metrics.base import BEFORE_FIRST, Metric, parse_params
from backend.store import Usage
from backend.values.activations import Report, no_report
from backend.values.json_data import Document, Json
from backend.values.likeness import deviations, left_open, preset_of, preset_status
from backend.values.lineage import Ordered, put_in_order
from backend.values.models import ModelInfo, SeriesInfo
from backend.values.owned import Belonging
from backend.values.results import Result, SeriesResult
from backend.values.specs import AnalysisSpec, PostProcess, TokenSample
from backend.values.tasks import BatchTask
from backend.values.texts import TextSetInfo
from backend.version import __version__
from backend.work.analyses import analysis_spec, layer_numbers
from backend.work.stacks import stored_rows


class Workbench(ObjectCalls):
    """One store and one executor behind the calls that pages, notebooks and the command line make."""

    # Analyses

    def metrics(self) -> dict[str, Metric]:
        """The table of metrics."""
        return dict(METRICS)

    def analysis(
        self,
        metric_name: str,
        *,
        models: Sequence[ModelInfo],
        texts: TextSetInfo,
        pooling: str | None = None,
        layers: str | Sequence[int] = "all",
        label: str | None = None,
        params: Mapping[str, Any] | None = None,
        seed: int = 0,
        postprocess: Sequence[PostProcess] = (),
        max_length: int | None = None,
        tokens: TokenSample | None = None,
        basis: TextSetInfo | None = None,
        beside: Sequence[ModelInfo] = (),
    ) -> AnalysisSpec:
        """The spec of one metric on one or more models; raises InvalidRequest where the request makes no sense.

        ``basis`` is a second text set, for a metric that fits something on other texts than it evaluates. ``beside`` are
        models that the result is compared with: no row that one of them was trained on becomes a test row.
        """
        row = metric(metric_name)
        labels = None
        if row.labels != "no" and (label or row.labels == "required"):
            labels = self._labels(texts, label)
        for one in (texts, basis):
            if one is not None:
                self.require_texts_of(models, one)
        return analysis_spec(
            row,
            models=models,
            texts=texts.spec,
            pooling=pooling,
            layers=layers,
            labels=labels,
            params=params or {},
            seed=seed,
            postprocess=postprocess,
            max_length=max_length,
            tokens=tokens,
            basis=None if basis is None else basis.spec,
            beside=beside,
            stored=self.settings.store_dtype,
        )

    def compute(
        self,
        metric_name: str | AnalysisSpec,
        *,
        model: Any = "minilm",  # a name, a ModelInfo, a torch module, or several of these
        tokenizer: Any = None,  # of the modules: transformers' classes are none of this package's
        texts: TextSetInfo | str | Sequence[str] = "sentiment",
        pooling: str | None = None,
        layers: str | Sequence[int] = "all",
        label: str | None = None,
        params: Mapping[str, Any] | None = None,
        seed: int = 0,
        postprocess: Sequence[PostProcess] = (),
        max_length: int | None = None,
        tokens: TokenSample | None = None,
        basis: TextSetInfo | str | None = None,
        beside: Sequence[str | ModelInfo] = (),
        as_in_the_paper: bool = False,
        report: Report = no_report,
    ) -> Result:
        """The result of a metric, from the store or computed now; ``texts``: a text set, its name, or a list of texts.

        ``model`` is a name, a ModelInfo, or several. A torch module, with its ``tokenizer``, is run as it is in this process,
        in evaluation mode; its activations are kept, and are found again for as long as its weights stay as they are.
        Of a metric about before and after, two models are put in order where it is known, and a note says so. With
        ``as_in_the_paper`` what is not given here is as in the paper that has the metric, and notes say what differs still.
        """
        if isinstance(metric_name, AnalysisSpec):
            return self.wait(metric_name, report)
        metric(metric_name)  # an unknown name is said before any model is looked at
        several = isinstance(model, list | tuple)
        asked: dict[str, Any] = {
            "texts": self._texts_meant(texts),
            "pooling": pooling,
            "layers": layers,
            "label": label,
            "params": params,
            "seed": seed,
            "postprocess": postprocess,
            "max_length": max_length,
            "tokens": tokens,
            "basis": self.text_set_info(basis) if isinstance(basis, str) else basis,
            "beside": [self._model_meant(item, report) for item in beside],
        }
        with self.lending(model if several else [model], tokenizer, metric_name) as names:
            infos = [self._model_meant(item, report) for item in names]
            return self._computed(metric_name, infos, asked, as_in_the_paper, report)

    def _computed(
        self, metric_name: str, infos: list[ModelInfo], asked: dict[str, Any], as_in_the_paper: bool, report: Report
    ) -> Result:
        """The result of what ``compute`` was asked for, once it is known what is meant."""
        infos, order = self.directed(metric_name, infos)
        notes: tuple[str, ...] = (order,) if order else ()
        if as_in_the_paper:
            asked, _ = self.as_in_the_paper(metric_name, infos[0], asked)
        spec = self.analysis(metric_name, models=infos, **asked)
        if self.peek(spec) is None:
            self.fill_objects(spec, report)
        result = self.wait(spec, report)
        if as_in_the_paper:
            notes += self.unlike_the_paper(metric_name, infos[0], asked, result.sources[0].n_rows)
        return replace(result, notes=(*result.notes, *notes))

    def _model_meant(self, item: str | ModelInfo, report: Report) -> ModelInfo:
        return item if isinstance(item, ModelInfo) else self.model(item, report=report)

    def _texts_meant(self, texts: TextSetInfo | str | Sequence[str]) -> TextSetInfo:
        if isinstance(texts, TextSetInfo):
            return texts
        return self.text_set_info(texts) if isinstance(texts, str) else self.add_texts(texts)

    def as_in_the_paper(
        self, metric_name: str, model: ModelInfo, asked: Mapping[str, Any]
    ) -> tuple[dict[str, Any], tuple[str, ...]]:
        """What is asked of ``analysis``, as in the paper wherever ``asked`` leaves it out, and notes on what differs still.

        Left out are a ``pooling``, ``tokens`` or ``basis`` of None, ``layers`` of "all", and parameters that are not named.
        Raises InvalidRequest for a metric that no paper has.
        """
        row = metric(metric_name)
        preset = preset_of(row.name)
        texts: TextSetInfo = asked["texts"]
        found = {**asked, "params": {**preset.params, **(asked["params"] or {})}}
        found["pooling"] = asked["pooling"] or preset.pooling_for(model, texts.spec.unit)
        if asked["layers"] == "all":
            found["layers"] = preset.layers_for(model)
        if found["pooling"] == "tokens" and asked["tokens"] is None:
            found["tokens"] = TokenSample(None, asked["seed"])
        if preset.basis and asked["basis"] is None and texts.spec.unit == "text" and texts.spec.name != preset.basis:
            found["basis"] = self.text_set_info(preset.basis)
        return found, self.unlike_the_paper(metric_name, model, found)

    def unlike_the_paper(
        self, metric_name: str, model: ModelInfo, asked: Mapping[str, Any], n_rows: int | None = None
    ) -> tuple[str, ...]:
        """Notes on what differs from the paper of what is asked of ``analysis``; ``n_rows`` of its result, once there is one."""
        row, found, texts = metric(metric_name), asked, asked["texts"]
        preset, tokens, basis = preset_of(row.name), asked["tokens"], asked["basis"]
        changed = deviations(
            preset,
            model,
            parse_params(row.params, found["params"]),
            pooling=found["pooling"],
            layers=layer_numbers(found["layers"], model),
            texts=texts.spec.name,
            unit=texts.spec.unit,
            all_tokens=tokens is None or tokens.limit is None,
            special=tokens is not None and tokens.special,
            postprocess=found["postprocess"],
            basis=None if basis is None else basis.spec.name,
            n_rows=n_rows,
        )
        return tuple(filter(None, (preset_status(preset, changed), left_open(preset))))

    def series_analyses(
        self,
        metric_name: str,
        *,
        series: SeriesInfo,
        against: ModelInfo | str | None = None,
        **asked: Any,  # what `analysis` takes
    ) -> BatchTask:
        """The analyses of one metric over a series, as one job; ``asked`` is what ``analysis`` takes beside the models.

        One analysis a step; of a metric that takes any number of models, one for all of them. With ``against``, for a
        metric of two models, each step's is of that step and of a model, or of the "first" or "last" step.
        """
        row = metric(metric_name)
        models = series.models
        if against is not None and row.scope != "pair":
            raise InvalidRequest(
                f"'{row.name}' does not compare two models.", "Do not give a model or step to compare with."
            )
        if row.scope == "models":
            groups: list[list[ModelInfo]] = [list(models)]
        else:
            other = {"first": models[0], "last": models[-1]}.get(against) if isinstance(against, str) else against
            if isinstance(against, str) and other is None:
                raise InvalidRequest(f"A series has no step '{against}'.", "Compare with first, last, or a model.")
            groups = [self._against(row, info, other, against == "last") for info in models]
        known = [*models, *(asked.pop("beside", ())), *(other for group in groups for other in group)]
        specs = [self.analysis(row.name, models=group, beside=known, **asked) for group in groups]
        return BatchTask(tuple(specs), f"{row.name} over {len(models)} checkpoints of {PurePath(series.name).name}")

    def _against(self, row: Metric, step: ModelInfo, other: ModelInfo | None, last: bool) -> list[ModelInfo]:
        """A step and what it is compared with, in the order that the metric asks for where the order means anything."""
        if other is None:
            return [step]
        if not row.direction:
            return [step, other]
        ordered = self.in_order([step, other] if last else [other, step]).models
        return list(ordered if row.direction == BEFORE_FIRST else ordered[::-1])

    def compute_series(self, task: BatchTask, series: SeriesInfo, report: Report = no_report) -> SeriesResult:
        """The results of ``series_analyses``, from the store or computed now."""
        results = self.wait(task, report)
        return SeriesResult(series, results, joint=metric(results[0].metric).scope == "models")

    def recipe(self, spec: AnalysisSpec) -> Document:
        """The JSON form of a spec, from which anyone can run it again."""
        return self._codec.task_to_json(spec)

    def from_recipe(self, data: Json) -> AnalysisSpec:
        """The spec that a recipe describes; raises InvalidRequest where it is none."""
        task = self._codec.task_from_json(data)
        if not isinstance(task, AnalysisSpec):
            raise InvalidRequest("The recipe is not an analysis.", "Export a recipe from a page, or with --out.")
        return task

    def written(self, spec: AnalysisSpec) -> Written | None:
        """``spec`` as a command and as lines of Python that compute the same result; None where only its recipe can."""
        return written(spec, self.text_sets())

    # Before and after

    def in_order(self, models: Sequence[ModelInfo], *, before: str = "") -> Ordered:
        """``models`` from the earliest to the latest, by runs, cards and steps, and how that is known.

        ``before`` names the one to come first among two of which it is not known.
        """
        return put_in_order(models, self.runs(), before=before)

    def directed(self, metric_name: str, models: Sequence[ModelInfo]) -> tuple[list[ModelInfo], str]:
        """``models`` in the order in which the metric takes before and after, and a note that names them.

        Of a metric to which the order means nothing, and of one model, they come back as given, without a note.
        """
        row = metric(metric_name)
        if not row.direction or len({info.spec.commit for info in models}) < 2:
            return list(models), ""
        found = list(models) if row.direction == BEFORE_FIRST else list(models)[::-1]
        order = self.in_order(found)
        named = " to ".join(info.spec.name for info in order.models)
        note = f"Before to after: {named}. {order.reason}"
        return list(order.models) if row.direction == BEFORE_FIRST else list(order.models)[::-1], note

    def stored_vectors(
        self,
        model: ModelInfo,
        texts: TextSetInfo,
        *,
        layer: int,
        pooling: str = "mean",
        postprocess: Sequence[PostProcess] = (),
        rows: Sequence[int] = (),
    ) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]] | None:
        """Rows of a text set (all, or of ``rows``) and their vectors (n, n_dims) in a layer of a model; None where not stored here.

        Words that were cut off have no vector, and are left out. Raises InvalidRequest for the pooling "tokens".
        """
        asked: dict[str, Any] = {"pooling": pooling, "layers": [layer], "postprocess": postprocess}
        (spec,) = self.analysis("anisotropy", models=[model], texts=texts, **asked).inputs
        return stored_rows(self._store, spec, rows) if self._answers.may_see([spec]) else None

    # The instance

    def health(self) -> dict[str, str]:
        """What does the work: executor, store, workers."""
        return self._executor.health()

    def belongings(self) -> list[Belonging]:
        """Who owns what, of all that who asks may see; what is in no line is everyone's."""
        return self._listed("belongings", self._executor.belongings)

    def share(self, kind: str, key: str, shared: bool = True) -> None:
        """Share a text set ("texts", by the digest of its table), "vectors" (by their digest), a run ("runs", by name) or a
        selection ("selections", by its digest, or TABLE/NAME) with everyone on the instance, or no longer.

        Raises InvalidRequest where it is not there for who asks, and where it is not theirs.
        """
        self._changed()
        self._executor.share(kind, key, shared)

    @property
    def service_version(self) -> str:
        """The version of the service behind this workbench, as its last answer said; this version where there is no service."""
        return getattr(self._executor, "service_version", "") or __version__

    def usage(self) -> list[Usage]:
        """What the store takes on disk."""
        return self._store.usage()

    def clear_cache(self) -> None:
        """Delete activations and results; text sets, imported vectors and job records stay."""
        self._store.clear()

    def prune_cache(self, *, older_than: float | None = None, down_to: int | None = None) -> tuple[int, int]:
        """Delete activations, results and uploads not used for ``older_than`` seconds, and then those used least recently
        until the cache takes ``down_to`` bytes; returns files and bytes that went. What a job needs stays."""
        return self._store.prune(older_than=older_than, down_to=down_to)

    def check_cache(self) -> tuple[int, int]:
        """Read every file of the cache; returns how many, and how many were damaged, which are set aside."""
        return self._store.check()

    def index_health(self) -> dict[str, Json]:
        """The database of small records: whether it can be used, its records and bytes."""
        return self._store.index_health()

    def damage(self) -> list[dict[str, Any]]:
        """What was found damaged and set aside, newest first: time, kind, key and reason."""
        return self._store.set_aside()

    def close(self) -> None:
        """End what was opened."""
        self._executor.close()
