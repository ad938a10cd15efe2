"""Text sets of words: from the sentences of a CoNLL-U file to rows with spans, for one task."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from backend.errors import TextSetError
from backend.textsets.alignment import Span, divide, place, write_out
from backend.textsets.conllu import Sentence, Word, read_sentences
from backend.textsets.decoding import Decoded
from backend.textsets.limits import Limits
from backend.textsets.tables import listed, shortened
from backend.values.numbers import plural
from backend.values.reading import WORD_TASKS, ReadOptions
from backend.values.texts import Cell, TextPreview, TextTable

_LABELS = {"upos": "upos", "deprel": "deprel", "supersense role": "role", "supersense function": "function"}
_SHOWN_CHARS = 500  # of one cell in a preview


@dataclass(frozen=True, slots=True, eq=False)
class WordSet:
    """Words read from a file, before they are a text set of some name; one entry of every column for each row."""

    format: str
    encoding: str
    unit: str
    texts: tuple[str, ...]
    spans: tuple[tuple[int, ...], ...]
    columns: dict[str, tuple[Cell, ...]]
    label: str
    split: str | None = None
    notices: tuple[str, ...] = ()

    @property
    def n_rows(self) -> int:
        """Number of words, or of pairs of words."""
        return len(self.texts)


@dataclass(slots=True)
class Rows:
    """Rows as they come."""

    columns: tuple[str, ...]
    texts: list[str] = field(default_factory=list)
    spans: list[tuple[int, ...]] = field(default_factory=list)
    cells: list[tuple[Cell, ...]] = field(default_factory=list)
    n_chars: int = 0  # of the texts of all rows

    def add(self, text: str, span: tuple[int, ...], cells: tuple[Cell, ...]) -> None:
        """One row; ``cells`` in the order of ``columns``."""
        self.texts.append(text)
        self.spans.append(span)
        self.cells.append(cells)
        self.n_chars += len(text)

    def check(self, limits: Limits) -> None:
        """Raise TextSetError where the rows so far are over a limit."""
        limits.check_rows(len(self.texts))
        limits.check_in_sentences(self.n_chars)

    def by_column(self) -> dict[str, tuple[Cell, ...]]:
        """The cells of each column."""
        return dict(zip(self.columns, zip(*self.cells, strict=True), strict=True))


def read_conllu(decoded: Decoded, format_name: str, options: ReadOptions, *, limits: Limits) -> WordSet:
    """The words of a CoNLL-U file ("conllu") or a CoNLL-U-Lex file ("conllulex"), labelled for ``options.task``.

    "upos": every word with its part of speech. "deprel": every word with its head, as a pair, and their relation; roots
    have no head and are left out. "supersense role" and "supersense function" (CoNLL-U-Lex): the single words that have
    a preposition's supersense, possessives included. What is left out is counted in the notices. The text is the comment
    ``# text`` where the words are found in it, else the words with spaces but for SpaceAfter=No. Raises TextSetError with
    the line as `read_sentences`, for a word without a head ("deprel"), and where no row is left.
    """
    task = options.task or "upos"
    _check_options(options, task, format_name)
    pairs = task == "deprel"
    columns = ["form", "lemma", "upos", "deprel", "sentence", "line"]
    columns += ["head"] if pairs else ["lexcat", "role", "function"] if format_name == "conllulex" else []
    rows, counts = Rows(tuple(columns)), _Counts()
    for number, sentence in enumerate(read_sentences(decoded.text, format_name, limits), start=1):
        text, spans = _placed(sentence, counts)
        if len(text) > limits.max_text_chars:
            raise TextSetError(
                f"Line {sentence.line:,}: the sentence has {len(text):,} characters; the limit is"
                f" {limits.max_text_chars:,} (EMBEDSCOPE_MAX_TEXT_CHARS).",
                "Separate sentences by empty lines, or raise the setting.",
            )
        counts.count(sentence)
        for word, span in zip(sentence.words, spans, strict=True):
            if not _wanted(word, task, counts):
                continue
            cells = (word.form, word.lemma, word.upos, word.deprel, sentence.identity or str(number), str(word.line))
            if pairs:
                assert word.head is not None
                head = word.head - 1
                rows.add(text, (*span, *spans[head]), (*cells, sentence.words[head].form))
            elif format_name == "conllulex":
                rows.add(text, span, (*cells, word.lexcat, word.role, word.function))
            else:
                rows.add(text, span, cells)
        rows.check(limits)
    return _word_set(rows, decoded, format_name, options, task, counts)


def word_table(words: WordSet, name: str) -> TextTable:
    """``words`` as a text set."""
    return TextTable(
        name,
        words.texts,
        columns=words.columns,
        label=words.label,
        split=words.split,
        unit=words.unit,
        notices=words.notices,
        spans=words.spans,
    )


def preview_words(words: WordSet, n_rows: int) -> TextPreview:
    """What there is to see of ``words`` before they are saved."""
    cells = [words.texts[:n_rows], *(cells[:n_rows] for cells in words.columns.values())]
    rows = tuple(
        tuple(None if cell is None else shortened(cell, _SHOWN_CHARS) for cell in row)
        for row in zip(*cells, strict=True)
    )
    columns = ("text", *words.columns)
    return TextPreview(
        words.format,
        words.encoding,
        words.n_rows,
        columns,
        rows,
        guess_text="text",
        guess_label=words.label,
        guess_split=words.split,
        notices=words.notices,
        unit=words.unit,
    )


@dataclass(slots=True)
class _Counts:
    """What must be said about a file beside its rows."""

    sentences: int = 0
    multiword: int = 0
    empty_nodes: int = 0
    roots: int = 0
    whole: int = 0  # words that have the span of their multiword token
    expressions: int = 0  # labelled units of several words
    unclear: int = 0
    misplaced: int = 0
    first_misplaced: int = 0

    def count(self, sentence: Sentence) -> None:
        self.sentences += 1
        self.multiword += sum(surface.last > surface.first for surface in sentence.surfaces)
        self.empty_nodes += sentence.n_empty_nodes


def _check_options(options: ReadOptions, task: str, format_name: str) -> None:
    columns = options.columns
    if task not in WORD_TASKS:
        raise TextSetError(f"'{task}' is not a task.", f"The tasks are {', '.join(WORD_TASKS)}.")
    if task.startswith("supersense") and format_name != "conllulex":
        raise TextSetError(
            f"A CoNLL-U file has no supersenses for the task '{task}'.",
            "Give a CoNLL-U-Lex file (format conllulex, 19 columns), or choose the task upos or deprel.",
        )
    given = [str(item) for item in (columns.text, columns.pair, columns.split) if item is not None]
    if given or columns.label not in (None, _LABELS[task]):
        raise TextSetError(
            f'In a CoNLL-U file no column is chosen, but column "{shortened((given or [str(columns.label)])[0], 60)}" was.',
            f"The task says what the labels are: one of {', '.join(WORD_TASKS)}.",
        )


def _placed(sentence: Sentence, counts: _Counts) -> tuple[str, list[Span]]:
    """The sentence's text and the span of each of its words."""
    forms = [surface.form for surface in sentence.surfaces]
    text, found = sentence.text or "", None
    if sentence.text is not None:
        found = place(text, forms)
        if found is None:
            counts.misplaced += 1
            counts.first_misplaced = counts.first_misplaced or sentence.line
    if found is None:
        text, found = write_out(forms, [surface.spaced for surface in sentence.surfaces])
    spans: list[Span] = []
    for surface, span in zip(sentence.surfaces, found, strict=True):
        words = [word.form for word in sentence.words[surface.first : surface.last + 1]]
        divided = [span] if len(words) == 1 else divide(span, surface.form, words)
        counts.whole += 0 if divided else len(words)
        spans += divided or [span] * len(words)
    return text, spans


