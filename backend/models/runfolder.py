"""The folder of a run of fine-tuning: ``run.json``, ``log.jsonl``, ``step-00128/`` and ``resume/``.

A file or folder appears under its name when it is whole: it is written beside it and moved there. A step's folder is an
ordinary model; ``resume/checkpoint-N`` holds what training needs to go on from step N, of the last saved step only.
"""

import json
import os
import re
import shutil
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from backend.errors import InvalidRequest, ModelError, StoreError
from backend.forms.codec import from_json, to_json
from backend.values.json_data import Document
from backend.values.runs import PREFIX, RunInfo, run_called, step_name

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_STEP = re.compile(r"step-([0-9]{5,})")
_FULL = 64 * 2**20  # bytes; with less than that free, a failed write is taken for one on a full disk
_RUN, _LOG, _RESUME, _PART = "run.json", "log.jsonl", "resume", ".part-"


def check_name(name: str) -> str:
    """``name``, if it can be the name of a run's folder; raises InvalidRequest otherwise."""
    if not _NAME.fullmatch(name) or name.endswith("."):
        raise InvalidRequest(
            f"A run cannot be called '{name[:80]}'.",
            "Use up to 80 letters, digits, dots, dashes and underscores, beginning with a letter or digit.",
        )
    return name


def run_model_folder(name: str, runs: Path) -> Path:
    """The folder of the model that ``run:NAME``, ``run:NAME@step-00128`` or ``run:NAME@128`` stands for now.

    Without a step it is the one that RunInfo.step says; ``@last`` and ``@best`` are these of the saved ones. Raises
    ModelError where there is no such run or step.
    """
    run, _, wanted = name.removeprefix(PREFIX).partition("@")
    folder = find_run_folder(run, runs)
    info = folder.read() if folder is not None else None
    if folder is None or info is None:
        names = ", ".join(found.name for found in read_runs(runs)) or "none"
        raise ModelError(f"There is no run '{run[:80]}'.", f"The existing runs: {names}.")
    if wanted in ("last", "best") and info.steps:
        wanted = step_name(info.steps[-1] if wanted == "last" else info.best_step or 0)
    elif wanted.isascii() and wanted.isdigit():
        wanted = step_name(int(wanted[:12]))
    if wanted:
        found = folder.path / wanted if _STEP.fullmatch(wanted) else None
        if found is None or not found.is_dir():
            listed = ", ".join(step_name(step) for step in info.steps) or "none"
            raise ModelError(f"The run '{run}' has no '{wanted[:40]}'.", f"Its saved steps: {listed}.")
        return found
    if info.step is None:
        raise ModelError(f"The run '{run}' has saved no step yet.", "Wait until it has, or start it again.")
    return folder.path / step_name(info.step)


def find_run_folder(name: str, runs: Path) -> "RunFolder | None":
    """The folder of the run that is called ``name``, or else of the one that was called so before; None where there is none."""
    if not _NAME.fullmatch(name):
        return None
    if RunFolder(runs, name).read() is not None:
        return RunFolder(runs, name)
    renamed = run_called(read_runs(runs), name)
    return None if renamed is None else RunFolder(runs, renamed.name)


def read_runs(runs: Path) -> list[RunInfo]:
    """All runs below ``runs``, newest first; a folder without a readable run.json is none."""
    found = [RunFolder(runs, path.name).read() for path in runs.glob("*") if (path / _RUN).is_file()]
    return sorted((info for info in found if info is not None), key=lambda info: -info.created)


