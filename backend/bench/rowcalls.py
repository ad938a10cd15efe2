"""What a workbench does with rows of a text set: search, filter, keep a selection for a link or under a name."""

import re
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from backend.bench.textcalls import TextCalls
from backend.values.selections import NamedRows, rows_of
from backend.values.specs import TextSetSpec
from backend.values.texts import TextSetInfo, row_runs

_DIGEST = re.compile(r"[0-9a-f]{40}")


class RowCalls(TextCalls):
    """The calls about selections of rows."""

    def search_texts(
        self, which: TextSetSpec | TextSetInfo | str, query: str, *, expression: bool = False
    ) -> npt.NDArray[np.int64]:
        """Numbers (from 0) of the rows that hold every word of ``query``, or match it as a regular ``expression``.

        Raises InvalidRequest for an expression that cannot be read.
        """
        from backend.textsets.searching import search_rows

        return search_rows(self.text_set(which), query, expression=expression)

    def filter_texts(
        self,
        which: TextSetSpec | TextSetInfo | str,
        column: str,
        *,
        values: Collection[str | None] | None = None,
        low: float | None = None,
        high: float | None = None,
    ) -> npt.NDArray[np.int64]:
        """Numbers (from 0) of the rows with one of ``values`` in ``column`` (None: a missing cell), or a number from ``low`` to ``high``.

        Raises InvalidRequest for a column that is not there, and for a range of a column that holds no numbers.
        """
        from backend.textsets.filtering import filter_rows

        return filter_rows(self.text_set(which), column, values=values, low=low, high=high)

    def keep_rows(self, rows: Sequence[int]) -> str:
        """Keep numbers of rows (from 0, ascending) under their digest, which is returned; the oldest of many go first.

        Raises InvalidRequest for more than are kept.
        """
        return self._executor.keep_selection([end for run in row_runs(rows) for end in run])

    def kept_rows(self, digest: str) -> tuple[int, ...] | None:
        """The numbers of ``keep_rows``; None where they are not kept here, or no longer."""
        runs = self._executor.selection(digest) if _DIGEST.fullmatch(digest) else None
        if runs is None:
            return None
        return rows_of(runs)

    def save_rows(self, texts: TextSetInfo, name: str, rows: Sequence[int], *, story: str = "") -> NamedRows:
        """Save rows (from 0) of a text set under a name, until they or the text set are deleted; ``story`` says how they were found.

        Raises InvalidRequest for a name that other rows have, for no rows, for rows that are not there, and for too many.
        """
        return self._executor.save_rows(texts.spec.table, name, _runs(rows), story)

    def saved_rows(self, texts: TextSetInfo) -> list[NamedRows]:
        """The selections that were saved of a text set, by name."""
        return self._executor.named_rows(texts.spec.table)

    def rename_rows(self, texts: TextSetInfo, name: str, new: str) -> NamedRows:
        """Call a saved selection ``new``; raises InvalidRequest where the name is taken."""
        return self._executor.rename_rows(texts.spec.table, name, new)

    def forget_rows(self, texts: TextSetInfo, name: str) -> None:
        """Delete a saved selection; raises InvalidRequest where there is none of the name."""
        self._executor.forget_rows(texts.spec.table, name)


def _runs(rows: Sequence[int]) -> list[int]:
    return [end for run in row_runs(sorted(set(rows))) for end in run]
