"""Fine-tuning on transformers' Trainer: what is saved and when, going on after an interruption, and when to stop."""

import contextlib
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from transformers import PrinterCallback, Trainer, TrainingArguments

from backend.errors import ModelError
from backend.models.device import is_out_of_memory, turn_on
from backend.models.ending import guessed_norm
from backend.models.layers import find_layout
from backend.models.loading import max_length
from backend.models.package import read_package
from backend.models.resolve import ModelFiles
from backend.models.runfolder import RunFolder
from backend.models.tunable import Examples, Tunable, open_tunable
from backend.models.untyped import Untyped
from backend.models.watch import Watch
from backend.values.activations import Report
from backend.values.recipes import saved_steps
from backend.values.runs import RunInfo

_EVAL_BATCH = 64

Ints = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class TrainingRows:
    """The rows of a text set for a run: ``train`` to learn from, ``test`` to judge every saved step by, ``final`` for the end.

    ``labels`` (n_rows,) are class numbers; ``train``, ``test`` and ``final`` are row numbers. ``history`` is the text of
    the file that keeps them, and those of the runs before, with every saved step.
    """

    texts: Sequence[str]
    pairs: Sequence[str] | None
    spans: Sequence[tuple[int, ...]] | None
    labels: Ints
    train: Ints
    test: Ints
    final: Ints
    history: str

    @property
    def n_words(self) -> int:
        """Words in a row: 0 where a row is a text."""
        return 0 if self.spans is None else len(self.spans[0]) // 2


def finetune(files: ModelFiles, rows: TrainingRows, info: RunInfo, folder: RunFolder, report: Report) -> RunInfo:
    """Train as ``info.recipe`` says and save into ``folder``, from where an interrupted run of the same task stopped.

    ``info`` says all that is known before training; the answer is it with steps, accuracies and times. Raises
    Cancelled from ``report``; InvalidRequest where training diverges, ModelError where memory runs out, StoreError
    where something cannot be written. Whatever was saved before is whole.
    """
    point = folder.resume_point()
    began = point[0] if point else None
    folder.begin(began)
    info = _cut(info, began)
    saved = folder.step_folder(point[0]) if point else None
    recipe, device = info.recipe, info.device
    with _repeatable(device, info.threads), _memory_errors(info):
        report(0, 0, "Loading the model")
        tunable = open_tunable(
            info.base,
            files,
            info.classes,
            n_words=rows.n_words,
            dropout=recipe.dropout,
            seed=recipe.seed,
            saved=saved,
        )
        report(0, 0, "Tokenizing the texts")
        limit = min(recipe.max_length, max_length(tunable.backbone, tunable.backbone.config, tunable.tokenizer))
        limit = min(limit, read_package(info.base, files.package or files.folder).max_length or limit)
        train, test, final, n_lost = _examples(tunable, rows, limit)
        steps, in_epoch, total = saved_steps(len(train), recipe)
        info = replace(
            info, total_steps=total, n_lost=n_lost, notes=tuple(dict.fromkeys([*info.notes, *tunable.notes]))
        )
        watch = Watch(info, folder, steps, in_epoch, report, rows.history)
        trainer = _Trainer(tunable, watch, _arguments(info, folder, total, resumed=point is not None), train, test)
        watch.trainer = trainer
        trainer.train(resume_from_checkpoint=str(point[1]) if point else None)
        return watch.finish(files, final, len(rows.final))


