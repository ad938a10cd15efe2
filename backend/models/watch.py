"""What watches a training: its log and progress, what is saved at which step, and when it has to end."""

import math
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from transformers import TrainerCallback

from backend.errors import InvalidRequest
from backend.models.cards import model_card
from backend.models.resolve import ModelFiles
from backend.models.runfolder import RunFolder
from backend.models.tunable import Examples, open_tunable
from backend.models.untyped import Untyped
from backend.values.activations import Report
from backend.values.runs import RunInfo

_HOPELESS = 100.0  # times the loss of a guess: no training comes back from there, though the numbers are still finite
_SHOWN_EVERY = 0.5  # seconds between two changes of what the progress says


class Watch(TrainerCallback):  # type: ignore[misc]
    """Sees every step: writes the log, says how far it is, saves, and ends a run that diverges or gets no better."""

    def __init__(
        self, info: RunInfo, folder: RunFolder, steps: Sequence[int], in_epoch: int, report: Report, history: str
    ) -> None:
        self.info, self._folder, self._report, self._history = info, folder, report, history
        self._steps, self._in_epoch = set(steps), in_epoch
        self._worst = _HOPELESS * math.log(len(info.classes))
        self._began, self._spent = time.monotonic(), info.seconds
        self._evaluated = (math.nan, math.nan)  # accuracy and loss of the last evaluation
        self._shown = (-math.inf, "")
        self.trainer: Any = None

    # Called by the trainer

    def on_step_end(self, args: Untyped, state: Untyped, control: Untyped, **rest: Untyped) -> None:
        if state.global_step in self._steps:
            control.should_evaluate = control.should_save = True

    def on_log(self, args: Untyped, state: Untyped, control: Untyped, logs: dict[str, float], **rest: Untyped) -> None:
        row = {"step": state.global_step, "epoch": round(float(state.epoch or 0.0), 6)}
        if "eval_loss" in logs:
            loss = float(logs.get("eval_word_loss", logs["eval_loss"]))
            self._require_sane(state.global_step, loss, "the loss on the evaluation rows")
            self._evaluated = (float(logs["eval_accuracy"]), loss)
            self._folder.append({**row, "eval_loss": loss, "eval_accuracy": self._evaluated[0]})
        elif "loss" in logs:
            loss, norm = float(logs["loss"]), float(logs.get("grad_norm", 0.0))
            self._require_sane(state.global_step, loss, "the loss")
            self._require_sane(state.global_step, norm, "the gradient's length", math.inf)
            self._folder.append({**row, "loss": loss, "learning_rate": logs["learning_rate"], "grad_norm": norm})
            epoch = min(self.info.recipe.epochs, math.ceil(float(state.epoch)))
            self._say(state.global_step, f"epoch {epoch} of {self.info.recipe.epochs}, loss {loss:.3f}")

    def on_prediction_step(self, args: Untyped, state: Untyped, control: Untyped, **rest: Untyped) -> None:
        self._say(state.global_step, f"step {state.global_step}: evaluating {self.info.n_test:,} rows")

    def on_evaluate(self, args: Untyped, state: Untyped, control: Untyped, **rest: Untyped) -> None:
        if state.global_step == 0 and 0 not in self.info.steps:
            self.save()

    def on_save(self, args: Untyped, state: Untyped, control: Untyped, **rest: Untyped) -> None:
        patience = self.info.recipe.patience
        ends = [
            accuracy
            for step, accuracy in zip(self.info.steps, self.info.accuracies, strict=True)
            if step and step % self._in_epoch == 0
        ]
        if patience and ends and len(ends) - 1 - ends.index(max(ends)) >= patience:
            control.should_training_stop = True

    # Our own

    def save(self) -> None:
        """Save the present step: its model first, then run.json, then what training needs to go on from here."""
        state = self.trainer.state
        step, (accuracy, loss) = int(state.global_step), self._evaluated
        later = replace(
            self.info,
            steps=(*self.info.steps, step),
            epochs=(*self.info.epochs, round(float(state.epoch or 0.0), 6)),
            accuracies=(*self.info.accuracies, accuracy),
            losses=(*self.info.losses, loss),
            seconds=self._spent + time.monotonic() - self._began,
        )
        card = model_card(later, step)
        self._folder.save_step(step, lambda path: self.trainer.tunable.save(path, card, self._history))
        self.info = self._folder.write(later)
        if 0 < step < self.info.total_steps:
            self._folder.save_resume(step, self.trainer.write_resume)

    def finish(self, files: ModelFiles, final: Examples | None, n_final: int) -> RunInfo:
        """The run at its end; the chosen step is judged by the rows that were kept for that, if any."""
        info = self.info
        if final is not None and info.step is not None:
            if info.step != info.steps[-1]:
                saved = self._folder.step_folder(info.step)
                best = open_tunable(
                    info.base,
                    files,
                    info.classes,
                    n_words=self.trainer.tunable.n_words,
                    dropout=info.recipe.dropout,
                    seed=info.recipe.seed,
                    saved=saved,
                )
                self.trainer.model.load_state_dict(best.module.state_dict())
            found = self.trainer.evaluate(final, metric_key_prefix="test")
            info = replace(info, test_accuracy=float(found["test_accuracy"]), n_final=n_final)
        return replace(info, seconds=self._spent + time.monotonic() - self._began)

    def _say(self, step: int, stage: str) -> None:
        now = time.monotonic()
        if now - self._shown[0] > _SHOWN_EVERY:
            self._shown = (now, stage)
        self._report(step, self.info.total_steps, self._shown[1])

    def _require_sane(self, step: int, value: float, what: str, most: float | None = None) -> None:
        if math.isfinite(value) and value <= (self._worst if most is None else most):
            return
        raise InvalidRequest(
            f"The training diverged at step {step:,}: {what} is {value:g}. Nothing from that step on is kept.",
            f"Lower the learning rate (it is {self.info.recipe.learning_rate:g}), or warm up over more steps.",
        )
