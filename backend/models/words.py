"""Pooling "words": which sub-word tokens make up each word, and the mean of their vectors."""

from collections.abc import Sequence

import numpy as np
import torch

from backend.errors import InvalidRequest, ModelError
from backend.models.batching import ExtractionPlan, Ints, WordRows, plan_extraction
from backend.models.untyped import Untyped

_CHUNK = 256  # sentences that are tokenised at a time


def plan_words(
    tokenizer: Untyped, texts: Sequence[str], spans: Sequence[tuple[int, ...]], *, max_length: int
) -> tuple[list[str], ExtractionPlan]:
    """The sentences to run, each once however many words it has, and the plan of the rows that they give.

    ``texts`` (n,) is the sentence of each word or pair of words, ``spans`` (n,) its place as in TextTable. The tokens of
    a word are those whose characters, by the tokenizer's offsets, overlap its own; one token may belong to two words. A
    word that lost a token where its sentence was cut, or that has none (white space, signs that the tokenizer drops),
    gives no row; a pair needs both its words. Raises ModelError for a tokenizer without offsets, InvalidRequest where no
    row is left, and as plan_extraction.
    """
    if not getattr(tokenizer, "is_fast", False):
        raise ModelError(
            "The model's tokenizer does not say which characters a token comes from, so words cannot be found in it.",
            "Choose a model with a fast tokenizer (a file tokenizer.json), or a text set of whole texts.",
        )
    numbers: dict[str, int] = {}
    text_of_row = [numbers.setdefault(text, len(numbers)) for text in texts]
    sentences = list(numbers)
    plan = plan_extraction(tokenizer, sentences, max_length=max_length)
    by_text: list[list[int]] = [[] for _ in sentences]
    for row, number in enumerate(text_of_row):
        by_text[number].append(row)
    words = _Collected()
    for start in range(0, len(sentences), _CHUNK):
        part = sentences[start : start + _CHUNK]
        whole = _offsets(tokenizer, part, None)
        long = [place for place, every in enumerate(whole) if len(every) > max_length]
        cut = dict(zip(long, _offsets(tokenizer, [part[place] for place in long], max_length), strict=True))
        for place, every in enumerate(whole):
            words.add(start + place, by_text[start + place], spans, cut.get(place, every), every)
    if not words.rows:
        raise InvalidRequest(
            f"Of {len(texts):,} rows of words none is left: {words.n_lost:,} lie beyond the limit of {max_length} tokens, "
            f"{words.n_bare:,} have no token.",
            "Raise the token limit, or choose another model.",
        )
    return sentences, plan.with_words(words.done(len(spans[0]) // 2))


class _Collected:
    """Rows of words as they come, sentence by sentence."""

    def __init__(self) -> None:
        self.rows: list[int] = []
        self.texts: list[int] = []
        self.counts: list[int] = []
        self.positions: list[int] = []
        self.n_lost = self.n_bare = 0
        self.first_lost = -1

    def add(self, number: int, rows: list[int], spans: Sequence[tuple[int, ...]], kept: Ints, every: Ints) -> None:
        """The rows of sentence ``number``; its tokens have the offsets ``every``, and after it was cut, ``kept``."""
        of_word: dict[tuple[int, int], tuple[list[int], int]] = {}
        for row in rows:
            parts = []
            for word in zip(spans[row][::2], spans[row][1::2], strict=True):
                if word not in of_word:
                    of_word[word] = (_overlapping(kept, word), len(_overlapping(every, word)))
                parts.append(of_word[word])
            if any(n_whole == 0 for _, n_whole in parts):
                self.n_bare += 1
            elif any(len(tokens) < n_whole for tokens, n_whole in parts):
                self.n_lost += 1
                self.first_lost = row if self.first_lost < 0 else min(self.first_lost, row)
            else:
                self.rows.append(row)
                self.texts.append(number)
                for tokens, _ in parts:
                    self.counts.append(len(tokens))
                    self.positions += tokens

    def done(self, n_words: int) -> WordRows:
        """All rows, in the order of the table."""
        rows, texts, counts, positions = (
            np.array(items, dtype=np.int64) for items in (self.rows, self.texts, self.counts, self.positions)
        )
        starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        place = np.empty(len(rows), dtype=np.int64)
        place[np.argsort(rows)] = np.arange(len(rows))
        return WordRows(
            np.sort(rows), texts, place, starts, positions, n_words, self.n_lost, self.n_bare, self.first_lost
        )


def _overlapping(offsets: Ints, word: tuple[int, int]) -> list[int]:
    """Positions of the tokens that share a character with ``word``; special tokens have no characters."""
    low, high = offsets[:, 0], offsets[:, 1]
    found: list[int] = np.flatnonzero((low < word[1]) & (high > word[0]) & (low < high)).tolist()
    return found


def _offsets(tokenizer: Untyped, texts: list[str], max_length: int | None) -> list[Ints]:
    """First and last character (not included) of every token of each text (n_tokens, 2)."""
    if not texts:
        return []
    output = tokenizer(
        texts,
        padding=False,
        truncation=max_length is not None,
        max_length=max_length,
        return_offsets_mapping=True,
        return_attention_mask=False,
    )
    return [np.array(offsets, dtype=np.int64).reshape(-1, 2) for offsets in output["offset_mapping"]]


class WordBatch:
    """The rows that one batch of sentences gives: where their tokens are, and how to pool them."""

    def __init__(self, words: WordRows, texts: Ints, places: Ints, device: str) -> None:
        """``texts`` are the numbers of the sentences, ``places`` where in the batch the tokens of each are."""
        low, high = np.searchsorted(words.text, texts), np.searchsorted(words.text, texts, side="right")
        rows = np.concatenate([np.arange(first, end) for first, end in zip(low, high, strict=True)])
        in_batch = np.repeat(places, high - low)
        self.rows: Ints = words.place[rows]
        self._n_words = words.n_words
        parts = (rows[:, None] * words.n_words + np.arange(words.n_words)).ravel()
        starts, counts = words.starts[parts], np.diff(words.starts)[parts]
        sentence = np.repeat(in_batch, words.n_words)
        self._counts = torch.from_numpy(counts).to(device)
        self._steps: list[tuple[torch.Tensor, torch.Tensor, torch.Tensor]] = []
        for rank in range(
            int(counts.max(initial=0))
        ):  # the first token of every word, then the second of those that have one
            which = np.flatnonzero(counts > rank)
            at = words.positions[starts[which] + rank]
            step = (torch.from_numpy(part).to(device) for part in (which, sentence[which], at))
            self._steps.append((*step,))

    def pool(self, hidden: torch.Tensor) -> torch.Tensor:
        """Mean token vector of each word, in float32 (n_rows, n_dims); of a pair both, side by side (n_rows, 2 n_dims).

        ``hidden`` is (n_texts, n_tokens, n_dims). Sums go token by token in order, the same on every device.
        """
        total = hidden.new_zeros((len(self._counts), hidden.shape[-1]), dtype=torch.float32)
        for which, sentence, at in self._steps:
            total[which] += hidden[sentence, at].float()
        return (total / self._counts.unsqueeze(-1)).reshape(-1, self._n_words * hidden.shape[-1])
