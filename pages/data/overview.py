"""Overview: a first look at one model on one text set, with one click."""

import streamlit as st

from backend import AnalysisSpec, ModelInfo, TextSetInfo
from pages._ui import wording
from pages._ui.selection import Selection
from pages._ui.session import workbench


def first_specs(here: Selection) -> list[AnalysisSpec]:
    """CKA of every layer with every other, a map of the last layer, and the profile of the model over depth."""
    bench = workbench()
    shared = {"models": here.models[:1], "texts": here.texts, "pooling": here.pooling, "seed": here.seed}
    last = (here.models[0].n_blocks,)
    return [
        bench.analysis("cka", layers=here.layers, **shared),
        bench.analysis("projection", layers=last, label=here.label, params={"method": "pca"}, **shared),
        bench.analysis("profile", layers=here.layers, **shared),
    ]


def facts(model: ModelInfo, texts: TextSetInfo) -> None:
    """The small numbers above the figures."""
    layers, dims, size, n_texts, classes = st.columns(5)
    layers.metric("Layers", len(model.layer_names))
    dims.metric("Dimensions", f"{model.n_dims:,}")
    size.metric("Parameters", wording.parameters(model.n_parameters))
    n_texts.metric("Texts", f"{texts.spec.n_rows:,}")
    classes.metric("Classes", len(texts.classes) or "none")
