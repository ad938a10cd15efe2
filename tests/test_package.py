"""The package: what a wheel holds is enough for the command, a notebook and the dashboard, in whatever folder they start."""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import backend

ROOT = Path(__file__).resolve().parents[1]


def _run(arguments: Sequence[str], installed: Path, folder: Path) -> str:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("EMBEDSCOPE_")}
    environment = {**kept, "PYTHONPATH": str(installed), "XDG_DATA_HOME": str(folder / "data")}
    command = [sys.executable, "-P", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_wheel_holds_every_file_of_the_program_and_no_other(installed: Path) -> None:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "backend", "pages"], cwd=ROOT, capture_output=True, text=True
    )
    wanted = {line for line in listed.stdout.splitlines() if (ROOT / line).is_file()}
    wanted |= {"embedscope/app.py", "embedscope/.streamlit/config.toml"}
    files = {path.relative_to(installed).as_posix() for path in installed.rglob("*") if path.is_file()}
    found = {
        file for file in files if ".dist-info/" not in file and "__pycache__" not in file and "/static/" not in file
    }
    assert listed.returncode != 0 or found == wanted


def test_the_package_says_one_version_and_the_pinned_requirements(installed: Path) -> None:
    about = next(installed.glob("*.dist-info")).joinpath("METADATA").read_text(encoding="utf-8")
    assert f"\nVersion: {backend.__version__}\n" in about
    pins = [line for line in (ROOT / "requirements.txt").read_text().splitlines() if line and line[0] != "#"]
    assert about.count("\nRequires-Dist: ") == len(pins)
    assert "\nRequires-Dist: torch==" in about


def test_the_command_runs_in_any_folder(installed: Path, elsewhere: Path) -> None:
    script = (
        "import sys; sys.argv = ['bin/embedscope', *sys.argv[1:]]; from backend.__main__ import main; sys.exit(main())"
    )
    entry = next(installed.glob("*.dist-info")).joinpath("entry_points.txt").read_text()
    assert "embedscope = backend.__main__:main" in entry
    assert _run(["-c", script, "metrics"], installed, elsewhere).startswith("cka: ")
    assert "usage: embedscope" in _run(["-c", script, "--help"], installed, elsewhere)


def test_a_notebook_imports_it_in_any_folder_and_keeps_nothing_in_the_package(installed: Path, elsewhere: Path) -> None:
    code = (
        "import json, backend; bench = backend.open_workbench(); bench.text_sets(); bench.close()\n"
        "print(json.dumps([backend.__file__, str(backend.read_settings().cache), backend.__version__]))"
    )
    place, cache, version = json.loads(_run(["-c", code], installed, elsewhere))
    assert Path(place).is_relative_to(installed) and version == backend.__version__
    assert Path(cache) == elsewhere / "data" / "embedscope" and Path(cache).is_dir()
    assert not (installed / "cache").exists()
