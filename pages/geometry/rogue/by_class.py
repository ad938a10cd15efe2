"""The view of Rogue that shows what each dimension is for each class, all models of the sidebar beside each other."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import PRESETS, ClassSpikesResult, ModelInfo, Result
from pages._kit.charts.base import short_model
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show.columns import show_table
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.kept import drawn_once
from pages._kit.show.shared_axes import axes_words, common_span
from pages._kit.state import ask
from pages._kit.state.labelled import label_ready, say_classes
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain, workbench
from pages.geometry.rogue.class_charts import CAPTION, MOST_CLASSES, N_NAMED, ClassPanel, class_height, spikes_by_class

OWN = "rogue_own_pooling"
TABLE_HOW = (
    "Difference between the classes: how far the means of the classes lie from the mean of all, squared and added up over the "
    "dimensions. In one dimension, in the {top} of highest variance: what share of it lies there. Half of it: how few dimensions hold half. "
    "Explained: of the variance of the dimension of highest variance, the part between the classes (1: it tells the classes apart by itself)."
)
SAME_AXIS = "The panels have the same value axis."
_POOLED = {"cls": "[CLS]", "last": "last token", "mean": "mean of the tokens", "words": "words"}


def class_panel(here: Selection) -> None:
    """The models of the sidebar in one layer, counted from the last: the choices, Run, the figure and the table."""
    label = label_ready(here)
    models = here.models
    with st.container(horizontal=True, vertical_alignment="bottom"):
        back = _choose_layer(models)
        poolings = _poolings(here, models)
        paper = paper_choice(["class_spikes"], here, models[0], "rogue_class", extra={OWN: True})
    with paper.box:
        params = params_form(workbench().metrics()["class_spikes"].params, **paper.form("class_spikes", "rogue_class"))
    layers = [len(info.layer_names) - 1 - back for info in models]
    paper.say(replace(here, pooling=poolings[0]), {"class_spikes": params}, layers=layers[:1])
    specs = [
        workbench().analysis(
            "class_spikes",
            models=[info],
            layers=[layer],
            label=label,
            params=params,
            **{**here.rows, "pooling": pooling},
        )
        for info, layer, pooling in zip(models, layers, poolings, strict=True)
    ]
    say_classes(label, alone=len(models) == 1)
    found = run_panel(specs, "rogue_class", ClassSpikesResult, partial=True)
    if found is None:
        return
    there = [(result, pooling) for result, pooling in zip(found, poolings, strict=True) if result is not None]
    _show(Spikes([result for result, _ in there], [pooling for _, pooling in there]))


def _choose_layer(models: Sequence[ModelInfo]) -> int:
    """How many layers before the last one; each place is named by what it is in the models."""
    depth = min(len(info.layer_names) for info in models)

    def name(back: int) -> str:
        return " / ".join(dict.fromkeys(info.layer_names[-1 - back] for info in models))

    key = f"rogue_class_layer_{depth}"
    return int(ask.selectbox("Layer", range(depth), format_func=name, key=key, width=220))


def _poolings(here: Selection, models: Sequence[ModelInfo]) -> list[str]:
    """The pooling of each model: the sidebar's, or that of its family, where they differ and it is wanted."""
    assert here.texts is not None
    own = [PRESETS["class_spikes"].pooling_for(info, here.texts.spec.unit) for info in models]
    if not set(own) - {here.pooling}:
        return own
    chosen = ask.toggle(
        "Pooling of its family",
        value=len(set(own)) > 1,
        key=OWN,
        help="The last token of a decoder, [CLS] of an encoder, whatever the sidebar says: what their classification heads read.",
    )
    return own if chosen else [here.pooling] * len(models)


