"""TXT: one text a line."""

import re
from collections import Counter

from backend.textsets.decoding import Decoded, iter_lines
from backend.textsets.limits import Limits
from backend.textsets.tables import RawTable
from backend.values.numbers import plural
from backend.values.texts import Cell

_TREE = re.compile(r"\(\S+ .*\)\s*")


def read_txt(decoded: Decoded, *, limits: Limits) -> RawTable:
    """Table of one column "text" with a row for each line; blank lines are dropped and counted."""
    rows: list[Cell] = []
    n_blank = 0
    for line in iter_lines(decoded.text):
        if not line.strip():
            n_blank += 1
            limits.check_blank(n_blank)
            continue
        rows.append(line)
        limits.check_rows(len(rows))
    notices = decoded.notices
    if n_blank:
        notices += (f"Dropped {plural(n_blank, 'blank line')}.",)
    n_tabs, n_lines = (
        Counter(line.count("\t") for line in rows if line is not None).most_common(1)[0] if rows else (0, 0)
    )
    if n_tabs and len(rows) > 1 and n_lines >= 0.9 * len(rows):
        lines = "Every line holds" if n_lines == len(rows) else f"{n_lines:,} of {len(rows):,} lines hold"
        notices += (f"{lines} the same number of tabs: for a table, choose the format TSV.",)
    n_returns = sum("\r" in line for line in rows if line is not None)
    if n_returns:
        notices += (f"{plural(n_returns, 'line')} with a carriage return inside, which ends no line here.",)
    if rows and all(line is not None and _TREE.fullmatch(line) for line in rows):
        notices += (
            "Each line is a tree in brackets, as the Stanford treebank of sentiment has them: numbers and brackets are"
            " part of the texts. Write its words and its label as two columns to have them apart.",
        )
    return RawTable("txt", decoded.encoding, ("text",), (tuple(rows),), len(rows), notices=notices)
