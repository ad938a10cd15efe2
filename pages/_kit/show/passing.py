"""A figure that stands in the place of one that is still being computed: marked, and nothing to be kept of it."""

import plotly.graph_objects as go
import streamlit as st

from pages._kit.charts.maps import headline_of, headlined
from pages._kit.show.finding import Finding
from pages._kit.show.frames import Frames
from pages._kit.show.plot import ChartSelection, plot
from pages._kit.state.session import plain

EARLY = "Quality numbers are still being computed"


def show_passing(
    figure: go.Figure, mark: str, *, key: str, alt: str, height: int, view: str = "", frames: Frames | None = None
) -> ChartSelection:
    """Draw ``figure`` with the line ``mark`` above it: without tools, so that it is neither zoomed, selected in nor saved.

    With ``frames`` it has its slider, and of what is chosen in it only the frame is returned. The figure that replaces it goes on where the
    slider was left where both have the same ``key`` and ``view``.
    """
    marked = headlined(go.Figure(figure), mark).update_layout(dragmode=False)
    marked.update_xaxes(fixedrange=True).update_yaxes(fixedrange=True)
    return plot(marked, key=key, alt=f"{alt}. {mark}.", height=height, view=view, frames=frames, passing=True)


def show_early(finding: Finding) -> ChartSelection:
    """The map of ``finding``, whose quality is still being computed, as one that the result will replace; it says what it draws as that will."""
    assert finding.figure is not None
    chosen = show_passing(
        finding.figure,
        " · ".join(filter(None, (EARLY, headline_of(finding.figure)))),
        key=finding.key,
        alt=finding.alt or finding.title,
        height=finding.height,
        view=finding.view,
        frames=finding.frames,
    )
    if finding.caption:
        st.caption(plain(finding.caption))
    return chosen
