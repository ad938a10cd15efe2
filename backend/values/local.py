"""The models that lie below the model roots, as lines of a list."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LocalModel:
    """One line: ``name`` is the path that the model field takes, ``kind`` "model", "adapter" or "series".

    ``family`` is the type in its config.json ("" where there is none); ``n_bytes`` counts its weights, of a series those
    of all ``n_steps`` checkpoints.
    """

    name: str
    kind: str
    family: str = ""
    n_bytes: int = 0
    n_steps: int = 0


@dataclass(frozen=True, slots=True)
class LocalModels:
    """What was found below the roots, by path; ``complete`` is False where there was too much to look through."""

    found: tuple[LocalModel, ...] = ()
    complete: bool = True
