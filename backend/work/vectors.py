"""Doing a VectorsTask: vectors that somebody brings along, looked at, then saved with the texts that they belong to."""

import time

import numpy as np

from backend.errors import InvalidRequest
from backend.forms.codec import read_json, to_json
from backend.forms.fingerprint import content_digest, fingerprint
from backend.store import Store
from backend.store.processes import exclusive
from backend.textsets.limits import Limits
from backend.values.activations import Report
from backend.values.specs import TextSetSpec
from backend.values.tasks import ResolveTask
from backend.values.texts import TextTable
from backend.values.vectors import FORMATS, VectorsInfo, VectorsPreview, VectorsTask, rows_misfit, set_name
from backend.vectors.limits import VectorLimits
from backend.vectors.matrices import Matrices
from backend.vectors.reading import preview_vectors, read_own_texts, read_vectors
from backend.work.checks import check_digest, check_text, check_texts, one_of, within
from backend.work.given import Ints, copies
from backend.work.kinds import About, Hands
from backend.work.reading import uploaded
from backend.work.vectorlist import check_vector_name, vector_sets


def read_upload(hands: Hands, task: VectorsTask, report: Report) -> VectorsPreview | VectorsInfo:
    """Read uploaded bytes as vectors: a preview, or what is saved of them."""
    content, limits = uploaded(hands.store, task.blob), VectorLimits.of(hands.settings)
    if content is None:
        raise InvalidRequest("The uploaded file is no longer available.", "Upload it again.")
    matrices = read_vectors(content, task.file_name, limits, take=task.take, format_name=task.format)
    text_limits = Limits(limits.max_bytes, hands.settings.max_rows, hands.settings.max_text_chars)
    if task.texts is not None:
        _check_rows(matrices, task.texts)
    if not task.save:
        return preview_vectors(content, task.file_name, matrices, text_limits, report)
    if task.texts is not None:
        table = hands.library.table(task.texts)
    elif matrices.format == "parquet":
        table = read_own_texts(content, task.file_name, set_name(task.name), task.columns, text_limits)
    else:
        raise InvalidRequest("It is not said which texts these vectors belong to.", "Choose their text set.")
    return save_vectors(hands, task.name, task.texts, "", matrices, table, report, file_name=task.file_name)


def _check_rows(matrices: Matrices, texts: TextSetSpec) -> None:
    misfit = rows_misfit(matrices.n_rows, texts)
    if misfit is not None:
        raise InvalidRequest(*misfit)


def save_vectors(
    hands: Hands,
    name: str,
    given: TextSetSpec | None,
    origin: str,
    matrices: Matrices,
    table: TextTable,
    report: Report,
    notices: tuple[str, ...] = (),
    *,
    file_name: str = "",
) -> VectorsInfo:
    """Keep vectors and, where they are ``given`` no text set, the texts that they bring; one process at a time, so that a name is given once.

    ``origin`` says of what was made here what it is of.
    """
    digests, alike = _looked_at(matrices, copies(table), report)
    with exclusive(hands.store.folder / "vectors.lock"):
        texts = given or hands.library.save(table).spec
        commit = _commit(matrices, texts, digests)
        known = _kept_as(hands.store, commit)
        if known is not None and known.name != name and not hands.store.owners.seen("vectors", commit):
            commit = content_digest(
                commit.encode(), name.encode()
            )  # others have them under a name that is theirs to know
            known = _kept_as(hands.store, commit)
        if known is not None and known.name == name:
            hands.store.owners.add("vectors", commit, new=False)
            return known
        _check_free(hands.store, name, known)
        info = VectorsInfo(
            name,
            commit,
            texts,
            matrices.n_dims,
            matrices.layer_names,
            matrices.dtype,
            4 * len(digests) * matrices.n_rows * matrices.n_dims,
            file_name,
            (*matrices.notices, *notices),
            time.time(),
            alike,
            origin,
        )
        hands.store.owners.add("vectors", commit, new=True)
        _write(hands.store, info, matrices, report)
    for dtype in (
        "auto",
        "float32",
        "bfloat16",
        "float16",
    ):  # the name may have stood for others until they were deleted
        hands.store.delete_record(f"task/{fingerprint(ResolveTask(info.model_name, dtype))}")
    return info


def _kept_as(store: Store, commit: str) -> VectorsInfo | None:
    """The vectors with this digest, whoever may see them."""
    found: VectorsInfo | None = read_json(VectorsInfo, store.vectors_info(commit))
    return found


def _looked_at(matrices: Matrices, first: Ints, report: Report) -> tuple[list[str], bool]:
    """The digest of each layer, and whether each row equals the ``first`` with its text."""
    n_layers, digests, alike = len(matrices.layer_names), [], True
    others = np.flatnonzero(first != np.arange(len(first)))
    for layer in range(n_layers):
        report(layer, 2 * n_layers, "Looking at the numbers")
        rows = matrices.load(layer)
        digests.append(content_digest(rows.tobytes()))
        alike = alike and np.array_equal(rows[others], rows[first[others]])
    return digests, alike


def _commit(matrices: Matrices, texts: TextSetSpec, digests: list[str]) -> str:
    """The identity of vectors: their numbers, what the layers are called, and the texts that they belong to."""
    names = [name.encode() for name in matrices.layer_names]
    return content_digest(
        b"vectors", texts.digest.encode(), matrices.dtype.encode(), *names, *(digest.encode() for digest in digests)
    )


def _check_free(store: Store, name: str, known: VectorsInfo | None) -> None:
    if known is not None:
        raise InvalidRequest(
            f"These very vectors are here already, as '{known.name}'.",
            f"Use {known.model_name}, or delete it first to give them another name.",
        )
    if any(info.name == name for info in vector_sets(store)):
        raise InvalidRequest(f"There are other vectors called '{name}'.", "Choose another name, or delete those first.")


def _write(store: Store, info: VectorsInfo, matrices: Matrices, report: Report) -> None:
    n_layers, rows = len(info.layer_names), np.arange(matrices.n_rows)
    shape = (n_layers * matrices.n_rows, matrices.n_dims)
    writer = store.create_vectors(info.commit, shape, to_json(info, {}))
    try:
        for layer in range(n_layers):
            report(n_layers + layer, 2 * n_layers, "Saving the vectors")
            writer.write(layer * matrices.n_rows + rows, matrices.load(layer))
        writer.commit()
    finally:
        writer.abandon()


# What the table of tasks says of them


def vectors_title(task: VectorsTask) -> str:
    """What the job is called."""
    return f"{'save' if task.save else 'read'} the vectors of {task.file_name}"


def check_vectors(task: VectorsTask) -> None:
    """Raise InvalidRequest for an upload, a name or a form of it that no file can have."""
    check_digest("'blob'", task.blob)
    check_text("a file", task.file_name)
    if task.save:
        check_vector_name(task.name)
    if task.format is not None:
        one_of("format", task.format, FORMATS)
    if task.texts is not None:
        check_texts(task.texts)
    within("the number of layers", len(task.take), 0, 100_000)


def about_vectors(task: VectorsTask) -> About:
    """The text set whose rows the vectors are."""
    return About(() if task.texts is None else ((task.texts, None),))