def _wanted(word: Word, task: str, counts: _Counts) -> bool:
    """Whether a word is a row; what is left out is counted."""
    if task == "upos":
        return True
    if task == "deprel":
        if word.head is None:
            raise TextSetError(
                f"Line {word.line:,}: the word '{shortened(word.form, 40)}' has no head.",
                "Write its head's number into the column HEAD (0 for the root), or choose the task upos.",
            )
        counts.roots += word.head == 0
        return word.head != 0
    sense = word.role if task == "supersense role" else word.function
    if sense is None or not sense.startswith("p."):
        counts.unclear += word.role is not None and not word.role.startswith(("n.", "v."))
        return False
    counts.expressions += word.in_expression
    return not word.in_expression


def _word_set(
    rows: Rows, decoded: Decoded, format_name: str, options: ReadOptions, task: str, counts: _Counts
) -> WordSet:
    if not rows.texts:
        raise TextSetError(
            f"The file has {plural(counts.sentences, 'sentence')}, and no row for the task '{task}'.",
            "Choose another task, or check that the file has the labels.",
        )
    label = _LABELS[task]
    columns = rows.by_column()
    chosen = [str(item) for item in options.columns.metadata or () if item not in columns]
    if chosen:
        raise TextSetError(f"There is no column {listed(chosen[:1])}.", f"There are: {listed(columns)}.")
    notices = (*decoded.notices, *_notices(counts, len(rows.texts), task, columns[label]))
    unit = "word_pair" if task == "deprel" else "word"
    return WordSet(
        format_name, decoded.encoding, unit, tuple(rows.texts), tuple(rows.spans), columns, label, None, notices
    )


def _notices(counts: _Counts, n_rows: int, task: str, labels: Sequence[Cell]) -> list[str]:
    said = [f"Read {plural(counts.sentences, 'sentence')} for the task {task}"]
    if counts.multiword:
        said.append(f"{plural(counts.multiword, 'multiword token')} as the words they are made of")
    if counts.empty_nodes:
        said.append(f"{plural(counts.empty_nodes, 'empty node')} left out")
    notices = ["; ".join(said) + "."]
    if counts.roots:
        notices.append(f"{plural(counts.roots, 'root')} left out: a root has no head to make a pair with.")
    if counts.expressions:
        notices.append(
            f"{counts.expressions + n_rows:,} labelled units: {n_rows:,} are single words,"
            f" {counts.expressions:,} of several words were left out."
        )
    if counts.unclear:
        notices.append(f"{plural(counts.unclear, 'unit')} marked as unclear or without a supersense (??, `$) left out.")
    if counts.whole:
        notices.append(
            f"{plural(counts.whole, 'word')} belong to a multiword token that is written differently: each is located by"
            " the whole token."
        )
    if counts.misplaced:
        notices.append(
            f"{plural(counts.misplaced, 'sentence')} did not agree with the comment '# text' (the first in line"
            f" {counts.first_misplaced:,}): the words themselves were taken as the text."
        )
    missing = sum(label is None for label in labels)
    if missing:
        notices.append(f"{plural(missing, 'row')} without a label ({_LABELS[task]}).")
    return notices
