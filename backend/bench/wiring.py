"""The only module that names concrete classes: which store, which executor, which models, for whom."""

import json
import os
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable
from functools import partial
from pathlib import Path

from backend.bench.workbench import Workbench
from backend.errors import ServiceError, StoreError
from backend.jobs.base import Executor
from backend.jobs.client import NO_PROXY, ClientExecutor
from backend.jobs.cluster.seen import ClusterSeen
from backend.jobs.inline import InlineExecutor
from backend.jobs.workers import JobLimits, WorkersExecutor
from backend.metrics.own import load_own_metrics
from backend.settings import Settings
from backend.store import Store
from backend.store.access import make_folder, open_new
from backend.values.activations import Report
from backend.work.kinds import Helpers
from backend.work.library import Library
from backend.work.modelhost import ModelHost
from backend.work.parts import Answer, ApartStore, Noted, Part, done_apart
from backend.work.runner import Runner
from backend.work.spreading import Spread
from backend.work.tasks import codec

CODEC = codec()


def wire_workbench(settings: Settings) -> Workbench:
    """A workbench that computes here, or through the service that the settings name."""
    load_own_metrics(settings.metrics)
    store = open_store(settings)
    library = Library(store)
    executor: Executor
    if settings.backend:
        token = settings.token or stored_token(settings.cache, make=False)
        executor = ClientExecutor(store, CODEC, address=settings.backend, token=token)
    else:
        runner = wire_runner(store, settings, roots=None)
        about = about_cluster(store, settings.ray_address if settings.executor == "ray" else "")
        executor = InlineExecutor(store, library, runner, settings.runs_folder, settings.model_roots, about)
    return Workbench(store, executor, CODEC, library, settings)


def wire_runner(store: Store, settings: Settings, *, roots: tuple[Path, ...] | None) -> Runner:
    """A runner over ``store``; ``roots`` None trusts the caller with every folder. On a Ray cluster it has helpers."""
    helpers = _wire_helpers(store, settings, trusted=roots is None) if settings.executor == "ray" else None
    return Runner(store, Library(store), ModelHost(store, settings, roots), CODEC, settings, helpers)


def _wire_helpers(store: Store, settings: Settings, *, trusted: bool) -> Helpers:
    from backend.jobs.cluster.crew import RayCrew

    return Spread(RayCrew(settings, wire_trusted_member if trusted else wire_member, store))


def wire_member(settings: Settings) -> Callable[[Part, Report], tuple[Answer, Noted]]:
    """What a process of a cluster does with parts: it has the files of the cache folder, and records of its own."""
    return _wire_member(settings, settings.model_roots)


def wire_trusted_member(settings: Settings) -> Callable[[Part, Report], tuple[Answer, Noted]]:
    """The same for who may open every folder."""
    return _wire_member(settings, None)


def _wire_member(settings: Settings, roots: tuple[Path, ...] | None) -> Callable[[Part, Report], tuple[Answer, Noted]]:
    load_own_metrics(settings.metrics)
    store = ApartStore(settings)
    runner = Runner(store, Library(store), ModelHost(store, settings, roots), CODEC, settings)
    return partial(done_apart, runner.part, store)


def wire_workers(
    store: Store,
    runs: Path | None = None,
    roots: tuple[Path, ...] = (),
    limits: JobLimits = JobLimits(),  # noqa: B008 - a frozen value
    cluster: str = "",
) -> WorkersExecutor:
    """The supervised worker processes that the service hands its jobs to; ``runs`` None is a folder in the store's.

    Local models below ``roots`` are listed; which may be opened the workers read from the settings themselves. ``cluster`` is
    the address of the Ray cluster that they hand their work to, if they do: ``health`` then says what is known of it.
    """
    folder = runs or store.folder / "runs"
    return WorkersExecutor(store, Library(store), CODEC, folder, roots, limits, about_cluster(store, cluster))


def about_cluster(store: Store, address: str) -> Callable[[], dict[str, str]]:
    """What is known of the Ray cluster at ``address``, for ``health``; nothing where there is none."""
    return ClusterSeen(store, address) if address else dict[str, str]


def open_store(settings: Settings) -> Store:
    """The store of these settings."""
    return Store(settings.cache, budget=settings.cache_bytes)


def stored_token(cache: Path, *, make: bool) -> str:
    """The service's token, kept in the cache folder for this user's eyes only; made at the service's first start.

    A file without a word in it is none: a service whose token is empty would let everybody in.
    """
    path = cache / "token"
    if make and not _word(path):
        try:
            make_folder(cache)
            _write_token(path)
        except OSError as error:
            raise StoreError(
                f"{path} cannot be written: {error.strerror}.",
                "Make room or make it writable, or set EMBEDSCOPE_TOKEN.",
            ) from error
    token = _word(path)
    if not token:
        raise ServiceError(
            "No token for the backend service was found.", "Set EMBEDSCOPE_TOKEN to the service's token."
        )
    return token


def _word(path: Path) -> str:
    try:
        return path.read_text("utf-8").strip()
    except (OSError, ValueError):
        return ""


def _write_token(path: Path) -> None:
    """Write a new token, whole or not at all; of two processes that do so at once both have the first one's."""
    temporary = path.with_name(f"token.{secrets.token_hex(8)}")
    try:
        with os.fdopen(open_new(temporary), "w") as stream:
            stream.write(secrets.token_urlsafe(32))
            stream.flush()
            os.fsync(stream.fileno())
        if path.exists() and not _word(path):
            temporary.replace(path)
        else:
            _link(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def _link(temporary: Path, path: Path) -> None:
    """Let ``path`` be the file, unless another process was first; some file systems have no links."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return
    except OSError:
        temporary.replace(path)


def service_health(settings: Settings) -> dict[str, str]:
    """What the service of these settings says of itself, within three seconds; raises ServiceError where none answers."""
    token = settings.token or stored_token(settings.cache, make=False)
    address = (settings.backend or f"http://127.0.0.1:{settings.service_port}").rstrip("/")
    request = urllib.request.Request(f"{address}/health", headers={"Authorization": f"Bearer {token}"})
    try:
        with NO_PROXY.open(request, timeout=3.0) as answer:
            return {str(name): str(value) for name, value in json.loads(answer.read()).items()}
    except urllib.error.HTTPError as error:
        what = "refused the token" if error.code == 401 else f"answered {error.code}"
        raise ServiceError(f"What listens on port {settings.service_port} {what}.", "Is it another's?") from None
    except (OSError, ValueError, AttributeError):
        raise ServiceError("No service answers.", "Start it with 'make run'.") from None
