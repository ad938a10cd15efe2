"""From the name of a series to its checkpoints: those of a run, of a folder, or hub revisions that match a pattern."""

import fnmatch
import math
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

from backend.errors import EmbedscopeError, InvalidRequest, ModelError
from backend.models.hub import hub_revisions
from backend.models.resolve import Roots, hub_pattern, local_folder
from backend.models.runfolder import find_run_folder, read_runs
from backend.values.lineage import step_of
from backend.values.models import BrokenMember, ModelInfo, SeriesInfo, SeriesMember
from backend.values.numbers import plural
from backend.values.runs import PREFIX, step_name

MOST_MEMBERS = 64


def find_members(name: str, *, roots: Roots, runs: Path | None = None) -> dict[int, str]:
    """Step -> model name of every checkpoint that ``name`` stands for, ascending; nothing is opened yet.

    ``runs`` is the folder of the runs of fine-tuning, whose names count too, with or without ``run:``. Raises
    ModelError where there is no such run, folder or repository, or no checkpoint in it, and InvalidRequest where a
    name is both a run's and a folder's.
    """
    own = None if runs is None else _of_run(name, runs)
    if own is not None:
        _require_one_meaning(name.strip(), roots, runs)
        return own
    pattern = hub_pattern(name, roots)
    if pattern is not None:
        repo, glob = pattern
        found = [(rev, f"{repo}@{rev}") for rev in hub_revisions(repo) if fnmatch.fnmatchcase(rev, glob)]
        where = f"No revision of '{repo}' matches '{glob}' and ends in a step."
        hint = "Give a pattern such as step*, global_step* or step?000."
    else:
        try:
            folder = local_folder(name, roots)
        except ModelError as error:
            hint = "Give the folder that holds the checkpoint folders (checkpoint-500, step-00128)."
            raise ModelError(error.message, hint if "no folder" in error.message else error.hint) from None
        if folder is None:
            raise no_series(name)
        found = [(path.name, str(path)) for path in _folders(folder)]
        where = f"The folder '{name}' holds no checkpoints: none of its subfolders is named like checkpoint-500 or step-00128."
        hint = "Give the folder above the checkpoints. To use a single model, choose it as a model."
    return _by_step(found, where, hint)


def no_series(name: str) -> ModelError:
    """The error for a name that is neither a run's nor a folder's."""
    return ModelError(
        f"There is no series '{name}': no run and no folder of that name.",
        "Give a fine-tuning run, a folder with one subfolder per checkpoint (checkpoint-500, step-00128), or a hub id "
        "with a pattern of revisions (owner/name@step*).",
    )


def choose(members: dict[int, str], steps: Sequence[int], at_most: int) -> list[int]:
    """Which steps of ``members`` to take: ``steps`` if any are named, else at most so many, log-spaced, ends included."""
    if any(step < 0 for step in steps) or at_most < 0:
        raise InvalidRequest("Steps and numbers of checkpoints are 0 or more.", "Give whole numbers.")
    if steps:
        return sorted(set(steps))
    every = sorted(members)
    if at_most and len(every) > at_most:
        if at_most < 2:
            raise InvalidRequest("A single checkpoint is not a series.", "Take 2 or more.")
        return _spread(every, at_most)
    if len(every) > MOST_MEMBERS:
        raise InvalidRequest(
            f"The series has {len(every)} checkpoints, from step {every[0]:,} to {every[-1]:,}: more than {MOST_MEMBERS}.",
            "Use some of them, spaced evenly over the logarithm of the step (--at-most 12), or name steps (--steps 0,512).",
        )
    return every


