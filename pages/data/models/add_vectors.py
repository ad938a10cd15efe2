"""Adding a file of vectors: looked at, told which texts they belong to, then saved."""

import re
from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from backend import (
    EmbedscopeError,
    TextColumns,
    TextSetInfo,
    VectorsInfo,
    VectorsPreview,
    VectorsTask,
    fingerprint,
    rows_misfit,
)
from pages._kit.flow.progress import obtain, watch
from pages._kit.show import wording
from pages._kit.state import ask, model_field, selection
from pages._kit.state.session import plain, show_problem, workbench
from pages.data.texts.preview import choose_columns

FORMATS = ["npy", "npz", "parquet", "safetensors"]
OWN_TEXTS = "The file's own texts"
_BLOBS, _SAVING, _SAVED = "_uploaded_vectors", "_saving_vectors", "_saved_vectors"
_N_SAVED = "_number_of_saved_vectors"
_MIB = 2**20


def just_saved(infos: Sequence[VectorsInfo]) -> VectorsInfo | None:
    """What was saved last in this session, while it is there."""
    saved: VectorsInfo | None = st.session_state.get(_SAVED)
    return saved if saved in infos else None


def note_saved(info: VectorsInfo) -> None:
    """Say in the next run that these were saved."""
    st.session_state[_SAVED] = info


def file_key() -> str:
    """The key of the field for the file: another one once a file is saved, so that the field is empty again."""
    n_saved = st.session_state.get(_N_SAVED, 0)
    return f"vectors_file_{n_saved}" if n_saved else "vectors_file"


def add_form() -> None:
    """The whole way from a file to saved vectors; every choice stays when something is refused."""
    limits = workbench().settings
    upload = st.file_uploader(
        "A file of vectors",
        key=file_key(),
        type=FORMATS,
        max_upload_size=max(1, limits.max_vector_bytes // _MIB),
        help="One matrix a layer with a row for each text: .npy (rows x dimensions, or layers x rows x dimensions), .npz and "
        ".safetensors (a matrix each, or all in one), Parquet (columns of lists of numbers; its other columns may be the texts). "
        f"float16, bfloat16, float32 or float64; at most {limits.max_vector_bytes // _MIB:,} MB and {limits.max_rows:,} rows.",
    )
    if upload is None:
        return
    blobs: dict[str, str] = st.session_state.setdefault(_BLOBS, {})
    if upload.file_id not in blobs:
        blobs[upload.file_id] = workbench().upload(upload.getvalue(), vectors=True)
    task = VectorsTask(blobs[upload.file_id], upload.name, "preview")
    found = obtain(task, "vectors_preview", what=f"Reading {upload.name}")
    if isinstance(found, VectorsPreview):
        _choose_and_save(task, found)


def _choose_and_save(task: VectorsTask, found: VectorsPreview) -> None:
    take, chosen = _layers(task, found)
    if chosen is None:
        return
    found = chosen
    _say(found)
    left, right = st.columns(2)
    with left:
        texts = _texts(task, found)
    with right:
        name = st.text_input(
            "Name of the vectors",
            value=_suggested(task.file_name),
            key=f"vectors_name_{task.blob[:8]}",
            max_chars=80,
            help="Their model is then called vectors:NAME everywhere.",
        ).strip()
    columns = TextColumns(metadata=None)
    if texts is None and found.texts is not None:
        columns = choose_columns(found.texts)
    misfit = None if texts is None else rows_misfit(found.n_rows, texts.spec)
    if misfit is not None:
        show_problem(*misfit)
    if not name:
        show_problem("The vectors have no name.", "Enter a name to save them.")
    save = replace(task, name=name, texts=None if texts is None else texts.spec, columns=columns, take=take, save=True)
    if st.button(
        "Save", key="vectors_save", type="primary", icon=":material/save:", disabled=misfit is not None or not name
    ):
        _start(save)
    if st.session_state.get(_SAVING) == save:
        _save(save)
    _first_rows(found)


def _layers(task: VectorsTask, found: VectorsPreview) -> tuple[tuple[str, ...], VectorsPreview | None]:
    """Which arrays are layers, where there are several, and what the file holds then."""
    usable = [one.name for one in found.found if not one.problem]
    if len(usable) < 2:
        return (), found
    chosen = ask.multiselect(
        "Layers, in their order",
        usable,
        default=list(found.layer_names) if set(found.layer_names) <= set(usable) else usable,
        key=f"vectors_layers_{task.blob[:8]}",
        select_all=False,
        help="The arrays or columns of the file that are taken.",
    )
    if not chosen or tuple(chosen) == found.layer_names:
        return (), found
    again = obtain(replace(task, take=tuple(chosen)), "vectors_chosen", what=f"Reading {task.file_name}")
    return tuple(chosen), again if isinstance(again, VectorsPreview) else None


def _say(found: VectorsPreview) -> None:
    """What was found in the file, in a line, and what is to be known of it."""
    layers = wording.count(len(found.layer_names), "layer")
    st.caption(
        f"{plain(found.format)} · {layers} · {wording.count(found.n_rows, 'row')} · "
        f"{wording.count(found.n_dims, 'dimension')} · {plain(found.dtype)}"
    )
    for notice in found.notices:
        st.warning(plain(notice), icon=":material/info:")


def _first_rows(found: VectorsPreview) -> None:
    st.caption(f"The first rows and dimensions of {plain(found.layer_names[0])}:")
    width = len(found.first[0])
    st.dataframe(
        {str(dim): [row[dim] for row in found.first] for dim in range(width)},
        key="vectors_rows",
        height="content",
        alt="The first numbers",
    )


def _texts(task: VectorsTask, found: VectorsPreview) -> TextSetInfo | None:
    """Whose rows they are: a text set, or None for the texts in the file."""
    sets = workbench().text_sets()
    fitting = [info for info in sets if rows_misfit(found.n_rows, info.spec) is None]
    by_name = {info.shown_name: info for info in (*fitting, *(one for one in sets if one not in fitting))}
    own = found.texts is not None and found.texts.guess_text is not None
    options = [OWN_TEXTS, *by_name] if own else list(by_name)
    here = selection.current().texts
    first = options.index(here.shown_name) if here in fitting and here is not None and not own else 0
    chosen = st.selectbox(
        "Their texts",
        options,
        index=first,
        format_func=wording.set_names(sets),
        key=f"vectors_texts_{task.blob[:8]}",
        help="The text set whose rows these are, in the same order. Sets with as many rows come first.",
    )
    return by_name.get(chosen)


def _start(task: VectorsTask) -> None:
    """Begin to save, also what was saved before and deleted since; a name that cannot be is said here."""
    try:
        workbench().start(task)
        st.session_state[_SAVING] = task
    except EmbedscopeError as error:
        show_problem(error.message, error.hint)


def _save(task: VectorsTask) -> None:
    status = workbench().status(fingerprint(task))
    if status is not None and status.active:
        watch([status.id], key="vectors_saving", what=f"Saving {task.name}")
        return
    info = obtain(task, "vectors_saving", what=f"Saving {task.name}")
    if isinstance(info, VectorsInfo):
        del st.session_state[_SAVING]
        note_saved(info)
        st.session_state[_N_SAVED] = st.session_state.get(_N_SAVED, 0) + 1
        model_field.look_again()
        st.rerun()


def _suggested(file_name: str) -> str:
    stem = file_name.rpartition("/")[2].rpartition(".")[0]
    return re.sub(r"[^A-Za-z0-9._-]+", "-", stem).strip("-.")[:80] or "vectors"
