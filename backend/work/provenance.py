"""Where numbers came from: the source of each stack, the sentences that belong on its figure, the versions used."""

from collections.abc import Sequence
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from backend.values.activations import LayerStack
from backend.values.models import ModelInfo
from backend.values.numbers import number_text
from backend.values.results import Source
from backend.values.specs import POOLINGS, ActivationSpec, PostProcess, TokenSample
from backend.version import __version__

_PACKAGES = ("torch", "transformers", "numpy", "scipy", "scikit-learn", "umap-learn", "openTSNE")
_STEPS = {
    "centre": "centred",
    "standardise": "standardised",
    "remove_rogue": "without the top {k} rogue dimensions",
    "remove_components": "without the top {k} principal components",
    "whiten": "whitened",
    "remove_dims": "without the dimensions {dims}",
}
_NAMED_DIMS = 10  # of a list of removed dimensions


def source(stack: LayerStack, spec: ActivationSpec) -> Source:
    """The source of ``stack``, as shown beside every figure."""
    n_rows, n_dims = stack.matrices[0].rows.shape
    return Source(
        model=spec.model.name,
        commit=spec.model.commit,
        texts=spec.texts.name,
        pooling=spec.pooling,
        layers=stack.layers,
        layer_names=stack.layer_names,
        n_rows=n_rows,
        n_dims=n_dims,
        n_truncated=stack.n_truncated,
        n_empty=stack.n_empty,
        max_length=spec.max_length,
        postprocess=tuple(_said(step) for step in spec.postprocess),
        sample=spec.texts.sample,
    )


def _said(step: PostProcess) -> str:
    dims = ", ".join(map(str, step.dims[:_NAMED_DIMS]))
    if len(step.dims) > _NAMED_DIMS:
        dims += f" and {len(step.dims) - _NAMED_DIMS} more"
    return _STEPS[step.kind].format(k=step.k, dims=dims)


def stack_notes(
    stacks: Sequence[LayerStack], specs: Sequence[ActivationSpec], n_fit: int | None = None
) -> tuple[str, ...]:
    """What must not be hidden about the model's layers, texts that were cut or empty, what was done.

    ``n_fit`` training rows of the first text set gave the means, variances and components of what was done to it; None:
    all rows did.
    """
    notes = []
    for stack, spec in zip(stacks, specs, strict=True):
        if spec.texts.sample:
            notes.append(f"The texts are a sample: {spec.texts.sample}.")
        model = f"{spec.model.name}: " if len(stacks) > 1 else ""
        notes += [model + caveat for caveat in stack.caveats]
        if stack.pooling == "words":
            notes += [model + note for note in _word_notes(stack, spec)]
        elif stack.n_truncated:
            were = "was" if stack.n_truncated == 1 else "were"
            notes.append(
                f"{model}{stack.n_truncated:,} of {spec.texts.n_rows:,} texts {were} longer than {spec.max_length:,} tokens and "
                f"{were} truncated."
            )
        if stack.n_empty:
            one = stack.n_empty == 1
            notes.append(
                f"{model}{stack.n_empty:,} {'text has no token of its own' if one else 'texts have no token of their own'}."
            )
        if stack.pooling != "words" and 2 * stack.n_distinct < spec.texts.n_rows:
            notes.append(
                f"Only {stack.n_distinct:,} of the {spec.texts.n_rows:,} texts are distinct: is this the right text column?"
            )
        if spec.stored != "float32":
            notes.append(
                f"{model}Activations are stored in {spec.stored}, rounded from float32: this moved the rows of a layer by up to "
                f"{number_text(stack.rounding, 'share', extra=2)} of their distance from their mean (root mean square)."
            )
        if spec.postprocess:
            steps = ", then ".join(_said(step) for step in spec.postprocess)
            by = f", fitted on {n_fit:,} training rows" if n_fit and spec.texts == specs[0].texts else ""
            notes.append(f"{model}Activations are {steps}{by}.")
        if spec.tokens is not None:
            notes.append(model + _token_rows(len(stack.matrices[0].rows), spec.tokens))
    return tuple(dict.fromkeys(notes))


def model_notes(
    stacks: Sequence[LayerStack], specs: Sequence[ActivationSpec], known: Sequence[ModelInfo]
) -> tuple[str, ...]:
    """What is not as the model's own package would have it, and which part of a checkpoint was run."""
    notes = []
    for stack, spec, info in zip(stacks, specs, known, strict=True):
        model = f"{spec.model.name}: " if len(stacks) > 1 else ""
        notes += [model + remark for remark in info.remarks]
        if info.usual_length and spec.max_length > info.usual_length:
            notes.append(
                f"{model}up to {spec.max_length} tokens of a text were read; the model's own package reads {info.usual_length}."
            )
        if spec.pooling in POOLINGS and len(info.layer_names) - 1 in stack.layers:
            notes += [model + remark for remark in info.package]
    return tuple(dict.fromkeys(notes))


def _word_notes(stack: LayerStack, spec: ActivationSpec) -> list[str]:
    """What a row is, and which words are not there."""
    what = "pair of words, their vectors side by side" if spec.texts.unit == "word_pair" else "word"
    notes = [
        f"A row is a {what}: {len(stack.matrices[0].rows):,} of {spec.texts.n_rows:,} in {stack.n_sentences:,} sentences; "
        "a word's vector is the mean of its tokens' vectors."
    ]
    if stack.n_lost:
        notes.append(
            f"{stack.n_lost:,} of {spec.texts.n_rows:,} rows lie beyond {spec.max_length} tokens of their sentence and "
            f"were left out ({stack.n_truncated:,} sentences are longer; the first such row is in {stack.lost_at}): raise "
            "the token limit if the model takes more, or split the sentences."
        )
    if stack.n_bare:
        notes.append(f"{stack.n_bare:,} rows have a word without a token of its own and were left out.")
    return notes


def _token_rows(n_rows: int, tokens: TokenSample) -> str:
    """Which tokens the rows are; with fewer rows than the limit there was nothing to draw."""
    special = "special tokens included" if tokens.special else "special tokens ([CLS], [SEP] and the like) left out"
    if tokens.limit is None or n_rows < tokens.limit:
        return f"A row is a token: all {n_rows:,} of them, {special}."
    return f"A row is a token: a sample of {n_rows:,} token vectors (seed {tokens.seed}), {special}."


@lru_cache
def _versions() -> tuple[tuple[str, str], ...]:
    found = [("embedscope", __version__)]
    for package in _PACKAGES:
        try:
            found.append((package, version(package)))
        except PackageNotFoundError:
            continue
    return tuple(found)


def versions() -> dict[str, str]:
    """The versions of what computed a result."""
    return dict(_versions())
