"""Tables as files: CSV; and for a text Markdown and LaTeX, in which the words of users are words and no markup."""

import csv
import math
import re
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

import numpy as np

from backend import NO_NUMBER, safe_cell, visible
from pages._kit.show.columns import cell_text

_MARKDOWN = re.compile(r"([\\`*_{}\[\]<>#|~$&!@]|(?<=\w):(?=//)|(?<=www)\.)")
_LATEX = {
    **{sign: f"\\{sign}" for sign in "&%$#_{}"},
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",  # after the end of a row it would be an option of that
    "]": "{]}",
    "*": "{*}",
    "`": r"\textasciigrave{}",
}


def csv_text(columns: Iterable[str], rows: Iterable[Sequence[object]]) -> str:
    """A table as CSV; text that a spreadsheet would run as a formula is defused with a leading apostrophe."""
    out = _Lines()
    writer = csv.writer(out, lineterminator=_Lines.END)
    writer.writerow([_csv_cell(name) for name in columns])
    writer.writerows([_csv_cell(value) for value in row] for row in rows)
    return "".join(out.lines)


class _Lines:
    """What csv.writer writes to. It puts quotes around those line breaks alone that are in its own end of a line, so that end has both."""

    END = "\r\n"

    def __init__(self) -> None:
        self.lines: list[str] = []

    def write(self, line: str) -> None:
        self.lines.append(f"{line.removesuffix(self.END)}\n")


def _csv_cell(value: Any) -> Any:
    if isinstance(value, str):
        return safe_cell(value)
    if isinstance(value, float | np.floating):
        return repr(float(value)) if np.isfinite(value) else ""
    return "" if value is None else value


def markdown_text(
    columns: Sequence[str], rows: Sequence[Sequence[object]], *, title: Sequence[str] = (), unit: str = "number"
) -> str:
    """A table as a Markdown pipe table below its title; words stand as they are, with no markup of their own.

    ``unit`` is that of columns whose names do not say it.
    """
    lines = [f"**{_markdown(title[0])}**  ", *(f"{_markdown(line)}  " for line in title[1:]), ""] if title else []
    numeric = [all(_is_number(row[place]) for row in rows) for place in range(len(columns))]
    lines.append(_piped(map(_markdown, columns)))
    lines.append(_piped("--:" if number else ":--" for number in numeric))
    lines += [_piped(map(partial(_cell, words=_markdown, unit=unit), columns, row)) for row in rows]
    return "\n".join(lines) + "\n"


def latex_text(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    title: Sequence[str] = (),
    label: str = "",
    unit: str = "number",
) -> str:
    """A table as a LaTeX table of the package booktabs; words stand as they are, with no commands of their own."""
    align = "".join("r" if all(_is_number(row[place]) for row in rows) else "l" for place in range(len(columns)))
    body = [" & ".join(map(partial(_cell, words=_latex, unit=unit), columns, row)) + r" \\" for row in rows]
    sentences = " ".join(f"{_latex(line.rstrip('.'))}." for line in title)
    caption = [rf"\caption{{{sentences}}}"] if title else []
    named = [rf"\label{{tab:{label}}}"] if label else []
    return "\n".join(
        [
            r"\begin{table}",
            *caption,
            *named,
            rf"\begin{{tabular}}{{{align}}}",
            r"\toprule",
            " & ".join(map(_latex, columns)) + r" \\",
            r"\midrule",
            *body,
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _piped(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _markdown(text: str) -> str:
    return _MARKDOWN.sub(r"\\\1", visible(" ".join(text.split())))


def _latex(text: str) -> str:
    safe = "".join(_LATEX.get(sign, sign) for sign in visible(" ".join(text.split())))
    return safe.replace("--", "-{}-")  # else they become a dash


def _is_number(value: object) -> bool:
    return value is None or (isinstance(value, int | float | np.number) and not isinstance(value, bool))


def _cell(column: str, value: Any, *, words: Callable[[str], str], unit: str) -> str:
    """A cell for reading: numbers in the form of their column, a dash where there is none, words as they are."""
    if value is None or _is_number(value):
        text = cell_text(column, math.nan if value is None else value, unit)
        return _in_latex(text) if words is _latex else text
    return words(str(value))


def _in_latex(number: str) -> str:
    for sign, command in (("−", "$-$"), (NO_NUMBER, "--"), ("%", r"\%"), ("<", "$<$"), ("\N{NO-BREAK SPACE}", "~")):
        number = number.replace(sign, command)
    return number
