"""Rows of a text set as files: all their cells as CSV or Parquet, and their vectors."""

import io
from collections.abc import Container, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from backend import TextTable
from pages._kit.show.typeset import csv_text
from pages._kit.show.wording import row_name

MOST_VECTOR_BYTES = 200_000_000


def with_cells(
    known: Mapping[str, Any],
    table: TextTable,
    rows: Sequence[int],
    *,
    label: str | None = None,
    text: str = "text",
    more: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """All that a text set holds of some ``rows``, one entry each, behind the columns that are ``known`` and before those ``more``.

    The column of the ``label`` comes first, then the text (called ``text``), the second text and all other columns, by the names that
    they have in the text set; where one of the others has that name, " (column)" is added.
    """
    shown, later = table.shown, more or {}  # a word is shown in its sentence, marked
    cells = dict(known)
    reserved = {*known, *later, text, *([] if table.pairs is None else ["second text"])}
    first = [] if label is None or label not in table.columns else [label]
    for name in first:
        cells[_free(name, reserved)] = [table.columns[name][row] for row in rows]
    cells[text] = [shown[row] for row in rows]
    if table.pairs is not None:
        cells["second text"] = [table.pairs[row] for row in rows]
    for name, column in table.columns.items():
        if name not in first:
            cells[_free(name, {*reserved, *cells})] = [column[row] for row in rows]
    return {**cells, **later}


def _free(name: str, taken: Container[str]) -> str:
    """``name``, with " (column)" behind it until it is not ``taken``."""
    while name in taken:
        name = f"{name} (column)"
    return name


def row_cells(table: TextTable, rows: Sequence[int]) -> dict[str, Any]:
    """The cells of some rows by column, with the number of each row, from 1."""
    return with_cells({"row": [int(row) + 1 for row in rows]}, table, rows, text=row_name(table.unit))


def rows_csv(table: TextTable, rows: Sequence[int]) -> bytes:
    """Rows as CSV with a byte order mark, for spreadsheets; formulas are defused, missing cells are empty."""
    cells = row_cells(table, rows)
    return csv_text(cells, zip(*cells.values(), strict=True)).encode("utf-8-sig")


def rows_parquet(table: TextTable, rows: Sequence[int]) -> bytes:
    """Rows as Parquet, texts as they are."""
    out = io.BytesIO()
    pd.DataFrame(row_cells(table, rows)).to_parquet(out, index=False, engine="pyarrow")
    return out.getvalue()


def vectors_npz(rows: npt.NDArray[np.int64], vectors: npt.NDArray[Any]) -> bytes:
    """Vectors (n, d) with the number of each row, from 1, as a file for ``numpy.load``."""
    out = io.BytesIO()
    np.savez(out, row=rows + 1, vectors=vectors)
    return out.getvalue()


def vectors_parquet(table: TextTable, rows: npt.NDArray[np.int64], vectors: npt.NDArray[Any]) -> bytes:
    """Rows as Parquet with their vectors (n, d) as a column of lists, called "vector", which can be imported as it is."""
    import pyarrow as pa
    from pyarrow import parquet

    cells, out = row_cells(table, rows.tolist()), io.BytesIO()
    flat = pa.array(np.ascontiguousarray(vectors).ravel())
    name = "vector" if "vector" not in cells else "vector (of the model)"
    parquet.write_table(pa.table({**cells, name: pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1])}), out)
    return out.getvalue()
