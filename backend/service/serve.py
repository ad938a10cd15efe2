"""The backend service alone: it answers until it is told to stop, and then leaves no process behind."""

import contextlib
import signal
import types
from collections.abc import Iterator

from backend.bench.wiring import CODEC, open_store, stored_token, wire_workers
from backend.errors import ServiceError, StoreError
from backend.jobs.workers import JobLimits
from backend.logs import log_event, set_up_logs
from backend.settings import Settings
from backend.store.access import make_folder
from backend.store.processes import held_alone
from backend.values.tasks import ResolveTask
from backend.version import __version__

_ANSWER_SECONDS = 2  # that requests have to be answered once the service is told to stop


def serve(settings: Settings) -> None:
    """Run the backend service until it is told to stop; raises ServiceError where another works on the same cache."""
    import uvicorn

    from backend.service.app import make_app

    set_up_logs(settings.log, "service")
    signal.signal(signal.SIGTERM, interrupt)  # uvicorn raises it again once it has ended: the workers end after that
    token = settings.token or stored_token(settings.cache, make=True)
    with _alone_on_cache(settings):
        store = open_store(settings)
        limits = JobLimits(
            settings.side_workers, settings.job_seconds, settings.jobs_per_person, turns=settings.executor != "ray"
        )
        cluster = settings.ray_address if settings.executor == "ray" else ""
        executor = wire_workers(store, settings.runs_folder, settings.model_roots, limits, cluster)
        try:
            if settings.warm and limits.turns:  # with Ray the work is done elsewhere
                executor.warm()
            executor.first(ResolveTask("minilm"))  # the first page asks for it: let the imports be done by then
            log_event("started", version=__version__)
            app = make_app(executor, store, CODEC, token=token, settings=settings)
            uvicorn.run(
                app,
                host=settings.service_host,
                port=settings.service_port,
                log_level="warning",
                log_config=None,
                access_log=False,
                server_header=False,
                timeout_graceful_shutdown=_ANSWER_SECONDS,
            )
        except KeyboardInterrupt:
            pass
        finally:
            executor.close()


def interrupt(number: int, frame: types.FrameType | None) -> None:
    """End as on Ctrl-C."""
    raise KeyboardInterrupt


@contextlib.contextmanager
def _alone_on_cache(settings: Settings) -> Iterator[None]:
    """One service at a time on a cache folder: two would do the same work twice."""
    try:
        make_folder(settings.cache)
        lock = held_alone(settings.cache / "service.lock", f"port {settings.service_port}")
    except OSError as error:
        raise StoreError(
            f"The cache folder {settings.cache} cannot be used: {error.strerror}.",
            "Point EMBEDSCOPE_CACHE at a folder that you may write to.",
        ) from error
    if isinstance(lock, str):
        raise ServiceError(
            f"Another backend service works on the cache folder {settings.cache} ({lock}).",
            "Use that one, stop it first, or give this one a folder of its own with EMBEDSCOPE_CACHE.",
        )
    with lock:
        yield
