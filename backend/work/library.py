"""The text sets that are there: the built-in ones and those in the store, by digest, or by a name that only one has."""

import re
import time
from collections import Counter
from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest, TextSetError
from backend.forms.codec import read_json, to_json
from backend.forms.fingerprint import label_spec, text_set_spec
from backend.store import Store
from backend.textsets.builtin import BUILTIN, builtin_table
from backend.textsets.codec import table_from_json, table_to_json
from backend.values.people import NOBODY, asking
from backend.values.specs import LabelSpec, TextSetSpec
from backend.values.texts import MOST_CLASSES, TextSetInfo, TextTable, named_set
from backend.work.checks import check_name

_DIGEST = re.compile(r"[0-9a-f]{40}")
_ABSENT = {  # by whether it can only be because there is none
    True: "Add it again on the Texts page.",
    False: "It is not shared with you, or not here: ask its owner to share it, or add it on the Texts page.",
}


class Library:
    """Text sets over one store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._specs: dict[str, TextSetSpec] = {}  # of the tables that this process has read, by their digest
        self._labels: dict[tuple[str, str], LabelSpec] = {}
        self._lengths: dict[tuple[str, bool], npt.NDArray[np.int64]] = {}

    def infos(self) -> list[TextSetInfo]:
        """All text sets that who asks may see: the built-in ones first, then the stored ones, newest first.

        A line that a newer version wrote in a form that is not known here is left out.
        """
        stored = [self._as_owned(info) for info in self._stored() if self._seen(info.spec.table)]
        return [_builtin_info(name) for name in BUILTIN] + sorted(stored, key=lambda info: -info.created)

    def _stored(self) -> list[TextSetInfo]:
        """The stored text sets, whoever may see them."""
        found = [(digest, read_json(TextSetInfo, line)) for digest, line in self._store.text_infos()]
        return [info for digest, info in found if info is not None and info.spec.table == digest]

    def _as_owned(self, info: TextSetInfo) -> TextSetInfo:
        """``info`` with the time at which who asks saved it: when somebody else did is nobody's business."""
        owned = self._store.owners.of("texts", info.spec.table)
        when = None if owned is None else owned.when(asking())
        return info if when is None else replace(info, created=when)

    def _seen(self, digest: str) -> bool:
        return self._store.owners.seen("texts", digest)

    def info(self, name: str) -> TextSetInfo:
        """The text set of that digest or name; raises InvalidRequest where there is none, or more than one."""
        return named_set(self.infos(), name)

    def table(self, which: TextSetSpec | str) -> TextTable:
        """The rows of a text set; raises TextSetError where it is not (or no longer) there."""
        if isinstance(which, TextSetSpec):
            return self._table(which.table, which.name)
        if _DIGEST.fullmatch(which):
            return self._table(which, which[:10])
        return self._table(self.info(which).spec.table, which)

    def text_lengths(self, which: TextSetSpec, *, distinct: bool = False) -> npt.NDArray[np.int64]:
        """The characters of each text (n_rows,), or of each different one; read once in a process, as estimates ask again and again.

        Raises TextSetError where the text set is not there.
        """
        key = (which.table, distinct)
        if not self._seen(which.table) or key not in self._lengths:
            texts = self.table(which).texts
            self._lengths[key] = np.array(
                [len(text) for text in (dict.fromkeys(texts) if distinct else texts)], np.int64
            )
        return self._lengths[key]

    def _table(self, digest: str, shown: str) -> TextTable:
        known = builtin_name(digest)
        if known is not None:
            return builtin_table(known)
        place = self._store.owners.as_seen("texts", digest)
        text = self._store.get_texts(place)
        if text is None:
            if self._store.texts_are_damaged(place):
                raise _damaged(shown)
            raise TextSetError(f"The text set '{shown}' is not in the store.", _ABSENT[asking() == NOBODY])
        table = table_from_json(text)
        if digest not in self._specs:
            spec = text_set_spec(table)
            if spec.table != digest:
                self._store.spoil_texts(digest, "its rows are not those of its digest")
                raise _damaged(shown)
            self._specs[digest] = spec
        return table

    def spec(self, which: TextSetSpec) -> TextSetSpec:
        """What the table of ``which`` hashes to, whatever else ``which`` says; raises TextSetError where it is not there."""
        known = builtin_name(which.table)
        if known is not None:
            return _builtin_info(known).spec
        if (
            not self._store.has_texts(self._store.owners.as_seen("texts", which.table))
            or which.table not in self._specs
        ):
            self._table(which.table, which.name)
        return self._specs[which.table]

    def label_spec(self, which: TextSetSpec, column: str) -> LabelSpec:
        """What a column of the table of ``which`` hashes to; raises InvalidRequest where it has no such column."""
        key = which.table, column
        if not self._seen(which.table) or key not in self._labels:
            table = self._table(which.table, which.name)
            if column not in table.columns:
                raise InvalidRequest(
                    f"The text set '{table.name}' has no column '{column}'.",
                    f"Its columns: {', '.join(table.columns) or 'none'}.",
                )
            self._labels[key] = label_spec(table, column)
        return self._labels[key]

    def save(self, table: TextTable, *, upload: str = "") -> TextSetInfo:
        """Keep a text set; saving the same content twice gives the same text set.

        ``upload`` is the digest of the bytes that it was read from, where they were uploaded.

        Raises TextSetError for the name of a built-in set, which always stands for the built-in one, and InvalidRequest for
        a name that cannot be shown as it is.
        """
        check_name("a text set", table.name)
        if table.name in BUILTIN:
            raise TextSetError(f"'{table.name}' is the name of a built-in text set.", "Give this one another name.")
        info = text_set_info(table, created=time.time())
        digest, owners = info.spec.table, self._store.owners
        with owners.saving():
            new = not self._store.has_texts(digest)
            owners.add("texts", digest, new=new)  # first, so that nobody sees it in between
            if new or owners.of("texts", digest) is None or self._store.get_texts(digest) is None:
                self._store.put_texts(digest, table_to_json(table), to_json(info, {}))
            if upload:
                self._store.note_upload(digest, upload)
        return self._as_owned(info)

    def delete(self, digest: str) -> int:
        """Forget a text set with its activations and results, unless another set has the same texts, and with its upload.

        Of one that belongs to others too, only the part of who asks is given up. Raises TextSetError for a built-in set, and
        for one that is none of theirs.
        """
        info = self.info(digest)
        if info.builtin:
            raise TextSetError(
                f"'{info.spec.name}' is built in and cannot be deleted.",
                "Only text sets that you added can be deleted.",
            )
        owners = self._store.owners
        if not owners.may_remove("texts", info.spec.table):
            raise TextSetError(
                f"'{info.spec.name}' is shared with you and not yours.",
                "Only its owners can delete it, or an administrator.",
            )
        with owners.saving():
            if not owners.leave("texts", info.spec.table):
                return 0
            self._store.forget_texts(info.spec.table)
            owners.forget("texts", info.spec.table)
        for distinct in (False, True):
            self._lengths.pop((info.spec.table, distinct), None)
        builtin = any(_builtin_info(name).spec.digest == info.spec.digest for name in BUILTIN)
        if builtin or any(other.spec.digest == info.spec.digest for other in self._stored()):
            return 0
        return self._store.delete_texts(info.spec.digest)


def builtin_name(digest: str) -> str | None:
    """The name of the built-in text set whose table has this digest, or None."""
    return next((name for name in BUILTIN if _builtin_info(name).spec.table == digest), None)


def _damaged(shown: str) -> TextSetError:
    return TextSetError(
        f"The stored text set '{shown}' is damaged: the file on disk is not what was saved. It was set aside.",
        "Add it again on the Texts page: the same file gives the same text set, and results computed from it are found again.",
    )


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
