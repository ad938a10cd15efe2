"""What is read in a worker has limits of time and memory, and a worker that reaches one is lost alone."""

import dataclasses
import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from backend import EmbedscopeError, Settings, open_workbench, read_settings
from backend.bench.wiring import wire_workers
from backend.bench.workbench import Workbench
from backend.jobs.limits import out_of_memory, what_ended
from backend.store import Store
from backend.values.reading import ReadOptions
from backend.values.tasks import ReadTask, ResolveTask
from tests.conftest import ROOT
from tests.models.tiny import SEGMENTS, bert_config, save


@pytest.fixture
def hurried(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workbench]:
    """A workbench over workers whose readers have one second, which is less than this takes on any machine."""
    monkeypatch.setenv("EMBEDSCOPE_READ_SECONDS", "1")
    inline = open_workbench(settings)
    executor = wire_workers(Store(settings.cache, budget=settings.cache_bytes))
    yield Workbench(inline._store, executor, inline._codec, inline._library, settings)
    executor.close()
    inline.close()


def test_a_read_that_takes_too_long_fails_alone_and_the_next_one_works(hurried: Workbench) -> None:
    slow = b"a,b;c|d^e~f\tg\n" * 1_500_000
    job = hurried.start(ReadTask(hurried.upload(slow), "slow", "slow", ReadOptions()))
    ready = hurried.wait(ReadTask(hurried.upload(b"a text\nanother\n"), "b.txt", "b", ReadOptions()))
    assert ready.n_rows == 2
    deadline = time.monotonic() + 100
    while (said := hurried.status(job.id)) is not None and said.active and time.monotonic() < deadline:
        time.sleep(0.05)
    assert said is not None and said.state == "failed"
    assert (
        said.error
        == "Reading the file took more than 1 second of processor time (EMBEDSCOPE_READ_SECONDS) and was ended."
    )
    assert "raise the setting" in said.hint


def test_no_limit_is_called_damage() -> None:
    limits = [what_ended(kind, number) for kind in ("reader", "resolver") for number in range(1, 32)]
    settings = dataclasses.replace(read_settings(), read_bytes=12_345)
    limits += [out_of_memory(kind, settings) for kind in ("reader", "resolver")]
    said = [" ".join(one) for one in limits if one is not None]
    assert len(said) >= 10 and not any("damage" in one or "broken" in one for one in said)
    assert all("EMBEDSCOPE_" in one for one in said)
    assert any("12,345 bytes" in one for one in said)
    assert what_ended("models", signal.SIGKILL) is None and what_ended("reader", signal.SIGTERM) is None


@pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")
@pytest.mark.parametrize("kind", ["reader", "resolver"])
def test_a_reading_process_cannot_have_more_memory_than_it_may(kind: str) -> None:
    code = f"""
from dataclasses import replace
from backend.jobs.limits import clock, limit_memory
from backend.settings import read_settings
settings = replace(read_settings(), read_bytes=600 * 2**20)
limit_memory("{kind}", settings)
with clock("{kind}", settings):
    kept = bytearray(100 * 2**20)
    try:
        bytearray(700 * 2**20)
    except MemoryError:
        raise SystemExit(7)
"""
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60).returncode == 7


@pytest.mark.skipif(sys.platform != "linux", reason="the limits are Linux's")
@pytest.mark.parametrize(
    "number,work,patience", [("SIGPROF", "while True: pass", 50), ("SIGALRM", "time.sleep(60)", 2)]
)
def test_the_clock_ends_work_and_waiting(number: str, work: str, patience: int) -> None:
    code = f"""
import time
from dataclasses import replace
from backend.jobs import limits
from backend.settings import read_settings
limits._PATIENCE = {patience}
with limits.clock("reader", replace(read_settings(), read_seconds=1)):
    {work}
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, timeout=60)
    assert done.returncode == -signal.Signals[number]


def test_a_tokenizer_that_ends_its_process_fails_alone(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = save(tmp_path / "bert", bert_config(), model_input_names=SEGMENTS)
    table = json.loads((folder / "tokenizer.json").read_text())
    longer = {"type": "Replace", "pattern": {"String": "a"}, "content": "a" * 10}
    table["normalizer"] = {"type": "Sequence", "normalizers": [longer] * 12}  # of one letter, a terabyte
    (folder / "tokenizer.json").write_text(json.dumps(table))
    monkeypatch.setenv("EMBEDSCOPE_MODEL_ROOTS", str(tmp_path))
    inline = open_workbench(settings)
    executor = wire_workers(Store(settings.cache, budget=settings.cache_bytes))
    bench = Workbench(inline._store, executor, inline._codec, inline._library, settings)
    try:
        with pytest.raises(EmbedscopeError, match="Looking at the files of the model ended the process") as raised:
            bench.wait(ResolveTask(str(folder), "float32"))
        assert "EMBEDSCOPE_READ_BYTES" in raised.value.hint
        with pytest.raises(EmbedscopeError, match="There is no folder"):
            bench.wait(ResolveTask(str(tmp_path / "none"), "float32"))
    finally:
        executor.close()
        inline.close()
