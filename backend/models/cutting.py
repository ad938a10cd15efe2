"""A forward pass over many texts, cut into shards that may run in other processes.

A shard is a run of whole batches: each of them holds the same texts as it would in one pass over everything, so what
comes of a shard is bit for bit what the one pass gives on the same kind of processor. Texts with equal tokens are in one
shard, and run once.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from backend.models.batching import ExtractionPlan, Ints, WordRows
from backend.models.passes import batches_of

if TYPE_CHECKING:
    from backend.models.loading import LoadedModel


@dataclass(frozen=True, slots=True, eq=False)
class Cut:
    """Some of the texts of a plan: their numbers (n_texts,), ascending, and the plan of them alone.

    ``rows`` (n_rows,) are the rows of the whole matrix that the rows of this one are, in its order.
    """

    texts: Ints
    plan: ExtractionPlan
    rows: Ints


def cut(
    loaded: "LoadedModel", plan: ExtractionPlan, pooling: str, *, batch_tokens: int, shard_tokens: int
) -> Iterator[Cut]:
    """The shards of a plan, of at least ``shard_tokens`` tokens each (padding included) but for the last one.

    ``pooling`` says what a row is; mean, last and cls have one for each text.
    """
    lengths, first = plan.lengths, plan.repeats.first
    kept: list[Ints] = []
    n_tokens = 0
    for batch in batches_of(loaded, plan, batch_tokens):
        kept.append(batch)
        n_tokens += len(batch) * int(lengths[first[batch[0]]])
        if n_tokens >= shard_tokens:
            yield _part(plan, first[np.concatenate(kept)], pooling)
            kept, n_tokens = [], 0
    if kept:
        yield _part(plan, first[np.concatenate(kept)], pooling)


def _part(plan: ExtractionPlan, run: Ints, pooling: str) -> Cut:
    """The part of ``plan`` for the texts that are run (among ``plan.repeats.first``), and those with equal tokens."""
    texts = np.sort(plan.repeats.spread(run)[0])
    part = replace(plan, lengths=plan.lengths[texts], repeats=plan.repeats.among(texts))
    if pooling == "words" and plan.words is not None:
        words, rows = _words(plan.words, texts)
        return Cut(texts, part.with_words(words), rows)
    if pooling == "tokens" and plan.text_index is not None:
        rows, counts = _ranges(plan.text_index, texts)
        columns = (None if one is None else one[rows] for one in (plan.token_index, plan.token_id, plan.token_spans))
        token_index, token_id, token_spans = columns
        text_index = np.repeat(np.arange(len(texts)), counts)
        tokens = replace(
            part, text_index=text_index, token_index=token_index, token_id=token_id, token_spans=token_spans
        )
        return Cut(texts, tokens, rows)
    return Cut(texts, part, texts)


def _words(words: WordRows, texts: Ints) -> tuple[WordRows, Ints]:
    """The rows of words of these sentences, which become numbers 0, 1, ...; and which rows of the whole they are."""
    which, counts = _ranges(words.text, texts)
    parts = (which[:, None] * words.n_words + np.arange(words.n_words)).ravel()
    lengths = np.diff(words.starts)[parts]
    starts = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
    within = np.arange(starts[-1]) - np.repeat(starts[:-1], lengths)
    rows = words.place[which]
    chosen = replace(
        words,
        table_row=words.table_row[rows],
        text=np.repeat(np.arange(len(texts)), counts),
        place=np.arange(len(which)),
        starts=starts,
        positions=words.positions[np.repeat(words.starts[parts], lengths) + within],
    )
    return chosen, rows


def _ranges(sorted_by: Ints, texts: Ints) -> tuple[Ints, Ints]:
    """Where each of ``texts`` stands in an ascending array: all places one after another, and how many each has."""
    low, high = np.searchsorted(sorted_by, texts), np.searchsorted(sorted_by, texts, side="right")
    counts = high - low
    ends = np.cumsum(counts)
    n_all = int(ends[-1]) if len(ends) else 0
    return np.repeat(low - (ends - counts), counts) + np.arange(n_all), counts
