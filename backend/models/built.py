"""How a model is built, as its configuration says it: what a table of architectures has beside blocks and dimensions."""

from torch import nn

from backend.models.untyped import Untyped

_ACTIVATIONS = ("hidden_act", "activation_function", "hidden_activation", "dense_act_fn", "activation")


def built(config: Untyped, backbone: nn.Module) -> tuple[tuple[str, str], ...]:
    """Names of facts and their words; what the configuration does not say is left out."""
    heads, shared = _said(config, "num_attention_heads"), _said(config, "num_key_value_heads")
    found = {}
    if isinstance(heads, int):
        fewer = isinstance(shared, int) and shared != heads
        found["Attention heads"] = f"{heads:,}, keys and values {shared:,}" if fewer else f"{heads:,}"
    activation = next((said for name in _ACTIVATIONS if isinstance(said := _said(config, name), str)), "")
    if activation:
        found["Activation"] = activation
    if isinstance(size := _said(config, "vocab_size"), int):
        found["Vocabulary"] = f"{size:,} tokens"
    if positions := _positions(backbone):
        found["Positions"] = positions
    return tuple(found.items())


def _said(config: Untyped, name: str) -> Untyped:
    """What a configuration says, None where it says nothing, or raises something: as of what differs from layer to layer."""
    try:
        return getattr(config, name, None)
    except Exception:  # of the family's own code; these facts are for people, and no model is refused for them
        return None


def _positions(backbone: nn.Module) -> str:
    """How the model knows the order of its tokens, where its parts show it; empty where they do not."""
    for name, module in backbone.named_modules():
        last = name.rpartition(".")[2]
        if "rotary" in type(module).__name__.lower():
            return "rotary"
        if isinstance(module, nn.Embedding) and last in ("position_embeddings", "wpe", "embed_positions"):
            return "a vector for each place"
        if last == "relative_attention_bias":
            return "relative"
    return ""
