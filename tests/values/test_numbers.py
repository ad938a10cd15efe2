"""How numbers are written, by their unit."""

import ast
import math
import re
from pathlib import Path

import pytest

import backend


@pytest.mark.parametrize(
    ("value", "unit", "written"),
    [
        (0.70914, "share", "70.9 %"),
        (0.5, "accuracy", "50.0 %"),
        (1.0, "share", "100.0 %"),
        (12_000, "count", "12,000"),
        (1045, "dimension", "1045"),
        (0.41249, "correlation", "0.412"),
        (-0.5, "number", "−0.500"),
        (1234.5678, "distance", "1,234.568"),
        (0.0, "number", "0.000"),
        (0.000123, "number", "1.23e-04"),
        (-2e-9, "distance", "−2.00e-09"),
        (math.nan, "share", "–"),
        (None, "count", "–"),
        (math.inf, "number", "–"),
    ],
)
def test_each_unit_has_one_form(value: float | None, unit: str, written: str) -> None:
    assert backend.number_text(value, unit).replace("\N{NO-BREAK SPACE}", " ") == written


def test_differences_of_accuracies_are_points() -> None:
    found = [
        backend.points_text(0.021, 0.008),
        backend.points_text(-0.1),
        backend.points_text(0.0),
        backend.points_text(math.nan),
    ]
    assert [one.replace("\N{NO-BREAK SPACE}", " ") for one in found] == [
        "+2.1 ± 0.8 points",
        "−10.0 points",
        "±0.0 points",
        "–",
    ]


def test_a_chance_has_three_decimals_or_is_below_a_thousandth() -> None:
    assert [backend.chance_text(p) for p in (0.0, 0.00099, 0.001, 0.0456, 1.0)] == [
        "< 0.001", "< 0.001", "0.001", "0.046", "1.000",
    ]  # fmt: skip


def test_hovers_have_as_many_decimals_as_words() -> None:
    assert [backend.hover_form(unit) for unit in ("share", "accuracy", "count", "number", "distance")] == [
        ".1%", ".1%", ",.0f", ".3f", ".3f",
    ]  # fmt: skip


COUNTS = re.compile(
    r"(^|\.)n_(rows|texts|points|tokens|test|train|compared|others|bad|zero|distinct|duplicates)$|^len\(.*row_index\)$"
)


def test_counts_of_rows_in_sentences_have_commas() -> None:
    root = Path(backend.__file__).parents[1]
    found = []
    for path in (*root.glob("backend/**/*.py"), *root.glob("pages/**/*.py")):
        for line in ast.walk(ast.parse(path.read_text("utf-8"))):
            parts = line.values if isinstance(line, ast.JoinedStr) else []
            if " " in "".join(part.value for part in parts if isinstance(part, ast.Constant)):
                bare = [one for one in parts if isinstance(one, ast.FormattedValue) and one.format_spec is None]
                found += [f"{path}:{one.lineno}" for one in bare if COUNTS.search(ast.unparse(one.value))]
    assert not found, "written with {…:,}, as number_text writes counts"
