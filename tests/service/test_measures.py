"""What a Prometheus server reads: numbers that are right, nothing of what people gave, and nobody without the token."""

import dataclasses
import os
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import cast

import pytest
from prometheus_client.parser import text_string_to_metric_families

from backend import open_workbench, read_settings
from backend.jobs.base import Executor
from backend.service.measures import Measures, gpu_bytes
from backend.store import Store
from backend.values.jobs import JobStatus
from tests.conftest import Service

NAME = "a private name of texts"


def _measures(service: Service) -> dict[tuple[str, str], float]:
    request = urllib.request.Request(f"{service.address}/metrics", headers={"Authorization": f"Bearer {service.token}"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        text = answer.read().decode()
        assert answer.headers["Content-Type"].startswith("text/plain")
    assert NAME not in text
    samples = [sample for family in text_string_to_metric_families(text) for sample in family.samples]
    return {(sample.name, next(iter(sample.labels.values()), "")): sample.value for sample in samples}


def test_measures_count_work_and_name_nobody(service: Service, tmp_path: Path) -> None:
    settings = dataclasses.replace(
        read_settings(), cache=tmp_path, backend=service.address, token=service.token, model_roots=()
    )
    bench = open_workbench(settings)
    before = _measures(service)
    texts = bench.add_texts([f"{NAME} {i}" for i in range(12)], name=NAME)
    for _ in range(2):  # the second time everything is stored
        bench.compute("average_cosine", model="minilm", texts=texts)
    after = _measures(service)
    until = time.monotonic() + 120
    while after["embedscope_cache_bytes", "arrays"] == before["embedscope_cache_bytes", "arrays"]:
        assert time.monotonic() < until, "what the cache takes is counted again"
        time.sleep(0.5)
        after = _measures(service)
    assert after["embedscope_requests_total", "to be made"] > before["embedscope_requests_total", "to be made"]
    assert after["embedscope_jobs", "done"] > before["embedscope_jobs", "done"]
    assert after["embedscope_cache_bytes", "arrays"] > before["embedscope_cache_bytes", "arrays"]
    assert after["embedscope_cache_limit_bytes", ""] > 0 and after["embedscope_healthy", ""] == 1
    assert after["embedscope_worker_memory_bytes", "models"] > 50e6
    bench.close()


class _Idle:
    """An executor that does nothing."""

    def jobs(self) -> list[JobStatus]:
        return []

    def health(self) -> dict[str, str]:
        return {"status": "ok"}


def test_a_second_look_counts_no_file_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = Store(tmp_path, budget=10**9)
    measures = Measures(cast(Executor, _Idle()), store, 10**9)
    store.put_blob(b"x" * 12_345)
    first = measures.text()
    assert b'embedscope_cache_bytes{kind="blobs"} 1' in first

    def looked(*_: object, **__: object) -> None:
        raise AssertionError("a file was looked at")

    with monkeypatch.context() as patch:
        for owner, name in ((Path, "glob"), (Path, "lstat"), (os, "walk")):
            patch.setattr(owner, name, looked)
        assert measures.text() == first
    store.close()


def test_without_the_token_there_are_no_measures(service: Service) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{service.address}/metrics", timeout=20)
    assert refused.value.code == 401


def test_what_a_gpu_holds_is_added_up_by_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert gpu_bytes() is None, "no tool, no GPU"
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho '12, 100'\necho '12, 50'\necho '99, [N/A]'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}/bin{os.pathsep}/usr/bin")
    assert gpu_bytes() == {12: 150 * 2**20}
    tool.write_text("#!/bin/sh\nexit 9\n")
    assert gpu_bytes() is None
