"""Every page that draws an analysis, with each of its views: the one list of them, and the choice that they are opened with."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode

import streamlit as st

from backend import GIVEN, ModelInfo
from pages._kit.flow.gather import Visit, visits_of
from pages._kit.state.model_field import chosen_names
from pages._kit.state.selection import NO_LABEL, Selection
from pages._kit.state.view import view

_MODEL = "{model}"  # in a variant: the key of a box, of which every model is taken
PAGES: Mapping[str, Sequence[Mapping[str, Sequence[Any]]]] = {
    "start": (),
    "similarity": (
        {"similarity_view": ["Along depth"]},
        {
            "similarity_mode": ["Within one model"],
            "similarity_first": [_MODEL],
            "similarity_view": ["Matrix", "Along depth"],
        },
        {"similarity_measure": ["Shared neighbours"], "similarity_view": ["Matrix", "Along depth"]},
        {"similarity_mode": ["Difference of two models"], "similarity_view": ["Matrix", "Along depth"]},
        {"similarity_mode": ["All models"]},
    ),
    "projection": ({"projection_method": ["tsne", "umap"]},),
    "profiles": (),
    "components": ({"components_model": [_MODEL]}, {"components_view": ["Tuned against base"]}),
    "rogue": (
        {"rogue_model": [_MODEL], "rogue_view": ["One layer", "All layers", "Norm weights"]},
        {"rogue_view": ["Overlap"]},
    ),
    "neighbours": ({"neighbours_on_map": [True]}, {"neighbours_view": ["moved"]}),
    "threshold": ({"threshold_model": [_MODEL]},),
    "ablation": ({"ablation_model": [_MODEL], "inner_wanted": [False, True]},),
    "neurons": ({"neurons_model": [_MODEL], "neurons_view": ["One layer", "All layers"]},),
    "component_accuracy": ({"component_model": [_MODEL]},),
    "clusters": ({"clusters_model": [_MODEL]},),
    "probes": ({"probes_model": [_MODEL]},),
    "movement": ({"movement_kind": ["All layers"]},),
    "report": ({"report_slow": [True]},),
}
_DYNAMICS = {"dynamics": ({"dynamics_view": ["Intrinsic dimension", "CKA", "Rogue", "Labels", "Map"]},)}
_KEPT = (
    "before",
    "series",
    "report_base",
    "report_tuned",
    "report_layer",
)  # choices on pages that say what is compared


def every_view(models: Sequence[ModelInfo]) -> list[Visit]:
    """Each page as it opens, then in each of its views and, where it shows one model, for each of ``models``."""
    names = [info.spec.name for info in models]
    named = {page: [_with_models(one, names) for one in variants] for page, variants in _pages().items()}
    return [replace(visit, choices={**_kept(), **visit.choices}) for visit in visits_of(named)]


def as_they_open() -> list[Visit]:
    """Each page once, as it opens."""
    return [Visit(page, _kept()) for page in _pages()]


def query_of(here: Selection) -> str:
    """The choice as an address, as far as the pages have been drawn."""
    own = "report_"  # fields of the report, which the pages that are visited begin with by themselves
    words = {key: value for key, value in view().words.items() if not key.startswith(own)}
    words |= {"model": chosen_names(), "texts": [shown_texts(here)], "label": [here.label or NO_LABEL]}
    if here.pooling not in ("words", GIVEN):
        words["pooling"] = [here.pooling]
    return urlencode(words, doseq=True)


def shown_texts(here: Selection) -> str:
    """The text set's name in the sidebar."""
    return here.texts.shown_name if here.texts is not None else ""


def _kept() -> dict[str, Any]:
    return {key: st.session_state[key] for key in _KEPT if key in st.session_state}


def _pages() -> dict[str, Sequence[Mapping[str, Sequence[Any]]]]:
    return {**PAGES, **(_DYNAMICS if _kept().get("series") else {})}


def _with_models(variant: Mapping[str, Sequence[Any]], names: Sequence[str]) -> dict[str, Sequence[Any]]:
    return {key: names if list(values) == [_MODEL] else values for key, values in variant.items()}
