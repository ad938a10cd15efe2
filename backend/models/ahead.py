"""What jobs need of the libraries, loaded before the first one asks for it."""

import importlib

_DESCRIBING = ("transformers.modeling_utils", "transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto", "backend.models.loading")  # fmt: skip
_NEEDED = {
    "models": (*_DESCRIBING, "transformers.masking_utils", "backend.models.extraction"),
    "resolver": _DESCRIBING,
    # Not umap, which takes longer than all of them, and which few ask for
    "layouts": ("openTSNE", "openTSNE.nearest_neighbors", "scipy.linalg", "sklearn.neural_network"),
}


def load_libraries(kind: str = "models") -> None:
    """Import what a kind of worker needs: several seconds, which a process can spend while a model is still being chosen."""
    for name in _NEEDED.get(kind, ()):
        importlib.import_module(name)
