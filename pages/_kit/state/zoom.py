"""Where a chart is zoomed: the ranges of axes and the cameras of scenes, by their names in Plotly, as words and on figures."""

import math
import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import plotly.graph_objects as go

Zoom = Mapping[str, tuple[float, ...]]
"""By the name of an axis (xaxis2): its two ends; of a scene: where the camera stands, looks and has its top, 9 numbers."""

WHOLE: Zoom = MappingProxyType({})
MOST_PLACES = 64  # axes and scenes of one figure
_NAME = re.compile(r"(x|y)axis(\d{0,2})|(scene)(\d{0,2})", re.ASCII)
_SHORT = re.compile(r"(x|y|scene)(\d{0,2})", re.ASCII)
_CAMERA = ("eye", "center", "up")


def stated_zoom(stated: object) -> dict[str, tuple[float, ...]]:
    """What a browser says of a chart's zoom; whatever a hostile client sends, the types hold."""
    found: dict[str, tuple[float, ...]] = {}
    for name, numbers in list(stated.items())[:MOST_PLACES] if isinstance(stated, dict) else ():
        if isinstance(name, str) and _NAME.fullmatch(name) and isinstance(numbers, list) and _fits(name, numbers):
            found[name] = tuple(float(number) for number in numbers)
    return found


def spell_zoom(zoom: Zoom) -> str:
    """A zoom as an address has it: ``x_-1.5_2~y_0_1``."""
    return "~".join("_".join([name.replace("axis", ""), *map(_number, numbers)]) for name, numbers in zoom.items())


def read_zoom(word: str) -> dict[str, tuple[float, ...]] | None:
    """The zoom of ``spell_zoom``, empty for an empty word; None where it cannot be read."""
    found: dict[str, tuple[float, ...]] = {}
    for part in word.split("~")[:MOST_PLACES] if word else ():
        short, *words = part.split("_")
        match = _SHORT.fullmatch(short)
        try:
            numbers = [float(one) for one in words if len(one) <= 30]
        except ValueError:
            return None
        name = short if match is None or match[1] == "scene" else f"{match[1]}axis{match[2]}"
        if match is None or not _fits(name, numbers):
            return None
        found[name] = tuple(numbers)
    return found


def zoomed(figure: go.Figure, zoom: Zoom) -> go.Figure:
    """A figure with these ranges and cameras, as far as it has such axes and scenes; itself where there are none."""
    if not zoom:
        return figure
    known = {"xaxis", "yaxis", "scene", *figure.layout.to_plotly_json()}
    changes: dict[str, Any] = {}
    for name, numbers in zoom.items():
        if name not in known:
            continue
        if not name.startswith("scene"):
            changes[name] = {"range": list(numbers), "autorange": False}
            continue
        points = (dict(zip("xyz", numbers[place : place + 3], strict=True)) for place in (0, 3, 6))
        changes[name] = {"camera": dict(zip(_CAMERA, points, strict=True))}
    return go.Figure(figure).update_layout(changes) if changes else figure


def _fits(name: str, numbers: list[Any]) -> bool:
    """Whether these are the numbers of an axis or of a camera."""
    real = all(isinstance(one, int | float) and not isinstance(one, bool) and math.isfinite(one) for one in numbers)
    if name.startswith("scene"):
        return real and len(numbers) == 9
    return real and len(numbers) == 2 and numbers[0] != numbers[1]


def _number(value: float) -> str:
    return repr(float(value)).removesuffix(".0")
