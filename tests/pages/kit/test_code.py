"""The menu "Code": what it shows computes the numbers of the page."""

import json
import shlex
from pathlib import Path

import numpy as np
import pytest

import backend
from backend.__main__ import main
from backend.cli import commands
from pages._kit.show.files import json_file


def test_what_the_menu_shows_computes_the_numbers_of_the_page(
    open_page, run_page, shown, small_world, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    at = run_page(open_page("similarity", 0, 1, seed="3", layers="0,2"), "similarity")
    key = "similarity_Between two models"
    assert not at.code, "nothing is written for a closed menu"
    at.session_state[f"{key}_code"] = True
    at.run()
    assert not at.exception and not at.error
    command, python, saved = (block.value for block in at.code)
    (result,) = shown[key].results
    monkeypatch.setattr(backend, "open_workbench", lambda: small_world.bench)
    monkeypatch.setattr(commands, "wire_workbench", lambda settings: small_world.bench)
    names: dict[str, backend.Result] = {}
    exec(python, names)
    np.testing.assert_array_equal(names["result"].values.matrix, result.values.matrix)
    out = tmp_path / "out.json"
    assert main([*shlex.split(command)[3:], "--quiet", "--out", str(out)]) == 0
    np.testing.assert_array_equal(json.loads(out.read_text())["result"]["matrix"], result.values.matrix)
    recipe = tmp_path / shlex.split(saved)[-1]
    recipe.write_bytes(json_file(shown[key]))
    out.unlink()
    assert main(["run", str(recipe), "--quiet", "--out", str(out)]) == 0
    np.testing.assert_array_equal(json.loads(out.read_text())["result"]["matrix"], result.values.matrix)
