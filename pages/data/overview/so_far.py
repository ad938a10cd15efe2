"""A first look, drawn where the results will stand: what the texts done so far show while the model still runs over the others.

It is no finding: nothing of it can be selected, saved, linked or pinned, and no page draws it but this one.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import plotly.graph_objects as go
import streamlit as st

from backend import AnalysisSpec, JobStatus, ModelInfo, fingerprint, number_text
from pages._kit.charts.maps import projection_scatter
from pages._kit.show.colouring import by_column
from pages._kit.show.findings import gaps_of
from pages._kit.show.map_points import MapPoints
from pages._kit.show.passing import show_passing
from pages._kit.show.wording import count, row_name
from pages._kit.state import selection
from pages._kit.state.session import service_may_be_lost, workbench
from pages.data.overview.charts import anisotropy_profile, layers_alike

if TYPE_CHECKING:
    from backend.work.looks import Look

EVERY_SECONDS = 2.0  # a look is asked for
HEIGHT = 380  # of a figure
_KEPT = "_first_look"


def going_on(specs: Sequence[AnalysisSpec]) -> list[JobStatus]:
    """The jobs of ``specs`` that are not over."""
    bench = workbench()
    return [job for spec in specs if (job := bench.status(fingerprint(spec))) is not None and job.active]


def look_now(specs: Sequence[AnalysisSpec]) -> "Look | None":
    """What the pass that ``specs`` wait for shows so far; once it is over, the last of it, while one of them is worked at."""
    bench, jobs = workbench(), going_on(specs)
    if not jobs:
        st.session_state.pop(_KEPT, None)
        return None
    now, begun = tuple(map(fingerprint, specs)), max(job.created for job in jobs)
    look = next((look for spec in specs if (look := bench.look(spec)) is not None), None)
    if look is not None:
        st.session_state[_KEPT] = now, begun, look
        return look
    if not all(bench.is_cached(spec.inputs) for spec in specs):
        return None  # the pass was cancelled with the job that it was part of, and begins anew
    before = st.session_state.get(_KEPT)  # of an earlier try, which was cancelled, nothing is shown
    return before[2] if before is not None and before[0] == now and before[1] >= begun else None


@st.fragment(run_every=EVERY_SECONDS)
def follow(specs: Sequence[AnalysisSpec], draw: "Callable[[Look], None]") -> None:
    """Draw the first look at the pass of ``specs`` as soon as there is one, and again as it is refined."""
    with service_may_be_lost():
        if (look := look_now(specs)) is not None:
            draw(look)


def awaited(specs: Sequence[AnalysisSpec]) -> frozenset[int]:
    """The places of ``specs`` whose results may come: their jobs were neither cancelled nor failed."""
    statuses = [workbench().status(fingerprint(spec)) for spec in specs]
    return frozenset(
        place for place, job in enumerate(statuses) if job is None or job.state not in ("cancelled", "failed")
    )


def layers_of(model: ModelInfo, here: selection.Selection) -> tuple[int, ...]:
    """The numbers of the layers that are chosen."""
    return tuple(range(len(model.layer_names))) if isinstance(here.layers, str) else tuple(here.layers)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a look is drawn: for which model, and for what else is chosen."""

    model: ModelInfo
    here: selection.Selection


@dataclass(frozen=True, slots=True)
class Early:
    """The figures of a first look, each with its mark."""

    look: "Look"
    place: Place
    awaited: frozenset[
        int
    ]  # the figures whose results will come, by their places: not those of jobs that were cancelled

    def say(self) -> None:
        """What the figures that are marked are of, and what they are not."""
        look, n, rows = self.look, len(self.look.rows), self._row
        done = f"the {look.n_done:,} of {count(look.n_rows, rows)} that the model had done"
        which = done if n == look.n_done else f"{count(n, rows)} drawn at random from {done}"
        st.caption(
            f":material/hourglass_top: Figures marked **So far** show {which}; it takes texts of all lengths in turn. They are refined "
            "while it runs, and each result takes its place. Nothing of them can be selected or saved."
        )

    def show_cka(self) -> None:
        """Layer against layer."""
        layers, values = list(self._layers), self.look.cka.matrix
        gaps = {
            tuple(map(layers.index, cell)): reason
            for cell, reason in gaps_of(self.look.undefined, "matrix", values.shape).items()
            if set(cell) <= set(layers)
        }
        self._show(
            "cka",
            layers_alike(values[np.ix_(layers, layers)], self._names, gaps),
            "CKA of every layer with every other",
        )

    def show_profile(self) -> None:
        """Anisotropy over depth."""
        values = self.look.anisotropy
        gaps = gaps_of(self.look.undefined, "anisotropy", values.anisotropy.shape)
        figure = anisotropy_profile(self.place.model.spec.name, self._names, values, gaps, self._layers)
        self._show("profile", figure, "Anisotropy over depth")

    def show_map(self) -> None:
        """The rows in the last block as points, by principal components."""
        texts, values = self.place.here.texts, self.look.projection
        assert texts is not None
        table, layer = workbench().text_set(texts), self.place.model.last_block(self._layers)
        shares = enumerate(values.explained_variance_ratio[layer], 1)
        titles = [f"Component {axis}, {number_text(share, 'share')} of the variance" for axis, share in shares]
        looks = MapPoints(values, table, by_column(table, self.place.here.label)).looks(layer)
        drawn = projection_scatter(values.coords[layer], **looks, axis_titles=titles)
        self._show("projection", drawn.figure, "The texts in two dimensions", ", by PCA")

    def _show(self, name: str, figure: go.Figure, alt: str, more: str = "") -> None:
        mark = f"So far: {len(self.look.rows):,} of {count(self.look.n_rows, self._row)}{more}"
        show_passing(figure, mark, key=f"overview_{name}_so_far", alt=alt, height=HEIGHT)

    @property
    def _layers(self) -> tuple[int, ...]:
        return layers_of(self.place.model, self.place.here)

    @property
    def _names(self) -> list[str]:
        return [self.look.layer_names[layer] for layer in self._layers]

    @property
    def _row(self) -> str:
        """What a row of the look is."""
        assert self.place.here.texts is not None
        return "token" if self.look.pooling == "tokens" else row_name(self.place.here.texts.spec.unit)
