"""The section "Inside the network": overwrite dimensions after a block, run the rest of the model, see what is left."""

from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import streamlit as st

from backend import (
    InnerAblation,
    InnerAblationParams,
    ModelInfo,
    Result,
    band_ends,
    network_runs,
    number_text,
    points_text,
    value_words,
    widest_gap,
)
from pages._kit.flow.controls import params_form
from pages._kit.flow.progress import run_panel
from pages._kit.show.columns import folded_table
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.kept import drawn_once
from pages._kit.state import ask
from pages._kit.state.labelled import say_no_model
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain, workbench
from pages.labels.ablation.inner_charts import (
    CAPTION,
    LOSS_CAPTION,
    ORDER_NAMES,
    inner_accuracy_chart,
    inner_loss_chart,
)

WHAT = (
    "Here the dimensions are overwritten after a block, for every token, and the following blocks run on the result. If a few "
    "dimensions lower the accuracy or raise the loss, and as many random ones do not, the network relies on them; later "
    "blocks may also restore what was removed."
)
ORDERS = ("all", "highest", "lowest", "random", "named")
_OTHER = ("steps", "n_texts", "n_draws", "head", "classes", "test_share", "test_split", "control")


def inner_panel(here: Selection, model: ModelInfo) -> None:
    """A switch; behind it the choice of block, dimensions and filling, Run, and the curves of ``model``."""
    st.subheader("Inside the network")
    st.markdown(WHAT)
    wanted = ask.toggle(
        "Run the rest of the network on what is left",
        key="inner_wanted",
        help="Each number of dimensions takes one pass of the model over a sample of the test texts.",
    )
    if not wanted or not _possible(here, model):
        return
    params = _choice(model)
    rows: dict[str, Any] = {**here.rows, "postprocess": ()}
    spec = workbench().analysis("inner_ablation", models=[model], layers="all", label=here.label, params=params, **rows)
    _announce(here, spec.params, model)
    found = run_panel([spec], "inner", InnerAblation)
    if found is not None:
        _show(found[0])


def _possible(here: Selection, model: ModelInfo) -> bool:
    """Whether there is anything to judge by; if not, say what is needed."""
    if model.is_given:
        say_no_model(model, "This runs the network itself")
        return False
    if here.tokens is not None:
        st.info("This needs one row per text: choose the pooling mean, last or cls.", icon=":material/tune:")
        return False
    if here.label is None and model.family != "decoder":
        st.info(
            f"{plain(model.spec.name)} predicts no tokens, so only labels can show what is lost. Choose a label column in the "
            "sidebar, or a causal language model such as GPT-2.",
            icon=":material/label:",
        )
        return False
    return True


