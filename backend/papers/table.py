"""The table of all rows, paper by paper in the order of the papers."""

from backend.errors import InvalidRequest
from backend.papers import gptology, matton, razzhigaev, zhou
from backend.papers.row import PaperRow

ROWS: tuple[PaperRow, ...] = (*gptology.ROWS, *matton.ROWS, *zhou.ROWS, *razzhigaev.ROWS)


def rows_of(paper: str) -> tuple[PaperRow, ...]:
    """The rows of a paper, by its short name."""
    return tuple(row for row in ROWS if row.paper == paper)


def row_called(key: str) -> PaperRow:
    """The row with this key; raises InvalidRequest that lists all."""
    for row in ROWS:
        if row.key == key:
            return row
    raise InvalidRequest(f"No paper has a row '{key}'.", f"There are: {', '.join(row.key for row in ROWS)}.")
