"""The tables of the page Clusters: of each layer its counts, of each pair of labels its distance."""

from typing import Any

import numpy as np
import pandas as pd

from backend import DirectProbeResult, Result
from pages._kit.charts.base import short_model


def other_name(result: Result[DirectProbeResult]) -> str:
    """The second model, short; empty where there is none."""
    return short_model(result.sources[1].model) if len(result.sources) > 1 else ""


def own_name(result: Result[DirectProbeResult]) -> str:
    """The first model, short, where there are two: what is of one of them alone bears its name."""
    return short_model(result.sources[0].model) if len(result.sources) > 1 else ""


def of_model(name: str, model: str) -> str:
    """A column's name with its model, where there is one to be named."""
    return f"{name}, {model}" if model else name


def counts_table(result: Result[DirectProbeResult]) -> pd.DataFrame:
    """One row for each layer of the deeper model: the paper's tables 2 and 3."""
    values = result.values
    names = max((source.layer_names for source in result.sources), key=len)
    own, other = own_name(result), other_name(result)
    columns: dict[str, Any] = {
        "layer": list(names),
        "labels": values.n_labels,
        of_model("clusters", own): values.n_clusters,
        of_model("pairs of labels apart", own): values.apart,
        of_model("the same, labels shuffled", own): values.control_apart,
        of_model("shuffled, ± std", own): values.control_apart_std,
        "test labels": values.test_n_labels,
        of_model("test clusters", own): values.test_n_clusters,
        of_model("train against test", own): values.train_test,
        of_model("rows left out", own): values.n_left_out,
    }
    if len(values.other_n_clusters):
        columns[f"clusters, {other}"] = values.other_n_clusters
        columns[f"train against test, {other}"] = values.other_train_test
        columns[f"alike with {other}"] = np.diagonal(values.across)
    return pd.DataFrame({name: filled(column, len(names)) for name, column in columns.items()})


def filled(column: Any, n_rows: int) -> Any:  # a column of a table, of any type
    """A column with gaps for the layers that only the other model has; whatever is of no layer stays."""
    short = isinstance(column, np.ndarray) and len(column) < n_rows
    return np.r_[column, np.full(n_rows - len(column), np.nan)] if short else column


def distance_table(result: Result[DirectProbeResult], layer: int) -> pd.DataFrame:
    """The distance of each pair of labels in one layer: of the training rows, which are drawn, and of the test rows."""
    values, source = result.values, result.sources[0]
    return pd.DataFrame(
        {
            "model": short_model(source.model),
            "layer": source.layer_names[layer],
            "label": [values.split.classes[a] for a, _ in values.pairs],
            "other label": [values.split.classes[b] for _, b in values.pairs],
            "distance": values.distances[layer],
            f"distance, {values.split.test_name}": values.test_distances[layer],
        }
    )
