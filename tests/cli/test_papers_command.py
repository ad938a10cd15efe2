"""The command papers: all rows for given models as a folder, resumable, with what cannot be had and why."""

import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from backend.papers.markdown import general_commands
from backend.papers.table import ROWS
from tests.conftest import entered
from tests.models.tiny import SEGMENTS, TEXTS, WORDS, bert_config, save

ROOT = Path(__file__).resolve().parents[2]
ONLY = ("gptology-figure-1", "gptology-3.2", "matton-figure-4", "zhou-figure-2", "zhou-3.2")


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], Path]:
    """A folder, two small models of one shape, and texts with labels."""
    folder = tmp_path_factory.mktemp("papers")
    models = [
        str(save(folder / name, bert_config(), seed=seed, model_input_names=SEGMENTS))
        for seed, name in enumerate(("before", "after"))
    ]
    rows = [f"{TEXTS[i % 7]} {WORDS[i % 25]} {WORDS[i // 3]}\t{'abc'[i % 3]}" for i in range(60)]
    texts = folder / "letters.tsv"
    texts.write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return folder, models, texts


def asked(world: tuple[Path, list[str], Path], out: Path, *more: str, only: tuple[str, ...] = ONLY) -> Any:
    """What the command answers."""
    folder, models, texts = world
    words = ["papers", "--models", *models, "--texts", texts, "--text", "text", "--label", "label", "--out", out]
    rows = [word for key in only for word in ("--only", key)]
    return entered(*words, *rows, *more, cache=folder / "cache", EMBEDSCOPE_MODEL_ROOTS=str(folder))


def test_a_folder_with_figures_tables_and_recipes(world: tuple[Path, list[str], Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    done = asked(world, out)
    assert done.returncode == 0, done.stderr
    assert "of 5, GPTology, figure 1" in done.stderr
    data = json.loads((out / "papers.json").read_text("utf-8"))
    assert set(data["rows"]) == {"gptology-figure-1", "gptology-3.2", "matton-figure-4"}
    assert "needs a series of checkpoints" in data["missing"]["zhou-figure-2"]
    assert "page Texts" in data["missing"]["zhou-3.2"]
    (part,) = data["rows"]["gptology-3.2"]
    assert part["verdict"] in ("agrees", "disagrees") and part["seconds"] > 0 and len(part["recipes"]) == 2
    names = {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert "papers.html" in names and "figures/plotly.min.js" in names
    for key in data["rows"]:
        for folder, end in (("figures", ".html"), ("tables", ".csv"), ("tables", ".tex"), ("recipes", ".json")):
            assert any(name.startswith(f"{folder}/{key}-") and name.endswith(end) for name in names), (key, folder, end)
    cka = [name for name in names if name.startswith("figures/gptology-figure-1")]
    assert len(cka) == 1 and "before" in cka[0] and "after" in cka[0], "both models in one figure"
    cuts = [name for name in names if name.startswith("figures/gptology-3.2") and "profile" in name]
    assert len(cuts) == 2, "each model, as the page shows one at a time"
    page = (out / "papers.html").read_text("utf-8")
    assert page.count("plotly-graph-div") >= 5 and 'src="http' not in page
    assert "blocks 1 to 6 of GPT-2 resemble each other" in page and "Not here: This needs a series" in page
    assert str(world[0]) not in "".join(path.read_text("utf-8") for path in out.rglob("figures/*.html"))


def test_started_again_it_goes_on(world: tuple[Path, list[str], Path], tmp_path: Path) -> None:
    out = tmp_path / "out"
    first = asked(world, out, "--without-figures", only=("matton-figure-4",))
    assert first.returncode == 0, first.stderr
    took = json.loads((out / "papers.json").read_text("utf-8"))["rows"]["matton-figure-4"][0]["seconds"]
    again = asked(world, out, "--without-figures", only=("matton-figure-4", "gptology-figure-3"))
    assert again.returncode == 0, again.stderr
    rows = json.loads((out / "papers.json").read_text("utf-8"))["rows"]
    assert rows["matton-figure-4"][0]["seconds"] == took and len(rows) == 2
    stored = asked(world, out, "--without-figures", only=("matton-figure-4", "gptology-figure-3"))
    assert "0 analyses" in stored.stderr or "under 1 s" in stored.stderr
    alone = asked(world, out, "--without-figures", only=("gptology-figure-4",))
    assert alone.returncode == 0, alone.stderr
    rows = json.loads((out / "papers.json").read_text("utf-8"))["rows"]
    assert len(rows) == 3, "the rows of an earlier run of the same models and texts stay"


def test_killed_in_the_middle_it_goes_on_with_what_is_stored(
    world: tuple[Path, list[str], Path], tmp_path: Path
) -> None:
    folder, models, texts = world
    out, only = tmp_path / "out", ("gptology-figure-6", "matton-figure-1", "matton-figure-6")
    words = ["papers", "--models", *models, "--texts", texts, "--text", "text", "--label", "label", "--out", out]
    words += [word for key in only for word in ("--only", key)] + ["--without-figures"]
    environment = {**os.environ, "EMBEDSCOPE_CACHE": str(tmp_path / "cache"), "EMBEDSCOPE_MODEL_ROOTS": str(folder)}
    command = [sys.executable, "-m", "backend", *map(str, words)]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True) as first:
        assert first.stderr is not None
        written = out / "papers.json"
        for _ in first.stderr:  # a line for each step
            if written.exists() and "gptology-figure-6" in written.read_text("utf-8"):
                break
        first.kill()
    done = json.loads((out / "papers.json").read_text("utf-8"))["rows"]
    assert "gptology-figure-6" in done, "a row is written as soon as it is computed"
    again = entered(*words, cache=tmp_path / "cache", EMBEDSCOPE_MODEL_ROOTS=str(folder))
    assert again.returncode == 0, again.stderr
    rows = json.loads((out / "papers.json").read_text("utf-8"))["rows"]
    assert set(rows) == set(only) and rows["gptology-figure-6"] == done["gptology-figure-6"], "its seconds too"


def test_what_cannot_be_is_refused_with_a_hint(world: tuple[Path, list[str], Path], tmp_path: Path) -> None:
    done = asked(world, tmp_path, only=("gptology-figure-9",))
    assert done.returncode == 2 and "No paper has a row 'gptology-figure-9'" in done.stderr
    done = asked(world, tmp_path, "--paper", "Nature", only=())
    assert done.returncode == 2 and "No one paper is called 'Nature'" in done.stderr
    (tmp_path / "file").write_text("")
    done = asked(world, tmp_path / "file")
    assert done.returncode == 2 and "cannot be made" in done.stderr


def test_the_commands_of_rows_where_nothing_is_computed_run_too(world: tuple[Path, list[str], Path]) -> None:
    folder, models, texts = world
    own = {"MODEL": models[0], "TEXTS": str(texts)}
    rows = [row for row in ROWS if not row.steps]
    assert len(rows) == 4
    for row in rows:
        (command,) = general_commands(row)
        words = [own.get(word, word).replace("NAME", row.key) for word in shlex.split(command)[3:]]
        if words[0] == "finetune":
            words += ["--text", "text", "--label", "label", "--epochs", "1"]
        done = entered(*words, cache=folder / "cache", EMBEDSCOPE_MODEL_ROOTS=str(folder))
        assert done.returncode == 0, f"{command}: {done.stderr}"
        assert any(said in done.stdout for said in ("letters", "run:gptology", "run:matton", "blocks")), done.stdout
