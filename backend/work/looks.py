"""First looks: what the rows that a pass has done so far show, before the pass is over. They are no results.

A look has the numbers of Overview's three figures, made by the metrics themselves of at most MOST_ROWS of the rows done. It
names neither model nor texts: it is asked for by an analysis, and told to who may be told that one's result.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.forms.codec import from_json, to_json
from backend.forms.fingerprint import fingerprint
from backend.metrics.anisotropy.metric import ANISOTROPY, AnisotropyResult
from backend.metrics.base import Metric, Outcome
from backend.metrics.maps.projection import PROJECTION, Projection
from backend.metrics.similarity.metric import CKA, CkaResult
from backend.store import Store
from backend.store.results import load_result, result_content
from backend.store.seal import Damage
from backend.values.activations import LayerStack, no_report
from backend.values.results import Undefined, Values
from backend.values.specs import ActivationSpec, AnalysisSpec
from backend.work.stacks import pass_of

Params = TypeVar("Params")
MOST_ROWS = 400
SEED = 0


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What the rows done so far show, of all layers of one pooling.

    ``n_done`` of the ``n_rows`` rows of the pass are done; ``rows`` (n,) are the numbers of those looked at, drawn from them at
    random. ``cka``, ``anisotropy`` and ``projection`` (by principal components, whatever method is chosen later) are what the
    metrics give for these rows by their defaults; each NaN in them has an entry in ``undefined``.
    """

    pooling: str
    n_done: int
    n_rows: int
    rows: npt.NDArray[np.int64]
    layer_names: tuple[str, ...]
    cka: CkaResult
    anisotropy: AnisotropyResult
    projection: Projection
    undefined: tuple[Undefined, ...] = ()


def look_at(stack: LayerStack, rows: npt.NDArray[np.int64], n_done: int, n_rows: int) -> Look:
    """What ``stack`` shows, whose rows are those numbered ``rows`` of a pass that has done ``n_done`` of ``n_rows``."""
    cka, anisotropy, projection = _outcome(CKA, stack), _outcome(ANISOTROPY, stack), _outcome(PROJECTION, stack)
    gaps = (*cka.undefined, *anisotropy.undefined, *projection.undefined)
    return Look(
        pooling=stack.pooling,
        n_done=n_done,
        n_rows=n_rows,
        rows=rows,
        layer_names=stack.layer_names,
        cka=cka.values,
        anisotropy=anisotropy.values,
        projection=projection.values,
        undefined=gaps,
    )


def _outcome(metric: Metric[Params, Values], stack: LayerStack) -> Outcome[Values]:
    return metric.run([stack], None, metric.params(), SEED, no_report)


def show_look(store: Store, spec: ActivationSpec, look: Look) -> bool:
    """Show a look at the pass that fills ``spec``, which this process does; False where it is too large to be shown."""
    arrays: dict[str, npt.NDArray[np.generic]] = {}
    data = to_json(look, arrays)
    return store.put_look(fingerprint(pass_of(spec)), result_content(data, arrays))


def looked_at(store: Store, task: AnalysisSpec) -> bytes | None:
    """What is shown of ``task`` itself, as `early_of` reads it, or else the look at the pass that it waits for, as `look_of` does."""
    own, first = store.look(fingerprint(task)), task.inputs[0]
    return own or (store.look(fingerprint(pass_of(first))) if _as_they_come(task.inputs) else None)


def _as_they_come(inputs: Sequence[ActivationSpec]) -> bool:
    """Whether these are rows of one pass as the model gives them: a look is of no others."""
    one_pass = len({fingerprint(pass_of(spec)) for spec in inputs}) == 1
    return one_pass and not any(spec.postprocess for spec in inputs)


def look_of(content: bytes | None, task: AnalysisSpec) -> Look | None:
    """The look in ``content``; None where that is none, or is of another pooling than ``task`` asks for."""
    if content is None:
        return None
    try:
        found = from_json(Look, *load_result(content))
    except (Damage, InvalidRequest, LookupError, TypeError, ValueError):
        return None
    return found if found.pooling == task.inputs[0].pooling else None
