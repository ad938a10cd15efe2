"""What can be laid over a map, or under it: names of its regions, and the density of many points with a part of them drawn."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pandas as pd
import streamlit as st

from backend import Density, Projection, Region, density, drawn_points, name_regions
from pages._kit.charts.base import Floats
from pages._kit.charts.regions import placed_names
from pages._kit.show.frames import Note
from pages._kit.show.wording import count
from pages._kit.state import ask
from pages._kit.state.view import set_value

if TYPE_CHECKING:
    from pages._kit.show.map_view import MapView

MOST_POINTS = 100_000  # drawn as points; more have a density
MOST_PANELS = 64
NAMES, DENSITY = "Names", "Density"
_HELP = (
    "Names: the words that are frequent in one part of the map and not in the others (class-based TF-IDF, no model), for each "
    "layer its own. Density: how many points lie where, and a part of them as points, which box and lasso select. All layers (or steps): a small "
    "map for each place of the slider."
)


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The density behind a map: a grid for each place, how many points are in it, and of these in what is zoomed to."""

    grids: tuple[Density, ...]
    n_points: int
    n_shown: int


@dataclass(frozen=True, slots=True)
class Layers:
    """Whether regions have names, points a density behind them, and every place a map of its own."""

    names: bool = False
    density: bool = False
    every: bool = False


def choose_layers(view: "MapView", key: str) -> Layers:
    """What is laid over or under the map, and whether all places are drawn at once; many points have a density anyway."""
    values = view.result.values
    n_places, n_points, n_axes = values.coords.shape
    if n_axes > 2:
        return Layers()
    many, every = n_points > MOST_POINTS, f"All {view.slider.lower()}s"
    options = [NAMES, *([] if many else [DENSITY]), *([every] if 1 < n_places <= MOST_PANELS else [])]
    chosen = ask.pills("Also show", options, key=f"{key}_over", help=_HELP)
    return Layers(NAMES in chosen, many or DENSITY in chosen, every in chosen)


def offer_all(view: "MapView", field: str, n_rows: int) -> None:
    """How many rows the map leaves out, and a button that lays out all that can be; ``field`` says how many are."""
    n_points, wanted = len(view.result.values.row_index), min(n_rows, view.result.values.n_rows)
    if wanted <= n_points:
        return
    st.button(
        f"Show all {wanted:,}" if wanted == view.result.values.n_rows else f"Show {wanted:,}",
        icon=":material/select_all:",
        key=f"{field}_all",
        on_click=set_value,
        args=(field, wanted),
        help=f"The map has {n_points:,} of {view.result.values.n_rows:,}. Laying out more takes longer; the cost is shown first.",
    )


def region_notes(view: "MapView") -> list[list[Note]]:
    """The names of the regions of every place, on the map."""
    full = view if view.whole is None else replace(view, result=view.whole, whole=None, cells=None)
    regions = _regions(full, full.result.fingerprint, full.result.seed)
    return [placed_names(some, coords) for some, coords in zip(regions, full.result.values.coords, strict=True)]


@st.cache_data(max_entries=8, show_spinner="Naming the regions …")
def _regions(_view: "MapView", fingerprint: str, seed: int) -> tuple[tuple[Region, ...], ...]:
    return name_regions(_view.result.values.coords, _view.points_shown.documents(), seed=seed)


def dense(view: "MapView", zoom: Mapping[str, Sequence[float]], place: int) -> "MapView":
    """``view`` with the density of all its points and a part of them drawn: of those within the ``zoom`` of the ``place`` on show."""
    values = view.result.values
    among = inside(values.coords[place], zoom)
    rows = drawn_points(view.points_shown.classes, len(values.row_index), seed=view.result.seed, among=among)
    n_points = len(values.row_index)
    n_shown = n_points if among is None else len(np.flatnonzero(among))
    cells = Cells(tuple(density(coords) for coords in values.coords), n_points, n_shown)
    return replace(view, result=replace(view.result, values=part_of(values, rows)), whole=view.result, cells=cells)


def inside(coords: Floats, zoom: Mapping[str, Sequence[float]]) -> npt.NDArray[np.bool_] | None:
    """Which points (n_points,) a zoomed map shows; None for the whole map."""
    if not {"xaxis", "yaxis"} & set(zoom):
        return None
    shown = np.ones(len(coords), bool)
    for axis, name in enumerate(("xaxis", "yaxis")):
        low, high = sorted(zoom.get(name, (-np.inf, np.inf)))
        shown &= (coords[:, axis] >= low) & (coords[:, axis] <= high)
    return shown


def part_of(values: Projection, rows: npt.NDArray[np.int64]) -> Projection:
    """The maps of some of the points."""
    return replace(
        values,
        coords=values.coords[:, rows],
        norms=values.norms[:, rows],
        row_index=values.row_index[rows],
        text_index=values.text_index[rows],
        token_index=values.token_index[rows],
        tokens=tuple(values.tokens[row] for row in rows) if values.tokens else (),
        token_spans=values.token_spans[rows] if len(values.token_spans) else values.token_spans,
    )


def dense_words(view: "MapView", noun: str) -> str:
    """How many points the density has, and which of them are drawn."""
    assert view.cells is not None
    classes = f"in proportion to {view.points_shown.colouring.name}" if view.points_shown.classes else "at random"
    n_drawn, cells = len(view.result.values.row_index), view.cells
    whole = f"Density of {count(cells.n_points, noun)}"
    if n_drawn == cells.n_points:
        return f"{whole}, all of them drawn"
    here = "" if cells.n_shown == cells.n_points else f" of the {cells.n_shown:,} in this part"
    if n_drawn == cells.n_shown:
        return f"{whole}; all{here} drawn"
    return f"{whole}; {n_drawn:,}{here or ' of them'} drawn, {classes}, seed {view.result.seed}"


def cell_rows(cells: Cells, slider: str, places: Sequence[int | str], noun: str) -> pd.DataFrame:
    """One row for each cell of each place that has points: the middle of the cell, and how many there are."""
    tables = []
    for place, grid in zip(places, cells.grids, strict=True):
        row, column = np.nonzero(grid.counts)
        middle = {"axis_1": grid.x0 + grid.dx * column, "axis_2": grid.y0 + grid.dy * row}
        tables.append(pd.DataFrame({slider: place, **middle, f"{noun}s in the cell": grid.counts[row, column]}))
    return pd.concat(tables, ignore_index=True)
