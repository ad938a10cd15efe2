"""The tables of the page Movement: of each figure the numbers that it draws, then of each label and each layer."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from backend import MovementResult, NeighbourOverlap, Result, TextTable
from pages._kit.charts.base import Floats, short_model
from pages._kit.show.row_files import with_cells


def by_label(
    steps: Sequence[str], classes: Sequence[str], numbers: Mapping[str, Floats], step: str = "layer"
) -> pd.DataFrame:
    """One row for each of the ``steps`` and each label; ``numbers`` are (n_steps, n_labels) each."""
    columns: dict[str, Any] = {step: np.repeat(list(steps), len(classes)), "label": list(classes) * len(steps)}
    return pd.DataFrame(columns | {name: np.ravel(array) for name, array in numbers.items()})


def axes(coords: Floats) -> dict[str, Floats]:
    """The two axes of points (n_steps, n_labels, 2), by name."""
    return {"axis_1": coords[..., 0], "axis_2": coords[..., 1]}


def paths_table(result: Result[MovementResult], frame: int, place: int) -> pd.DataFrame:
    """Over the layers of one model: of each label its standard error in the full space, and where it is drawn."""
    values, source = result.values, result.sources[place]
    numbers = {"standard error": values.error[place], **axes(values.coords[frame, place])}
    table = by_label(source.layer_names, values.classes, numbers)
    table.insert(0, "model", short_model(source.model))
    return table


def models_table(result: Result[MovementResult], frame: int, layer: int) -> pd.DataFrame:
    """From model to model in one layer: of each label its standard error in the full space, and where it is drawn."""
    values, sources = result.values, result.sources
    numbers = {"standard error": values.error[:, layer], **axes(values.layer_coords[frame, :, layer])}
    table = by_label([short_model(source.model) for source in sources], values.classes, numbers, "model")
    table.insert(1, "layer", sources[0].layer_names[layer])
    return table


def differences_table(result: Result[MovementResult], frame: int, shown: Sequence[int] | None) -> pd.DataFrame:
    """The difference vectors from the cross to their tips: of all layers in one plane (None), or of those shown, each in its own."""
    values, names = result.values, result.sources[0].layer_names
    tips = values.difference_coords[frame]
    if shown is not None:
        tips, names = values.difference_layer_coords[frame][list(shown)], tuple(names[at] for at in shown)
    start = np.zeros(tips.shape[:2])
    return by_label(names, values.classes, {"start_1": start, "start_2": start, **axes(tips)})


def labels_table(result: Result[MovementResult], layer: int) -> pd.DataFrame:
    """One row for each label, all lengths in the full space."""
    values, several = result.values, len(result.sources) > 1
    names = [short_model(source.model) for source in result.sources]
    last = len(values.error) - 1
    columns: dict[str, Any] = {
        "label": list(values.classes),
        "rows": values.counts,
        "path, layers": values.path[last],
        "first to last layer": values.displacement[last],
        "error, last layer": values.error[last, -1],
    }
    if several:
        columns |= {
            f"{names[-1]} minus {names[0]}": values.difference[layer],
            "its error": values.difference_error[layer],
            "relative": values.difference_relative[layer],
            "to each other": values.difference_apart[layer],
            "path, models": values.model_path[layer],
        }
    by = f"{names[-1]} minus {names[0]}" if several else "first to last layer"
    return pd.DataFrame(columns).sort_values(by, ascending=False, kind="stable", na_position="last")


def layers_table(result: Result[MovementResult]) -> pd.DataFrame:
    """One row for each layer: how far the labels lie from their mean, and how much of a step all of them share."""
    values = result.values
    last = len(values.spread) - 1
    columns: dict[str, Any] = {
        "layer": list(result.sources[0].layer_names),
        "spread of labels": values.spread[last],
    }
    columns["step common to all"] = np.r_[np.nan, values.step_common[last]]
    if len(result.sources) > 1:
        columns[f"spread, {short_model(result.sources[0].model)}"] = values.spread[0]
        columns["mean movement"] = values.difference_mean
        columns["movement common to all"] = values.difference_common
    return pd.DataFrame(columns)


def changed_table(
    values: NeighbourOverlap,
    layer: int,
    rows: npt.NDArray[np.int64],
    texts: TextTable,
    label: str,
    row_name: str,
) -> pd.DataFrame:
    """One line for each of these ``rows`` of the result: what it has kept of its neighbours in a layer, its label, text and columns."""
    numbers = values.text_index[rows]
    kept = {"row": numbers + 1, "neighbours kept": values.per_row[layer][rows]}
    return pd.DataFrame(with_cells(kept, texts, numbers.tolist(), label=label, text=row_name))
