"""CoNLL-U and CoNLL-U-Lex: sentences of words with their columns, checked line by line.

Sources: the format's description at universaldependencies.org/format.html; CONLLULEX of STREUSLE (Schneider 2018),
which has nine columns more.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NoReturn

from backend.errors import TextSetError
from backend.textsets.decoding import iter_lines
from backend.textsets.limits import Limits
from backend.textsets.tables import shortened
from backend.values.numbers import plural
from backend.values.texts import Cell

N_COLUMNS = {"conllu": 10, "conllulex": 19}
_NAMES = {"conllu": "CoNLL-U", "conllulex": "CoNLL-U-Lex"}
_FORM, _LEMMA, _UPOS, _HEAD, _DEPREL, _MISC = 1, 2, 3, 6, 7, 9
_SMWE, _LEXCAT, _ROLE, _FUNCTION = 10, 11, 13, 14
_WORD = re.compile(r"[1-9][0-9]{0,6}")
_RANGE = re.compile(r"([1-9][0-9]{0,6})-([1-9][0-9]{0,6})")
_EMPTY_NODE = re.compile(r"(?:0|[1-9][0-9]{0,6})\.[1-9][0-9]{0,6}")
_COMMENT = re.compile(r"#\s*(text|sent_id)\s*=\s*(.*)")
_TABS = 'Columns are separated by one tab each, and a column without a value holds "_".'
_TREE = "Correct the column HEAD: every word leads, from head to head, to the one word whose head is 0."


@dataclass(frozen=True, slots=True)
class Word:
    """One word: its line in the file (from 1), its columns, its head's number (0 for the root, None if not given)."""

    line: int
    cells: tuple[str, ...]
    head: int | None

    @property
    def form(self) -> str:
        """The word as it is written."""
        return self.cells[_FORM]

    @property
    def lemma(self) -> Cell:
        """Its lemma; a lemma "_" of the word "_" is one."""
        return self.form if self.cells[_LEMMA] == self.form else _value(self.cells[_LEMMA])

    @property
    def upos(self) -> Cell:
        """Its universal part of speech."""
        return _value(self.cells[_UPOS])

    @property
    def deprel(self) -> Cell:
        """Its dependency relation to its head."""
        return _value(self.cells[_DEPREL])

    @property
    def lexcat(self) -> Cell:
        """Lexical category of the strong expression that begins here (CoNLL-U-Lex)."""
        return _value(self.cells[_LEXCAT])

    @property
    def role(self) -> Cell:
        """First supersense of the strong expression that begins here: of a preposition, its scene role."""
        return _value(self.cells[_ROLE])

    @property
    def function(self) -> Cell:
        """Second supersense: of a preposition, its function."""
        return _value(self.cells[_FUNCTION])

    @property
    def in_expression(self) -> bool:
        """Whether it belongs to a strong expression of several words."""
        return _value(self.cells[_SMWE]) is not None


@dataclass(frozen=True, slots=True)
class Surface:
    """A piece of the text as it is written: a word, or a multiword token such as "can't", which is several.

    ``first`` and ``last`` number its words from 0; ``spaced`` says whether a space follows.
    """

    form: str
    first: int
    last: int
    spaced: bool


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: the line of its first word, its id and text where comments give them, its words."""

    line: int
    identity: str | None
    text: str | None
    words: tuple[Word, ...]
    surfaces: tuple[Surface, ...]
    n_empty_nodes: int


def read_sentences(text: str, format_name: str, limits: Limits) -> Iterator[Sentence]:
    """The sentences of a CoNLL-U ("conllu") or CoNLL-U-Lex ("conllulex") file, in order.

    Comments, multiword tokens (``3-4``) and empty nodes (``8.1``) are taken for what they are. Heads may be missing
    ("_"); one that is there must be a word of the sentence and lead to the root. Raises TextSetError with the line for
    another number of columns, for words that are not numbered 1, 2, 3, and for a head that is wrong or in a circle.
    """
    lines: list[tuple[int, str]] = []
    n_blank = 0
    for number, line in enumerate(iter_lines(text), start=1):
        if line.strip():
            lines.append((number, line))
            continue
        n_blank += 1
        limits.check_blank(n_blank)
        yield from _sentence(lines, format_name)
        lines = []
    yield from _sentence(lines, format_name)


def looks_like(text: str) -> str | None:
    """The format of a text whose first line that is no comment could be a word's, else None."""
    for line in iter_lines(text):
        if not line.strip() or line.startswith("#"):
            continue
        cells = line.split("\t")
        for format_name, n_columns in N_COLUMNS.items():
            fits = len(cells) == n_columns and re.fullmatch(r"1(-[0-9]+)?", cells[0])
            if fits and re.fullmatch(r"[A-Z]+|_", cells[_UPOS]) and re.fullmatch(r"[0-9]+|_", cells[_HEAD]):
                return format_name
        return None
    return None


