"""Tasks spread over other processes: forward passes in shards, the models of a series beside each other, metrics too.

Who those processes are a Crew knows; here is what they are given, in which order, and how far all of it is.
"""

import contextlib
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, Protocol

import numpy as np

from backend.forms.fingerprint import fingerprint
from backend.store.claims import making
from backend.values.activations import Report
from backend.values.people import asking
from backend.values.specs import ActivationSpec, AnalysisSpec, ModelSpec
from backend.values.stored import bytes_of
from backend.values.tasks import Task
from backend.work.agreement import models_of
from backend.work.filling import missing, note_seconds, wanted_arrays
from backend.work.kinds import Hands
from backend.work.modelhost import records_of
from backend.work.parts import Answer, Noted, Part, keep_noted
from backend.work.shards import STAGE, Begun, Shard, forget_shards, gatherings
from backend.work.stacks import ActivationsLost, pass_of

_EXTRACTING = "Extracting activations"
_MEAN = "Measuring the mean to ablate with"
_ROUNDS = 3  # in which shards are done again that were lost from the disk before they were put together


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a part is: of its own count, and whether it is over. A part that nobody has begun has no count."""

    done: int = 0
    total: int = 0
    stage: str = ""
    over: bool = False

    @property
    def share(self) -> float:
        """How much of it is done, from 0 to 1."""
        return 1.0 if self.over else min(1.0, self.done / self.total) if self.total else 0.0


class Crew(Protocol):
    """Processes that do parts."""

    def do(self, parts: Sequence[Part], report: Callable[[Sequence[Standing]], None]) -> list[tuple[Answer, Noted]]:
        """What came of each part, and the records that it noted, in the order of ``parts``.

        ``report`` is told again and again how far each is, and may raise Cancelled: then nothing goes on. A part whose
        process is lost is done again in another. Raises the error of the first part that fails, and ends the others.
        """
        ...


class Spread:
    """Helpers: what a Crew does for this process."""

    def __init__(self, crew: Crew) -> None:
        self._crew = crew

    def fill(self, hands: Hands, passes: tuple[ActivationSpec, ...], report: Report) -> None:
        """As Helpers: those of ``passes`` that are one shard beside each other, then the large ones one by one."""
        passes = tuple({fingerprint(pass_of(spec)): spec for spec in passes}.values())  # steps may have equal weights
        with _all_claimed(hands, passes, report):
            todo = [spec for spec in passes if missing(hands, (spec,))]
            if not todo:
                return
            for spec in todo:
                _make_room(hands, spec)
            parts = [self._part(hands, "begin", spec, (spec.model,), spec.texts.n_rows) for spec in todo]
            for begun in self._do(hands, parts, partial(_together, report, parts)):
                if isinstance(begun, Begun) and begun.shards:
                    self._in_shards(hands, begun, report)

    def measure(self, hands: Hands, analyses: Sequence[AnalysisSpec], report: Report) -> None:
        """As Helpers: all at once, as many as there are processes."""
        parts = [
            self._part(
                hands,
                "measure",
                hands.codec.task_to_json(spec),
                (*models_of(spec), *spec.beside),
                spec.inputs[0].texts.n_rows,
            )
            for spec in {fingerprint(spec): spec for spec in analyses}.values()
        ]
        with hands.store.pin([fingerprint(item) for spec in analyses for item in spec.inputs]):
            self._do(hands, parts, partial(_together, report, parts))

    def run(self, hands: Hands, task: Task, report: Report) -> None:
        """As Helpers."""
        part = self._part(hands, "run", hands.codec.task_to_json(task), models_of(task))
        self._do(hands, [part], partial(_together, report, [part]))

    def _in_shards(self, hands: Hands, begun: Begun, report: Report) -> None:
        started = time.monotonic()
        shape, n_arrays = begun.shape, len(wanted_arrays(hands, begun.spec, begun.info))
        both = bytes_of("float32") + bytes_of(begun.spec.stored)  # of the shards, and of what is made of them
        hands.store.make_room(n_arrays * shape[0] * shape[1] * both)
        shards = self._with_fill(hands, begun, report)
        todo = [shard for shard in shards if len(shard.rows)]
        for _ in range(_ROUNDS):
            self._do_shards(hands, "shard", todo, partial(_counted, report, begun, _EXTRACTING))
            parts = [self._part(hands, "gather", one, (), 1) for one in gatherings(hands, begun)]
            answers = self._do(hands, parts, partial(_together, report, parts, said=STAGE))
            lost = {key for keys in answers if isinstance(keys, list) for key in keys}
            if not lost:
                break
            todo = [shard for shard in todo if shard.key in lost]
        if missing(hands, (begun.spec,)):
            raise ActivationsLost()
        forget_shards(hands, begun)
        note_seconds(hands, begun.spec, begun.info, begun.n_tokens, time.monotonic() - started)

    def _with_fill(self, hands: Hands, begun: Begun, report: Report) -> tuple[Shard, ...]:
        """The shards, with the mean over all tokens where the ablation of the pass writes that."""
        ablation = begun.spec.ablation
        if ablation is None or ablation.mode != "mean":
            return begun.shards
        answers = self._do_shards(hands, "mean", begun.shards, partial(_counted, report, begun, _MEAN))
        means = [mean for mean in answers if isinstance(mean, np.ndarray)]
        counts = [int(shard.plan.lengths.sum()) for shard in begun.shards]
        fill = np.average(means, axis=0, weights=counts)[list(ablation.dims)]
        return tuple(replace(shard, fill=fill) for shard in begun.shards)

    def _do_shards(
        self,
        hands: Hands,
        kind: str,
        shards: Sequence[Shard],
        report: Callable[[Sequence[Standing], Sequence[Part]], None],
    ) -> list[Answer]:
        parts = [self._part(hands, kind, shard, (shard.spec.model,), shard.n_texts) for shard in shards]
        return self._do(hands, parts, lambda standings: report(standings, parts))

    def _part(self, hands: Hands, kind: str, what: Any, models: Sequence[ModelSpec], n_texts: int = 1) -> Part:
        return Part(kind, what, n_texts, asking(), records_of(hands.store, models))

    def _do(self, hands: Hands, parts: Sequence[Part], report: Callable[[Sequence[Standing]], None]) -> list[Answer]:
        answers: list[Answer] = []
        for answer, noted in self._crew.do(parts, report) if parts else []:
            keep_noted(hands.store, noted)
            answers.append(answer)
        return answers


def _make_room(hands: Hands, spec: ActivationSpec) -> None:
    """Room for a pass as far as it is known before its texts are tokenized: where a row is a text."""
    if spec.pooling not in ("tokens", "words"):
        info = hands.models.known(spec.model)
        n_arrays = len(wanted_arrays(hands, spec, info))
        hands.store.make_room(n_arrays * spec.texts.n_rows * info.n_dims * bytes_of(spec.stored))


@contextlib.contextmanager
def _all_claimed(hands: Hands, passes: Sequence[ActivationSpec], report: Report) -> Iterator[None]:
    """While this process has all of ``passes`` made; always in one order, so that no two wait for each other."""
    with contextlib.ExitStack() as stack:
        for digest in sorted(fingerprint(pass_of(spec)) for spec in passes):
            stack.enter_context(making(hands.store.folder, digest, report))
            hands.store.forget_look(digest)  # of a process that was killed
            stack.callback(hands.store.forget_look, digest)
        yield


def _counted(report: Report, begun: Begun, stage: str, standings: Sequence[Standing], parts: Sequence[Part]) -> None:
    """How many texts are done of a pass that is cut into shards; shards that were there before count as done."""
    here = sum(part.n_texts for part in parts)
    done = sum(int(one.share * part.n_texts) for one, part in zip(standings, parts, strict=True))
    total = sum(shard.n_texts for shard in begun.shards)
    report(total - here + done, total, stage)


def _together(report: Report, parts: Sequence[Part], standings: Sequence[Standing], said: str = "") -> None:
    """How far several parts are together; of one alone what it says itself."""
    if len(parts) == 1 and not said:
        report(standings[0].done, standings[0].total, standings[0].stage)
        return
    n_over = sum(one.over for one in standings)
    stage = said or next((one.stage for one in standings if one.stage and not one.over), "")
    done = sum(one.share * part.n_texts for one, part in zip(standings, parts, strict=True))
    share = int(100 * len(parts) * done / max(1, sum(part.n_texts for part in parts)))
    report(
        share,
        100 * len(parts),
        f"{n_over} of {len(parts)} done: {stage}" if stage else f"{n_over} of {len(parts)} done",
    )
