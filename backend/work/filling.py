"""Bringing activations into the store: what is missing, and the passes over the texts that fill it."""

import contextlib
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from backend.errors import StoreError, TextSetError
from backend.forms.fingerprint import fingerprint
from backend.store import ArrayWriter
from backend.store.claims import making
from backend.values.activations import Report
from backend.values.models import OBJECT_PREFIX, ModelInfo
from backend.values.specs import POOLINGS, ActivationSpec
from backend.values.stored import KEPT_AS, Rounding, bytes_of, narrowed
from backend.values.texts import TextTable
from backend.values.working import processor_seconds, working_seconds
from backend.work.costing import note_pass
from backend.work.given import copy_given, require_plain
from backend.work.kinds import Hands
from backend.work.looking import looking
from backend.work.planning import planned, word_facts
from backend.work.stacks import pass_of, rows_digest

if TYPE_CHECKING:
    from backend.models.batching import ExtractionPlan
    from backend.models.loading import LoadedModel


def missing(hands: Hands, inputs: tuple[ActivationSpec, ...]) -> list[ActivationSpec]:
    """The activations among ``inputs`` that the store lacks, before any post-processing."""
    bases = dict.fromkeys(replace(spec, postprocess=()) for spec in inputs)
    return [spec for spec in bases if not (hands.store.has_sound_array(fingerprint(spec)) and _has_rows(hands, spec))]


def _has_rows(hands: Hands, spec: ActivationSpec) -> bool:
    """Whether it is known which tokens or words the rows are; where a row is a text there is nothing to know."""
    return spec.pooling not in ("tokens", "words") or hands.store.has_sound_array(rows_digest(spec))


def fill(hands: Hands, inputs: tuple[ActivationSpec, ...], report: Report) -> None:
    """Extract what is missing: one forward pass over a text set fills every layer and every pooling."""
    groups = {pass_of(spec): spec for spec in missing(hands, inputs)}
    if hands.helpers is not None:
        away = {one: spec for one, spec in groups.items() if not _is_here(hands, spec)}
        if away:
            hands.helpers.fill(hands, tuple(away.values()), report)
        groups = {one: spec for one, spec in groups.items() if one not in away}
    for number, spec in enumerate(groups.values()):
        part = report if len(groups) == 1 else part_of(report, number, len(groups), spec.model.name)
        info = hands.models.known(spec.model)
        require_plain(spec, info)
        digest = fingerprint(pass_of(spec))
        with making(hands.store.folder, digest, part):
            hands.store.forget_look(digest)  # of a process that was killed
            if not missing(hands, (spec,)):
                continue  # another job has just done it
            if info.is_given:
                copy_given(hands.store, hands.library, spec, info, part)
            else:
                _extract(hands, spec, part)


def _is_here(hands: Hands, spec: ActivationSpec) -> bool:
    """Whether only this process can do it, or it is no work at all: an object in its memory, vectors that are copied."""
    return spec.model.name.startswith(OBJECT_PREFIX) or hands.models.known(spec.model).is_given


def _extract(hands: Hands, spec: ActivationSpec, report: Report) -> None:
    started, worked = working_seconds(), processor_seconds()
    one = opened(hands, spec, report)
    extract_whole(hands, one, report)
    note_seconds(
        hands, spec, one.loaded.info, one.plan.n_tokens, working_seconds() - started, processor_seconds() - worked
    )


def note_seconds(
    hands: Hands, spec: ActivationSpec, info: ModelInfo, n_tokens: int, seconds: float, worked: float = math.nan
) -> None:
    """Keep how long a pass took, and the processor worked on it, for estimates."""
    with contextlib.suppress(StoreError):  # the activations count, whether or not their time can be kept
        note_pass(hands.store, spec, info, n_tokens, seconds, worked)


@dataclass(frozen=True, slots=True)
class Opened:
    """A forward pass that can begin: the model is loaded, and it is planned what of the texts it reads."""

    spec: ActivationSpec
    table: TextTable
    loaded: "LoadedModel"
    texts: Sequence[str]
    plan: "ExtractionPlan"

    @property
    def poolings(self) -> tuple[str, ...]:
        """The poolings that it fills."""
        return poolings_of(self.spec)

    @property
    def n_dims(self) -> int:
        """The length of its rows."""
        return self.plan.n_words * self.loaded.info.n_dims

    @property
    def meta(self) -> dict[str, Any]:
        """What is noted beside each of its arrays."""
        table, plan = self.table, self.plan
        return {
            "texts": [self.spec.texts.digest],
            "model": self.spec.model.name,
            "n_tokens": plan.n_tokens,
            "n_truncated": plan.n_truncated,
            "n_empty": plan.n_empty,
            "n_distinct": len(set(zip(table.texts, table.pairs or table.texts, strict=True))),
            **word_facts(table, plan),
        }


def opened(hands: Hands, spec: ActivationSpec, report: Report) -> Opened:
    """The forward pass that fills ``spec``, ready to begin; raises TextSetError for a text set without rows."""
    table = hands.library.table(spec.texts)
    require_rows(table)
    report(0, len(table), "Loading the model")
    loaded = hands.models.load(spec.model)
    report(0, len(table), "Tokenizing the texts")
    texts, plan = planned(loaded, table, spec)
    return Opened(spec, table, loaded, texts, plan)


