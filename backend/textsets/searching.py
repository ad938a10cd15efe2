"""Which rows of a text set hold what somebody looks for: every word of a query, or a regular expression."""

import re
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.values.texts import Cell, TextTable

_TERM = re.compile(r'"([^"]*)(?:"|$)|([^\s"]+)')
_MOST_CHARS = 1_000


def search_rows(table: TextTable, query: str, *, expression: bool = False) -> npt.NDArray[np.int64]:
    """Numbers (from 0, ascending) of the rows that match ``query``; an empty query matches every row.

    A row is all of its cells: text, second text, columns. It matches where each word of the query is in one of them,
    as a part of a word too; words in quotation marks stay together. With ``expression`` the query is one regular
    expression, in the syntax of RE2, whose time is linear in the length of the texts. Case does not count. Raises
    InvalidRequest for an expression that cannot be read.
    """
    if len(query) > _MOST_CHARS:
        raise InvalidRequest(
            f"The search has {len(query):,} characters; at most {_MOST_CHARS:,} are looked for.", "Shorten it."
        )
    query = _encodable(query)
    terms = ([query] if query.strip() else []) if expression else _words(query)
    found = np.ones(len(table), bool)
    if not terms:
        return np.flatnonzero(found)
    columns = [_column(cells) for cells in (table.shown, table.pairs, *table.columns.values()) if cells is not None]
    for term in terms:
        found &= np.logical_or.reduce([_matches(column, term, expression) for column in columns])
    return np.flatnonzero(found)


def _words(query: str) -> list[str]:
    return [term for phrase, word in _TERM.findall(query) if (term := phrase.strip() or word)]


def _matches(column: Any, term: str, expression: bool) -> npt.NDArray[np.bool_]:
    import pyarrow as pa
    import pyarrow.compute as pc

    look = pc.match_substring_regex if expression else pc.match_substring
    try:
        matched = look(column, term, ignore_case=True)
    except pa.ArrowInvalid as error:
        reason = str(error).removeprefix("Invalid regular expression: ")
        raise InvalidRequest(
            f"The regular expression '{term[:80]}' cannot be read: {reason}.",
            "Correct it (it may not look ahead or behind, nor refer back), or search for words.",
        ) from None
    return np.asarray(pc.fill_null(matched, False).to_numpy(zero_copy_only=False), bool)


@lru_cache(maxsize=16)  # the next search is of the same columns, and reading them takes longer than looking
def _column(cells: tuple[Cell, ...]) -> Any:
    import pyarrow as pa

    try:
        return pa.array(cells, pa.large_string())
    except UnicodeEncodeError:  # half of a surrogate pair, which no one can type
        return pa.array([None if cell is None else _encodable(cell) for cell in cells], pa.large_string())


def _encodable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
