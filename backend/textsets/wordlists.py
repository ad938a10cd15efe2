"""JSON lines with a sentence each as a list of words, and a list of labels, one for each word."""

import json
from typing import Any, NoReturn

from backend.errors import TextSetError
from backend.textsets.alignment import place, write_out
from backend.textsets.decoding import Decoded, first_line, iter_lines
from backend.textsets.jsonl import check_values, parsed
from backend.textsets.limits import Limits
from backend.textsets.tables import numbered, shortened, without_surrogates
from backend.textsets.tidying import tidy_labels
from backend.textsets.wordsets import Rows, WordSet
from backend.values.numbers import plural
from backend.values.reading import ReadOptions, TextColumns
from backend.values.texts import Cell

WORDS, LABELS = "words", "labels"
_EXAMPLE = 'Each line is an object such as {"words": ["A", "dog"], "labels": ["DET", "NOUN"]}.'


def holds_word_lists(text: str, columns: TextColumns) -> bool:
    """Whether the first line of JSON lines has a list under "words", and no other column is asked for."""
    if columns.text not in (None, WORDS):
        return False
    first = first_line(text)
    check_values(first, "The first line")
    try:
        value = json.loads(first)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and isinstance(value.get(WORDS), list)


def read_word_lists(decoded: Decoded, options: ReadOptions, *, limits: Limits) -> WordSet:
    """The words of JSON lines; ``options.columns`` may name other keys than "words" and "labels", a split and metadata.

    A key "text" with the sentence as it is written is used where the words are found in it; otherwise they are joined by
    spaces. A label null or "" is missing. Lines without words are dropped and counted. Raises TextSetError with the line
    for what is no list of words, and for another number of labels than words.
    """
    columns = options.columns
    _check_options(columns)
    words_key, label_key = str(columns.text or WORDS), str(columns.label or LABELS)
    more = [str(key) for key in (columns.split, *(columns.metadata or ())) if key is not None]
    more = [key for key in dict.fromkeys(more) if key not in ("form", label_key, words_key, "sentence", "line")]
    rows = Rows(("form", label_key, "sentence", "line", *more))
    n_sentences = n_blank = n_repaired = 0
    bare: list[int] = []
    for number, line in enumerate(iter_lines(decoded.text), start=1):
        if not line.strip():
            n_blank += 1
            limits.check_blank(n_blank)
            continue
        values = dict(parsed(line, number))
        words, repaired = _words(values, words_key, number)
        n_repaired += repaired
        labels = _labels(values, label_key, words, number)
        if not words:
            bare.append(number - 1)
            continue
        n_sentences += 1
        text, spans = _placed(values.get("text"), words)
        if len(text) > limits.max_text_chars:
            _refuse(number, f"the sentence has {len(text):,} characters; the limit is {limits.max_text_chars:,}")
        others = tuple(_scalar(values.get(key), key, number) for key in more)
        for word, label, span in zip(words, labels, spans, strict=True):
            rows.add(text, span, (word, label, str(n_sentences), str(number), *others))
        rows.check(limits)
    if not rows.texts:
        raise TextSetError("No line holds a word.", _EXAMPLE)
    notices = [*decoded.notices, f"Read {plural(n_sentences, 'sentence')} as lists of words."]
    if bare:
        notices.append(f"Dropped {plural(len(bare), 'line')} without words: {numbered(bare)}.")
    if n_repaired:
        notices.append(f"{plural(n_repaired, 'word')} held half of a surrogate pair: it was replaced by U+FFFD.")
    cells = rows.by_column()
    cells[label_key], said = tidy_labels(cells[label_key], label_key)
    notices += said
    missing = sum(cell is None for cell in cells[label_key])
    if missing:
        notices.append(f"{plural(missing, 'word')} without a label.")
    split = None if columns.split is None else str(columns.split)
    return WordSet(
        "words",
        decoded.encoding,
        "word",
        tuple(rows.texts),
        tuple(rows.spans),
        cells,
        label_key,
        split,
        tuple(notices),
    )


def _check_options(columns: TextColumns) -> None:
    chosen = (columns.text, columns.label, columns.split, *(columns.metadata or ()))
    if columns.pair is not None or any(isinstance(item, int) for item in chosen):
        raise TextSetError(
            "Lists of words have keys, not numbered columns, and no second text.",
            'Name the keys: of the words ("words" unless you say so), of the labels ("labels").',
        )


def _words(values: dict[str, Any], key: str, number: int) -> tuple[list[str], int]:
    if not isinstance(values.get(key), list):
        _refuse(number, f'there is no list of words under "{shortened(key, 40)}"')
    words, n_repaired = [], 0
    for place_, word in enumerate(values[key], start=1):
        if not isinstance(word, str) or not word.strip():
            _refuse(number, f"word {place_} is empty or not a text")
        word, repaired = without_surrogates(word)
        words.append(word)
        n_repaired += repaired
    return words, n_repaired


def _labels(values: dict[str, Any], key: str, words: list[str], number: int) -> list[Cell]:
    given = values.get(key)
    if not isinstance(given, list):
        _refuse(number, f'there is no list of labels under "{shortened(key, 40)}"')
    if len(given) != len(words):
        _refuse(number, f"there are {plural(len(words), 'word')} but {plural(len(given), 'label')}")
    return [_scalar(label, key, number) for label in given]


def _scalar(value: Any, key: str, number: int) -> Cell:
    if isinstance(value, list | dict):
        _refuse(number, f'a value under "{shortened(key, 40)}" is nested')
    if value is None or value == "":
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return without_surrogates(str(value))[0]


def _placed(text: Any, words: list[str]) -> tuple[str, list[tuple[int, int]]]:
    if isinstance(text, str):
        text = without_surrogates(text)[0]
        spans = place(text, words)
        if spans is not None:
            return text, spans
    return write_out(words, [True] * len(words))


def _refuse(number: int, what: str) -> NoReturn:
    raise TextSetError(f"Line {number:,}: {what}.", _EXAMPLE)
