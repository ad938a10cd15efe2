"""docs/metrics.md has a heading for every row of METRICS, and under it everything a reader needs to trust a number."""

import dataclasses
import re
from pathlib import Path

import pytest

from backend.metrics import METRICS

PAGE = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
PARTS = ("Formula", "Paper", "Range", "Units", "Rows needed", "Known value", "When not to trust it")
ROWS = pytest.mark.parametrize("row", METRICS.values(), ids=list(METRICS))


def section(name):
    """The text under the heading that names the metric in backticks, up to the next heading of its level."""
    found = re.search(rf"^## [^\n]*`{re.escape(name)}`[^\n]*\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.M | re.S)
    return found.group(1) if found else None


@ROWS
def test_a_metric_has_its_heading(row):
    assert section(row.name), f"docs/metrics.md has no heading '## ... `{row.name}`'"


@ROWS
@pytest.mark.parametrize("part", PARTS)
def test_a_metric_says_what_a_reader_needs(row, part):
    found = re.search(rf"^- \*\*{part}\.\*\* (.+)", section(row.name) or "", re.M)
    assert found and len(found.group(1)) > 3, f"'{row.name}' lacks '- **{part}.** ...'"


@ROWS
def test_every_parameter_is_named(row):
    text = section(row.name) or ""
    missing = [field.name for field in dataclasses.fields(row.params) if f"`{field.name}`" not in text]
    assert missing == []


@ROWS
def test_every_alias_is_named(row):
    assert [alias for alias in row.aliases if f"`{alias}`" not in (section(row.name) or "")] == []
