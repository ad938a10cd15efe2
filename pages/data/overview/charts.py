"""The charts of Overview: of results, and of a first look at a pass that is going on."""

from collections.abc import Mapping, Sequence

import plotly.graph_objects as go

from backend import AnisotropyResult
from pages._kit.charts.base import Floats, short_model
from pages._kit.charts.depth import Series, profile_lines
from pages._kit.charts.layer_pairs import cka_heatmap

Gaps = Mapping[tuple[int, ...], str]  # the reasons of what is undefined, by index


def layers_alike(matrix: Floats, names: Sequence[str], gaps: Gaps) -> go.Figure:
    """CKA of layers (n_layers, n_layers) with one another."""
    reasons = {(row, column): reason for (row, column), reason in gaps.items()}
    return cka_heatmap(matrix, names, names, reasons).update_xaxes(tickangle=-45)


def anisotropy_profile(
    model: str, names: Sequence[str], values: AnisotropyResult, gaps: Gaps, layers: Sequence[int] | None = None
) -> go.Figure:
    """Anisotropy over depth, of ``layers`` (places in ``values``; all, if None), which are called ``names``."""
    kept = list(range(len(values.anisotropy)) if layers is None else layers)
    line = Series(
        short_model(model),
        names,
        values.anisotropy[kept],
        low=values.anisotropy_low[kept],
        high=values.anisotropy_high[kept],
        reference=values.anisotropy_isotropic[kept],
        undefined={kept.index(place[0]): reason for place, reason in gaps.items() if place[0] in kept},
    )
    return profile_lines([line], y_title="Anisotropy", y_range=None)
