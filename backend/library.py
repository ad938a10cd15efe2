"""The text sets that are there: the built-in ones and those in the store, by name or by digest."""

import time
from collections import Counter
from functools import lru_cache

from backend.codec import from_json, to_json
from backend.errors import InvalidRequest, TextSetError
from backend.fingerprint import label_spec, text_set_spec
from backend.specs import LabelSpec, TextSetSpec
from backend.store import Store
from backend.texts import MOST_CLASSES, TextSetInfo, TextTable
from backend.textsets.builtin import BUILTIN, builtin_table
from backend.textsets.codec import table_from_json, table_to_json


class Library:
    """Text sets over one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._specs: dict[str, TextSetSpec] = {}  # of the tables that this process has read, by their digest
        self._labels: dict[tuple[str, str], LabelSpec] = {}

    def infos(self) -> list[TextSetInfo]:
        """All text sets: the built-in ones first, then the stored ones, newest first."""
        stored = [from_json(TextSetInfo, self._store.record(key)) for key in self._store.record_keys("textset/")]
        return [_builtin_info(name) for name in BUILTIN] + sorted(stored, key=lambda info: -info.created)

    def info(self, name: str) -> TextSetInfo:
        """The text set of that name or table digest; raises TextSetError where there is none."""
        infos = self.infos()
        for info in infos:
            if name in (info.spec.table, info.spec.name):
                return info
        names = ", ".join(info.spec.name for info in infos)
        raise TextSetError(f"There is no text set '{name}'.", f"Choose one of these, or add yours: {names}.")

    def table(self, which: TextSetSpec | str) -> TextTable:
        """The rows of a text set; raises TextSetError where it is not (or no longer) there."""
        if isinstance(which, TextSetSpec):
            return self._table(which.table, which.name)
        return self._table(self.info(which).spec.table, which)

    def _table(self, digest: str, shown: str) -> TextTable:
        for name in BUILTIN:
            if _builtin_info(name).spec.table == digest:
                return builtin_table(name)
        text = self._store.record(f"table/{digest}")
        if text is None:
            raise TextSetError(f"The text set '{shown}' is not in the store.", "Add it again on the page Texts.")
        return table_from_json(text)

    def spec(self, which: TextSetSpec) -> TextSetSpec:
        """What the table of ``which`` hashes to, whatever else ``which`` says; raises TextSetError where it is not there."""
        for name in BUILTIN:
            if _builtin_info(name).spec.table == which.table:
                return _builtin_info(name).spec
        if which.table not in self._specs or self._store.record(f"textset/{which.table}") is None:
            self._specs[which.table] = text_set_spec(self._table(which.table, which.name))
        return self._specs[which.table]

    def label_spec(self, which: TextSetSpec, column: str) -> LabelSpec:
        """What a column of the table of ``which`` hashes to; raises InvalidRequest where it has no such column."""
        key = which.table, column
        if key not in self._labels:
            table = self._table(which.table, which.name)
            if column not in table.columns:
                raise InvalidRequest(
                    f"The text set '{table.name}' has no column '{column}'.",
                    f"Its columns: {', '.join(table.columns) or 'none'}.",
                )
            self._labels[key] = label_spec(table, column)
        return self._labels[key]

    def save(self, table: TextTable) -> TextSetInfo:
        """Keep a text set; saving the same content twice gives the same text set."""
        info = text_set_info(table, created=time.time())
        self._store.set_record(f"table/{info.spec.table}", table_to_json(table))
        self._store.set_record(f"textset/{info.spec.table}", to_json(info, {}))
        return info

    def delete(self, digest: str) -> int:
        """Forget a text set with its activations and results, unless another set has the same texts."""
        info = self.info(digest)
        if info.builtin:
            raise TextSetError(f"'{info.spec.name}' is built in and stays.", "Only text sets that you added can go.")
        self._store.delete_record(f"table/{info.spec.table}")
        self._store.delete_record(f"textset/{info.spec.table}")
        if any(other.spec.digest == info.spec.digest for other in self.infos()):
            return 0
        return self._store.delete_texts(info.spec.digest)


def text_set_info(table: TextTable, *, builtin: bool = False, created: float = 0.0) -> TextSetInfo:
    """The line that stands for ``table`` in the list."""
    classes: tuple[str, ...] = ()
    if table.label:
        cells = [cell for cell in table.columns[table.label] if cell is not None]
        counts = Counter(cells)
        classes = tuple(sorted(counts, key=lambda cell: (-counts[cell], cell))[:MOST_CLASSES])
    return TextSetInfo(
        text_set_spec(table),
        builtin,
        table.pairs is not None,
        tuple(table.columns),
        table.label,
        table.split,
        classes,
        table.notices,
        created,
    )


@lru_cache
def _builtin_info(name: str) -> TextSetInfo:
    return text_set_info(builtin_table(name), builtin=True)
