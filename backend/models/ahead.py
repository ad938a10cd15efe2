"""What jobs need of the libraries, loaded before the first one asks for it."""

import importlib

_NEEDED = {
    "models": ("transformers.modeling_utils", "transformers.masking_utils", "transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto", "backend.models.extraction", "backend.models.loading"),
    # Not umap, which takes longer than all of them, and which few ask for
    "resolver": ("transformers.modeling_utils", "transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto", "backend.models.loading"),
    "layouts": ("openTSNE", "openTSNE.nearest_neighbors", "scipy.linalg", "sklearn.neural_network"),
}  # fmt: skip


def load_libraries(kind: str = "models") -> None:
    """Import what a kind of worker needs: several seconds, which a process can spend while a model is still being chosen."""
    for name in _NEEDED.get(kind, ()):
        importlib.import_module(name)
