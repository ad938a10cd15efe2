"""The checks of the values in a task, by the limits that the forms have; each raises InvalidRequest, saying what to write."""

import math
import re

from backend.errors import InvalidRequest
from backend.metrics.postprocess import check_step
from backend.values.reading import ROWS_BY, RowSample
from backend.values.specs import (
    ALL_POOLINGS,
    DTYPES,
    GIVEN,
    UNITS,
    ActivationSpec,
    LabelSpec,
    ModelSpec,
    PostProcess,
    TextSetSpec,
)
from backend.values.texts import MOST_NAME
from backend.values.visible import all_seen, visible

MOST_SEED = 2**31 - 1
MOST_TASKS = 10_000
_MOST_TOKENS, _MOST_WORD = 2**24, 4096  # characters; paths of files and models may be that long
_DIGEST = re.compile(r"[0-9a-f]{40}")
_AGAIN = "Export the recipe again, or copy the value from one that works."


def check_input(item: ActivationSpec) -> None:
    """One activation matrix: its model, its texts, and how they are read."""
    check_model(item.model)
    check_texts(item.texts)
    within("'layer'", item.layer, 0, 10_000)
    one_of("pooling", item.pooling, ALL_POOLINGS)
    within("'max_length'", item.max_length, 1, _MOST_TOKENS)
    one_of("number format to store in", item.stored, DTYPES)
    if item.pooling == GIVEN and item.stored != "float32":
        raise InvalidRequest(
            "Imported vectors are stored in float32.", "Write float32 as their 'stored', or leave it out."
        )
    for step in item.postprocess:
        _check_step(step)
    if (item.pooling == "tokens") != (item.tokens is not None):
        raise InvalidRequest(
            f"With the pooling '{item.pooling}' 'tokens' is {'given' if item.tokens else 'missing'}.",
            "It says which token vectors are kept with the pooling 'tokens', and is null otherwise.",
        )
    if item.tokens is not None:
        if item.tokens.limit is not None:
            within("'limit' of the tokens", item.tokens.limit, 1, 2**31 - 1)
        within("'seed' of the tokens", item.tokens.seed, 0, MOST_SEED)
    if item.ablation is not None:
        one_of("mode", item.ablation.mode, ("zero", "mean"))
        within("'layer' of the ablation", item.ablation.layer, 0, 10_000)
        _check_dims("ablation", item.ablation.dims)


def _check_step(step: PostProcess) -> None:
    check_step(step)
    if step.kind == "remove_dims":
        _check_dims(step.kind, step.dims)


def _check_dims(what: str, dims: tuple[int, ...]) -> None:
    within(f"the number of dimensions of '{what}'", len(dims), 1, 1_000_000)
    for dim in dims:
        within(f"a dimension of '{what}'", dim, 0, 1_000_000)
    if len(set(dims)) < len(dims):
        raise InvalidRequest(f"'{what}' names a dimension twice.", "Name each dimension once.")


def check_model(model: ModelSpec) -> None:
    """A model has a name, the digest of its weights, and a number format that is known."""
    check_text("a model", model.name)
    check_digest("'commit' of the model", model.commit)
    one_of("number format", model.dtype, DTYPES)


def check_texts(texts: TextSetSpec) -> None:
    """A text set has its two digests, a kind of row that is known, and a number of rows."""
    check_digest("'digest' of the texts", texts.digest)
    check_digest("'table' of the texts", texts.table)
    one_of("kind of row", texts.unit, UNITS)
    within("'n_rows' of the texts", texts.n_rows, 0, 2**31 - 1)


def check_labels(labels: LabelSpec) -> None:
    """A column of labels has its digest and a number of classes."""
    check_digest("'digest' of the labels", labels.digest)
    within("'n_classes' of the labels", labels.n_classes, 0, 2**31 - 1)


def check_rows(rows: RowSample) -> None:
    """How a part of the rows is taken, and how many."""
    one_of("way of taking rows", rows.by, ROWS_BY)
    within("the number of rows", rows.n, 1, 2**31 - 1)
    within("the seed", rows.seed, 0, 2**32 - 1)


def within(what: str, value: float, low: float, high: float) -> None:
    """``value`` is a finite number from ``low`` to ``high``."""
    if not low <= value <= high or not math.isfinite(value):
        raise InvalidRequest(
            f"{what[0].upper()}{what[1:]} is {str(value)[:40]}, outside its range.",
            f"Give a value from {low} to {high}.",
        )


def one_of(what: str, value: str, choices: tuple[str, ...]) -> None:
    """``value`` is one of ``choices``."""
    if value not in choices:
        raise InvalidRequest(f"There is no {what} '{value[:80]}'.", f"Choose one of: {', '.join(choices)}.")


def check_digest(what: str, value: str) -> None:
    """``value`` is a digest."""
    if not _DIGEST.fullmatch(value):
        raise InvalidRequest(f"{what[0].upper()}{what[1:]} is '{value[:60]}', which is not a digest.", _AGAIN)


def check_name(what: str, value: str, most: int = MOST_NAME) -> None:
    """A name that people give, of ``most`` characters: one that is seen as it is, beside other words too."""
    check_text(what, value, most)
    if not all_seen(value):
        raise InvalidRequest(
            f"The name of {what}, '{visible(value)[:80]}', holds characters that are not seen or turn words round.",
            "Give it a name of printable characters.",
        )


def check_text(what: str, value: str, most: int = _MOST_WORD) -> None:
    """A name of at most ``most`` characters that can be stored and looked for."""
    if not value.strip() or len(value) > most or any(ord(char) < 32 or 0xD800 <= ord(char) < 0xE000 for char in value):
        raise InvalidRequest(
            f"The name of {what} is empty, longer than {most:,} characters, or holds control characters.",
            "Give it a name of printable characters.",
        )
