"""Bringing activations into the store: what is missing, and the passes over the texts that fill it."""

import contextlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import PurePath
from typing import Any

import numpy as np

from backend.errors import StoreError, TextSetError
from backend.forms.fingerprint import fingerprint
from backend.store import ArrayWriter
from backend.store.claims import making
from backend.values.activations import Report
from backend.values.models import ModelInfo
from backend.values.specs import POOLINGS, ActivationSpec
from backend.values.texts import TextTable
from backend.values.working import working_seconds
from backend.work.costing import note_pass
from backend.work.given import copy_given, require_plain
from backend.work.kinds import Hands
from backend.work.planning import planned, word_facts
from backend.work.stacks import pass_of, rows_digest


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
    for number, spec in enumerate(groups.values()):
        part = report if len(groups) == 1 else part_of(report, number, len(groups), spec.model.name)
        info = hands.models.known(spec.model)
        require_plain(spec, info)
        with making(hands.store.folder, fingerprint(pass_of(spec)), part):
            if not missing(hands, (spec,)):
                continue  # another job has just done it
            if info.is_given:
                copy_given(hands.store, hands.library, spec, info, part)
            else:
                _extract(hands, spec, part)


def _extract(hands: Hands, spec: ActivationSpec, report: Report) -> None:
    from backend.models.batching import token_names
    from backend.models.extraction import extract

    table = hands.library.table(spec.texts)
    require_rows(table)
    report(0, len(table), "Loading the model")
    started = working_seconds()
    loaded = hands.models.load(spec.model)
    report(0, len(table), "Tokenizing the texts")
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
    with _writers(hands, spec, loaded.info, poolings, (n_rows, plan.n_words * loaded.info.n_dims), meta) as sink:
        extract(
            loaded,
            texts,
            table.pairs,
            plan,
            sink,
            poolings=poolings,
            batch_tokens=hands.settings.batch_tokens,
            ablation=spec.ablation,
            report=report,
        )
        if spec.pooling == "tokens":
            parts = (plan.text_index, plan.token_index, plan.token_id, plan.token_spans)
            columns = [column for column in parts if column is not None]
            named = {**meta, "token_names": token_names(loaded.tokenizer, columns[2])}
            hands.store.put_array(rows_digest(spec), np.column_stack(columns).astype(np.int64), named)
        if plan.words is not None:
            hands.store.put_array(rows_digest(spec), plan.words.table_row, meta)
        report(len(table), len(table), "Writing to the store")
    with contextlib.suppress(StoreError):  # the activations count, whether or not their time can be kept
        note_pass(hands.store, spec, loaded.info, plan.n_tokens, working_seconds() - started)


@contextlib.contextmanager
def _writers(
    hands: Hands,
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
    wanted = {key: digest for key, digest in wanted.items() if not hands.store.has_array(digest)}
    hands.store.make_room(len(wanted) * shape[0] * shape[1] * 4)
    writers: dict[tuple[int, str], ArrayWriter] = {}
    try:
        for key, digest in wanted.items():
            writers[key] = hands.store.create_array(digest, shape, np.float32, meta)
        yield _StoreSink(writers)
        for writer in writers.values():
            writer.commit()
    finally:
        for writer in writers.values():
            writer.abandon()


def part_of(report: Report, number: int, total: int, name: str) -> Report:
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


def require_rows(table: TextTable) -> None:
    if not len(table):
        raise TextSetError(f"The text set '{table.name}' is empty.", "Choose one with at least one text.")
