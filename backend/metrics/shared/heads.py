"""The head that turns activations into classes: the model's own where it fits, else a linear one fitted here."""

import functools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.shared.head_classes import Order, check_given, output_order, said_of
from backend.metrics.shared.linalg import Ints, as_matrix, centred, row_mean
from backend.metrics.shared.rounding import inverse_spread, step_of
from backend.metrics.shared.softmax import fit_softmax, softmax_arrays
from backend.metrics.shared.splits import Split
from backend.values.activations import Head, HeadStage, LayerStack

_TOLERANCE = 1e-8  # of the gradient: the default stops where the intercepts are still far from the minimum
_SMALL = 10_000_000  # entries of a matrix on which one thread fits as fast as several
_OWN = "The model's own head"
_TOLD = 1e-3  # a smaller deviation of the head's logits from the model's goes without saying


@dataclass(frozen=True, slots=True, eq=False)
class ChosenHead:
    """A head whose first outputs are the classes of the labels, in their order; ``own`` says that it is the model's.

    Further outputs of the model's own are of no class of the labels: a row given to one of them is wrong.
    """

    head: Head
    own: bool
    note: str


def choose_head(
    stack: LayerStack, index: int, split: Split, *, wanted: str = "auto", classes: tuple[str, ...] = ()
) -> ChosenHead:
    """The head for layer number ``index`` of ``stack``.

    With ``wanted`` "auto" the model's own, where that layer and pooling are what it reads and its outputs can be told to be
    the classes of the labels (``output_order``; ``classes`` is the order that a person gave); else, and with "fitted", a
    linear head fitted on the training rows. Raises InvalidRequest for an order that does not fit.
    """
    found = own_head(stack, index, split, classes=classes) if wanted != "fitted" else "asked for"
    if isinstance(found, ChosenHead):
        return found
    rows = stack.matrices[index].rows[split.train]
    head = fit_linear(rows, split.y_train, split.n_classes, classes=split.info.classes, step=stack.step)
    head = replace(head, layer=stack.layers[index], pooling=stack.pooling)
    return ChosenHead(head, False, f"Fitted head ({found}).")


def own_head(stack: LayerStack, index: int, split: Split, *, classes: tuple[str, ...] = ()) -> ChosenHead | str:
    """The model's own head for layer number ``index``, its outputs in the order of the labels' classes, or why not."""
    if classes:
        check_given(classes, split.info.classes)
    head = stack.head
    if head is None:
        return stack.why_no_head or "the model has none of its own"
    if stack.layers[index] != head.layer:
        return "the model's own reads another layer"
    if stack.pooling != head.pooling:
        return f"the model's own reads the pooling {head.pooling}"
    if len(head.classes) < 2:
        return "the model's own has one output: it is a regression, not a classifier"
    order = output_order(head.classes, split.info.classes, classes)
    if isinstance(order, str):
        return order
    note = _own_note(head) + said_of(order, head.classes, split.info.classes)
    return ChosenHead(_in_order(head, order, split.info.classes), True, note)


def head_notes(said: list[tuple[str, str]], *, beside: bool = False) -> list[str]:
    """Sentences for the figure from (layer name, ``ChosenHead.note``): layers whose head is of one kind share one.

    ``beside`` is for metrics whose "all dimensions" is always a fitted head, and the model's own a number apart.
    """
    layers: dict[str, list[str]] = {}
    for layer, note in said:
        layers.setdefault(note, []).append(layer)
    sentences = []
    for note, names in layers.items():
        apart = beside and note.startswith(_OWN)
        what = "All dimensions, read by a fitted head" if apart else "Full representation"
        where = f", {', '.join(names)}" if len(layers) > 1 else ""
        sentences.append(f"{what}{where}: {note[0].lower()}{note[1:]}")
    return sentences


def predictions(head: Head, x: npt.NDArray[np.floating]) -> Ints:
    """Class numbers (n_rows,) of the highest logit; ties go to the lower number."""
    return np.asarray(head.logits(x).argmax(axis=1), dtype=np.int64)


def fit_linear(
    x: npt.ArrayLike,
    y: Ints,
    n_classes: int,
    *,
    classes: tuple[str, ...] = (),
    scale: float | None = None,
    step: float | None = None,
) -> Head:
    """A linear head: softmax regression of ``y`` (n_rows,) on ``x`` (n_rows, n_dims), scikit-learn's with C = 1.

    It is fitted on standardised dimensions, to a gradient of 1e-8 (dimensions that are constant but for the rounding of the
    format of ``step``, as in ``rounding``, get weight 0), or with ``scale`` on centred ones that are all
    divided by that number, to the same minimum by ``softmax.fit_softmax`` (as both are on a GPU), and given in the units of ``x``. A class without a row gets a logit of minus infinity.
    Deterministic. Raises InvalidRequest where all rows are of one class.
    """
    from sklearn.linear_model import LogisticRegression

    rows = as_matrix(x)
    present, numbers = np.unique(y, return_inverse=True)
    if len(present) < 2:
        raise InvalidRequest("The training rows are all of one class.", "A classifier needs two classes at least.")
    mean = row_mean(rows)
    scaled = centred(rows, mean)
    std = scaled.std(axis=0)
    inverse = inverse_spread(std, mean, step_of(rows, step), scale)
    scaled *= inverse
    limits = 1 if scaled.size < _SMALL else None  # many threads wait for each other more than they work
    with _thread_pools().limit(limits=limits):
        if scale is None and not softmax_arrays(scaled.size, len(present)).apart:
            model = LogisticRegression(C=1.0, tol=_TOLERANCE, max_iter=10_000).fit(scaled, numbers)
            found, bias = model.coef_, model.intercept_
        else:  # columns of very different sizes, on which scikit-learn needs hundreds of passes; or rows for a GPU
            found, bias = fit_softmax(scaled, numbers.astype(np.int64), len(present))
    found = found * inverse
    if len(found) == 1:  # one row of weights stands for the difference of the two
        found, bias = np.vstack([-found / 2, found / 2]), np.concatenate([-bias / 2, bias / 2])
    weight = np.zeros((n_classes, rows.shape[1]))
    offset = np.full(n_classes, -np.inf)
    weight[present] = found
    offset[present] = bias - found @ mean
    return Head(-1, "", (HeadStage(weight, offset),), classes)


@functools.cache
def _thread_pools() -> Any:  # threadpoolctl has no types
    """The thread pools of this process, found once scikit-learn is imported: to look for them takes longer than a small fit."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


def _own_note(head: Head) -> str:
    if head.deviation <= _TOLD:
        return f"{_OWN}."
    return f"{_OWN}; its logits differ from the model's by up to {head.deviation:.1g}, which is rounding."


def _in_order(head: Head, order: Order, classes: tuple[str, ...]) -> Head:
    """The head with the outputs of ``classes`` first, in their order, then the others."""
    rows = [*order.outputs, *order.others]
    last = head.stages[-1]
    stages = (*head.stages[:-1], replace(last, weight=last.weight[rows], bias=last.bias[rows]))
    return replace(head, stages=stages, classes=(*classes, *(head.classes[number] for number in order.others)))


def accuracy(head: Head, x: npt.NDArray[np.floating], y: Ints) -> float:
    """Share of rows whose highest logit is that of their class, in [0, 1]."""
    return float(np.mean(predictions(head, x) == y))
