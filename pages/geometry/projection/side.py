"""Maps side by side: of two or three models, layers or poolings, or of one model at two steps; all over the same texts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
import streamlit as st

from backend import (
    GIVEN,
    POOLINGS,
    AnalysisSpec,
    ModelInfo,
    MovedTexts,
    Projection,
    Result,
    TextTable,
    alignment_residual,
    laid_on,
    number_text,
    result_of,
)
from pages._kit.charts.base import Floats, short_model
from pages._kit.charts.beside import Panel, beside
from pages._kit.flow.progress import run_panel
from pages._kit.show.colouring import Colouring, choose_colours, say_scale
from pages._kit.show.columns import show_table
from pages._kit.show.finding import Finding, show
from pages._kit.show.map_list import list_selected
from pages._kit.show.map_view import FIELDS, MapView
from pages._kit.show.row_files import with_cells
from pages._kit.state import ask
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench

CAPTION = (
    "The same texts in each map: a text under the pointer, a selection and, where the maps are laid on one another, a zoom are in all of them. "
    "With t-SNE and UMAP only neighbourhoods mean something."
)
SHARED = "Neighbours shared"
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Side:
    """What one map is of."""

    model: ModelInfo
    layer: int
    pooling: str

    def title(self, others: Sequence["Side"]) -> str:
        """What tells it from the others: model, layer, pooling."""
        parts = [short_model(self.model.spec.name), self.model.layer_names[self.layer]]
        tells = self.pooling != GIVEN and len({one.pooling for one in others} - {GIVEN}) > 1
        return ", ".join([*parts, self.pooling] if tells else parts)


def choose_sides(here: Selection, n_sides: int) -> list[Side]:
    """Of each map its model, layer and pooling."""
    return [_side(here, place, column) for place, column in enumerate(st.columns(n_sides))]


def _side(here: Selection, place: int, column: Any) -> Side:  # Streamlit's container
    several = len(here.models) > 1
    names = [info.spec.name for info in here.models]
    with column, st.container(horizontal=True, gap="small"):
        name = names[0]
        if several:
            first = min(place, len(names) - 1)
            name = _box("Model", names, first, f"side_model_{place}", format_func=short_model)
        model = here.models[names.index(name)]
        numbers = tuple(range(len(model.layer_names))) if isinstance(here.layers, str) else tuple(here.layers)
        last = numbers.index(model.last_block(numbers))
        start = last if several else (last // 2, last, 0)[place]
        key = f"side_layer_{place}_{len(model.layer_names)}"
        layer = _box("Layer", numbers, start, key, format_func=model.layer_names.__getitem__)
        pooling = GIVEN if model.is_given else here.pooling
        if pooling in POOLINGS:
            pooling = _box("Pooling", POOLINGS, POOLINGS.index(pooling), f"side_pooling_{place}")
    return Side(model, layer, pooling)


def _box(label: str, options: Sequence[T], index: int, key: str, format_func: Callable[[Any], str] = str) -> T:
    return ask.selectbox(label, options, index=index, key=key, format_func=format_func, width="stretch")


def side_specs(sides: Sequence[Side], here: Selection, params: dict[str, Any]) -> list[AnalysisSpec]:
    """The projection of each side's layer."""
    return [
        workbench().analysis(
            "projection",
            models=[side.model],
            layers=(side.layer,),
            params=params,
            **{**here.rows, "pooling": side.pooling},
        )
        for side in sides
    ]


def show_side_by_side(here: Selection, table: TextTable, n_sides: int, params: dict[str, Any], *, shared: bool) -> None:
    """The choices, and the maps once they are there."""
    sides = choose_sides(here, n_sides)
    specs = side_specs(sides, here, {**params, "n_components": 2})
    shared = shared and _comparable(sides, here)
    if shared:
        specs.append(shared_spec(sides, here))
    found = run_panel(specs, "projection")
    if found is not None:
        results = [result_of(one, Projection) for one in found[: len(sides)]]
        moved = result_of(found[-1], MovedTexts) if shared else None
        show_sides(sides, results, moved, table, here)


def choose_number() -> tuple[int, bool]:
    """How many maps stand side by side, and whether they are coloured by what the first two share."""
    n_sides = ask.segmented_control("Maps", (2, 3), default=2, key="side_n")
    shared = ask.toggle(
        "Colour by shared neighbours",
        key="side_shared",
        help="Colours each text by the share of its nearest neighbours in the full space that it has in the first map's layer and "
        "in the second's alike: what differs between the two. The maps themselves play no part in it.",
    )
    return n_sides, shared


def _comparable(sides: Sequence[Side], here: Selection) -> bool:
    """Whether the neighbours of the first two maps can be compared; says why where they cannot."""
    if here.tokens is None and len({side.pooling for side in sides[:2]} - {GIVEN}) < 2 and sides[0] != sides[1]:
        return True
    st.caption(
        "Shared neighbours are counted between two layers or models with one pooling that is not tokens: choose such for the first two maps."
    )
    return False


