"""What a workbench does with models: what a name stands for, series of checkpoints, runs of fine-tuning."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

from backend.bench.rowcalls import RowCalls
from backend.errors import InvalidRequest, ModelError
from backend.models.runfolder import check_name
from backend.values.activations import Report, no_report
from backend.values.json_data import Document
from backend.values.local import LocalModels
from backend.values.models import ModelInfo, SeriesInfo
from backend.values.recipes import Recipe, changed, recipe
from backend.values.runs import RunForecast, RunInfo
from backend.values.tasks import FinetuneTask, ResolveTask, SeriesTask
from backend.values.texts import TextSetInfo
from backend.work.costing import here_now
from backend.work.forecasting import forecast


class ModelCalls(RowCalls):
    """The calls about models, and about the runs that make them."""

    def model(self, name: str, *, dtype: str = "auto", report: Report = no_report) -> ModelInfo:
        """What ``name`` stands for (the alias minilm, a hub id with an optional @revision, a local folder)."""
        return self.wait(ResolveTask(name, dtype), report)

    def series(
        self,
        name: str,
        *,
        dtype: str = "auto",
        steps: Sequence[int] = (),
        at_most: int = 0,
        skip_broken: bool = False,
        report: Report = no_report,
    ) -> SeriesInfo:
        """The checkpoints that ``name`` stands for (a run, a folder of them, or a hub id@pattern).

        Raises ModelError that names those which are missing or broken, unless ``skip_broken`` leaves them out.
        """
        task = SeriesTask(name, dtype, tuple(steps), at_most)
        found = self.wait(task, report)
        if found.broken and not skip_broken:
            listed = "; ".join(f"step {item.step}: {item.reason.rstrip('.')}" for item in found.broken[:5])
            raise ModelError(
                f"{len(found.broken)} of the checkpoints of '{name}' cannot be used: {listed}.",
                "Repair them, or leave them out (--skip-broken).",
            )
        return found

    def local_folders(self) -> LocalModels:
        """The models and series below the model roots (`model_roots`), as of half a minute ago at most."""
        return self._listed("local models", lambda: [self._executor.local_models()])[0]

    def local_models(self) -> list[str]:
        """Names of the local models and series, as `model` and `series` take them, by path."""
        return list(dict.fromkeys(found.name for found in self.local_folders().found))

    def model_roots(self) -> tuple[str, ...]:
        """The folders below which local models may be opened: those of the service, where one does the work."""
        roots = self._executor.health().get("model_roots")
        if roots is None:
            return tuple(map(str, self.settings.model_roots))
        return tuple(root for root in roots.split(os.pathsep) if root)

    # Fine-tuning

    def runs(self) -> list[RunInfo]:
        """The runs of fine-tuning, newest first; a run's model is ``run:NAME``, that of a step ``run:NAME@step-00128``."""
        return self._listed("runs", self._executor.runs)

    def run_log(self, name: str) -> list[Document]:
        """What a run logged: a line for each step (loss, learning_rate, grad_norm) and evaluation (eval_accuracy)."""
        return self._executor.run_log(check_name(name))

    def delete_run(self, name: str) -> int:
        """Delete a run with its log and all its saved steps; returns the bytes that are free again.

        Raises InvalidRequest where there is none of that name, and while it is being trained. Results about its models stay.
        """
        self._changed()
        return self._executor.delete_run(check_name(name))

    def rename_run(self, name: str, new: str) -> RunInfo:
        """Call a run ``new``; names and links with its former name still lead to it.

        Raises InvalidRequest where there is none of that name, while it is being trained, and for a name that is taken.
        """
        self._changed()
        return self._executor.rename_run(check_name(name), check_name(new))

    def forecast(self, task: FinetuneTask) -> RunForecast:
        """The rows, updates and disk that fine-tuning will take, and its time as far as earlier runs tell."""
        table = self.text_set(task.texts)
        base = self.model(task.base.name, dtype=task.base.dtype)
        return forecast(task, table, base, self.runs(), here_now(self._store))

    def finetuning(
        self,
        name: str,
        *,
        model: str = "minilm",
        texts: TextSetInfo | str = "sentiment",
        label: str | None = None,
        recipe: str | Recipe = "gptology",
        changes: Mapping[str, Any] | None = None,
        report: Report = no_report,
    ) -> FinetuneTask:
        """The task of fine-tuning ``model`` on labelled texts as run ``name``; raises InvalidRequest where it makes no sense.

        ``recipe`` is a name or a Recipe, ``changes`` are fields of it with other values.
        """
        chosen = _recipe(recipe, changes or {})
        check_name(name)
        info = self.text_set_info(texts) if isinstance(texts, str) else texts
        labels = self._labels(info, label)
        base = self.model(model, dtype="float32", report=report)
        if base.is_given:
            raise InvalidRequest(
                f"Fine-tuning trains a model, and {base.spec.name} are imported vectors: there is no model behind them.",
                "Choose a model.",
            )
        return FinetuneTask(base.spec, info.spec, labels, chosen, name)

    def finetune(self, name: str, *, report: Report = no_report, **choice: Any) -> RunInfo:  # what `finetuning` takes
        """Fine-tune (arguments as for ``finetuning``), or go on with an interrupted run of the same task."""
        return self.wait(self.finetuning(name, report=report, **choice), report)


def _recipe(given: str | Recipe, changes: Mapping[str, Any]) -> Recipe:
    return changed(given, changes) if isinstance(given, Recipe) else recipe(given, changes)
