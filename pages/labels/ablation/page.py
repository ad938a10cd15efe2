"""Ablation: what a classification head still gets right while dimensions are removed, and what becomes of the layer."""

from dataclasses import dataclass
from functools import partial

import numpy as np
import streamlit as st
from streamlit.delta_generator import DeltaGenerator

from backend import (
    AblationResult,
    AnalysisSpec,
    ModelInfo,
    PostProcess,
    Projection,
    Result,
    TextTable,
    Undefined,
    fingerprint,
    result_of,
)
from pages._kit.charts.maps import METHODS
from pages._kit.flow.controls import METHODS_HELP, method_choice, params_form
from pages._kit.flow.paper import paper_choice
from pages._kit.flow.progress import run_panel
from pages._kit.show import lessons as lessons
from pages._kit.show.choosing import select_button
from pages._kit.show.columns import folded_table
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import heading, holders, sampling_error_words
from pages._kit.show.kept import drawn_once
from pages._kit.show.plot import Frames
from pages._kit.show.wording import count, row_name
from pages._kit.state import ask
from pages._kit.state.chosen import chosen_rows
from pages._kit.state.labelled import ONE_OR_ALL, choose_layer, choose_some, label_missing, say_classes
from pages._kit.state.selection import Selection, ready
from pages._kit.state.session import workbench
from pages.labels.ablation.charts import (
    CAPTION,
    GEOMETRY_CAPTION,
    MAP_CAPTION,
    MEASURES,
    NAMES,
    NO_CURVES,
    SLIDER_CAPTION,
    Curve,
    accuracy_chart,
    curves_of,
    geometry_chart,
    how_words,
    readings,
    right_wrong_map,
    step_names,
)
from pages.labels.ablation.inner import inner_panel
from pages.labels.ablation.models import models_panel
from pages.labels.ablation.tables import curves_table, geometry_table, map_table, numbers_table

WHAT = "Which dimensions does the classification head need?"
HOW = (
    "Dimensions are removed in an order, and the head predicts again after each one. If the curve with the highest variance "
    "first falls at once, the head relies on the rogue dimensions; if the one with the lowest first stays high to the end, a few "
    "dimensions are enough."
)
LINK = "ablation"
ASKED = "_ablation_map"


@dataclass(frozen=True, slots=True)
class Choice:
    """What the controls say: the model and its layer, how the map is laid out, and the ablation that is asked for."""

    here: Selection
    model: ModelInfo
    layer: int
    method: str
    spec: AnalysisSpec

    def map_spec(self, removed: tuple[int, ...] = ()) -> AnalysisSpec:
        """The projection of the layer, with these dimensions removed first."""
        steps = (PostProcess("remove_dims", dims=removed),) if removed else ()
        rows = {**self.here.rows, "postprocess": (*self.here.postprocess, *steps)}
        params = {"method": self.method}
        return workbench().analysis("projection", models=[self.model], layers=[self.layer], params=params, **rows)


def choose_order(curves: dict[str, Curve]) -> Curve:
    """The order whose k the slider moves."""
    chosen = ask.segmented_control(
        "Remove",
        list(curves),
        default="highest",
        format_func=lambda name: NAMES[name].partition(" (")[0],
        key=f"ablation_order_{len(curves)}",
        help="Whose numbers, geometry and map the slider shows. Hand-picked dimensions are named in the settings.",
    )
    return curves.get(str(chosen), curves["highest"])


def zoom_of(curve: Curve) -> str:
    """What the kept zoom depends on: hand-picked dimensions have an axis of their own length."""
    return f" {len(curve.dims)} picked" if curve.name == "chosen" else ""


def draw_curves(choice: Choice, result: Result[AblationResult], curves: dict[str, Curve], curve: Curve) -> int:
    """The accuracies with the slider; returns the k where the slider was let go."""
    values, source = result.values, result.sources[0]
    steps = range(len(curve.accuracy))
    error = sampling_error_words(
        values.sampling_error, values.split.n_test, choice.here.row_name, holders(values.split)
    )
    state = show(
        Finding(
            key="ablation_curves",
            title=f"Ablation at the head, {source.layer_names[0]} of {source.model}",
            figure=drawn_once(accuracy_chart, curves, values, shown=curve.name),
            caption=f"{CAPTION} {SLIDER_CAPTION} {how_words(values)} {error}",
            table=lambda: curves_table(curves, values),
            results=[result],
            fields=["accuracy", "chosen_accuracy"],
            alt=f"Test accuracy against the number of removed dimensions in {source.layer_names[0]} of {source.model}",
            height=410,
            view=f"{source.model} {source.layer_names[0]} {values.n_dims}{zoom_of(curve)}",
            frames=Frames(
                "Removed",
                drawn_once(step_names, curve),
                [],
                drawn_once(readings, curve),
                cursor=steps,
                link=LINK,
            ),
        )
    )
    return int(state.frame or 0)


