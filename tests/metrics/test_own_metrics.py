"""Metrics of users' own: the example of the docs runs in every process, by file, by package and in a notebook."""

import dataclasses
import importlib.util
import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from backend import InvalidRequest, Settings, open_workbench, register_metric
from backend.bench.workbench import Workbench
from backend.metrics import METRICS
from backend.metrics.own import GROUP, load_own_metrics
from tests.conftest import Service, start_service, stop_service

ROOT = Path(__file__).resolve().parents[2]
TEXTS = ["one text", "another", "a third one", "the fourth of them", "five"]


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file that docs/own-metrics.md shows."""
    code = re.search(r"```python\n(.*?)```", (ROOT / "docs" / "own-metrics.md").read_text("utf-8"), re.DOTALL)
    assert code is not None
    path = tmp_path_factory.mktemp("own") / "mean_norm.py"
    path.write_text(code[1], encoding="utf-8")
    return path


@pytest.fixture
def module(example: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    """The example as a notebook has it, and a table of metrics that forgets it again."""
    spec = importlib.util.spec_from_file_location("mean_norm_of_a_notebook", example)
    assert spec is not None and spec.loader is not None
    loaded = importlib.util.module_from_spec(spec)
    monkeypatch.setitem(sys.modules, spec.name, loaded)
    spec.loader.exec_module(loaded)
    yield loaded
    METRICS.pop("mean_norm", None)


def test_a_notebook_registers_one_and_computes_it(bench: Workbench, module: ModuleType) -> None:
    assert register_metric(module.MEAN_NORM) is register_metric(module.MEAN_NORM)
    result = bench.compute("mean_norm", model="minilm", texts=TEXTS, params={"centred": "true"})
    assert result.values.mean_norm.shape == (7,) and result.values.n_rows == len(TEXTS)
    assert np.isfinite(result.values.mean_norm).all()
    assert bench.compute("mean_norm", model="minilm", texts=TEXTS, params={"centred": True}).seconds == result.seconds
    with pytest.raises(InvalidRequest, match="order"):
        bench.compute("mean_norm", model="minilm", texts=TEXTS, params={"order": 0.5})


def test_the_command_line_takes_one_from_a_file(example: Path, tmp_path: Path) -> None:
    environment = {**os.environ, "EMBEDSCOPE_METRICS": str(example), "EMBEDSCOPE_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "backend", "metrics", "--json"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    row = next(row for row in json.loads(done.stdout) if row["name"] == "mean_norm")
    assert [field["name"] for field in row["params"]] == ["centred", "order"]


def test_an_installed_package_brings_one_by_its_entry_point(example: Path, tmp_path: Path) -> None:
    about = tmp_path / "mean_norm-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: mean_norm\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text(f"[{GROUP}]\nmean_norm = mean_norm:MEAN_NORM\n")
    path = os.pathsep.join([str(tmp_path), str(example.parent)])
    environment = {**os.environ, "PYTHONPATH": path, "EMBEDSCOPE_CACHE": str(tmp_path / "cache")}
    command = [sys.executable, "-m", "backend", "metrics"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert "mean_norm: Mean norm of a layer" in done.stdout, done.stderr


@pytest.fixture
def own_service(example: Path, tmp_path: Path) -> Iterator[Service]:
    running = start_service(tmp_path / "service", EMBEDSCOPE_METRICS=str(example))
    yield running
    stop_service(running)


@pytest.mark.slow
def test_the_service_and_its_workers_know_one(own_service: Service, example: Path, settings: Settings) -> None:
    asked = dataclasses.replace(settings, backend=own_service.address, token=own_service.token, metrics=(str(example),))
    try:
        bench = open_workbench(asked)
        result = bench.compute("mean_norm", model="minilm", texts=TEXTS)
        assert np.isfinite(result.values.mean_norm).all()
        bench.close()
    finally:
        METRICS.pop("mean_norm", None)
        load_own_metrics.cache_clear()


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"name": "cka"}, "a metric 'cka' already"),
        ({"name": "mean norm"}, "no plain word"),
        ({"aliases": ("isoscore",)}, "a metric 'isoscore' already"),
        ({"scope": "texts"}, "scope is one of"),
        ({"params": dict}, "params is no frozen dataclass"),
        ({"result": list}, "result is no frozen dataclass"),
    ],
)
def test_what_is_no_metric_is_refused_with_the_reason(module: ModuleType, change: dict, reason: str) -> None:
    with pytest.raises(InvalidRequest, match=reason):
        register_metric(dataclasses.replace(module.MEAN_NORM, **change))
    assert "mean_norm" not in METRICS


@pytest.mark.parametrize(
    ("text", "reason"),
    [("1 / 0", "ZeroDivisionError"), ("x = 1", "There is no Metric in it"), (None, "There is no such file")],
)
def test_a_file_that_cannot_be_loaded_is_named_with_the_reason(tmp_path: Path, text: str | None, reason: str) -> None:
    path = tmp_path / "broken.py"
    if text is not None:
        path.write_text(text)
    with pytest.raises(InvalidRequest, match=reason) as caught:
        load_own_metrics((str(path),))
    assert "broken.py" in caught.value.message


def test_a_path_must_be_whole() -> None:
    with pytest.raises(InvalidRequest, match="full path"):
        load_own_metrics(("mean_norm.py",))
