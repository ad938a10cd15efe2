"""Own vectors: those that are here, with buttons to choose and delete them, and the way to add a file of them."""

from typing import Any

import streamlit as st

from backend import EmbedscopeError, VectorsInfo
from pages._kit.flow.ownership import show_owners
from pages._kit.show import wording
from pages._kit.state import model_field
from pages._kit.state.session import plain, show_problem, workbench
from pages.data.models.add_vectors import add_form, just_saved
from pages.data.models.sub_layers import sub_layers_form

_USE, _ADD, _DELETE = "vectors_use", "vectors_add", "vectors_delete"
_TO_DELETE, _REFUSED = "_vectors_to_delete", "_vectors_deletion_refused"
WHAT = (
    "Vectors that you computed elsewhere, a row for each text of a text set. Every page and metric takes them like a model; what "
    "runs a model (fine-tuning, ablation inside the network, other texts) does not."
)


def show_vectors() -> None:
    """The list, then the form."""
    infos = workbench().vector_sets()
    if _REFUSED in st.session_state:
        show_problem(*st.session_state.pop(_REFUSED))
    saved = just_saved(infos)
    if saved is not None:
        st.success(f"Saved {plain(saved.model_name)}. It can be chosen under Models.", icon=":material/check_circle:")
        for notice in saved.notices:
            st.warning(plain(notice), icon=":material/info:")
        with st.container(horizontal=True):
            for label, beside in (("Use these vectors", False), ("Add them for comparison", True)):
                key = f"vectors_saved_{'add' if beside else 'use'}"
                st.button(label, key=key, on_click=choose, args=(saved.name, beside), type="secondary")
    if infos:
        _table(infos)
        show_owners("vectors", {info.commit: info.name for info in infos})
    name = st.session_state.pop(_TO_DELETE, "")
    if name in {info.name for info in infos}:
        _confirm(name)
    with st.expander("Sub-layers of a model: attention, residual between, MLP", icon=":material/account_tree:"):
        sub_layers_form()
    st.subheader("Add vectors")
    st.caption(WHAT)
    add_form()


def _table(infos: list[VectorsInfo]) -> None:
    names = [info.name for info in infos]

    def button(key: str, about: str | None = None) -> Any:  # a column's configuration, of Streamlit
        return st.column_config.ButtonColumn("", key=key, on_click=choose_row, args=(key, names), help=about, width=75)

    st.dataframe(
        {
            "Use": ["Use"] * len(infos),
            "Add": ["Add"] * len(infos),
            "Name": [info.model_name for info in infos],
            "Texts": [info.texts.name for info in infos],
            "Rows": [info.texts.n_rows for info in infos],
            "Layers": [len(info.layer_names) for info in infos],
            "Dimensions": [info.n_dims for info in infos],
            "Size": [wording.size(info.n_bytes) for info in infos],
            "From": [wording.age(info.created) for info in infos],
            "Delete": ["Delete …"] * len(infos),
        },
        key="vectors_list",
        hide_index=True,
        height="content" if len(infos) < 8 else 300,
        column_config={
            "Use": button(_USE, "Make them the only model, on their texts."),
            "Add": button(_ADD, "Put them beside the chosen models."),
            "Delete": button(_DELETE),
        },
        alt="Own vectors",
    )


def choose_row(key: str, names: list[str]) -> None:
    """Do what the button says that was pressed: choose vectors alone, with their texts, or beside others; ask before they go."""
    click = st.session_state.get(key)
    if click is None or not 0 <= click["row"] < len(names):
        return
    name = names[click["row"]]
    if key == _DELETE:
        st.session_state[_TO_DELETE] = name
        return
    choose(name, key == _ADD)


def choose(name: str, beside: bool) -> None:
    """Make vectors the only model, or put them ``beside`` the others, and choose their texts; for button callbacks."""
    info = next((one for one in workbench().vector_sets() if one.name == name), None)
    if info is None:
        return
    before = model_field.chosen_names() if beside else []
    if info.model_name not in before and len(before) < model_field.MOST_MODELS:
        model_field.choose_models([*before, info.model_name])
        _choose_their_texts(info)


def _choose_their_texts(info: VectorsInfo) -> None:
    from pages._kit.state import selection

    texts = next((one for one in workbench().text_sets() if one.spec.digest == info.texts.digest), None)
    here = selection.current().texts
    if texts is not None and (here is None or here.spec.digest != texts.spec.digest):
        selection.choose_texts(texts.shown_name)


@st.dialog("Delete these vectors?")
def _confirm(name: str) -> None:
    st.text(name)
    st.write("The text set and the results that were computed from them stay. This cannot be undone.")
    if st.button("Delete them", key="vectors_delete_confirm", type="primary", on_click=_delete, args=(name,)):
        st.rerun()


def _delete(name: str) -> None:
    """Delete the vectors of that name; a refusal is said in the next run."""
    try:
        workbench().delete_vectors(name)
    except EmbedscopeError as error:
        st.session_state[_REFUSED] = error.message, error.hint
    model_field.look_again()
