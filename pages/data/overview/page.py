"""Overview: a first look at one model on one text set, with one click."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import pandas as pd
import streamlit as st

from backend import AnalysisSpec, AnisotropyResult, CkaResult, ModelInfo, Projection, Result, TextSetInfo, result_of
from pages._kit.flow.progress import run_panel
from pages._kit.show import wording
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import heading, reasons
from pages._kit.show.kept import drawn_once
from pages._kit.show.links import page_file
from pages._kit.show.map_view import MapView
from pages._kit.state import selection
from pages._kit.state.gathering import gathered
from pages._kit.state.session import plain, workbench
from pages.data.overview.charts import anisotropy_profile, layers_alike
from pages.data.overview.lesson import OVERVIEW
from pages.data.overview.prepare import prepare_panel
from pages.data.overview.so_far import HEIGHT, Early, Place, awaited, follow, going_on, layers_of, look_now

WHAT = (
    "Embedscope shows how a transformer lays out texts in space, layer by layer: which layers are alike, how "
    "evenly the space is used, and where your labels separate. "
    "Choose a model and texts in the sidebar, press Run, and follow the link below a figure to look closer."
)
HOW = (
    "**Which layers are alike**: CKA of every layer with every other; a bright block along the diagonal is a run of layers that change little. "
    "**Where the texts lie**: the last block, drawn along its two directions of largest variance; colours that lie apart are labels that the "
    "layer separates. **How anisotropic the space is**: the share of the variance along one direction; above the dashed line of data that has no "
    "direction of its own, the layer is stretched. **So far**: while the model runs over many texts, a first look at those done stands where "
    "each result will, of at most 400 texts of all lengths and with the map by principal components. It comes some seconds after the model has "
    "begun, and is refined; looks take at most a twentieth of the model's time."
)
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
    last = model.last_block(layers_of(model, here))
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
    table = pd.DataFrame(result.values.matrix, columns=list(names))
    table.insert(0, "layer", list(names))
    show(
        Finding(
            key="overview_cka",
            title=f"CKA of the layers of {model}",
            figure=drawn_once(layers_alike, result.values.matrix, names, reasons(result, "matrix")),
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
    gaps = reasons(result, "anisotropy")
    fields = ("anisotropy", "anisotropy_low", "anisotropy_high", "anisotropy_isotropic")
    columns = {field: getattr(values, field) for field in fields}
    show(
        Finding(
            key="overview_profile",
            title=f"Anisotropy of {source.model} over depth",
            figure=drawn_once(anisotropy_profile, source.model, source.layer_names, values, gaps),
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
    so_far: Callable[[], None] | None,
) -> None:
    """One figure with what it means and the way to its page; while its result is not there, what is ``so_far``."""
    with st.container(border=True):
        st.subheader(title)
        st.caption(sentence)
        if result is not None:
            draw(result_of(result, of))
        elif so_far is not None:
            so_far()
        else:
            st.caption(":material/hourglass_empty: Not computed yet: see above.")
        st.page_link(page_file(f"geometry/{page}"), label=link, icon=":material/arrow_forward:")


def show_cards(found: Sequence[Result | None], here: selection.Selection, early: Early | None) -> None:
    """The three figures, side by side where there is room."""
    if early is not None:
        early.say()
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
            None if early is None or 0 not in early.awaited else early.show_cka,
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
            None if early is None or 1 not in early.awaited else early.show_map,
        )
    card(
        "How anisotropic the space is",
        SENTENCES["anisotropy"],
        "profiles",
        "Profiles: cosine, intrinsic dimension, several models",
        found[2],
        AnisotropyResult,
        show_profile,
        None if early is None or 2 not in early.awaited else early.show_profile,
    )


def show_or_follow(specs: list[AnalysisSpec], found: list[Result | None] | None, place: Place) -> None:
    """The results that are there; in the places of the others what the texts done so far show, while the model runs."""
    if found is not None:
        look = look_now(specs) if None in found and gathered() is None else None
        with said_once(below_each=True):
            show_cards(found, place.here, None if look is None else Early(look, place, awaited(specs)))
    elif gathered() is None and going_on(specs):
        follow(specs, lambda look: show_cards([None] * len(specs), place.here, Early(look, place, awaited(specs))))


heading("Overview", WHAT, HOW, OVERVIEW)
here = selection.ready()
model = here.models[0]
assert here.texts is not None
if len(here.models) > 1:
    others = len(here.models) - 1
    st.caption(f"Overview shows the first of the {others + 1} models chosen; Similarity and Profiles compare them.")
facts(model, here.texts)
specs = first_specs(model, here)
show_or_follow(specs, run_panel(specs, "overview", partial=True), Place(model, here))
prepare_panel(here)
