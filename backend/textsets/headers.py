"""Whether the first row of a table names its columns, and what a header leaves unnamed: the names of the rows."""

import re
from collections.abc import Sequence

from backend.textsets.roles import KEYS, LABELS, PAIRS, SPLITS, TEXTS
from backend.textsets.tidying import tidy

ROW_NAME = "row name"
KNOWN = frozenset((*TEXTS, *LABELS, *SPLITS, *(name for pair in PAIRS for name in pair), *KEYS))
_SAMPLE = 2_000  # rows looked at
_LONGEST_NAME = 50  # characters
_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:[.,][0-9]+)?|[.][0-9]+)(?:[eE][+-]?[0-9]+)?")


def guess_header(rows: Sequence[Sequence[str]], named: Sequence[str]) -> tuple[bool, bool]:
    """Whether the first of ``rows`` is a header, and whether anything speaks for the answer.

    It is one where it has the columns that were ``named`` or usual names of columns, or words above numbers; it is none
    where it has a number above numbers, a class of its column, or a long text, or is alone. Where nothing speaks, it is one.
    """
    first, others = rows[0], [row for row in rows[1 : _SAMPLE + 1] if list(row) != list(rows[0])]
    names = [tidy(cell) for cell in first]
    if named and set(named) <= set(names) and not all(name.isdigit() for name in named):
        return True, True
    known = any(name.lower() in KNOWN for name in names)
    for column, name in enumerate(names):
        cells = [row[column] for row in others if column < len(row)]
        distinct = set(map(tidy, cells))
        is_class = len(cells) > 3 and len(distinct) <= len(cells) // 2
        if name and name in distinct and (is_class or not known):
            return False, True
    if not known and others and len(others) < len(rows[1 : _SAMPLE + 1]):
        return False, True  # the same row again
    if known:
        return True, True
    if len(rows) == 1 or any(len(name) > _LONGEST_NAME for name in names):
        return False, True
    if len(names) > 1 and not names[0] and all(names[1:]):
        return True, True
    votes = [_vote(name, [row[column] for row in others if column < len(row)]) for column, name in enumerate(names)]
    if any(votes):
        return max(votes) > 0, True
    sentence = len(names) == 1 and (", " in names[0] or names[0].endswith((".", "!", "?", ";")))
    if sentence or max(len(name.split()) for name in names) > 3:
        return False, False
    return True, False


def is_row_name(cells: Sequence[str | None]) -> bool:
    """Whether the cells of a column without a name are names of rows: all there, and all different."""
    return None not in cells and len(set(cells)) == len(cells)


def _vote(name: str, cells: Sequence[str]) -> int:
    """1 for a word above numbers, -1 for a number above numbers, else 0."""
    filled = [cell.strip() for cell in cells if cell.strip()]
    if len(filled) < 1 or not name or not all(_NUMBER.fullmatch(cell) for cell in filled):
        return 0
    return -1 if _NUMBER.fullmatch(name) else 1
