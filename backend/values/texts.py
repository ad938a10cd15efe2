"""Text sets as everybody sees them: the rows themselves, a preview before they are saved, a line in the list."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import groupby

from backend.errors import InvalidRequest
from backend.values.specs import TextSetSpec

Cell = str | None
_FEWEST_DIGITS = 6  # of a digest, as a name
MOST_CLASSES = 100  # of a label column that a line of the list names
MOST_NAME = 300  # characters of the name of a text set


@dataclass(frozen=True, slots=True, eq=False)
class TextTable:
    """The rows of a text set, in order.

    ``columns`` holds the label, split and metadata columns by name, every cell as text or None where it is missing;
    ``label`` and ``split`` name one of them each. ``pairs`` is the second text of each row (for tasks on pairs).
    ``notices`` are sentences about how it was read: encoding, dropped rows. ``sample`` says of a part of a text set what
    it is part of ("the first 500 of 6,920 rows of 'sst2'"), and is empty for a whole one.

    With ``unit`` "word" a row is a word of a sentence and with "word_pair" two words of one: ``texts`` holds the
    sentence of each row, and ``spans`` where in it the word is, (start, end) in characters, or both are, (start, end,
    start, end); ``spans`` is None where a row is a text.
    """

    name: str
    texts: tuple[str, ...]
    pairs: tuple[str, ...] | None = None
    columns: dict[str, tuple[Cell, ...]] = field(default_factory=dict)
    label: str | None = None
    split: str | None = None
    unit: str = "text"
    notices: tuple[str, ...] = ()
    spans: tuple[tuple[int, ...], ...] | None = None
    sample: str = ""

    def __len__(self) -> int:
        return len(self.texts)

    def class_counts(self, column: str, rows: Sequence[int] | None = None) -> dict[str, int]:
        """How many rows (of ``rows``, if given) each class of ``column`` has, the most frequent first, without those that have none."""
        cells = self.columns[column]
        found = cells if rows is None else (cells[row] for row in rows)
        return dict(Counter(cell for cell in found if cell is not None).most_common())

    @property
    def shown(self) -> tuple[str, ...]:
        """What each row is called where it is shown: its text, or its word (or both words) and the sentence."""
        if self.spans is None:
            return self.texts
        return tuple(_in_sentence(text, span) for text, span in zip(self.texts, self.spans, strict=True))


@dataclass(frozen=True, slots=True)
class Guess:
    """Something that was found out about a file: ``what`` it is, what it was taken for, and what else it could be.

    ``said`` has all of that in sentences, for people.
    """

    what: str
    took: str
    other: str = ""
    said: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class TextPreview:
    """What a file holds before it is saved: its columns, its first rows, and a guess at which column is what.

    ``guesses`` are what was found out about its form, each with the alternative; ``header`` says whether the columns
    have names of their own. ``can_keep`` are the columns that a text set can hold beside its texts.
    """

    format: str
    encoding: str
    n_rows: int
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    guess_text: str | None = None
    guess_pair: str | None = None
    guess_label: str | None = None
    guess_split: str | None = None
    notices: tuple[str, ...] = ()
    unit: str = "text"  # "word" or "word_pair": the rows are words, and no column is to be chosen
    guesses: tuple[Guess, ...] = ()
    header: bool = True
    can_keep: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class TextSetInfo:
    """One line of the list of text sets. ``classes`` are the label column's values, most frequent first."""

    spec: TextSetSpec
    builtin: bool
    has_pairs: bool
    columns: tuple[str, ...]
    label: str | None
    split: str | None
    classes: tuple[str, ...] = ()
    notices: tuple[str, ...] = ()
    created: float = 0.0

    @property
    def shown_name(self) -> str:
        """What it is called where one is chosen: a stored one with a piece of its digest, whoever else uses its name."""
        return self.spec.name if self.builtin else f"{self.spec.name} ({self.spec.table[:8]})"


@dataclass(frozen=True, slots=True)
class Cost:
    """What a run will take: texts and tokens to pass through the model, bytes on disk, seconds of that forward pass.

    What a forward pass takes is 0 when all activations are in the store already. ``metric_seconds`` are those of the
    computation after it. Both together take from ``low`` to ``high`` seconds in most cases. ``measured``: they were
    estimated from times of this instance, else it is a first guess. ``counted``: the tokens were counted, else guessed
    from the characters of the texts.
    """

    n_texts: int
    n_tokens: int
    n_truncated: int
    n_bytes: int
    seconds: float
    note: str = ""
    metric_seconds: float = 0.0
    low: float = 0.0
    high: float = 0.0
    measured: bool = True
    counted: bool = True

    @property
    def whole_seconds(self) -> float:
        """Forward pass and computation together."""
        return self.seconds + self.metric_seconds


def _in_sentence(text: str, span: tuple[int, ...]) -> str:
    words = [text[start:end] for start, end in zip(span[::2], span[1::2], strict=True)]
    return f"{' → '.join(words)} | {text}"


def sets_meant(infos: Sequence[TextSetInfo], name: str) -> list[TextSetInfo]:
    """The text sets that ``name`` may mean: a digest, or the beginning of one (six digits or more); a name."""
    meant = [info for info in infos if info.spec.table == name]
    meant = meant or [info for info in infos if name in (info.spec.name, info.shown_name)]
    if not meant and len(name) >= _FEWEST_DIGITS:
        meant = [info for info in infos if info.spec.table.startswith(name)]
    return meant


def named_set(infos: Sequence[TextSetInfo], name: str) -> TextSetInfo:
    """The one text set that ``name`` means; raises InvalidRequest where there is none.

    And where there are several, with all of them listed: what a name stands for must not depend on who saved last.
    """
    meant = sets_meant(infos, name)
    if len(meant) == 1:
        return meant[0]
    if meant:
        listed = "; ".join(f"{info.spec.table[:10]} ({told_apart(info)})" for info in meant)
        raise InvalidRequest(
            f"{len(meant)} text sets are called '{name}': {listed}.",
            f"Give the digest of the one you mean, such as {meant[0].spec.table[:10]}.",
        )
    names = ", ".join(dict.fromkeys(info.spec.name for info in infos))
    raise InvalidRequest(f"There is no text set '{name}'.", f"Choose one of these, or add yours: {names}.")


def made_of(*names: str, said: str = "") -> str:
    """What a text set made of others is called by itself: their ``names``, of long ones the beginning, and what is ``said``."""
    said = said[: MOST_NAME // 2]
    room = (MOST_NAME - len(said)) // len(names) - len(" + ")
    return " + ".join(name if len(name) <= room else f"{name[: room - 1]}…" for name in names) + said


def told_apart(info: TextSetInfo) -> str:
    """What tells a text set from others of its name: rows, label, when it was saved."""
    label = f", label '{info.label}'" if info.label else ""
    when = "built in" if info.builtin else time.strftime("saved %Y-%m-%d %H:%M:%S", time.localtime(info.created))
    return f"{info.spec.n_rows:,} rows{label}, {when}"


def row_runs(rows: Sequence[int]) -> list[tuple[int, int]]:
    """First and last of each run of neighbouring numbers, of ``rows`` in ascending order."""
    runs = ([row for _, row in run] for _, run in groupby(enumerate(rows), lambda pair: pair[1] - pair[0]))
    return [(run[0], run[-1]) for run in runs]
