"""The texts of a cluster, selected on all pages."""

import numpy as np
import streamlit as st

from backend import DirectProbeResult, Result
from pages._kit.show.choosing import select_button
from pages._kit.show.wording import count
from pages._kit.state import ask

OUTSIDE = -1


def select_cluster(result: Result[DirectProbeResult], layer: int, row_name: str) -> None:
    """A cluster of one layer (a place in the result), or what is outside the largest of its label, and the button that selects it."""
    values, name = result.values, result.sources[0].layer_names[layer]
    clusters, classes = values.clusters[layer], values.split.classes
    places = {
        int(number): np.flatnonzero(clusters == number) for number in dict.fromkeys(clusters.tolist()) if number >= 0
    }
    outside = np.flatnonzero(values.outside[layer])
    options = [*([OUTSIDE] if len(outside) else []), *sorted(places, key=lambda number: (-len(places[number]), number))]
    if not options:
        return

    def said(number: int) -> str:
        if number == OUTSIDE:
            return f"outside the largest clusters ({len(outside):,})"
        return f"cluster {number}: {classes[values.row_label[places[number][0]]]} ({len(places[number]):,})"

    with st.container(horizontal=True, vertical_alignment="bottom"):
        chosen = ask.selectbox("Cluster", options, format_func=said, key=f"clusters_chosen_{layer}", width=300)
        rows = np.sort(values.row_index[outside if chosen == OUTSIDE else places[chosen]]).tolist()
        where = "outside the largest clusters" if chosen == OUTSIDE else f"of cluster {chosen}"
        select_button(rows, f"{count(len(rows), row_name)} {where} in {name}", "clusters_select")
