"""The whole of Embedscope as ``make run`` starts it, on free ports, with a cache of its own."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 120


@contextmanager
def running(folder: Path, *, options: Sequence[str] = (), cwd: Path = ROOT, **settings: str) -> Iterator[str]:
    """Start the service and the dashboard with their cache in ``folder``; yields the dashboard's address.

    ``options`` are Python's own; ``settings`` go into the environment.
    """
    port, service_port = free_ports(2)
    port = int(settings.get("EMBEDSCOPE_PORT", port))
    environment = {
        **os.environ,
        "EMBEDSCOPE_CACHE": str(folder / "cache"),
        "EMBEDSCOPE_PORT": str(port),
        "EMBEDSCOPE_SERVICE_PORT": str(service_port),
        "HF_HUB_OFFLINE": "1",
        "EMBEDSCOPE_DEVICE": "cpu",
        "EMBEDSCOPE_THREADS": "1",  # slow enough everywhere for a run to be watched and cancelled
        **settings,
    }
    environment.pop("EMBEDSCOPE_BACKEND", None)
    log = folder / "up.log"
    with log.open("wb") as output:
        up = subprocess.Popen(
            [sys.executable, *options, "-m", "backend", "up"],
            cwd=cwd,
            env=environment,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    address = f"http://127.0.0.1:{port}"
    try:
        _await(up, f"{address}/_stcore/health", log)
        yield address
    finally:
        up.terminate()
        try:
            up.wait(30)
        except subprocess.TimeoutExpired:
            os.killpg(up.pid, signal.SIGKILL)
            raise


def free_ports(number: int) -> list[int]:
    """Ports that nobody listens on, all different."""
    sockets = [socket.socket() for _ in range(number)]
    try:
        for opened in sockets:
            opened.bind(("127.0.0.1", 0))
        return [opened.getsockname()[1] for opened in sockets]
    finally:
        for opened in sockets:
            opened.close()


def _await(up: "subprocess.Popen[bytes]", health: str, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and up.poll() is None:
        try:
            with urllib.request.urlopen(health, timeout=2):
                return
        except OSError:
            time.sleep(0.2)
    raise RuntimeError(f"Embedscope did not start:\n{log.read_text(errors='replace')}")
