"""Faults of the disk, tried on a real cache: whatever was swapped, cut, flipped or lost, no wrong number is shown.

`python -m tests.store.test_faults` prints the table: fault, how often, what was shown, what was computed again.
"""

import dataclasses
import json
import logging
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend import EmbedscopeError, JobStatus, open_workbench
from backend.bench.workbench import Workbench
from backend.forms.fingerprint import fingerprint
from backend.jobs.base import JobBook
from backend.store.seal import Seal
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


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Cache:
    return made(tmp_path_factory.mktemp("faults"))


@pytest.fixture
def cache(whole: Cache, tmp_path: Path) -> Cache:
    return copied(whole, tmp_path / "cache")


def copied(whole: Cache, folder: Path) -> Cache:
    shutil.copytree(whole.folder, folder)
    return dataclasses.replace(whole, folder=folder)


# What is done to files


def swap(one: Path, other: Path) -> None:
    kept = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(kept)


def flip(path: Path, share: float) -> None:
    content = bytearray(path.read_bytes())
    content[int(share * (len(content) - 1))] ^= 0x10
    path.write_bytes(content)


def cut(path: Path, share: float) -> None:
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])


def content_of(path: Path) -> tuple[bytes, dict[str, Any]]:
    whole = path.read_bytes()
    length = int.from_bytes(whole[-20:-12], "little")
    seal = json.loads(whole[-20 - length : -20])
    return whole[: seal["n_bytes"]], seal


def swap_content(one: Path, other: Path) -> None:
    """The contents change places, the seals stay."""
    (first, _), (second, _) = content_of(one), content_of(other)
    tails = [path.read_bytes()[len(content) :] for path, content in ((one, first), (other, second))]
    one.write_bytes(second + tails[0])
    other.write_bytes(first + tails[1])


def reshape(path: Path) -> None:
    """Another shape in the array's own header, of as many bytes."""
    whole = path.read_bytes()
    path.write_bytes(whole.replace(b"(60, 32)", b"(32, 60)", 1))
    assert path.read_bytes() != whole


def other_array(path: Path) -> None:
    """A plain array of another shape, as another program would write it."""
    with path.open("wb") as file:
        np.save(file, np.ones((60, 12), np.float32))


def newer(path: Path) -> None:
    """The same entry in a form that only a newer version knows."""
    content, seal = content_of(path)
    seal["format"] = 99
    body = json.dumps(seal).encode()
    tail = len(body).to_bytes(8, "little") + zlib.crc32(body).to_bytes(4, "little") + b"EMBSCOPE"
    path.write_bytes(content + body + tail)


SHARES = (0.0, 0.3, 0.62, 0.9, 1.0)
CUTS = (0.0, 0.001, 0.5, 0.98)
Fault = Callable[[Cache], None]


def faults_of_activations() -> Iterator[tuple[str, Fault]]:
    for one, other in ((1, 4), (0, 6), (5, 6)):
        yield "two layers swapped", lambda c, a=one, b=other: swap(c.layers("one")[a], c.layers("one")[b])
    for layer in (0, 3, 6):
        yield "a layer of another text set", lambda c, n=layer: swap(c.layers("one")[n], c.layers("two")[n])
        yield "contents swapped, seals kept", lambda c, n=layer: swap_content(c.layers("one")[n], c.layers("two")[n])
        yield "another shape in the header", lambda c, n=layer: reshape(c.layers("one")[n])
        yield "another array", lambda c, n=layer: other_array(c.layers("one")[n])
        yield "removed", lambda c, n=layer: c.layers("one")[n].unlink()
        yield "in a newer version's form", lambda c, n=layer: newer(c.layers("one")[n])
        yield "a text set in its place", lambda c, n=layer: shutil.copy(c.texts("one"), c.layers("one")[n])
    for share in SHARES:
        yield "one bit flipped", lambda c, s=share: flip(c.layers("one")[5], s)
    for share in CUTS:
        yield "cut off", lambda c, s=share: cut(c.layers("one")[5], s)


