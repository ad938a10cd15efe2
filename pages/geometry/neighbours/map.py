"""The text and its neighbours on a map of principal components, where a typed text has its place too."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from backend import AnalysisSpec, ModelInfo, Projection, Result, TextOnMap, number_text, result_of
from pages._kit.charts.base import PALETTE, Floats, hover_text
from pages._kit.flow.progress import run_panel
from pages._kit.show.finding import Finding, show
from pages._kit.show.map_view import MapView
from pages._kit.state.session import workbench
from pages.geometry.neighbours.of_one import OneText

NO_PLACE = (
    "t-SNE and UMAP are laid out for the texts of the set alone: they have no place for a typed one, so the map is of principal "
    "components."
)
_ACCENT = PALETTE[3]


def map_specs(one: OneText, model: ModelInfo, text: str) -> list[AnalysisSpec]:
    """The map of the layer that is looked at, and, of a typed text, its place on it."""
    here, params = one.here, {"metric": one.metric}
    layers = (one.result.sources[0].layers[one.layer],)
    asked: dict[str, Any] = {"models": [model], "layers": layers, **here.rows}
    specs = [workbench().analysis("projection", params={"method": "pca", **params}, **asked)]
    if text:
        specs.append(workbench().analysis("text_on_map", params={"text": text, **params}, **asked))
    return specs


def show_on_map(one: OneText, model: ModelInfo, text: str) -> None:
    """The map, with the text and its neighbours marked; ``text`` is empty where it is a row of the set."""
    found = run_panel(map_specs(one, model, text), "neighbours_map")
    if found is None:
        return
    placed = result_of(found[1], TextOnMap) if text else None
    view = MapView(result_of(found[0], Projection), one.table, one.here.label)
    show(_Marked(one, view, placed, text).on_map())


@dataclass(frozen=True, slots=True, eq=False)
class _Marked:
    one: OneText
    view: MapView
    placed: Result[TextOnMap] | None
    text: str

    def on_map(self) -> Finding:
        """The map of the layer with a ring around each neighbour and a star for the text."""
        layer, whose = self.one.layer_name, self.one.whose
        drawn = self.view.still(
            "neighbours_map",
            f"{whose.capitalize()} and its neighbours on the map of {layer}",
            caption=self._caption(),
            name="neighbours-map",
            layer=layer,
            alt=f"{whose.capitalize()} and its nearest {self.one.here.row_name}s among the others in {layer}",
            height=440,
            view=f"{self.one.result.sources[0].model} {layer}",
        )
        results = [self.one.result, *drawn.results, *([self.placed] if self.placed is not None else [])]
        figure = self._marks(drawn.figure) if drawn.figure is not None else None
        return replace(drawn, figure=figure, results=results, table=self._table)

    def _marks(self, figure: go.Figure) -> go.Figure:
        coords = self.view.result.values.coords[0]
        ringed = self._points(self.one.result.values.nearest[self.one.layer].tolist())
        rings, star = coords[ringed], self._star()
        ids = self.view.result.values.row_index[ringed].astype(np.int32)  # a click on a ring is one on its point
        shared: dict[str, Any] = {"mode": "markers", "showlegend": True, "legendrank": 3000}
        figure.add_scattergl(
            x=rings[:, 0],
            y=rings[:, 1],
            name=f"the {self.one.result.values.k:,} nearest",
            marker={"symbol": "circle-open", "size": 13, "color": _ACCENT, "line": {"width": 2}},
            customdata=ids,
            unselected={"marker": {"opacity": 1}},
            hoverinfo="skip",
            **shared,
        )
        if len(star):
            said = self.text or self.one.table.shown[self.one.result.values.text]
            figure.add_scattergl(
                x=star[:, 0],
                y=star[:, 1],
                name=self.one.whose,
                marker={"symbol": "star", "size": 17, "color": _ACCENT, "line": {"width": 1, "color": "white"}},
                hovertemplate=f"{hover_text(said)}<extra></extra>",
                **shared,
            )
        return figure

    def _points(self, rows: Sequence[int]) -> list[int]:
        """The points of these rows of the activations; of rows that the map does not draw, none."""
        known = {row: point for point, row in enumerate(self.view.result.values.row_index.tolist())}
        return [known[row] for row in rows if row in known]

    def _star(self) -> Floats:
        """Where the text is, (1, 2), or (0, 2) where it has no place."""
        if self.placed is None:
            star: Floats = self.view.result.values.coords[0][self._points([self.one.result.values.row])]
        else:
            star = self.placed.values.coords[:1]
        return np.asarray(star[np.isfinite(star).all(axis=1)], np.float32)

    def _table(self) -> pd.DataFrame:
        """The points of the map, and that of a typed text."""
        table = self.view.points()
        star = self._star()
        if self.placed is None or not len(star):
            return table
        typed = {"layer": self.one.layer_name, "text": self.text, "axis_1": star[0, 0], "axis_2": star[0, 1]}
        table["row"] = table["row"].astype("Int64")
        return pd.concat([table, pd.DataFrame([typed])], ignore_index=True)

    def _caption(self) -> str:
        """What the marks are, how much of the space the plane shows, and what is missing."""
        values = self.view.result.values
        missing = self.one.result.values.k - len(self._points(self.one.result.values.nearest[self.one.layer].tolist()))
        parts = [
            f"The star is {self.one.whose}, the rings its nearest {self.one.here.row_name}s in the full space: near on the map is not "
            f"always near in it, for the axes show {number_text(float(values.variance_shown[0]), 'share')} of the variance"
        ]
        if self.placed is not None:
            shown = number_text(float(self.placed.values.shown[0]), "share")
            parts[0] += f", and {shown} of the squared distance of the typed text from the mean"
            parts.append(NO_PLACE)
        if missing:
            parts.append(f"{missing:,} of the nearest are not among the rows that are drawn.")
        return f"{parts[0]}. {' '.join(parts[1:])}".strip()
