"""The built-in text sets, written for this project."""

from functools import lru_cache
from pathlib import Path

from backend.errors import TextSetError
from backend.values.texts import Cell, TextTable

BUILTIN: dict[str, str] = {
    "sentiment": "440 short reviews of films, meals, gadgets and more, positive or negative, with a validation split",
    "topics": "440 invented headlines on world, sport, business and science, with a validation split",
    "general": "328 everyday statements, questions and requests in many registers, without labels",
}

_FOLDER = Path(__file__).parent / "data"


@lru_cache
def builtin_table(name: str) -> TextTable:
    """The built-in text set called ``name``; raises TextSetError for any other name.

    The files hold one row a line, cells parted by tabs, without quoting: a quotation mark is part of the text.
    """
    if name not in BUILTIN:
        raise TextSetError(f"There is no built-in text set '{name}'.", f"Choose one of: {', '.join(BUILTIN)}.")
    lines = (_FOLDER / f"{name}.tsv").read_text(encoding="utf-8").removesuffix("\n").split("\n")
    header, *rows = [line.split("\t") for line in lines]
    texts, *others = zip(*rows, strict=True)
    columns: dict[str, tuple[Cell, ...]] = dict(zip(header[1:], others, strict=True))
    return TextTable(
        name,
        texts,
        columns=columns,
        label="label" if "label" in columns else None,
        split="split" if "split" in columns else None,
    )
