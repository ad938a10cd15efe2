"""The tables of the page Rogue: dimensions ranked, where they appear, and everything that is known of each."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from backend import Result, RogueResult
from pages.geometry.rogue.rankings import RANKINGS


def ranking_table(result: Result[RogueResult], layer: int) -> pd.DataFrame:
    """The leading dimensions of all three rankings of a layer, with everything that is known of each."""
    values = result.values
    order = [values.by, *(name for name in RANKINGS if name != values.by)]
    rankings = {name: [int(dim) for dim in getattr(values, f"top_{name}")[layer] if dim >= 0] for name in order}
    dims = list(dict.fromkeys(dim for ranked in rankings.values() for dim in ranked))
    columns: dict[str, Sequence[Any]] = {
        "dimension": dims,
        "score (standard deviations)": values.score[layer][dims],
        "variance": values.variance[layer][dims],
        "mean": values.mean[layer][dims],
        "cosine contribution": values.cosine[layer][dims],
        "share of average cosine": values.cosine_share[layer][dims],
        "rogue": values.rogue[layer][dims],
        "outlier": values.outlier[layer][dims],
    }
    for name, leading in rankings.items():
        columns[f"rank by {name}"] = [leading.index(dim) + 1 if dim in leading else None for dim in dims]
    return pd.DataFrame(columns).astype({f"rank by {name}": "Int64" for name in rankings})


def appearing_table(result: Result[RogueResult]) -> pd.DataFrame:
    """Where along depth each rogue dimension first appears."""
    values, names = result.values, result.sources[0].layer_names
    return pd.DataFrame(
        {
            "dimension": values.appearing,
            "first layer": [names[layer] for layer in values.first_layer],
            "in how many layers": values.n_layers_rogue,
        }
    )


def dimensions_table(
    result: Result[RogueResult], layers: Sequence[int], dims: npt.NDArray[np.int64] | slice = slice(None)
) -> pd.DataFrame:
    """One row for each of these layers (places in the result) and dimensions, all of them if none are named."""
    values, names = result.values, result.sources[0].layer_names
    chosen = np.arange(values.variance.shape[1])[dims]
    fields = {
        f"score by {values.by} (standard deviations)": values.score,
        **{name: getattr(values, name) for name in ("variance", "mean", "cosine", "rogue", "outlier")},
    }
    columns: dict[str, Any] = {
        "layer": np.repeat([names[layer] for layer in layers], len(chosen)),
        "dimension": np.tile(chosen, len(layers)),
    }
    columns |= {name: field[np.ix_(np.asarray(layers), chosen)].ravel() for name, field in fields.items()}
    return pd.DataFrame(columns)


def lines_table(result: Result[RogueResult], layer: int) -> pd.DataFrame:
    """The values of the texts that are drawn, a row for each dimension and a column for each text, by its row."""
    values = result.values
    rows = [int(row) + 1 for row in values.line_texts]
    once = len(set(rows)) == len(rows)  # of tokens, several may be of one text
    names = [f"row {row}" if once else f"row {row}, line {line}" for line, row in enumerate(rows, 1)]
    return pd.DataFrame(values.lines[layer].T, columns=names)