def extract_whole(hands: Hands, one: Opened, report: Report) -> None:
    """Do a forward pass over all its texts in this process, which shows meanwhile what it has found so far."""
    from backend.models.extraction import extract

    spec, plan = one.spec, one.plan
    wanted = wanted_arrays(hands, spec, one.loaded.info)
    shape = plan.n_rows(spec.pooling), one.n_dims
    with writers(hands, wanted, shape, one.meta, spec.stored) as sink:
        with looking(hands, one, sink, report) as before:
            extract(
                one.loaded,
                one.texts,
                one.table.pairs,
                plan,
                before,
                poolings=one.poolings,
                batch_tokens=hands.settings.batch_tokens,
                ablation=spec.ablation,
                report=before.report,
            )
        write_rows(hands, one)
        report(len(one.table), len(one.table), "Writing to the store")


def write_rows(hands: Hands, one: Opened) -> None:
    """Write down which tokens or words the rows are; where a row is a text there is nothing to write."""
    from backend.models.batching import token_names

    spec, plan = one.spec, one.plan
    if spec.pooling == "tokens":
        parts = (plan.text_index, plan.token_index, plan.token_id, plan.token_spans)
        columns = [column for column in parts if column is not None]
        named = {**one.meta, "token_names": token_names(one.loaded.tokenizer, columns[2])}
        hands.store.put_array(rows_digest(spec), np.column_stack(columns).astype(np.int64), named)
    if plan.words is not None:
        hands.store.put_array(rows_digest(spec), plan.words.table_row, one.meta)


def poolings_of(spec: ActivationSpec) -> tuple[str, ...]:
    """The poolings that one pass fills."""
    return POOLINGS if spec.pooling in POOLINGS else (spec.pooling,)


def wanted_arrays(hands: Hands, spec: ActivationSpec, info: ModelInfo) -> dict[tuple[int, str], str]:
    """The digests of the arrays that a pass fills and that are not there, by layer and pooling."""
    wanted = {
        (layer, pooling): fingerprint(replace(spec, layer=layer, pooling=pooling, postprocess=()))
        for layer in range(len(info.layer_names))
        for pooling in poolings_of(spec)
    }
    return {key: digest for key, digest in wanted.items() if not hands.store.has_array(digest)}


@contextlib.contextmanager
def writers(
    hands: Hands,
    wanted: Mapping[tuple[int, str], str],
    shape: tuple[int, int],
    meta: dict[str, Any],
    stored: str,
    *,
    rounded: bool = True,
) -> Iterator["StoreSink"]:
    """A sink that writes the arrays ``wanted``, all of one shape; they are there after the block, whole, or not at all.

    They are in the number format ``stored``; where they are not to be ``rounded`` yet, in float32, and must fit ``stored`` all the same.
    """
    written = stored if rounded else "float32"
    hands.store.make_room(len(wanted) * shape[0] * shape[1] * bytes_of(written))
    found: dict[tuple[int, str], ArrayWriter] = {}
    try:
        for key, digest in wanted.items():
            found[key] = hands.store.create_array(digest, shape, KEPT_AS[written], meta)
        sink = StoreSink(found, stored, rounded=rounded)
        yield sink
        for key, writer in found.items():
            writer.commit(sink.noted(key))
    finally:
        for writer in found.values():
            writer.abandon()


def part_of(report: Report, number: int, total: int, name: str) -> Report:
    """A report for part ``number`` of ``total``: its count becomes a share, in hundredths, that never goes back."""
    furthest = 0

    def inner(done: int, of: int, stage: str) -> None:
        nonlocal furthest
        furthest = max(furthest, min(99, 100 * done // of) if of else 0)
        report(100 * number + furthest, 100 * total, f"{number + 1} of {total}, {PurePath(name).name}: {stage}")

    return inner


class StoreSink:
    """Hands blocks from the extraction to the store's writers; what is there already is passed over."""

    def __init__(self, writers: dict[tuple[int, str], ArrayWriter], stored: str, *, rounded: bool) -> None:
        self._writers, self._stored = writers, stored
        self._rounding = {key: Rounding() for key in writers if rounded and stored != "float32"}

    def write(self, layer: int, pooling: str, rows: npt.NDArray[np.int64], block: npt.NDArray[np.float32]) -> None:
        """Put rows into the array of one layer and pooling, where that is wanted."""
        writer = self._writers.get((layer, pooling))
        if writer is None:
            return
        kept = narrowed(block, self._stored, f"A number of layer {layer}")
        if (layer, pooling) in self._rounding:
            self._rounding[layer, pooling].add(block, kept, self._stored)
            writer.write(rows, kept)
        else:
            writer.write(rows, block)

    def noted(self, key: tuple[int, str]) -> dict[str, Any]:
        """What is noted beside an array once it is written: how far rounding has moved its rows, where they were rounded."""
        return {"rounding": self._rounding[key].share} if key in self._rounding else {}


def require_rows(table: TextTable) -> None:
    if not len(table):
        raise TextSetError(f"The text set '{table.name}' is empty.", "Choose one with at least one text.")
