"""What many tests share: settings over a temporary cache, an inline workbench, a running service."""

import contextlib
import dataclasses
import functools
import io
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck
from hypothesis import settings as properties

from backend import Settings, open_workbench, read_settings
from backend.__main__ import main
from backend.bench.workbench import Workbench
from tests.pages.browser import browser
from tests.scheduling import Shared, turn

ROOT = Path(__file__).resolve().parents[1]
os.environ.setdefault("EMBEDSCOPE_START_SECONDS", "0")  # tests press Run, but for those of what starts by itself
properties.register_profile("whatever the load", deadline=None, suppress_health_check=[HealthCheck.too_slow])
properties.load_profile("whatever the load")  # nothing fails by the clock on the wall
NO_SHARED = "the shared folder of real data and models is not here (EMBEDSCOPE_SHARED names it)"
_PACKAGED = ("app.py", "pyproject.toml", "setup.py", "README.md", "requirements.txt", "backend", "pages", ".streamlit")
SUBJECTS = ("film", "hotel", "novel", "phone", "concert", "meal", "museum", "train", "garden", "lecture")
VERDICTS = (
    "was a delight",
    "bored me to tears",
    "kept its promise",
    "broke within a day",
    "could not be better",
    "felt far too long",
)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data and models: EMBEDSCOPE_SHARED, else beside the project. Tests that ask for it skip without."""
    folder = Path(os.environ.get("EMBEDSCOPE_SHARED") or ROOT.parent / "shared")
    if not folder.is_dir():
        pytest.skip(NO_SHARED)
    return folder


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that need the shared folder, so that ``-m shared`` can show how they end without it; long files first."""
    for item in items:
        if "shared" in getattr(item, "fixturenames", ()):
            item.add_marker("shared")
    items.sort(key=lambda item: turn(item.nodeid.split("::")[0]))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Units of tests/scheduling.py in their order, where files are what is handed out."""
    if config.getvalue("dist") != "loadfile":
        return None
    config.option.loadscopereorder = False  # by the number of tests
    return Shared(config, log)


@pytest.fixture(scope="session", autouse=True)
def _packages_searched_once() -> Iterator[None]:
    """AppTest searches every installed package for components whenever it opens an app, the longest part of a small page."""
    if "streamlit.testing.v1" not in sys.modules:  # nothing here opens an app
        yield
        return
    from streamlit.components.v2 import manifest_scanner as scanner

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scanner, "scan_component_manifests", functools.cache(scanner.scan_component_manifests))
        yield


def settings_over(cache: Path) -> Settings:
    """Settings that compute in this process, on one thread, with cache and runs in the folder ``cache``."""
    own: dict[str, Any] = {"cache": cache, "runs": None, "backend": "", "token": "", "model_roots": ()}
    return dataclasses.replace(read_settings(), **own, device="cpu", threads=1)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings over an empty cache, computing in this process."""
    return settings_over(tmp_path / "cache")


@pytest.fixture
def bench(settings: Settings) -> Iterator[Workbench]:
    """An inline workbench over an empty cache."""
    workbench = open_workbench(settings)
    yield workbench
    workbench.close()


def review_lines(n_rows: int) -> list[str]:
    """Distinct short texts, for when what they say does not matter."""
    return [
        f"{SUBJECTS[i % 10]} number {i} {VERDICTS[i // 10 % 6]}, {' '.join(SUBJECTS[: i % 7])}".strip(" ,")
        for i in range(n_rows)
    ]


@pytest.fixture(scope="session")
def chromium() -> Any:
    """The browser of this process."""
    return browser()


@pytest.fixture
def reviews(tmp_path: Path) -> Path:
    """A small CSV of texts with labels."""
    path = tmp_path / "reviews.csv"
    rows = [f'"{text}",{i % 2}' for i, text in enumerate(review_lines(60))]
    path.write_text("text,label\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def entered(*arguments: object, cache: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    """What the command line answers to ``arguments``, by its entry point in this process; no import, no start."""
    asked = {"EMBEDSCOPE_BACKEND": "", "EMBEDSCOPE_DEVICE": "cpu", "EMBEDSCOPE_MODEL_ROOTS": "", **environment}
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {"EMBEDSCOPE_CACHE": str(cache), **asked}.items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = main([str(one) for one in arguments])
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@dataclass(frozen=True)
class Service:
    """A running backend service."""

    address: str
    token: str
    cache: Path
    process: subprocess.Popen[bytes]


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_service(cache: Path, **environment: str) -> Service:
    """Start ``python -m backend serve`` over ``cache`` and wait until it answers."""
    port, token = free_port(), "a-token-for-tests"
    env = {
        **os.environ,
        "EMBEDSCOPE_CACHE": str(cache),
        "EMBEDSCOPE_SERVICE_PORT": str(port),
        "EMBEDSCOPE_TOKEN": token,
        "EMBEDSCOPE_BACKEND": "",
        "EMBEDSCOPE_DEVICE": "cpu",
        "EMBEDSCOPE_MODEL_ROOTS": "",
        **environment,
    }
    process = subprocess.Popen([sys.executable, "-m", "backend", "serve"], cwd=ROOT, env=env)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return Service(f"http://127.0.0.1:{port}", token, cache, process)
        assert process.poll() is None, "the service ended at once"
        time.sleep(0.05)
    raise TimeoutError("the service does not answer")


def stop_service(service: Service) -> None:
    """End the service as Ctrl-C would."""
    service.process.send_signal(signal.SIGTERM)
    try:
        service.process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        service.process.kill()
        service.process.wait()


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The content of a wheel made of this project, unpacked."""
    source, target = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    for name in _PACKAGED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / name, source / name)
    command = ["pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--wheel-dir", ".", "."]
    done = subprocess.run([sys.executable, "-m", *command], cwd=source, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    with zipfile.ZipFile(next(source.glob("embedscope-*.whl"))) as wheel:
        wheel.extractall(target)
    return target


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A working folder with modules of the same names as the project's."""
    for name in ("backend", "pages", "app"):
        (tmp_path / f"{name}.py").write_text("raise AssertionError('a module of the working folder')\n")
    return tmp_path


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for all tests that only use it."""
    running = start_service(tmp_path_factory.mktemp("service-cache"))
    yield running
    stop_service(running)


@pytest.fixture
def service_bench(service: Service, tmp_path: Path) -> Iterator[Workbench]:
    """A workbench with a cache folder of its own, in front of the service."""
    workbench = open_workbench(
        dataclasses.replace(read_settings(), cache=tmp_path / "front", backend=service.address, token=service.token)
    )
    yield workbench
    workbench.close()
