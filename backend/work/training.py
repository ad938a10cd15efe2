"""Doing a fine-tuning task: which rows it has, the frozen head beside it, and where the run stands."""

import os
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import Cancelled, EmbedscopeError, InvalidRequest
from backend.forms.fingerprint import fingerprint
from backend.metrics import METRICS
from backend.metrics.shared.heads import accuracy, fit_linear
from backend.metrics.shared.splits import Split, SplitParams, split_rows
from backend.models.runfolder import RunFolder, check_name
from backend.settings import Settings
from backend.store.processes import process_name
from backend.values.activations import Labels, Report
from backend.values.history import History, history_text, trained_on
from backend.values.recipes import checked
from backend.values.runs import RunInfo
from backend.values.specs import ActivationSpec
from backend.values.tasks import FinetuneTask
from backend.values.texts import TextTable
from backend.work.allowed import require_finetuning, require_room
from backend.work.checks import check_labels, check_model, check_texts
from backend.work.filling import fill
from backend.work.kinds import About, Answers, Hands
from backend.work.library import Library
from backend.work.modelhost import ModelHost
from backend.work.planning import known_labels, row_labels
from backend.work.provenance import versions
from backend.work.runlist import as_it_is
from backend.work.runlock import being_trained, training
from backend.work.stacks import Stacks

_VALIDATION = ("validation", "valid", "val", "dev", "development")
_FEWEST_ROWS = 8

Ints = npt.NDArray[np.int64]
Fill = Callable[[tuple[ActivationSpec, ...], Report], None]


class Training:
    """Does fine-tuning tasks; ``fill`` brings activations into the store, for the frozen head."""

    def __init__(self, library: Library, models: ModelHost, stacks: Stacks, settings: Settings, fill: Fill) -> None:
        self._library, self._models, self._stacks = library, models, stacks
        self._settings, self._fill = settings, fill

    def run(self, task: FinetuneTask, report: Report) -> RunInfo:
        """Fine-tune, or go on where an interrupted run of the same task stopped; a run that is done stays as it is.

        Raises InvalidRequest for a name that another run has, a recipe out of range and rows that cannot be learned
        from; otherwise as backend.models.finetuning.finetune.
        """
        folder = RunFolder(self._settings.runs_folder, check_name(task.name))
        checked(task.recipe)
        before = _earlier(folder, task)
        if before is not None and before.state == "done":
            return before
        table = self._library.table(task.texts)
        rows, split, final = _rows(table, task, self._models.history(task.base))
        with training(folder):
            try:
                info = before or self._begun(task, table, split)
                info = replace(info, task=fingerprint(task), state="running", owner=process_name(), error="", hint="")
                info = folder.write(info)
                if not np.isfinite(info.frozen):
                    info = folder.write(self._with_frozen(info, task, table, split, final, report))
                done = self._trained(task, rows, info, folder, report)
            except (Cancelled, KeyboardInterrupt):
                _end(folder, "stopped", None)
                raise
            except BaseException as error:
                _end(folder, "failed", error)
                raise
        folder.end_resume()
        return done

    def _trained(self, task: FinetuneTask, rows: Any, info: RunInfo, folder: RunFolder, report: Report) -> RunInfo:
        from backend.models.finetuning import finetune

        self._models.release()  # the base that the frozen head read is not needed beside the one that is trained
        done = finetune(self._models.files(task.base), rows, info, folder, report)
        return folder.write(replace(done, state="done", owner=""))

    def _begun(self, task: FinetuneTask, table: TextTable, split: Split) -> RunInfo:
        from backend.models.device import choose_device

        return RunInfo(
            name=task.name,
            task=fingerprint(task),
            base=task.base.name,
            commit=task.base.commit,
            texts=task.texts.name,
            table=task.texts.table,
            unit=table.unit,
            label=task.labels.column,
            classes=split.info.classes,
            recipe=task.recipe,
            device=choose_device(self._settings.device),
            threads=self._settings.threads or os.cpu_count() or 1,
            versions={**versions(), "accelerate": version("accelerate")},
            n_train=split.info.n_train,
            n_test=split.info.n_test,
            judged_on=split.info.test_name,
            majority=split.info.majority,
            notes=(*split.notes, *([f"The texts are a sample: {table.sample}."] if table.sample else [])),
            created=time.time(),
        )

    def _with_frozen(
        self, info: RunInfo, task: FinetuneTask, table: TextTable, split: Split, final: Ints, report: Report
    ) -> RunInfo:
        """The accuracy of a linear head on the base's own last layer, which training has to beat."""
        known = self._models.known(task.base)
        pooling = "words" if table.spans is not None else "last" if known.family == "decoder" else "cls"
        if known.family == "encoder-decoder":
            raise InvalidRequest(
                f"The model '{task.base.name}' is an encoder-decoder.", "Choose an encoder or a decoder to fine-tune."
            )
        found = {}
        for name in dict.fromkeys((pooling, "words" if pooling == "words" else "mean")):
            spec = ActivationSpec(
                task.base,
                task.texts,
                len(known.layer_names) - 1,
                name,
                min(task.recipe.max_length, known.usual_length or known.max_length),
            )
            self._fill((spec,), report)
            report(0, 0, "Fitting a head on the frozen model")
            stack = self._stacks.stacks((spec,), METRICS["average_cosine"])[0]
            matrix = stack.matrices[0]
            labels = row_labels(table, task.labels.column, stack).values
            kept = np.arange(len(table)) if matrix.text_index is None else matrix.text_index
            parts = [np.flatnonzero(np.isin(kept, part)) for part in (split.train, split.test, final)]
            train, test, last = parts
            if not len(train) or not len(test):
                raise InvalidRequest(
                    f"No row is left to {'judge by' if len(train) else 'learn from'} within "
                    f"{task.recipe.max_length} tokens.",
                    "Raise the token limit (max_length), or split the sentences.",
                )
            head = fit_linear(matrix.rows[train], labels[train], len(info.classes), step=stack.step)
            found[name] = [
                accuracy(head, matrix.rows[part], labels[part]) if len(part) else float("nan") for part in (test, last)
            ]
        mean = found.get("mean", found[pooling])
        return replace(
            info,
            frozen=found[pooling][0],
            frozen_pooling=pooling,
            frozen_mean=mean[0],
            test_frozen=found[pooling][1],
        )


