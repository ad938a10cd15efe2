"""One worker process, as whoever gives it work sees it: lines go down, events come up, and it is ended with all its own."""

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
from pathlib import Path
from typing import Any

from backend.jobs.limits import what_ended
from backend.settings import DASHBOARD, own_command

Event = dict[str, Any]


class WorkerProcess:
    """A process ``python -m backend worker KIND``, and the thread that reads what it says.

    It leads a session of its own, so that no Ctrl-C reaches it past its owner, and ends by itself when that one is gone.
    """

    def __init__(self, kind: str, cache: Path, runs: Path) -> None:
        self._kind = kind
        with (cache / f"worker-{kind}.log").open("ab") as log:
            self._popen = subprocess.Popen(
                [*own_command("backend"), "worker", kind],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                cwd=DASHBOARD,
                env={
                    **os.environ,
                    "EMBEDSCOPE_CACHE": str(cache),
                    "EMBEDSCOPE_RUNS": str(runs),
                    "EMBEDSCOPE_BACKEND": "",
                },
                start_new_session=True,
            )
        self._events: queue.Queue[Event | None] = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    @property
    def pid(self) -> int:
        return self._popen.pid

    @property
    def alive(self) -> bool:
        return self._popen.poll() is None

    def send(self, message: Event) -> None:
        """Tell it something; one that is gone hears nothing, which the next event says."""
        with contextlib.suppress(BrokenPipeError, OSError):
            assert self._popen.stdin is not None
            self._popen.stdin.write(json.dumps(message).encode() + b"\n")
            self._popen.stdin.flush()

    def event(self, seconds: float) -> Event | None:
        """What it says next, or None where it says nothing within ``seconds``; its death is a failed event of no job."""
        try:
            event = self._events.get(timeout=seconds)
        except queue.Empty:
            return None
        return self._death() if event is None else event

    def kill(self) -> None:
        """End the process at once, and what it has started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._popen.pid, signal.SIGKILL)
        self._popen.kill()
        self._popen.wait()

    def _listen(self) -> None:
        assert self._popen.stdout is not None
        for line in self._popen.stdout:
            with contextlib.suppress(ValueError):
                event = json.loads(line)
                if isinstance(event, dict) and "event" in event:
                    self._events.put(event)
        self._events.put(None)

    def _death(self) -> Event:
        code = self._popen.wait()
        hint = "Run it again: a new worker takes its place."
        if code == -signal.SIGKILL:
            hint = "It may have run out of memory: use fewer texts or a smaller model, or simply run it again."
        error, hint = what_ended(self._kind, -code) or (
            f"The worker process '{self._kind}' died ({how_it_ended(code)}).",
            hint,
        )
        return {"event": "died", "error": error, "hint": hint}


def how_it_ended(code: int) -> str:
    """The end of a process in words, of its return code."""
    return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