@dataclass(frozen=True, slots=True, eq=False)
class Spikes:
    """What there is to show: a result for each model, and the pooling of each."""

    results: Sequence[Result[ClassSpikesResult]]
    poolings: Sequence[str]

    @property
    def titles(self) -> list[str]:
        """Model, layer and pooling, one a panel."""
        return [
            f"{short_model(one.sources[0].model)}, {one.sources[0].layer_names[0]}, {_POOLED.get(pooling, pooling)}"
            for one, pooling in zip(self.results, self.poolings, strict=True)
        ]

    def panels(self) -> list[ClassPanel]:
        """What the chart draws of the models that have numbers."""
        found = []
        for title, result in zip(self.titles, self.results, strict=True):
            values = result.values
            if np.isfinite(values.mean[0]).any():
                found.append(ClassPanel(title, values.mean[0], int(values.principal[0]), values.apart(0, N_NAMED)))
        return found

    def table(self, shown: Sequence[int]) -> pd.DataFrame:
        """One row for each model and dimension: the mean of each class that is drawn, and where the classes differ."""
        parts = []
        for result in self.results:
            values, source = result.values, result.sources[0]
            columns: dict[str, Any] = {
                "model": short_model(source.model),
                "layer": source.layer_names[0],
                "dimension": np.arange(values.n_dims),
                **{f"mean, {values.classes[label]}": values.mean[0, label] for label in shown},
                **{f"std, {values.classes[label]}": values.std[0, label] for label in shown},
                "variance": values.variance[0],
                "explained by the class (share)": values.explained[0],
                "share of the difference between the classes": values.share[0],
            }
            parts.append(pd.DataFrame(columns))
        return pd.concat(parts, ignore_index=True)

    def summary(self) -> pd.DataFrame:
        """One row for each model: on how few dimensions its classes differ."""
        rows: list[dict[str, Any]] = []
        for result, pooling in zip(self.results, self.poolings, strict=True):
            values, source = result.values, result.sources[0]
            dim, half = int(values.principal[0]), int(values.n_for_half[0])
            rows.append(
                {
                    "model": short_model(source.model),
                    "layer": source.layer_names[0],
                    "pooling": _POOLED.get(pooling, pooling),
                    "highest variance: dimension": dim if dim >= 0 else None,
                    "explained in it (share)": float(values.explained[0, dim]) if dim >= 0 else np.nan,
                    "share in it": float(values.principal_share[0]),
                    f"share in the {values.top}": float(values.top_share[0]),
                    "half in, dimensions": half if half > 0 else None,
                    "of, dimensions": values.n_dims,
                }
            )
        table = pd.DataFrame(rows)
        whole = ["highest variance: dimension", "half in, dimensions"]
        return table.astype(dict.fromkeys(whole, "Int64"))


def _choose_classes(values: ClassSpikesResult) -> list[int]:
    """The classes drawn: all where they are few, else those chosen, the largest to begin with."""
    known = list(range(len(values.classes)))
    if len(known) <= MOST_CLASSES:
        return known
    largest = sorted(known, key=lambda label: -int(values.counts[label]))[: MOST_CLASSES // 2]
    chosen: list[int] = ask.multiselect(
        f"Classes drawn (of {len(known)})",
        known,
        default=largest,
        format_func=values.classes.__getitem__,
        max_selections=MOST_CLASSES,
        key=f"rogue_classes_{len(values.classes)}",
        help=f"Up to {MOST_CLASSES}; to begin with the largest. The numbers in the table below are of all classes.",
    )
    return chosen


def _show(spikes: Spikes) -> None:
    first = spikes.results[0].values
    shown = _choose_classes(first)
    panels = spikes.panels()
    figure, words = None, ""
    if panels and shown:
        span = common_span([_span(panel, shown) for panel in panels])
        figure = drawn_once(spikes_by_class, panels, first.classes, shown, span if len(panels) > 1 else None)
        words = (SAME_AXIS if span is not None else axes_words(["vertical"])) if len(panels) > 1 else ""
    left = len(first.classes) - len(shown)
    more = f" {left} more classes are not drawn." if left else ""
    names = " and ".join(short_model(result.sources[0].model) for result in spikes.results)
    with said_once():
        show(
            Finding(
                key="rogue_by_class",
                title=f"Dimensions by class, {' and '.join(spikes.titles)}",
                figure=figure,
                caption=f"{CAPTION}{more} {words}".strip(),
                table=lambda: spikes.table(shown),
                results=spikes.results,
                fields=["mean", "share"],
                name="rogue-by-class",
                alt=f"Mean value of {len(shown)} classes on every dimension of {names}",
                height=class_height(len(panels)),
                view=f"{spikes.titles} {first.classes}",
            )
        )
        st.subheader("On how few dimensions the classes differ")
        st.caption(plain(TABLE_HOW.format(top=first.top)))
        show_table(spikes.summary())


def _span(panel: ClassPanel, shown: Sequence[int]) -> tuple[float, float]:
    """From where to where the drawn values go, with some room for the names."""
    values = panel.mean[list(shown)]
    low, high = float(np.nanmin(values)), float(np.nanmax(values))
    room = 0.1 * (high - low)
    return low - room, high + room