class RunFolder:
    """The folder of one run."""

    def __init__(self, runs: Path, name: str) -> None:
        self.path = runs / check_name(name)

    def read(self) -> RunInfo | None:
        """What run.json says; None where it is not there or no such thing. The run is called as its folder is."""
        try:
            data = json.loads((self.path / _RUN).read_text("utf-8"))
            info: RunInfo = from_json(RunInfo, {**data, "folder": str(self.path)})
        except (OSError, ValueError, TypeError, InvalidRequest):
            return None
        name = self.path.name
        former = tuple(one for one in dict.fromkeys((info.name, *info.former)) if one != name)
        return replace(info, name=name, former=former)

    def write(self, info: RunInfo) -> RunInfo:
        """Write run.json; returns ``info``."""
        text = json.dumps({**to_json(info, {}), "folder": ""}, indent=1, allow_nan=False) + "\n"
        self._whole(_RUN, lambda path: path.write_text(text, "utf-8"))
        return info

    def log(self) -> list[Document]:
        """The lines of the log; a last line that a killed process left unfinished does not count."""
        try:
            lines = (self.path / _LOG).read_text("utf-8").splitlines()
        except OSError:
            return []
        rows = []
        for line in lines:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            if isinstance(row, dict) and isinstance(row.get("step"), int):
                rows.append(row)
        return rows

    def append(self, row: Document) -> None:
        """Add a line to the log."""
        try:
            with (self.path / _LOG).open("a", encoding="utf-8") as file:
                file.write(json.dumps(to_json(row, {}), allow_nan=False) + "\n")
        except OSError as error:
            raise cannot_write(self.path / _LOG, error) from None

    def cut_log(self, step: int) -> None:
        """Forget the log's lines after ``step``: training goes on from there."""
        rows = [row for row in self.log() if row["step"] <= step]
        text = "".join(json.dumps(row, allow_nan=False) + "\n" for row in rows)
        self._whole(_LOG, lambda path: path.write_text(text, "utf-8"))

    def step_folder(self, step: int) -> Path:
        """Where the model of a saved step is."""
        return self.path / step_name(step)

    def steps(self) -> list[int]:
        """The steps whose folders are there."""
        names = [_STEP.fullmatch(path.name) for path in self.path.glob("step-*")]
        return sorted(int(found[1]) for found in names if found is not None)

    def save_step(self, step: int, write: Callable[[Path], object]) -> None:
        """Let ``write`` fill a folder and make it the step's; raises StoreError where it cannot be written."""
        self._whole(step_name(step), write)

    def save_resume(self, step: int, write: Callable[[Path], object]) -> None:
        """The same for what training needs to go on from ``step``; what was there for other steps goes."""
        (self.path / _RESUME).mkdir(exist_ok=True)
        self._whole(f"{_RESUME}/checkpoint-{step}", write)
        for path in (self.path / _RESUME).iterdir():
            if path.name != f"checkpoint-{step}":
                _remove(path)

    def resume_point(self) -> tuple[int, Path] | None:
        """The last step from which training can go on, and what it needs for that."""
        found = []
        for path in (self.path / _RESUME).glob("checkpoint-*"):
            number = path.name.removeprefix("checkpoint-")
            if number.isdigit() and self.step_folder(int(number)).is_dir():
                found.append((int(number), path))
        return max(found, default=None)

    def end_resume(self) -> None:
        """Nothing is to be gone on with any more."""
        _remove(self.path / _RESUME)

    def begin(self, step: int | None) -> None:
        """Get the folder ready to go on from ``step``, or from nothing: later steps and half-written things go."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise cannot_write(self.path, error) from None
        for path in [*self.path.glob(f"{_PART}*"), *(self.path / _RESUME).glob(f"{_PART}*")]:
            _remove(path)
        for saved in self.steps():
            if step is None or saved > step:
                _remove(self.step_folder(saved))
        if step is None:
            self.end_resume()
            (self.path / _LOG).unlink(missing_ok=True)
        else:
            self.cut_log(step)

    def rename(self, name: str) -> "RunFolder":
        """Call the run ``name``; raises InvalidRequest where that is taken, StoreError where the folder cannot be moved.

        Names it had before still lead to it.
        """
        target = RunFolder(self.path.parent, name)
        if target.path == self.path:
            return self
        if target.path.exists():
            raise InvalidRequest(f"A run called '{name}' already exists.", "Choose another name, or delete that run.")
        other = run_called(read_runs(self.path.parent), name)
        if other is not None and other.name != self.path.name:
            raise InvalidRequest(
                f"'{name}' is what the run '{other.name}' was called before, and links to that name lead to it.",
                "Choose another name.",
            )
        try:
            self.path.rename(target.path)
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be renamed: {error.strerror}.", "Check who owns the folder, then try again."
            ) from None
        info = target.read()
        if info is not None:
            target.write(info)
        return target

    def delete(self) -> int:
        """Remove the folder with all that is in it; returns its bytes. Raises StoreError where it cannot be removed.

        It is no run any more at once, also where somebody ends this half way.
        """
        n_bytes = sum(path.stat().st_size for path in self.path.rglob("*") if path.is_file())
        try:
            (self.path / _RUN).unlink(missing_ok=True)
            shutil.rmtree(self.path)
        except OSError as error:
            raise StoreError(
                f"{self.path} cannot be deleted: {error.strerror}.", "Check who owns the folder, then try again."
            ) from None
        return n_bytes

    def _whole(self, name: str, write: Callable[[Path], object]) -> None:
        """Write a file or folder under another name and move it to ``name``."""
        target = self.path / name
        part = target.parent / f"{_PART}{uuid.uuid4().hex}"
        try:
            write(part)
            if target.is_dir():
                _remove(target)
            os.replace(part, target)  # noqa: PTH105 - a folder too
        except InvalidRequest:
            raise
        except Exception as error:  # safetensors and torch have errors of their own for a disk that is full
            if not _about_disk(error):
                raise
            raise cannot_write(target, error) from None
        finally:
            _remove(part)


def cannot_write(path: Path, error: Exception) -> StoreError:
    """The error for a file or folder of a run that cannot be written."""
    parent = next((folder for folder in path.parents if folder.exists()), Path())
    free = shutil.disk_usage(parent).free
    reason = (isinstance(error, OSError) and error.strerror) or (str(error).splitlines() or [""])[0][:160]
    if not isinstance(error, OSError) and free < _FULL:  # torch and safetensors do not say why they failed
        reason = "No space left on device"
    return StoreError(
        f"{path} cannot be written: {reason} ({free / 2**20:,.1f} MB are free there).",
        "Free some space, or point EMBEDSCOPE_RUNS at a larger disk; then start the run again: it continues from its last step.",
    )


def _about_disk(error: BaseException | None) -> bool:
    """Whether an error, or one that it came up while handling, is of a file that could not be written.

    torch's own writer raises a second error when it closes the file that it could not write.
    """
    if error is None:
        return False
    text = str(error).lower()
    signs = any(sign in text for sign in ("i/o error", "iostream", "no space", "writ"))
    return isinstance(error, OSError) or signs or _about_disk(error.__context__)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
