"""A figure that stands in the place of one that is still being computed: marked, and nothing to be kept of it."""

import plotly.graph_objects as go

from pages._kit.charts.maps import headlined
from pages._kit.show.plot import plot


def show_passing(figure: go.Figure, mark: str, *, key: str, alt: str, height: int) -> None:
    """Draw ``figure`` with the line ``mark`` above it: without tools, so that it is neither zoomed, selected in nor saved."""
    marked = headlined(go.Figure(figure), mark).update_layout(dragmode=False)
    marked.update_xaxes(fixedrange=True).update_yaxes(fixedrange=True)
    plot(marked, key=key, alt=f"{alt}. {mark}.", height=height, passing=True)
