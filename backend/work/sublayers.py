"""Doing a SubLayersTask: the parts of a model's blocks over a text set, kept like imported vectors."""

import tempfile
from functools import partial
from pathlib import Path

import numpy as np

from backend.errors import InvalidRequest
from backend.values.activations import Report
from backend.values.specs import POOLINGS, ActivationSpec
from backend.values.vectors import SubLayersTask, VectorsInfo
from backend.vectors.limits import VectorLimits
from backend.vectors.matrices import Found, layers_of
from backend.work.checks import check_model, check_texts, one_of, within
from backend.work.filling import require_rows
from backend.work.kinds import About, Hands
from backend.work.planning import planned
from backend.work.vectorlist import check_vector_name
from backend.work.vectors import save_vectors

_TRAINED = "Rows that the model was fine-tuned on are not left out of the test rows here."


def keep_sub_layers(hands: Hands, task: SubLayersTask, report: Report) -> VectorsInfo:
    """Run the model once and keep its blocks' parts, pooled."""
    from backend.models.sublayers import PARTS, extract_parts, part_names

    table = hands.library.table(task.texts)
    require_rows(table)
    report(0, len(table), "Loading the model")
    loaded = hands.models.load(task.model)
    names = part_names(loaded.layout.n_blocks)
    limits = VectorLimits.of(hands.settings)
    limits.check_shape(len(names), len(table), loaded.info.n_dims)
    max_length = min(task.max_length, loaded.info.max_length)
    texts, plan = planned(loaded, table, ActivationSpec(task.model, task.texts, 0, task.pooling, max_length))
    with tempfile.TemporaryDirectory(dir=hands.store.folder / "tmp") as folder:
        path, shape = Path(folder) / "parts", (len(names), len(table), loaded.info.n_dims)
        whole = np.memmap(path, np.float32, "w+", shape=shape)

        def write(layer: int, rows: np.ndarray, block: np.ndarray) -> None:
            whole[layer, rows] = block

        names = extract_parts(
            loaded,
            texts,
            table.pairs,
            plan,
            write,
            pooling=task.pooling,
            batch_tokens=hands.settings.batch_tokens,
            report=report,
        )
        found = [
            Found(name, shape[1:], "float32", partial(np.asarray, one))
            for name, one in zip(names, whole[: len(names)], strict=True)
        ]
        matrices = layers_of("sub-layers", found, names, limits)
        cut = f"; {plan.n_truncated:,} texts were cut" if plan.n_truncated else ""
        between = ", and the stream between the two" if any(PARTS[1] in name for name in names) else ", at once"
        origin = (
            f"The parts of the blocks of {task.model.name} (pooling {task.pooling}, at most {max_length:,} tokens a text{cut}): "
            f"what attention and MLP each add to the residual stream{between}."
        )
        trained = (_TRAINED,) if loaded.info.tuned else ()
        return save_vectors(hands, task.name, task.texts, origin, matrices, table, report, trained)


# What the table of tasks says of it


def sub_layers_title(task: SubLayersTask) -> str:
    """What the job is called."""
    return f"sub-layers of {task.model.name} on {task.texts.name} ({task.pooling})"


def check_sub_layers(task: SubLayersTask) -> None:
    """Raise InvalidRequest for a name, a pooling or a limit that cannot be."""
    check_model(task.model)
    check_texts(task.texts)
    check_vector_name(task.name)
    one_of("pooling", task.pooling, POOLINGS)
    within("the token limit", task.max_length, 1, 1_000_000)
    if task.texts.unit != "text":
        raise InvalidRequest("Sub-layers are of whole texts.", "Choose a text set whose rows are texts.")


def about_sub_layers(task: SubLayersTask) -> About:
    """The model and the texts."""
    return About(texts=((task.texts, None),), models=(task.model,))
