"""Tables as cells and results as JSON; and where numbers came from, line by line."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd

from backend import Result, SeriesInfo
from pages._kit.show.findings import notes_of, source_lines


def origin(results: Sequence[Result], series: SeriesInfo | None = None) -> list[str]:
    """Where numbers came from, line by line, for a file: models (or their ``series``) and texts, notes, seeds, commits."""
    sources = source_lines(results, series)
    seeds = ", ".join(str(seed) for seed in dict.fromkeys(result.seed for result in results))
    commits = [f"{source.model} is commit {source.commit}" for result in results for source in result.sources]
    return list(dict.fromkeys([*sources, *notes_of(results), *([f"Seed {seeds}"] if seeds else []), *commits]))


def with_part(table: pd.DataFrame, results: Sequence[Result]) -> pd.DataFrame:
    """``table`` with a column that says which part of a text set its numbers are of; as it is for whole ones."""
    part = "; ".join(dict.fromkeys(s.sample for result in results for s in result.sources if s.sample))
    name = "texts" if "texts" not in table else "texts (part)"  # a column of the text set may be called so
    return table.assign(**{name: part}) if part else table


def cells_of(table: pd.DataFrame) -> tuple[list[str], list[tuple[object, ...]]]:
    """The names of the columns and the rows of a table, None where a number is undefined."""
    cells = table.astype(object).where(table.notna(), None)
    return list(map(str, table.columns)), list(cells.itertuples(index=False, name=None))


def json_text(documents: Sequence[dict[str, Any]]) -> str:
    """One result as an object, several as a list."""
    whole = documents[0] if len(documents) == 1 else list(documents)
    return json.dumps(whole, indent=1, ensure_ascii=False, allow_nan=False)
