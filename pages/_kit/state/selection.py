"""The choice that all pages share: models, text set, pooling, layers, label and seed, in the sidebar and in the URL."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import streamlit as st

from backend import (
    GIVEN,
    NOBODY,
    InvalidRequest,
    ModelInfo,
    PostProcess,
    TextSetInfo,
    TokenSample,
    sets_meant,
    told_apart,
)
from pages._kit.charts.base import short_model
from pages._kit.show import wording
from pages._kit.state import ask, login
from pages._kit.state.chosen import settle_rows
from pages._kit.state.model_field import model_field
from pages._kit.state.rows import pooling_choice, pooling_problem, rows_form, rows_problem, rows_sentence
from pages._kit.state.session import end_page, plain, workbench
from pages._kit.state.view import ask_next, asked_for, set_value, value_of, view

DEFAULT_TEXTS = "sentiment"
MOST_SEED = 2**31 - 1
NO_LABEL = "(none)"
_STYLE = Path(__file__).with_name("sidebar.css")
_KEPT = "_selection"
_LABELLED = "_labelled_texts"


@dataclass(frozen=True, slots=True)
class Selection:
    """What the sidebar says: resolved models, the text set, and how to look at them.

    ``layers`` is "all" or layer numbers; ``label`` the label column or None; ``tokens`` says which token vectors are
    kept with pooling "tokens" (None otherwise); ``postprocess`` are the steps before any metric. While anything is
    missing or wrong, ``problem`` is a sentence that says so (``failed``: and waiting will not help) and the other
    fields hold what is known. ``unread`` says what is wrong with the choice whatever the models.
    """

    models: tuple[ModelInfo, ...] = ()
    texts: TextSetInfo | None = None
    pooling: str = "mean"
    layers: str | tuple[int, ...] = "all"
    label: str | None = None
    seed: int = 0
    problem: str = ""
    failed: bool = False
    postprocess: tuple[PostProcess, ...] = ()
    tokens: TokenSample | None = None
    unread: str = ""

    @property
    def rows(self) -> dict[str, Any]:
        """What ``Workbench.analysis`` must be told about the rows, whatever the models, layers and metric."""
        return {
            "texts": self.texts,
            "pooling": self.pooling,
            "seed": self.seed,
            "postprocess": self.postprocess,
            "tokens": self.tokens,
            "beside": self.models,  # whatever is on show is judged by the same rows
        }

    @property
    def row_name(self) -> str:
        """What one row is: a text, a token, a word or a pair of words."""
        unit = "text" if self.texts is None else self.texts.spec.unit
        return wording.row_name(unit) if self.tokens is None else "token"


def current() -> Selection:
    """The shared choice as the sidebar left it in this run."""
    kept: Selection = st.session_state.get(_KEPT, Selection(problem="The sidebar has not been drawn yet."))
    return kept


def ready() -> Selection:
    """The shared choice; while it is not complete, say what is missing and end the page here."""
    selection = current()
    if selection.problem:
        show_open(selection)
        end_page()
    return selection


def ready_for(models: Sequence[ModelInfo]) -> Selection:
    """The shared choice with ``models`` in the place of the sidebar's own; where it does not fit them, end the page here."""
    shared = current()
    pooling = shared.pooling
    if pooling == GIVEN and not any(info.is_given for info in models):  # the sidebar's own models had nothing to pool
        of_words = shared.texts is not None and shared.texts.spec.unit != "text"
        pooling = "words" if of_words else models[0].default_pooling if models else "mean"
    problem = shared.unread or _unfit(models, shared.texts, pooling, shared.layers, shared.postprocess)
    st.session_state[_KEPT] = replace(
        shared, models=tuple(models), pooling=pooling, problem=problem, failed=bool(problem)
    )
    return ready()


