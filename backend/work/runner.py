"""The runner: does one task. For an analysis: fill the missing activations, run the metric, store the result."""

import contextlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest, TextSetError
from backend.forms.codec import Codec, to_json
from backend.forms.fingerprint import fingerprint
from backend.metrics import METRICS
from backend.metrics.base import Outcome
from backend.metrics.shared.splits import SplitParams, split_rows
from backend.settings import Settings
from backend.store import ArrayWriter, Store
from backend.values.activations import Array, Labels, Report
from backend.values.history import History
from backend.values.results import NormOutliers, Result
from backend.values.specs import (
    POOLINGS,
    ActivationSpec,
    AnalysisSpec,
    BatchTask,
    EstimateTask,
    FinetuneTask,
    HubReadTask,
    JoinTask,
    ModelInfo,
    NormTask,
    ReadTask,
    ResolveTask,
    SampleTask,
    SeriesTask,
    Task,
)
from backend.values.texts import Cost, TextTable
from backend.work.agreement import check_models, check_texts
from backend.work.doors import check_task
from backend.work.library import Library
from backend.work.modelhost import ModelHost
from backend.work.planning import labels_of, planned, word_facts
from backend.work.provenance import model_notes, source, stack_notes, versions
from backend.work.stacks import Stacks, fits_rows, groups_of, rows_digest
from backend.work.training import Training

_FRESH = 600.0  # seconds for which a branch or a folder, once resolved, is not looked at again
_MEASURED_TEXTS = 16


