"""Which dimensions a figure of the page Rogue names."""

from backend import Result, RogueResult
from pages.geometry.rogue.charts import BOTH, OUTLIER, ROGUE

N_NAMED = 3


def named(result: Result[RogueResult], layer: int, *, count: int = N_NAMED) -> dict[int, str]:
    """The rogue dimensions that lead the ranking in use, then the outliers by |mean|, and which of the two each is."""
    values = result.values
    leading = [dim for dim in getattr(values, f"top_{values.by}")[layer] if dim >= 0 and values.rogue[layer, dim]]
    outliers = [dim for dim in values.top_mean[layer] if dim >= 0 and values.outlier[layer, dim]]
    return {int(dim): _kind(values, layer, dim) for dim in (*leading[:count], *outliers[:count])}


def _kind(values: RogueResult, layer: int, dim: int) -> str:
    if values.rogue[layer, dim] and values.outlier[layer, dim]:
        return BOTH
    return ROGUE if values.rogue[layer, dim] else OUTLIER
