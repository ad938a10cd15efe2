"""Models: what the chosen ones are made of, and how to name another."""

import streamlit as st

from backend import NO_NUMBER, ModelInfo, ResolveTask
from pages._kit.charts.base import short_model
from pages._kit.flow.progress import obtain
from pages._kit.show import wording
from pages._kit.show.findings import heading
from pages._kit.state import ask, model_field, selection
from pages._kit.state.session import plain
from pages.data.models.local import show_local
from pages.data.models.vectors import show_vectors

BUILT = ("Attention heads", "Activation", "Vocabulary", "Positions")
FAMILIES = {"encoder": "encoder", "decoder": "decoder", "encoder-decoder": "encoder of an encoder-decoder"}


def facts(info: ModelInfo) -> dict[str, str]:
    """What is known of a model without running it, in the order of the table."""
    if info.is_given:
        return _given_facts(info)
    head = f"classification: {', '.join(info.labels) or 'unnamed classes'}" if info.has_head else "none"
    return {
        "Name": info.spec.name,
        "Architecture": f"{info.architecture} ({FAMILIES.get(info.family, info.family)})",
        "Blocks": f"{info.n_blocks}",
        "Layers": f"{len(info.layer_names)}: {_shortened(info.layer_names)}",
        "Dimensions": f"{info.n_dims:,}",
        **_built(info),
        "Parameters": wording.parameters(info.n_parameters),
        "Weights": f"{wording.size(info.n_bytes)} as {info.spec.dtype}",
        "Longest text": _lengths(info),
        "[CLS] token": "yes" if info.has_cls else "no",
        "Default pooling": info.default_pooling,
        "Head": head,
        "Commit": info.spec.commit,
    }


def _given_facts(info: ModelInfo) -> dict[str, str]:
    """The same of imported vectors, behind which there is no model."""
    none = "none: imported vectors"
    return {
        "Name": info.spec.name,
        "Architecture": f"vectors of the texts of '{info.given_name}'",
        "Blocks": none,
        "Layers": f"{len(info.layer_names)}: {_shortened(info.layer_names)}",
        "Dimensions": f"{info.n_dims:,}",
        **dict.fromkeys(BUILT, none),
        "Parameters": none,
        "Weights": f"{wording.size(info.n_bytes)} of vectors, from {info.spec.dtype}",
        "Longest text": none,
        "[CLS] token": none,
        "Default pooling": "as imported",
        "Head": none,
        "Commit": info.spec.commit,
    }


def _built(info: ModelInfo) -> dict[str, str]:
    """What its configuration says beside; a dash where it says nothing."""
    return {name: dict(info.built).get(name, NO_NUMBER) for name in BUILT}


def _lengths(info: ModelInfo) -> str:
    most = wording.count(info.max_length, "token")
    if not info.usual_length or info.usual_length == info.max_length:
        return most
    return f"{info.usual_length:,} tokens by its package; up to {most} on request"


def _shortened(names: tuple[str, ...]) -> str:
    return ", ".join(names) if len(names) <= 4 else f"{names[0]}, {names[1]}, … {names[-1]}"


def show_facts(infos: list[ModelInfo], key: str) -> None:
    """A table with one column for each model."""
    columns = [facts(info) for info in infos]
    table: dict[str, list[str]] = {" ": list(columns[0])[1:]}
    names = [short_model(column["Name"]) for column in columns]
    for name, column in zip(names, columns, strict=True):  # of folders with one ending the whole path tells which
        table[name if names.count(name) == 1 else column["Name"]] = list(column.values())[1:]
    st.dataframe(table, hide_index=True, key=key, height="content", alt="Facts about each model")
    for info in infos:
        for remark in (*info.remarks, *info.package):
            st.caption(f":material/info: {plain(f'{short_model(info.spec.name)}: {remark}')}")


def look_up() -> None:
    """The field for another model's name, its facts, and the buttons that choose it."""
    name = ask.text_input(
        "Model",
        key="models_name",
        max_chars=model_field.MOST_NAME_CHARS,
        placeholder="gpt2, EleutherAI/pythia-160m@step1000 or /path/to/a/folder",
    ).strip()
    if not name:
        return
    info = obtain(
        ResolveTask(name),
        "models_lookup",
        what=f"Looking up {name}",
        otherwise=lambda: model_field.offer_series(name, "models_series", quiet=True),
    )
    if info is None:
        return
    show_facts([info], "models_found")
    chosen = model_field.chosen_names()
    with st.container(horizontal=True):
        st.button(
            "Use this model", key="models_use", on_click=model_field.choose_models, args=([name],), type="primary"
        )
        full = name in chosen or len(chosen) >= model_field.MOST_MODELS
        st.button(
            "Add it for comparison",
            key="models_add",
            on_click=model_field.choose_models,
            args=([*chosen, name],),
            disabled=full,
        )
    if name in chosen:
        st.caption("It is one of the chosen models.")


HOW_TO_NAME = """
| You write | It means |
|---|---|
| `minilm` | all-MiniLM-L6-v2, the encoder that comes with Embedscope: works offline |
| `gpt2`, `EleutherAI/pythia-160m` | a repository on the Hugging Face hub, at its main branch |
| `EleutherAI/pythia-160m@step1000` | the same at a branch, tag or commit |
| `/models/my-encoder` | a local folder in the Hugging Face layout, below one of the model roots |
| `vectors:NAME` | vectors of your own, added under Own vectors |
| `run:NAME`, `run:NAME@step-00128` | a fine-tuning run made here, or one of its steps |
| `/models/my-run`, `EleutherAI/pythia-160m@step*` | a series: a folder of checkpoints, or revisions that match; take some of its steps, or all on the page Dynamics |

Weights are read from safetensors files only, and code that comes with a model is never run.
"""

heading("Models", "Facts about each chosen model, and how to name one.", "")
chosen, local, own, other = ask.tabs(
    ["Chosen", "Local models and runs", "Own vectors", "Look up a name"], key="models_view"
)
with chosen:
    here = selection.current()
    if here.models:
        show_facts(list(here.models), "models_chosen")
    else:
        st.info(plain(here.problem or "Choose a model in the sidebar."), icon=":material/tune:")
with local:
    show_local()
with own:
    show_vectors()
with other:
    look_up()
    with st.expander("How to name a model", icon=":material/help:", expanded=True):
        st.markdown(HOW_TO_NAME)
