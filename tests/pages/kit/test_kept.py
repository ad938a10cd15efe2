"""Charts are drawn once for as long as their arguments hold the same, and anew as soon as anything in them differs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from backend import Result
from pages._kit.show import kept
from pages._kit.show import plot as plot_module
from pages._kit.show.contents import Untold, contents_of
from pages._kit.show.frames import Frames

OPTIONS = plot_module._Options("key", 420, "alt", "view", "none", "file")
drawn: list[Any] = []


@dataclass(frozen=True)
class Line:
    name: str
    values: Any
    gaps: dict[int, str]


def chart(line: Line, *, title: str = "") -> go.Figure:
    drawn.append(line)
    return go.Figure().add_scatter(y=line.values, name=line.name).update_layout(title={"text": title})


@pytest.fixture(autouse=True)
def nothing_kept() -> Iterator[None]:
    kept._made.clear()
    kept._chart_bytes.clear()
    drawn.clear()
    yield
    kept._made.clear()


LINE = Line("a", np.arange(3.0), {1: "why"})
OTHERS = [
    replace(LINE, name="b"),
    replace(LINE, values=np.array([0.0, 1.0, 3.0])),
    replace(LINE, values=np.arange(3)),
    replace(LINE, values=np.arange(3.0)[:, None]),
    replace(LINE, values=np.arange(4.0)),
    replace(LINE, values=[0.0, 1.0, 2.0]),
    replace(LINE, gaps={}),
    replace(LINE, gaps={2: "why"}),
    replace(LINE, gaps={1: "why not"}),
]


def test_equal_arguments_draw_once() -> None:
    first = kept.drawn_once(chart, LINE, title="t")
    again = kept.drawn_once(chart, Line("a", np.arange(3.0), {1: "why"}), title="t")
    assert again is first and len(drawn) == 1
    sent = plot_module._payload(first, OPTIONS, None)
    assert (
        sent
        == plot_module._payload(first, OPTIONS, None)
        == plot_module._payload(chart(LINE, title="t"), OPTIONS, None)
    )


@pytest.mark.parametrize("other", OTHERS, ids=[str(place) for place in range(len(OTHERS))])
def test_whatever_differs_is_drawn_anew(other: Line) -> None:
    kept.drawn_once(chart, LINE)
    kept.drawn_once(chart, other)
    assert drawn[1] is other
    kept.drawn_once(chart, LINE, title="another")
    assert len(drawn) == 3


def test_every_other_value_has_another_word() -> None:
    values: list[Any] = [
        None,
        0,
        False,
        0.0,
        -0.0,
        "",
        "0",
        b"",
        (),
        [],
        {},
        ("a", "b"),
        ("ab",),
        [["a"], "b"],
        ["a", ["b"]],
    ]
    values += [
        np.zeros(0),
        np.zeros((0, 2)),
        np.float32(0),
        np.float64(0),
        np.array(["a"], object),
        np.array(["b"], object),
    ]
    values += [range(2), {"a": 1, "b": 2}, {"b": 2, "a": 1}, {1, 2}, [1, 2], chart, replace, float("inf"), "\ud800"]
    values += [Result("a" * 40, "x", 1, LINE), Result("b" * 40, "x", 1, LINE), Result("a" * 40, "x", 1, OTHERS[0])]
    assert len({contents_of(value) for value in values}) == len(values)
    assert contents_of(float("nan")) == contents_of(float("nan")), "the gaps of a chart are the same gaps"
    assert contents_of({2, 1}) == contents_of({1, 2})


def test_what_cannot_be_told_is_drawn_each_time() -> None:
    for value in (object(), lambda: 1, Line, iter(())):
        with pytest.raises(Untold):
            contents_of([value])
    line = Line("a", np.arange(3.0), {1: object()})  # type: ignore[dict-item]
    assert kept.drawn_once(chart, line) is not kept.drawn_once(chart, line)


def test_a_copy_of_a_kept_chart_is_written_as_it_is() -> None:
    first = kept.drawn_once(chart, LINE)
    before = plot_module._payload(first, OPTIONS, None)
    marked = go.Figure(first).add_scatter(y=[1])
    assert plot_module._payload(marked, OPTIONS, None) != before
    assert len(first.data) == 1 and plot_module._payload(first, OPTIONS, None) == before


def test_the_frames_of_a_kept_chart_are_not_kept_with_it() -> None:
    figure = kept.drawn_once(chart, LINE)
    one, two = (plot_module._payload(figure, OPTIONS, Frames("Step", ["0", name], [])) for name in ("1", "2"))
    assert one != two and one != plot_module._payload(figure, OPTIONS, None)