def draw_geometry(result: Result[AblationResult], curves: dict[str, Curve], curve: Curve) -> None:
    """The four measures, following the slider."""
    source, steps = result.sources[0], range(len(curve.accuracy))
    show(
        Finding(
            key="ablation_geometry",
            title=f"Geometry while dimensions are removed, {source.layer_names[0]} of {source.model}",
            figure=drawn_once(geometry_chart, curves, shown=curve.name),
            caption=f"{GEOMETRY_CAPTION.format(n=count(len(result.values.sample), 'test text'))} Where every dimension is removed there is no geometry, and the lines end.",
            table=lambda: geometry_table(curves),
            results=[result],
            fields=[*MEASURES, *(f"chosen_{measure}" for measure in MEASURES)],
            expected=partial(is_end, result.values),
            alt=f"Anisotropy, average cosine, TwoNN and neighbour overlap against removed dimensions, {NAMES[curve.name]}",
            height=460,
            view=f"{source.model} {source.layer_names[0]}{zoom_of(curve)}",
            frames=Frames("Removed", [str(k) for k in steps], [], cursor=steps, link=LINK, follows=True),
        )
    )


def draw_map(
    result: Result[AblationResult],
    curve: Curve,
    shown: Result[Projection],
    table: TextTable,
    label: str | None,
    removed: str,
    k: int,
) -> None:
    """The projection ``shown``, its points right or wrong by the slider at ``k``; ``removed`` says what it was computed without."""
    values, source = result.values, shown.sources[0]
    if curve.right is None:
        st.info(
            'The map cannot be coloured: the predictions are too many to be kept. Lower "Maximum rows" in the settings.'
        )
        return
    _, at, place = np.intersect1d(values.sample, shown.values.row_index, return_indices=True)
    rows, coordinates = values.sample[at], shown.values.coords[0][place]
    method, numbers = shown.values.method, shown.values.text_index[place]
    titles = ["Component 1", "Component 2"] if method == "pca" else ["", ""]
    names = [values.split.classes[number] for number in values.sample_classes[at]]
    texts, figure = [table.shown[row] for row in numbers], None
    chosen = np.flatnonzero(np.isin(numbers, chosen_rows())) if chosen_rows() else None
    faint = "" if chosen is None else f" {len(chosen):,} of them are selected; the others are faint."
    if np.isfinite(coordinates).any():
        figure = drawn_once(right_wrong_map, coordinates, texts, names, rows, titles, chosen)
    right = curve.right[:, at]
    steps = [str(k) for k in range(len(curve.accuracy))]
    n_test = values.split.n_test
    part = "" if len(rows) == n_test else f" {len(rows):,} of {n_test:,} test texts are among those laid out and kept."
    which = f"in {source.layer_names[0]} of {source.model}"
    show(
        Finding(
            key="ablation_map",
            title=f"{METHODS[method]} of test texts {which}, right or wrong",
            figure=figure,
            caption=f"{METHODS[method]} {removed or 'of the whole layer'}. {MAP_CAPTION}{part}{faint}",
            table=lambda: map_table(coordinates, numbers, right[k], k, table, label),
            results=[result, shown],
            fields=["coords"],
            empty="There is no map: with these dimensions removed, all texts have the same vector.",
            alt=f"{METHODS[method]} of {len(rows):,} test texts {which}, right or wrong",
            height=460,
            view=f"{method} {source.model} {source.layer_names[0]} {removed}",
            frames=Frames("Removed", steps, [], shown={0: right, 1: ~right}, link=LINK, follows=True),
        )
    )
    wrong = numbers[~right[k]].tolist()
    select_button(
        wrong, f"{count(len(wrong), row_name(table.unit))} wrong with {k:,} dimensions removed", "ablation_select"
    )


