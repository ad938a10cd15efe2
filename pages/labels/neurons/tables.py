"""The tables of the page Neurons: of each model, layer and dimension, and of what its figures draw."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from backend import AccuracyCounts, ClassCounts, NeuronsResult, Result, TextTable, bin_middles, class_shares
from pages._kit.charts.base import Floats, short_model
from pages._kit.show.row_files import with_cells
from pages.labels.neurons.charts import line_names


def accuracy_table(results: Sequence[Result[NeuronsResult]]) -> pd.DataFrame:
    """Their table 3: one row a model, test accuracy with all, one, five and as many dimensions as classes."""
    rows = []
    for result in results:
        values, source = result.values, result.sources[0]
        lines = [("labels", values.test_accuracy)]
        if len(values.control_accuracy):
            lines.append(("shuffled", values.control_accuracy))
            lines.append(("shuffled, ± std", values.control_accuracy_std))
        for name, table in lines:
            n_classes = values.split.n_used
            sizes = ("all dimensions", "best 1", "best 5") + (
                () if n_classes == 5 else (f"best {n_classes} (classes)",)
            )
            row: dict[str, Any] = {
                "model": short_model(source.model),
                "layer": source.layer_names[0],
                "labels": name,
                "largest class": values.split.majority,
            }
            rows.append(row | dict(zip(sizes, table[0], strict=False)))
    return pd.DataFrame(rows)


def chosen_table(result: Result[NeuronsResult]) -> pd.DataFrame:
    """The dimensions in the order chosen, with what each knows alone."""
    values = result.values
    dims = values.dimensions[0]
    columns: dict[str, Any] = {
        "place": np.arange(1, len(dims) + 1),
        "dimension": dims,
        "cross-validated with those above": values.cross_validated[0],
    }
    if len(values.control_cross_validated):
        columns["the same, shuffled labels"] = values.control_cross_validated[0]
        columns["shuffled, ± std"] = values.control_cross_validated_std[0]
    columns["test accuracy alone"] = values.single_test[0][dims]
    columns["candidates"] = np.where(values.screened[0], "most promising", "all")
    return pd.DataFrame(columns)


def wrong_table(result: Result[NeuronsResult], texts: TextTable, label: str) -> pd.DataFrame:
    """The texts on the wrong side of the best dimension's borders, most wrong first, with their label and other columns."""
    values = result.values
    classes = values.split.classes
    known = {
        "row": values.wrong_text + 1,
        "on the side of": [classes[k] for k in values.wrong_guess],
        "value": values.wrong_value,
        "margin": values.wrong_margin,
    }
    return pd.DataFrame(with_cells(known, texts, values.wrong_text.tolist(), label=label))


def dimensions_table(result: Result[NeuronsResult]) -> pd.DataFrame:
    """One row for each dimension of one layer: its accuracies alone, and its place among the chosen."""
    values = result.values
    place = {int(dim): at + 1 for at, dim in enumerate(values.dimensions[0])}
    dims = range(values.n_dims)
    return pd.DataFrame(
        {
            "dimension": dims,
            "training accuracy alone": values.single_train[0],
            "test accuracy alone": values.single_test[0],
            "chosen as number": pd.array([place.get(dim) for dim in dims], "Int64"),
        }
    ).sort_values("test accuracy alone", ascending=False, kind="stable")


def singles_table(result: Result[NeuronsResult], counts: AccuracyCounts) -> pd.DataFrame:
    """One row for each bin of accuracy: how many dimensions lie in it, and how many in it or above."""
    source, edges = result.sources[0], counts.edges
    columns: dict[str, Any] = {
        "model": source.model,
        "layer": source.layer_names[0],
        "from": edges[:-1],
        "middle": bin_middles(edges),
        "to": edges[1:],
        "dimensions": counts.counts,
        "dimensions above the lower end": counts.above[:-1],
    }
    if counts.shuffled is not None:
        columns["dimensions, shuffled labels"] = counts.shuffled
    return pd.DataFrame(columns)


def values_table(result: Result[NeuronsResult], lines: ClassCounts, edges: Floats, *, train: bool) -> pd.DataFrame:
    """One row for each line and bin of the best dimension's values: how many rows of the class lie in it."""
    source, n_lines, n_bins = result.sources[0], *lines.counts.shape
    return pd.DataFrame(
        {
            "model": source.model,
            "layer": source.layer_names[0],
            "dimension": int(result.values.dimensions[0, 0]),
            "rows": "training" if train else "test",
            "class": np.repeat(line_names(lines, result.values.split.classes), n_bins),
            "from": np.tile(edges[:-1], n_lines),
            "to": np.tile(edges[1:], n_lines),
            "count": lines.counts.ravel(),
            "share of the class": class_shares(lines.counts).ravel(),
        }
    )


def depth_table(result: Result[NeuronsResult]) -> pd.DataFrame:
    """One row for each layer: accuracies, McNemar's p against all dimensions, and the accuracies with shuffled labels."""
    values = result.values
    places = range(3 if values.split.n_used == 5 else 4)
    sizes = ("all dimensions", "best 1", "best 5", f"best {values.split.n_used} (classes)")
    columns: dict[str, Any] = {
        "layer": list(result.sources[0].layer_names),
        "best dimension": pd.array([None if dim < 0 else int(dim) for dim in values.dimensions[:, 0]], "Int64"),
        **{sizes[place]: values.test_accuracy[:, place] for place in places},
        **{f"p against all, {sizes[place]}": values.against_all[:, place] for place in places[1:]},
    }
    if len(values.control_accuracy):
        columns |= {f"{sizes[place]}, shuffled": values.control_accuracy[:, place] for place in places}
        columns |= {f"{sizes[place]}, shuffled, ± std": values.control_accuracy_std[:, place] for place in places}
    return pd.DataFrame(columns)
