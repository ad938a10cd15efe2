"""Starting the service, and starting everything: ``serve`` is the service alone, ``up`` the service and the dashboard."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import types

from backend.bench.wiring import CODEC, open_store, stored_token, wire_workers
from backend.errors import ServiceError
from backend.logs import log_event, set_up_logs
from backend.settings import DASHBOARD, INSTALLED, MIB, Settings, own_command
from backend.values.tasks import ResolveTask
from backend.version import __version__


def serve(settings: Settings) -> None:
    """Run the backend service until it is told to stop."""
    import uvicorn

    from backend.service.app import make_app

    set_up_logs(settings.log, "service")
    token = settings.token or stored_token(settings.cache, make=True)
    store = open_store(settings)
    executor = wire_workers(store, settings.runs_folder, settings.model_roots)
    executor.start(ResolveTask("minilm"))  # the first page asks for it: let the imports be done by then
    log_event("started", version=__version__)
    try:
        app = make_app(executor, store, CODEC, token=token, settings=settings)
        uvicorn.run(
            app,
            host=settings.service_host,
            port=settings.service_port,
            log_level="warning",
            log_config=None,
            access_log=False,
            server_header=False,
        )
    finally:
        executor.close()


def up(settings: Settings) -> int:
    """Start the service and the dashboard, print the address, and end both on Ctrl-C or when either ends."""
    for port, what, name in (
        (settings.service_port, "backend service", "EMBEDSCOPE_SERVICE_PORT"),
        (settings.port, "dashboard", "EMBEDSCOPE_PORT"),
    ):
        _require_free(port, what, name)
    token = settings.token or stored_token(settings.cache, make=True)
    address = f"http://127.0.0.1:{settings.service_port}"
    environment = {**os.environ, "EMBEDSCOPE_TOKEN": token, "EMBEDSCOPE_BACKEND": address}
    signal.signal(signal.SIGTERM, _interrupt)
    service = [*own_command("backend"), "serve"]
    dashboard = own_command("pages._kit.launch")
    dashboard += ["--server.port", str(settings.port), "--server.headless", "true"]
    dashboard += ["--server.maxUploadSize", str(-(-settings.most_upload_bytes // MIB))]
    processes: list[subprocess.Popen[bytes]] = []
    try:
        for command in (service, dashboard):
            processes.append(subprocess.Popen(command, cwd=DASHBOARD, env=environment, start_new_session=True))
        _wait_until_listening(processes, settings)
        sys.stdout.write(f"\nEmbedscope is at http://{_shown(settings.host)}:{settings.port} (Ctrl-C to stop)\n\n")
        sys.stdout.flush()
        while all(process.poll() is None for process in processes):
            time.sleep(0.2)
        return 1
    except KeyboardInterrupt:
        return 0
    finally:
        _end(processes)


def _interrupt(number: int, frame: types.FrameType | None) -> None:
    raise KeyboardInterrupt


def _end(processes: list[subprocess.Popen[bytes]]) -> None:
    for process in processes:
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
    for process in processes:
        try:
            process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_listening(processes: list[subprocess.Popen[bytes]], settings: Settings) -> None:
    deadline = time.monotonic() + 120
    waiting = [settings.service_port, settings.port]
    while waiting and time.monotonic() < deadline:
        if any(process.poll() is not None for process in processes):
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