class Runner:
    """Does tasks in this process, over one store."""

    def __init__(self, store: Store, library: Library, models: ModelHost, codec: Codec, settings: Settings) -> None:
        self._store, self._library, self._models = store, library, models
        self._codec, self._settings = codec, settings
        self._stacks = Stacks(store, library, models, settings)

    def run(self, task: Task, report: Report) -> None:
        """Do ``task`` and store its result; raises EmbedscopeError where it cannot be done."""
        self.check(task)
        if isinstance(task, AnalysisSpec):
            if not self._store.has_result(fingerprint(task)):
                self._fill(task.inputs, report)
                self._measure(task, report)
        elif isinstance(task, BatchTask):
            self._batch(task, report)
        elif isinstance(task, FinetuneTask):  # its record is in its own folder
            Training(self._library, self._models, self._stacks, self._settings, self._fill).run(task, report)
        else:
            result, expire = self._small(task, report)
            self._store.set_record(f"task/{fingerprint(task)}", to_json(result, {}), expire=expire)

    def _batch(self, task: BatchTask, report: Report) -> None:
        """Do the analyses of ``task`` that have no result yet; one count goes over all of them."""
        todo = [spec for spec in task.analyses if not self._store.has_result(fingerprint(spec))]
        before = len(task.analyses) - len(todo)
        for number, spec in enumerate(todo, before):
            self._fill(spec.inputs, part := _part(report, number, len(task.analyses), spec.inputs[-1].model.name))
            self._measure(spec, part)

    def check(self, task: Task) -> None:
        """Raise where ``task`` makes no sense, or where its inputs are not what its address says."""
        check_task(task)
        check_texts(self._library, task)
        check_models(self._models, task)

    # Activations

    def missing(self, inputs: tuple[ActivationSpec, ...]) -> list[ActivationSpec]:
        """The activations among ``inputs`` that the store lacks, before any post-processing."""
        bases = dict.fromkeys(replace(spec, postprocess=()) for spec in inputs)
        return [spec for spec in bases if not (self._store.has_sound_array(fingerprint(spec)) and self._has_rows(spec))]

    def _has_rows(self, spec: ActivationSpec) -> bool:
        """Whether it is known which tokens or words the rows are; where a row is a text there is nothing to know."""
        return spec.pooling not in ("tokens", "words") or self._store.has_sound_array(rows_digest(spec))

    def fill(self, task: AnalysisSpec | BatchTask, report: Report) -> None:
        """Bring the activations of ``task`` into the store: the first of two steps of `run`."""
        self.check(task)
        specs = task.analyses if isinstance(task, BatchTask) else (task,)
        todo = [spec for spec in specs if not self._store.has_result(fingerprint(spec))]
        self._fill(tuple(item for spec in todo for item in spec.inputs), report)

    def _fill(self, inputs: tuple[ActivationSpec, ...], report: Report) -> None:
        """Extract what is missing: one forward pass over a text set fills every layer and every pooling."""
        groups = {_pass(spec): spec for spec in self.missing(inputs)}
        for number, spec in enumerate(groups.values()):
            name = spec.model.name
            self._extract(spec, report if len(groups) == 1 else _part(report, number, len(groups), name))

    def _extract(self, spec: ActivationSpec, report: Report) -> None:
        from backend.models.extraction import extract

        table = self._library.table(spec.texts)
        _require_rows(table)
        report(0, len(table), "Loading the model")
        loaded = self._models.load(spec.model)
        report(0, len(table), "Splitting the texts into tokens")
        texts, plan = planned(loaded, table, spec)
        poolings = POOLINGS if spec.pooling in POOLINGS else (spec.pooling,)
        n_rows = plan.n_rows(spec.pooling)
        meta = {
            "texts": [spec.texts.digest],
            "model": spec.model.name,
            "n_tokens": plan.n_tokens,
            "n_truncated": plan.n_truncated,
            "n_empty": plan.n_empty,
            "n_distinct": len(set(zip(table.texts, table.pairs or table.texts, strict=True))),
            **word_facts(table, plan),
        }
        with self._writers(spec, loaded.info, poolings, (n_rows, plan.n_words * loaded.info.n_dims), meta) as sink:
            extract(
                loaded,
                texts,
                table.pairs,
                plan,
                sink,
                poolings=poolings,
                batch_tokens=self._settings.batch_tokens,
                ablation=spec.ablation,
                report=report,
            )
            if spec.pooling == "tokens":
                columns = [
                    column for column in (plan.text_index, plan.token_index, plan.token_id) if column is not None
                ]
                self._store.put_array(rows_digest(spec), np.stack(columns, axis=1).astype(np.int64), meta)
            if plan.words is not None:
                self._store.put_array(rows_digest(spec), plan.words.table_row, meta)
            report(len(table), len(table), "Writing to the store")

    @contextlib.contextmanager
    def _writers(
        self,
        spec: ActivationSpec,
        info: ModelInfo,
        poolings: tuple[str, ...],
        shape: tuple[int, int],
        meta: dict[str, Any],
    ) -> Iterator["_StoreSink"]:
        wanted = {
            (layer, pooling): fingerprint(replace(spec, layer=layer, pooling=pooling, postprocess=()))
            for layer in range(len(info.layer_names))
            for pooling in poolings
        }
        wanted = {key: digest for key, digest in wanted.items() if not self._store.has_array(digest)}
        self._store.make_room(len(wanted) * shape[0] * shape[1] * 4)
        writers: dict[tuple[int, str], ArrayWriter] = {}
        try:
            for key, digest in wanted.items():
                writers[key] = self._store.create_array(digest, shape, np.float32, meta)
            yield _StoreSink(writers)
            for writer in writers.values():
                writer.commit()
        finally:
            for writer in writers.values():
                writer.abandon()

    # Metrics

    def measure(self, spec: AnalysisSpec, report: Report) -> None:
        """Run the metric of ``spec`` on activations that are there: the second of two steps of `run`."""
        self.check(spec)
        if not self._store.has_result(fingerprint(spec)):
            self._fill(spec.inputs, report)  # nothing, unless an entry was damaged or evicted since the first step
            self._measure(spec, report)

    def _measure(self, spec: AnalysisSpec, report: Report) -> None:
        """Run the metric of ``spec`` on activations that are there, and store its result."""
        started, metric = time.perf_counter(), METRICS[spec.metric]
        digest = fingerprint(spec)
        with self._store.pin([fingerprint(item) for item in spec.inputs]):
            labels = self._labels(spec)
            fit = _fitted_on(spec, labels)
            stacks = self._stacks.stacks(spec.inputs, metric, fit)
            outcome: Outcome = metric.run(stacks, labels, spec.params, spec.seed, report)
        infos = [stack_inputs[0] for stack_inputs in groups_of(spec.inputs)]
        known = [self._models.known(info.model) for info in infos]
        result = Result(
            fingerprint=digest,
            metric=spec.metric,
            version=spec.version,
            values=outcome.values,
            undefined=outcome.undefined,
            notes=(
                *stack_notes(stacks, infos, None if fit is None else len(fit)),
                *model_notes(stacks, infos, known),
                *outcome.notes,
            ),
            sources=tuple(source(stack, info) for stack, info in zip(stacks, infos, strict=True)),
            seed=spec.seed,
            recipe=self._codec.task_to_json(spec),
            versions=versions(),
            seconds=time.perf_counter() - started,
        )
        data, arrays = self._codec.result_to_parts(result)
        self._store.put_result(digest, data, arrays, {"texts": [item.texts.digest for item in spec.inputs]})

    def _labels(self, spec: AnalysisSpec) -> Labels | None:
        if spec.labels is None:
            return None
        stack = self._stacks.plain((replace(spec.inputs[0], postprocess=()),))
        table = self._library.table(spec.inputs[0].texts)
        return labels_of(table, spec.labels.column, stack, self._history(spec))

    def _history(self, spec: AnalysisSpec) -> History:
        """What the models of an analysis, and those it is compared with, were trained on."""
        models = {item.commit: item for item in (*(one.model for one in spec.inputs), *spec.beside)}
        return sum((self._models.history(model) for model in models.values()), History())

    # Small tasks: their results are records

    def _small(self, task: Task, report: Report) -> tuple[Any, float | None]:
        if isinstance(task, ResolveTask):
            found = self._models.resolve(task.name, task.dtype)
            fixed = task.name == "minilm" or task.name.endswith(f"@{found.spec.commit}")
            return found, None if fixed else _FRESH
        if isinstance(task, EstimateTask):
            return self._estimate(task, report), _FRESH
        if isinstance(task, NormTask):
            return self._norm_outliers(task, report), None
        if isinstance(task, HubReadTask):
            return self._read_hub(task), None
        if isinstance(task, ReadTask):
            return self._read(task), None
        if isinstance(task, JoinTask):
            return self._join(task), None
        if isinstance(task, SampleTask):
            return self._sample(task), None
        if isinstance(task, SeriesTask):
            return self._models.series(task, report), _FRESH
        raise InvalidRequest(f"No task is called {type(task).__name__}.", "Update Embedscope.")

    def _read(self, task: ReadTask) -> Any:
        from backend.textsets.reading import preview, read

        content = self._store.get_blob(task.blob)
        if content is None:
            raise TextSetError("The uploaded file is no longer available.", "Upload it again.")
        if not task.save:
            return preview(content, task.file_name, task.options, limits=self.limits())
        return self._library.save(read(content, task.file_name, task.name, task.options, limits=self.limits()))

    def _read_hub(self, task: HubReadTask) -> Any:
        from backend.textsets.hub import read_hub

        table = read_hub(
            task.path,
            config=task.config,
            split=task.split,
            columns=task.columns,
            name=task.name,
            limits=self.limits(),
            rows=task.rows,
        )
        return self._library.save(table)

    def _join(self, task: JoinTask) -> Any:
        from backend.textsets.joining import join

        return self._library.save(join(self._library.table(task.train), self._library.table(task.test), task.name))

    def _sample(self, task: SampleTask) -> Any:
        from backend.textsets.sampling import sampled

        return self._library.save(sampled(self._library.table(task.table), task.rows, task.name))

    def limits(self) -> Any:
        """The limits on what is read, from the settings."""
        from backend.textsets.limits import Limits

        return Limits.of(self._settings)

    def _norm_outliers(self, task: NormTask, report: Report) -> NormOutliers:
        from backend.metrics.rogue.kernel import beyond_in_both, layer_norm_outliers, standard_scores
        from backend.models.norms import output_norms

        report(0, 1, "Loading the model")
        norms = output_norms(self._models.load(task.model))
        norm, weights, biases = norms.name, norms.weights, norms.biases
        if biases is None:
            note = f"The norm '{norm}' has no bias, so the rule, which asks for both, does not apply."
            return NormOutliers(norm, _tuples(weights), (), (), (), (), (), task.n_std, task.more_than, note)
        dims = layer_norm_outliers(weights, biases, n_std=task.n_std, more_than=task.more_than)
        said = []
        if not norms.is_output:
            said.append(f"'{norm}' is the last norm within a block here; the paper's norm is a block's output.")
        if norms.n_distinct < len(weights):
            one = "one norm" if norms.n_distinct == 1 else f"{norms.n_distinct} norms"
            said.append(f"The {len(weights)} blocks share {one}: an outlier counts in every block that has it.")
        note = " ".join(said)
        n_blocks = beyond_in_both(weights, biases, task.n_std)[:, dims].sum(axis=0)
        furthest = [np.abs(np.nan_to_num(standard_scores(one)))[:, dims].max(axis=0) for one in (weights, biases)]
        found = NormOutliers(
            norm=norm,
            weights=_tuples(weights),
            biases=_tuples(biases),
            dims=tuple(dims.tolist()),
            n_blocks=tuple(n_blocks.tolist()),
            furthest_weight=tuple(furthest[0].tolist()),
            furthest_bias=tuple(furthest[1].tolist()),
            n_std=task.n_std,
            more_than=task.more_than,
            note=note,
        )
        if not found.flat:
            return found
        where = "every block" if len(found.flat) == len(weights) else f"block {', '.join(map(str, found.flat))}"
        flat = (
            f"In {where} all weights or all biases of '{norm}' are equal, as before any training: their standard "
            "deviation is 0, so the rule is undefined there."
        )
        return replace(found, note=f"{note} {flat}".strip())

    def _estimate(self, task: EstimateTask, report: Report) -> Cost:
        from backend.models.extraction import measure

        total = Cost(0, 0, 0, 0, 0.0)
        for spec in {_pass(spec): spec for spec in self.missing(task.inputs)}.values():
            table = self._library.table(spec.texts)
            _require_rows(table)
            report(0, 2, "Loading the model")
            loaded = self._models.load(spec.model)
            report(1, 2, "Measuring a few texts")
            texts, plan = planned(loaded, table, spec)
            step = max(1, len(texts) // _MEASURED_TEXTS)
            sample = texts[::step][:_MEASURED_TEXTS]
            per_token = measure(loaded, sample, max_length=spec.max_length)
            n_layers, together = len(loaded.info.layer_names), spec.pooling in POOLINGS
            n_rows = n_layers * (len(POOLINGS) * len(table) if together else plan.n_rows(spec.pooling))
            n_run = len(plan.repeats.first)
            again = (
                f"; {len(texts) - n_run:,} texts have the tokens of another and are not run"
                if n_run < len(texts)
                else ""
            )
            total = Cost(
                total.n_texts + n_run,
                total.n_tokens + plan.n_tokens,
                total.n_truncated + plan.n_truncated,
                total.n_bytes + n_rows * plan.n_words * loaded.info.n_dims * 4,
                total.seconds + per_token * plan.n_tokens,
                f"measured on {len(sample)} texts on {loaded.device}{again}",
            )
        return total


def _fitted_on(spec: AnalysisSpec, labels: Labels | None) -> npt.NDArray[np.int64] | None:
    """The training rows, where rows are changed before the metric and some of them are to be test rows; else None."""
    if labels is None or not isinstance(spec.params, SplitParams) or not any(map(fits_rows, spec.inputs)):
        return None
    return split_rows(labels, spec.params, spec.seed).train


def _part(report: Report, number: int, total: int, name: str) -> Report:
    """A report for part ``number`` of ``total``: its count becomes a share, in hundredths, that never goes back."""
    furthest = 0

    def inner(done: int, of: int, stage: str) -> None:
        nonlocal furthest
        furthest = max(furthest, min(99, 100 * done // of) if of else 0)
        report(100 * number + furthest, 100 * total, f"{number + 1} of {total}, {PurePath(name).name}: {stage}")

    return inner


class _StoreSink:
    """Hands blocks from the extraction to the store's writers; what is there already is passed over."""

    def __init__(self, writers: dict[tuple[int, str], ArrayWriter]) -> None:
        self._writers = writers

    def write(self, layer: int, pooling: str, rows: Any, block: Any) -> None:
        writer = self._writers.get((layer, pooling))
        if writer is not None:
            writer.write(rows, block)


def _pass(spec: ActivationSpec) -> ActivationSpec:
    """What one forward pass over the texts fills: the layer does not count, nor which of the three poolings."""
    pooling = "mean" if spec.pooling in POOLINGS else spec.pooling
    return replace(spec, layer=0, pooling=pooling, postprocess=())


def _tuples(rows: Array) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(float(item) for item in row) for row in rows)


def _require_rows(table: TextTable) -> None:
    if not len(table):
        raise TextSetError(f"The text set '{table.name}' is empty.", "Choose one with at least one text.")
