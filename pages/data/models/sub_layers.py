"""Sub-layers: the parts of a model's blocks over the chosen texts, kept like vectors of one's own."""

from dataclasses import replace

import streamlit as st

from backend import POOLINGS, EmbedscopeError, SubLayersTask, VectorsInfo, fingerprint, sub_layers_name
from pages._kit.charts.base import short_model
from pages._kit.flow.progress import obtain, watch
from pages._kit.state import ask, model_field, selection
from pages._kit.state.session import plain, show_problem, workbench
from pages.data.models.add_vectors import note_saved

_SAVING = "_saving_sub_layers"
WHAT = (
    "Of each block: what attention adds to the residual stream, the stream between the two, what the MLP adds, and the block's output, "
    "as layers of a model of their own. Blocks that add attention and MLP at once have no stream between. One forward pass over the chosen texts, with one pooling."
)


def sub_layers_form() -> None:
    """Which model and pooling, on the texts of the sidebar; the button, and then the job."""
    st.caption(WHAT)
    here = selection.current()
    models = {info.spec.name: info for info in here.models if not info.is_given}
    if not models or here.texts is None or here.texts.spec.unit != "text":
        st.info("Choose a model and a set of texts in the sidebar first.", icon=":material/tune:")
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        model = ask.selectbox("Model", list(models), format_func=short_model, key="sub_layers_model", width=260)
        pooling = ask.selectbox("Pooling", POOLINGS, index=POOLINGS.index("mean"), key="sub_layers_pooling", width=120)
        pressed = st.button("Extract sub-layers", key="sub_layers_start", icon=":material/account_tree:")
    texts = here.texts.spec
    task = SubLayersTask(models[model].spec, texts, sub_layers_name(model, texts.name, pooling), pooling)
    if any(info.name == task.name for info in workbench().vector_sets()) and st.session_state.get(_SAVING) != task:
        task = replace(task, name=f"{task.name[:71]}-{texts.table[:8]}")  # of another set of that name
    if pressed:
        _start(task)
    if st.session_state.get(_SAVING) == task:
        _follow(task)


def _start(task: SubLayersTask) -> None:
    try:
        workbench().start(task)
        st.session_state[_SAVING] = task
    except EmbedscopeError as error:
        show_problem(error.message, error.hint)


def _follow(task: SubLayersTask) -> None:
    what = f"Extracting the sub-layers of {plain(short_model(task.model.name))}"
    status = workbench().status(fingerprint(task))
    if status is not None and status.active:
        watch([status.id], key="sub_layers_running", what=what)
        return
    info = obtain(task, "sub_layers_running", what=what)
    if isinstance(info, VectorsInfo):
        del st.session_state[_SAVING]
        note_saved(info)
        model_field.look_again()
        st.rerun()
