"""Each label's distance to its nearest over the steps of several runs of fine-tuning, each on its own task: a panel for each."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from backend import DirectProbeResult, Result, RunInfo, SeriesInfo, learned_from, results_of
from pages._kit.charts.base import Floats, safe, short_model
from pages._kit.charts.panels import in_panels, panels_height
from pages._kit.flow.progress import obtain
from pages._kit.show.finding import Finding
from pages._kit.show.kept import drawn_once
from pages._kit.state import ask
from pages._kit.state.model_field import AT_MOST, series_task
from pages._kit.state.selection import Selection
from pages._kit.state.session import workbench
from pages._kit.state.view import value_of
from pages.training.dynamics.charts import label_lines, places_of
from pages.training.dynamics.grids import Wanted, documents_of, found_series

MOST_TASKS = 5  # beside that of the texts
HELP = (
    "Other runs of fine-tuning in the same figure, a panel for each: over its own steps, with the texts and labels that it learned from. "
    "Each needs a computation of its own."
)
CAPTION = (
    "Each label's distance to the label nearest to it, in the last layer on show. One panel per run, of the texts and labels that are named "
    "above it, on axes of its own. Drawn are the labels whose distance grows most and least, up to three each."
)


@dataclass(frozen=True, slots=True, eq=False)
class TaskDistances:
    """The distances of one task: the ``series`` of the run, the name of its ``texts``, and a result for each step."""

    series: SeriesInfo
    texts: str
    results: Sequence[Result[DirectProbeResult]]

    @property
    def title(self) -> str:
        """The run and its texts, as the panel is called."""
        return f"{short_model(self.series.name)}, {self.texts}"

    @property
    def minimum(self) -> Floats:
        """Least distance of each label in the last layer (n_steps, n_labels)."""
        return np.array([result.values.minimum[-1] for result in self.results])

    @property
    def classes(self) -> tuple[str, ...]:
        """Its labels."""
        return self.results[0].values.split.classes


def found_tasks(
    chosen: Sequence[RunInfo], series: SeriesInfo, here: Selection, wanted: Wanted, params: dict[str, dict[str, Any]]
) -> list[TaskDistances]:
    """The tasks ``chosen`` beside that of the texts, as far as they are computed; the others' panels are drawn here."""
    found = []
    for place, run in enumerate(chosen):
        texts, name = learned_from(run, workbench().text_sets()), f"run:{run.name}"
        what = f"Looking up the checkpoints of {name}"
        task = series_task(name, at_most=int(value_of("at_most", AT_MOST)))
        one: SeriesInfo | None = obtain(task, f"dynamics_task_{place}", what=what)
        if one is None or texts is None:
            continue
        mine = replace(here, models=one.models, texts=texts, label=run.label, layers=_last(here, series, one))
        results = found_series(one, mine, [wanted], params, f"dynamics_task_{place}_run")
        if results is not None:
            found.append(TaskDistances(one, texts.spec.name, results_of(results[wanted], DirectProbeResult)))
    return found


def choose_tasks(series: SeriesInfo) -> list[RunInfo]:
    """The runs that are chosen of those whose texts are still there; no box where there is none."""
    bench = workbench()
    sets = bench.text_sets()
    runs = {
        f"run:{run.name}": run
        for run in bench.runs()
        if run.steps and f"run:{run.name}" != series.name and learned_from(run, sets) is not None
    }
    if not runs:
        return []
    picked = ask.multiselect(
        "Beside it, other tasks",
        list(runs),
        format_func=short_model,
        key="dynamics_distance_tasks",
        max_selections=MOST_TASKS,
        width=420,
        placeholder="Other runs of fine-tuning",
        help=HELP,
    )
    return [runs[name] for name in picked]


def _last(here: Selection, series: SeriesInfo, other: SeriesInfo) -> tuple[int, ...]:
    """The layer of another run: that of the last one on show, or its last one where that is the last of the series."""
    depth = len(series.models[0].layer_names) - 1
    shown = depth if isinstance(here.layers, str) else max(here.layers)
    most = len(other.models[0].layer_names) - 1
    return (most if shown >= depth else min(shown, most),)


def tasks_finding(tasks: Sequence[TaskDistances], logarithmic: bool) -> Finding:
    """The distances of several tasks as panels of one figure."""
    every = [result for task in tasks for result in task.results]
    names = ", ".join(short_model(task.series.name) for task in tasks)
    layer = tasks[0].results[0].sources[0].layer_names[-1]
    return Finding(
        key="dynamics_least_tasks",
        title=f"Minimum distances in {layer} of {names}",
        figure=in_panels([_panel(task, logarithmic) for task in tasks], [task.title for task in tasks]),
        caption=CAPTION,
        table=lambda: pd.concat(
            [
                by_label(task.series, task.classes, {"minimum": task.minimum}, logarithmic=logarithmic).assign(
                    series=short_model(task.series.name), texts=task.texts
                )
                for task in tasks
            ],
            ignore_index=True,
        ),
        results=every,
        fields=["minimum"],
        name="least-distance-tasks",
        layer=layer,
        documents=lambda: [document for task in tasks for document in documents_of(task.series, task.results)],
        alt=f"Minimum distance of labels over the training step, a panel for each of {len(tasks)} tasks: {names}",
        height=max(panels_height(len(tasks)), 420),
        view=f"{names} {layer} {logarithmic}",
    )


def _panel(task: TaskDistances, logarithmic: bool) -> go.Figure:
    """One task, whose labels have names of their own in the legend: another task may call a label the same."""
    drawn = drawn_once(
        label_lines, task.series.steps, task.minimum, task.classes, logarithmic=logarithmic, others=False
    )
    figure = go.Figure(drawn)
    for trace in figure.data:
        trace.name = f"{safe(short_model(task.series.name))}: {trace.name}"
    return figure


def by_label(
    series: SeriesInfo, classes: Sequence[str], numbers: dict[str, Floats], *, logarithmic: bool = False
) -> pd.DataFrame:
    """One row for each step and label; ``numbers`` are (n_steps, n_labels) each."""
    steps = np.repeat(series.steps, len(classes))
    columns: dict[str, Any] = {"step": steps}
    if logarithmic:
        columns["log2(step + 1)"] = places_of(steps.tolist(), logarithmic=True)
    columns["label"] = list(classes) * len(series.steps)
    return pd.DataFrame(columns | {name: array.ravel() for name, array in numbers.items()})