def in_words(selection: Selection, *, models: bool = True) -> str:
    """The shared choice in one line: models, texts with their size and classes, pooling, and what is done to the rows.

    Without ``models`` for a page that shows others than these.
    """
    if not selection.models or selection.texts is None:
        return ""
    texts = selection.texts
    size = wording.count(texts.spec.n_rows, wording.row_name(texts.spec.unit))
    if selection.label is not None and selection.label == texts.label and texts.classes:
        size += f", {wording.count(len(texts.classes), 'class', 'classes')}"
    elif selection.label is not None:
        size += f", label {selection.label}"
    parts = [" and ".join(short_model(info.spec.name) for info in selection.models)] if models else []
    parts += [
        f"{texts.spec.name} ({size})",
        "as imported" if selection.pooling == GIVEN else selection.pooling,
    ]
    if selection.layers != "all":
        parts.append(f"layers {', '.join(map(str, selection.layers))}")
    said = rows_sentence(selection.tokens, selection.postprocess)
    return ", ".join([*parts, said] if said else parts)


def show_open(selection: Selection) -> None:
    """Why nothing can be shown yet: in red where waiting will not help."""
    show, icon = (st.error, ":material/error:") if selection.failed else (st.info, ":material/tune:")
    show(plain(selection.problem), icon=icon)


def sidebar() -> Selection:
    """Draw the shared widgets into the sidebar and keep what they say for ``current``."""
    st.session_state[_KEPT] = Selection(problem="The backend service has not answered yet.")
    text_sets = workbench().text_sets()
    with st.sidebar:
        st.html(_STYLE)
        models, model_problem, failed = model_field()
        texts = _texts(text_sets)
        settle_rows(texts)
        pooling = pooling_choice(texts, models)
        label = _label(texts)
        left, right = st.columns(2)
        with left:
            layers, unread = _layers()
        with right:
            seed = _seed()
        tokens, steps = rows_form(pooling, seed)
        layer_problem = unread or _layers_problem(models, layers)
        if layer_problem:
            st.error(plain(layer_problem), icon=":material/error:")
    if texts is None:
        unread = unread or "There is no text set. Add one on the Texts page."
    problem = model_problem or unread or _unfit(models, texts, pooling, layers, steps)
    failed = failed or (bool(problem) and not model_problem)
    selection = Selection(
        models,
        texts,
        pooling,
        layers,
        label,
        seed,
        problem,
        postprocess=steps,
        tokens=tokens,
        failed=failed,
        unread=unread,
    )
    st.session_state[_KEPT] = selection
    return selection


def choose_texts(name: str) -> None:
    """Make ``name`` (a ``shown_name``) the shared text set; for button callbacks."""
    set_value("texts", name)


def choose_texts_next(table: str) -> None:
    """Make the text set with this table digest the shared one in the next run; for code that runs after the sidebar."""
    ask_next("texts", [table])


def parse_layers(text: str) -> str | tuple[int, ...] | None:
    """``all``, or numbers and ranges such as ``0, 3-6`` as sorted layer numbers; None where it cannot be read."""
    text = text.strip().lower()
    if text in ("", "all"):
        return "all"
    numbers: set[int] = set()
    for part in re.split(r"[,\s]+", re.sub(r"\s*-\s*", "-", text)):
        match = re.fullmatch(r"(\d{1,4})(?:-(\d{1,4}))?", part, re.ASCII)
        if match is None:
            return None
        first, last = int(match[1]), int(match[2] or match[1])
        if last < first:
            return None
        numbers.update(range(first, last + 1))
    return tuple(sorted(numbers))


def _texts(text_sets: Sequence[TextSetInfo]) -> TextSetInfo | None:
    """The field for the text set; an address names one by its shown name, by its table's digest, or by a name that one has."""
    options = {info.shown_name: info for info in text_sets}  # with their digests: nobody else's saving renames one
    if not options:
        return None
    names = list(options)
    first = names.index(DEFAULT_TEXTS) if DEFAULT_TEXTS in options else 0
    before = view().kept.get("texts", value_of("texts", names[first]))  # a browser may know it by a name of before
    if before not in options and not asked_for("texts"):
        set_value("texts", names[first])
        view().gone["texts"] = (
            f"The text set '{before}', which was chosen here, no longer exists. Showing '{names[first]}' instead."
        )

    def read(words: Sequence[str]) -> str:
        return _meant(words[-1] if words else "", text_sets, value_of("texts", names[first]))

    known = options.get(before)
    digest = f" Digest of this one: {known.spec.table[:8]}." if known is not None and not known.builtin else ""
    chosen = ask.selectbox(
        "Text set",
        names,
        index=first,
        format_func=wording.set_names(text_sets),
        read=read,
        key="texts",
        help=f"The texts that the models read. Add your own on the Texts page.{digest}",
    )
    return options[chosen]


