"""The course of a fine-tuning run: loss of each step above, accuracy of each saved step below, on one axis of steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import plotly.graph_objects as go

from backend import (
    RunInfo,
    hover_form,
    moving_mean,
)
from pages._kit.charts.base import MUTED, base_figure, colour, safe, with_legend

CAPTION = (
    "Above, the loss on the rows of each step (thin), its mean over the steps around (thick, from ten steps on), and the loss on "
    "the rows that judge the run (diamonds); below, the accuracy on those rows at each saved step, beside a linear head on the frozen base "
    "and the guess of the largest class."
)
_AROUND = 9  # steps in the moving mean


def course_chart(info: RunInfo, log: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Loss and accuracy over the steps of ``info``; ``log`` are the lines that ``Workbench.run_log`` gives."""
    figure = base_figure(x_title="Step (updates of the weights)", y_title="")
    _losses(figure, log)
    judged = [line for line in log if "eval_accuracy" in line]
    _judged(figure, info, judged)
    last = max([info.total_steps, *(int(line["step"]) for line in log)], default=1)
    figure.update_layout(
        xaxis={"range": [-0.02 * last, 1.02 * last], "anchor": "y2"},
        yaxis={"domain": [0.56, 1.0], "title": {"text": "Loss"}, "rangemode": "tozero"},
        yaxis2={"domain": [0.0, 0.44], "title": {"text": "Accuracy"}, "range": [0, 1.02], "anchor": "x"},
    )
    return with_legend(figure)


def course_table(info: RunInfo, log: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """One row for each step of the log: its losses, the accuracy where one was measured, and the lines to compare with."""
    steps, losses = loss_line(log)
    mean = moving_mean(losses, _AROUND) if len(steps) > _AROUND else np.full(len(steps), np.nan)
    trained = pd.DataFrame({"step": steps, "training loss": losses, f"mean of {_AROUND} steps": mean})
    judged = pd.DataFrame(
        [(line["step"], line["eval_loss"], line["eval_accuracy"]) for line in log if "eval_accuracy" in line],
        columns=["step", "loss", "accuracy"],
    ).astype({"step": np.int64, "loss": float, "accuracy": float})
    table = trained.merge(judged, on="step", how="outer").assign(judged_on=info.judged_on or None)
    return table.rename(columns={"judged_on": "judged on"}).assign(
        **{"head on the frozen base": info.frozen, "largest class": info.majority}
    )


def loss_line(log: Sequence[Mapping[str, Any]]) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """The steps (n,) of which a loss was written, and the losses (n,), NaN where one was not finite."""
    lines = [line for line in log if "loss" in line]
    losses = [np.nan if line["loss"] is None else line["loss"] for line in lines]
    return np.array([line["step"] for line in lines], np.int64), np.array(losses, np.float64)


def _losses(figure: go.Figure, log: Sequence[Mapping[str, Any]]) -> None:
    steps, losses = loss_line(log)
    if not len(steps):
        return
    figure.add_scatter(
        x=steps.astype(np.int32),
        y=losses.astype(np.float32),
        mode="lines",
        name="training loss",
        line={"color": MUTED, "width": 1},
        hovertemplate=f"step %{{x:,}}<br>loss <b>%{{y:{hover_form()}}}</b><extra></extra>",
    )
    if len(steps) > _AROUND:
        figure.add_scatter(
            x=steps.astype(np.int32),
            y=moving_mean(losses, _AROUND).astype(np.float32),
            mode="lines",
            name=f"mean of {_AROUND} steps",
            line={"color": colour(0), "width": 2.4},
            hovertemplate=f"step %{{x:,}}<br>mean loss <b>%{{y:{hover_form()}}}</b><extra></extra>",
        )


def _judged(figure: go.Figure, info: RunInfo, lines: Sequence[Mapping[str, Any]]) -> None:
    steps = np.array([line["step"] for line in lines], np.int32)
    shared: dict[str, Any] = {"x": steps, "mode": "markers", "name": f"loss, {safe(info.judged_on or 'judged')}"}
    if lines:
        figure.add_scatter(
            **shared,
            y=np.array([line["eval_loss"] for line in lines], np.float32),
            marker={"symbol": "diamond", "size": 8, "color": colour(1)},
            hovertemplate=f"step %{{x:,}}<br>loss <b>%{{y:{hover_form()}}}</b><extra></extra>",
        )
        figure.add_scatter(
            x=steps,
            y=np.array([line["eval_accuracy"] for line in lines], np.float32),
            yaxis="y2",
            mode="lines+markers",
            name="accuracy",
            line={"color": colour(2), "width": 2.2},
            marker={"size": 8},
            hovertemplate=f"step %{{x:,}}<br>accuracy <b>%{{y:{hover_form('accuracy')}}}</b><extra></extra>",
        )
    last = max(info.total_steps, 1)
    for value, name, dash in (
        (info.frozen, "head on the frozen base", "dash"),
        (info.majority, "largest class", "dot"),
    ):
        if np.isfinite(value):
            figure.add_scatter(
                x=[0, last],
                y=[value, value],
                yaxis="y2",
                mode="lines",
                name=name,
                line={"color": MUTED, "width": 1.5, "dash": dash},
                hovertemplate=f"{name}: <b>%{{y:{hover_form('accuracy')}}}</b><extra></extra>",
            )
