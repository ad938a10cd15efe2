"""What stands in the hover of a point: its text, what else is known of it, and the token that it is, marked in its words."""

import re
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from pages._kit.charts.base import hover_text, safe, shortened

MOST_FACTS = 3
MOST_LONG = 20_000  # points with long hovers: beyond, the texts are cut shorter, since all travel to the browser
_SHORT = 70  # characters of a text then
_FACT_CHARS = 40
_AROUND = 70  # characters to each side of a token
_OPEN, _CLOSE = "\ue000", "\ue001"  # private use: they stand for the marks while lines are broken
_STRAY = re.compile(f"[{_OPEN}{_CLOSE}]")


def text_hovers(
    texts: Sequence[str], places: npt.NDArray[np.int64], columns: Mapping[str, Sequence[str | None]] | None = None
) -> list[str]:
    """The hover of each point: the text at its place, and its values in at most three ``columns``."""
    long, known = len(places) <= MOST_LONG, dict[int, str]()  # many tokens share a text
    facts = list((columns or {}).items())[:MOST_FACTS]
    said: dict[tuple[str, str | None], str] = {}  # and many texts a value

    def fact(name: str, cell: str | None) -> str:
        return said.get((name, cell)) or said.setdefault((name, cell), _fact(name, cell))

    def made(place: int) -> str:
        text = texts[place]
        words = hover_text(text) if long else safe(shortened(" ".join(text[: 4 * _SHORT].split()), _SHORT))
        return words + "".join([fact(name, cells[place]) for name, cells in facts])

    return [known.get(place) or known.setdefault(place, made(place)) for place in places.tolist()]


def token_hovers(
    texts: Sequence[str],
    places: npt.NDArray[np.int64],
    positions: npt.NDArray[np.int64],
    tokens: Sequence[str],
    spans: npt.NDArray[np.int64],
) -> list[str]:
    """The hover of each point that is a token: the words around it with the token bold, then its position.

    ``positions`` (n_points,) are -1 for a whole text; ``spans`` (n_points, 2) the token's characters, -1 where it has none, without
    rows where that is not known; ``tokens`` is empty where those are not known.
    """
    whole = text_hovers(texts, places)
    found = []
    for point, (place, position) in enumerate(zip(places.tolist(), positions.tolist(), strict=True)):
        if position < 0:
            found.append(whole[point])
            continue
        start, end = spans[point].tolist() if len(spans) else (-1, -1)
        words = _around(texts[place], start, end) if end > start >= 0 else whole[point]
        named = f": <b>{safe(tokens[point])}</b>" if len(tokens) else ""
        found.append(f"{words}<br>token {position:,}{named}")
    return found


def marked(text: str, start: int, end: int) -> str:
    """A text with the characters from ``start`` to ``end`` in brackets that no keyboard has; itself where there are none."""
    start, end = _tight(text, start, end)
    return f"{text[:start]}⟦{text[start:end]}⟧{text[end:]}" if end > start >= 0 else text


def _around(text: str, start: int, end: int) -> str:
    """The words around some characters, which are bold, in lines and made safe."""
    start, end = _tight(text, start, end)
    low, high = max(0, start - _AROUND), min(len(text), end + _AROUND)
    low = low if not low else text.find(" ", low, start) + 1 or low
    high = high if high == len(text) else max(text.rfind(" ", end, high), end) if " " in text[end:high] else high
    before, word, after = (_STRAY.sub("", part) for part in (text[low:start], text[start:end], text[end:high]))
    whole = f"{'…' * (low > 0)}{before}{_OPEN}{word}{_CLOSE}{after}{'…' * (high < len(text))}"
    return hover_text(whole, n_chars=10_000).replace(_OPEN, "<b>").replace(_CLOSE, "</b>")


def _tight(text: str, start: int, end: int) -> tuple[int, int]:
    """The same characters without space at their ends, which some tokenizers count in."""
    while start < end and text[start : start + 1].isspace():
        start += 1
    while start < end and text[end - 1 : end].isspace():
        end -= 1
    return start, end


def _fact(name: str, cell: str | None) -> str:
    if cell is None:
        return ""
    return f"<br>{safe(shortened(name, _FACT_CHARS))}: {safe(shortened(' '.join(cell.split()), _FACT_CHARS))}"