def map_panel(
    choice: Choice, result: Result[AblationResult], curve: Curve, whole: Result[Projection] | None, k: int
) -> None:
    """The map, as it is or computed again without the removed dimensions."""
    assert choice.here.texts is not None
    table = workbench().text_set(choice.here.texts)
    mine = (fingerprint(choice.spec), choice.method)
    asked = st.session_state.get(ASKED, {})
    with st.container(horizontal=True, vertical_alignment="center"):
        possible = 0 < k < result.values.n_dims
        label = f"Map without the {k:,} removed" if possible else "Map without what is removed"
        if st.button(label, key="ablation_recompute", icon=":material/refresh:", disabled=not possible):
            said = f"after removing {k:,} dimensions, {NAMES[curve.name].partition(' (')[0]}"
            asked = {"of": mine, "dims": tuple(map(int, curve.dims[:k])), "said": said}
            st.session_state[ASKED] = asked
            workbench().start(choice.map_spec(asked["dims"]))
        again = asked.get("of") == mine
        if again and st.button("Back to the whole layer", key="ablation_whole", icon=":material/undo:"):
            st.session_state[ASKED] = {}
            st.rerun()
    if again:
        found = run_panel([choice.map_spec(asked["dims"])], "ablation_map", Projection)
        if found is not None:
            draw_map(result, curve, found[0], table, choice.here.label, asked["said"], k)
            return
    if whole is not None:
        draw_map(result, curve, whole, table, choice.here.label, "", k)


def is_end(values: AblationResult, gap: Undefined) -> bool:
    """Whether a number of the geometry is undefined because no dimension is left, as at the end of every order."""
    whole = dict.fromkeys(MEASURES, (values.grid, 3)) | {f"chosen_{name}": (values.chosen_grid, 2) for name in MEASURES}
    grid, n_axes = whole[gap.field]
    return len(gap.index) == n_axes and bool(grid[gap.index[-1]] == values.n_dims)


def show_all(
    choice: Choice, result: Result[AblationResult], whole: Result[Projection] | None, row: DeltaGenerator
) -> None:
    """Curves, geometry and map, and their numbers in one table; the choice of the order goes into ``row``."""
    values = result.values
    if not np.isfinite(values.accuracy[0]).any():
        show_nothing(result)
        return
    curves = curves_of(values)
    with row:
        curve = choose_order(curves)
    with said_once():
        k = draw_curves(choice, result, curves, curve)
        left, right = st.columns(2)
        with left:
            draw_geometry(result, curves, curve)
        with right:
            map_panel(choice, result, curve, whole, k)
        folded_table("The numbers", lambda: numbers_table(curves, values), key="ablation_numbers")


def show_nothing(result: Result[AblationResult]) -> None:
    """Why there is nothing to ablate in a layer."""
    show(
        Finding(
            key="ablation_nothing",
            title=f"Ablation at the head, {result.sources[0].layer_names[0]} of {result.sources[0].model}",
            figure=None,
            caption="",
            table=lambda: numbers_table(curves_of(result.values), result.values),
            results=[result],
            fields=["accuracy"],
            empty=NO_CURVES,
            name="ablation",
        )
    )


def head_section(here: Selection, model: ModelInfo, label: str, row: DeltaGenerator) -> None:
    """Everything about ablation at the head; ``row`` is the container of the controls."""
    with row:
        layer = choose_layer(model, "ablation_layer")
        order = st.container(horizontal=True, width="content")  # filled where the orders are known
        paper = paper_choice(["ablation"], here, model, "ablation")
    with paper.box:
        params = params_form(workbench().metrics()["ablation"].params, **paper.form("ablation", "ablation"))
        method = method_choice("Map of the texts", "ablation_method", help=METHODS_HELP)
    paper.say(here, {"ablation": params}, layers=[layer])
    spec = workbench().analysis("ablation", models=[model], layers=[layer], label=label, params=params, **here.rows)
    say_classes(label)
    choice = Choice(here, model, layer, method, spec)
    found = run_panel([spec, choice.map_spec()], "ablation", partial=True)
    if found is not None and found[0] is not None:
        whole = None if found[1] is None else result_of(found[1], Projection)
        show_all(choice, result_of(found[0], AblationResult), whole, order)


heading("Ablation", WHAT, HOW, lessons.ABLATION)
here = ready()
controls = st.container(horizontal=True, vertical_alignment="bottom")
with controls:
    shown = choose_some(here.models, "ablation_model", about=ONE_OR_ALL)
if not label_missing(here) and here.label is not None:
    if len(shown) > 1:
        models_panel(here, shown, here.label, controls)
    else:
        head_section(here, shown[0], here.label, controls)
if len(shown) == 1:
    inner_panel(here, shown[0])
