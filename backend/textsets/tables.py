"""The table between a file and a text set: every format is read into a RawTable, every text set is made from one."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from backend.errors import TextSetError
from backend.values.texts import Cell, Guess

FORMATS = ("csv", "tsv", "jsonl", "json", "parquet", "txt", "labelled", "conllu", "conllulex", "words")
FIRST_FEW = 5
_MOST_NAME, _MOST_NAMES = (
    1_000,
    1_000_000,
)  # characters: of a column's name, and of all of them; lists and pages hold them


@dataclass(frozen=True, slots=True, eq=False)
class RawTable:
    """All cells of a file, by column.

    ``cells`` has one sequence of n_rows cells for each name in ``columns``; a missing or empty cell is None.
    ``unreadable`` says of a column that it cannot be chosen, and why (nested values, bytes). ``guesses`` are what was
    found out about the file, each with what it could be as well.
    """

    format: str
    encoding: str
    columns: tuple[str, ...]
    cells: tuple[Sequence[Cell], ...]
    n_rows: int
    unreadable: dict[str, str] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    guesses: tuple[Guess, ...] = ()
    header: bool = True  # whether columns have names of their own

    def noting(self, *notices: str) -> "RawTable":
        """The same table with further notices."""
        return replace(self, notices=(*self.notices, *notices))


def unique_names(names: Sequence[str]) -> tuple[tuple[str, ...], list[str]]:
    """Column names that all differ, with a notice for each that had to change.

    A name that was there before gets " (2)"; an empty name becomes the column's number from 0. Raises TextSetError for a name
    that is none any more, being a text, and where all names together are as long as a text set.
    """
    _check_lengths(names)
    unique: dict[str, int] = {}
    numbers: dict[str, int] = {}
    notices: list[str] = []
    taken = {name for name in names if name}
    for position, name in enumerate(names):
        chosen = name
        if not name:
            chosen = _free(str(position), taken, numbers)
            notices.append(f'Column {position} (from 0) has no name: it is called "{chosen}".')
        elif name in unique:
            chosen = _free(name, taken, numbers)
            notices.append(
                f'Two columns are called "{name}": {unique[name]} and {position} (from 0);'
                f' the later one is called "{chosen}".'
            )
        taken.add(chosen)
        unique[chosen] = position
    if len(notices) > FIRST_FEW:
        notices = [*notices[:FIRST_FEW], f"{len(notices) - FIRST_FEW:,} further columns were renamed likewise."]
    return tuple(unique), notices


def _check_lengths(names: Sequence[str]) -> None:
    for position, name in enumerate(names):
        if len(name) > _MOST_NAME:
            raise TextSetError(
                f"The name of column {position} (from 0) has {len(name):,} characters; the limit is {_MOST_NAME:,}.",
                "If the first row holds no names, say that there is no header. A quotation mark that is not closed can make"
                " one name of many rows.",
            )
    if sum(map(len, names)) > _MOST_NAMES:
        raise TextSetError(
            f"The names of the {len(names):,} columns have more than {_MOST_NAMES:,} characters in all.",
            "Shorten them, or leave out columns that are not needed.",
        )


def without_surrogates(text: str) -> tuple[str, bool]:
    """``text`` with every lone surrogate as U+FFFD (no tokenizer and no UTF-8 file can take one), and whether any."""
    if text.isascii():
        return text, False
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"), True
    return text, False


def plain_cell(value: object) -> Cell:
    """A value of a typed table as text: booleans "true" and "false"; null, NaN and "" are missing cells."""
    if value is None or value == "" or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def numbered(positions: Sequence[int]) -> str:
    """Row numbers (from 1) of positions (from 0), the first few of them: "rows 3, 7, 9 and 12 more"."""
    shown = ", ".join(f"{position + 1:,}" for position in positions[:FIRST_FEW])
    more = len(positions) - FIRST_FEW
    return f"row{'s' if len(positions) > 1 else ''} {shown}" + (f" and {more:,} more" if more > 0 else "")


def listed(names: Iterable[str]) -> str:
    """Names in quotation marks, shortened, at most 30 of them."""
    names = list(names)
    shown = ", ".join(f'"{shortened(name, 40)}"' for name in names[:30])
    return shown + (f" and {len(names) - 30:,} more" if len(names) > 30 else "")


def shortened(text: str, length: int) -> str:
    """``text``, cut to ``length`` characters where it is longer."""
    return text if len(text) <= length else text[: length - 1] + "…"


def _free(name: str, taken: set[str], numbers: dict[str, int]) -> str:
    chosen, number = name, numbers.get(name, 1)
    while chosen in taken:
        number += 1
        chosen = f"{name} ({number})"
    numbers[name] = number
    return chosen