def finetune_model(hands: Hands, task: FinetuneTask, report: Report) -> None:
    """Do ``task``; its record is in the run's own folder."""
    require_finetuning(hands.settings)
    require_room(hands.store, hands.settings, 0)
    trainer = Training(hands.library, hands.models, hands.stacks, hands.settings, partial(fill, hands))
    folder, owners = RunFolder(hands.settings.runs_folder, check_name(task.name)), hands.store.owners
    if folder.read() is None:
        owners.add("runs", task.name, new=True)  # before there is anything to be seen
    trainer.run(task, report)
    owners.add("runs", task.name, new=False)  # who asks for the very run that others made has it too


def finetune_title(task: FinetuneTask) -> str:
    """What the job is called."""
    return f"fine-tune {task.base.name} on {task.texts.name} as {task.name}"


def check_finetuning(task: FinetuneTask) -> None:
    """Raise InvalidRequest for a name that no folder can have, and for a value outside its range."""
    check_name(task.name)
    checked(task.recipe)
    check_model(task.base)
    check_texts(task.texts)
    check_labels(task.labels)


def about_finetuning(task: FinetuneTask) -> About:
    """The texts with their labels, and the model to begin with."""
    return About(((task.texts, task.labels),), models=(task.base,))


def find_run(answers: Answers, task: FinetuneTask) -> RunInfo | None:
    """The run that this very task made, once it is done."""
    return next((run for run in answers.runs() if _made_by(run, task) and run.state == "done"), None)


def _made_by(info: RunInfo, task: FinetuneTask) -> bool:
    """Whether a run is the one of ``task``, whatever it was called when it began."""
    names = (task.name, *(info.former if info.name == task.name else ()))
    return any(info.task == fingerprint(replace(task, name=name)) for name in names)