def _choice(model: ModelInfo) -> dict[str, Any]:
    numbers = list(range(len(model.layer_names)))
    with st.container(horizontal=True, vertical_alignment="bottom"):
        layer = ask.selectbox(
            "After the layer",
            numbers,
            index=(len(numbers) - 1) // 2,
            format_func=model.layer_names.__getitem__,
            key=f"inner_layer_{len(numbers)}",
            width=140,
        )
        order = ask.selectbox(
            "Dimensions",
            ORDERS,
            format_func=lambda name: {**ORDER_NAMES, "all": "all orders", "named": "named"}[name],
            key="inner_order",
            width=200,
            help="Which dimensions go first, by their variance over the training texts in that layer.",
        )
        mode = ask.segmented_control(
            "Overwrite with",
            ["zero", "mean"],
            default="zero",
            format_func=partial(value_words, "mode"),
            key="inner_mode",
        )
        box = st.popover("Settings", icon=":material/tune:")
    cls = workbench().metrics()["inner_ablation"].params
    named = params_form(cls, "inner", only=("dims",)) if order == "named" else {}
    with box:
        other = params_form(cls, "inner", only=_OTHER)
    chosen = layer if layer in numbers else numbers[(len(numbers) - 1) // 2]
    return {"layer": chosen, "mode": str(mode), "order": "all" if order == "named" else order, **named, **other}


def _announce(here: Selection, params: InnerAblationParams, model: ModelInfo) -> None:
    """What the run takes, and what of the sidebar does not count here."""
    what = (
        "The loss per token needs no labels." if here.label is None else f"Classes: the column '{plain(here.label)}'."
    )
    st.caption(
        f"{what} About {network_runs(params, model.n_dims):,} runs of the network over at most {params.n_texts:,} texts."
    )
    if here.postprocess:
        st.caption("Inside the network there are only the model's own activations: post-processing is left out here.")


def _show(result: Result[InnerAblation]) -> None:
    """The accuracy where there are labels, the loss where the model predicts tokens, and the numbers of both."""
    values, numbers = result.values, table(result.values)
    with said_once():
        if np.isfinite(values.accuracy).any() or values.split is not None:
            _show_accuracy(result, numbers)
        if np.isfinite(values.loss).any() or values.n_tokens or values.split is None:
            _show_loss(result, numbers)
        folded_table("The numbers", lambda: numbers, key="inner_numbers")


def _show_accuracy(result: Result[InnerAblation], numbers: pd.DataFrame) -> None:
    values, known = result.values, bool(np.isfinite(result.values.accuracy).any())
    head = "the model's own head" if values.own_head else "a fitted head"
    show(
        Finding(
            key="inner_accuracy",
            title=f"Ablation inside the network, after {values.layer_name}: accuracy",
            figure=drawn_once(inner_accuracy_chart, values) if known else None,
            caption=f"{CAPTION} Read with {head} on {values.read_name}.",
            table=lambda: with_band(
                numbers[[name for name in numbers.columns if not name.startswith("loss")]], "accuracy"
            ),
            results=[result],
            fields=["accuracy"],
            layer=values.layer_name,
            alt=f"Test accuracy against the number of {_about(result)}",
            height=460,
            view=_view(result),
        )
    )
    if known:
        st.markdown(plain(says(values, "accuracy")))


def _show_loss(result: Result[InnerAblation], numbers: pd.DataFrame) -> None:
    values, known = result.values, bool(np.isfinite(result.values.loss).any())
    first = ["order", "dimensions overwritten"]
    show(
        Finding(
            key="inner_loss",
            title=f"Ablation inside the network, after {values.layer_name}: loss",
            figure=drawn_once(inner_loss_chart, values) if known else None,
            caption=LOSS_CAPTION,
            table=lambda: with_band(
                numbers[[name for name in numbers.columns if name in first or name.startswith("loss")]], "loss"
            ),
            results=[result],
            fields=["loss"],
            layer=values.layer_name,
            alt=f"Loss per token against the number of {_about(result)}",
            height=420,
            view=_view(result),
        )
    )
    if known:
        st.markdown(plain(says(values, "loss")))


def with_band(numbers: pd.DataFrame, what: str) -> pd.DataFrame:
    """The numbers with the ends of the band around ``what``, where it has one."""
    spread = numbers.get(f"{what} ± std")
    if spread is None:
        return numbers
    (mean,) = [numbers[name] for name in numbers if name in (what, f"{what} (nats per token)")]
    low, high = band_ends(mean, spread)
    return numbers.assign(**{f"{what}, low": low, f"{what}, high": high})


def _about(result: Result[InnerAblation]) -> str:
    return f"dimensions overwritten after {result.values.layer_name} of {result.sources[0].model}"


def _view(result: Result[InnerAblation]) -> str:
    return f"{result.sources[0].model} {result.values.layer} {len(result.values.n_overwritten)}"


def says(values: InnerAblation, field: str) -> str:
    """What the curves of ``field`` show: where the first order lies furthest from random dimensions, or else what overwriting all does.

    Of an accuracy also how far chance may move the difference that is named, text by text.
    """
    gap = widest_gap(values, field)
    if gap is None:
        return ""

    def wording(value: float) -> str:
        if field == "accuracy":
            return f"{number_text(value, 'accuracy')} of the texts are right"
        return f"a token costs {number_text(value)} nats"

    words = f"With nothing overwritten {wording(gap.start)}; with {gap.n_overwritten:,} dimensions overwritten "
    if gap.random is None:
        words += f"{wording(gap.value)}."
    else:
        words += (
            f"({ORDER_NAMES[gap.order]}) {wording(gap.value)}, with as many random ones {wording(gap.random)} "
            f"(the widest gap of {gap.n_points:,} points)."
        )
    if field != "accuracy":
        return words
    return f"{words} The difference: {points_text(gap.change, gap.error)} (95 %, text by text)."


def table(values: InnerAblation) -> pd.DataFrame:
    """One row for each order and number of dimensions."""
    n_steps = len(values.n_overwritten)
    columns = {
        "order": np.repeat([ORDER_NAMES[order] for order in values.orders], n_steps),
        "dimensions overwritten": np.tile(values.n_overwritten, len(values.orders)),
        "accuracy": values.accuracy.ravel(),
        "accuracy ± std": values.accuracy_std.ravel(),
        "shuffled labels": values.control.ravel(),
        "shuffled, ± std": values.control_std.ravel(),
        "loss (nats per token)": values.loss.ravel(),
        "loss ± std": values.loss_std.ravel(),
    }
    return pd.DataFrame({name: column for name, column in columns.items() if not pd.isna(column).all()})
