"""What the rows are: which token vectors are kept, and what is done to the rows before any metric sees them."""

from collections.abc import Sequence

import streamlit as st

from backend import GIVEN, POOLINGS, POSTPROCESS_STEPS, ModelInfo, PostProcess, TextSetInfo, TokenSample
from pages._kit.charts.base import short_model
from pages._kit.state import ask
from pages._kit.state.session import plain

POOLING_CHOICES = (*POOLINGS, "tokens")
STEPS = {
    "centre": "centre",
    "standardise": "standardise",
    "remove_rogue": "remove rogue dimensions",
    "remove_components": "remove principal components",
    "whiten": "whiten",
    "remove_dims": "remove named dimensions",
}
COUNTS = {"remove_rogue": ("Rogue dimensions", "rogue_k"), "remove_components": ("Components", "components_k")}
MOST_REMOVED = 10_000
FEWEST_TOKENS, DEFAULT_TOKENS, MOST_TOKENS = 10, 10_000, 1_000_000


def pooling_choice(texts: TextSetInfo | None, models: Sequence[ModelInfo] = ()) -> str:
    """The pooling; words and imported vectors have one of their own, and the choice waits for other texts or models."""
    of_words = texts is not None and texts.spec.unit != "text"
    given = [info.spec.name for info in models if info.is_given]
    nothing = bool(given) and len(given) == len(models)
    chosen = ask.segmented_control(
        "Pooling",
        POOLING_CHOICES,
        default="mean",
        key="pooling",
        width="stretch",
        disabled=of_words or nothing,
        help="How the token vectors of a text become one vector: the first token (cls), the last real token, or their "
        "mean. With tokens, every token is a row of its own.",
    )
    if nothing:
        st.caption("Imported vectors are taken as they are: there is nothing to pool.")
        return GIVEN
    if given:
        st.caption(f"{plain(', '.join(given))}: taken as imported.")
    if of_words and texts is not None:
        pairs = " A pair has both vectors, side by side." if texts.spec.unit == "word_pair" else ""
        st.caption(f"Rows are words: a word's vector is the mean of its tokens' vectors.{pairs}")
        return "words"
    return str(chosen)


def pooling_problem(models: Sequence[ModelInfo], pooling: str) -> str:
    """Why these models cannot be pooled so; empty where they can."""
    if pooling not in (*POOLING_CHOICES, "words", GIVEN):
        return "Choose a pooling in the sidebar."
    given = [info.spec.name for info in models if info.is_given]
    if pooling == "tokens" and given:
        return f"{', '.join(given)} has one imported vector for each text: choose the pooling cls, last or mean."
    without = [short_model(info.spec.name) for info in models if not info.has_cls and not info.is_given]
    if pooling == "cls" and without:
        return f"{', '.join(without)} puts no [CLS] token before a text: choose the pooling last or mean."
    return ""


def rows_form(pooling: str, seed: int) -> tuple[TokenSample | None, tuple[PostProcess, ...]]:
    """The widgets, folded away; the token sample only with pooling "tokens"."""
    with st.expander("Rows", icon=":material/filter_alt:"):
        tokens = _tokens(seed) if pooling == "tokens" else None
        steps = _steps()
    said = rows_sentence(tokens, steps)
    if said:
        st.caption(f"Rows: {said}.")
    return tokens, steps


def rows_sentence(tokens: TokenSample | None, steps: Sequence[PostProcess]) -> str:
    """What differs from one untouched vector a text, in a few words; empty where nothing does."""
    parts = []
    if tokens is not None:
        parts.append("all tokens" if tokens.limit is None else f"up to {tokens.limit:,} tokens")
        if tokens.special:
            parts[-1] += ", special ones too"
    for step in steps:
        count = step.k or len(step.dims)
        parts.append(STEPS[step.kind] + (f" ({count})" if count else ""))
    return ", then ".join(parts)


def rows_problem(models: Sequence[ModelInfo], steps: Sequence[PostProcess]) -> str:
    """Why these steps cannot be done on these models; empty where they can."""
    for step in steps:
        for info in models:
            if step.k >= info.n_dims:
                return f"Rows: {info.spec.name} has {info.n_dims:,} dimensions, {step.k} of which cannot be removed."
            if step.dims and max(step.dims) >= info.n_dims:
                return f"Rows: {info.spec.name} has dimensions 0 to {info.n_dims - 1}, there is no {max(step.dims)}."
        if step.kind == "remove_dims" and not step.dims:
            return "Rows: name the dimensions to remove, as whole numbers with commas between them: 4, 17."
    return ""


def pairing_warning(models: Sequence[ModelInfo], tokens: TokenSample | None) -> None:
    """Say, before a run, that token vectors of models with different (or unknown) tokenizers can hardly be paired."""
    known = {info.tokenizer for info in models}
    if tokens is None or len(models) < 2 or (len(known) == 1 and "" not in known):
        return
    names = " and ".join(dict.fromkeys(info.spec.name for info in models))
    differ = "have different tokenizers" if "" not in known else "may have different tokenizers"
    st.warning(
        f"{plain(names)} {differ}. Rows of token vectors can be paired only where all models cut the texts into the same "
        "tokens; otherwise the run fails. Choose the pooling mean or last in the sidebar, or models that share a tokenizer.",
        icon=":material/warning:",
    )


def _tokens(seed: int) -> TokenSample:
    every = ask.toggle("All tokens", value=False, key="all_tokens", help="Exact, but large: see the cost.")
    limit = DEFAULT_TOKENS
    if not every:
        chosen = ask.number_input(
            "Sampled tokens",
            min_value=FEWEST_TOKENS,
            max_value=MOST_TOKENS,
            value=DEFAULT_TOKENS,
            step=1000,
            key="tokens",
            help="How many token vectors are kept, drawn from all texts by the seed.",
        )
        limit = int(chosen)
    special = ask.toggle(
        "Include special tokens",
        value=False,
        key="special",
        help="Keep [CLS], [SEP] and other tokens that stand for no word. Padding is never kept.",
    )
    return TokenSample(None if every else limit, seed, bool(special))


def _steps() -> tuple[PostProcess, ...]:
    chosen = ask.multiselect(
        "Post-processing",
        POSTPROCESS_STEPS,
        format_func=lambda step: STEPS.get(step, str(step)),
        select_all=False,
        placeholder="None",
        key="post",
        help="Applied to the vectors before anything is computed, in the order you choose: subtract the mean; "
        "give every dimension variance 1; zero the dimensions of highest variance; project out the strongest "
        "directions; give every direction variance 1; zero dimensions that you name.",
    )
    return tuple(PostProcess(kind, _count(kind), _dims(kind)) for kind in chosen if kind in STEPS)


def _dims(kind: str) -> tuple[int, ...]:
    """The named dimensions; empty where they cannot be read."""
    if kind != "remove_dims":
        return ()
    text = ask.text_input("Dimensions to remove", "", max_chars=2000, key="dims", placeholder="4, 17")
    parts = text.replace(",", " ").split()
    if not all(part.isdecimal() and len(part) <= 6 for part in parts):
        return ()
    return tuple(sorted({int(part) for part in parts}))


def _count(kind: str) -> int:
    if kind not in COUNTS:
        return 0
    label, key = COUNTS[kind]
    chosen = ask.number_input(f"{label} to remove", min_value=1, max_value=MOST_REMOVED, value=1, step=1, key=key)
    return int(chosen)
