"""What a click on a cell of CKA opens: its value, and its two layers side by side."""

from dataclasses import dataclass, replace

import numpy as np
import streamlit as st

from backend import (
    CkaResult,
    ModelInfo,
    Projection,
    Result,
    number_text,
    results_of,
)
from pages._kit.charts.base import short_model
from pages._kit.charts.layer_pairs import Reasons
from pages._kit.flow.progress import obtain
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.findings import reasons
from pages._kit.show.map_view import MapView
from pages._kit.show.shared_axes import with_shared_axes
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain, workbench

HINT = ":material/ads_click: Click a cell to see its two layers."


@dataclass(frozen=True, slots=True)
class Cell:
    """Two layers and the number that compares them: of the row first, of the column second.

    ``layers`` are layer numbers of ``models``; ``baseline`` is what independent data would give, None where that says
    nothing; ``reason`` says why an undefined ``value`` is undefined.
    """

    models: tuple[ModelInfo, ModelInfo]
    layers: tuple[int, int]
    value: float
    reason: str = ""
    baseline: float | None = None
    value_name: str = "CKA"
    unit: str = "correlation"

    def turned(self) -> "Cell":
        """The same with row and column exchanged."""
        return replace(self, models=self.models[::-1], layers=self.layers[::-1])


def cell_reasons(result: Result[CkaResult]) -> Reasons:
    """Why cells of a CKA's matrix are undefined, by (row, column)."""
    return {(index[0], index[1]): reason for index, reason in reasons(result, "matrix").items()}


def cell_of(result: Result[CkaResult], models: tuple[ModelInfo, ModelInfo], at: tuple[int, int]) -> Cell:
    """The cell (row, column) of a CKA of the first model's layers with the second's."""
    layers = (result.sources[0].layers[at[0]], result.sources[-1].layers[at[1]])
    value, baseline = float(result.values.matrix[at]), float(result.values.baseline[at])
    return Cell(models, layers, value, cell_reasons(result).get(at, ""), baseline)


def describe(cell: Cell) -> None:
    """The two layers of a cell and their value."""
    st.metric(
        cell.value_name,
        number_text(cell.value, cell.unit) if np.isfinite(cell.value) else "undefined",
        width="content",
    )
    lines = [
        f"**{plain(model.layer_names[layer])}** of {plain(short_model(model.spec.name))}"
        for model, layer in zip(cell.models, cell.layers, strict=True)
    ]
    st.markdown("  \n".join(lines))
    if not np.isfinite(cell.value):
        st.caption(plain(cell.reason))
    elif cell.baseline is not None:
        st.caption(f"Independent data of this size would give about {number_text(cell.baseline, cell.unit)}.")


def side_by_side(cell: Cell, here: Selection) -> None:
    """The rows in the first two principal components of both layers of a cell."""
    assert here.texts is not None
    specs = [
        workbench().analysis("projection", models=[model], layers=(layer,), params={"method": "pca"}, **here.rows)
        for model, layer in zip(cell.models, cell.layers, strict=True)
    ]
    st.subheader("The two layers side by side")
    name = "Laying out the two layers"
    found = [obtain(spec, f"similarity_map_task_{place}", what=name) for place, spec in enumerate(specs)]
    maps = results_of([result for result in found if result is not None], Projection)
    if len(maps) < len(found):
        return
    table = workbench().text_set(here.texts)
    findings = with_shared_axes([_map(MapView(one, table, here.label), at) for at, one in enumerate(maps)])
    with said_once():
        for side, finding in zip(st.columns(2), findings, strict=True):
            with side:
                show(finding)


def _map(view: MapView, place: int) -> Finding:
    """The rows of one layer, for the place 0 (left) or 1."""
    source = view.result.sources[0]
    name = f"{short_model(source.model)}, {source.layer_names[0]}"
    title = f"{name}: first two principal components"
    return view.still(
        f"similarity_map_{place}", title, caption=f"{title}.", name="similarity-map", alt=f"Texts in {name}", view=name
    )
