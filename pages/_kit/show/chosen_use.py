"""What the menu "Select" does with the selection: a text set, a comparison with the rest, files of its texts and vectors."""

import streamlit as st

from backend import TextSetInfo
from pages._kit.charts.base import short_model
from pages._kit.show.links import page_file
from pages._kit.show.naming import slug
from pages._kit.show.row_files import MOST_VECTOR_BYTES, rows_csv, rows_parquet, vectors_npz, vectors_parquet
from pages._kit.state.chosen import Chosen
from pages._kit.state.selection import Selection, choose_texts_next
from pages._kit.state.session import workbench

COMPARE = "geometry/selection"
PARQUET = "application/vnd.apache.parquet"


def use_selection(here: Selection, texts: TextSetInfo, found: Chosen, key: str) -> None:
    """Buttons and links that take the selection elsewhere."""
    st.page_link(page_file(COMPARE), label="Compare with the rest", icon=":material/compare_arrows:")
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        usual = f"{texts.spec.name}, {found.name or f'{len(found.rows):,} selected'}"
        name = st.text_input("Text set", usual[:200], key=f"{key}_set_name", max_chars=200, width="stretch")
        if st.button("Use as a text set", key=f"{key}_set", disabled=not name.strip(), icon=":material/content_cut:"):
            info = workbench().part(texts, found.rows, name=name)
            choose_texts_next(info.spec.table)
            st.rerun()
    table, stem = workbench().text_set(texts), slug(usual)
    with st.container(horizontal=True, gap="small", vertical_alignment="center"):
        st.markdown(":small[**Texts**]", width=64)
        for label, make, end, mime in (
            ("CSV", rows_csv, "csv", "text/csv"),
            ("Parquet", rows_parquet, "parquet", PARQUET),
        ):
            content = make(table, found.rows)
            st.download_button(label, content, f"{stem}.{end}", mime, key=f"{key}_{end}", on_click="ignore")
    _offer_vectors(here, texts, found, stem, key)


def _offer_vectors(here: Selection, texts: TextSetInfo, found: Chosen, stem: str, key: str) -> None:
    """The vectors of one layer, as a model gave them, where they are stored."""
    if not here.models or here.tokens is not None:
        st.caption("Vectors: choose a model, and a pooling with one vector per text.")
        return
    models = {short_model(info.spec.name): info for info in here.models}
    with st.container(horizontal=True, gap="small", vertical_alignment="bottom"):
        name = (
            st.selectbox("Model", list(models), key=f"{key}_model", width=180)
            if len(models) > 1
            else next(iter(models))
        )
        model = models.get(name, here.models[0])
        layers = list(range(len(model.layer_names)))
        layer = st.selectbox(
            "Layer",
            layers,
            len(layers) - 1,
            format_func=model.layer_names.__getitem__,
            key=f"{key}_layer_{len(layers)}",
            width=180,
        )
        layer = layer if layer in layers else layers[-1]
        stored = workbench().stored_vectors(model, texts, layer=layer, pooling=here.pooling, rows=found.rows)
        if stored is not None and stored[1].nbytes <= MOST_VECTOR_BYTES:
            file = f"{stem}-{slug(short_model(model.spec.name))}-{slug(model.layer_names[layer])}-{here.pooling}"
            table = workbench().text_set(texts)
            for label, content, end, mime in (
                ("Vectors (npz)", vectors_npz(*stored), "npz", "application/octet-stream"),
                ("Texts and vectors (Parquet)", vectors_parquet(table, *stored), "vectors.parquet", PARQUET),
            ):
                place = f"{key}_{end.replace('.', '_')}"
                st.download_button(label, content, f"{file}.{end}", mime, key=place, on_click="ignore")
    if stored is None:
        st.caption(
            "The vectors of this layer are not stored here. Run any page with this model, these texts and this pooling."
        )
    elif stored[1].nbytes > MOST_VECTOR_BYTES:
        st.caption(
            f"The vectors take more than {MOST_VECTOR_BYTES / 1e6:.0f} MB. Read them in a notebook: bench.stored_vectors."
        )
    elif here.postprocess:
        st.caption("The vectors are as the model gives them, before anything is done to the rows.")
