"""What every model needs of the libraries, loaded before the first one is asked for."""

import importlib

_NEEDED = ("transformers.modeling_utils", "transformers.masking_utils", "transformers.models.auto.modeling_auto", "transformers.models.auto.tokenization_auto")  # fmt: skip


def load_libraries() -> None:
    """Import torch, transformers and what extracts: several seconds, which a process can spend while a model is still being chosen."""
    for name in (*_NEEDED, "backend.models.extraction", "backend.models.loading"):
        importlib.import_module(name)
