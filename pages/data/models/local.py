"""The list of local models, series and runs: found by themselves, searched by words, chosen by a button."""

from dataclasses import dataclass

import streamlit as st

from backend import LocalModel, RunInfo
from pages._kit.charts.base import short_model
from pages._kit.show import wording
from pages._kit.state import ask, model_field
from pages._kit.state.session import plain, workbench

_USE, _ADD = "models_local_use", "models_local_add"


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the list: ``name`` is what the model field takes."""

    name: str
    kind: str
    family: str
    size: str

    def holds(self, words: list[str]) -> bool:
        """Whether every word is somewhere in the line."""
        line = f"{self.name} {self.kind} {self.family}".casefold()
        return all(word in line for word in words)


def local_rows() -> list[Row]:
    """The runs of fine-tuning that have saved a step, newest first; then what lies below the model roots, by path."""
    runs = [_of_run(run) for run in workbench().runs() if run.steps]
    return [*runs, *map(_of_folder, workbench().local_folders().found)]


def _of_run(run: RunInfo) -> Row:
    return Row(run.model, f"run, {wording.count(len(run.steps), 'step')}", f"from {short_model(run.base)}", "")


def _of_folder(found: LocalModel) -> Row:
    kind = f"series, {wording.count(found.n_steps, 'checkpoint')}" if found.kind == "series" else found.kind
    return Row(found.name, kind, found.family, wording.size(found.n_bytes) if found.n_bytes else "")


def show_local() -> None:
    """The search, and the lines that it leaves, each with its buttons."""
    rows, roots = local_rows(), workbench().model_roots()
    if not rows:
        _say_empty(roots)
        return
    query = ask.text_input(
        "Search",
        key="models_local_search",
        type="search",
        placeholder="Search: a part of the name, a kind or a family",
        icon=":material/search:",
        label_visibility="collapsed",
        max_chars=200,
    )
    found = [row for row in rows if row.holds((query or "").casefold().split())]
    counted = (
        wording.count(len(rows), "local model, series or run")
        if len(rows) == 1
        else f"{len(rows):,} local models, series and runs"
    )
    st.markdown(f"**{len(found):,} of {counted}**" if query else f"**{counted}**")
    if found:
        _table(found)
    else:
        st.info("Nothing matches. Use fewer words, or clear the search.", icon=":material/search_off:")
    if not workbench().local_folders().complete:
        st.warning(
            "There is more below the model roots than is looked through (20,000 folders, eight levels, five seconds). What is "
            "missing here can be chosen by its full path all the same.",
            icon=":material/folder_off:",
        )
    if roots:
        st.caption(f"Below {plain(', '.join(roots))}; looked through again after half a minute.")
    else:
        st.caption(_NO_ROOT)


def _table(found: list[Row]) -> None:
    names = [row.name for row in found]
    st.dataframe(
        {
            "Use": ["Use"] * len(found),
            "Add": ["Add"] * len(found),
            "Name": names,
            "Kind": [row.kind for row in found],
            "Family": [row.family for row in found],
            "Weights": [row.size for row in found],
        },
        key="models_local",
        hide_index=True,
        height="content" if len(found) < 12 else 440,
        column_config={
            "Use": st.column_config.ButtonColumn(
                "", key=_USE, on_click=choose_row, args=(_USE, names), help="Make it the only model.", width=70
            ),
            "Add": st.column_config.ButtonColumn(
                "", key=_ADD, on_click=choose_row, args=(_ADD, names), help="Put it beside the chosen models.", width=70
            ),
            "Name": st.column_config.TextColumn(width=340),
        },
        alt="Local models, series and runs",
    )


def choose_row(key: str, names: list[str]) -> None:
    """Choose the model whose button was pressed: alone, or beside the others."""
    click = st.session_state.get(key)
    if click is None or not 0 <= click["row"] < len(names):
        return
    name = names[click["row"]]
    before = model_field.chosen_names() if key == _ADD else []
    if name not in before and len(before) < model_field.MOST_MODELS:
        model_field.choose_models([*before, name])


_NO_ROOT = (
    "No model root is set, so folders cannot be opened here. Start with `EMBEDSCOPE_MODEL_ROOTS=/path/to/models make run` "
    "to list the models below that folder."
)


def _say_empty(roots: tuple[str, ...]) -> None:
    if roots:
        st.info(
            f"No model was found below {plain(', '.join(roots))}. Put a folder with config.json, model.safetensors and a "
            "tokenizer there, or fine-tune a model.",
            icon=":material/folder_open:",
        )
    else:
        st.info(_NO_ROOT, icon=":material/folder_open:")
