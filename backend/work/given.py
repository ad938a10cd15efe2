"""Imported vectors as activations: copied to where every metric looks for them, for the texts that they belong to."""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest, ModelError, TextSetError
from backend.forms.fingerprint import fingerprint
from backend.store import Store
from backend.values.activations import Report
from backend.values.models import ModelInfo
from backend.values.specs import GIVEN, ActivationSpec, TextSetSpec
from backend.values.texts import TextTable
from backend.values.vectors import VectorsInfo
from backend.work.library import Library
from backend.work.vectorlist import vectors_of

Ints = npt.NDArray[np.int64]


def copy_given(store: Store, library: Library, spec: ActivationSpec, info: ModelInfo, report: Report) -> None:
    """Bring the layers of imported vectors into the store under the address of ``spec``; nothing is run.

    Raises InvalidRequest where the texts of ``spec`` are not those of the vectors, nor a part of them, and ModelError where
    the vectors were deleted.
    """
    require_plain(spec, info)
    table = library.table(spec.texts)
    rows = rows_of(store, library, info, spec.texts)
    whole = store.open_vectors(spec.model.commit)
    if whole is None:
        raise ModelError(
            f"The vectors '{spec.model.name}' are no longer here.", "They were deleted or damaged: add them again."
        )
    n_layers = len(info.layer_names)
    n_rows = len(whole) // n_layers
    meta = {
        "texts": [spec.texts.digest],
        "model": spec.model.name,
        "vectors": spec.model.commit,
        "n_distinct": len(set(_keys(table))),
    }
    store.make_room(n_layers * len(rows) * info.n_dims * 4)
    for layer in range(n_layers):
        report(layer, n_layers, "Copying the vectors")
        digest = fingerprint(replace(spec, layer=layer, postprocess=()))
        if not store.has_array(digest):
            store.put_array(digest, whole[layer * n_rows : (layer + 1) * n_rows][rows], meta)


def require_plain(spec: ActivationSpec, info: ModelInfo) -> None:
    """Raise InvalidRequest where a request asks of vectors what takes a model, or of a model what only vectors have."""
    if not info.is_given:
        if spec.pooling == GIVEN:
            raise InvalidRequest(
                f"The pooling '{GIVEN}' is that of imported vectors, and {spec.model.name} is a model.",
                "Choose cls, last, mean or tokens.",
            )
        return
    if spec.pooling != GIVEN:
        raise InvalidRequest(
            f"{spec.model.name} are imported vectors, one for each row: there is nothing to pool by '{spec.pooling}'.",
            f"Write '{GIVEN}' as their 'pooling'.",
        )
    if spec.ablation is not None:
        raise InvalidRequest(
            f"{spec.model.name} are imported vectors: there is no network in which dimensions could be removed.",
            "Choose a model.",
        )


def rows_of(store: Store, library: Library, info: ModelInfo, texts: TextSetSpec) -> Ints:
    """Which row of imported vectors each row of ``texts`` is: (n_rows,).

    The vectors belong to one text set; any other that is made of its texts can be looked at as well. Raises
    InvalidRequest, naming both, where a text is not among those, or where one text has several vectors and it is not
    known which is meant.
    """
    if texts.digest == info.given_for:
        return np.arange(texts.n_rows)
    kept = vectors_of(store, info.spec.commit)
    bound = None if kept is None else _bound_table(library, kept)
    if kept is None or bound is None:
        raise without_texts(info)
    return placed(bound, library.table(texts), info, texts, alike=kept.alike)


def placed(bound: TextTable, table: TextTable, info: ModelInfo, texts: TextSetSpec, *, alike: bool) -> Ints:
    """The same, of the two tables: ``bound`` is that of the vectors. Copies of a text are taken in their order, or the first
    one where they are ``alike``."""
    if bound.unit != table.unit:
        raise another(info, texts)
    places, wanted = _by_text(bound), _by_text(table)
    absent = sum(len(rows) for key, rows in wanted.items() if key not in places)
    if absent:
        raise another(info, texts, absent)
    found = np.empty(len(table), dtype=np.int64)
    for key, rows in wanted.items():
        if alike:
            found[rows] = places[key][0]
            continue
        if len(places[key]) > 1 and len(rows) != len(places[key]):
            raise InvalidRequest(
                f"A text of '{texts.name}' is {len(places[key]):,} times in '{info.given_name}', each time with a vector of "
                f"its own, and {len(rows):,} times here: which of them is meant is not known.",
                f"Choose '{info.given_name}', or a part of it without repeated texts.",
            )
        found[rows] = places[key]
    return found


def copies(table: TextTable) -> Ints:
    """Of each row the first one with the same text: (n_rows,)."""
    found = np.arange(len(table))
    for rows in _by_text(table).values():
        found[rows] = rows[0]
    return found


def _by_text(table: TextTable) -> dict[Hashable, list[int]]:
    rows: dict[Hashable, list[int]] = defaultdict(list)
    for row, key in enumerate(_keys(table)):
        rows[key].append(row)
    return rows


def _keys(table: TextTable) -> list[Hashable]:
    nothing = (None,) * len(table)
    return list(zip(table.texts, table.pairs or nothing, table.spans or nothing, strict=True))


def _bound_table(library: Library, kept: VectorsInfo) -> TextTable | None:
    """The texts of the vectors, by any text set that has them; None where there is none any more."""
    try:
        return library.table(kept.texts)
    except TextSetError:
        other = next((one for one in library.infos() if one.spec.digest == kept.texts.digest), None)
        return None if other is None else library.table(other.spec)


def without_texts(info: ModelInfo) -> InvalidRequest:
    """The error for vectors whose own texts were deleted, so that nobody can say which row is which."""
    return InvalidRequest(
        f"The text set '{info.given_name}', to which the vectors '{info.spec.name}' belong, is no longer here.",
        "Add the same texts again: the vectors are kept.",
    )


def another(info: ModelInfo, texts: TextSetSpec, n_absent: int = 0) -> InvalidRequest:
    """The error for texts that vectors do not belong to; ``n_absent`` of them are not among theirs, where that was counted."""
    said = f": {n_absent:,} of its {texts.n_rows:,} texts are not among them" if n_absent else ""
    return InvalidRequest(
        f"The vectors '{info.spec.name}' belong to the texts of '{info.given_name}', not to '{texts.name}'{said}.",
        f"Choose '{info.given_name}' or a part of it, or import vectors for '{texts.name}'.",
    )