def _meant(word: str, text_sets: Sequence[TextSetInfo], instead: str) -> str:
    """The shown name of the text set that an address means; raises ValueError, which says why, where there is no one set."""
    for info in text_sets:
        if word in (info.shown_name, info.spec.table):
            return info.shown_name
    meant = sets_meant(text_sets, word)
    if len(meant) == 1:
        return meant[0].shown_name
    if meant:
        listed = "; ".join(f"{info.shown_name}, {told_apart(info)}" for info in meant)
        raise ValueError(
            f"The link asks for the text set '{word[:80]}', but {len(meant)} have that name: {listed}. Choose one of "
            f"them. Showing '{instead}' instead."
        )
    absent = "does not exist here" if login.person() == NOBODY else "is not shared with you, or not here"
    raise ValueError(f"The link asks for the text set '{word[:80]}', which {absent}. Showing '{instead}' instead.")


def _moved(texts: TextSetInfo | None) -> bool:
    """Whether another text set was chosen in this session before."""
    if texts is None:
        return False
    before = st.session_state.get(_LABELLED, texts.spec.table)
    st.session_state[_LABELLED] = texts.spec.table
    return bool(before != texts.spec.table)


def _label(texts: TextSetInfo | None) -> str | None:
    columns = list(texts.columns) if texts is not None else []
    options = [NO_LABEL, *columns]
    first = columns.index(texts.label) + 1 if texts is not None and texts.label in columns else 0
    moved = _moved(texts)
    if moved and not asked_for("label") and value_of("label", NO_LABEL) != NO_LABEL:
        set_value("label", options[first])  # a column of the set before would stay, if this one has it too
    chosen = ask.selectbox(
        "Label",
        options,
        index=first,
        key="label",
        disabled=not columns,
        help="The column that colours the points.",
    )
    return chosen if chosen in columns else None


def _unfit(
    models: Sequence[ModelInfo],
    texts: TextSetInfo | None,
    pooling: str,
    layers: str | tuple[int, ...],
    steps: tuple[PostProcess, ...],
) -> str:
    """Why the shared choice cannot be used on these models; empty where it can."""
    return (
        _texts_problem(models, texts)
        or pooling_problem(models, pooling)
        or _layers_problem(models, layers)
        or rows_problem(models, steps)
    )


def _texts_problem(models: Sequence[ModelInfo], texts: TextSetInfo | None) -> str:
    """Why imported vectors among the models cannot be looked at on these texts; empty where they can."""
    try:
        if texts is not None:
            workbench().require_texts_of(models, texts)
    except InvalidRequest as error:
        return f"{error.message} {error.hint}"
    return ""


def _layers_problem(models: Sequence[ModelInfo], layers: str | tuple[int, ...]) -> str:
    for info in models:
        last = len(info.layer_names) - 1
        if layers != "all" and int(layers[-1]) > last:
            return f"Layers: {info.spec.name} has layers 0 to {last}, there is no {layers[-1]}."
    return ""


def _layers() -> tuple[str | tuple[int, ...], str]:
    text = ask.text_input(
        "Layers",
        "all",
        max_chars=200,
        key="layers",
        help="`all`, or numbers and ranges such as `0, 3-6`. Layer 0 is the embedding output, layer i the output of "
        "block i; a model that ends in a final norm has one layer more.",
    )
    layers = parse_layers(text)
    problem = ""
    if layers is None:
        problem = f"Layers: '{text[:40]}' cannot be read. Write all, or numbers such as 0, 3-6."
    return layers or "all", problem


def _seed() -> int:
    seed: int = ask.number_input(
        "Seed",
        min_value=0,
        max_value=MOST_SEED,
        value=0,
        step=1,
        key="seed",
        help="Seed of every random step: samples, t-SNE, UMAP. The same seed gives the same figure.",
    )
    return seed