def faults_of_results() -> Iterator[tuple[str, Fault]]:
    yield "another metric's result", lambda c: swap(*c.results("one"))
    for n in range(2):
        yield "another text set's result", lambda c, n=n: swap(c.results("one")[n], c.results("two")[n])
        yield "contents swapped, seals kept", lambda c, n=n: swap_content(c.results("one")[n], c.results("two")[n])
        yield "removed", lambda c, n=n: c.results("one")[n].unlink()
        yield "in a newer version's form", lambda c, n=n: newer(c.results("one")[n])
        yield "an array in its place", lambda c, n=n: shutil.copy(c.layers("one")[0], c.results("one")[n])
        for share in SHARES:
            yield "one bit flipped", lambda c, s=share, n=n: flip(c.results("one")[n], s)
        for share in CUTS:
            yield "cut off", lambda c, s=share, n=n: cut(c.results("one")[n], s)


def faults_of_texts() -> Iterator[tuple[str, Fault]]:
    yield "two text sets swapped", lambda c: swap(c.texts("one"), c.texts("two"))
    yield "contents swapped, seals kept", lambda c: swap_content(c.texts("one"), c.texts("two"))
    yield "removed", lambda c: c.texts("one").unlink()
    yield "in a newer version's form", lambda c: newer(c.texts("one"))
    yield "rows changed and sealed again", resealed
    for share in SHARES:
        yield "one bit flipped", lambda c, s=share: flip(c.texts("one"), s)
    for share in CUTS:
        yield "cut off", lambda c, s=share: cut(c.texts("one"), s)


def resealed(cache: Cache) -> None:
    """Even with a sound seal: the rows must hash to the digest that they lie under."""
    content, seal = content_of(cache.texts("one"))
    changed = content.replace(b"delight", b"torment")
    assert changed != content
    again = Seal("texts", seal["key"], len(changed), zlib.crc32(changed), meta=seal["meta"])
    cache.texts("one").write_bytes(changed + again.to_bytes())


def databases(cache: Cache) -> list[Path]:
    return sorted(path for path in cache.folder.rglob("*") if path.suffix == ".db" or ".db-" in path.name)


def each_database(act: Callable[[Path], object]) -> Fault:
    def fault(cache: Cache) -> None:
        assert databases(cache)
        for path in databases(cache):
            act(path)

    return fault


def faults_of_the_database() -> Iterator[tuple[str, Fault]]:
    yield "deleted", each_database(lambda path: path.unlink())
    yield "emptied", each_database(lambda path: path.write_bytes(b""))
    yield "overwritten", each_database(lambda path: path.write_bytes(os.urandom(20_000)))
    yield "first page zeroed", each_database(lambda path: path.write_bytes(bytes(4096) + path.read_bytes()[4096:]))
    yield "pages zeroed", each_database(lambda path: path.write_bytes(path.read_bytes()[:4096] + bytes(20_000)))
    yield "cut in half", each_database(lambda path: cut(path, 0.5))
    yield "its folder deleted", lambda c: shutil.rmtree(c.folder / "records")
    yield "mark of the form lost", lambda c: (c.folder / "format.json").unlink()
    yield "mark of the form damaged", lambda c: (c.folder / "format.json").write_text("{")


# What is then shown


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


def ids(faults: Iterator[tuple[str, Fault]], each: int = 1) -> list[Any]:
    """The first, and every ``each``-th, of each kind of fault: the table has all of them."""
    seen: dict[str, int] = {}
    found = []
    for name, fault in faults:
        number = seen[name] = seen.get(name, -1) + 1
        if number % each == 0:
            found.append(pytest.param(fault, id=f"{name} {number}"))
    return found


