"""A real cache over a tiny model for trials of damage: what is in it, and whether it still shows the right numbers."""

import dataclasses
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from backend import open_workbench
from backend.bench.workbench import Workbench
from backend.forms.fingerprint import fingerprint
from backend.values.specs import AnalysisSpec
from backend.values.tasks import BatchTask
from tests.conftest import settings_over
from tests.models import tiny

METRICS: dict[str, dict[str, Any]] = {"average_cosine": {}, "neurons": {"n_select": 2, "n_folds": 2}}
ONE, OTHER = METRICS
N_ROWS = 60


def lines(first: int) -> list[str]:
    """Distinct texts of words that the model knows, every ninth longer than it reads."""
    words = [
        [tiny.WORDS[(first + i * (step + 1) + step * step) % 25] for step in range(4 + i % 9)] for i in range(N_ROWS)
    ]
    return [f"{' '.join(row * 6 if i % 9 == 0 else row)} delight {i}" for i, row in enumerate(words)]


LINES = {"one": lines(0), "two": lines(7)}


@dataclass
class Cache:
    """A cache folder with two text sets of one size, two metrics of each, and the numbers that are right; the model is tiny."""

    folder: Path
    model: str
    specs: dict[tuple[str, str], AnalysisSpec] = field(default_factory=dict)
    right: dict[tuple[str, str], Any] = field(default_factory=dict)
    tables: dict[str, Any] = field(default_factory=dict)

    def open(self) -> Workbench:
        """A workbench as a new process would open it."""
        return open_workbench(settings_over(self.folder))

    def files(self, kind: str) -> list[Path]:
        return sorted(path for path in (self.folder / kind).glob("??/*") if path.is_file())

    def layers(self, name: str) -> list[Path]:
        """The files of the layers of one text set, in order."""
        found = [fingerprint(item) for item in self.specs[name, ONE].inputs]
        return [self.folder / "arrays" / digest[:2] / f"{digest}.npy" for digest in found]

    def results(self, name: str) -> list[Path]:
        found = [fingerprint(self.specs[name, metric]) for metric in METRICS]
        return [self.folder / "results" / digest[:2] / f"{digest}.result" for digest in found]

    def texts(self, name: str) -> Path:
        digest = self.tables[name].spec.table
        return self.folder / "texts" / digest[:2] / f"{digest}.json"

    def forget_results(self) -> None:
        """So that the activations are read again."""
        for path in self.files("results"):
            path.unlink()


def made(folder: Path) -> Cache:
    config = tiny.bert_config(num_hidden_layers=6)
    cache = Cache(folder / "cache", str(tiny.save(folder / "model", config, model_input_names=tiny.SEGMENTS)))
    bench = cache.open()
    for name, lines in LINES.items():
        path = folder / f"{name}.csv"
        path.write_text("text,label\n" + "".join(f'"{line}",{"ab"[i % 2]}\n' for i, line in enumerate(lines)))
        cache.tables[name] = bench.read_texts(path, text="text", label="label")
        for metric, params in METRICS.items():
            asked = {"texts": cache.tables[name], "max_length": 24, "params": params}
            spec = bench.analysis(metric, models=[bench.model(cache.model)], **asked)
            cache.specs[name, metric] = spec
            cache.right[name, metric] = bench.wait(spec)
    bench.close()
    return cache


def copied(whole: Cache, folder: Path) -> Cache:
    shutil.copytree(whole.folder, folder)
    return dataclasses.replace(whole, folder=folder)


def same(found: Any, right: Any) -> None:
    """Every number, every note and the names: as before."""
    for name in (f.name for f in dataclasses.fields(right.values)):
        one, other = getattr(found.values, name), getattr(right.values, name)
        if isinstance(one, np.ndarray) and one.dtype.kind == "f":
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6, err_msg=name)
        elif isinstance(one, np.ndarray):
            np.testing.assert_array_equal(one, other, err_msg=name)
    assert found.notes == right.notes and found.sources == right.sources


def shown(cache: Cache, name: str = "one") -> str:
    """Ask for everything again, in a new process's place; returns what was done."""
    bench = cache.open()
    try:
        seconds = []
        for metric in METRICS:
            found = bench.wait(cache.specs[name, metric])
            same(found, cache.right[name, metric])
            seconds.append(found.seconds == cache.right[name, metric].seconds)
        again = bench.wait(BatchTask(tuple(cache.specs[name, metric] for metric in METRICS)))
        for metric, found in zip(METRICS, again, strict=True):
            same(found, cache.right[name, metric])
        return "the right numbers" if all(seconds) else "the right numbers, computed again"
    finally:
        bench.close()
