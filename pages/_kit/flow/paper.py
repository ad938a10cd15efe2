"""As in the paper: a switch that sets everything to what a paper's text describes, and a line that says what differs from it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import streamlit as st

from backend import PRESETS, ModelInfo, Preset, deviations, left_open, preset_status
from pages._kit.state import ask
from pages._kit.state.selection import Selection, current
from pages._kit.state.session import plain, workbench
from pages._kit.state.view import set_value, value_of

_BEFORE = "_before_the_paper"  # what the sidebar said, by switch
_SETS = "Sets pooling, layers, texts and this page's settings as in the paper. Switch it off to restore your own."
# what sidebar and pages begin with
_DEFAULTS = {
    "projection_method": "pca",
    "pooling": "mean",
    "layers": "all",
    "post": [],
    "all_tokens": False,
    "special": False,
}


@dataclass(frozen=True, slots=True)
class Paper:
    """The switch of one page: whether it is on, the metrics that a paper has, the ``box`` that the settings go into, and
    the place of the line below the switch."""

    on: bool
    presets: tuple[Preset, ...]
    info: ModelInfo
    box: Any
    line: Any
    extra: Mapping[str, Any]
    key: str

    def form(self, metric: str, key: str) -> dict[str, Any]:
        """``key`` and ``values`` of a metric's form of parameters: as in the paper its fields begin at the paper's values."""
        preset = next((one for one in self.presets if one.metric == metric), None)
        if not self.on or preset is None:
            return {"key": key, "values": None}
        return {"key": f"{key}_paper", "values": workbench().metrics()[metric].params(**preset.params)}

    def say(
        self,
        here: Selection,
        params: Mapping[str, Mapping[str, Any]],
        *,
        layers: Sequence[int] | None = None,
        basis: str | None = None,
        n_rows: int | None = None,
    ) -> None:
        """Fill the line: what is as in the paper, and what is not.

        ``params`` are those of each metric, ``layers`` the page's own, ``n_rows`` how many rows there are, once it is known.
        """
        if not self.presets or here.texts is None:
            return
        shown = here.layers if layers is None else tuple(layers)
        numbers = range(len(self.info.layer_names)) if isinstance(shown, str) else shown
        changed: dict[str, None] = {}
        for preset in self.presets:
            kind = workbench().metrics()[preset.metric].params
            found = deviations(
                preset,
                self.info,
                kind(**{**preset.params, **params.get(preset.metric, {})}),
                pooling=here.pooling,
                layers=[int(number) for number in numbers],
                texts=here.texts.spec.name,
                unit=here.texts.spec.unit,
                all_tokens=here.tokens is None or here.tokens.limit is None,
                special=here.tokens is not None and here.tokens.special,
                postprocess=here.postprocess,
                basis=basis,
                n_rows=n_rows,
            )
            changed |= dict.fromkeys(found)
        said = preset_status(self.presets[0], list(changed))
        if len(self.presets) > 1:
            papers = " and ".join(dict.fromkeys(preset.paper for preset in self.presets))
            said = f"Unlike {papers}: {'; '.join(changed)}." if changed else f"As in {papers}."
        icon = ":material/difference:" if changed else ":material/menu_book:"
        with self.line.container():
            st.caption(f"{icon} {plain(said)}")
            if changed and self.on:
                st.button(
                    "Set again", key=f"{self.key}_again", on_click=_set, args=(self.presets, self.info, self.extra)
                )


def paper_choice(
    metrics: Sequence[str], here: Selection, info: ModelInfo, page: str, *, extra: Mapping[str, Any] | None = None
) -> Paper:
    """Draw two buttons, Paper and Settings, with the switch of a page whose numbers are those of ``metrics`` behind the first;
    Settings alone where no paper has any of them.

    ``info`` is the model whose family decides; ``extra`` are widgets of the page that are set too, by key. The switch is in
    the address, and so is what it sets in the sidebar.
    """
    presets = tuple(PRESETS[metric] for metric in metrics if metric in PRESETS)
    key, more, on, line = f"paper_{page}", extra or {}, False, None
    with st.container(horizontal=True, vertical_alignment="bottom", width="content", gap="small"):
        if presets:
            with st.popover("Paper", icon=":material/menu_book:"):
                on = ask.toggle(
                    "As in the paper",
                    key=key,
                    help=_SETS,
                    on_change=_turned,
                    args=(key, presets, info, more),
                )
                line = st.empty()
                _cite(presets)
        box = st.popover("Settings", icon=":material/tune:")
    return Paper(bool(on), presets, info, box, line, more, key)


def _cite(presets: Sequence[Preset]) -> None:
    """Each paper once, with the way to it; then what every metric is in it, and what the text leaves open."""
    for paper in dict.fromkeys(preset.publication for preset in presets):
        year = f", {paper.year}" if paper.year else ""
        link = f" [{plain(paper.shown_address)}]({paper.address})" if paper.address else ""
        st.caption(f"**{plain(paper.title)}.** {plain(f'{paper.authors}{year}.')}{link}")
    for preset in presets:
        st.caption(f"**{plain(preset.source)}.** {plain(left_open(preset))}")


def _turned(key: str, presets: Sequence[Preset], info: ModelInfo, extra: Mapping[str, Any]) -> None:
    """Set everything, or put back what was there before: after a reload, which forgets it, the sidebar's defaults, and the texts stay."""
    if value_of(key, False):
        wanted = _wanted(presets, info, extra)
        st.session_state[f"{_BEFORE}_{key}"] = {name: value_of(name, None) for name in wanted}
        _set(presets, info, extra)
        return
    wanted = _wanted(presets, info, extra)
    otherwise = {name: value for name, value in _DEFAULTS.items() if name in wanted}
    for name, value in st.session_state.pop(f"{_BEFORE}_{key}", otherwise).items():
        if value is not None:
            set_value(name, value)


def _set(presets: Sequence[Preset], info: ModelInfo, extra: Mapping[str, Any]) -> None:
    for name, value in _wanted(presets, info, extra).items():
        set_value(name, value)


def _wanted(presets: Sequence[Preset], info: ModelInfo, extra: Mapping[str, Any]) -> dict[str, Any]:
    """The widgets of the sidebar (and of the page) and what the papers want of them, as far as all chosen models can be run so."""
    first, beside = presets[0], [one for one in current().models if not one.is_given]
    n_layers = min(len(one.layer_names) for one in (info, *beside))
    layers = tuple(number for number in first.layers_for(info) if number < n_layers) or (n_layers - 1,)
    whole = len(layers) == len(info.layer_names)
    found: dict[str, Any] = {
        "layers": "all" if whole else f"{layers[0]}-{layers[-1]}" if len(layers) > 1 else str(layers[0]),
        "post": [],
    }
    if info.is_given:  # nothing to pool, and no other texts
        return {**found, **extra}
    pooling = first.pooling_for(info)
    # one pooling for all models that are chosen: of those with no [CLS] the last token is what stands in its place
    found["pooling"] = "last" if pooling == "cls" and not all(one.has_cls for one in beside) else pooling
    if first.pooling == "tokens":
        found |= {"all_tokens": True, "special": False}
    if first.texts:
        found["texts"] = first.texts
    return {**found, **extra}
