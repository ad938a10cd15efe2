"""One view of a map: points that a slider moves from layer to layer or step to step, how far to trust it, what is selected.

How a page uses it::

    view = MapView(result, table, here.label)                # or slider="Step", steps=series.steps
    show_map(view, "projection", "projection_map", lambda view: view.finding("projection_map", title))  # its slider, colours, quality, selected rows
    show(view.still("overview_projection", title))           # one place of it, as a figure like any other
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from backend import Projection, Result, TextTable, number_text, points_inside
from pages._kit.charts.maps import CAPTION, METHODS, headlined, projection_scatter
from pages._kit.charts.maps import Projection as Drawn
from pages._kit.show.colouring import Colouring, by_column, choose_colours, say_scale
from pages._kit.show.columns import folded_table
from pages._kit.show.finding import Finding, elsewhere, said_once, show
from pages._kit.show.kept import kept_figure, made_of
from pages._kit.show.map_grid import every_place
from pages._kit.show.map_layers import Cells, cell_rows, choose_layers, dense, dense_words, offer_all, region_notes
from pages._kit.show.map_list import list_selected
from pages._kit.show.map_points import MapPoints
from pages._kit.show.map_quality import quality, show_quality
from pages._kit.show.passing import show_early
from pages._kit.show.plot import Frames
from pages._kit.show.row_files import with_cells
from pages._kit.show.sharing import Outline, Shared
from pages._kit.show.wording import count, row_name
from pages._kit.state.chart_state import asked_rows, last_shown
from pages._kit.state.chosen import choose_rows, chosen_rows, how_to_choose
from pages._kit.state.view import asked_words

FIELDS = ("coords", "trustworthiness", "neighbour_overlap")


@dataclass(frozen=True, slots=True, eq=False)
class MapView:
    """The maps of ``result`` over the rows of ``table``, with the column ``label`` (or None) as their label.

    ``slider`` says what each map is of: a layer of the result's, or one of the ``steps`` of a series. ``colouring`` is what the
    points are coloured by, the label if None. With ``named`` the regions have their names; with ``every`` the
    places are small maps of one figure, without a slider. With ``cells`` the points stand before the
    density of more of them, those of the result ``whole``.
    """

    result: Result[Projection]
    table: TextTable
    label: str | None = None
    slider: str = "Layer"
    steps: Sequence[int] = ()
    colouring: Colouring | None = None
    named: bool = False
    every: bool = False
    cells: Cells | None = None
    whole: Result[Projection] | None = None

    @property
    def places(self) -> Sequence[int | str]:
        """What each map is of, as it stands in tables."""
        return self.steps or self.result.sources[0].layer_names

    @property
    def names(self) -> list[str]:
        """The same in words."""
        return [place if isinstance(place, str) else f"{place:,}" for place in self.places]

    @property
    def method(self) -> str:
        """How the points were laid out, as it is written."""
        return METHODS[self.result.values.method]

    @property
    def points_shown(self) -> MapPoints:
        """What each point looks like and says."""
        return MapPoints(self.result.values, self.table, self.colouring or by_column(self.table, self.label))

    def labels(self) -> list[str | None] | None:
        """The label of each point; None where no column is chosen."""
        if self.label is None:
            return None
        column = self.table.columns[self.label]
        return [column[text] for text in self.result.values.text_index]

    @property
    def tokens(self) -> bool:
        """Whether points are tokens."""
        return bool((self.result.values.token_index >= 0).any())

    @property
    def part(self) -> str:
        """How many of the rows are drawn, and which; empty where all are."""
        values, sample = self.result.values, self.result.sources[0].sample
        if self.cells is not None:
            return " · ".join(filter(None, (dense_words(self, "token" if self.tokens else "text"), sample)))
        n_points, n_rows = len(values.row_index), values.n_rows
        drawn = f"{n_points:,} of {count(n_rows, 'token' if self.tokens else 'text')}, drawn (seed {self.result.seed})"
        return " · ".join(filter(None, (drawn if n_points < n_rows else "", sample)))

    @property
    def shared(self) -> Shared | None:
        """What is selected on all pages, as points; None where a point is a token, which no other page knows."""
        if self.tokens:
            return None
        values = self.result.values
        found = values.row_index[np.isin(values.text_index, np.array(chosen_rows(), np.int64))]
        return Shared(found, self.pick, None if self.whole is None else self.pick_around)

    def pick(self, ids: Sequence[int]) -> None:
        """Select the texts of these points; none of them takes the selection back."""
        values, how = self.result.values, how_to_choose() if ids else "replace"
        rows = values.text_index[np.isin(values.row_index, np.array(ids, np.int64))]
        choose_rows(rows.tolist(), how, story=f"{count(len(rows), self.row_name)} on the {self.method} map")

    def pick_around(self, outline: Outline) -> None:
        """Select the texts of all points within an outline, of a map that draws a part of them."""
        assert self.whole is not None
        values, how = self.whole.values, "add" if outline.adding else how_to_choose()
        coords = values.coords[min(outline.frame, len(values.coords) - 1)]
        rows = values.text_index[points_inside(coords, outline.corners)]
        choose_rows(rows.tolist(), how, story=f"{count(len(rows), self.row_name)} on the {self.method} map")

    @property
    def row_name(self) -> str:
        """What a row of the text set is."""
        return row_name(self.table.unit)

    def drawn(self, place: int, axis_titles: Sequence[str] = ()) -> Drawn:
        """One of the maps as points."""
        values = self.result.values
        n_axes = values.coords.shape[2]
        pca = values.method == "pca"
        components = [f"Component {axis}" for axis in range(1, n_axes + 1)] if pca else [""] * n_axes
        drawn = projection_scatter(
            values.coords[place],
            **self.points_shown.looks(place),
            ids=values.row_index,
            axis_titles=axis_titles or components,
        )
        if self.part:
            headlined(drawn.figure, self.part)
        if self.cells is not None:
            return drawn.before(self.cells.grids, place, "tokens" if self.tokens else "texts")
        return drawn

    def finding(
        self,
        key: str,
        title: str,
        *,
        caption: str = CAPTION,
        initial: int = -1,
        **more: Any,  # fields of the finding
    ) -> Finding:
        """All maps, by a slider; it begins at the place ``initial``. ``more`` are fields of the finding."""
        values = self.result.values
        place = initial % len(self.names)
        word = "" if self.every else self.made_of(place)
        figure, frames = (None, None) if self.every else kept_figure(word, lambda: self._with_slider(place))
        given: dict[str, Any] = {
            "name": f"projection-{values.method}",
            "height": 420,
            "view": f"{values.method} {values.coords.shape[2]} {title} {self.result.sources[0].texts}",
        } | more
        whole = Finding(
            key=key,
            title=title,
            figure=figure,
            caption=caption,
            table=self.points,
            results=[self.whole or self.result],
            fields=FIELDS,
            select="points",
            frames=frames,
            chosen=self.shared,
            on_class=self.points_shown.on_class,
            made_of=word,
            **given,
        )
        return every_place(self, whole) if self.every else whole

    def made_of(self, place: int) -> str:
        """What the map is made of that begins at ``place``: all that its points and its slider show."""
        grids = () if self.cells is None else tuple(grid.counts.tobytes() for grid in self.cells.grids)
        shown = (self.slider, tuple(self.steps), self.named, self.part, place, grids)
        return made_of("map", self.result.fingerprint, shown, *self.points_shown.made_of())

    def _with_slider(self, initial: int) -> tuple[go.Figure, Frames]:
        """The map of the place ``initial``, and what the others change in it."""
        drawn = self.drawn(initial)
        captions = [quality(self.result, place) for place in range(len(self.names))]
        colours, ends = self.points_shown.frame_colours(drawn)
        coords = drawn.coordinates(self.result.values.coords)
        frames = Frames(self.slider, self.names, coords, captions, initial, colours=colours, colour_ends=ends)
        if self.cells is not None:
            frames = replace(frames, grids={0: self.cells.grids})
        return drawn.figure, replace(frames, notes=region_notes(self)) if self.named else frames

    def still(
        self,
        key: str,
        title: str,
        *,
        place: int = 0,
        **more: Any,  # fields of the finding
    ) -> Finding:
        """One of the maps; ``more`` are fields of the finding."""
        values = self.result.values
        shares = values.explained_variance_ratio[place] if len(values.explained_variance_ratio) else []
        shared = self.shared
        titles = [
            f"Component {axis}, {number_text(share, 'share')} of the variance" for axis, share in enumerate(shares, 1)
        ]
        return Finding(
            key=key,
            title=title,
            figure=self.drawn(place, titles).figure,
            table=self.points,
            results=[self.result],
            fields=["coords"],
            expected=elsewhere(place),
            select="none" if shared is None else "points",
            chosen=shared,
            **{"caption": "", "height": 380, **more},
        )

    def points(self) -> pd.DataFrame:
        """One row for each place and point, with its text; the rows of the text set count from 1."""
        values = self.result.values
        n_places, n_points, n_axes = values.coords.shape
        columns: dict[str, Any] = {
            self.slider.lower(): np.repeat(self.places, n_points),
            "row": np.tile(values.text_index + 1, n_places),
        }
        if self.tokens:  # else the columns would say nothing
            columns["token"] = np.tile(values.token_index, n_places)
            columns["word"] = list(values.tokens or [None] * n_points) * n_places
        flat = values.coords.reshape(n_places * n_points, n_axes)
        axes = {f"axis_{axis + 1}": flat[:, axis] for axis in range(n_axes)}
        texts = np.tile(values.text_index, n_places).tolist()
        columns = with_cells(columns, self.table, texts, label=self.label, more=axes)
        table = pd.DataFrame(columns | self.points_shown.column(columns))
        if self.cells is None:
            return table
        behind = cell_rows(self.cells, self.slider.lower(), self.places, "token" if self.tokens else "text")
        return pd.concat([table, behind], ignore_index=True)

    def qualities(self) -> pd.DataFrame:
        """How far each map can be trusted, one row for each place."""
        values = self.result.values
        columns: dict[str, Any] = {
            self.slider.lower(): list(self.places),
            "trustworthiness": values.trustworthiness,
            f"overlap of {values.k} neighbours": values.neighbour_overlap,
            "overlap by chance": values.overlap_by_chance,
            "alignment residual": values.alignment_residual,
        }
        if len(values.explained_variance_ratio):
            columns["variance shown"] = values.variance_shown
        return pd.DataFrame(columns)


def show_map(
    view: MapView,
    key: str,
    chart: str,
    made: Callable[[MapView], Finding],
    *,
    most: str = "",
    most_rows: int = 0,
    colours: Mapping[str, Callable[[], Colouring]] | None = None,
    early: bool = False,
) -> None:
    """The map with its slider beside its colours, what is selected in it, and how far to trust it; then every place, and the notes.

    ``key`` names the fields for what is shown in the address; ``made`` makes the map, of the key ``chart``, from the view that has it.
    ``colours`` are further ones that points can have. ``most`` is the field that says how many rows are laid out, of ``most_rows`` that can be.
    ``early`` is a map whose quality is still being computed: the figure is marked, and nothing of it can be selected, saved or linked.
    """
    _follow_old_link(view, chart)
    n_places = len(view.names)
    with said_once(also=[view.result] if early else ()):
        left, right = st.columns([5, 2])
        with right:
            view = replace(view, colouring=choose_colours(view.table, view.label, key, colours))
            layers = choose_layers(view, key)
        with left:
            thin = layers.density and not layers.every
            drawn = dense(view, *last_shown(chart, n_places, n_places - 1)) if thin else view
            finding = made(replace(drawn, named=layers.names, every=layers.every))
            chosen = show_early(finding) if early else show(finding)
            if most and not early:
                offer_all(view, most, most_rows)
        with right:
            say_scale(view.colouring)
            if not layers.every:
                show_quality(view, chosen.frame or 0, f"{finding.key}_quality")
            if not early:
                list_selected(view, chosen)
        if n_places > 1 and not early:
            folded_table(f"Every {view.slider.lower()}", view.qualities, key=f"{finding.key}_qualities")


def _follow_old_link(view: MapView, key: str) -> None:
    """A link of an earlier version has the selected points of the map, in the place of rows."""
    words = asked_words(f"{key}_points") if not view.tokens else []
    if words and words[-1] and not chosen_rows():
        view.pick(asked_rows(f"{key}_points", words[-1]))
        st.rerun()
