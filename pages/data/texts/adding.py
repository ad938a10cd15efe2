"""Adding a text set: a file, pasted lines or a hub data set; read, looked at, columns chosen, then saved."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import streamlit as st

from backend import (
    HubReadTask,
    JoinTask,
    ReadOptions,
    ReadTask,
    RenameClassesTask,
    SampleTask,
    TextColumns,
    TextPreview,
    TextSetInfo,
    fingerprint,
    only_seen,
)
from pages._kit.flow.progress import obtain, watch
from pages._kit.show import wording
from pages._kit.state import ask, selection
from pages._kit.state.session import plain, show_problem, workbench
from pages._kit.state.view import set_value
from pages.data.texts.add_source import Source, given_source
from pages.data.texts.part import part_name, rows_choice
from pages.data.texts.preview import choose_columns, previewed

SHOWN = "texts_shown"  # the key of the field that says which text set the page shows
_SHOWN_NEXT = "_texts_shown_next"
_SAVED = "_saved_text_set"
_SAVING = "_saving_text_set"


def add_form() -> None:
    """The whole way from bytes to a saved text set; every choice stays when something is refused."""
    way = ask.segmented_control(
        "From", ["File", "Pasted text", "Hub data set", "Two sets joined"], default="File", key="add_way"
    )
    if way == "Hub data set":
        _hub_form()
        return
    if way == "Two sets joined":
        _join_form()
        return
    found = given_source(way == "File")
    if found is None:
        return
    source, options = found
    options, preview = previewed(source, options)
    if preview is not None:
        _columns_and_save(source, options, preview)


def add_section(*, saved: bool) -> None:
    """The form; once a text set is ``saved`` the button that opens it again."""
    if saved:
        st.button("Add another text set", key="add_another", icon=":material/add:", on_click=_again)
    else:
        add_form()


def confirmed() -> bool:
    """Whether a text set was saved last, and is still there; says so."""
    info: TextSetInfo | None = st.session_state.get(_SAVED)
    if info is None:
        return False
    text_sets = workbench().text_sets()
    if info.spec.table not in {other.spec.table for other in text_sets}:
        del st.session_state[_SAVED]
        return False
    here = selection.current().texts
    chosen = here is not None and here.spec.table == info.spec.table
    name = plain(info.spec.name)
    then = " Every page uses it now." if chosen else ""
    count = wording.count(info.spec.n_rows, wording.row_name(info.spec.unit))
    st.success(f"Saved '{name}' with {count}.{then}", icon=":material/check_circle:")
    return True


def say_notices(notices: Sequence[str]) -> None:
    """What is to be known of a text set, in one box."""
    if notices:
        lines = "".join(f"\n- {plain(notice)}" for notice in notices)
        st.info(plain(notices[0]) if len(notices) == 1 else f"What was noticed:{lines}", icon=":material/info:")


def just_saved() -> bool:
    """Whether a text set was saved in the last run."""
    return _SHOWN_NEXT in st.session_state


def show_saved(names: Mapping[str, TextSetInfo]) -> None:
    """Put the text set that was saved in the last run into the field SHOWN, before that is drawn."""
    table = st.session_state.pop(_SHOWN_NEXT, None)
    name = next((name for name, info in names.items() if info.spec.table == table), None)
    if name is not None:
        set_value(SHOWN, name)


def forget(table: str) -> None:
    """Drop what this session remembers of a text set that was deleted."""
    saved: TextSetInfo | None = st.session_state.get(_SAVED)
    if saved is not None and saved.spec.table == table:
        del st.session_state[_SAVED]


def _again() -> None:
    st.session_state.pop(_SAVED, None)
    st.session_state["add_text"] = ""  # it is kept when the page is left, and would offer the saved texts again


def _columns_and_save(source: Source, options: ReadOptions, preview: TextPreview) -> None:
    row = "row" if preview.unit == "text" else wording.row_name(preview.unit)
    st.caption(f"{wording.count(preview.n_rows, row)} · {plain(preview.format)} · {plain(preview.encoding)}")
    _show_guesses(preview)
    say_notices(preview.notices)
    st.dataframe(
        [dict(zip(preview.columns, row, strict=False)) for row in preview.rows],
        key="add_rows",
        height="content" if len(preview.rows) < 8 else 300,
    )
    columns = choose_columns(preview) if preview.unit == "text" else TextColumns()
    rows = rows_choice("add_part", preview.n_rows, label=columns.label is not None or preview.unit != "text")
    stem = _stem(source.file_name)
    part = "" if rows is None else f"{rows.by}{rows.n}"
    name = st.text_input(
        "Name of the text set",
        value=(stem if rows is None else part_name(stem, rows))[:80],
        key=f"add_name_{_short(source.blob, source.file_name)}{part}",
        max_chars=80,
        persist_state="session",
    ).strip()
    if not name:
        show_problem("The text set has no name.", "Enter a name to save it.")
        return
    if options.header is None:
        options = replace(options, header=preview.header)  # as it is shown
    task = ReadTask(source.blob, source.file_name, name, replace(options, columns=columns, rows=rows), save=True)
    save_as(task, pressed=st.button("Save", key="add_save", type="primary", icon=":material/save:"))


def _show_guesses(preview: TextPreview) -> None:
    """What was found out about the file, each with what it could be as well."""
    if not preview.guesses:
        return
    lines = "".join(f"\n- {plain(guess.said or f'{guess.what}: {guess.took}.')}" for guess in preview.guesses)
    st.markdown(f"Detected from the file (correct it above if it is wrong):{lines}")


def part_form(info: TextSetInfo, name: str) -> None:
    """Which part of a text set to keep as one of its own, and the button that does it."""
    rows = rows_choice(f"part_{info.spec.table[:8]}", info.spec.n_rows, label=info.label is not None, all_rows=False)
    assert rows is not None
    chosen = st.text_input(
        "Name of the part",
        value=part_name(name, rows)[:80],
        key=f"part_name_{info.spec.table[:8]}_{rows.by}{rows.n}",
        max_chars=80,
    ).strip()
    if not chosen:
        show_problem("The part has no name.", "Enter a name to save it.")
        return
    task = SampleTask(info.spec.table, chosen, rows)
    save_as(task, pressed=st.button("Save the part", key="part_save", icon=":material/content_cut:"))


def save_as(task: ReadTask | HubReadTask | JoinTask | RenameClassesTask | SampleTask, *, pressed: bool) -> None:
    """Start a task that makes a text set where its button was ``pressed``, and follow it until the set is the chosen one."""
    if pressed:
        workbench().start(task)  # also where it was saved before and deleted since
        st.session_state[_SAVING] = task
    if st.session_state.get(_SAVING) == task:
        _save(task)


def follow_renaming() -> None:
    """Follow a renaming whose dialog has closed, until its text set is the chosen one."""
    task = st.session_state.get(_SAVING)
    if isinstance(task, RenameClassesTask):
        _save(task)


def _save(task: ReadTask | HubReadTask | JoinTask | RenameClassesTask | SampleTask) -> None:
    status = workbench().status(fingerprint(task))
    if status is not None and status.active:
        watch([status.id], key="add_saving", what=f"Saving {task.name}")
        return
    info = obtain(task, "add_saving", what=f"Saving {task.name}")
    if isinstance(info, TextSetInfo):
        del st.session_state[_SAVING]
        st.session_state[_SAVED] = info
        selection.choose_texts_next(info.spec.table)
        st.session_state[_SHOWN_NEXT] = info.spec.table  # the field may be on the page already
        st.rerun()


def _hub_form() -> None:
    with st.form("add_hub", border=False):
        path = st.text_input("Data set", key="hub_path", placeholder="stanfordnlp/sst2", max_chars=200).strip()
        left, right = st.columns(2)
        config = left.text_input("Configuration", key="hub_config", placeholder="the default one").strip()
        split = right.text_input("Split", key="hub_split", placeholder="train").strip()
        text = left.text_input("Text column", key="hub_text", placeholder="detected").strip()
        label = right.text_input("Label column", key="hub_label", placeholder="detected").strip()
        pair = left.text_input("Second text column", key="hub_pair", placeholder="none").strip()
        name = right.text_input("Name of the text set", key="hub_name", placeholder="the data set's").strip()
        others = st.toggle(
            "Keep the other columns",
            value=True,
            key="hub_others",
            help="They can colour points. Turn it off where the data set is too large to be fetched whole.",
        )
        asked = st.form_submit_button("Fetch", type="primary", icon=":material/download:")
    if asked:
        if not path:
            show_problem("No data set is named.", "Write its id on the hub, such as stanfordnlp/sst2.")
            return
        columns = TextColumns(text or None, pair or None, label or None, metadata=None if others else ())
        wanted = HubReadTask(path, name or path, config or None, split or None, columns)
        workbench().start(wanted)
        st.session_state[_SAVING] = wanted
    task = st.session_state.get(_SAVING)
    if isinstance(task, HubReadTask):
        _save(task)


def _short(*parts: str) -> str:
    return hashlib.sha256("|".join(parts).encode("utf-8", "replace")).hexdigest()[:8]


def _stem(file_name: str) -> str:
    """A file's name without folder and ending; no built-in set's, which nothing else may be called."""
    name = only_seen(file_name)
    stem = name.rpartition("/")[2].rpartition(".")[0] or name
    built_in = {info.spec.name for info in workbench().text_sets() if info.builtin}
    return f"{stem}-2" if stem in built_in else stem


def _join_form() -> None:
    """Two labelled text sets into one with a split column: what the pages under Labels fit on, and what they test on."""
    text_sets = workbench().text_sets()
    labelled = {info.spec.table: info for info in text_sets if info.label is not None}
    if len(labelled) < 2:
        st.info("This needs two text sets with labels: add them first.", icon=":material/label:")
        return
    st.caption("The rows of the first become the split train, those of the second the split test.")
    left, right = st.columns(2)
    digests, names = list(labelled), wording.set_names(text_sets)

    def named(digest: str) -> str:
        return names(labelled[digest].shown_name)

    train = left.selectbox("Training rows from", digests, format_func=named, key="join_train")
    test = right.selectbox("Test rows from", digests, index=1, format_func=named, key="join_test")
    first, second = labelled[train], labelled[test]
    if train == test:
        show_problem(
            "Both are the same text set.", "Choose two different ones: test rows must not be used for fitting."
        )
        return
    if not set(first.classes) & set(second.classes):
        show_problem(
            f"'{first.spec.name}' and '{second.spec.name}' have no class in common: "
            f"{', '.join(first.classes[:4])} against {', '.join(second.classes[:4])}.",
            "Choose two sets that are labelled alike.",
        )
        return
    name = st.text_input(
        "Name of the text set",
        value=f"{first.spec.name} + {second.spec.name}"[:80],
        key=f"join_name_{train[:8]}_{test[:8]}",
        max_chars=80,
    ).strip()
    if not name:
        show_problem("The text set has no name.", "Enter a name to save it.")
        return
    task = JoinTask(train, test, name)
    save_as(task, pressed=st.button("Join", key="join_save", type="primary", icon=":material/join:"))
