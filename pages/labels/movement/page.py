"""Movement: the paths of the labels' centroids over the layers of a model, and from a model to the tuned one."""

from collections.abc import Sequence

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend import (
    ModelInfo,
    MovementResult,
    NeighbourOverlap,
    Ordered,
    Result,
    error_bars,
    number_text,
)
from pages._kit.charts.base import short_model, titled
from pages._kit.charts.paths import (
    FRAME_HELP,
    FRAMES,
    LENGTHS_CAPTION,
    PATHS_CAPTION,
    lengths_chart,
    paths_chart,
)
from pages._kit.flow.controls import params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show import lessons as lessons
from pages._kit.show.columns import show_table
from pages._kit.show.finding import Finding, elsewhere, said_once, show
from pages._kit.show.findings import heading
from pages._kit.show.kept import drawn_once
from pages._kit.show.label_choice import choose_named
from pages._kit.show.text_rows import list_rows
from pages._kit.show.wording import ROWS_COUNT
from pages._kit.state import ask
from pages._kit.state.labelled import label_ready, say_classes
from pages._kit.state.pair import in_order, ordered
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import end_page, plain, workbench
from pages.labels.movement.differences import show_differences
from pages.labels.movement.tables import (
    by_label,
    changed_table,
    labels_table,
    layers_table,
    models_table,
    paths_table,
)

WHAT = "Which way do the labels move?"
HOW = (
    "The mean of each label's rows (its centroid) makes a path through the layers of a model, and, with two models or more, "
    "from the base to the tuned one or over the checkpoints of a training."
)
MOST_ROWS = 50


def choose_series(here: Selection, box: DeltaGenerator) -> tuple[list[ModelInfo], Ordered | None]:
    """The models to go through, from before to after, and how that is known; only those of the first one's shape can be
    compared with it. The boxes go into the container ``box``."""
    if len(here.models) == 1:
        return list(here.models), None
    shapes = {info.spec.name: (info.n_dims, len(info.layer_names)) for info in here.models}
    names = [info.spec.name for info in in_order(here.models).models if info.spec.name in shapes]
    with box:
        chosen = ask.multiselect(
            "Models, from before to after",
            names,
            default=[name for name in names if shapes[name] == shapes[names[0]]],
            format_func=short_model,
            key=f"movement_models_{' '.join(names)}",
            placeholder="Choose the models in the order of the training",
            help="Runs, cards and steps decide the order; where they say nothing, the order in this box counts. A single model "
            "shows only its layers.",
        )
    if not chosen:
        st.info("Choose a model under Settings.", icon=":material/tune:")
        end_page()
    odd = [name for name in chosen if shapes[name] != shapes[chosen[0]]]
    if odd:
        first = f"{short_model(chosen[0])} ({shapes[chosen[0]][1]} layers of {shapes[chosen[0]][0]} dimensions)"
        listed = ", ".join(f"{short_model(name)} ({shapes[name][1]} of {shapes[name][0]})" for name in odd)
        st.info(
            f"{plain(listed)} cannot be compared with {plain(first)}: movement is measured from a model to one trained from it. "
            "Remove it from the models under Settings, or choose it alone.",
            icon=":material/tune:",
        )
        end_page()
    models = [next(info for info in here.models if info.spec.name == name) for name in chosen]
    if len(models) < 2:
        return models, None
    with box:
        found = ordered(models) if len(models) == 2 else in_order(models)
    return list(found.models), found


def choose_frame(frames: Sequence[str]) -> int:
    """The place of the frame in the result."""
    chosen = ask.segmented_control(
        "Show the labels",
        list(FRAMES),
        format_func=FRAMES.__getitem__,
        default="centred",
        key="movement_frame",
        help=FRAME_HELP,
    )
    return frames.index(str(chosen))