def _sentence(lines: list[tuple[int, str]], format_name: str) -> Iterator[Sentence]:
    """The sentence of these lines; none where they hold comments only."""
    said: dict[str, str] = {}
    words: list[Word] = []
    ranges: list[tuple[int, int, int, tuple[str, ...]]] = []  # line, first and last word (from 1), columns
    n_empty_nodes = 0
    for number, line in lines:
        if line.startswith("#"):
            comment = _COMMENT.fullmatch(line.rstrip())
            if comment and not words and not ranges:
                said.setdefault(comment[1], comment[2])
            continue
        cells = _cells(number, line, format_name)
        if _EMPTY_NODE.fullmatch(cells[0]):
            n_empty_nodes += 1
        elif _RANGE.fullmatch(cells[0]):
            first, last = _range(number, cells[0], len(words), ranges)
            ranges.append((number, first, last, cells))
        else:
            words.append(_word(number, cells, len(words)))
    if ranges and ranges[-1][2] > len(words):
        number, first, last, _ = ranges[-1]
        raise TextSetError(
            f"Line {number:,}: the multiword token {first}-{last} ends after the sentence's last word, {len(words)}.",
            "Correct its ID, or restore the words that are missing.",
        )
    if not words:
        if lines and n_empty_nodes:
            raise TextSetError(f"Line {lines[0][0]:,}: the sentence has no words, only empty nodes.", "Remove it.")
        return
    _check_heads(words)
    surfaces = tuple(_surfaces(words, ranges))
    yield Sentence(words[0].line, said.get("sent_id"), said.get("text"), tuple(words), surfaces, n_empty_nodes)


def _cells(number: int, line: str, format_name: str) -> tuple[str, ...]:
    cells = tuple(line.split("\t"))
    wanted = N_COLUMNS[format_name]
    if len(cells) == wanted:
        return cells
    other = next((name for name, count in N_COLUMNS.items() if count == len(cells)), None)
    hint = _TABS
    if other is not None:
        hint = f"{_NAMES[other]} has {len(cells)}: choose the format {other}."
    elif len(cells) == 1 and len(line.split()) > 2:
        hint = "The line has no tab; are its columns separated by spaces? " + _TABS
    raise TextSetError(
        f"Line {number:,} has {plural(len(cells), 'column')}, not the {wanted} of {_NAMES[format_name]}.",
        hint,
    )


def _word(number: int, cells: tuple[str, ...], n_words: int) -> Word:
    if not _WORD.fullmatch(cells[0]):
        _refuse(
            number,
            f"the ID '{shortened(cells[0], 20)}' is not valid",
            "It is a number (3), a multiword token (3-4) or an empty node (8.1).",
        )
    if int(cells[0]) != n_words + 1:
        begins = cells[0] == "1"
        _refuse(
            number,
            f"the word is number {cells[0]} where {n_words + 1} should follow",
            "Put an empty line between two sentences."
            if begins
            else "Words are numbered 1, 2, 3 and so on: restore the missing line, or its order.",
        )
    if not cells[_FORM]:
        _refuse(number, "the column FORM is empty", "Write the word there.")
    head = _value(cells[_HEAD])
    if head is not None and not re.fullmatch(r"0|[1-9][0-9]{0,6}", head):
        _refuse(number, f"the HEAD '{shortened(head, 20)}' is not the number of a word", _TREE)
    return Word(number, cells, None if head is None else int(head))


def _range(
    number: int, identity: str, n_words: int, ranges: list[tuple[int, int, int, tuple[str, ...]]]
) -> tuple[int, int]:
    first, last = (int(part) for part in identity.split("-"))
    if first >= last or first != n_words + 1 or (ranges and first <= ranges[-1][2]):
        _refuse(
            number,
            f"the multiword token {identity} does not stand before its first word",
            f"Here it would begin with {n_words + 1}, and end with a higher number; two may not overlap.",
        )
    return first, last


def _check_heads(words: list[Word]) -> None:
    """Every head is a word of the sentence, and following heads comes to the root (or to a head not given)."""
    for word in words:
        if word.head is not None and word.head > len(words):
            _refuse(word.line, f"the head is word {word.head}, but the sentence has {len(words)} words", _TREE)
    safe = {0}
    for start in range(1, len(words) + 1):
        path: dict[int, None] = {}  # in order
        at: int | None = start
        while at is not None and at not in safe:
            if at in path:
                order = list(path)
                circle = [*order[order.index(at) :], at]
                shown = " -> ".join(map(str, circle[:10])) + (" ..." if len(circle) > 10 else "")
                _refuse(words[at - 1].line, f"the heads go in a circle, {shown}, and never reach the root", _TREE)
            path[at] = None
            at = words[at - 1].head
        safe.update(path)


def _surfaces(words: list[Word], ranges: list[tuple[int, int, int, tuple[str, ...]]]) -> Iterator[Surface]:
    starts = {first: (last, cells) for _, first, last, cells in ranges if _value(cells[_FORM]) is not None}
    at = 1
    while at <= len(words):
        last, cells = starts.get(at, (at, words[at - 1].cells))
        yield Surface(cells[_FORM], at - 1, last - 1, "SpaceAfter=No" not in cells[_MISC].split("|"))
        at = last + 1


def _value(cell: str) -> Cell:
    return None if cell in ("_", "") else cell


def _refuse(number: int, what: str, hint: str) -> NoReturn:
    raise TextSetError(f"Line {number:,}: {what}.", hint)
