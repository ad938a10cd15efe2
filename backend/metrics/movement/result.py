"""What the metric ``movement`` is asked and answers, why a number of it is missing, and what is said beside it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from backend.metrics.base import param
from backend.metrics.shared.degenerate import named
from backend.metrics.shared.linalg import Floats, Ints
from backend.values.activations import LayerStack

FRAMES = RAW, CENTRED, SCALED = "raw", "centred", "scaled"
FEW_ROWS = 10  # of a label; below it, its centroid is told to be uncertain
_MOST_NAMED = 8


@dataclass(frozen=True, slots=True)
class MovementParams:
    """Parameters of ``movement``."""

    min_rows: int = param(
        5,
        "Leave out labels with fewer rows: their centroids are uncertain and would dominate the maps.",
        low=1,
        high=1000,
    )
    split: str = param("", "Name of a split, to use only its rows; empty: all labelled rows.", label="Rows of split")


@dataclass(frozen=True, slots=True, eq=False)
class MovementResult:
    """Centroids of the labels in every layer of every model, how far they move, and planes to look at them in.

    Labels are ``classes``, of ``counts`` (n_labels,) rows each. All lengths are in the full space, in the units of the
    activations. ``error`` (n_models, n_layers, n_labels) is the length of a centroid's standard error, ``spread``
    (n_models, n_layers) the mean distance of the centroids from their mean. ``step`` (n_models, n_layers - 1, n_labels)
    is the way from each layer to the next, ``step_common`` (n_models, n_layers - 1) the share of it that is one and the
    same for all labels; ``path`` and ``displacement`` (n_models, n_labels) are the sum of the steps and the straight way
    from the first layer to the last.

    From model to model (empty with one): ``model_step`` (n_models - 1, n_layers, n_labels) and its sum ``model_path``
    (n_layers, n_labels). ``difference`` (n_layers, n_labels) is the length of the difference vector, the last model's
    centroid minus the first's; ``difference_error`` the length of its standard error over the same rows;
    ``difference_apart`` and ``difference_apart_error`` the same two lengths after the labels' mean difference vector is
    subtracted; ``difference_relative``, ``difference_relative_error``, ``difference_apart_relative`` and
    ``difference_apart_relative_error`` all four as shares of the first model's ``spread``. ``difference_mean`` (n_layers,) is
    the mean length over the labels, ``difference_common`` (n_layers,) the share common to all labels.

    Planes are drawn in each of the ``frames``: the centroids "raw"; "centred", less the mean of the labels in that layer
    of that model; "scaled", and divided by the first model's ``spread`` in that layer. ``coords`` (n_frames, n_models,
    n_layers, n_labels, 2) is one principal plane for all models and layers, ``explained`` (n_frames, 2) the share of its
    axes; ``layer_coords`` of the same shape has a plane for each layer over the models, ``layer_explained`` (n_frames,
    n_layers, 2). ``difference_coords`` (n_frames, n_layers, n_labels, 2) and ``difference_explained`` (n_frames, 2) have
    the difference vectors in one plane through the origin, which is "no movement"; ``difference_layer_coords`` and
    ``difference_layer_explained`` (n_frames, n_layers, 2) in a plane for each layer. ``closest`` are the numbers of the three
    labels that lie closest together in the full space of the first model's last layer (``kernel.closest_three``), of those with
    ``FEW_ROWS`` rows or more where there are three of them; fewer where there are fewer labels. ``warnings`` say how many of the
    rows a model was trained on.
    """

    classes: tuple[str, ...]
    counts: Ints
    coords: Floats
    explained: Floats
    layer_coords: Floats
    layer_explained: Floats
    error: Floats
    spread: Floats
    step: Floats
    step_common: Floats
    path: Floats
    displacement: Floats
    model_step: Floats
    model_path: Floats
    difference: Floats
    difference_error: Floats
    difference_relative: Floats
    difference_relative_error: Floats
    difference_apart: Floats
    difference_apart_error: Floats
    difference_apart_relative: Floats
    difference_apart_relative_error: Floats
    difference_mean: Floats
    difference_common: Floats
    difference_coords: Floats
    difference_explained: Floats
    difference_layer_coords: Floats
    difference_layer_explained: Floats
    closest: Ints
    frames: tuple[str, ...]
    split: str
    n_used: int
    n_unlabelled: int
    n_rows: int
    n_dims: int
    warnings: tuple[str, ...] = ()


_AXES = {  # of each array: what its indices stand for ("from" a layer or model to the next)
    "coords": ("frame", "model", "layer", "label"),
    "layer_coords": ("frame", "model", "layer", "label"),
    "explained": ("frame",),
    "layer_explained": ("frame", "layer"),
    "error": ("model", "layer", "label"),
    "spread": ("model", "layer"),
    "step": ("model", "from layer", "label"),
    "step_common": ("model", "from layer"),
    "path": ("model", "label"),
    "displacement": ("model", "label"),
    "model_step": ("from model", "layer", "label"),
    "model_path": ("layer", "label"),
    "difference": ("layer", "label"),
    "difference_error": ("layer", "label"),
    "difference_relative": ("layer", "label"),
    "difference_relative_error": ("layer", "label"),
    "difference_apart": ("layer", "label"),
    "difference_apart_error": ("layer", "label"),
    "difference_apart_relative": ("layer", "label"),
    "difference_apart_relative_error": ("layer", "label"),
    "difference_mean": ("layer",),
    "difference_common": ("layer",),
    "difference_coords": ("frame", "layer", "label"),
    "difference_layer_coords": ("frame", "layer", "label"),
    "difference_explained": ("frame",),
    "difference_layer_explained": ("frame", "layer"),
}
_ENDS = ("difference",)  # fields that look at the first and the last model only
_BY_LABEL_COUNT = ("spread", "step_common", "difference_common")


@dataclass(frozen=True, slots=True, eq=False)
class Facts:
    """What is known of the input: the stacks, and by (model, layer) why one has no centroids, or that it is constant."""

    stacks: tuple[LayerStack, ...]
    reasons: Mapping[tuple[int, int], str]
    flat: frozenset[tuple[int, int]]


def why_missing(field: str, index: tuple[int, ...], values: MovementResult, facts: Facts) -> str:
    """Why the number of ``field`` at ``index`` does not exist."""
    at = dict(zip(_AXES.get(field, ()), index, strict=False))
    label = at.get("label")
    if label is not None and values.counts[label] == 0:
        return f"no row in use is of class '{values.classes[label]}'"
    looked_at = _looked_at(field, at, facts)
    for model, layer in looked_at:
        if (model, layer) in facts.reasons:
            return named(facts.stacks[model], layer, facts.reasons[model, layer])
    if field.endswith("error") and np.isnan(getattr(values, field.replace("_relative", ""))[index]).any():
        return "the sampling error needs two rows of a label (of every label, where their mean is subtracted)"
    if (field in _BY_LABEL_COUNT or "_relative" in field) and np.count_nonzero(values.counts) < 2:
        return "one label has rows: there is no other to compare it with"
    for model, layer in looked_at:
        if (model, layer) in facts.flat:
            return named(facts.stacks[model], layer, "all rows are identical, so the labels are at one point")
    if field == "coords" or "_relative" in field:
        return "the labels are at one point, so there is no scale"
    return "nothing moves, or all points are one"


def _looked_at(field: str, at: Mapping[str, int], facts: Facts) -> list[tuple[int, int]]:
    """The (model, layer) pairs that an entry is made of; an index that stands for a whole row names all of it."""
    models: list[int] = list(range(len(facts.stacks)))
    layers = list(range(len(facts.stacks[0])))
    if "model" in at:
        models = [at["model"]]
        if at.get("frame") == FRAMES.index(SCALED) and models != [0]:
            models.append(0)  # whose scale it is
    elif "from model" in at:
        models = [at["from model"], at["from model"] + 1]
    elif field.startswith(_ENDS):
        models = [0, len(models) - 1]
    if "layer" in at:
        layers = [at["layer"]]
    elif "from layer" in at:
        layers = [at["from layer"], at["from layer"] + 1]
    elif field == "displacement":
        layers = [0, len(layers) - 1]
    return [(model, layer) for model in models for layer in layers]


def movement_notes(
    values: MovementResult, stacks: Sequence[LayerStack], rare: Sequence[str], min_rows: int
) -> tuple[str, ...]:
    """Sentences for the figure: the rows in use, labels of few rows, what the map is of, the order of the models."""
    whose = f"of the split '{values.split}'" if values.split else "with a label"
    notes = [f"Centroids of {values.n_used:,} rows {whose}, of {values.n_rows:,}.", *values.warnings]
    few = [(n, name) for n, name in zip(values.counts.tolist(), values.classes, strict=True) if 0 < n < FEW_ROWS]
    if few:
        shown = ", ".join(f"'{name}' ({n})" for n, name in sorted(few)[:_MOST_NAMED])
        more = " ..." if len(few) > _MOST_NAMED else ""
        notes.append(f"Fewer than {FEW_ROWS} rows, so that the place of the centroid is uncertain: {shown}{more}.")
    if rare:
        shown = ", ".join(f"'{name}'" for name in rare[:_MOST_NAMED]) + (" ..." if len(rare) > _MOST_NAMED else "")
        notes.append(f"Left out, with fewer than {min_rows:,} rows: {shown}.")
    absent = [
        name for n, name in zip(values.counts.tolist(), values.classes, strict=True) if n == 0 and name not in rare
    ]
    if absent:
        shown = ", ".join(f"'{name}'" for name in absent[:_MOST_NAMED]) + (" ..." if len(absent) > _MOST_NAMED else "")
        notes.append(f"Without a row in use: {shown}.")
    if len(stacks) > 1:
        names = ", then ".join(stack.model for stack in stacks)
        notes.append(
            f"Order: {names}. Difference vectors are the last minus the first, and say something only where one was "
            "trained from the other: the axes of unrelated models have nothing in common."
        )
    return tuple(notes)
