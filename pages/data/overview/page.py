"""Overview: a first look at one model on one text set, with one click."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from backend import AnalysisSpec, AnisotropyResult, CkaResult, ModelInfo, Projection, Result, TextSetInfo, result_of
from pages._kit.charts.base import Floats, short_model
from pages._kit.charts.depth import Series, profile_lines
from pages._kit.charts.layer_pairs import cka_heatmap
from pages._kit.flow.progress import run_panel
from pages._kit.show import wording
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import heading, reasons
from pages._kit.show.kept import drawn_once
from pages._kit.show.links import page_file
from pages._kit.show.map_view import MapView
from pages._kit.state import selection
from pages._kit.state.session import plain, workbench
from pages.data.overview.lesson import OVERVIEW
from pages.data.overview.prepare import prepare_panel

WHAT = (
    "Embedscope shows how a transformer lays out texts in space, layer by layer: which layers are alike, how "
    "evenly the space is used, and where your labels separate. "
    "Choose a model and texts in the sidebar, press Run, and follow the link below a figure to look closer."
)
HOW = (
    "**Which layers are alike**: CKA of every layer with every other; a bright block along the diagonal is a run of layers that change little. "
    "**Where the texts lie**: the last block, drawn along its two directions of largest variance; colours that lie apart are labels that the "
    "layer separates. **How anisotropic the space is**: the share of the variance along one direction; above the dashed line of data that has no "
    "direction of its own, the layer is stretched."
)
HEIGHT = 380
SENTENCES = {
    "cka": "CKA: 1 is the same geometry, 0 unrelated.",
    "projection": "The first two principal components{of}; each point is a text.",
    "anisotropy": "Anisotropy: the share of the variance along the strongest direction, layer by layer.",
}

Values = TypeVar("Values")


def first_specs(model: ModelInfo, here: selection.Selection) -> list[AnalysisSpec]:
    """CKA of every layer with every other, a map of the last layer, and the anisotropy of the model over depth."""
    bench = workbench()
    shared: dict[str, Any] = {"models": [model], **here.rows}
    chosen = tuple(range(len(model.layer_names))) if isinstance(here.layers, str) else tuple(here.layers)
    last = model.last_block(chosen)
    return [
        bench.analysis("cka", layers=here.layers, **shared),
        bench.analysis("projection", layers=[last], params={"method": "pca"}, **shared),
        bench.analysis("anisotropy", layers=here.layers, **shared),
    ]


def facts(model: ModelInfo, texts: TextSetInfo) -> None:
    """The small numbers above the figures."""
    with st.container(horizontal=True, key="overview_facts"):
        st.metric("Layers", len(model.layer_names), help=plain(", ".join(model.layer_names)), width="content")
        st.metric("Dimensions", f"{model.n_dims:,}", width="content")
        if not model.is_given:
            st.metric("Parameters", wording.parameters(model.n_parameters), width="content")
        st.metric("Texts", f"{texts.spec.n_rows:,}", width="content")
        st.metric("Classes", len(texts.classes) or "none", width="content")


def show_cka(result: Result[CkaResult]) -> None:
    """Layer against layer."""
    names, model = result.sources[0].layer_names, result.sources[0].model
    gaps = {(row, column): reason for (row, column), reason in reasons(result, "matrix").items()}
    table = pd.DataFrame(result.values.matrix, columns=list(names))
    table.insert(0, "layer", list(names))
    show(
        Finding(
            key="overview_cka",
            title=f"CKA of the layers of {model}",
            figure=drawn_once(_slanted_heatmap, result.values.matrix, names, gaps),
            caption="",
            shared=SENTENCES["cka"],
            table=table,
            results=[result],
            fields=["matrix"],
            crosses=True,
            alt="CKA of every layer with every other",
            height=HEIGHT,
        )
    )


def _slanted_heatmap(matrix: Floats, names: Sequence[str], gaps: Mapping[tuple[int, int], str]) -> go.Figure:
    return cka_heatmap(matrix, names, names, gaps).update_xaxes(tickangle=-45)


def show_map(result: Result[Projection], here: selection.Selection) -> None:
    """The texts of one layer as points."""
    assert here.texts is not None
    view, source = MapView(result, workbench().text_set(here.texts), here.label), result.sources[0]
    title = f"Texts in {source.layer_names[0]} of {source.model}"
    shared = SENTENCES["projection"].format(of=f" of {source.layer_names[0]}")
    show(view.still("overview_projection", title, shared=shared, alt="The texts in two dimensions", height=HEIGHT))


def show_profile(result: Result[AnisotropyResult]) -> None:
    """Anisotropy over depth."""
    values, source = result.values, result.sources[0]
    gaps = {index[0]: reason for index, reason in reasons(result, "anisotropy").items()}
    line = Series(
        short_model(source.model),
        source.layer_names,
        values.anisotropy,
        low=values.anisotropy_low,
        high=values.anisotropy_high,
        reference=values.anisotropy_isotropic,
        undefined=gaps,
    )
    fields = ("anisotropy", "anisotropy_low", "anisotropy_high", "anisotropy_isotropic")
    columns = {field: getattr(values, field) for field in fields}
    show(
        Finding(
            key="overview_profile",
            title=f"Anisotropy of {source.model} over depth",
            figure=drawn_once(profile_lines, [line], y_title="Anisotropy", y_range=None),
            caption="",
            shared=SENTENCES["anisotropy"],
            table=pd.DataFrame({"layer": list(source.layer_names), **columns}),
            results=[result],
            fields=["anisotropy"],
            name="overview-anisotropy",
            alt="Anisotropy over depth",
            height=HEIGHT,
        )
    )


def card(
    title: str,
    sentence: str,
    page: str,
    link: str,
    result: Result | None,
    of: type[Values],
    draw: Callable[[Result[Values]], None],
) -> None:
    """One figure with what it means and the way to its page."""
    with st.container(border=True):
        st.subheader(title)
        st.caption(sentence)
        if result is None:
            st.caption(":material/hourglass_empty: Not computed yet: see above.")
        else:
            draw(result_of(result, of))
        st.page_link(page_file(f"geometry/{page}"), label=link, icon=":material/arrow_forward:")


def show_cards(found: list[Result | None], here: selection.Selection) -> None:
    """The three figures, side by side where there is room."""
    left, right = st.columns(2)
    with left:
        card(
            "Which layers are alike",
            SENTENCES["cka"],
            "similarity",
            "Similarity: other kernels, two models",
            found[0],
            CkaResult,
            show_cka,
        )
    with right:
        layer = "" if found[1] is None else f" of {found[1].sources[0].layer_names[0]}"
        card(
            "Where the texts lie",
            SENTENCES["projection"].format(of=plain(layer)),
            "projection",
            "Projection: t-SNE, UMAP, every layer",
            found[1],
            Projection,
            lambda result: show_map(result, here),
        )
    card(
        "How anisotropic the space is",
        SENTENCES["anisotropy"],
        "profiles",
        "Profiles: cosine, intrinsic dimension, several models",
        found[2],
        AnisotropyResult,
        show_profile,
    )


heading("Overview", WHAT, HOW, OVERVIEW)
here = selection.ready()
model = here.models[0]
assert here.texts is not None
if len(here.models) > 1:
    others = len(here.models) - 1
    st.caption(f"Overview shows the first of the {others + 1} models chosen; Similarity and Profiles compare them.")
facts(model, here.texts)
found = run_panel(first_specs(model, here), "overview", partial=True)
if found is not None:
    with said_once(below_each=True):
        show_cards(found, here)
prepare_panel(here)