def _earlier(folder: RunFolder, task: FinetuneTask) -> RunInfo | None:
    """The run of that name, if it is of the same task."""
    info = folder.read()
    if info is None:
        if folder.path.exists() and any(folder.path.iterdir()):
            raise InvalidRequest(
                f"The folder {folder.path} holds something that is not a run.", "Choose another name, or move it away."
            )
        return None
    if not _made_by(info, task):
        if not info.steps and as_it_is(info).state != "running":
            return None  # it never came to anything: the name is free
        raise InvalidRequest(
            f"A run called '{task.name}' already exists, for another model, text set or recipe.",
            "Choose another name, or delete that run.",
        )
    if as_it_is(info).state == "running" and info.owner != process_name():
        raise being_trained(task.name)
    return info


def _rows(table: TextTable, task: FinetuneTask, before: History) -> tuple[Any, Split, Ints]:
    """The rows to learn from, to judge each step by, and (where that chose a step) to judge the last by.

    What the base was trained on ``before`` judges nothing.
    """
    from backend.models.finetuning import TrainingRows

    recipe = task.recipe
    labels = known_labels(table, task.labels.column, before)
    params = SplitParams(test_share=recipe.held_out, drop_single=recipe.drop_single)
    split = split_rows(labels, params, recipe.seed)
    final: Ints = np.array([], dtype=np.int64)
    if not split.info.seeded and recipe.patience and split.info.test_name.casefold() not in _VALIDATION:
        final = split.test  # rows that decide when to stop are no test
        values = np.full(len(labels.values), -1, dtype=np.int64)
        values[split.train] = labels.values[split.train]
        inner = split_rows(replace(labels, values=values, split=None), params, recipe.seed)
        info = replace(inner.info, test_name="held out", n_unlabelled=split.info.n_unlabelled)
        notes = (f"Early stopping looks at {len(inner.test):,} training rows that are held out (seed {recipe.seed}).",)
        split = Split(inner.train, inner.test, inner.y_train, inner.y_test, info, (*split.notes, *notes))
    if split.info.seeded:
        split = _renamed(split, "held out")
    _require_learnable(labels, split, final)
    kept = trained_on(
        task.name,
        table,
        (task.texts.name, task.texts.table),
        seen=split.train,
        held=np.concatenate([split.test, final]),
        chose=bool(recipe.patience),
    )
    text = history_text(before + History((kept,)))
    rows = TrainingRows(table.texts, table.pairs, table.spans, labels.values, split.train, split.test, final, text)
    return rows, split, final


def _renamed(split: Split, name: str) -> Split:
    """``split`` with its test rows called ``name``."""
    info = replace(split.info, test_name=name)
    return Split(split.train, split.test, split.y_train, split.y_test, info, split.notes)


def _require_learnable(labels: Labels, split: Split, final: Ints) -> None:
    counts = np.bincount(split.y_train, minlength=len(labels.classes))
    judged = np.concatenate([split.y_test, labels.values[final]])
    present = np.bincount(judged, minlength=len(labels.classes)) > 0
    absent = [labels.classes[number] for number in np.flatnonzero(present & (counts == 0))]
    if absent:
        listed = ", ".join(f"'{name}'" for name in absent[:5]) + (" ..." if len(absent) > 5 else "")
        raise InvalidRequest(
            f"No training row is of class {listed}.",
            "Add training rows of every class, or remove the other rows of this class.",
        )
    if split.info.n_train < _FEWEST_ROWS:
        raise InvalidRequest(
            f"{split.info.n_train:,} training rows are too few.", f"Give at least {_FEWEST_ROWS}, ideally hundreds."
        )


def _end(folder: RunFolder, state: str, error: BaseException | None) -> None:
    """Say in run.json how the run ended, if that can still be written."""
    info = folder.read()
    if info is None:
        return
    message, hint = "", ""
    if isinstance(error, EmbedscopeError):
        message, hint = error.message, error.hint
    elif error is not None:
        message = f"Unexpected error: {type(error).__name__}: {error}"
    try:
        folder.write(replace(info, state=state, owner="", error=message, hint=hint))
    except EmbedscopeError:
        return  # the disk is full: the dead owner says as much
