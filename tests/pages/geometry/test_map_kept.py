"""A map is drawn, and written for the browser, once for as long as it is made of the same."""

from dataclasses import replace

import numpy as np
import pytest

from backend import Result, TextOnMap
from pages._kit.show import kept, map_view
from pages._kit.show import plot as plot_module
from pages._kit.show.colouring import Colouring, by_column
from pages._kit.show.finding import Finding
from pages.geometry.projection.place import with_text
from tests.pages.geometry.test_map_layers import made

OPTIONS = plot_module._Options("key", 420, "alt", "view", "points", "file")


@pytest.fixture
def drawings(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of points of each map that is drawn from now on."""
    kept._figure.clear()
    kept._bytes.clear()
    found: list[int] = []
    draw = map_view.projection_scatter

    def counted(coordinates, **more):
        found.append(len(coordinates))
        return draw(coordinates, **more)

    monkeypatch.setattr(map_view, "projection_scatter", counted)
    return found


def sent(finding: Finding) -> bytes:
    return plot_module._payload(finding.figure, OPTIONS, finding.frames, finding.made_of)


def test_what_shows_the_same_is_drawn_once(drawings: list[int]) -> None:
    first, again = (sent(made(60).finding("key", "title")) for _ in range(2))
    assert first == again and drawings == [60]
    loose = replace(made(60).finding("key", "title"), made_of="")
    assert plot_module._payload(loose.figure, OPTIONS, loose.frames) == first


def test_whatever_shows_something_else_is_drawn_anew(drawings: list[int]) -> None:
    view = made(60)
    values, table = view.result.values, view.table
    moved = replace(values, coords=values.coords + np.float32(1))
    others = [
        view,
        replace(view, result=replace(view.result, values=moved)),
        replace(view, label=None),
        replace(view, named=True),
        replace(view, colouring=by_column(table, "label", ["b"])),
        replace(view, colouring=Colouring("Norm of the vector", of_vectors=True)),
        replace(view, colouring=Colouring("a number", None, np.arange(60.0))),
        replace(view, colouring=Colouring("a number", None, np.arange(60.0)[::-1])),
        replace(view, slider="Step", steps=(0, 10, 20)),
        replace(view, table=replace(table, texts=("another text",) * 60)),
        replace(view, table=replace(table, columns={"label": ("c",) * 60})),
    ]
    seen = {sent(one.finding("key", "title")) for one in others}
    assert len(seen) == len(others) == len(drawings)
    assert sent(view.finding("key", "title", initial=0)) not in seen


def test_the_star_of_a_typed_text_stays_out_of_the_kept_map(drawings: list[int]) -> None:
    view = made(60)
    before = sent(view.finding("key", "title"))
    star = Result("e" * 40, "text_on_map", 1, TextOnMap(np.zeros((3, 2)), np.ones(3), 60, 8))
    marked = with_text(view.finding("key", "title"), view.result, star, "a typed text")
    assert len(marked.figure.data) == len(view.finding("key", "title").figure.data) + 1
    assert sent(marked) != before and sent(view.finding("key", "title")) == before
