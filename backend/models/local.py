"""The models and series of checkpoints that lie below some folders, found by a walk that is bounded in every way."""

import json
import os
import time
from collections import defaultdict, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from backend.models.folders import ADAPTER_CONFIG, ADAPTER_WEIGHTS, CONFIG, INDEX, WEIGHTS
from backend.models.package import MODULES
from backend.values.lineage import step_of
from backend.values.local import LocalModel, LocalModels

MOST_NAME_CHARS = 300
_MOST_BYTES = 2**20  # of a config.json that is looked into


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the walk ends: levels below a root, folders and entries in all, and seconds."""

    depth: int = 8
    folders: int = 20_000
    entries: int = 200_000
    seconds: float = 5.0


@dataclass(slots=True)
class _Walk:
    """What is left of the bounds, and where the walk has been."""

    bounds: Bounds
    roots: tuple[Path, ...]
    until: float
    folders: int = 0
    entries: int = 0
    complete: bool = True

    def over(self) -> bool:
        """Whether a bound is reached; the walk is then not complete."""
        reached = (
            self.folders >= self.bounds.folders or self.entries >= self.bounds.entries or time.monotonic() > self.until
        )
        self.complete = self.complete and not reached
        return reached


def find_local_models(roots: Sequence[Path], bounds: Bounds = Bounds()) -> LocalModels:
    """Models and series below ``roots``, by path, under the names that the model field takes.

    A folder is a model where it holds a configuration and safetensors, an adapter's too; a folder with two such folders
    or more that are named after steps is a series, and they are not listed by themselves. Links are followed below the
    roots alone. Nothing is opened but config.json. ``complete`` is False where a bound ended the walk.
    """
    resolved = tuple(root.resolve() for root in roots)
    walk = _Walk(bounds, resolved, time.monotonic() + bounds.seconds)
    found = {path: files for path, files in _folders(walk) if _is_model(files)}
    steps: dict[Path, list[Path]] = defaultdict(list)
    for path in found:
        if step_of(path.name) is not None:
            steps[path.parent].append(path)
    series = {parent: members for parent, members in steps.items() if len(members) > 1}
    listed = [
        _model(path, files)
        for path, files in found.items()
        if path.parent not in series or path not in steps[path.parent]
    ]
    listed += [_series(parent, members, found) for parent, members in series.items()]
    fit = [model for model in listed if len(model.name) <= MOST_NAME_CHARS and model.name.isprintable()]
    return LocalModels(tuple(sorted(fit, key=lambda model: (model.name, model.kind))), walk.complete)


def _folders(walk: _Walk) -> Iterator[tuple[Path, dict[str, int]]]:
    """Each folder once, breadth first, with the sizes of its files."""
    queue = deque((root, 0) for root in walk.roots)
    seen: set[str] = set()
    while queue:
        path, depth = queue.popleft()
        if walk.over():
            return
        real = os.path.realpath(path)
        if real in seen or not any(Path(real).is_relative_to(root) for root in walk.roots):
            continue
        seen.add(real)
        walk.folders += 1
        files, inner = _entries(path, walk)
        yield path, files
        if MODULES in files:  # a package, whose folders are its parts
            continue
        if depth < walk.bounds.depth:
            queue.extend((path / name, depth + 1) for name in inner)
        elif inner:
            walk.complete = False


def _entries(path: Path, walk: _Walk) -> tuple[dict[str, int], list[str]]:
    """Sizes of the files in a folder by name, and the names of its folders; nothing where it cannot be read."""
    files: dict[str, int] = {}
    inner: list[str] = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                walk.entries += 1
                if walk.over():
                    break
                if entry.name.startswith("."):
                    continue
                try:
                    if entry.is_dir():
                        inner.append(entry.name)
                    elif entry.name.endswith((".json", ".safetensors")):
                        files[entry.name] = entry.stat().st_size
                except OSError:  # a link to nowhere, or in a circle
                    continue
    except OSError:
        return {}, []
    return files, sorted(inner)


def _is_model(files: dict[str, int]) -> bool:
    if MODULES in files:
        return True
    return (CONFIG in files and (WEIGHTS in files or INDEX in files)) or (
        ADAPTER_CONFIG in files and ADAPTER_WEIGHTS in files
    )


def _model(path: Path, files: dict[str, int]) -> LocalModel:
    kind = "adapter" if ADAPTER_CONFIG in files else "model"
    return LocalModel(str(path), kind, _family(path, files), _n_bytes(files))


def _series(parent: Path, members: list[Path], found: dict[Path, dict[str, int]]) -> LocalModel:
    first = min(members)
    n_bytes = sum(_n_bytes(found[path]) for path in members)
    return LocalModel(str(parent), "series", _family(first, found[first]), n_bytes, len(members))


def _n_bytes(files: dict[str, int]) -> int:
    return sum(size for name, size in files.items() if name.endswith(".safetensors"))


def _family(path: Path, files: dict[str, int]) -> str:
    """The type that config.json names, as it stands there; "" where it names none."""
    if not 0 < files.get(CONFIG, 0) <= _MOST_BYTES:
        return ""
    try:
        said = json.loads((path / CONFIG).read_text("utf-8"))
        return str(said.get("model_type", ""))[:40] if isinstance(said, dict) else ""
    except (OSError, ValueError, RecursionError):
        return ""
