"""How numbers are written for people: one form for each unit, in captions, tables, hovers, files for reading and on the command line.

Shares and accuracies have one decimal and a percent sign, their differences points; counts have commas; numbers of dimensions stand as
they are; everything else (correlations, distances, losses, scores) has three decimals, or three digits where those would be zeros.
"""

import math
from collections.abc import Mapping

NO_NUMBER = "–"
_NARROW = "\N{NO-BREAK SPACE}"  # no table parts a number from its unit
_DIGITS = {"count": 0, "dimension": 0, "accuracy": 1, "share": 1}
_LEAST = 0.001  # below, three decimals say nothing
HOVERS: Mapping[str, str] = {"accuracy": ".1%", "share": ".1%", "count": ",.0f", "dimension": ".0f", "small": ".3g"}


def number_text(value: float | None, unit: str = "number", *, signed: bool = False, extra: int = 0) -> str:
    """One number in the form of its ``unit`` ("91.3 %", "0.412", "12,000"), a dash where there is none.

    ``unit`` is "share", "accuracy", "count", "dimension" (an index), or any other word for a number with three decimals. ``signed``
    is of a difference: of shares it is in percentage points ("+2.1 pt"). ``extra`` digits more than the unit has. Unbreakable.
    """
    if value is None or not math.isfinite(value):
        return NO_NUMBER
    digits, share = _DIGITS.get(unit, 3) + extra, unit in ("share", "accuracy")
    rounded = round(100 * value if share else value, digits)
    sign = ("+" if rounded > 0 else "−" if rounded < 0 else "±") if signed else ("−" if rounded < 0 else "")
    if unit not in _DIGITS and not signed and not extra and 0 < abs(value) < _LEAST:
        return f"{'−' if value < 0 else ''}{abs(value):.2e}"
    written = f"{abs(rounded):.{digits}f}" if unit == "dimension" else f"{abs(rounded):,.{digits}f}"
    behind = "" if not share else f"{_NARROW}pt" if signed else f"{_NARROW}%"
    return f"{sign}{written}{behind}"


def points_text(difference: float, error: float | None = None) -> str:
    """A difference of two accuracies in words, "+2.1 points", with half its 95 % interval "+2.1 ± 0.8 points"."""
    value = number_text(difference, "share", signed=True).partition(_NARROW)[0]
    around = "" if error is None else f" ± {100 * error:.1f}"
    return NO_NUMBER if value == NO_NUMBER else f"{value}{around} points"


def chance_text(p: float) -> str:
    """A probability such as McNemar's p, with three decimals; below a thousandth only that it is."""
    return "< 0.001" if p < _LEAST else number_text(p)


def hover_form(unit: str = "number") -> str:
    """The form of a unit for the hovers of charts (a format of d3); "small" is of numbers that may be far below a thousandth."""
    return HOVERS.get(unit, ".3f")


def plural(count: int, noun: str) -> str:
    """A count with its noun: "1 row", "2,000 rows"."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")
