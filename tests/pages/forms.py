"""The forms of numbers: one for each unit, whether in a hover, a caption, a file for reading or a table on the screen."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pandas as pd

from pages._kit.show.columns import unit_of
from pages._kit.show.export import cells_of
from pages._kit.show.files import MOST_TYPESET
from pages._kit.show.finding import Finding
from pages._kit.show.typeset import markdown_text

HOVERS = {".1%", ",.0f", ".0f", ".3f", "+.3f", ".3g", ",", ".6g"}  # the last of a user's own column
SAID = {"95 %", "90 %", "8 %", "100 %", "0.05", "0.01", "0.9"}  # that captions say of all results alike
_SHARE = re.compile(r"−?\d{1,3}(,\d{3})*\.\d\xa0%")
_WHOLE = re.compile(r"−?(\d+|\d{1,3}(,\d{3})+)")
_NUMBER = re.compile(r"−?\d{1,3}(,\d{3})*\.\d{3}|−?\d\.\d\de-\d\d|< 0\.001")
_WRITTEN = re.compile(r"(?<![\w.])\d[\d,]*(?:\.\d+(?:e-?\d+)?)?(?:[ \xa0]?(?:%|points|pt))?(?![\w.]*\w)")
SCREEN = [("percent", None), ("localized", 1), ("localized", None), ("%d", None), ("%.3g", None)]


def check_forms(finding: Finding) -> None:
    """Assert that all numbers of a finding, in its hovers, words and typeset table, have the form of their unit."""
    for words in _words(finding):
        wrong = [one for one in _WRITTEN.findall(words) if not _is_form(one)]
        assert not wrong, f"{finding.key}: {wrong} in {words!r}"
    for trace in finding.figure.data if finding.figure is not None else ():
        template = trace.to_plotly_json().get("hovertemplate") or ""
        assert isinstance(template, str)
        found = set(re.findall(r"%\{[^}:]+:([^}]*)\}", template))
        assert found <= HOVERS, f"{finding.key}: {found - HOVERS} in {template!r}"
        assert not re.search(r"%\{[yz]\}(?!.*</b>.*<b>)", template.partition("<b>")[2]), f"{finding.key}: {template!r}"
    table = finding.numbers()
    if len(table) <= MOST_TYPESET:
        _check_typeset(finding, table)


def _is_form(written: str) -> bool:
    if written in SAID or written.replace("\xa0", " ") in SAID:
        return True
    if written.endswith("%"):
        return bool(_SHARE.fullmatch(written))
    if written.endswith(("points", "pt")):
        return bool(re.fullmatch(r"\d{1,3}\.\d[ \xa0](points|pt)", written) or re.fullmatch(r"\d+ points", written))
    return "." not in written or bool(_NUMBER.fullmatch(written)) or bool(re.fullmatch(r"\d{1,3}\.\d", written))


def _words(finding: Finding) -> Iterator[str]:
    """What is said of this figure's numbers: its caption, and what the slider says of each place."""
    yield finding.caption
    if finding.frames is not None:
        yield from finding.frames.captions


def _check_typeset(finding: Finding, table: pd.DataFrame) -> None:
    columns, rows = cells_of(table)
    lines = markdown_text(columns, rows, unit=finding.unit).splitlines()[2:]
    forms = {"share": _SHARE, "count": _WHOLE, "dimension": _WHOLE}
    for line, row in zip(lines, rows, strict=True):
        cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for name, value, cell in zip(columns, row, cells, strict=True):
            if isinstance(value, bool) or not isinstance(value, int | float) or cell == "–":
                continue
            form = forms.get(unit_of(name, value, finding.unit), _NUMBER)
            assert form.fullmatch(cell), f"{finding.key}, {name}: {cell!r}"


def check_screen(at: Any) -> int:
    """Assert that every column of numbers in the tables on the screen has a form of the list; returns how many."""
    n = 0
    for element in at.dataframe:
        formats = json.loads(element.proto.columns or "{}")
        table = element.value
        for name in table.columns:
            if not pd.api.types.is_numeric_dtype(table[name]) or table[name].dtype.kind == "b":
                continue
            asked = formats.get(str(name), {}).get("type_config", {})
            form = (asked.get("format"), asked.get("step"))
            assert form in SCREEN, f"a table with the column {name!r}: {asked}"
            n += 1
    return n