class _Trainer(Trainer):  # type: ignore[misc]
    """Trainer with layer-wise learning rates, and with our folders in place of its own."""

    def __init__(
        self, tunable: Tunable, watch: "Watch", arguments: TrainingArguments, train: Examples, test: Examples
    ) -> None:
        self.tunable, self.watch = tunable, watch
        self.optimizer: Any = None
        super().__init__(
            model=tunable.module,
            args=arguments,
            data_collator=tunable.collate,
            train_dataset=train,
            eval_dataset=test,
            compute_metrics=_counted if tunable.n_words else _accuracy,
            callbacks=[watch],
        )
        self.remove_callback(PrinterCallback)
        # Else the batches of a step would be added up: the classifiers take the argument that is to scale their loss, and
        # do not use it. So: the mean over the batches.
        self.model_accepts_loss_kwargs = False

    def create_optimizer(self, model: Untyped = None) -> Untyped:
        """AdamW; with a layer decay, one group of parameters for each depth, the last layer's first."""
        decay = self.watch.info.recipe.layer_decay
        if self.optimizer is None and decay != 1.0:
            cls, options = self.get_optimizer_cls_and_kwargs(self.args, self.model)
            decayed = set(self.get_decay_parameter_names(self.model))
            depths = _depths(self.tunable)
            groups: dict[tuple[int, bool], list[Any]] = {}
            for name, parameter in self.model.named_parameters():
                groups.setdefault((depths.get(id(parameter), 0), name not in decayed), []).append(parameter)
            rate = self.args.learning_rate
            self.optimizer = cls(
                [
                    {
                        "params": groups[depth, plain],
                        "weight_decay": 0.0 if plain else self.args.weight_decay,
                        "lr": rate * decay**depth,
                    }
                    for depth, plain in sorted(groups)
                ],
                **options,
            )
        return super().create_optimizer(model)

    def training_step(self, model: Untyped, inputs: Untyped, *rest: Untyped) -> Untyped:
        """A batch forwards and backwards, when it is its turn on a GPU."""
        with turn_on(self.watch.info.device):
            return super().training_step(model, inputs, *rest)

    def prediction_step(
        self, model: Untyped, inputs: Untyped, prediction_loss_only: bool, ignore_keys: Untyped = None
    ) -> Untyped:
        """For words a batch counts as one row: how many words are right, and how many there are."""
        with turn_on(self.watch.info.device):
            loss, logits, labels = super().prediction_step(model, inputs, prediction_loss_only, ignore_keys)
        if not self.tunable.n_words:
            return loss, logits, labels
        counts = torch.stack([(logits.argmax(dim=-1) == labels).sum(), torch.tensor(len(labels), device=labels.device)])
        sentences = len(inputs["input_ids"])
        table = torch.zeros((sentences, 3), dtype=torch.float64, device="cpu")
        table[0] = torch.tensor([*counts.tolist(), float(loss) * len(labels)], dtype=torch.float64)
        return loss, table, torch.zeros(sentences)

    def _save_checkpoint(self, model: Untyped, trial: Untyped) -> None:
        self.watch.save()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Untyped = None) -> None:
        """Nothing: the weights of the step are those that the model was opened with."""

    def write_resume(self, path: Path) -> None:
        """All that training needs beside the weights to go on: optimizer, schedule, random numbers, the trainer's state."""
        path.mkdir()
        self._save_optimizer_and_scheduler(str(path))
        self._save_rng_state(str(path))
        self.state.save_to_json(str(path / "trainer_state.json"))


def _arguments(info: RunInfo, folder: RunFolder, total: int, *, resumed: bool) -> TrainingArguments:
    recipe = info.recipe
    arguments = TrainingArguments(
        output_dir=str(folder.path),
        per_device_train_batch_size=recipe.batch_size,
        per_device_eval_batch_size=_EVAL_BATCH,
        gradient_accumulation_steps=recipe.accumulation,
        num_train_epochs=recipe.epochs,
        max_steps=total if recipe.max_steps else -1,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type="constant_with_warmup" if recipe.schedule == "constant" else "linear",
        warmup_steps=round(recipe.warmup * total),
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        seed=recipe.seed,
        use_cpu=info.device == "cpu",
        eval_on_start=not resumed,
        eval_strategy="no",  # the watch says when: at the steps that are saved
        save_strategy="no",
        logging_strategy="steps",
        logging_steps=1,
        logging_nan_inf_filter=False,
        label_names=["labels"],
        remove_unused_columns=False,
        dataloader_pin_memory=info.device.startswith("cuda"),
        report_to="none",
        disable_tqdm=True,
    )
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1  # one device, so that a step is the same on every machine
    return arguments


