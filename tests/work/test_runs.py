"""The folder of a run: a full disk, a half-written step, the list of runs on every way to it, and a run that is deleted."""

import dataclasses
import errno
import json
import os
from pathlib import Path
from typing import Any

import pytest

from backend import (
    EmbedscopeError,
    InvalidRequest,
    StoreError,
)
from backend.bench.workbench import Workbench
from backend.models import runfolder
from backend.models.runfolder import RunFolder
from backend.store.processes import process_name
from tests.runs import base, cancelled_after, rows, tuned, weights


@pytest.mark.parametrize("number", [4, 5])  # a step's folder, and what is needed to go on from it
def test_a_full_disk_is_said_and_what_was_saved_is_whole(
    bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    whole = tuned(bench, tmp_path, "whole")
    place, writes = runfolder.os.replace, 0

    def replaced(source: Any, target: Any) -> None:
        nonlocal writes
        writes += Path(source).is_dir()
        if writes >= number and Path(source).is_dir():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        place(source, target)

    monkeypatch.setattr(runfolder.os, "replace", replaced)
    with pytest.raises(EmbedscopeError, match="No space left on device") as caught:
        tuned(bench, tmp_path, "b")
    assert "Free some space" in caught.value.hint
    monkeypatch.undo()
    (run,) = [run for run in bench.runs() if run.name == "b"]
    assert run.state == "failed" and "No space left" in run.error
    for path in Path(run.folder).glob("step-*"):
        bench.compute("average_cosine", model=f"run:b@{path.name}", texts=["the cat", "a dog"])
    assert not list(Path(run.folder).glob(".part-*"))
    info = tuned(bench, tmp_path, "b")
    assert info.state == "done" and weights(info, "step-00012") == weights(whole, "step-00012")


@pytest.mark.parametrize("said", ["PytorchStreamWriter failed writing file data/0", "basic_ios::clear: iostream error"])
def test_a_writer_that_fails_in_the_middle_leaves_no_half_a_step(tmp_path: Path, said: str) -> None:
    folder = runfolder.RunFolder(tmp_path, "a")
    folder.begin(None)

    def write(path: Path) -> None:
        path.mkdir()
        (path / "config.json").write_text("{}")
        raise RuntimeError(said)

    with pytest.raises(StoreError, match="cannot be written"):
        folder.save_step(1, write)
    assert list(folder.path.iterdir()) == []


def test_a_cut_last_line_of_the_log_does_not_count(tmp_path: Path) -> None:
    folder = runfolder.RunFolder(tmp_path, "a")
    folder.begin(None)
    folder.append({"step": 1, "loss": float("nan")})
    with (folder.path / "log.jsonl").open("a") as file:
        file.write('{"step": 2, "lo')
    assert folder.log() == [{"step": 1, "loss": None}]


def test_a_run_is_deleted_with_its_steps_and_one_that_works_is_not(bench: Workbench, tmp_path: Path) -> None:
    task = cancelled_after(bench, tmp_path, 2, "gone")
    folder = RunFolder(bench.settings.runs_folder, "gone")
    info = folder.read()
    assert info is not None
    folder.write(dataclasses.replace(info, state="running", owner=process_name()))
    with pytest.raises(InvalidRequest, match="is being trained"):
        bench.delete_run("gone")
    folder.write(info)
    n_bytes = sum(path.stat().st_size for path in folder.path.rglob("*") if path.is_file())
    assert bench.delete_run("gone") == n_bytes > 0
    assert not folder.path.exists() and bench.runs() == []
    with pytest.raises(InvalidRequest, match="no run 'gone'"):
        bench.delete_run("gone")
    assert bench.wait(task).state == "done", "the name is free, and the task is begun anew"


def test_a_run_is_renamed_and_its_former_name_still_leads_to_it(bench: Workbench, tmp_path: Path) -> None:
    task = cancelled_after(bench, tmp_path, 6, "first")
    before = bench.model("run:first@last")
    step = before.spec.name.partition("@")[2]
    info = bench.rename_run("first", "second")
    assert (info.name, info.former, info.state) == ("second", ("first",), "stopped")
    assert [run.name for run in bench.runs()] == ["second"] and Path(info.folder).name == "second"
    for name in (f"run:first@{step}", f"run:second@{step}"):
        found = bench.model(name)
        assert (found.spec.name, found.spec.commit) == (f"run:second@{step}", before.spec.commit)
    kept = ["a text", "another one", "a third", "and a fourth"]
    assert bench.compute("average_cosine", model=before, texts=kept).sources[0].commit == before.spec.commit
    with pytest.raises(InvalidRequest, match="cannot be called"):
        bench.rename_run("second", "../second")
    with pytest.raises(InvalidRequest, match="no run 'first'"):
        bench.rename_run("first", "third")
    done = bench.wait(dataclasses.replace(task, name="second"))
    assert done.state == "done" and done.former == ("first",) and done.steps[-1] == 12, "it went on from its last step"
    steps = bench.series("run:first")
    assert steps.models[-1].spec.name == f"run:second@step-{done.steps[-1]:05d}"
    order = bench.in_order([bench.model("run:second"), bench.model(before.spec.name)])
    assert order.known and order.before.spec.name == f"run:second@{step}"


def test_a_name_that_another_run_has_or_had_is_refused(bench: Workbench, tmp_path: Path) -> None:
    for name in ("one", "two"):
        cancelled_after(bench, tmp_path, 2, name)
    with pytest.raises(InvalidRequest, match="'two' already exists"):
        bench.rename_run("one", "two")
    bench.rename_run("two", "three")
    with pytest.raises(InvalidRequest, match="what the run 'three' was called before"):
        bench.rename_run("one", "two")
    assert bench.rename_run("three", "two").former == ("three",), "its own former name is free"
    folder = RunFolder(bench.settings.runs_folder, "one")
    info = folder.read()
    assert info is not None
    folder.write(dataclasses.replace(info, state="running", owner=process_name()))
    with pytest.raises(InvalidRequest, match="is being trained") as caught:
        bench.rename_run("one", "four")
    assert caught.value.hint == "Cancel it first, then rename it."


def test_runs_and_logs_through_a_service(service_bench: Workbench, bench: Workbench) -> None:
    assert service_bench.runs() == []
    for any_bench in (service_bench, bench):
        with pytest.raises(InvalidRequest, match="no run 'nowhere'"):
            any_bench.run_log("nowhere")
        with pytest.raises(InvalidRequest, match="cannot be called"):
            any_bench.run_log("../../etc")
        with pytest.raises(InvalidRequest, match="no run 'nowhere'"):
            any_bench.delete_run("nowhere")
        with pytest.raises(InvalidRequest, match="cannot be called"):
            any_bench.delete_run("../../etc")
        with pytest.raises(InvalidRequest, match="no run 'nowhere'"):
            any_bench.rename_run("nowhere", "somewhere")


def test_the_command_line_prints_the_frozen_head_and_the_tuned_model(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from backend.__main__ import main

    for name, value in {
        "CACHE": str(tmp_path / "cache"),
        "DEVICE": "cpu",
        "THREADS": "1",
        "BACKEND": "",
        "RUNS": "",
    }.items():
        monkeypatch.setenv(f"EMBEDSCOPE_{name}", value)
    for name, table in (("train.tsv", rows(24, 0)), ("dev.tsv", rows(8, 0, first=30))):
        (tmp_path / name).write_text("".join(f"{row[1]}\t{row[0]}\n" for row in table))
    files = ["--texts", str(tmp_path / "train.tsv"), "--test-texts", str(tmp_path / "dev.tsv"), "--no-header"]
    command = ["finetune", "--model", base(tmp_path), *files, "--text", "1", "--label", "0", "--recipe", "zhou"]
    command += ["--epochs", "1", "--set", "batch_size=8", "--name", "mine", "--quiet"]
    assert main([*command, "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert data["state"] == "done" and data["steps"] == [0, 1, 2, 3] and data["recipe"]["batch_size"] == 8
    assert data["model"] == "run:mine" and data["step"] == 3 and data["accuracy"] == data["accuracies"][-1]
    assert data["judged_on"] == "test" and 0 <= data["frozen"] <= 1 and Path(data["folder"]).is_dir()
    assert main(command) == 0
    said = capsys.readouterr().out
    for part in ("frozen base, head", f"{data['frozen']:.4f}", "fine-tuned", f"{data['accuracy']:.4f}", data["folder"]):
        assert part in said, part
    assert main(["runs", "--json"]) == 0
    assert [run["name"] for run in json.loads(capsys.readouterr().out)] == ["mine"]
    assert main(["runs"]) == 0 and "run:mine (done, step 3 of 3)" in capsys.readouterr().out
    assert main([*command, "--epochs", "2"]) == 2 and "hint: Choose another name" in capsys.readouterr().err
    assert main(["runs", "--rename", "mine", "ours"]) == 0
    assert "The run 'mine' is called 'ours' now." in capsys.readouterr().err
    assert main(["runs", "--rename", "ours", "a/b"]) == 2 and "cannot be called 'a/b'" in capsys.readouterr().err
    assert main(["runs", "--rename", "ours", "mine"]) == 0 and "'mine' now" in capsys.readouterr().err
    assert main(["runs", "--delete", "mine"]) == 0
    assert "The run 'mine' was deleted" in capsys.readouterr().err and not Path(data["folder"]).exists()
    assert main(["runs", "--delete", "mine"]) == 2 and "There is no run 'mine'" in capsys.readouterr().err
