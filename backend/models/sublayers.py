"""The parts of each block as layers of their own: what attention adds, the residual stream between, what the MLP adds.

Families name their parts differently, and some add them elsewhere. Each known way (``WAYS``) is checked on the first
texts: the block's input and attention must give the residual between, and this and the MLP the block's output, by the sum or
by the norm of the sum. In a parallel block there is no stream between: input, attention and MLP together must give the output.
Where no known way does, the parts are not known, and that is said.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import nn

from backend.errors import ModelError
from backend.models.batching import Encoded, ExtractionPlan, Ints
from backend.models.layers import first_tensor
from backend.models.loading import LoadedModel
from backend.models.passes import Batch, forward, not_finite, run_batches
from backend.models.untyped import Untyped
from backend.values.activations import Report, no_report

PARTS = ("attention", "residual between", "MLP")
PARALLEL = ("attention", "MLP")
STAGE = "Extracting sub-layers"
_NEAR = {torch.float32: 1e-3, torch.float16: 2e-2, torch.bfloat16: 6e-2}  # of the largest number
_HINT = (
    "They are known for BERT, RoBERTa, DistilBERT, MPNet, ModernBERT, BART, T5, GPT-2, OPT, BLOOM, MPT, Llama, Mistral, Qwen, Gemma, OLMo, "
    "GPT-NeoX, GPT-J, Falcon, Phi, Cohere and their like."
)

Write = Callable[[int, Ints, npt.NDArray[np.float32]], None]
"""``write(layer, rows, block)`` takes ``block`` (n_rows, n_dims), which are the rows number ``rows`` of one layer."""


@dataclass(frozen=True, slots=True)
class Way:
    """Where the parts of a block are, as paths of modules below it.

    ``between`` is the module whose output is the residual stream after attention, or, with ``reads``, whose input is; it is ""
    in a parallel block, where attention and MLP are added at once. ``norms`` are those of the two sums, "" where the sum itself goes on.
    """

    attention: str
    between: str
    mlp: str
    reads: bool = True
    norms: tuple[str, str] = ("", "")

    @property
    def parallel(self) -> bool:
        """Whether attention and MLP are added at once."""
        return not self.between

    @property
    def sides(self) -> tuple[tuple[str, str], ...]:
        """Where input, attention, residual between (unless parallel), MLP and output of a block pass: module, and "in" or "out"."""
        between = () if self.parallel else ((self.between, "in" if self.reads else "out"),)
        return ("", "in"), (self.attention, "out"), *between, (self.mlp, "out"), ("", "out")


WAYS = (
    Way(
        "attention.output.dense",
        "attention.output",
        "output.dense",
        False,
        ("attention.output.LayerNorm", "output.LayerNorm"),
    ),
    Way("attention", "sa_layer_norm", "ffn", False, ("sa_layer_norm", "output_layer_norm")),  # DistilBERT
    Way("attention.attn", "attention", "output.dense", False, ("attention.LayerNorm", "output.LayerNorm")),  # MPNet
    Way("self_attn", "self_attn_layer_norm", "fc2", False, ("self_attn_layer_norm", "final_layer_norm")),  # BART
    Way("attention.output.dense", "attention.output", "output.dense", False),  # ESM
    Way("attn", "mlp_norm", "mlp"),  # ModernBERT
    Way("attn", "ln_2", "mlp"),  # GPT-2
    Way("post_attention_layernorm", "pre_feedforward_layernorm", "post_feedforward_layernorm"),  # Gemma 2 and 3
    Way("post_attention_layernorm", "mlp", "post_feedforward_layernorm"),  # OLMo 2
    Way("self_attn", "post_attention_layernorm", "mlp"),  # Llama, Mistral, Qwen
    Way("self_attn", "final_layer_norm", "fc2"),  # XGLM
    Way("attention", "post_attention_layernorm", "mlp"),  # GPT-NeoX without parallel residuals
    Way("self_attention.dense", "self_attention", "mlp.dense_4h_to_h", False),  # BLOOM
    Way("attn", "norm_2", "ffn.down_proj"),  # MPT
    Way("self_attention", "post_attention_layernorm", "mlp"),  # Falcon without parallel attention
    Way("attention", "", "mlp"),  # GPT-NeoX
    Way("attn", "", "mlp"),  # GPT-J, CodeGen
    Way("self_attention", "", "mlp"),  # Falcon
    Way("self_attn", "", "mlp"),  # Phi, Cohere
    Way("layer.0.SelfAttention", "layer.1", "layer.1.DenseReluDense"),  # T5 and its like, the encoder
)


def part_names(n_blocks: int, *, parallel: bool = False) -> tuple[str, ...]:
    """One name for each layer: the embedding output, then of each block its parts and its output.

    ``parallel`` blocks have no residual stream between attention and MLP.
    """
    parts = PARALLEL if parallel else PARTS
    blocks = ((*(f"block {number}, {part}" for part in parts), f"block {number}") for number in range(1, n_blocks + 1))
    return ("embedding", *(name for names in blocks for name in names))


def extract_parts(
    loaded: LoadedModel,
    texts: Sequence[str],
    pairs: Sequence[str] | None,
    plan: ExtractionPlan,
    write: Write,
    *,
    pooling: str,
    batch_tokens: int = 0,
    report: Report = no_report,
) -> tuple[str, ...]:
    """Run ``loaded`` over ``texts`` once and write its sub-layers, pooled by one of POOLINGS; returns their names, of ``part_names``.

    Raises ModelError where the parts of this family's blocks are not known, or a number is not finite; Cancelled from ``report``.
    """
    blocks = loaded.layout.blocks
    if len(set(map(id, blocks))) < loaded.layout.n_blocks or loaded.layout.time_major:
        raise _unknown(loaded)
    way: Way | None = None

    def run(rows: Ints, encoded: list[Encoded]) -> None:
        nonlocal way
        texts_here, places = plan.repeats.spread(rows)
        batch.fill(rows, encoded, loaded, None)
        ways = [way] if way is not None else [one for one in WAYS if all(_has(block, one) for block in blocks)]
        with PartTap(blocks, ways) as tap:
            forward(loaded, batch)
        way = way or next((one for one in ways if tap.adds_up(one)), None)
        if way is None:
            raise _unknown(loaded)
        for layer, hidden in enumerate(tap.layers(way)):
            block = batch.pool(batch.checked(hidden), pooling).cpu().numpy()
            if not np.isfinite(block).all():
                raise not_finite(loaded, part_names(len(blocks), parallel=way.parallel)[layer])
            write(layer, texts_here, block if len(rows) == len(texts_here) else block[places])

    batch = Batch.empty()
    run_batches(loaded, texts, pairs, plan, run, batch_tokens, report, STAGE)
    return part_names(len(blocks), parallel=way is not None and way.parallel)


class PartTap:
    """While entered, keeps what goes into each block, out of it, and out of (or into) the parts that ``ways`` name."""

    def __init__(self, blocks: Sequence[nn.Module], ways: Sequence[Way]) -> None:
        self._blocks, self._ways = blocks, ways
        self._copies = any(way.parallel for way in ways)  # Falcon adds attention to what the MLP gave, in place
        self._handles: list[Any] = []
        self._seen: dict[tuple[int, str, str], torch.Tensor] = {}  # (block, path, "in" or "out")

    def __enter__(self) -> "PartTap":
        for place, block in enumerate(self._blocks):
            for path, side in dict.fromkeys(one for way in self._ways for one in way.sides):
                self._watch(place, block, path, side)
        return self

    def __exit__(self, *error: object) -> None:
        for handle in self._handles:
            handle.remove()

    def _watch(self, place: int, block: nn.Module, path: str, side: str) -> None:
        module = block.get_submodule(path)

        def before(_: nn.Module, args: tuple[Untyped, ...], kwargs: dict[str, Any]) -> None:
            found = first_tensor((*args, *kwargs.values()))
            if found is not None:
                self._seen[place, path, side] = found

        def after(_: nn.Module, args: tuple[Untyped, ...], output: Untyped) -> None:
            found = first_tensor(output)
            if found is not None:
                self._seen[place, path, side] = found.clone() if self._copies and path else found

        if side == "in":
            self._handles.append(module.register_forward_pre_hook(before, with_kwargs=True))
        else:
            self._handles.append(module.register_forward_hook(after))

    def parts(self, way: Way, place: int) -> tuple[torch.Tensor, ...]:
        """Input, attention, residual between (unless parallel), MLP and output of one block, in the shape of the output."""
        found = [self._seen[place, path, side] for path, side in way.sides]
        whole = found[-1].shape  # OPT's MLP takes the tokens of all texts in one row
        return tuple(one.view(whole) if one.numel() == whole.numel() else one for one in found)

    def adds_up(self, way: Way) -> bool:
        """Whether input and attention give the residual between, and this and the MLP the output, in every block.

        In parallel blocks: whether the three together give the output.
        """
        for place, block in enumerate(self._blocks):
            try:
                start, attention, *stream, mlp, end = self.parts(way, place)
            except KeyError:
                return False  # a part that was not called
            if way.parallel:
                if not (start.shape == attention.shape and _is_sum(start + attention, mlp, end, None)):
                    return False
                continue
            (between,) = stream
            norms = [block.get_submodule(path) if path else None for path in way.norms]
            if not (_is_sum(start, attention, between, norms[0]) and _is_sum(between, mlp, end, norms[1])):
                return False
        return True

    def layers(self, way: Way) -> list[torch.Tensor]:
        """What ``part_names`` names, in that order."""
        found = [self._seen[0, "", "in"]]
        for place in range(len(self._blocks)):
            found += self.parts(way, place)[1:]
        return found


def _has(block: nn.Module, way: Way) -> bool:
    try:
        for path in filter(None, (way.attention, way.between, way.mlp, *way.norms)):
            block.get_submodule(path)
    except AttributeError:
        return False
    return True


def _is_sum(one: torch.Tensor, other: torch.Tensor, total: torch.Tensor, norm: nn.Module | None) -> bool:
    if not one.shape == other.shape == total.shape:
        return False
    with torch.inference_mode():
        expected = one + other if norm is None else norm(one + other)
    size = max(float(total.abs().max()), 1e-6)
    return float((expected - total).abs().max()) <= _NEAR.get(total.dtype, 1e-3) * size


def _unknown(loaded: LoadedModel) -> ModelError:
    kind = type(loaded.layout.blocks[0]).__name__
    return ModelError(f"The parts of the blocks of '{loaded.spec.name}' ({kind}) are not known.", _HINT)
