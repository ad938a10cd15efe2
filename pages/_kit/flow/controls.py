"""Forms that draw themselves: one widget for each field of a metric's parameters."""

import dataclasses
from collections.abc import Iterable
from functools import partial
from typing import Any

from backend import InvalidRequest, field_label, value_words
from pages._kit.charts.maps import METHODS
from pages._kit.state import ask

_SMALL = 1e-2
METHODS_HELP = "PCA is linear, quick and exact. t-SNE and UMAP show neighbourhoods, and take longer."


def params_form(
    params_class: type, key: str, *, only: Iterable[str] | None = None, values: object = None
) -> dict[str, Any]:
    """One widget for each field of ``params_class`` (all, or those in ``only``), as name -> value.

    A widget begins at the field's default, or at its value in ``values``, one of the class.
    Help, limits, choices and label come from the field's metadata (``backend.metrics.base.param``). A widget's key is
    ``<key>_<field>``; its value is kept while the session lasts. Raises InvalidRequest for a list that cannot be read.
    """
    wanted = None if only is None else set(only)
    fields = [field for field in dataclasses.fields(params_class) if wanted is None or field.name in wanted]
    return {
        field.name: _widget(
            field, f"{key}_{field.name}", field.default if values is None else getattr(values, field.name)
        )
        for field in fields
    }


def method_choice(label: str, key: str, **kept: Any) -> str:  # ``kept``: how Streamlit keeps the choice, and its help
    """PCA, t-SNE or UMAP, as the name that the metrics have for it."""
    method = ask.segmented_control(
        label, list(METHODS), default="pca", format_func=METHODS.__getitem__, key=key, **kept
    )
    return str(method)


def _widget(field: dataclasses.Field[Any], key: str, default: Any) -> Any:
    meta = field.metadata
    label = field_label(field)
    shared: dict[str, Any] = {"key": key, "help": meta.get("help")}
    choices = meta.get("choices")
    if choices is not None:
        index = choices.index(default) if default in choices else 0
        return ask.selectbox(label, choices, index=index, format_func=partial(value_words, field.name), **shared)
    if isinstance(field.default, bool):
        return ask.toggle(label, value=default, **shared)
    if isinstance(field.default, int | float) or field.default is None:
        return _number(label, field, default, shared)
    if field.type == tuple[str, ...]:
        return ask.text_input(label, value=", ".join(default), placeholder="World, Sports", **shared)
    if isinstance(field.default, tuple):
        return _numbers(label, default, shared)
    return ask.text_input(label, value=str(default), **shared)


def _number(label: str, field: dataclasses.Field[Any], default: Any, shared: dict[str, Any]) -> int | float | None:
    whole = isinstance(field.default, int) or (field.default is None and "float" not in str(field.type))
    kind = int if whole else float
    low, high = (
        None if limit is None else kind(limit) for limit in (field.metadata.get("low"), field.metadata.get("high"))
    )
    value = None if default is None else kind(default)
    if not whole and high is None and value is not None and 0 < value < _SMALL:  # such as a learning rate
        shared["format"], step = "%.1e", value / 10
    else:
        step = 1 if whole else _step(default, low, high)
    number: int | float | None = ask.number_input(
        label, min_value=low, max_value=high, value=value, whole=whole, step=step, **shared
    )
    return number


def _step(default: float | None, low: float | None, high: float | None) -> float:
    if low is not None and high is not None and high - low <= 1:
        return 0.05
    return 0.1 if default is None or abs(default) < 5 else 1.0


def _numbers(label: str, default: tuple[int, ...], shared: dict[str, Any]) -> tuple[int, ...]:
    text = ask.text_input(label, value=", ".join(map(str, default)), **shared)
    try:
        return tuple(int(part) for part in text.replace(",", " ").split())
    except ValueError:
        raise InvalidRequest(
            f"{label} is '{text}'.", "Write whole numbers with commas between them: 0, 4, 12."
        ) from None
