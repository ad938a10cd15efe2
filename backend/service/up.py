"""The service and the dashboard together: both are started, started again where one dies, and ended together."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field

from backend.bench.wiring import stored_token
from backend.errors import ServiceError
from backend.jobs.process import how_it_ended
from backend.service.serve import interrupt
from backend.settings import DASHBOARD, INSTALLED, MIB, Settings, own_command

MOST_STARTS = 5  # of one of the two within _WINDOW seconds; then something is wrong that another start does not mend
_WINDOW = 60.0
_FIRST_WAIT, _LONGEST_WAIT = 0.5, 8.0  # seconds before it is started again, doubled each time
_END_SECONDS = 10.0
_PR_SET_PDEATHSIG = 1


@dataclass
class Part:
    """One of the two processes: what it is called, how it is started, and when it ended of late."""

    name: str
    command: list[str]
    environment: dict[str, str]
    process: "subprocess.Popen[bytes] | None" = None
    ends: list[float] = field(default_factory=list)
    due: float | None = None  # when it is to be started again

    def start(self) -> None:
        """Start the process; on Linux it ends with this one, also where this one is killed."""
        self.due = None
        self.process = subprocess.Popen(
            self.command, cwd=DASHBOARD, env=self.environment, start_new_session=True, preexec_fn=_ends_with_parent
        )

    def look(self, now: float) -> None:
        """Start the process again, after a while, where it has ended; raises ServiceError where it does so again and again."""
        if self.due is not None:
            if now >= self.due:
                self.start()
            return
        code = self.process.poll() if self.process is not None else None
        if code is None:
            return
        self.ends = [when for when in self.ends if now - when < _WINDOW] + [now]
        if len(self.ends) > MOST_STARTS:
            raise ServiceError(
                f"The {self.name} ended {len(self.ends)} times within a minute, the last time with {how_it_ended(code)}.",
                "See its last lines above. Its work and the cache are kept; start Embedscope again once that is mended.",
            )
        wait = min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** (len(self.ends) - 1))
        self.due = now + wait
        _say(f"The {self.name} ended ({how_it_ended(code)}). It is started again in {wait:g} s.")

    def end(self) -> None:
        """Ask the process to end."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                self.process.terminate()

    def wait(self) -> None:
        """Wait until it has ended, and end it where it does not."""
        if self.process is None:
            return
        try:
            self.process.wait(timeout=_END_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def up(settings: Settings) -> int:
    """Start the service and the dashboard, print the address, keep both running, and end both on Ctrl-C or SIGTERM.

    Raises ServiceError where one does not start, or ends again and again.
    """
    for port, what, name in (
        (settings.service_port, "backend service", "EMBEDSCOPE_SERVICE_PORT"),
        (settings.port, "dashboard", "EMBEDSCOPE_PORT"),
    ):
        _require_free(port, what, name)
    signal.signal(signal.SIGTERM, interrupt)
    parts = _parts(settings)
    try:
        for part in parts:
            part.start()
        _wait_until_listening(parts, settings)
        _say(f"\nEmbedscope is at http://{_shown(settings.host)}:{settings.port} (Ctrl-C to stop)\n")
        while True:
            for part in parts:
                part.look(time.monotonic())
            time.sleep(0.2)
    except KeyboardInterrupt:
        return 0
    finally:
        for part in parts:
            part.end()
        for part in parts:
            part.wait()


def _parts(settings: Settings) -> list[Part]:
    token = settings.token or stored_token(settings.cache, make=True)
    address = f"http://127.0.0.1:{settings.service_port}"
    environment = {**os.environ, "EMBEDSCOPE_TOKEN": token, "EMBEDSCOPE_BACKEND": address}
    dashboard = own_command("pages._kit.launch")
    dashboard += ["--server.port", str(settings.port), "--server.headless", "true"]
    dashboard += ["--server.maxUploadSize", str(-(-settings.most_upload_bytes // MIB))]
    return [
        Part("backend service", [*own_command("backend"), "serve"], environment),
        Part("dashboard", dashboard, environment),
    ]


def _ends_with_parent() -> None:
    """In the new process: have it told to end when its parent dies, where the system can do that."""
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _say(line: str) -> None:
    with contextlib.suppress(OSError):  # a log on a full disk ends nothing
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()


def _wait_until_listening(parts: list[Part], settings: Settings) -> None:
    deadline = time.monotonic() + 120
    waiting = [settings.service_port, settings.port]
    while waiting and time.monotonic() < deadline:
        if any(part.process is not None and part.process.poll() is not None for part in parts):
            raise ServiceError(
                "The service or the dashboard stopped right after it started.", "See its last lines above."
            )
        waiting = [port for port in waiting if not _listening(port)]
        time.sleep(0.1)
    if waiting:
        raise ServiceError(f"Nothing is listening on port {waiting[0]} after two minutes.", "See the lines above.")


def _listening(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.5)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def _require_free(port: int, what: str, name: str) -> None:
    if _listening(port):
        raise ServiceError(
            f"Port {port}, meant for the {what}, is in use.",
            f"Is Embedscope already running? If not, choose another port: {name}={port + 10} "
            f"{'embedscope up' if INSTALLED else 'make run'}.",
        )


def _shown(host: str) -> str:
    return "127.0.0.1" if host in ("0.0.0.0", "::") else host
