"""What a loaded model is tried for before any number is taken from it, on a handful of tokens.

That its last layer is the library's own last hidden state; that one text gives one vector; and whether a text's vectors
depend on the padding beside it, or on the texts.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from backend.errors import EmbedscopeError, ModelError
from backend.models.batching import PADDED, SAME_LENGTH, SINGLE, Encoded, encode
from backend.models.device import is_out_of_memory
from backend.models.ending import Ending, EndTrace
from backend.models.layers import LayerTap
from backend.models.passes import Batch, forward
from backend.models.settling import padding_bound

if TYPE_CHECKING:
    from backend.models.loading import LoadedModel

# Relative to the longest vector of a layer: beyond that it is no rounding. Measured rounding stays below a tenth of it.
TOLERANCE = {"float32": 1e-4, "float16": 1e-2, "bfloat16": 5e-2}
_TEXT = (
    "the old cat sat on a small mat and it was not very good in the house by the sea with one red dog and a blue fish"
)
_SHORT, _LONG = 4, 22  # tokens

Layers = list[torch.Tensor]


@dataclass(frozen=True, slots=True)
class _Pass:
    layers: Layers
    ending: Ending | None
    last_is_state: bool


def examined(loaded: "LoadedModel", ending: Ending) -> "LoadedModel":
    """``loaded`` with the batches that its family needs; raises ModelError where its layers are not what they should be.

    ``ending`` is what was said of the model without its weights. Refused are: a family that cannot run on tokens
    alone, layers of unlike shapes, a last layer that is not the library's last hidden state, vectors that change from one
    run to the next.
    """
    try:
        return replace(loaded, batching=_batching(loaded, ending))
    except EmbedscopeError:
        raise
    except Exception as error:
        if is_out_of_memory(error):
            raise
        reason = (str(error).strip().splitlines() or [""])[0][:160]
        raise ModelError(
            f"'{loaded.spec.name}' ({loaded.info.architecture}) cannot be run on the tokens of a text alone "
            f"({type(error).__name__}: {reason}).",
            "This model family is not supported: choose a text encoder or decoder.",
        ) from None


def _batching(loaded: "LoadedModel", ending: Ending) -> str:
    short, other, long = _tokens(loaded)
    tolerance = TOLERANCE[loaded.spec.dtype]
    alone = _run(loaded, [short])
    _check_shapes(loaded, alone.layers, len(short.ids))
    _check_end(loaded, ending, _run(loaded, [short, long]))
    beside = _gap(_run(loaded, [short, other]).layers, alone.layers)
    if beside > tolerance:
        again = _gap(_run(loaded, [short]).layers, alone.layers)
        if again > tolerance:
            raise ModelError(
                f"'{loaded.spec.name}' ({loaded.info.architecture}) gives the same text a different vector each time "
                f"(they differ by {again:.2g} of their length).",
                "It draws random numbers while it runs, so its geometry is not a property of the texts: choose another model.",
            )
        if loaded.spec.dtype == "float32":
            return SINGLE
    padded = _gap(_run(loaded, [short, long]).layers, alone.layers)
    filled = _gap(_run(loaded, [short, long], padding=other.ids[-1]).layers, alone.layers)
    return SAME_LENGTH if not max(padded, filled) <= max(tolerance, 3.0 * beside) else PADDED


def _tokens(loaded: "LoadedModel") -> tuple[Encoded, Encoded, Encoded]:
    """Two sequences of the same few tokens' number, and a longer one."""
    most = min(loaded.info.max_length, _LONG, padding_bound(getattr(loaded.backbone, "config", None)))
    (whole,) = encode(loaded.tokenizer, [_TEXT], max_length=most)
    n_short = max(1, min(_SHORT, len(whole.ids) // 2))
    types = None if whole.types is None else [0] * len(whole.ids)

    def part(start: int, end: int) -> Encoded:
        ids = whole.ids[start:end]
        return Encoded(ids, None if types is None else types[: len(ids)], [False] * len(ids), False)

    return part(0, n_short), part(n_short, 2 * n_short) if len(whole.ids) > 1 else part(0, 1), part(0, len(whole.ids))


def _run(loaded: "LoadedModel", texts: Sequence[Encoded], padding: int | None = None) -> _Pass:
    """The layers of the first text (n_tokens, n_dims), float32, of one pass over ``texts``; ``padding`` replaces its padding."""
    batch, seen = Batch.empty(), []
    n_tokens, longest = len(texts[0].ids), max(len(one.ids) for one in texts)

    def observe(layer: int, hidden: torch.Tensor) -> None:
        batch.checked(hidden)
        seen.append(hidden)

    with (
        torch.inference_mode(),
        LayerTap(loaded.layout, observe) as tap,
        EndTrace(loaded.backbone, loaded.layout) as end,
    ):
        batch.fill(np.arange(len(texts)), list(texts), loaded, None)
        if padding is not None:
            batch.inputs["input_ids"][0, n_tokens:] = padding
        tap.begin()
        forward(loaded, batch)
        tap.finish()
        state = end.state
        ended = state is not None and state.ndim == 3 and _same_state(seen[-1][:, : state.shape[1]], state)
        found = end.ending(_close, len(texts), longest)
    return _Pass([hidden[0, :n_tokens].float().cpu() for hidden in seen], found, ended)


def _check_shapes(loaded: "LoadedModel", layers: Layers, n_tokens: int) -> None:
    expected = (n_tokens, loaded.info.n_dims)
    for layer, hidden in enumerate(layers):
        if tuple(hidden.shape) != expected:
            raise ModelError(
                f"Layer {layer} of '{loaded.spec.name}' has the shape {tuple(hidden.shape)} instead of {expected} "
                f"(tokens, dimensions).",
                "Its layers differ in shape, and models of that kind are not supported.",
            )
        if not hidden.isfinite().all():
            return  # said when texts are run, with the layer's name


def _check_end(loaded: "LoadedModel", ending: Ending, tried: _Pass) -> None:
    """Raise where the last layer is not the library's last hidden state, unless what stands between is said on figures."""
    if tried.last_is_state or not all(hidden.isfinite().all() for hidden in tried.layers):
        return
    found = tried.ending
    if ending.told and found is not None and (found.norm, found.beyond) == (ending.norm, ending.beyond):
        return
    stands = (
        "what lies between the two is not known"
        if found is None
        else (f"'{found.norm or found.beyond}' lies between the two")
    )
    raise ModelError(
        f"The last layer of '{loaded.spec.name}' ({loaded.info.layer_names[-1]}) is not the model's own last hidden state, "
        f"and {stands}.",
        "This model family is not supported: its layers would be mistaken for others.",
    )


def _gap(layers: Layers, expected: Layers) -> float:
    """The largest difference of a token's vector, relative to the longest vector of its layer; nan where one is not finite."""
    gaps = [
        float((one - other).norm(dim=-1).max() / other.norm(dim=-1).max().clamp_min(1e-30))
        for one, other in zip(layers, expected, strict=True)
    ]
    return float(np.max(gaps))


def _same_state(last: torch.Tensor, state: torch.Tensor) -> bool:
    return last.shape == state.shape and _close(last, state)


def _close(tensor: torch.Tensor, other: torch.Tensor) -> bool:
    """Whether two tensors are one and the same, up to another number format on the way."""
    if tensor is other:
        return True
    gap: Any = (tensor.float() - other.float()).abs().max()
    return bool(gap <= 1e-5 * other.float().abs().max())
