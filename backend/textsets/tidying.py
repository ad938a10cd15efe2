"""Cells that look alike made equal: labels without what nobody sees, and what was done in numbers."""

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence

from backend.textsets.tables import shortened
from backend.values.numbers import plural
from backend.values.texts import Cell

_MARK = "\ufeff"
# Of no width and no meaning in any word: zero-width space, word joiner, soft hyphen, marks of direction, signs that choose
# the look of the character before them, byte order mark.
_INVISIBLE = "\u200b\u2060\u00ad\u200e\u200f\u202a-\u202e\u2066-\u2069\u180e\ufe0e\ufe0f\ufeff"
# The joiners have a meaning within words (Persian, Indic scripts) and between emoji, and none at an end.
_GONE = re.compile(f"[{_INVISIBLE}]")
_ENDS = re.compile(r"\A[\s\u200c\u200d]+|[\s\u200c\u200d]+\Z")
_SPACES = re.compile(r"\s+")
_NUMBER = re.compile(r"[+-]?[0-9]+(?:\.0+)?")
_FEW = 3


def tidy(cell: str) -> str:
    """``cell`` without invisible characters, without white space around it, every white space in it one space, in NFC."""
    if cell.isascii() and cell.isprintable():
        return _SPACES.sub(" ", cell.strip()) if "  " in cell else cell.strip()
    joined = _ENDS.sub("", _GONE.sub("", cell))
    return unicodedata.normalize("NFC", _SPACES.sub(" ", joined))


def tidy_labels(cells: Sequence[Cell], column: str) -> tuple[tuple[Cell, ...], list[str]]:
    """Cells of a column of labels, each tidied (missing where nothing is left), and the notices that say so.

    The notices count what changed and name the classes that became one; classes that still differ in case alone, or are
    one number written in two ways, stay as they are and are named.
    """
    counts = Counter(cell for cell in cells if cell is not None)
    tidied = {cell: tidy(cell) or None for cell in counts}
    changed = [cell for cell, new in tidied.items() if cell != new and new is not None]
    notices = []
    if changed:
        n_cells = sum(counts[cell] for cell in changed)
        shown = "; ".join(f"{_seen(cell)} is {_quoted(tidied[cell] or '')}" for cell in changed[:_FEW])
        more = f" and {len(changed) - _FEW:,} more" if len(changed) > _FEW else ""
        n_before, n_after = len({cell for cell, new in tidied.items() if new}), len(set(tidied.values()) - {None})
        merged = f" {n_before:,} different values became {n_after:,}." if n_after < n_before else ""
        notices.append(
            f'Cleaned {plural(n_cells, "cell")} in column "{shortened(column, 40)}" of spaces around the value and of'
            f" characters that are not seen: {shown}{more}.{merged}"
        )
    new = tuple(None if cell is None else tidied[cell] for cell in cells)
    return new, notices + _alike({cell for cell in tidied.values() if cell is not None}, column)


def without_marks(texts: Sequence[Cell]) -> tuple[tuple[Cell, ...], int]:
    """``texts`` without byte order marks, which are no letters, and how many there were; all else stays as it is."""
    n_marks = sum(cell.count(_MARK) for cell in texts if cell is not None and not cell.isascii())
    if not n_marks:
        return tuple(texts), 0
    return tuple(cell.replace(_MARK, "") or None if cell is not None else None for cell in texts), n_marks


def _alike(classes: set[str], column: str) -> list[str]:
    if len(classes) > 1_000:
        return []
    by_case: dict[str, list[str]] = {}
    by_value: dict[int, list[str]] = {}
    for name in sorted(classes):
        by_case.setdefault(name.casefold(), []).append(name)
        if _NUMBER.fullmatch(name) and len(name) < 30:
            by_value.setdefault(int(name.partition(".")[0]), []).append(name)
    notices = []
    for groups, how in ((by_case, "differ in case alone"), (by_value, "are the same number")):
        twins = [group for group in groups.values() if len(group) > 1]
        if twins:
            shown = "; ".join(" and ".join(map(_quoted, group)) for group in twins[:_FEW])
            notices.append(f'In column "{shortened(column, 40)}" values {how} and stay different classes: {shown}.')
    return notices


def _quoted(text: str) -> str:
    return f'"{shortened(text, 30)}"'


def _seen(text: str) -> str:
    """``text`` with what is not seen in it written out: "pos<U+200B>"."""
    shown = "".join(
        char if char == " " or (char.isprintable() and not unicodedata.combining(char)) else f"<U+{ord(char):04X}>"
        for char in shortened(text, 30)
    )
    return f'"{shown}"'