@pytest.mark.parametrize("fault", ids(faults_of_activations(), 3))
def test_damaged_activations_are_computed_again(cache: Cache, fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
    cache.forget_results()
    fault(cache)
    caplog.set_level(logging.WARNING, "embedscope.store")
    assert shown(cache) == "the right numbers, computed again"
    assert all("set aside" in record.message for record in caplog.records)
    n_said = len(caplog.records)
    assert n_said <= 2, "each damaged file is named once"
    shown(cache)
    assert len(caplog.records) == n_said, "said once"


@pytest.mark.parametrize("fault", ids(faults_of_results(), 5))
def test_damaged_results_are_computed_again(cache: Cache, fault: Fault) -> None:
    fault(cache)
    assert shown(cache) == "the right numbers, computed again"
    assert shown(cache, "two").startswith("the right numbers")
    before = len(cache.files("results"))
    shown(cache)
    assert len(cache.files("results")) == before == 4


@pytest.mark.parametrize("fault", ids(faults_of_texts(), 2))
def test_a_damaged_text_set_is_never_another(cache: Cache, fault: Fault, tmp_path: Path) -> None:
    fault(cache)
    bench = cache.open()
    assert all(
        info.spec.table != cache.tables["one"].spec.table or info == cache.tables["one"] for info in bench.text_sets()
    )
    with pytest.raises(EmbedscopeError) as caught:
        bench.text_set(cache.tables["one"])
        pytest.fail("texts were shown")
    assert "damaged" in caught.value.message or "not in the store" in caught.value.message
    assert "Texts" in caught.value.hint
    path = tmp_path / "one.csv"
    path.write_text("text,label\n" + "".join(f'"{x}",{"ab"[i % 2]}\n' for i, x in enumerate(LINES["one"])))
    again = bench.read_texts(path, text="text", label="label")
    assert again.spec == cache.tables["one"].spec, "the same file is the same set"
    bench.close()
    assert shown(cache) == "the right numbers", "and what was computed from it is found"


@pytest.mark.parametrize("fault", ids(faults_of_the_database()))
def test_nothing_is_lost_with_the_database(cache: Cache, fault: Fault) -> None:
    bench = cache.open()
    jobs = [job.id for job in bench.jobs()]
    bench.close()
    assert len(jobs) >= 4
    fault(cache)
    bench = cache.open()
    assert sorted(info.spec.name for info in bench.text_sets() if not info.builtin) == ["one.csv", "two.csv"]
    assert sorted(job.id for job in bench.jobs()) == sorted(jobs)
    assert bench.text_set(cache.tables["one"]).texts == tuple(LINES["one"])
    bench.close()
    assert shown(cache) == "the right numbers"
    cache.forget_results()
    assert shown(cache) == "the right numbers, computed again", "with the notes on truncated texts"
    assert any("longer" in note or "cut" in note for note in cache.right["one", ONE].notes)
    bench = cache.open()
    n_before = len(cache.files("arrays"))
    assert bench.delete_text_set(cache.tables["one"].spec.table) >= n_before // 2
    assert len(cache.files("arrays")) == n_before // 2, "Delete finds all that was made from it"
    bench.close()


def test_a_database_that_breaks_while_it_is_open_does_not_stop_anybody(cache: Cache) -> None:
    bench = cache.open()
    bench.wait(cache.specs["one", ONE])
    for path in databases(cache):
        path.write_bytes(b"\x00" * 30_000)
    same(bench.wait(cache.specs["one", ONE]), cache.right["one", ONE])
    assert bench.jobs() and len(bench.text_sets()) >= 4
    bench.close()
    assert shown(cache) == "the right numbers"


def test_records_of_another_version_stop_no_page(cache: Cache) -> None:
    bench = cache.open()
    store = bench._store
    book = JobBook(store)
    book.put(JobStatus("a" * 40, "newer", "done"))
    store.set_record(f"job/{'a' * 40}", {"id": "a" * 40, "title": "x", "state": "paused", "colour": "red"})
    store.set_record(f"job/{'b' * 40}", ["no", "job"])
    store.put_texts("c" * 40, "{}", {"spec": {"name": "newer"}, "colour": "red"})
    model = cache.specs["one", ONE].inputs[0].model
    store.set_record(f"model/{model.commit}/{model.dtype}", {"spec": {}, "colour": "red"})
    for key in store.record_keys("task/"):
        store.set_record(key, {"colour": "red"})
    runs = cache.folder / "runs" / "later"
    runs.mkdir(parents=True)
    (runs / "run.json").write_text('{"name": "later", "colour": "red"}')
    assert all(job.title != "newer" for job in bench.jobs()) and bench.status("a" * 40) is None
    assert [info.spec.name for info in bench.text_sets() if not info.builtin] == ["two.csv", "one.csv"]
    assert bench.model(cache.model).n_blocks == 6
    assert bench.runs() == []
    data, arrays = store.get_result(fingerprint(cache.specs["one", ONE]))  # type: ignore[misc]
    store.put_result(fingerprint(cache.specs["one", ONE]), {**data, "colour": "red"}, arrays, {})
    bench.close()
    assert shown(cache) == "the right numbers, computed again"


def test_a_small_record_of_another_key_or_with_a_flipped_bit_is_dropped(cache: Cache) -> None:
    import sqlite3

    bench = cache.open()
    bench._store.set_record("x/1", {"n": 1})
    bench._store.set_record("x/2", {"n": 2})
    with sqlite3.connect(cache.folder / "records" / "cache.db") as connection:
        connection.execute("UPDATE Cache SET value = (SELECT value FROM Cache WHERE key = 'x/2') WHERE key = 'x/1'")
        connection.execute("UPDATE Cache SET value = replace(value, '2}', '3}') WHERE key = 'x/2'")
    assert bench._store.record("x/1") is None and bench._store.record("x/2") is None
    bench.close()


def test_damage_after_the_first_look_is_found_by_the_next_process(cache: Cache) -> None:
    """A file is read through once in a process; one that changes afterwards is checked again."""
    cache.forget_results()
    bench = cache.open()
    bench.wait(cache.specs["one", ONE])
    flip(cache.layers("one")[2], 0.5)
    found = bench.wait(cache.specs["one", OTHER])
    same(found, cache.right["one", OTHER])
    bench.close()


def table() -> None:
    """Print what each fault leads to."""
    logging.getLogger("embedscope.store").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        whole = made(Path(folder))
        kinds: dict[str, tuple[Callable[[], Iterator[tuple[str, Fault]]], bool]] = {
            "activations": (faults_of_activations, True),
            "result": (faults_of_results, False),
            "database": (faults_of_the_database, False),
        }
        lines: dict[tuple[str, str], list[str]] = {}
        for kind, (faults, again) in kinds.items():
            for name, fault in faults():
                trial = copied(whole, Path(folder) / "trial")
                if again:
                    trial.forget_results()
                fault(trial)
                try:
                    outcome = shown(trial)
                except AssertionError:
                    outcome = "A WRONG NUMBER"
                except EmbedscopeError as error:
                    outcome = error.message
                lines.setdefault((kind, name), []).append(outcome)
                shutil.rmtree(trial.folder)
        for name, fault in faults_of_texts():
            trial = copied(whole, Path(folder) / "trial")
            fault(trial)
            bench = trial.open()
            try:
                bench.text_set(trial.tables["one"])
                outcome = "TEXTS"
            except EmbedscopeError as error:
                outcome = f"no texts: {error.message}"
            bench.close()
            lines.setdefault(("text set", name), []).append(outcome)
            shutil.rmtree(trial.folder)
    for (kind, name), outcomes in lines.items():
        sys.stdout.write(f"{kind} | {name} | {len(outcomes)} | {'; '.join(sorted(set(outcomes)))}\n")


if __name__ == "__main__":
    table()
