"""The numbers of a threshold on one dimension, layer by layer: on the page, and whole in the CSV file."""

from typing import Any

import numpy as np
import pandas as pd

from backend import (
    Result,
    ThresholdResult,
    band_ends,
    bin_middles,
    number_text,
)


def table(result: Result[ThresholdResult]) -> pd.DataFrame:
    """One row for each layer."""
    values = result.values
    own = np.where(values.own_head, values.full_accuracy, np.nan)
    columns = {
        "layer": result.sources[0].layer_names,
        "dimension": [None if dim < 0 else int(dim) for dim in values.dimension],
        "cut of one dimension": values.accuracy,
        "cut, training rows": values.train_accuracy,
        "fitted head on that one": values.single_accuracy,
        "fitted head on all": values.fitted_accuracy,
        "p (one against all)": values.single_p,
        **({"own head": own} if values.own_head.any() else {}),
        "shuffled labels": values.control_accuracy,
        "± std": values.control_std,
    }
    return pd.DataFrame(columns).astype({"dimension": "Int64"})


def file_table(result: Result[ThresholdResult]) -> pd.DataFrame:
    """The table with every cut as a number, and the class of every interval, from left to right."""
    values, classes = result.values, result.values.split.classes
    low, high = band_ends(values.control_accuracy, values.control_std)
    numbers = table(result).assign(**{"shuffled labels, low": low, "shuffled labels, high": high})
    most = max((len(cuts) for cuts in values.thresholds), default=0)
    wide: dict[str, Any] = {}
    for place in range(most + 1):
        numbered = [classes[found[place]] if place < len(found) else None for found in values.interval_classes]
        wide[f"class {place + 1}"] = numbered
        if place < most:
            wide[f"cut {place + 1}"] = [cuts[place] if place < len(cuts) else None for cuts in values.thresholds]
    return pd.concat([numbers, pd.DataFrame(wide)], axis=1)


def screen_table(result: Result[ThresholdResult]) -> pd.DataFrame:
    """The table with the cuts in words, the first eight of them."""
    numbers = table(result)
    numbers["cuts"] = [
        ", ".join(number_text(cut) for cut in cuts[:8]) + (f" and {len(cuts) - 8} more" if len(cuts) > 8 else "")
        for cuts in result.values.thresholds
    ]
    return numbers


def histogram_table(result: Result[ThresholdResult], layer: int, *, train: bool) -> pd.DataFrame:
    """One row for each class and bin of the dimension of one ``layer``: how many test rows, or training rows, lie in it."""
    values = result.values
    counts, edges = (values.train_counts if train else values.test_counts)[layer], values.bin_edges[layer]
    n_classes, n_bins = counts.shape
    return pd.DataFrame(
        {
            "layer": result.sources[0].layer_names[layer],
            "dimension": int(values.dimension[layer]),
            "rows": "training" if train else "test",
            "class": np.repeat(list(values.split.classes)[:n_classes], n_bins),
            "from": np.tile(edges[:-1], n_classes),
            "middle": np.tile(bin_middles(edges), n_classes),
            "to": np.tile(edges[1:], n_classes),
            "count": counts.ravel(),
        }
    )
