"""The panel of the page Similarity that shows CKA within each model of the sidebar, side by side on one scale."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from backend import CkaResult, ModelInfo, Result
from pages._kit.charts.base import short_model
from pages._kit.charts.panels import panels_height
from pages._kit.flow.progress import run_panel
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.kept import drawn_once
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench
from pages.geometry.similarity.cell import cell_reasons
from pages.geometry.similarity.grid_charts import EACH_CAPTION, cka_each


def each_panel(models: Sequence[ModelInfo], here: Selection, params: dict[str, Any]) -> None:
    """One analysis for each model; panels come as their results do."""
    specs = [
        workbench().analysis("cka", models=[info], params=params, layers=here.layers, **here.rows) for info in models
    ]
    some = run_panel(specs, "similarity", CkaResult, partial=True)
    if some is None:
        return
    results = [result for result in some if result is not None]
    names = [result.sources[0].model for result in results]
    layers = [result.sources[0].layer_names for result in results]
    blocks, gaps = [result.values.matrix for result in results], [cell_reasons(result) for result in results]
    shown = ", ".join(map(short_model, names))
    with said_once():
        show(
            Finding(
                key="similarity_each",
                title=f"CKA within each of {shown}",
                figure=drawn_once(cka_each, blocks, names, layers, gaps),
                caption=EACH_CAPTION,
                table=lambda: pd.concat([_table(result) for result in results], ignore_index=True),
                results=results,
                fields=["matrix"],
                crosses=True,
                name="similarity-cka-each",
                alt=f"CKA of all layers within each of {len(results)} models, from 0 to 1: {shown}",
                height=panels_height(len(results)),
                view=f"{names} {layers}",
            )
        )


def _table(result: Result[CkaResult]) -> pd.DataFrame:
    """One row for each pair of layers of a model."""
    source, matrix = result.sources[0], result.values.matrix
    rows = [
        [source.model, one, other, float(matrix[row, column])]
        for row, one in enumerate(source.layer_names)
        for column, other in enumerate(source.layer_names)
    ]
    return pd.DataFrame(rows, columns=["model", "layer", "other layer", "cka"])
