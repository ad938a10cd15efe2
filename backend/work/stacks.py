"""From specs to what metrics are given: the layers of a stack, and with them the model's head and the model itself."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest, StoreError
from backend.forms.fingerprint import content_digest, fingerprint
from backend.metrics.base import Metric
from backend.settings import Settings
from backend.store import Store
from backend.store.arrays import scratch_map
from backend.store.files import TEMPORARY
from backend.values.activations import Activations, Array, LayerStack, TokenNames, number_step
from backend.values.models import short_model
from backend.values.specs import POOLINGS, ActivationSpec
from backend.values.stored import widened, widened_blocks
from backend.work.library import Library
from backend.work.modelhost import ModelHost
from backend.work.planning import require_same_words

_BLANKING = ("remove_dims", "remove_rogue")  # the steps that leave the other dimensions what a head was trained on


class ActivationsLost(StoreError):
    """Activations that were there went, or were damaged, while they were needed: they can be extracted again."""

    def __init__(self, message: str = "Activations were lost from the cache while they were needed.") -> None:
        super().__init__(message, "Run it again.")


class Stacks:
    """Opens the activations of a store as stacks."""

    def __init__(self, store: Store, library: Library, models: ModelHost, settings: Settings) -> None:
        self._store, self._library, self._models, self._settings = store, library, models, settings

    def stacks(
        self, inputs: tuple[ActivationSpec, ...], metric: Metric, fit: npt.NDArray[np.int64] | None = None
    ) -> list[LayerStack]:
        """The stacks of ``inputs``, which are in the store, with what ``metric`` asks for; raises StoreError if not.

        With ``fit`` the steps before the metric are fitted on these rows of the first text set; a second one has its own.
        """
        texts = inputs[0].texts.digest
        plain = [self.plain(group, fit if group[0].texts.digest == texts else None) for group in groups_of(inputs)]
        require_same_words(plain)
        return [self._equipped(stack, group, metric) for stack, group in zip(plain, groups_of(inputs), strict=True)]

    def _equipped(self, stack: LayerStack, group: tuple[ActivationSpec, ...], metric: Metric) -> LayerStack:
        """``stack`` with the head and the network that ``metric`` asks for."""
        first = group[0]
        if metric.head and self._models.known(first.model).has_head:
            stack = self._with_head(stack, first)
        if metric.network:
            from backend.models.network import TextNetwork

            table = self._library.table(first.texts)
            load = partial(self._models.load, first.model)
            stack = replace(stack, network=TextNetwork(load, group[-1], table, self._settings.batch_tokens))
        return stack

    def _with_head(self, stack: LayerStack, spec: ActivationSpec) -> LayerStack:
        if any(step.kind not in _BLANKING for step in spec.postprocess):
            return replace(stack, why_no_head="the model's own was not trained on post-processed activations")
        from backend.models.heads import own_head

        head, why = own_head(self._models.load(spec.model))
        return replace(stack, head=head, why_no_head=why)

    def plain(self, group: tuple[ActivationSpec, ...], fit: npt.NDArray[np.int64] | None = None) -> LayerStack:
        """The stack of one group of inputs without head and network; ``fit`` as for ``stacks``."""
        first = group[0]
        info = self._models.known(first.model)
        meta = self._store.array_meta(fingerprint(replace(first, postprocess=())))
        return LayerStack(
            model=short_model(
                first.model.name
            ),  # the result is everyone's who asks for the same bytes: no path of one of them in it
            pooling=first.pooling,
            layers=tuple(spec.layer for spec in group),
            layer_names=tuple(info.layer_names[spec.layer] for spec in group),
            caveats=info.caveats,
            matrices=tuple(self._activations(spec, fit) for spec in group),
            texts_digest=first.texts.digest,
            n_truncated=int(meta.get("n_truncated", 0)),
            n_empty=int(meta.get("n_empty", 0)),
            n_distinct=int(meta.get("n_distinct", first.texts.n_rows)),
            n_sentences=int(meta.get("n_sentences", 0)),
            n_lost=int(meta.get("n_lost", 0)),
            n_bare=int(meta.get("n_bare", 0)),
            lost_at=str(meta.get("lost_at", "")),
            dtype=first.model.dtype,
            stored=first.stored,
            rounding=max(map(self._rounding, group)),
            tokens=self._tokens(first),
        )

    def _tokens(self, spec: ActivationSpec) -> TokenNames | None:
        """The tokens behind the rows; None with another pooling, and for activations of an earlier time."""
        if spec.pooling != "tokens":
            return None
        digest = rows_digest(spec)
        index, names = self._store.open_array(digest), self._store.array_meta(digest).get("token_names")
        if index is None or not names:
            return None
        spans = cast("Any", index[:, 3:5]) if index.shape[1] > 3 else None  # none of an earlier time
        return TokenNames(cast("Any", index[:, 2]), {int(number): str(name) for number, name in names.items()}, spans)

    def _activations(self, spec: ActivationSpec, fit: npt.NDArray[np.int64] | None) -> Activations:
        digest = fingerprint(spec)
        if fit is not None and fits_rows(spec):
            digest = content_digest(digest.encode(), b"fitted on", fit.astype("<i8").tobytes())
        rows = self._store.open_array(digest)
        if rows is None and spec.postprocess:
            from backend.metrics.postprocess import postprocess

            base = self._wide(replace(spec, postprocess=()))
            step = number_step(spec.model.dtype, spec.stored)
            processed = postprocess(base, spec.postprocess, fit, step=step)
            self._store.put_array(digest, processed, {"texts": [spec.texts.digest]})
        rows = self._opened(digest) if spec.postprocess else self._wide(spec)
        if spec.pooling not in ("tokens", "words"):
            return Activations(cast("Any", rows), np.arange(len(rows)))
        index = self._store.open_array(rows_digest(spec))
        if index is None:
            raise ActivationsLost(f"The list of {spec.pooling} behind these activations is gone.")
        if spec.pooling == "words":
            return Activations(cast("Any", rows), cast("Any", index))
        return Activations(cast("Any", rows), cast("Any", index[:, 0]), cast("Any", index[:, 1]))

    def _wide(self, spec: ActivationSpec) -> npt.NDArray[np.float32]:
        """The rows of ``spec`` as float32, before any step: as they are stored, or widened into a file of their own."""
        rows = self._opened(fingerprint(spec))
        if spec.stored == "float32":
            return cast("npt.NDArray[np.float32]", rows)
        return scratch_map(widened_blocks(rows, spec.stored), rows.shape, self._store.folder / TEMPORARY)

    def _rounding(self, spec: ActivationSpec) -> float:
        return float(self._store.array_meta(fingerprint(replace(spec, postprocess=()))).get("rounding", 0.0))

    def _opened(self, digest: str) -> Array:
        rows = self._store.open_array(digest)
        if rows is None:
            raise ActivationsLost()
        return rows


def stored_rows(
    store: Store, spec: ActivationSpec, rows: Sequence[int] = ()
) -> tuple[npt.NDArray[np.int64], npt.NDArray[Any]] | None:
    """The rows of the text set (all, or those of ``rows``) that ``spec`` has vectors of, and these; None where they are not stored.

    After the steps of ``spec`` on the rows, fitted on all of them, where it has any. Raises InvalidRequest where a row is a token.
    """
    if spec.pooling == "tokens":
        raise InvalidRequest("With the pooling 'tokens' a text has many vectors.", "Choose mean, last or cls.")
    found = store.open_array(fingerprint(spec))
    if found is None:
        return None
    index = store.open_array(rows_digest(spec)) if spec.pooling == "words" else np.arange(len(found))
    if index is None:
        return None
    kept = np.isin(index, np.asarray(rows, np.int64)) if len(rows) else np.ones(len(index), bool)
    chosen = np.asarray(found[kept])
    return np.asarray(index, np.int64)[kept], chosen if spec.postprocess else widened(chosen, spec.stored)


def fits_rows(spec: ActivationSpec) -> bool:
    """Whether a step before the metric takes something of the rows: means, variances, components."""
    return any(step.kind != "remove_dims" for step in spec.postprocess)


def groups_of(inputs: tuple[ActivationSpec, ...]) -> list[tuple[ActivationSpec, ...]]:
    """The inputs as stacks: neighbours that differ only in their layer belong together; a layer starts over a stack."""
    stacks: list[list[ActivationSpec]] = []
    for spec in inputs:
        same = stacks and replace(spec, layer=stacks[-1][0].layer) == stacks[-1][0]
        if same and spec.layer > stacks[-1][-1].layer:
            stacks[-1].append(spec)
        else:
            stacks.append([spec])
    return [tuple(stack) for stack in stacks]


def rows_digest(spec: ActivationSpec) -> str:
    """Where the store keeps which text and token each row of pooling "tokens" is, which word each of pooling "words"."""
    return fingerprint(replace(spec, layer=-1, postprocess=()))


def pass_of(spec: ActivationSpec) -> ActivationSpec:
    """What one forward pass over the texts fills: the layer does not count, nor which of the three poolings."""
    pooling = "mean" if spec.pooling in POOLINGS else spec.pooling
    return replace(spec, layer=0, pooling=pooling, postprocess=())
