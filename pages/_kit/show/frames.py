"""Frames of a chart: what a slider inside it changes, sent to the browser once."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import plotly.graph_objects as go

from backend import Density
from pages._kit.charts.base import MUTED
from pages._kit.charts.density import cells_of
from pages._kit.show.naming import slug

Note = tuple[float, float, str]
"""Words on a figure: x, y, and the words, made safe."""


@dataclass(frozen=True, slots=True, eq=False)
class Frames:
    """Coordinates for each step of a slider inside the chart; moving it needs no server.

    ``coordinates[frame][trace]`` is an (n, 2) or (n, 3) array for that trace of the figure; ``names`` and ``captions`` are plain
    text, one a frame; ``label`` says what the slider chooses. ``shown`` has, for a trace that only shows and hides points
    of its own, which of its n points each frame shows: booleans (n_frames, n). ``colours`` has, for a trace whose points are coloured
    by numbers, those of each frame (n_frames, n), and ``colour_ends`` where each frame's scale begins and ends. ``grids`` has
    the cells of a heatmap in each frame, and ``notes`` the words that stand on each. ``cursor``
    (n_frames,) places a vertical line in every panel. Charts of the same ``link`` move together; one
    that ``follows`` has no slider of its own.
    """

    label: str
    names: Sequence[str]
    coordinates: Sequence[Sequence[npt.NDArray[np.floating[Any]]]]
    captions: Sequence[str] = ()
    initial: int = 0
    shown: Mapping[int, npt.NDArray[np.bool_]] = field(default_factory=dict)
    colours: Mapping[int, npt.NDArray[np.floating[Any]]] = field(default_factory=dict)
    colour_ends: Sequence[tuple[float, float]] = ()
    grids: Mapping[int, Sequence[Density]] = field(default_factory=dict)
    notes: Sequence[Sequence[Note]] = ()
    cursor: Sequence[float] = ()
    link: str = ""
    follows: bool = False


def encoded(frames: Frames) -> dict[str, Any]:
    """Frames as JSON for the browser, arrays as base64."""
    coordinates = [[[_numbers(axis) for axis in points.T] for points in traces] for traces in frames.coordinates]
    return {
        "label": frames.label,
        "names": list(frames.names),
        "captions": list(frames.captions),
        "files": [frame_slug(frames, place) for place in range(len(frames.names))],
        "initial": frames.initial,
        "coordinates": coordinates,
        "shown": {trace: _bits(shown) for trace, shown in frames.shown.items()},
        "colours": {trace: [_numbers(one) for one in numbers] for trace, numbers in frames.colours.items()},
        "colour_ends": [list(ends) for ends in frames.colour_ends],
        "grids": {trace: [_grid(one) for one in grids] for trace, grids in frames.grids.items()},
        "notes": [[list(note) for note in notes] for notes in frames.notes],
        "cursor": list(frames.cursor),
        "link": frames.link,
        "follows": frames.follows,
    }


def frame_slug(frames: Frames, place: int) -> str:
    """A frame in a file's name: its own, after what the slider chooses where that is a number."""
    name = frames.names[place]
    return slug(f"{frames.label} {name}" if name.replace(",", "").isdecimal() else name)


def set_frame(figure: go.Figure, frames: Frames, frame: int) -> None:
    """Draw one frame into the figure, in place."""
    for trace, points in zip(figure.data, frames.coordinates[frame] if frames.coordinates else (), strict=False):
        if trace.type != "heatmap":
            trace.update({name: np.ascontiguousarray(axis) for name, axis in zip("xyz", points.T, strict=False)})
    for place, numbers in frames.colours.items():
        low, high = frames.colour_ends[frame]
        figure.data[place].marker.update(color=numbers[frame], cmin=low, cmax=high)
    for place, shown in frames.shown.items():
        trace = figure.data[place]
        trace.update({name: np.where(shown[frame], trace[name], np.nan).astype(np.float32) for name in "xy"})
    for place, grids in frames.grids.items():
        figure.data[place].update(cells_of(grids[frame]))
    for x, y, words in frames.notes[frame] if frames.notes else ():
        figure.add_annotation(x=x, y=y, text=words, showarrow=False)
    if frames.cursor:
        figure.add_vline(x=frames.cursor[frame], line={"color": MUTED, "width": 1.5})


def _grid(grid: Density) -> dict[str, Any]:
    cells = cells_of(grid)
    return {**cells, "z": _numbers(cells["z"].ravel()), "columns": grid.counts.shape[1]}


def _numbers(values: npt.NDArray[Any]) -> dict[str, str]:
    return {"dtype": "f4", "bdata": b64encode(np.ascontiguousarray(values, "<f4").tobytes()).decode("ascii")}


def _bits(shown: npt.NDArray[np.bool_]) -> dict[str, str]:
    """Booleans (n_frames, n), eight to a byte, the first in the lowest bit; every frame begins a byte."""
    packed = np.packbits(shown, axis=1, bitorder="little")
    return {"dtype": "u1", "bdata": b64encode(packed.tobytes()).decode("ascii")}
