"""A file before it is saved: read as it looks, with or without a header, and its columns chosen."""

import hashlib
from dataclasses import replace

import streamlit as st

from backend import ReadOptions, ReadTask, TextColumns, TextPreview, fingerprint
from pages._kit.flow.progress import obtain
from pages._kit.show import wording
from pages._kit.state.session import workbench
from pages.data.texts.add_source import Source, may_have_header

NONE = "(none)"
_HEADERS, _SHOWN_FORM = "_headers_found", "_form_with_header_toggle"


def previewed(source: Source, options: ReadOptions) -> tuple[ReadOptions, TextPreview | None]:
    """What the file holds, and ``options`` with what the header toggle says; None while it is read, or if it is refused.

    The toggle begins with what was found out about the file in this form, and asks for another reading where it is turned.
    """
    known: dict[tuple[str, ReadOptions], bool | None] = st.session_state.setdefault(_HEADERS, {})
    form = source.blob, options
    if form in known:
        _begin_with(form, known[form])
        has = _header_toggle(known[form])
        options = options if has == known[form] else replace(options, header=has)
        return options, _read(source, options)
    preview = _read(source, options)
    if preview is None and not _is_refused(source, options):
        return options, None
    if preview is None:
        known[form] = True if may_have_header(source, options) else None
    else:
        known[form] = preview.header if preview.format in ("csv", "tsv") else None
    _begin_with(form, known[form])
    _header_toggle(known[form])
    return options, preview


def _begin_with(form: tuple[str, ReadOptions], found: bool | None) -> None:
    """Set the toggle to what was found, once for each file and each form that it is read in."""
    if st.session_state.get(_SHOWN_FORM) != form:
        st.session_state[_SHOWN_FORM] = form
        st.session_state["add_header"] = bool(found)


def _header_toggle(found: bool | None) -> bool | None:
    if found is None:
        return None
    return st.toggle(
        "The first row holds the column names",
        key="add_header",
        persist_state="session",
        help="It begins as it was detected in the file. Without names, columns are numbered from 0.",
    )


def _task(source: Source, options: ReadOptions) -> ReadTask:
    return ReadTask(source.blob, source.file_name, "preview", options)


def _read(source: Source, options: ReadOptions) -> TextPreview | None:
    found = obtain(_task(source, options), "add_preview", what=f"Reading {source.file_name}")
    return found if isinstance(found, TextPreview) else None


def _is_refused(source: Source, options: ReadOptions) -> bool:
    status = workbench().status(fingerprint(_task(source, options)))
    return status is not None and status.state == "failed"


def choose_columns(preview: TextPreview) -> TextColumns:
    """Which column is what; the others are kept unless they are left out."""
    header = preview.header
    names = list(preview.columns)
    table = hashlib.sha256("|".join(names).encode("utf-8", "replace")).hexdigest()[:8]  # other columns, other choices
    if len(names) == 1:
        return TextColumns(text=0 if not header else names[0])
    optional = [NONE, *names]

    def pick(label: str, guess: str | None, key: str, about: str, *, needed: bool = False) -> str | int | None:
        options = names if needed else optional
        index = options.index(guess) if guess in options else 0
        chosen = st.selectbox(label, options, index=index, key=f"{key}_{table}", help=about, persist_state="session")
        return _reference(chosen, names, header)

    left, right = st.columns(2)
    with left:
        text = pick("Text column", preview.guess_text, "add_column_text", "The texts themselves.", needed=True)
        label = pick("Label", preview.guess_label, "add_column_label", "The class of each text; it colours the points.")
    with right:
        pair = pick("Second text", preview.guess_pair, "add_column_pair", "For tasks on pairs, such as a question.")
        split = pick(
            "Split", preview.guess_split, "add_column_split", "Which rows are for training, which for testing."
        )
    used = {text, label, pair, split}
    free = [name for name in preview.can_keep if _reference(name, names, header) not in used]
    left, right = st.columns(2)
    with left:
        ahead = _joined("Joined before the text", free, f"add_column_ahead_{table}")
    with right:
        joined = _joined(
            "Joined after the text", [name for name in free if name not in ahead], f"add_column_joined_{table}"
        )
    rest = [name for name in preview.can_keep if _reference(name, names, header) not in used]
    left_out = st.multiselect(
        "Columns to leave out",
        rest,
        key=f"add_column_less_{table}",
        placeholder=f"None: {wording.count(len(rest), 'other column')} {'is' if len(rest) == 1 else 'are'} kept",
        help="All other columns are kept, and can colour points, except those that a warning above names.",
        persist_state="session",
        disabled=not rest,
    )
    kept = [name for name in rest if name not in left_out]
    metadata = tuple(reference for name in kept if (reference := _reference(name, names, header)) is not None)
    after, before = (
        tuple(reference for name in some if (reference := _reference(name, names, header)) is not None)
        for some in (joined, ahead)
    )
    return TextColumns(text, pair, label, split, metadata, after, before)


def _joined(label: str, free: list[str], key: str) -> list[str]:
    """Columns whose cells go into each text beside the text column's."""
    return st.multiselect(
        label,
        free,
        key=key,
        placeholder="None",
        help="Columns whose cells stand in each text too, with a line break between them: a title before its body, say.",
        persist_state="session",
        disabled=not free,
    )


def _reference(name: str | None, names: list[str], header: bool) -> str | int | None:
    """How the reader is told which column is meant: by name, or by number where there is no header."""
    if name is None or name not in names:
        return None
    return name if header else names.index(name)
