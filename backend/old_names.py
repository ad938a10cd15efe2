"""Module names of before the move into rooms: a notebook that imports by one of them gets the very module that it means.

Only what notebooks use has an old name here: the values, and the kernels and metrics. An old name is the same module
object as the new one, so that classes stay the same classes; a module that has become several has all their names.
"""

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

NAMES = {
    **{f"backend.{name}": f"backend.values.{name}" for name in ("activations", "recipes", "results", "runs", "texts")},
    **{f"backend.{name}": f"backend.forms.{name}" for name in ("codec", "documents", "fingerprint")},
    **{f"backend.{name}": f"backend.bench.{name}" for name in ("wiring", "workbench")},
    "backend.metrics.bands": "backend.metrics.anisotropy.bands",
    "backend.metrics.cosine": "backend.metrics.anisotropy.cosine",
    "backend.metrics.degenerate": "backend.metrics.shared.degenerate",
    "backend.metrics.explained_variance": "backend.metrics.anisotropy.explained_variance",
    "backend.metrics.heads": "backend.metrics.shared.heads",
    "backend.metrics.isotropic": "backend.metrics.anisotropy.isotropic",
    "backend.metrics.layouts": "backend.metrics.maps.kernel",
    "backend.metrics.linalg": "backend.metrics.shared.linalg",
    "backend.metrics.paired": "backend.metrics.shared.paired",
    "backend.metrics.projection": "backend.metrics.maps.projection",
    "backend.metrics.rounding": "backend.metrics.shared.rounding",
    "backend.metrics.spectral": "backend.metrics.anisotropy.kernel",
    "backend.metrics.splits": "backend.metrics.shared.splits",
}

SEVERAL = {
    "backend.specs": tuple(f"backend.values.{name}" for name in ("specs", "models", "reading", "tasks", "jobs")),
}


class _Same(Loader):
    """Gives the module of another name, and leaves it as it is."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        found = importlib.import_module(self._name)
        self._spec = found.__spec__
        return found

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec  # the import system has put the old name's in its place


class _Together(Loader):
    """Fills a module with the names of several."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = names

    def exec_module(self, module: ModuleType) -> None:
        for found in map(importlib.import_module, self._names):
            vars(module).update({name: value for name, value in vars(found).items() if not name.startswith("_")})


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname in SEVERAL:
            return importlib.util.spec_from_loader(fullname, _Together(SEVERAL[fullname]))
        new = NAMES.get(fullname)
        return None if new is None else importlib.util.spec_from_loader(fullname, _Same(new))


def answer() -> None:
    """Let imports by an old name succeed; once a process."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.append(_Finder())
