"""Figures side by side: the same axes, unless one could not be read on them."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest

from pages._kit.show.finding import Finding
from pages._kit.show.shared_axes import OWN, SHARED, with_shared_axes
from tests.pages.kit.test_walk import check_beside


def finding(key: str, *traces: go.Scatter | go.Bar, **layout: object) -> Finding:
    return Finding(key, key, go.Figure(traces, layout), "A caption.", pd.DataFrame())


def ranges(one: Finding) -> tuple[object, object]:
    return one.figure.layout.xaxis.range, one.figure.layout.yaxis.range


def test_the_axes_go_around_all_that_the_figures_draw() -> None:
    bars = finding("k_0", go.Bar(x=[1.0, 2.0], y=[0, 3], width=1.0), yaxis={"range": [0, 4]})
    line = finding("k_1", go.Scatter(x=np.array([0.0, 4.0]), y=[1.0, None]), go.Scatter(x=[2], y=[np.nan]))
    both = with_shared_axes([bars, line])
    assert ranges(both[0]) == ranges(both[1])
    (low, high), up = ranges(both[0])
    assert low == pytest.approx(-0.16) and high == pytest.approx(4.16) and up[0] == 0 and up[1] == 4
    assert all(one.caption == f"A caption. {SHARED}" for one in both)
    assert ranges(line) == (None, None), "what was given is left as it was"


def test_where_one_could_not_be_read_each_keeps_its_own_axis_and_it_is_said() -> None:
    wide, narrow = (finding(f"k_{end}", go.Scatter(x=[0.0, end], y=[0, 1])) for end in (100.0, 1.0))
    both = with_shared_axes([wide, narrow])
    assert [ranges(one)[0] for one in both] == [None, None] and ranges(both[0])[1] == ranges(both[1])[1]
    assert all(
        f"{OWN} horizontal axis: on a common one a figure would fill less than 15" in one.caption for one in both
    )


def test_a_single_figure_and_those_that_draw_nothing_are_left_alone() -> None:
    one, none = finding("k_0", go.Scatter(x=[1, 2], y=[1, 2])), Finding("k_1", "", None, "", pd.DataFrame())
    assert with_shared_axes([one, none]) == [one, none]


def test_figures_side_by_side_on_other_axes_are_found_out() -> None:
    one, other = (finding(f"k_{end}", go.Scatter(x=[0, end], y=[0, 1])) for end in (1, 2))
    with pytest.raises(AssertionError, match="k_: xaxis"):
        check_beside({"k_0": one, "k_1": other})
    check_beside({found.title: found for found in with_shared_axes([one, other])})
