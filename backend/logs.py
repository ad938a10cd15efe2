"""What the service and its workers write to their logs: lines for people, or one JSON object a line for machines.

A line has a job's id and kind, seconds and outcome, never a text, a token, a name of a file or of a text set: whoever may read
the logs of an instance need not be one who may read what is in it. So of an error no one foresaw its class is written
and where it was raised, not what it says.
"""

import json
import logging
import sys
import time
import traceback
from typing import Any

from backend.errors import InvalidRequest

FORMS = ("text", "json")
_LOG = logging.getLogger("embedscope")
_FIELDS = "fields"


def set_up_logs(form: str, who: str) -> None:
    """Write what this process logs to standard error in one form; ``who`` is the process. Raises InvalidRequest for no such form."""
    if form not in FORMS:
        raise InvalidRequest(f"EMBEDSCOPE_LOG is '{form}'.", f"It takes one of: {', '.join(FORMS)}.")
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(who) if form == "json" else _Text(who))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    _LOG.setLevel(logging.INFO)
    logging.raiseExceptions = False  # a log that cannot be written (a full disk) stops no work


def log_event(event: str, **fields: str | int | float) -> None:
    """Log that something happened; ``fields`` are ids, kinds, numbers and outcomes alone."""
    _LOG.info("%s", event, extra={_FIELDS: fields})


def log_fault(error: BaseException) -> None:
    """Log an error that nobody foresaw: its class and where it was raised."""
    frames = [f"{frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    _LOG.error("%s", "fault", extra={_FIELDS: {"error": type(error).__name__, "where": frames}})


class _Json(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, who: str) -> None:
        super().__init__()
        self._who = who

    def format(self, record: logging.LogRecord) -> str:
        line = {"time": round(record.created, 3), "level": record.levelname.lower(), "process": self._who}
        line |= {"logger": record.name, "event": record.getMessage(), **_fields(record)}
        return json.dumps(line)


class _Text(logging.Formatter):
    """A line for people."""

    def __init__(self, who: str) -> None:
        super().__init__()
        self._who = who

    def format(self, record: logging.LogRecord) -> str:
        when = time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(record.created))
        told = " ".join(f"{name}={value}" for name, value in _fields(record).items() if name != "where")
        first = f"{when} {record.levelname.lower()} {self._who}: {record.getMessage()} {told}".rstrip()
        return "\n".join([first, *(f"    {frame}" for frame in _fields(record).get("where", []))])


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """What belongs to a line; of an exception that a library logs, what `log_fault` would say."""
    found = dict(getattr(record, _FIELDS, {}))
    if record.exc_info and record.exc_info[1] is not None:
        found["error"] = type(record.exc_info[1]).__name__
    return found