def shared_spec(sides: Sequence[Side], here: Selection) -> AnalysisSpec:
    """How many neighbours each text has in common in the layers of the first two sides."""
    first, second = sides[:2]
    models = [first.model] if first.model == second.model else [first.model, second.model]
    places = {"layer": first.layer, "other_layer": second.layer}
    pooling = second.pooling if first.pooling == GIVEN else first.pooling
    return workbench().analysis("moved_texts", models=models, params=places, **{**here.rows, "pooling": pooling})


def shared_colours(moved: Result[MovedTexts], n_rows: int) -> Colouring:
    """The share of each row of the text set; NaN for rows that were not compared."""
    numbers = np.full(n_rows, np.nan)
    numbers[moved.values.text_index] = moved.values.overlap
    return Colouring(SHARED, None, numbers)


def show_sides(
    sides: Sequence[Side],
    results: Sequence[Result[Projection]],
    moved: Result[MovedTexts] | None,
    table: TextTable,
    here: Selection,
) -> None:
    """The maps in one figure beside their colours, how far to trust them, and what is selected."""
    first = MapView(results[0], table, here.label)
    left, right = st.columns([5, 1.6])
    with right:
        colouring = (
            choose_colours(table, here.label, "projection") if moved is None else shared_colours(moved, len(table))
        )
        if moved is not None:
            st.markdown(f"Shared by unrelated layers: **{number_text(moved.values.by_chance, 'share')}**")
        laid = ask.toggle(
            "Lay on the first map",
            value=True,
            key="side_laid",
            help="Shifts, turns, mirrors and scales each map to lie as close to the first as it can: distances within a map keep "
            "their proportions. Off, each map lies as it was made.",
        )
    with left:
        views = [MapView(result, table, here.label, colouring=colouring) for result in results]
        chosen = show(side_finding(sides, views, [] if moved is None else [moved], laid=laid))
    with right:
        say_scale(colouring)
        list_selected(first, chosen)
    show_table(qualities(sides, results), key="side_qualities")


def side_finding(sides: Sequence[Side], views: Sequence[MapView], others: Sequence[Result], *, laid: bool) -> Finding:
    """All maps as one figure; ``laid`` puts the others on the first. ``others`` are the results of which the colours are."""
    titles, first = [side.title(sides) for side in sides], views[0]
    results = [view.result for view in views]
    coords = coordinates(results, laid=laid)
    looks = [view.points_shown.looks(0) for view in views]
    panels = [Panel(title, places, look) for title, places, look in zip(titles, coords, looks, strict=True)]
    return Finding(
        key="projection_side",
        title=f"{first.method}: {' beside '.join(titles)}",
        figure=beside(panels, first.result.values.row_index, together=laid, note=first.part),
        caption=CAPTION,
        table=lambda: points(titles, coords, views),
        results=[*results, *others],
        fields=[*FIELDS, *(["overlap"] if others else [])],
        select="points",
        chosen=first.shared,
        name=f"projection-{first.result.values.method}-side-by-side",
        height=400,
        view=f"side {first.result.values.method} {titles} {laid}",
    )


def coordinates(results: Sequence[Result[Projection]], *, laid: bool) -> list[Floats]:
    """The first map as it is, and the others laid on it or as they are; each (n_points, 2 or 3)."""
    maps = [result.values.coords[0] for result in results]
    return [maps[0], *(laid_on(one, maps[0]) if laid else one for one in maps[1:])]


def points(titles: Sequence[str], coords: Sequence[Floats], views: Sequence[MapView]) -> pd.DataFrame:
    """One row for each map and point, as it is drawn."""
    first = views[0]
    texts = first.result.values.text_index
    parts = []
    for title, places, view in zip(titles, coords, views, strict=True):
        axes = {f"axis_{axis + 1}": column for axis, column in enumerate(places.T)}
        known = {"map": [title] * len(texts), "row": texts + 1}
        cells = with_cells(known, first.table, texts.tolist(), label=first.label, more=axes)
        parts.append(pd.DataFrame(cells | view.points_shown.column(cells)))
    return pd.concat(parts, ignore_index=True)


def qualities(sides: Sequence[Side], results: Sequence[Result[Projection]]) -> pd.DataFrame:
    """How far each map can be trusted, and how unlike the first it is."""
    maps = [np.asarray(result.values.coords[0], np.float64) for result in results]
    return pd.DataFrame(
        {
            "map": [side.title(sides) for side in sides],
            "trustworthiness": [float(result.values.trustworthiness[0]) for result in results],
            "neighbour overlap": [float(result.values.neighbour_overlap[0]) for result in results],
            "left when laid on the first (0: the same map)": [
                number_text(alignment_residual(one, maps[0])) for one in maps
            ],
        }
    )
