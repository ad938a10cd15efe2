"""The choice that all pages share: models, text set, pooling, layers, label and seed, in the sidebar and in the URL."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st

from backend import ModelInfo, PostProcess, ResolveTask, TextSetInfo, TokenSample, fingerprint
from pages._ui import wording
from pages._ui.progress import obtain
from pages._ui.rows import pooling_choice, pooling_problem, rows_form, rows_problem
from pages._ui.session import plain, workbench

DEFAULT_MODEL = "minilm"
DEFAULT_TEXTS = "sentiment"
MOST_MODELS = 6
MOST_NAME_CHARS = 300
MOST_SEED = 2**31 - 1
NO_LABEL = "(none)"
_STYLE = Path(__file__).with_name("sidebar.css")
_KEPT = "_selection"
_KNOWN = "_known_models"
_MODELS_SET = "_models_set"
_LINKED = "_linked_values"
_NEXT_TEXTS = "_next_texts"


@dataclass(frozen=True, slots=True)
class Selection:
    """What the sidebar says: resolved models, the text set, and how to look at them.

    ``layers`` is "all" or layer numbers; ``label`` the label column or None; ``tokens`` says which token vectors are
    kept with pooling "tokens" (None otherwise); ``postprocess`` are the steps before any metric. While anything is
    missing or wrong, ``problem`` is a sentence that says so (``failed``: and waiting will not help) and the other
    fields hold what is known. ``warning`` is about a choice that is not what the link asked for.
    """

    models: tuple[ModelInfo, ...] = ()
    texts: TextSetInfo | None = None
    pooling: str = "mean"
    layers: str | tuple[int, ...] = "all"
    label: str | None = None
    seed: int = 0
    problem: str = ""
    failed: bool = False
    warning: str = ""
    postprocess: tuple[PostProcess, ...] = ()
    tokens: TokenSample | None = None

    @property
    def rows(self) -> dict[str, Any]:
        """What ``Workbench.analysis`` must be told about the rows, whatever the models, layers and metric."""
        return {
            "texts": self.texts,
            "pooling": self.pooling,
            "seed": self.seed,
            "postprocess": self.postprocess,
            "tokens": self.tokens,
        }

    @property
    def row_name(self) -> str:
        """What one row is: a text, a token, a word or a pair of words."""
        unit = "text" if self.texts is None else self.texts.spec.unit
        return wording.row_name(unit) if self.tokens is None else "token"


def current() -> Selection:
    """The shared choice as the sidebar left it in this run."""
    return st.session_state.get(_KEPT, Selection(problem="The sidebar has not been drawn yet."))


def ready() -> Selection:
    """The shared choice; while it is not complete, say what is missing and end the page here."""
    selection = current()
    if selection.warning:
        st.warning(plain(selection.warning), icon=":material/link_off:")
    if selection.problem:
        show_open(selection)
        st.stop()
    return selection


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
        models, model_problem, failed = _models()
        texts, warning = _texts(text_sets)
        pooling = pooling_choice(texts)
        label = _label(texts)
        left, right = st.columns(2)
        with left:
            layers, layer_problem = _layers(models)
        with right:
            seed = _seed()
        tokens, steps = rows_form(pooling, seed)
        if layer_problem:
            st.error(plain(layer_problem), icon=":material/error:")
    problem = model_problem or pooling_problem(models, pooling) or layer_problem or rows_problem(models, steps)
    if texts is None:
        problem = problem or "There is no text set. Add one on the page Texts."
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
        warning=warning,
    )
    st.session_state[_KEPT] = selection
    return selection


def option_name(info: TextSetInfo, text_sets: Sequence[TextSetInfo]) -> str:
    """The name of a text set in the sidebar and the URL: its own, with a piece of its digest where two share it."""
    same = [other for other in text_sets if other.spec.name == info.spec.name]
    return info.spec.name if len(same) == 1 or info.builtin else f"{info.spec.name} ({info.spec.table[:8]})"


def choose_texts(name: str) -> None:
    """Make ``name`` (as ``option_name`` gives it) the shared text set; for button callbacks."""
    st.session_state["texts"] = name


def choose_texts_next(table: str) -> None:
    """Make the text set with this table digest the shared one in the next run; for code that runs after the sidebar."""
    st.session_state[_NEXT_TEXTS] = table


def choose_models(names: Sequence[str]) -> None:
    """Make ``names`` the shared models; for button callbacks."""
    st.session_state["model"] = list(names)
    st.session_state[_MODELS_SET] = True


def chosen_names() -> list[str]:
    """The names in the model field, resolved or not."""
    return list(st.session_state.get("model", [DEFAULT_MODEL]))


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


def _models() -> tuple[tuple[ModelInfo, ...], str, bool]:
    known: dict[str, None] = st.session_state.setdefault(_KNOWN, {DEFAULT_MODEL: None})
    names = st.multiselect(
        "Models",
        list(known),
        default=None if st.session_state.pop(_MODELS_SET, False) else [DEFAULT_MODEL],  # never two values in one run
        accept_new_options=True,
        max_selections=MOST_MODELS,
        select_all=False,
        placeholder="Hub id, folder or alias",
        key="model",
        bind="query-params",
        help="`minilm`, a Hugging Face id such as `gpt2` or `EleutherAI/pythia-160m@step1000`, or a local folder. "
        "Type a name and press Enter. Pages that compare models use all of them.",
    )
    if not names:
        return (), "Choose a model in the sidebar.", False
    infos, open_names, failures = [], [], []
    for place, name in enumerate(names):
        if not _is_name(name):
            st.error("A model name has up to 300 printable characters.", icon=":material/error:")
            failures.append("A model name has up to 300 printable characters.")
            continue
        info = obtain(ResolveTask(name.strip()), f"model_{place}", what=f"Looking up {name}")
        if info is None:
            status = workbench().status(fingerprint(ResolveTask(name.strip())))
            if status is not None and status.state == "failed":
                failures.append(f"{status.error} {status.hint}")
            else:
                open_names.append(name)
        else:
            known[name] = None
            infos.append(info)
    waiting = f"Looking up {', '.join(open_names)} (see the sidebar)." if open_names else ""
    return tuple(infos), failures[0] if failures else waiting, bool(failures)


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and 0 < len(name.strip()) <= MOST_NAME_CHARS and name.isprintable()


def _texts(text_sets: Sequence[TextSetInfo]) -> tuple[TextSetInfo | None, str]:
    options = {option_name(info, text_sets): info for info in text_sets}
    if not options:
        return None, ""
    names = list(options)
    linked = st.session_state.setdefault(_LINKED, {"texts": st.query_params.get("texts")})
    following = st.session_state.pop(_NEXT_TEXTS, None)
    for name, info in options.items():
        if info.spec.table == following:
            choose_texts(name)
            linked["texts"] = None
    chosen = st.selectbox(
        "Text set",
        names,
        index=names.index(DEFAULT_TEXTS) if DEFAULT_TEXTS in options else 0,
        key="texts",
        bind="query-params",
        on_change=lambda: linked.update(texts=None),
        help="The texts that the models read. Add your own on the page Texts.",
    )
    if chosen not in options:  # a client may send anything
        chosen = names[0]
    warning = ""
    if linked["texts"] is not None and linked["texts"] not in options:
        warning = (
            f"The link asks for the text set '{linked['texts'][:80]}', which is not here. This is '{chosen}' instead."
        )
    return options[chosen], warning


def _label(texts: TextSetInfo | None) -> str | None:
    columns = list(texts.columns) if texts is not None else []
    options = [NO_LABEL, *columns]
    first = columns.index(texts.label) + 1 if texts is not None and texts.label in columns else 0
    chosen = st.selectbox(
        "Label",
        options,
        index=first,
        key="label",
        bind="query-params",
        disabled=not columns,
        help="The column that colours the points.",
    )
    return chosen if chosen in columns else None


def _layers(models: Sequence[ModelInfo]) -> tuple[str | tuple[int, ...], str]:
    text = st.text_input(
        "Layers",
        "all",
        max_chars=200,
        key="layers",
        bind="query-params",
        help="`all`, or numbers and ranges such as `0, 3-6`. Layer 0 is the embedding output, layer i the output of "
        "block i; a model that ends in a final norm has one layer more.",
    )
    layers = parse_layers(str(text)[:200])
    problem = ""
    if layers is None:
        problem = f"Layers: '{str(text)[:40]}' cannot be read. Write all, or numbers such as 0, 3-6."
    elif layers != "all":
        for info in models:
            last = len(info.layer_names) - 1
            if layers[-1] > last:
                problem = f"Layers: {info.spec.name} has layers 0 to {last}, there is no {layers[-1]}."
    return layers or "all", problem


def _seed() -> int:
    seed = st.number_input(
        "Seed",
        min_value=0,
        max_value=MOST_SEED,
        value=0,
        step=1,
        key="seed",
        bind="query-params",
        help="Start of every random step: samples, t-SNE, UMAP. The same seed gives the same figure.",
    )
    return seed if isinstance(seed, int) and 0 <= seed <= MOST_SEED else 0
