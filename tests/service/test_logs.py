"""The logs of a run: a line for each job with its seconds and outcome, and nothing of what people gave."""

import dataclasses
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backend import EmbedscopeError, open_workbench, read_settings
from backend.errors import InvalidRequest
from backend.logs import set_up_logs
from backend.values.reading import ReadOptions, TextColumns
from backend.values.tasks import ReadTask
from tests.conftest import ROOT, start_service, stop_service

SECRET = ("quibbleflax", "zorblatt", "privatename", "a-token-for-tests")


@pytest.fixture(scope="module")
def logged(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str]]]:
    """What the service and its workers log, as JSON, of jobs that are done, that fail and that nobody foresaw."""
    folder = tmp_path_factory.mktemp("logged")
    read, write = os.pipe()
    kept = os.dup(2)
    os.dup2(write, 2)
    try:
        service = start_service(folder / "cache", EMBEDSCOPE_LOG="json")
    finally:
        os.dup2(kept, 2)
        os.close(write)
        os.close(kept)
    settings = dataclasses.replace(
        read_settings(), cache=folder / "cache", backend=service.address, token=service.token
    )
    bench = open_workbench(settings)
    ids = {}
    texts = [f"The {SECRET[0]} number {number} of {SECRET[1]}" for number in range(12)]
    info = bench.add_texts(texts, name=SECRET[2])
    ids["done"] = bench.start(bench.analysis("average_cosine", models=[bench.model("minilm")], texts=info)).id
    bench.wait(bench.analysis("average_cosine", models=[bench.model("minilm")], texts=info))
    blob = bench.upload(f"{SECRET[0]}\x00{SECRET[1]}".encode() * 9)
    task = ReadTask(blob, f"{SECRET[2]}.parquet", SECRET[2], ReadOptions(TextColumns(SECRET[1])), save=True)
    ids["failed"] = bench.start(task).id
    with pytest.raises(EmbedscopeError):
        bench.wait(task)
    with pytest.raises(EmbedscopeError):
        bench.model(f"{SECRET[2]}/{SECRET[0]}")
    bench.close()
    stop_service(service)
    with os.fdopen(read, encoding="utf-8", errors="replace") as file:
        service_log = file.read()
    logs = [path.read_text("utf-8", "replace") for path in sorted((folder / "cache").rglob("*.log"))]
    yield "\n".join([service_log, *logs]), ids


def lines(text: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


def test_each_job_has_a_line(logged: tuple[str, dict[str, str]]) -> None:
    text, ids = logged
    assert all(line.startswith("{") for line in text.splitlines() if line.strip()), "JSON alone"
    found = {line["job"]: line for line in lines(text) if line["event"] == "job"}
    for outcome, job in ids.items():
        line = found[job]
        assert (
            line["outcome"] == outcome and line["seconds"] >= 0 and line["process"] == "service" and line["time"] > 1e9
        )
        steps = [one for one in lines(text) if one["event"] == "step" and one["job"] == job]
        assert steps and steps[-1]["outcome"] == outcome and steps[-1]["process"].startswith("worker ")
    assert found[ids["done"]]["kind"] == "AnalysisSpec" and found[ids["failed"]]["kind"] == "ReadTask"


def test_nothing_of_what_people_gave_is_in_them(logged: tuple[str, dict[str, str]]) -> None:
    text, _ = logged
    assert [word for word in SECRET if word in text] == []


_FAULT = """
import logging
from backend.logs import log_event, log_fault, set_up_logs
set_up_logs({form!r}, "worker x")
log_event("job", job="1", seconds=0.5)
try:
    int("quibbleflax")
except ValueError as error:
    log_fault(error)
    logging.getLogger("a.library").exception("it failed")
"""


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_fault_is_its_class_and_its_place(form: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", _FAULT.format(form=form)], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "quibbleflax" not in done.stderr and "ValueError" in done.stderr and "<string>:7" in done.stderr
    if form == "json":
        assert [line["event"] for line in lines(done.stderr)] == ["job", "fault", "it failed"]
    else:
        assert "info worker x: job job=1 seconds=0.5" in done.stderr


def test_another_form_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="EMBEDSCOPE_LOG"):
        set_up_logs("xml", "service")
