"""Which column is what: guesses from the names of the columns, then from what is in them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from backend.textsets.tables import RawTable
from backend.values.texts import Cell

_SAMPLE = 2_000  # rows looked at
PAIRS = (
    ("sentence1", "sentence2"),
    ("question", "sentence"),
    ("premise", "hypothesis"),
    ("question1", "question2"),
    ("text1", "text2"),
    ("text_a", "text_b"),
    ("query", "passage"),
    ("question", "context"),
    ("question", "answer"),
)
TEXTS = (
    "text",
    "sentence",
    "review",
    "content",
    "document",
    "body",
    "comment",
    "tweet",
    "message",
    "headline",
    "question",
    "premise",
    "sentence1",
    "text1",
    "text_a",
    "utterance",
    "query",
    "passage",
    "description",
    "title",
    "abstract",
    "summary",
    "hypothesis",
    "prompt",
    "input",
)
LABELS = (
    "label",
    "labels",
    "class",
    "category",
    "target",
    "gold_label",
    "gold",
    "sentiment",
    "label_text",
    "topic",
    "intent",
    "emotion",
    "polarity",
    "coarse_label",
    "label-coarse",
    "coarse",
    "fine_label",
    "fine",
    "stars",
    "rating",
    "score",
    "y",
    "tag",
    "type",
)
KEYS = (  # usual names of columns that are none of these
    "id",
    "idx",
    "index",
    "guid",
    "uid",
    "row name",
    "unnamed: 0",
    "level_0",
    "__index_level_0__",
    "timestamp",
    "date",
    "lang",
    "language",
    "source",
    "author",
    "name",
)
_NUMBERS_ROWS = KEYS[: KEYS.index("timestamp")]
_DATE = re.compile(r"[0-9]{1,4}[-/.][0-9]{1,2}[-/.][0-9]{1,4}(?:[ T].{0,40})?")
SPLITS = ("split", "subset", "partition", "fold", "set")
SPLIT_VALUES = frozenset(("train", "training", "dev", "development", "val", "valid", "validation", "test", "testing"))


@dataclass(frozen=True, slots=True)
class Roles:
    """The guessed columns by name; None where nothing looks like one."""

    text: str | None = None
    pair: str | None = None
    label: str | None = None
    split: str | None = None


@dataclass(frozen=True, slots=True)
class _Profile:
    name: str
    n_filled: int
    n_distinct: int
    mean_length: float
    numeric: bool
    split_like: bool


def guess_roles(table: RawTable) -> Roles:
    """Guess text, pair, label and split: by the usual names first, then the longest texts and the fewest values."""
    profiles = [
        _profile(name, cells[:_SAMPLE])
        for name, cells in zip(table.columns, table.cells, strict=True)
        if name not in table.unreadable
    ]
    by_name = {profile.name.lower(): profile for profile in reversed(profiles) if profile.n_filled}
    text, pair = _guess_texts(profiles, by_name)
    split = _guess_split(profiles, by_name)
    label = _guess_label(profiles, by_name, taken={text, pair, split})
    return Roles(text, pair, label, split)


def _guess_texts(profiles: list[_Profile], by_name: dict[str, _Profile]) -> tuple[str | None, str | None]:
    for first, second in PAIRS:
        if first in by_name and second in by_name:
            return by_name[first].name, by_name[second].name
    for name in TEXTS:
        if name in by_name and not by_name[name].numeric:
            return by_name[name].name, None
    filled = [profile for profile in profiles if profile.n_filled]
    longest = max(filled, key=lambda profile: (not profile.numeric, profile.mean_length), default=None)
    return (longest.name if longest else None), None


def _guess_split(profiles: list[_Profile], by_name: dict[str, _Profile]) -> str | None:
    for name in SPLITS:
        if name in by_name and by_name[name].n_distinct <= 10:
            return by_name[name].name
    return next((profile.name for profile in profiles if profile.split_like), None)


def _guess_label(profiles: list[_Profile], by_name: dict[str, _Profile], *, taken: set[str | None]) -> str | None:
    for name in LABELS:
        if name in by_name and by_name[name].name not in taken and by_name[name].n_distinct <= 200:
            return by_name[name].name
    few = [
        profile
        for profile in profiles
        if profile.name not in taken
        and profile.name.lower() not in _NUMBERS_ROWS
        and 2 <= profile.n_distinct <= min(100, profile.n_filled // 2)
        and profile.mean_length <= 40
    ]
    return min(few, key=lambda profile: profile.n_distinct).name if few else None


def _profile(name: str, cells: Sequence[Cell]) -> _Profile:
    filled = [cell for cell in cells if cell is not None]
    distinct = set(filled)
    return _Profile(
        name,
        len(filled),
        len(distinct),
        sum(map(len, filled)) / max(len(filled), 1),
        bool(distinct) and all(_is_number(cell) for cell in distinct),
        bool(distinct) and {cell.strip().lower() for cell in distinct} <= SPLIT_VALUES,
    )


def _is_number(cell: str) -> bool:
    """Whether a cell is a number or a date: neither is a text."""
    if _DATE.fullmatch(cell.strip()):
        return True
    try:
        float(cell)
    except ValueError:
        return False
    return True
