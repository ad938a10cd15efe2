"""The built-in text sets, written for this project."""

from functools import lru_cache
from pathlib import Path

from backend.errors import TextSetError
from backend.texts import Cell, TextTable

BUILTIN: dict[str, str] = {
    "sentiment": "reviews, positive or negative",
    "topics": "headlines on four topics",
    "general": "plain sentences without labels",
}


@lru_cache
def builtin_table(name: str) -> TextTable:
    """The built-in text set called ``name``; raises TextSetError for any other name."""
    if name not in BUILTIN:
        raise TextSetError(f"There is no built-in text set '{name}'.", f"Choose one of: {', '.join(BUILTIN)}.")
    lines = (Path(__file__).parent / "data" / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
    header, *rows = [line.split("\t") for line in lines]
    columns: dict[str, tuple[Cell, ...]] = {
        column: tuple(row[i] for row in rows) for i, column in enumerate(header) if column != "text"
    }
    label = "label" if "label" in columns else None
    split = "split" if "split" in columns else None
    return TextTable(name, tuple(row[0] for row in rows), columns=columns, label=label, split=split)
