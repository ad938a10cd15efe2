"""The view Averages of Dynamics: numbers averaged over the layers against the step, several series and estimators in one figure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import streamlit as st

from backend import Result, SeriesInfo, complete_layers, hover_form, mean_over_layers
from pages._kit.charts.base import DASHES, SYMBOLS, Floats, base_figure, colour, safe, short_model, with_legend
from pages._kit.flow.progress import obtain
from pages._kit.show.columns import unit_of
from pages._kit.show.finding import Finding, said_once, show
from pages._kit.show.kept import drawn_once
from pages._kit.show.measures import MEASURES, LayerMeasure
from pages._kit.show.wording import count
from pages._kit.state import ask
from pages._kit.state.model_field import is_name, series_task
from pages._kit.state.selection import Selection
from pages._kit.state.session import plain
from pages.training.dynamics.charts import places_of, step_axis
from pages.training.dynamics.grids import SeriesMeasure, Wanted, documents_of, found_series, grids_of, settings
from pages.training.dynamics.series import known_series

CAPTION = (
    "Each point is the mean over the layers of one checkpoint. A series has a colour; where there are several estimators, each has a "
    "kind of line. Estimators differ in level: compare where along the steps they rise and fall."
)
FIRST = ("Intrinsic dimension (TwoNN)",)
MOST_SERIES = 6


@dataclass(frozen=True, slots=True, eq=False)
class Average:
    """One line: of which series and measure (their places too), its steps, and the mean over ``n_layers`` layers at each."""

    series: str
    measure: str
    place: tuple[int, int]
    steps: Sequence[int]
    means: Floats
    n_layers: int
    unit: str


def averages_chart(lines: Sequence[Average], *, y_title: str, logarithmic: bool) -> go.Figure:
    """Each of ``lines`` over its training steps."""
    figure = base_figure(x_title="", y_title=y_title)
    several = len({line.measure for line in lines}) > 1, len({line.series for line in lines}) > 1
    for line in lines:
        whose, what = line.place
        parts = [line.series] * several[1] + [line.measure] * (several[0] or not several[1])
        name = safe(", ".join(parts))
        figure.add_scatter(
            x=places_of(line.steps, logarithmic=logarithmic).astype(np.float32),
            y=np.asarray(line.means, np.float32),
            mode="lines+markers",
            name=name,
            line={"color": colour(whose if several[1] else what), "width": 2.2, "dash": DASHES[what % len(DASHES)]},
            marker={"size": 7, "symbol": SYMBOLS[what % len(SYMBOLS)]},
            text=[f"{step:,}" for step in line.steps],
            hovertemplate=f"{name}, step %{{text}}<br><b>%{{y:{hover_form(line.unit)}}}</b><extra></extra>",
        )
    every = sorted({step for line in lines for step in line.steps})
    figure.update_xaxes(**step_axis(every, logarithmic=logarithmic))
    return with_legend(figure.update_yaxes(rangemode="tozero"))


def averages(series: SeriesInfo, here: Selection, logarithmic: bool) -> None:
    """Razzhigaev et al., figures 4 and 5."""
    measures = _choose_measures()
    with st.container(horizontal=True, vertical_alignment="bottom"):
        others = _choose_others(series)
        blocks = ask.toggle(
            "Without the embedding output",
            value=True,
            key="averages_blocks",
            help="Before the first block a vector is of a token and its place alone: its numbers can be far from the others' and rule "
            "the mean. As in the paper it is left out.",
        )
        params = settings(list(dict.fromkeys(one.metric for one in measures)), here) if measures else {}
    if not measures:
        st.info("Choose at least one measure.")
        return
    found: list[tuple[SeriesInfo, dict[str, tuple[Result, ...]]]] = []
    for place, one in enumerate((series, *others)):
        mine = here if one is series else replace(here, models=one.models)
        wanted = [Wanted(measure.metric) for measure in measures]
        results = found_series(one, mine, wanted, params, f"dynamics_averages_{place}")
        if results is not None:
            found.append((one, {wanted.metric: some for wanted, some in results.items()}))
    if found:
        _show(found, measures, blocks=blocks, logarithmic=logarithmic)


def _choose_measures() -> list[LayerMeasure]:
    picked = ask.pills(
        "Averaged over the layers",
        [measure.name for measure in MEASURES],
        default=FIRST,
        key="averages_measures",
        format_func=lambda name: name.replace("Intrinsic dimension (", "ID ("),
        label_visibility="collapsed",  # the axis says so, and the figure comes sooner
    )
    return [measure for measure in MEASURES if measure.name in picked]


def _choose_others(series: SeriesInfo) -> list[SeriesInfo]:
    """Other series to draw beside this one; those that are being looked up, or cannot be had, are left out."""
    names = ask.multiselect(
        "Beside it",
        [name for name in known_series() if name != series.name],
        fits=is_name,
        accept_new_options=True,
        max_selections=MOST_SERIES - 1,
        key="averages_series",
        placeholder="Beside it: other series of checkpoints",
        label_visibility="collapsed",
    )
    found = []
    for place, name in enumerate(names):
        one: SeriesInfo | None = obtain(
            series_task(str(name)), f"averages_series_{place}", what=f"Looking up the checkpoints of {name}"
        )
        if one is not None:
            found.append(one)
            if one.broken:
                st.caption(f":material/broken_image: {plain(name)}: {count(len(one.broken), 'checkpoint')} left out.")
    return found


def _lines(
    found: Sequence[tuple[SeriesInfo, dict[str, tuple[Result, ...]]]], measures: Sequence[LayerMeasure], *, blocks: bool
) -> list[Average]:
    lines = []
    for whose, (series, results) in enumerate(found):
        for what, measure in enumerate(measures):
            some = results[measure.metric]
            asked = SeriesMeasure(Wanted(measure.metric), measure.field, measure.name, measure.axis, "")
            grid = grids_of(asked, series, some)[asked.key]
            if blocks and some[0].sources[0].layers[0] == 0 and len(grid.layers) > 1:
                grid = grid.without_first()
            means, n_layers = mean_over_layers(grid.values), len(complete_layers(grid.values))
            place, unit = (whose, what), unit_of(asked.key)
            lines.append(Average(short_model(series.name), measure.name, place, series.steps, means, n_layers, unit))
    return lines


def _show(
    found: Sequence[tuple[SeriesInfo, dict[str, tuple[Result, ...]]]],
    measures: Sequence[LayerMeasure],
    *,
    blocks: bool,
    logarithmic: bool,
) -> None:
    lines = _lines(found, measures, blocks=blocks)
    axes = list(dict.fromkeys(measure.axis for measure in measures))
    names = ", ".join(short_model(series.name) for series, _ in found)
    every = [result for _, results in found for some in results.values() for result in some]
    left = "the embedding output left out" if blocks else "the embedding output among them"
    drawn = [line for line in lines if np.isfinite(line.means).any()]
    with said_once():
        show(
            Finding(
                key="dynamics_averages",
                title=f"{', '.join(measure.name for measure in measures)} over the steps of {names}",
                figure=drawn_once(
                    averages_chart,
                    drawn,
                    y_title=axes[0] if len(axes) == 1 else "Mean over the layers",
                    logarithmic=logarithmic,
                )
                if drawn
                else None,
                caption=f"{CAPTION} {_averaged(lines)} ({left}).",
                table=lambda: _table(lines, logarithmic=logarithmic),
                results=every,
                series=found[0][0] if len(found) == 1 else None,
                name="averages-steps",
                documents=lambda: [
                    document
                    for series, results in found
                    for some in results.values()
                    for document in documents_of(series, some)
                ],
                alt=f"Means over the layers of {names} by training step",
                height=400,
                view=f"{names} {axes} {logarithmic}",
            )
        )


def _averaged(lines: Sequence[Average]) -> str:
    counts = sorted({line.n_layers for line in lines})
    listed = " or ".join(map(str, counts))
    return f"The mean is over the {listed} layers that are defined at every step"


def _table(lines: Sequence[Average], *, logarithmic: bool) -> pd.DataFrame:
    """One row for each series, measure and step."""
    rows: list[dict[str, Any]] = [
        {
            "series": line.series,
            "step": step,
            "measure": line.measure,
            "layers": line.n_layers,
            "mean over the layers": mean,
        }
        for line in lines
        for step, mean in zip(line.steps, line.means.tolist(), strict=True)
    ]
    table = pd.DataFrame(rows)
    if logarithmic:
        table.insert(2, "log2(step + 1)", places_of(table["step"].tolist(), logarithmic=True))
    return table
