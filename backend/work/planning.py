"""What the rows of a request are: which texts the model reads, and for rows that are words, which are left."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from backend.errors import InvalidRequest
from backend.values.activations import Labels, LayerStack
from backend.values.history import History, TableDigests, row_copies, seen_rows
from backend.values.specs import ActivationSpec
from backend.values.texts import TextTable

if TYPE_CHECKING:
    from backend.models.batching import ExtractionPlan
    from backend.models.loading import LoadedModel


def planned(loaded: "LoadedModel", table: TextTable, spec: ActivationSpec) -> tuple[Sequence[str], "ExtractionPlan"]:
    """What the model reads, and the plan of it: the texts; of a set of words, its sentences, each once."""
    from backend.models.batching import plan_extraction
    from backend.models.words import plan_words

    if table.spans is not None and spec.pooling == "words":
        return plan_words(loaded.tokenizer, table.texts, table.spans, max_length=spec.max_length)
    return table.texts, plan_extraction(
        loaded.tokenizer, table.texts, table.pairs, max_length=spec.max_length, tokens=spec.tokens
    )


def word_facts(table: TextTable, plan: "ExtractionPlan") -> dict[str, Any]:
    """What must be said of words that were left out; nothing where rows are texts or tokens."""
    if plan.words is None:
        return {}
    first, lines = plan.words.first_lost, table.columns.get("line")
    at = "" if first < 0 else f"row {first + 1:,}" if lines is None else f"line {lines[first]}"
    return {"n_sentences": plan.n_texts, "n_lost": plan.words.n_lost, "n_bare": plan.words.n_bare, "lost_at": at}


def require_same_words(stacks: Sequence[LayerStack]) -> None:
    """Two models may lose other words of the same texts; rows of words are compared only where they are the same."""
    first: dict[str, LayerStack] = {}
    for stack in stacks:
        other = first.setdefault(stack.texts_digest, stack)
        mine, theirs = (one.matrices[0].text_index for one in (stack, other))
        of_words = "words" in (stack.pooling, other.pooling)  # imported vectors have all of them
        if of_words and mine is not None and theirs is not None and not np.array_equal(mine, theirs):
            raise InvalidRequest(
                f"{other.model} keeps {len(theirs):,} of the words and {stack.model} {len(mine):,}: the rows are not the same.",
                "Set a token limit that both models accept, split the long sentences, or look at one model at a time.",
            )


def row_labels(table: TextTable, column: str, stack: LayerStack, history: History | None = None) -> Labels:
    """Labels of the rows of ``stack``: of all texts; where rows are words, of those that are left, in their order.

    They say which rows are copies of each other, and which the fine-tunings of ``history`` have seen.
    """
    labels = known_labels(table, column, history)
    rows = stack.matrices[0].text_index
    return labels if stack.pooling != "words" or rows is None else labels.taken(rows)


def known_labels(table: TextTable, column: str, history: History | None = None) -> Labels:
    """Labels of all rows of a text set, with their copies and with what ``history`` has seen of them."""
    from backend.textsets.classes import encode_labels

    labels, digests = encode_labels(table, column), TableDigests(table)
    return replace(labels, copies=row_copies(digests), seen=seen_rows(digests, history or History()))
