"""Texts to tokens, and tokens to batches: what will be run, how much is cut off, and in which order."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.models.repeats import Repeats, token_digest
from backend.models.untyped import Untyped
from backend.values.specs import TokenSample

_CHUNK = 256  # texts that are tokenised at a time, so that memory does not grow with their number

Ints = npt.NDArray[np.int64]

PADDED, SAME_LENGTH, SINGLE = "padded", "same length", "single"
"""Which texts may share a batch: texts of like length, padded; texts of one length only; none."""


@dataclass(frozen=True, slots=True)
class Encoded:
    """The tokens of one text as the model gets them: ids, segment numbers, and which tokens the tokenizer added.

    ``spans`` are the characters of the text that each stands for, -1 where none (an added token, one of the second text); None
    where the tokenizer does not say.
    """

    ids: list[int]
    types: list[int] | None
    special: list[bool]
    truncated: bool
    spans: list[tuple[int, int]] | None = None


@dataclass(frozen=True, slots=True, eq=False)
class WordRows:
    """The rows of pooling "words", in the order of their sentences.

    ``table_row`` (n_rows,), ascending, names the row of the text set that each row of the matrix is. Of the rows as they
    come, ``text`` (n_rows,), ascending, is the sentence and ``place`` (n_rows,) the row of the matrix. A row has
    ``n_words`` words (1, or 2 for pairs); word number w, counted over all rows, has the tokens
    ``positions[starts[w]:starts[w + 1]]`` of its sentence. ``n_lost`` rows of the text set were left out because a token
    was cut off (the first of them is number ``first_lost``, -1 for none), ``n_bare`` because a word has no token.
    """

    table_row: Ints
    text: Ints
    place: Ints
    starts: Ints
    positions: Ints
    n_words: int
    n_lost: int = 0
    n_bare: int = 0
    first_lost: int = -1


@dataclass(frozen=True, slots=True, eq=False)
class ExtractionPlan:
    """What one extraction will run over.

    ``lengths`` (n_texts,) counts the tokens of each text, special tokens included, after truncation to ``max_length``;
    ``repeats`` says which texts have equal tokens, so that one of them is run. ``n_empty`` texts hold no token of their
    own. With pooling "tokens", ``text_index``, ``token_index`` (the position
    in the text's tokens, special ones counted), ``token_id`` (n_rows,) and ``token_spans`` (n_rows, 2) (characters of
    the text, -1 for none) describe the rows that are kept, of
    ``n_token_rows`` that there are; they are None otherwise. ``words`` are the rows of pooling "words" (see plan_words).
    """

    lengths: Ints
    repeats: Repeats
    max_length: int
    n_truncated: int
    n_empty: int
    tokens: TokenSample | None = None
    n_token_rows: int = 0
    text_index: Ints | None = None
    token_index: Ints | None = None
    token_id: Ints | None = None
    token_spans: Ints | None = None
    words: WordRows | None = None

    @property
    def n_texts(self) -> int:
        """Number of texts."""
        return len(self.lengths)

    @property
    def n_tokens(self) -> int:
        """Number of tokens that go through the model: padding is not counted, and equal texts count once."""
        return int(self.lengths[self.repeats.first].sum())

    def n_rows(self, pooling: str) -> int:
        """Number of rows that a pooling gives for each layer."""
        if pooling == "words":
            return 0 if self.words is None else len(self.words.table_row)
        return self.n_texts if pooling != "tokens" else 0 if self.text_index is None else len(self.text_index)

    @property
    def n_words(self) -> int:
        """How many vectors of the model stand side by side in a row: 2 for pairs of words, else 1."""
        return 1 if self.words is None else self.words.n_words

    def with_words(self, words: WordRows) -> "ExtractionPlan":
        """The same plan with the rows of pooling "words"."""
        return replace(self, words=words)


def plan_extraction(
    tokenizer: Untyped,
    texts: Sequence[str],
    pairs: Sequence[str] | None = None,
    *,
    max_length: int,
    tokens: TokenSample | None = None,
) -> ExtractionPlan:
    """Count the tokens of ``texts`` (each with its ``pairs`` text, if any), and choose the rows of pooling "tokens".

    A text longer than ``max_length`` tokens is cut at its end (of a pair, the longer text first). Padding never makes
    a row; special tokens only with ``tokens.special``; a seeded sample of ``tokens.limit`` rows is drawn without
    replacement and kept in order. Raises InvalidRequest for no texts, for pairs of another number, or for a
    ``max_length`` that leaves no room beside the special tokens.
    """
    _check_request(tokenizer, texts, pairs, max_length)
    lengths = np.zeros(len(texts), dtype=np.int64)
    n_kept = np.zeros(len(texts), dtype=np.int64)
    digests = np.zeros((len(texts), 2), dtype=np.uint64)
    n_truncated = n_empty = 0
    special = tokens is not None and tokens.special
    for start, encoded in _encode_all(tokenizer, texts, pairs, max_length):
        for row, one in enumerate(encoded, start):
            lengths[row] = len(one.ids)
            digests[row] = token_digest(one.ids, one.types)
            n_own = one.special.count(False)
            n_kept[row] = len(one.ids) if special else n_own
            n_truncated += one.truncated
            n_empty += n_own == 0
    repeats = Repeats.of(digests)
    if tokens is None:
        return ExtractionPlan(lengths, repeats, max_length, n_truncated, n_empty)
    chosen = _choose(int(n_kept.sum()), tokens)
    columns = _token_rows(tokenizer, texts, pairs, max_length, special, n_kept, chosen)
    return ExtractionPlan(lengths, repeats, max_length, n_truncated, n_empty, tokens, int(n_kept.sum()), *columns)


def encode(
    tokenizer: Untyped, texts: Sequence[str], pairs: Sequence[str] | None = None, *, max_length: int
) -> list[Encoded]:
    """Tokens of each text, as the tokenizer gives them, without padding and at most ``max_length``.

    A text for which the tokenizer gives nothing at all becomes one special token (bos, eos, cls or pad), because a
    model needs at least one.
    """
    whole = _call(tokenizer, texts, pairs, None)
    long = [row for row, one in enumerate(whole) if len(one.ids) > max_length]
    if long:
        cut = _call(
            tokenizer, [texts[row] for row in long], [pairs[row] for row in long] if pairs else None, max_length
        )
        for row, one in zip(long, cut, strict=True):
            whole[row] = one
    return whole


def batches(lengths: Ints, *, batch_tokens: int, sharing: str = PADDED, bound: int | None = None) -> Iterator[Ints]:
    """Row numbers of one batch after another: texts of like length together, the longest first.

    A batch holds at most ``batch_tokens`` tokens, padding included, but at least one text; with ``sharing`` SAME_LENGTH
    texts of one length only, so that nothing is padded (as always above ``bound`` tokens), and with SINGLE one text. The longest come first so that memory
    runs out at once or not at all.
    """
    order = np.argsort(-lengths, kind="stable")
    start = 0
    while start < len(order):
        longest = int(lengths[order[start]])
        n_texts = 1 if sharing == SINGLE else max(1, batch_tokens // max(1, longest))
        batch = order[start : start + n_texts]
        if sharing == SAME_LENGTH or (bound is not None and longest > bound):
            batch = batch[lengths[batch] == longest]
        yield batch
        start += len(batch)


def spread_out(found: Sequence[Ints]) -> list[Ints]:
    """Batches as ``batches`` gives them, in an order in which any first few of them have texts of all lengths.

    The first one, of the longest texts, stays first: memory runs out at once or not at all. The others follow as if each
    halved what is between those before it (their numbers with the bits reversed).
    """
    n_bits = max(1, (len(found) - 1).bit_length())
    order = (int(f"{number:0{n_bits}b}"[::-1], 2) for number in range(2**n_bits))
    return [found[place] for place in order if place < len(found)]


def token_names(tokenizer: Untyped, ids: Ints) -> dict[str, str]:
    """The text of each of these tokens by its number, as JSON has it."""
    return {str(number): str(tokenizer.decode([number])) for number in np.unique(ids).tolist()}


def _call(
    tokenizer: Untyped, texts: Sequence[str], pairs: Sequence[str] | None, max_length: int | None
) -> list[Encoded]:
    output = tokenizer(
        list(texts),
        list(pairs) if pairs is not None else None,
        padding=False,
        truncation=max_length is not None,
        max_length=max_length,
        return_special_tokens_mask=True,
        return_attention_mask=False,
        return_offsets_mapping=bool(getattr(tokenizer, "is_fast", False)),
    )
    types = output.get("token_type_ids")
    result = []
    for row, ids in enumerate(output["input_ids"]):
        special = [bool(value) for value in output["special_tokens_mask"][row]]
        if ids:
            spans = _spans(output, row) if "offset_mapping" in output else None
            one = Encoded(list(ids), list(types[row]) if types else None, special, max_length is not None, spans)
        else:
            one = Encoded([_stand_in(tokenizer)], [0] if types else None, [True], False)
        result.append(one)
    return result


def _spans(output: Untyped, row: int) -> list[tuple[int, int]]:
    """The characters of its text that each token stands for; (-1, -1) for tokens of no text, or of the second."""
    of_text = output.sequence_ids(row)
    return [
        (int(start), int(end)) if number == 0 and end > start else (-1, -1)
        for number, (start, end) in zip(of_text, output["offset_mapping"][row], strict=True)
    ]


def _stand_in(tokenizer: Untyped) -> int:
    names = ("bos_token_id", "eos_token_id", "cls_token_id", "pad_token_id")
    return next((value for name in names if (value := getattr(tokenizer, name, None)) is not None), 0)


def _check_request(tokenizer: Untyped, texts: Sequence[str], pairs: Sequence[str] | None, max_length: int) -> None:
    if not len(texts):
        raise InvalidRequest("There are no texts to run the model on.", "Choose a text set with at least one row.")
    if pairs is not None and len(pairs) != len(texts):
        raise InvalidRequest(
            f"There are {len(texts)} texts but {len(pairs)} second texts.", "Give a second text for every row, or none."
        )
    n_special = tokenizer.num_special_tokens_to_add(pair=pairs is not None)
    if max_length <= n_special:
        raise InvalidRequest(
            f"A limit of {max_length} tokens leaves no room for the text next to {n_special} special tokens.",
            f"Choose a limit of at least {n_special + 1}.",
        )


def _encode_all(
    tokenizer: Untyped, texts: Sequence[str], pairs: Sequence[str] | None, max_length: int
) -> Iterator[tuple[int, list[Encoded]]]:
    for start in range(0, len(texts), _CHUNK):
        part = slice(start, start + _CHUNK)
        yield start, encode(tokenizer, texts[part], pairs[part] if pairs is not None else None, max_length=max_length)


def _choose(n_rows: int, tokens: TokenSample) -> Ints:
    """Which of all token rows to keep, ascending."""
    if tokens.limit is None or tokens.limit >= n_rows:
        return np.arange(n_rows)
    if tokens.limit < 1:
        raise InvalidRequest(f"A sample of {tokens.limit} tokens is empty.", "Choose a sample of at least 1.")
    generator = np.random.default_rng(tokens.seed)
    return np.sort(generator.choice(n_rows, size=tokens.limit, replace=False, shuffle=False)).astype(np.int64)


def _token_rows(
    tokenizer: Untyped,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    max_length: int,
    special: bool,
    n_kept: Ints,
    chosen: Ints,
) -> tuple[Ints, Ints, Ints, Ints]:
    """Text number, position, token id and characters of the chosen rows."""
    text_index = np.zeros(len(chosen), dtype=np.int64)
    token_index = np.zeros(len(chosen), dtype=np.int64)
    token_id = np.zeros(len(chosen), dtype=np.int64)
    spans = np.full((len(chosen), 2), -1, dtype=np.int64)
    ends = np.cumsum(n_kept)
    for start, encoded in _encode_all(tokenizer, texts, pairs, max_length):
        for row, one in enumerate(encoded, start):
            first = int(ends[row] - n_kept[row])
            low, high = np.searchsorted(chosen, (first, ends[row]))
            kept = np.flatnonzero([special or not added for added in one.special])[chosen[low:high] - first]
            text_index[low:high] = row
            token_index[low:high] = kept
            token_id[low:high] = np.asarray(one.ids)[kept]
            if one.spans is not None:
                spans[low:high] = np.asarray(one.spans).reshape(-1, 2)[kept]
    return text_index, token_index, token_id, spans
