"""The runs of fine-tuning that are there, as far as who asks may see them: listed, followed, renamed, deleted."""

from dataclasses import replace
from pathlib import Path

from backend.errors import InvalidRequest, ModelError
from backend.models.runfolder import RunFolder, check_name, find_run_folder, read_runs
from backend.store import Store
from backend.values.json_data import Document
from backend.values.people import NOBODY, asking
from backend.values.runs import PREFIX, RunInfo, run_called
from backend.work.runlock import is_trained_by


def seen_runs(store: Store, runs: Path) -> list[RunInfo]:
    """The runs below ``runs`` that who asks may see, newest first; one whose process is gone is stopped, whatever its file says."""
    return [as_it_is(info) for info in read_runs(runs) if store.owners.seen("runs", info.name)]


def run_log(store: Store, runs: Path, name: str) -> list[Document]:
    """The log of a run, line by line; raises InvalidRequest where there is none of that name."""
    return _known(store, runs, name)[0].log()


def delete_run(store: Store, runs: Path, name: str) -> int:
    """Delete a run with its log and all its saved steps; returns the bytes that are free again.

    Of a run that belongs to others too, only the part of who asks is given up. Raises InvalidRequest where there is none of
    that name, where it is none of theirs, and while it is being trained.
    """
    folder = _at_rest(store, runs, name, "delete")
    if not store.owners.leave("runs", name):
        return 0
    n_bytes = folder.delete()
    store.owners.forget("runs", name)
    return n_bytes


def rename_run(store: Store, runs: Path, name: str, new: str) -> RunInfo:
    """Call a run ``new``; its former name still leads to it. Raises InvalidRequest as ``delete_run``, and for a name that is
    none or taken."""
    folder, new = _at_rest(store, runs, name, "rename"), check_name(new)
    if new == name or not RunFolder(runs, new).path.exists():
        store.owners.move("runs", name, new)
    renamed = folder.rename(new).read()
    if new != name:
        store.owners.forget("runs", name)
    assert renamed is not None
    return renamed


def require_seen(store: Store, runs: Path, name: str) -> None:
    """Raise ModelError, as for one that does not exist, where ``name`` leads to a run (or a folder in one) that who asks may not see."""
    if asking() == NOBODY:
        return
    short = name.strip()
    run = short.removeprefix(PREFIX).partition("@")[0] if short.startswith(PREFIX) else _inside(runs, short)
    if run is None:
        return
    if not _is_seen(store, runs, run):
        names = ", ".join(found.name for found in seen_runs(store, runs)) or "none"
        raise ModelError(
            f"There is no run '{(run or short)[:80]}'.",
            f"It is not shared with you, or not here. The existing runs: {names}.",
        )


def _is_seen(store: Store, runs: Path, name: str) -> bool:
    """Whether a name, or a former one, is that of a run which who asks may see; what is hidden is looked for like what is not there."""
    try:
        if RunFolder(runs, store.owners.as_seen("runs", name)).read() is not None:
            return True
    except InvalidRequest:  # no name at all
        return False
    called = run_called(read_runs(runs), name)
    return store.owners.seen("runs", name if called is None else called.name) and called is not None


def leads_to_seen(store: Store, runs: Path, name: str) -> bool:
    """Whether a path leads to no run, or to one that who asks may see."""
    try:
        require_seen(store, runs, name)
    except ModelError:
        return False
    return True


def hides_run(store: Store, runs: Path, name: str) -> bool:
    """Whether ``name``, as it stands, is that of a run which who asks may not see."""
    folder = find_run_folder(name.strip().removeprefix(PREFIX).partition("@")[0], runs)
    return folder is not None and not store.owners.seen("runs", folder.path.name)


def as_it_is(info: RunInfo) -> RunInfo:
    """``info``; one whose process is gone is stopped."""
    folder = Path(info.folder)
    if info.state != "running" or (info.owner and is_trained_by(RunFolder(folder.parent, folder.name), info.owner)):
        return info
    return replace(
        info, state="stopped", owner="", error="The training process ended unexpectedly.", hint="Start it again."
    )


def _inside(runs: Path, name: str) -> str | None:
    """The name of the run in whose folder the path ``name`` leads; None for anything else."""
    try:
        below = Path(name).expanduser().resolve().relative_to(runs.resolve())
    except (OSError, ValueError, RuntimeError):
        return None
    return below.parts[0] if below.parts else ""


def _known(store: Store, runs: Path, name: str) -> tuple[RunFolder, RunInfo]:
    folder = RunFolder(runs, name)
    info = RunFolder(runs, store.owners.as_seen("runs", name)).read()
    if info is None:
        raise InvalidRequest(f"There is no run '{name}'.", "See the list of runs.")
    return folder, info


def _at_rest(store: Store, runs: Path, name: str, then: str) -> RunFolder:
    folder, info = _known(store, runs, name)
    if not store.owners.may_remove("runs", name):
        raise InvalidRequest(
            f"The run '{name}' is shared with you and not yours.",
            f"Only its owners can {then} it, or an administrator.",
        )
    if as_it_is(info).state == "running":
        raise InvalidRequest(f"The run '{name}' is being trained.", f"Cancel it first, then {then} it.")
    return folder
