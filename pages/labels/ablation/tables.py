"""The tables of an ablation at the head: accuracies at every k, the geometry along it, the texts that are right or wrong."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from backend import AblationResult, TextTable, band_ends
from pages._kit.charts.base import Floats
from pages._kit.show.row_files import with_cells
from pages.labels.ablation.charts import MEASURES, Curve


def curves_table(curves: Mapping[str, Curve], values: AblationResult) -> pd.DataFrame:
    """One row for each order and k: accuracies, those of the control with its band; of random dimensions also the range of the draws."""
    parts = []
    for curve in curves.values():
        drawn, n_steps = curve.name == "random", len(curve.accuracy)
        none = np.full(n_steps, np.nan)
        low, high = band_ends(curve.control, curve.control_std)
        removed = [None if drawn or not k else int(curve.dims[k - 1]) for k in range(n_steps)]
        columns: dict[str, Any] = {
            "order": curve.name,
            "k": np.arange(n_steps),
            "removed last": pd.array(removed, "Int64"),
            "accuracy": curve.accuracy,
            "lowest draw": values.random_low[0] if drawn else none,
            "highest draw": values.random_high[0] if drawn else none,
            "control": curve.control,
            "control ± std": curve.control_std,
            "control, low": low,
            "control, high": high,
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True)


def geometry_table(curves: Mapping[str, Curve]) -> pd.DataFrame:
    """One row for each order and each k at which the geometry was measured."""
    parts = [pd.DataFrame({"order": one.name, "k": one.grid, **one.geometry}) for one in curves.values()]
    return pd.concat(parts, ignore_index=True)


def numbers_table(curves: Mapping[str, Curve], values: AblationResult) -> pd.DataFrame:
    """Both tables in one; the geometry where it was measured."""
    return curves_table(curves, values).merge(geometry_table(curves), "left", ["order", "k"])[
        ["order", "k", "removed last", "accuracy", "lowest draw", "highest draw", "control", "control ± std", *MEASURES]
    ]


def map_table(
    coordinates: Floats,
    numbers: npt.NDArray[np.int64],
    right: npt.NDArray[np.bool_],
    k: int,
    texts: TextTable,
    label: str | None,
) -> pd.DataFrame:
    """One row for each point (n, 2): its row of the text set from 1, its place, whether it is right at ``k``, label, text, other columns."""
    known = {
        "row": np.asarray(numbers) + 1,
        "axis_1": coordinates[:, 0],
        "axis_2": coordinates[:, 1],
        f"right at k = {k}": right,
    }
    return pd.DataFrame(with_cells(known, texts, np.asarray(numbers).tolist(), label=label))
