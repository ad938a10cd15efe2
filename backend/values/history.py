"""What a model has been trained on: the rows of every fine-tuning behind it, as digests of their texts.

A run keeps them in a small file beside the weights of each saved step, so that they travel with the model: whoever
judges it later can tell which rows it has seen. A row is known again by its text, whatever set it stands in; case, the
form of a letter and the amount of white space do not count.
"""

import hashlib
import json
import unicodedata
from base64 import b64decode, b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import ModelError
from backend.values.activations import SeenRows
from backend.values.texts import TextTable

ROWS_FILE = "embedscope_rows.json"
_FORMAT = 1

Digests = npt.NDArray[np.uint64]


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """One fine-tuning: digests, ascending, of the rows that were ``seen`` in training and of those ``held`` out of it.

    ``read`` are the digests of the texts that were read with them: the sentences of words, both texts of a pair.
    ``chose`` says that the held-out rows decided at which step to stop. ``texts`` and ``table`` name the text set.
    """

    run: str
    texts: str
    table: str
    chose: bool
    seen: Digests
    held: Digests
    read: Digests


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """All fine-tunings behind a model, the first one first, and the names of those whose rows are not known."""

    trained: tuple[Trained, ...] = ()
    unknown: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.trained or self.unknown)

    def __add__(self, other: "History") -> "History":
        return History(self.trained + other.trained, tuple(dict.fromkeys(self.unknown + other.unknown)))


class TableDigests:
    """The digests of the rows of a table and of their texts, each worked out once, when it is first asked for."""

    def __init__(self, table: TextTable) -> None:
        self._table = table
        self.plain = table.pairs is None and table.spans is None  # a row is one text, and so is its digest

    @cached_property
    def rows(self) -> Digests:
        """The digest of every row (n_rows,): of its text, of its two texts in order, or of its word in its sentence."""
        table = self._table
        if table.spans is not None:
            keys = [f"{_plain(text)}\0{span}" for text, span in zip(table.texts, table.spans, strict=True)]
            return _hashed("word", keys)
        if table.pairs is not None:
            return _hashed("pair", [f"{_plain(a)}\0{_plain(b)}" for a, b in zip(table.texts, table.pairs, strict=True)])
        return self.texts[0]

    @cached_property
    def texts(self) -> list[Digests]:
        """The digests of the single texts of every row, (n_rows,) each: of its text or sentence, and of the second text."""
        parts = (self._table.texts, self._table.pairs)
        return [_hashed("text", [_plain(text) for text in part]) for part in parts if part is not None]


def trained_on(
    run: str,
    table: TextTable,
    name: tuple[str, str],
    *,
    seen: Sequence[int] | npt.NDArray[np.int64],
    held: Sequence[int] | npt.NDArray[np.int64],
    chose: bool,
) -> Trained:
    """The record of a run that learns from the rows ``seen`` of ``table`` and is judged by the rows ``held``.

    ``name`` are the name and the digest of the text set.
    """
    digests = TableDigests(table)
    seen, held = np.asarray(seen, dtype=np.int64), np.asarray(held, dtype=np.int64)
    read = [] if digests.plain else [np.unique(part[seen]) for part in digests.texts]
    return Trained(
        run,
        *name,
        chose,
        np.unique(digests.rows[seen]),
        np.unique(digests.rows[held]),
        np.unique(np.concatenate(read)) if read else np.zeros(0, dtype=np.uint64),
    )


def seen_rows(digests: TableDigests, history: History) -> SeenRows | None:
    """Which rows of a table the fine-tunings of ``history`` have seen; None where there are none."""
    if not history:
        return None
    rows = digests.rows
    seen, held, chose, near = (np.zeros(len(rows), dtype=bool) for _ in range(4))
    for one in history.trained:
        mine = np.isin(rows, one.seen)
        read = np.concatenate([one.read, one.seen])  # of single texts a row is its text
        beside = np.any([np.isin(part, read) for part in digests.texts], axis=0)
        seen |= (mine | beside) if digests.plain else mine
        near |= beside
        held_here = np.isin(rows, one.held)
        held |= held_here
        chose |= held_here & one.chose
    return SeenRows(
        runs=tuple(dict.fromkeys(one.run for one in history.trained)),
        unknown=history.unknown,
        seen=seen,
        held=held & ~seen,
        chose=chose,
        near=near & ~seen,
    )


def row_copies(digests: TableDigests) -> npt.NDArray[np.int64]:
    """A number for every row (n_rows,), the same for rows with the same text."""
    return np.unique(digests.rows, return_inverse=True)[1].astype(np.int64)


def _plain(text: str) -> str:
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _hashed(kind: str, keys: Sequence[str]) -> Digests:
    salt = kind.encode().ljust(16, b"\0")
    parts = [hashlib.blake2b(key.encode("utf-8", "surrogatepass"), digest_size=8, person=salt).digest() for key in keys]
    return np.frombuffer(b"".join(parts), dtype="<u8").astype(np.uint64)


def history_text(history: History) -> str:
    """The file of a history."""
    rows: list[dict[str, Any]] = [
        {
            "run": one.run,
            "texts": one.texts,
            "table": one.table,
            "chose": one.chose,
            **{name: _packed(getattr(one, name)) for name in ("seen", "held", "read")},
        }
        for one in history.trained
    ]
    return json.dumps({"format": _FORMAT, "trained": rows, "unknown": list(history.unknown)}, indent=1) + "\n"


def history_of(text: str, model: str) -> History:
    """The history that a file holds; raises ModelError where it is damaged or of a later format."""
    try:
        data = json.loads(text)
        if data["format"] != _FORMAT:
            raise ModelError(
                f"'{model}' records its training rows in a newer format ({str(data['format'])[:20]}).",
                "Update Embedscope.",
            )
        trained = tuple(
            Trained(
                str(row["run"]),
                str(row["texts"]),
                str(row["table"]),
                bool(row["chose"]),
                *(_unpacked(row[name]) for name in ("seen", "held", "read")),
            )
            for row in data["trained"]
        )
        return History(trained, tuple(map(str, data["unknown"])))
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ModelError(
            f"The file {ROWS_FILE} of '{model}', which records its training rows, is damaged ({type(error).__name__}).",
            "Copy the model's folder again, with all its files.",
        ) from None


def _packed(digests: Digests) -> str:
    return b64encode(np.ascontiguousarray(digests, "<u8").tobytes()).decode("ascii")


def _unpacked(text: str) -> Digests:
    return np.frombuffer(b64decode(text, validate=True), dtype="<u8").astype(np.uint64)