def series_info(
    name: str, members: dict[int, str], wanted: Sequence[int], look_up: Callable[[str], ModelInfo]
) -> SeriesInfo:
    """The members of ``wanted`` steps, each looked up; those that cannot be used are kept apart, with the reason.

    Raises ModelError where fewer than two are left.
    """
    good: list[SeriesMember] = []
    broken: list[BrokenMember] = []
    for step in wanted:
        if step not in members:
            broken.append(BrokenMember(step, f"step {step:,}", "there is no checkpoint of this step"))
            continue
        try:
            good.append(SeriesMember(step, look_up(members[step])))
        except EmbedscopeError as error:
            broken.append(BrokenMember(step, members[step], error.message))
    good, odd = _same_shape(good)
    broken = sorted([*broken, *odd], key=lambda item: item.step)
    if len(good) < 2:
        reasons = " ".join(f"Step {item.step:,}: {item.reason.rstrip('.')}." for item in broken[:3])
        raise ModelError(
            f"The series '{name}' has {plural(len(good), 'usable checkpoint')}. {reasons}".strip(),
            "A series needs at least two: repair or download the others.",
        )
    return SeriesInfo(name, tuple(good), tuple(broken), len(members))


def _of_run(name: str, runs: Path) -> dict[int, str] | None:
    """The saved steps of a run, those named in run.json and those that are there; None where no run is called so."""
    named = name.strip().startswith(PREFIX)
    short = name.strip().removeprefix(PREFIX)
    folder = find_run_folder(short, runs)
    info = None if folder is None else folder.read()
    if info is not None:
        return {step: f"{PREFIX}{info.name}@{step_name(step)}" for step in sorted(info.steps)}
    if named:
        listed = ", ".join(found.name for found in read_runs(runs)) or "none"
        raise ModelError(f"There is no run '{short[:80]}'.", f"The existing runs: {listed}.")
    return None


def _require_one_meaning(name: str, roots: Roots, runs: Path | None) -> None:
    """Refuse a name without ``run:`` that is a folder's too: another one than the run's own."""
    try:
        folder = None if name.startswith(PREFIX) else local_folder(name, roots)
    except ModelError:
        folder = None
    if folder is not None and runs is not None and folder != (runs / name).resolve():
        raise InvalidRequest(
            f"'{name}' is both a fine-tuning run and a folder: {folder}.",
            f"Write {PREFIX}{name} for the run, or {folder} for the folder.",
        )


def _folders(folder: Path) -> list[Path]:
    try:
        return [path for path in folder.iterdir() if path.is_dir()]
    except OSError as error:
        raise ModelError(f"The folder '{folder}' cannot be read: {error.strerror}.", "Check its permissions.") from None


def _by_step(found: list[tuple[str, str]], where: str, hint: str) -> dict[int, str]:
    steps = [(step, short, name) for short, name in found if (step := step_of(short)) is not None]
    if not steps:
        raise ModelError(where, hint)
    members: dict[int, str] = {}
    for step, short, name in sorted(steps):
        if step in members:
            raise ModelError(
                f"Two checkpoints have step {step:,}: '{Path(members[step]).name}' and '{short}'.",
                "Keep one kind of checkpoint in the folder, or give a narrower pattern.",
            )
        members[step] = name
    return members


def _spread(every: list[int], n: int) -> list[int]:
    """``n`` of the ascending steps, ends included, as even as they come on the scale log(step + 1)."""
    scale = [math.log1p(step - every[0]) for step in every]
    chosen = {0, len(every) - 1}
    for i in range(1, n - 1):
        target = scale[-1] * i / (n - 1)
        free = [k for k in range(len(every)) if k not in chosen]
        chosen.add(min(free, key=lambda k: abs(scale[k] - target)))
    return [every[k] for k in sorted(chosen)]


def _same_shape(members: list[SeriesMember]) -> tuple[list[SeriesMember], list[BrokenMember]]:
    """Those of the commonest shape, and the others: checkpoints of one run have the same layers and width."""
    if not members:
        return [], []
    shapes = Counter((member.model.layer_names, member.model.n_dims) for member in members)
    shape = shapes.most_common(1)[0][0]
    odd = [
        BrokenMember(
            member.step,
            member.model.spec.name,
            f"it has {member.model.n_blocks} blocks x {member.model.n_dims:,} dimensions, unlike the others",
        )
        for member in members
        if (member.model.layer_names, member.model.n_dims) != shape
    ]
    return [member for member in members if (member.model.layer_names, member.model.n_dims) == shape], odd