def choose_place(result: Result[MovementResult]) -> int:
    """The place of the model whose layers are gone through, the last one to begin with."""
    names = [short_model(source.model) for source in result.sources]
    if len(names) == 1:
        return 0
    key = f"movement_of_{len(names)}"
    return int(
        ask.selectbox(
            "Over the layers of",
            range(len(names)),
            index=len(names) - 1,
            format_func=names.__getitem__,
            key=key,
            width=180,
        )
    )


def show_layers(result: Result[MovementResult], named: Sequence[int], frame: int, place: int) -> None:
    """Paths over the layers of one model."""
    values, names = result.values, [short_model(source.model) for source in result.sources]
    layers = result.sources[0].layer_names
    show(
        Finding(
            key="movement_paths",
            title=f"Paths of the labels over the layers of {names[place]}",
            figure=drawn_once(
                paths_chart, values.coords[frame, place], layers, values.classes, named, values.explained[frame]
            ),
            caption=f"From {layers[0]} to {layers[-1]}. {PATHS_CAPTION}",
            table=lambda: paths_table(result, frame, place),
            results=[result],
            fields=["coords", "error", "path"],
            expected=lambda gap: gap.field == "coords" and elsewhere(frame, place)(gap),
            alt=f"Paths of {len(values.classes)} label centroids over {len(layers)} layers of {names[place]}",
            height=440,
            view=f"{names} {frame} {values.classes}",
        )
    )


def show_models(result: Result[MovementResult], named: Sequence[int], frame: int, layer: int) -> None:
    """From the first model to the last in one layer."""
    values, sources = result.values, result.sources
    names, layers = [short_model(source.model) for source in sources], sources[0].layer_names
    coords, shares = values.layer_coords[frame, :, layer], values.layer_explained[frame, layer]
    show(
        Finding(
            key="movement_models",
            title=f"Paths of the labels in {layers[layer]}, from {names[0]} to {names[-1]}",
            figure=drawn_once(paths_chart, coords, names, values.classes, named, shares),
            caption=f"{layers[layer]}, from {names[0]} to {names[-1]}. {PATHS_CAPTION}",
            table=lambda: models_table(result, frame, layer),
            results=[result],
            fields=["layer_coords"],
            expected=elsewhere(frame, None, layer),
            layer=layers[layer],
            alt=f"Paths of {len(values.classes)} label centroids in {layers[layer]}, from {names[0]} to {names[-1]}",
            height=480,
            view=f"{names} {frame} {layer} {values.classes}",
        )
    )


def show_lengths(result: Result[MovementResult], named: Sequence[int], frame: int) -> None:
    """How long the difference vectors are, over depth: whole, or less what all labels do together."""
    values, layers = result.values, result.sources[0].layer_names
    relative = ask.toggle("Relative to how far the labels lie apart", value=True, key="movement_relative")
    field, title = "difference", "Movement"
    if values.frames[frame] != "raw":
        field, title = "difference_apart", "Movement to each other"
    if relative:
        field, title = f"{field}_relative", f"{title} / spread"
    lengths, errors = getattr(values, field), getattr(values, f"{field}_error")
    first, last = (short_model(result.sources[place].model) for place in (0, -1))
    show(
        Finding(
            key="movement_lengths",
            title=f"{title} of the labels over depth, {last} minus {first}",
            figure=titled(
                lengths_chart(lengths, errors, layers, values.classes, named, title),
                f"After minus before: {last} minus {first}",
            ),
            caption=LENGTHS_CAPTION,
            table=lambda: by_label(layers, values.classes, {title: lengths, "two standard errors": error_bars(errors)}),
            results=[result],
            fields=[field, "difference", "difference_relative"],
            alt=f"Length of the difference vectors of {len(values.classes)} labels over {len(layers)} layers",
            height=400,
            view=f"{layers} {relative} {title}",
        )
    )


