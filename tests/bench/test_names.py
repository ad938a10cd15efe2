"""A name stands for one thing or for none: which of two is meant never depends on who saved last."""

import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from backend import EmbedscopeError, InvalidRequest, TextSetInfo
from backend.bench.workbench import Workbench
from backend.models.runfolder import RunFolder
from backend.models.series import find_members
from backend.values.recipes import RECIPES
from backend.values.runs import RunInfo
from tests.conftest import entered


def save(bench: Workbench, folder: Path, word: str, n_rows: int) -> TextSetInfo:
    path = folder / word / "reviews.csv"
    path.parent.mkdir()
    rows = [f"the {word} story number {i},{'good' if i % 2 else 'bad'}" for i in range(n_rows)]
    path.write_text("text,label\n" + "\n".join(rows) + "\n")
    return bench.read_texts(path, text="text", label="label")


@pytest.fixture
def two(bench: Workbench, tmp_path: Path) -> list[TextSetInfo]:
    return [save(bench, tmp_path, "first", 8), save(bench, tmp_path, "second", 12)]


def command(bench: Workbench, *arguments: str) -> subprocess.CompletedProcess[str]:
    return entered(*arguments, cache=bench.settings.cache)


def test_a_name_that_two_sets_have_is_refused_with_both(bench: Workbench, two: list[TextSetInfo]) -> None:
    attempts: list[Any] = [
        lambda: bench.text_set_info("reviews.csv"),
        lambda: bench.text_set("reviews.csv"),
        lambda: bench.compute("cka", texts="reviews.csv"),
        lambda: bench.compute("cka", texts="sentiment", basis="reviews.csv"),
        lambda: bench.finetuning("run", texts="reviews.csv"),
        lambda: bench.delete_text_set("reviews.csv"),
        lambda: bench._library.info("reviews.csv"),
        lambda: bench._library.delete("reviews.csv"),
        lambda: bench._library.table("reviews.csv"),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidRequest, match=r"2 text sets are called 'reviews\.csv'") as caught:
            attempt()
        for info in two:
            assert info.spec.table[:10] in caught.value.message and f"{info.spec.n_rows} rows" in caught.value.message
    assert len([info for info in bench.text_sets() if not info.builtin]) == 2, "neither was deleted"


def test_a_digest_or_its_beginning_names_one(bench: Workbench, two: list[TextSetInfo]) -> None:
    for info in two:
        for name in (info.spec.table, info.spec.table[:10], info.spec.table[:6], info.shown_name):
            assert bench.text_set_info(name) == info
            assert len(bench.text_set(name)) == info.spec.n_rows
    with pytest.raises(InvalidRequest, match="no text set"):
        bench.text_set_info(two[0].spec.table[:5])
    assert bench.delete_text_set(two[0].spec.table[:10]) == 0
    assert bench.text_set_info("reviews.csv") == two[1], "and now the name has one meaning"


def test_the_command_line_neither_guesses_nor_deletes_blindly(bench: Workbench, two: list[TextSetInfo]) -> None:
    done = command(bench, "analyse", "--metric", "average_cosine", "--texts", "reviews.csv")
    assert done.returncode != 0 and all(info.spec.table[:10] in done.stderr for info in two)
    done = command(bench, "textsets", "--delete", "reviews.csv")
    assert done.returncode != 0 and "2 text sets" in done.stderr
    listed = json.loads(command(bench, "textsets", "--json").stdout)
    assert [item["spec"]["name"] for item in listed].count("reviews.csv") == 2
    done = command(bench, "textsets", "--delete", two[0].spec.table[:10])
    assert done.returncode == 0
    assert f"deleted: reviews.csv, digest {two[0].spec.table[:10]} (8 rows" in done.stderr
    assert bench.text_set_info("reviews.csv") == two[1]


def test_what_one_person_has_stays_when_another_saves(bench: Workbench, tmp_path: Path) -> None:
    mine = save(bench, tmp_path, "first", 8)
    assert mine.shown_name == f"reviews.csv ({mine.spec.table[:8]})"
    save(bench, tmp_path, "second", 12)
    assert mine.shown_name in [info.shown_name for info in bench.text_sets()]
    assert len({info.shown_name for info in bench.text_sets()}) == len(bench.text_sets())


def test_a_built_in_name_stays_the_built_in_sets(bench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "mine.csv"
    path.write_text("text\none\ntwo\n")
    with pytest.raises(EmbedscopeError, match="built-in"):
        bench.read_texts(path, text="text", name="sentiment")
    assert bench.text_set_info("sentiment").builtin


def test_sets_of_one_name_join_into_one_of_its_own(bench: Workbench, two: list[TextSetInfo]) -> None:
    both = bench.join_texts(two[0], two[1], name="reviews.csv")
    assert both.spec.n_rows == 20
    with pytest.raises(InvalidRequest, match="3 text sets"):
        bench.text_set_info("reviews.csv")


def test_a_run_and_a_folder_of_one_name_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs, here = tmp_path / "runs", tmp_path / "here"
    (here / "mine" / "checkpoint-5").mkdir(parents=True)
    monkeypatch.chdir(here)
    folder = RunFolder(runs, "mine")
    folder.path.mkdir(parents=True)
    info = RunInfo("mine", "t", "minilm", "c", "x", "y", "text", "label", ("a", "b"), RECIPES["gptology"])
    folder.write(replace(info, steps=(2, 4), accuracies=(0.5, 0.5), epochs=(1.0, 2.0), losses=(1.0, 1.0)))
    with pytest.raises(InvalidRequest, match="is both a fine-tuning run and a folder") as caught:
        find_members("mine", roots=None, runs=runs)
    assert "run:mine" in caught.value.hint
    assert find_members("run:mine", roots=None, runs=runs)
    assert list(find_members("./mine", roots=None, runs=runs)) == [5]