def _examples(tunable: Tunable, rows: TrainingRows, limit: int) -> tuple[Examples, Examples, Examples | None, int]:
    parts: list[Examples] = []
    n_lost = 0
    for chosen in (rows.train, rows.test, rows.final):
        if not len(chosen):
            continue
        texts, labels = [rows.texts[row] for row in chosen], rows.labels[chosen].tolist()
        if rows.spans is not None:
            part, kept = tunable.words(texts, [rows.spans[row] for row in chosen], labels, limit)
            n_lost += len(chosen) - len(kept)
        else:
            part = tunable.texts(texts, [rows.pairs[row] for row in chosen] if rows.pairs else None, labels, limit)
        parts.append(part)
    for part in parts[1:]:  # the longest first: batches of like lengths are padded little
        part.items.sort(key=lambda item: -len(item["input_ids"]))
    return parts[0], parts[1], parts[2] if len(parts) > 2 else None, n_lost


def _depths(tunable: Tunable) -> dict[int, int]:
    """How many layers each of the backbone's parameters is below the last one, by its id; the head is at 0."""
    backbone: Any = tunable.backbone
    layout = find_layout(backbone, backbone.config, model="")
    n_blocks = len(layout.blocks)
    found: dict[int, int] = {}
    for name, parameter in backbone.named_parameters():
        found[id(parameter)] = 0 if "pooler" in name else n_blocks
    for number, block in enumerate(layout.blocks):
        found.update({id(parameter): n_blocks - 1 - number for parameter in block.parameters()})
    norm = guessed_norm(backbone, layout)
    if norm:
        found.update({id(parameter): 0 for parameter in backbone.get_submodule(norm).parameters()})
    return found


def _accuracy(prediction: Untyped) -> dict[str, float]:
    return {"accuracy": float(np.mean(prediction.predictions.argmax(axis=-1) == prediction.label_ids))}


def _counted(prediction: Untyped) -> dict[str, float]:
    right, words, loss = np.asarray(prediction.predictions, dtype=np.float64).sum(axis=0)
    return {"accuracy": float(right / words), "word_loss": float(loss / words)}


def _cut(info: RunInfo, step: int | None) -> RunInfo:
    """``info`` as it was when ``step`` had been saved."""
    n_kept = 0 if step is None else sum(saved <= step for saved in info.steps)
    return replace(
        info,
        steps=info.steps[:n_kept],
        epochs=info.epochs[:n_kept],
        accuracies=info.accuracies[:n_kept],
        losses=info.losses[:n_kept],
        seconds=info.seconds if step is not None else 0.0,
    )


@contextlib.contextmanager
def _repeatable(device: str, threads: int) -> Iterator[None]:
    """So many threads, and on a GPU sums in a fixed order; afterwards that and the random numbers are as they were."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)  # also keeps MKL from choosing a number by itself
    states = random.getstate(), np.random.get_state(), torch.random.get_rng_state()
    was, warned = torch.are_deterministic_algorithms_enabled(), torch.is_deterministic_algorithms_warn_only_enabled()
    if device.startswith("cuda"):
        torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        yield
    finally:
        torch.set_num_threads(before)
        random.setstate(states[0])
        np.random.set_state(states[1])
        torch.random.set_rng_state(states[2])
        torch.use_deterministic_algorithms(was, warn_only=warned)


@contextlib.contextmanager
def _memory_errors(info: RunInfo) -> Iterator[None]:
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        if not is_out_of_memory(error):
            raise
        recipe = info.recipe
        raise ModelError(
            f"Out of memory with {recipe.batch_size} texts of up to {recipe.max_length} tokens in a forward pass.",
            f"Halve the batch size and double the accumulation steps (now {recipe.accumulation}): the steps stay the same.",
        ) from None
