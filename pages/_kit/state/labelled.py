"""What the pages about labels share: the label column they need, the model and the layer they look at, the split."""

from collections.abc import Sequence

import streamlit as st

from backend import ModelInfo, Ordered
from pages._kit.charts.base import short_model
from pages._kit.state import ask
from pages._kit.state.pair import order_words
from pages._kit.state.selection import Selection
from pages._kit.state.session import end_page, plain

ONE_MODEL = "This page shows one model at a time: of those in the sidebar, the one chosen here."
ONE_OR_ALL = "Of the models in the sidebar, the one that is shown."
ALL_MODELS = "All models"
_NONE = "(none)"
_BESIDE = 'Or "All models": every model of the sidebar as a panel of one figure, on the same axes.'
_WIDE = 200  # pixels of a box with the name of a model: three boxes and the settings stand in one row


def label_ready(here: Selection) -> str:
    """The chosen label column; without one, say what is needed and end the page here."""
    if label_missing(here) or here.label is None:
        end_page()
    return here.label


def label_missing(here: Selection) -> bool:
    """Whether there is no label for each row; says what is needed then."""
    if here.tokens is not None:
        st.info(
            "This page needs one row per text, but the pooling is tokens. Choose mean, last or cls in the sidebar.",
            icon=":material/tune:",
        )
    elif here.label is None:
        named = plain(here.texts.spec.name) if here.texts is not None else ""
        st.info(
            f"The text set {named} has no label column, or none is chosen. Choose one under Label in the sidebar, or add "
            "texts with labels on the page Texts; the built-in sets sentiment and topics have labels.",
            icon=":material/label:",
        )
    return here.tokens is not None or here.label is None


def choose_model(
    models: Sequence[ModelInfo], key: str, *, label: str = "Model", first: int = 0, about: str | None = None
) -> ModelInfo:
    """One of the sidebar's models; no widget where there is one only. ``about`` is the help of its box."""
    names = [info.spec.name for info in models]
    if len(names) == 1:
        return models[0]
    name = ask.selectbox(label, names, index=first, format_func=short_model, key=key, width=_WIDE, help=about)
    return models[names.index(name)]


def choose_some(models: Sequence[ModelInfo], key: str, *, about: str = "") -> list[ModelInfo]:
    """One of the sidebar's models, or all of them; no widget where there is one only. ``about`` begins the help of its box."""
    names = [info.spec.name for info in models]
    if len(names) == 1:
        return list(models)
    shown = ask.selectbox(
        "Model", [*names, ALL_MODELS], format_func=short_model, key=key, width=_WIDE, help=f"{about} {_BESIDE}".strip()
    )
    return list(models) if shown == ALL_MODELS else [models[names.index(shown)]]


def choose_beside(here: Selection, model: ModelInfo, key: str, about: str) -> list[ModelInfo]:
    """``model`` with another of the sidebar's models or with all of them, in the order of the sidebar; alone if that is wished.

    ``about`` begins the help of the box. Three models and more are to be drawn as panels of one figure.
    """
    others = {info.spec.name: info for info in here.models if info is not model}
    every = [ALL_MODELS] if len(others) > 1 else []
    if not others:
        return [model]
    name = _compare_with([*others, *every], key, f"{about} {_BESIDE if every else ''}".strip())
    if name == ALL_MODELS:
        return list(here.models)
    return [info for info in here.models if info is model or info is others.get(name)]


def choose_other(here: Selection, model: ModelInfo, key: str, about: str) -> ModelInfo | None:
    """Another of the sidebar's models to compare ``model`` with, if there is one; ``about`` is the help of its box."""
    others = {info.spec.name: info for info in here.models if info is not model}
    if not others:
        return None
    return others.get(_compare_with(list(others), key, about))


def choose_all_or_one(here: Selection, model: ModelInfo, key: str, about: str) -> list[ModelInfo] | None:
    """Another of the sidebar's models to compare ``model`` with, if one is chosen; None where all models are."""
    others = {info.spec.name: info for info in here.models if info is not model}
    if not others:
        return []
    name = _compare_with([*others, ALL_MODELS], key, about)
    return None if name == ALL_MODELS else [info for info in here.models if info is others.get(name)]


def _compare_with(names: Sequence[str], key: str, about: str) -> str:
    return str(
        ask.selectbox(
            "Compare with", [_NONE, *names], index=1, format_func=short_model, key=key, width=_WIDE, help=about
        )
    )


def layer_in(info: ModelInfo, layer: int) -> list[int]:
    """``layer``, chosen of another model, in a model that may have fewer: its last one then."""
    return [min(layer, len(info.layer_names) - 1)]


def say_classes(label: str, order: Ordered | None = None, *, alone: bool = False) -> None:
    """One line on what a page compares: the column of the classes, and of two models which came first; ``alone`` where a
    second model could be compared."""
    second = " Add a second model in the sidebar, such as the one before fine-tuning, to compare the two."
    words = f"Classes: the column '{plain(label)}'.{second if alone else ''}"
    st.caption(words if order is None else f"{words} {order_words(order)}")


def say_no_model(info: ModelInfo, what: str) -> None:
    """Say of imported vectors that there is no model behind them; ``what`` begins the sentence: what would need one."""
    st.info(
        f"{what}, and {plain(info.spec.name)} are imported vectors: there is no model behind them here. Choose a model in the "
        "sidebar.",
        icon=":material/data_array:",
    )


def choose_layer(info: ModelInfo, key: str) -> int:
    """A layer number of ``info``, the last one to begin with."""
    numbers = list(range(len(info.layer_names)))
    chosen = ask.selectbox(
        "Layer",
        numbers,
        index=len(numbers) - 1,
        format_func=info.layer_names.__getitem__,
        key=f"{key}_{len(numbers)}",
        width=140,
    )
    return chosen if chosen in numbers else numbers[-1]