def show_rows(series: Sequence[ModelInfo], layer: int) -> None:
    """The rows whose neighbours changed most from the first model to the last, in one layer."""
    st.subheader(f"{here.row_name.capitalize()}s whose neighbours changed most")
    spec = workbench().analysis("neighbour_overlap", models=[series[0], series[-1]], layers=here.layers, **here.rows)
    found = run_panel([spec], "movement_rows", NeighbourOverlap)
    if found is None or here.texts is None or layer >= len(found[0].values.pairs):
        return
    values, table = found[0].values, workbench().text_set(here.texts)
    order = np.argsort(values.per_row[layer], kind="stable")
    more = list_rows(
        values.text_index[order].tolist(),
        lambda places: changed_table(values, layer, order[places], table, label, here.row_name),
        key="movement_changed",
        most=MOST_ROWS,
    )
    lowest = f"The {MOST_ROWS} lowest. " if more else ""
    st.caption(
        f"Of its {values.k} nearest neighbours in {plain(short_model(series[0].spec.name))}, the share that each still has in "
        f"{plain(short_model(series[-1].spec.name))}; unrelated models would share {number_text(values.by_chance, 'share')}. {lowest}{ROWS_COUNT} "
        "The page Neighbours lists their neighbours before and after."
    )


def show_all(result: Result[MovementResult], row: DeltaGenerator) -> None:
    """Paths, difference vectors and lengths, then the tables and the rows whose neighbours changed; the choices of the first
    go into the container ``row``."""
    values, layers = result.values, result.sources[0].layer_names
    several = len(result.sources) > 1
    with row:
        place, frame, named = choose_place(result), choose_frame(values.frames), choose_named(values, "movement_labels")
    show_layers(result, named, frame, place)
    layer = len(layers) - 1
    if several:
        st.subheader("From model to model")
        if len(layers) > 1:
            key = f"movement_layer_{len(layers)}"
            layer = int(ask.select_slider("Layer", range(len(layers)), layer, format_func=layers.__getitem__, key=key))
        show_models(result, named, frame, layer)
        show_differences(result, named, frame, layer)
        show_lengths(result, named, frame)
    show_numbers(result, layer)
    if several:
        show_rows(series, layer)


def show_numbers(result: Result[MovementResult], layer: int) -> None:
    """The tables: of each label in one ``layer``, and of each layer."""
    several, layers = len(result.sources) > 1, result.sources[0].layer_names
    st.subheader("The numbers")
    whose = f" of {plain(short_model(result.sources[-1].model))}" if several else ""
    models = f"; from model to model in {plain(layers[layer])}" if several else ""
    st.caption(
        f"All lengths are distances in the full space; over the layers{whose}{models}. Errors are standard errors. The spread is "
        "the mean distance of the labels from their mean; a step or movement common to all is the share of its squared "
        "length that every label makes alike."
    )
    show_table(labels_table(result, layer))
    show_table(layers_table(result))


heading("Movement", WHAT, HOW, lessons.MOVEMENT)
here = ready()
label = label_ready(here)
with st.container(horizontal=True, vertical_alignment="bottom"):
    choices = st.container(
        horizontal=True, vertical_alignment="bottom", width="content"
    )  # filled where the result is there
    first = in_order(here.models).models[0] if len(here.models) > 1 else here.models[0]
    paper = paper_choice(["movement"], here, first, "movement")
series, order = choose_series(here, paper.box)
with paper.box:
    params = params_form(workbench().metrics()["movement"].params, **paper.form("movement", "movement"))
paper.say(here, {"movement": params})
spec = workbench().analysis("movement", models=series, layers=here.layers, label=label, params=params, **here.rows)
say_classes(label, order, alone=len(here.models) == 1)
if len(series) < len(here.models):
    st.caption(f"{len(series):,} of the {len(here.models):,} models in the sidebar; choose them under Settings.")
found = run_panel([spec], "movement", MovementResult)
if found is not None:
    with said_once(beside="movement"):
        show_all(found[0], choices)
