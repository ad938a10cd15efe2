"""What `up` and the service owe those who start them: both are kept running, and nothing is left behind."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from backend import EmbedscopeError, JobStatus, ServiceError, open_workbench, read_settings
from backend.bench.workbench import Workbench
from backend.service import up
from backend.values.specs import AnalysisSpec
from tests.conftest import ROOT
from tests.e2e.stack import free_ports
from tests.jobs.following import long_work


def _of(cache: Path, *words: str) -> list[psutil.Process]:
    """The processes that have this cache folder, and ``words`` in their command."""
    found = []
    for process in psutil.process_iter():
        try:
            mine = process.environ().get("EMBEDSCOPE_CACHE") == str(cache) and process.status() != "zombie"
            if mine and all(word in process.cmdline() for word in words):
                found.append(process)
        except psutil.Error:
            continue
    return found


def _until(come: Callable[[], object], seconds: float = 90.0) -> None:
    deadline = time.monotonic() + seconds
    while not come():
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.1)


def _answers(address: str) -> bool:
    try:
        with urllib.request.urlopen(address, timeout=2):
            return True
    except OSError:
        return False


def _healthy(bench: Workbench) -> bool:
    try:
        return bench.health()["status"] == "ok"
    except EmbedscopeError:
        return False


def _working(bench: Workbench, work: AnalysisSpec) -> JobStatus:
    """A long job that its worker is at."""
    job = bench.start(work)

    def works() -> bool:
        status = bench.status(job.id)
        assert status is not None and status.active, status
        return status.state == "running" and status.stage not in ("", "Starting a worker process")

    _until(works)
    return job


def test_up_starts_again_what_was_killed_says_so_and_leaves_nothing_behind(tmp_path: Path) -> None:
    cache, (port, service_port, other_port) = tmp_path / "cache", free_ports(3)
    environment = {
        **os.environ,
        "EMBEDSCOPE_CACHE": str(cache),
        "EMBEDSCOPE_PORT": str(port),
        "EMBEDSCOPE_SERVICE_PORT": str(service_port),
        "EMBEDSCOPE_DEVICE": "cpu",
    }
    environment.pop("EMBEDSCOPE_BACKEND", None)
    command, log = [sys.executable, "-m", "backend"], tmp_path / "up.log"
    with log.open("wb") as output:
        whole = subprocess.Popen([*command, "up"], cwd=ROOT, env=environment, stdout=output, stderr=subprocess.STDOUT)
    try:
        dashboard = f"http://127.0.0.1:{port}/_stcore/health"
        _until(lambda: _answers(dashboard))
        token = (cache / "token").read_text().strip()
        address = f"http://127.0.0.1:{service_port}"
        settings = dataclasses.replace(read_settings(), cache=cache, backend=address, token=token)
        bench = open_workbench(settings)
        _until(lambda: _healthy(bench))

        second = subprocess.run(
            [*command, "serve"],
            cwd=ROOT,
            env={**environment, "EMBEDSCOPE_SERVICE_PORT": str(other_port)},
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert second.returncode == 2 and "Another backend service works on the cache folder" in second.stderr
        assert f"port {service_port}" in second.stderr and "hint: Use that one" in second.stderr

        work = long_work(bench, tmp_path)
        job, (service,), workers = _working(bench, work), _of(cache, "serve"), _of(cache, "worker")
        assert workers
        service.kill()
        _until(lambda: not service.is_running() and _healthy(bench))
        ended = bench.status(job.id)
        assert ended is not None and (ended.state, ended.error) == ("failed", "The backend service was stopped.")
        assert not psutil.wait_procs(workers, timeout=30)[1], "workers of a service that is gone end by themselves"

        (shown,) = _of(cache, "pages._kit.launch")
        shown.kill()
        _until(lambda: not shown.is_running() and _answers(dashboard))
        said = log.read_text()
        for name in ("backend service", "dashboard"):
            assert f"The {name} ended (signal SIGKILL). It is started again in 0.5 s." in said

        again = _working(bench, work)
        assert again.id == job.id
        whole.send_signal(signal.SIGTERM)
        assert whole.wait(30) == 0
        assert not _of(cache), "nothing is left behind"
        stopped = open_workbench(dataclasses.replace(settings, backend="")).status(job.id)
        assert stopped is not None and (stopped.state, stopped.error) == ("failed", "The backend service was stopped.")
    finally:
        for process in _of(cache):
            process.kill()
    assert "Traceback" not in log.read_text()


def test_what_ends_again_and_again_is_given_up_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "_FIRST_WAIT", 0.0)
    part = up.Part("backend service", [sys.executable, "-S", "-c", "raise SystemExit(3)"], dict(os.environ))
    part.start()
    with pytest.raises(
        ServiceError, match="The backend service ended 6 times within a minute, the last time with exit"
    ):
        _until(lambda: part.look(time.monotonic()))
    assert part.process is not None and part.process.poll() == 3


def test_it_is_started_again_later_each_time() -> None:
    part = up.Part("dashboard", [sys.executable, "-S", "-c", ""], dict(os.environ))
    waits = []
    for _ in range(4):
        part.start()
        assert part.process is not None
        part.process.wait()
        part.look(100.0)
        assert part.due is not None
        waits.append(part.due - 100.0)
    assert waits == [0.5, 1.0, 2.0, 4.0]
