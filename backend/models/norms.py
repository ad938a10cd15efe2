"""The weights and biases of each block's output norm: where the published rule looks for outlier dimensions."""

import numpy as np
import numpy.typing as npt
from torch import nn

from backend.errors import ModelError
from backend.models.loading import LoadedModel

Floats = npt.NDArray[np.float64]


def output_norms(loaded: LoadedModel) -> tuple[str, Floats, Floats | None]:
    """The last norm of every block: its name within the block, weights (n_blocks, n_dims), biases or None.

    In BERT-like models that is the block's output LayerNorm; in pre-norm models (GPT-2, Llama) the norm before the
    feed-forward layer, the last that the block has. Norms without biases (RMSNorm) give None. Raises ModelError where
    the blocks hold no norm of the model's width.
    """
    n_dims, blocks = loaded.info.n_dims, loaded.layout.blocks
    found = [[(name, child) for name, child in block.named_modules() if _is_norm(child, n_dims)] for block in blocks]
    if not all(found):
        raise ModelError(
            f"The blocks of '{loaded.spec.name}' hold no norm with a weight for each dimension.",
            "The rule over LayerNorm weights does not apply to this family.",
        )
    names, norms = zip(*(norms[-1] for norms in found), strict=True)
    weights = np.stack([_numbers(norm.weight) for norm in norms])
    biases = [getattr(norm, "bias", None) for norm in norms]
    if any(bias is None for bias in biases):
        return names[0], weights, None
    return names[0], weights, np.stack([_numbers(bias) for bias in biases])


def _is_norm(module: nn.Module, n_dims: int) -> bool:
    weight = getattr(module, "weight", None)
    return "norm" in type(module).__name__.lower() and isinstance(weight, nn.Parameter) and weight.shape == (n_dims,)


def _numbers(parameter: nn.Parameter) -> Floats:
    numbers: Floats = parameter.detach().to("cpu").double().numpy()
    return numbers
