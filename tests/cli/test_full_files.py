"""A full disk while files are written that people name: a message, nothing half-written, what was there before stays."""

import argparse
import errno
import json
import os
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from backend.__main__ import main
from backend.cli import papers
from backend.cli.commands import write_json
from backend.errors import StoreError
from backend.forms.whole import write_whole
from backend.service import up
from pages._kit import library
from tests.store.smalldisk import SmallDisk, small_disk


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk", 6_000_000) as made:
        yield made


def _names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()} - {"ballast"}


@pytest.mark.parametrize("left", [0, 8192])
def test_a_file_is_written_whole_or_not_at_all(disk: SmallDisk, left: int) -> None:
    path = disk.folder / "report.json"
    write_whole(path, "before")
    disk.fill(left)
    for target in (path, disk.folder / "new.json"):
        with pytest.raises(StoreError, match=r"cannot be written: it has 0\.60 MB, and .* MB are free") as caught:
            write_whole(target, b"x" * 600_000)
        assert "disk space" in caught.value.hint
    assert path.read_text() == "before" and _names(disk.folder) == {"report.json"}
    disk.free()
    write_whole(path, b"x" * 600_000)
    assert path.stat().st_size == 600_000 and _names(disk.folder) == {"report.json"}


def test_links_and_pipes_stay_what_they_are(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("before")
    (tmp_path / "there").chmod(0o640)
    (tmp_path / "link").symlink_to(tmp_path / "there")
    write_whole(tmp_path / "link", "after")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "there").read_text() == "after"
    assert (tmp_path / "there").stat().st_mode & 0o777 == 0o640
    write_whole(Path(os.devnull), "nothing")
    assert not Path(os.devnull).is_file()
    with pytest.raises(StoreError, match="cannot be written: No such file"):
        write_whole(tmp_path / "no folder" / "a", "x")


def test_a_recipe_on_a_full_disk_is_refused_and_written_later(disk: SmallDisk) -> None:
    options = argparse.Namespace(out=str(disk.folder / "result.json"), json=False)
    disk.fill()
    with pytest.raises(StoreError, match=r"result\.json cannot be written") as caught:
        write_json({"rows": ["x" * 600_000]}, options)
    assert caught.value.hint and not _names(disk.folder)
    disk.free()
    write_json({"rows": 1}, options)
    assert json.loads(Path(options.out).read_text()) == {"rows": 1}


def test_the_folder_of_the_papers_keeps_the_numbers_it_had(disk: SmallDisk) -> None:
    papers._write(disk.folder, {"rows": {}})
    disk.fill()
    with pytest.raises(StoreError, match=r"papers\.json cannot be written"):
        papers._write(disk.folder, {"rows": {"a": ["x" * 600_000]}})
    assert papers._before(disk.folder) == {"rows": {}} and _names(disk.folder) == {"papers.json"}


def test_the_figures_of_the_papers_say_what_is_full(disk: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    from pages.training.papers import written

    write_whole(disk.folder / "papers.json", json.dumps({"rows": {}, "missing": {}, "about": ""}))
    disk.fill()
    monkeypatch.setattr(written, "open_workbench", lambda: None)
    monkeypatch.setattr(written.session, "lend", lambda bench: None)
    monkeypatch.setattr(sys, "argv", ["written", str(disk.folder)])
    said = StringIO()
    monkeypatch.setattr(sys, "stderr", said)
    assert written.main() == 2
    (line,) = said.getvalue().splitlines()
    assert "cannot be written" in line and "disk space" in line
    disk.free()
    assert written.main() == 0 and (disk.folder / "papers.html").stat().st_size > 1_000


class _Full(StringIO):
    """A stream to a file on a full disk."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self._number = number

    def write(self, text: str) -> int:
        raise OSError(self._number, os.strerror(self._number))


def test_output_to_a_full_disk_is_an_error_with_a_hint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(sys, "stdout", _Full(errno.ENOSPC))
    assert main(["metrics"]) == 2
    said = capsys.readouterr().err
    assert "error: The output cannot be written: No space left on device." in said and "hint:" in said


def test_a_supervisor_whose_log_is_full_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", _Full(errno.ENOSPC))
    up._say("The dashboard ended and is started again.")


def test_the_chart_library_is_not_left_in_halves(disk: SmallDisk, monkeypatch: pytest.MonkeyPatch) -> None:
    source = disk.folder.parent / "plotly" / "package_data"
    source.mkdir(parents=True)
    (source / "plotly.min.js").write_bytes(b"x" * 600_000)
    spec: Any = SimpleNamespace(origin=str(source.parent / "__init__.py"))
    monkeypatch.setattr(library, "find_spec", lambda name: spec)
    served = disk.folder / "static"
    served.mkdir()
    disk.fill()
    assert not library.provide_script(served) and not _names(served)
    disk.free()
    assert library.provide_script(served) and len(_names(served)) == 1
