"""A forward pass in shards: what each of the processes does that share it, and what they leave in the store.

Whoever begins a pass says how it is cut; a pass that is one shard is done at once. A shard leaves an array for each layer
and pooling, and one that says which rows of the whole it has, under digests of its own: a shard that is there is not done
again, by whomever it was done. At last the arrays of the shards are put together into those that were asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from backend.errors import StoreError
from backend.forms.fingerprint import content_digest, fingerprint
from backend.values.activations import Report
from backend.values.models import ModelInfo
from backend.values.specs import ActivationSpec
from backend.work.filling import (
    Opened,
    extract_whole,
    note_seconds,
    opened,
    poolings_of,
    wanted_arrays,
    write_rows,
    writers,
)
from backend.work.kinds import Hands
from backend.work.stacks import pass_of

if TYPE_CHECKING:
    from backend.models.batching import ExtractionPlan

STAGE = "Putting the shards together"
_ROWS = (-1, "rows")


@dataclass(frozen=True, slots=True, eq=False)
class Shard:
    """Some of the texts of a pass, with what the model has to know of them; ``key`` is of the pass and of these texts.

    ``rows`` (n_rows,) are the rows of the whole matrix that it fills. ``fill`` (n_dims,) is what an ablation writes, where
    that is the mean over all texts.
    """

    spec: ActivationSpec
    key: str
    texts: Sequence[str]
    pairs: Sequence[str] | None
    plan: "ExtractionPlan"
    rows: npt.NDArray[np.int64]
    fill: npt.NDArray[np.float64] | None = None

    @property
    def n_texts(self) -> int:
        """How many texts it has."""
        return len(self.texts)


@dataclass(frozen=True, slots=True)
class Begun:
    """A pass that is cut into ``shards``; none where it was done at once. ``shape`` is that of each array that it fills."""

    spec: ActivationSpec
    info: ModelInfo
    n_tokens: int
    shape: tuple[int, int]
    meta: dict[str, Any]
    shards: tuple[Shard, ...] = ()


@dataclass(frozen=True, slots=True)
class Gathering:
    """One array that is put together from ``shards``, by their keys."""

    spec: ActivationSpec
    layer: int
    pooling: str
    shape: tuple[int, int]
    meta: dict[str, Any] = field(hash=False)
    shards: tuple[str, ...] = ()


def begin(hands: Hands, spec: ActivationSpec, report: Report) -> Begun:
    """Plan a pass and cut it into shards; where that gives one alone, do it."""
    from backend.models.cutting import cut
    from backend.values.working import processor_seconds, working_seconds

    started, worked = working_seconds(), processor_seconds()
    one = opened(hands, spec, report)
    shape = (one.plan.n_rows(spec.pooling), one.n_dims)
    settings = hands.settings
    cuts = list(
        cut(one.loaded, one.plan, spec.pooling, batch_tokens=settings.batch_tokens, shard_tokens=settings.shard_tokens)
    )
    begun = Begun(spec, one.loaded.info, one.plan.n_tokens, shape, one.meta)
    if len(cuts) == 1:
        extract_whole(hands, one, report)
        seconds, worked = working_seconds() - started, processor_seconds() - worked
        note_seconds(hands, spec, one.loaded.info, one.plan.n_tokens, seconds, worked)
        return begun
    write_rows(hands, one)
    return replace(begun, shards=tuple(_shard(one, part, settings.batch_tokens) for part in cuts))


def _shard(one: Opened, part: Any, batch_tokens: int) -> Shard:
    """``part`` is a Cut; a type of the models that is not imported before it is needed."""
    spec, pairs = one.spec, one.table.pairs
    key = content_digest(
        b"shard", fingerprint(pass_of(spec)).encode(), str(batch_tokens).encode(), part.texts.astype("<i8").tobytes()
    )
    texts = [one.texts[row] for row in part.texts]
    return Shard(spec, key, texts, None if pairs is None else [pairs[row] for row in part.texts], part.plan, part.rows)


def mean_of(hands: Hands, shard: Shard, report: Report) -> npt.NDArray[np.float64]:
    """Mean of every dimension (n_dims,) over the tokens of a shard, at the layer that its ablation names."""
    from backend.models.passes import token_mean

    assert shard.spec.ablation is not None
    loaded, layer = hands.models.load(shard.spec.model), shard.spec.ablation.layer
    return token_mean(loaded, shard.texts, shard.pairs, shard.plan, layer, hands.settings.batch_tokens, report)


def do_shard(hands: Hands, shard: Shard, report: Report) -> None:
    """Run the model over the texts of a shard and keep what comes of it, unless that is there."""
    from backend.models.extraction import extract

    spec, n_layers = shard.spec, len(hands.models.known(shard.spec.model).layer_names)
    names = [(layer, pooling) for layer in range(n_layers) for pooling in poolings_of(spec)]
    wanted = {name: slot_digest(shard.key, *name) for name in names}
    if all(map(hands.store.has_sound_array, [*wanted.values(), slot_digest(shard.key, *_ROWS)])):
        return
    report(0, shard.n_texts, "Loading the model")
    loaded = hands.models.load(spec.model)
    meta = {"texts": [spec.texts.digest], "shard of": fingerprint(pass_of(spec))}
    shape = len(shard.rows), shard.plan.n_words * loaded.info.n_dims
    # rounded when they are put together, so that it is measured over all rows; what is too large is found here
    with writers(hands, wanted, shape, meta, spec.stored, rounded=False) as sink:
        extract(
            loaded,
            shard.texts,
            shard.pairs,
            shard.plan,
            sink,
            poolings=poolings_of(spec),
            batch_tokens=hands.settings.batch_tokens,
            ablation=spec.ablation,
            fill=shard.fill,
            report=report,
        )
    hands.store.put_array(slot_digest(shard.key, *_ROWS), shard.rows, meta)


def gatherings(hands: Hands, begun: Begun) -> list[Gathering]:
    """What is put together of a pass whose shards are done: each array that is not there."""
    keys = tuple(shard.key for shard in begun.shards if len(shard.rows))
    return [
        Gathering(begun.spec, layer, pooling, begun.shape, begun.meta, keys)
        for layer, pooling in wanted_arrays(hands, begun.spec, begun.info)
    ]


def gather(hands: Hands, one: Gathering, report: Report) -> list[str]:
    """Put one array together and return []; or write nothing and return the keys of shards that are not there whole."""
    lost = [key for key in one.shards if not _is_whole(hands, key, one)]
    if lost:
        return lost
    digest = fingerprint(replace(one.spec, layer=one.layer, pooling=one.pooling, postprocess=()))
    with writers(hands, {(one.layer, one.pooling): digest}, one.shape, one.meta, one.spec.stored) as sink:
        n_rows = 0
        for number, key in enumerate(one.shards):
            report(number, len(one.shards), STAGE)
            rows = hands.store.open_array(slot_digest(key, *_ROWS))
            block = hands.store.open_array(slot_digest(key, one.layer, one.pooling))
            if rows is None or block is None or len(rows) != len(block):
                raise StoreError(
                    "A part of the activations was lost from the cache while it was needed.", "Run it again."
                )
            sink.write(one.layer, one.pooling, rows, block)
            n_rows += len(rows)
        if n_rows != one.shape[0]:
            raise StoreError(
                f"The parts of the activations have {n_rows:,} rows, not {one.shape[0]:,}.", "Run it again."
            )
    return []


def _is_whole(hands: Hands, key: str, one: Gathering) -> bool:
    names = (_ROWS, (one.layer, one.pooling))
    return all(hands.store.has_sound_array(slot_digest(key, *name)) for name in names)


def forget_shards(hands: Hands, begun: Begun) -> None:
    """Delete what the shards left, once it is put together."""
    n_layers = len(begun.info.layer_names)
    names = [_ROWS, *((layer, pooling) for layer in range(n_layers) for pooling in poolings_of(begun.spec))]
    for shard in begun.shards:
        for name in names:
            hands.store.forget_array(slot_digest(shard.key, *name))


def slot_digest(key: str, layer: int, pooling: str) -> str:
    """Where the store keeps one array of a shard."""
    return content_digest(key.encode(), f"{layer}/{pooling}".encode())
