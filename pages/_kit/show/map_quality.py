"""How far a map can be trusted: in one line, and in numbers beside it."""

from typing import TYPE_CHECKING

import numpy as np
import streamlit as st

from backend import NOT_YET, Projection, Result, number_text
from pages._kit.show.findings import reasons
from pages._kit.state.session import plain

if TYPE_CHECKING:
    from pages._kit.show.map_view import MapView

_TRUST_HELP = (
    "1: points that are near on the map are near in the full space. Below about 0.9, do not trust the clusters."
)

_RESIDUAL_HELP = (
    "What the best shift, rotation, mirroring and scaling of this map onto the one before it leaves, as a share of its spread. "
    "0 %: the same map. It is a change of the map, not of the full space."
)


def quality(result: Result[Projection], place: int) -> str:
    """How far one map can be trusted, in one line."""
    values = result.values
    why = reasons(result, "trustworthiness").get((place,))
    if why is not None and not np.isfinite(values.coords[place]).any():
        return f"undefined: {why}"
    parts = []
    if len(values.explained_variance_ratio):
        listed = " + ".join(number_text(share, "share") for share in values.explained_variance_ratio[place])
        parts.append(f"shows {listed} of the variance")
    if why == NOT_YET:
        return " · ".join([*parts, "its quality is still being computed"])
    parts.append(f"trustworthiness {_number(values.trustworthiness[place])}")
    parts.append(f"neighbour overlap {_number(values.neighbour_overlap[place], 'share')}")
    return " · ".join(parts)


def show_quality(view: "MapView", place: int, key: str) -> None:
    """Trustworthiness and neighbour overlap of the place on show."""
    values = view.result.values
    later = "to come" if reasons(view.result, "trustworthiness").get((place,)) == NOT_YET else ""
    lines = [
        ("Trustworthiness", later or _number(values.trustworthiness[place]), _TRUST_HELP),
        (
            "Neighbour overlap",
            later or _number(values.neighbour_overlap[place], "share"),
            f"Share of each point's {values.k} nearest neighbours that the map and the full space have in common; "
            f"unrelated maps would share {number_text(values.overlap_by_chance, 'share')}.",
        ),
    ]
    if len(values.explained_variance_ratio):
        shown = _number(float(values.variance_shown[place]), "share")
        lines.append(("Variance shown", shown, "Share of the variance that the axes show."))
    if place:
        left = _number(values.alignment_residual[place], "share")
        lines.append(("Alignment residual", left, _RESIDUAL_HELP))
    with st.container(key=key, gap=None):
        st.markdown(f"**{plain(view.slider)} {plain(view.names[place])}**")
        for name, number, meaning in lines:
            st.markdown(f"{name} **{number}**", help=meaning)


def _number(value: float, unit: str = "number") -> str:
    return number_text(value, unit) if np.isfinite(value) else "undefined"
