"""The worker process's end of the pipe: takes tasks as lines of JSON, reports progress as lines of JSON.

Started by the service as ``python -m backend worker KIND``. What libraries print goes to standard error; the protocol
has the original standard output to itself.
"""

import contextlib
import json
import os
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any, TextIO

from threadpoolctl import threadpool_limits

from backend.errors import Cancelled
from backend.forms.codec import Codec, from_json
from backend.jobs.base import explained
from backend.jobs.limits import alive, clock, limit_memory, out_of_memory
from backend.logs import log_event, log_fault
from backend.settings import Settings
from backend.values.activations import Report
from backend.values.people import Person, asked_by
from backend.values.tasks import Task
from backend.values.working import limit_threads, stood_still
from backend.work.runner import Runner

_FIRST_TO_GO = 500  # of 1,000: what the kernel adds to a worker's size where memory is short and it ends a process
_LEFT_SECONDS = 5.0  # that a worker has to end its job once nobody listens any more
KINDS = ("models", "layouts", "reader", "resolver", "training")


def prepare_worker(kind: str, settings: Settings) -> None:
    """Set this process's limits before it does anything: threads, and memory where uploads are read.

    numpy is loaded by then, and its own OpenBLAS has read the environment: its threads are set beside.
    """
    threads = settings.threads or os.cpu_count() or 1
    limit_threads(settings.threads)
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ.setdefault(name, str(threads))
    # OpenBLAS's threads spin while they wait: as many as cores, and anything else on the machine slows them tenfold.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", str(max(1, threads // 2)))
    threadpool_limits(int(os.environ["OPENBLAS_NUM_THREADS"]), user_api="blas")
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")  # spinning threads of a busy machine cost t-SNE a factor of ten
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    if kind == "training":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # products on a GPU in one order, run after run
    if kind == "reader":
        # Arrow's own pool reserves a gigabyte of addresses at once, which the limit below would count.
        os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
        limit_memory(kind, settings)


def serve_worker(kind: str, runner: Runner, codec: Codec, settings: Settings) -> None:
    """Do tasks until standard input ends; then the process ends."""
    channel = _Channel()
    with contextlib.suppress(OSError):
        os.nice(10)  # clicks come before work
    _first_to_go()
    threading.Thread(target=channel.listen, daemon=True).start()
    channel.send({"event": "ready", "pid": os.getpid(), "kind": kind})
    while True:
        message = channel.next()
        if message is None:
            return
        if "ahead" in message:
            _load_ahead(kind)
            continue
        began = time.monotonic()
        event = _done(runner, codec, message, channel, kind, settings)
        log_event(
            "step",
            job=message["job"],
            step=message["step"],
            outcome=event["event"],
            seconds=round(time.monotonic() - began, 3),
        )
        channel.send(event)
        if message["step"] == "look up" and event["event"] == "done":
            _load_ahead(kind)
            with contextlib.suppress(Exception):  # the job that needs the model says why
                runner.load_ahead(codec.task_from_json(message["task"]))


def _first_to_go() -> None:
    """Where memory is short on the machine, let the kernel end a worker, which loses a job, and not the service or the dashboard."""
    with contextlib.suppress(OSError, ValueError):
        place = Path("/proc/self/oom_score_adj")
        place.write_text(str(max(_FIRST_TO_GO, int(place.read_text()))))


def _done(
    runner: Runner, codec: Codec, message: dict[str, Any], channel: "_Channel", kind: str, settings: Settings
) -> dict[str, Any]:
    job = message["job"]

    def report(done: int, total: int, stage: str) -> None:
        alive(kind, settings)
        if job in channel.cancelled or channel.left:
            raise Cancelled()
        channel.send({"event": "report", "job": job, "done": done, "total": total, "stage": stage})
        channel.stand_still(job)

    try:
        with clock(kind, settings), asked_by(from_json(Person, message["person"])):
            _step(runner, codec.task_from_json(message["task"]), message["step"], report)
    except Cancelled as error:
        return {"event": "cancelled", "job": job, "error": error.message, "hint": error.hint}
    except Exception as error:
        over = out_of_memory(kind, settings) if isinstance(error, MemoryError) else None
        text, hint = over or explained(error)
        if text.startswith("Unexpected"):
            log_fault(error)  # for whoever runs the instance
        return {"event": "failed", "job": job, "error": text, "hint": hint}
    return {"event": "done", "job": job}


def _load_ahead(kind: str) -> None:
    """Load what jobs need; where that fails, the first job says why. Not in a thread beside: a job may import the same."""
    from backend.models.ahead import load_libraries

    with contextlib.suppress(Exception):
        load_libraries(kind)


def _step(runner: Runner, task: Task, step: str, report: Report) -> None:
    {"run": runner.run, "look up": runner.run, "fill": runner.fill, "measure": runner.measure}[step](task, report)


def _end_own_session() -> None:
    """End this process at once, with what it has started: whoever asked for its work is gone, and it has not stopped."""
    if os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


class _Channel:
    """The two pipes. A thread reads, so that a cancel arrives while the main thread works."""

    def __init__(self) -> None:
        self._out: TextIO = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._lock = threading.Lock()
        self._waiting: list[dict[str, Any] | None] = []
        self._arrived = threading.Condition()
        self.cancelled: set[str] = set()
        self._still: set[str] = set()  # jobs that stand still while others have their turn
        self.left = False  # whether the service is gone

    def send(self, message: dict[str, Any]) -> None:
        with self._lock, contextlib.suppress(OSError):  # without a service nobody reads, and `left` is set
            self._out.write(json.dumps(message) + "\n")
            self._out.flush()

    def listen(self) -> None:
        for line in sys.stdin:
            message = json.loads(line)
            if "task" in message:
                self.cancelled.discard(message["job"])
                self._still.discard(message["job"])
                self._put(message)
            elif "ahead" in message:
                self._put(message)
            else:
                self._told(message)
        self.left = True
        self._put(None)
        time.sleep(_LEFT_SECONDS)
        _end_own_session()

    def _told(self, message: dict[str, Any]) -> None:
        """Of a job that is being done: to end, to stand still, or to go on."""
        with self._arrived:
            if "cancel" in message:
                self.cancelled.add(message["cancel"])
            elif "still" in message:
                self._still.add(message["still"])
            else:
                self._still.discard(message.get("go", ""))
            self._arrived.notify_all()

    def stand_still(self, job: str) -> None:
        """Return when the job may go on; raises Cancelled where it is to end."""
        began = time.perf_counter()
        with self._arrived:
            while job in self._still and job not in self.cancelled and not self.left:
                self._arrived.wait(1.0)
        stood_still(time.perf_counter() - began)
        if job in self.cancelled or self.left:
            raise Cancelled()

    def _put(self, message: dict[str, Any] | None) -> None:
        with self._arrived:
            self._waiting.append(message)
            self._arrived.notify()

    def next(self) -> dict[str, Any] | None:
        with self._arrived:
            while not self._waiting:
                self._arrived.wait()
            return self._waiting.pop(0)
