"""Limits of the workers that read what others bring: processor time, time without a sign of life, memory.

The kernel keeps the clocks: a loop in a parser's C code, which lets no Python run, is ended all the same. The process is
lost then, its job fails with what `what_ended` says, and the next job gets a new process.
"""

import contextlib
import ctypes
import signal
from collections.abc import Iterator
from pathlib import Path

from backend.settings import Settings, read_settings
from backend.values.numbers import plural

_PATIENCE = 10  # times the processor seconds may pass without a report: other work, a slow disk or network
_FOREIGN = {  # kinds of worker that read foreign files: what is read, and what makes it less
    "reader": ("Reading the file", "Split the file or leave out columns that are not needed"),
    "resolver": ("Looking at the files of the model", "Choose a smaller model"),
}
_OF_ITS_OWN = (signal.SIGABRT, signal.SIGSEGV, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)


def limit_memory(kind: str, settings: Settings) -> None:
    """Let a worker of a kind that reads foreign files have so much memory and no more; what asks for more fails."""
    if kind not in _FOREIGN or not settings.read_bytes:
        return
    import resource

    if kind == "reader":
        resource.setrlimit(resource.RLIMIT_AS, (settings.read_bytes, settings.read_bytes))
    else:  # the libraries of the models map far more than they use: only what is written counts, beside what they hold now
        most = resource.getrlimit(resource.RLIMIT_DATA)[1]
        resource.setrlimit(resource.RLIMIT_DATA, (_written() + settings.read_bytes, most))


@contextlib.contextmanager
def clock(kind: str, settings: Settings) -> Iterator[None]:
    """End this process where what is done meanwhile takes more than EMBEDSCOPE_READ_SECONDS of processor time.

    And where so many times as long passes without a sign of life. 0 seconds: no clock. Nothing happens in workers of
    other kinds.
    """
    seconds = _seconds(kind, settings)
    if not seconds:
        yield
        return
    for number in (signal.SIGPROF, signal.SIGALRM):
        signal.signal(number, signal.SIG_DFL)  # the kernel's own answer: the process ends
    if kind == "resolver":  # only now, as its libraries are loaded with its first job
        limit_memory(kind, settings)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    alive(kind, settings)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.setitimer(signal.ITIMER_REAL, 0)
        _give_back()


def alive(kind: str, settings: Settings) -> None:
    """Count the time without a sign of life from now on."""
    if seconds := _seconds(kind, settings):
        signal.setitimer(signal.ITIMER_REAL, _PATIENCE * seconds)


def out_of_memory(kind: str, settings: Settings) -> tuple[str, str] | None:
    """Message and hint for work that asked for more memory than its process may have; None for other kinds of worker."""
    if kind not in _FOREIGN:
        return None
    what, remedy = _FOREIGN[kind]
    said = f"{what} took more memory than its process may have, {settings.read_bytes:,} bytes (EMBEDSCOPE_READ_BYTES)."
    return said, f"{remedy}, or raise the setting."


def what_ended(kind: str, number: int) -> tuple[str, str] | None:
    """Message and hint for a worker that signal ``number`` ended, where a limit or what it read did that; else None.

    The limits are those of the environment, which workers have from here.
    """
    if kind not in _FOREIGN:
        return None
    what, remedy = _FOREIGN[kind]
    seconds = _seconds(kind, read_settings())
    if number == signal.SIGPROF:
        said = f"{what} took more than {plural(seconds, 'second')} of processor time ({_setting(kind)}) and was ended."
        return said, f"{remedy}, or raise the setting."
    if number == signal.SIGALRM:
        said = f"{what} gave no sign of life for {plural(_PATIENCE * seconds, 'second')} ({_PATIENCE} times {_setting(kind)})"
        return f"{said} and was ended.", "Run it again when the machine is less busy, or raise the setting."
    if number in _OF_ITS_OWN or number == signal.SIGKILL:
        said = f"{what} ended the process that did it ({signal.Signals(number).name})."
        return said, f"It may have asked for more memory than there is (EMBEDSCOPE_READ_BYTES). {remedy}."
    return None


def _seconds(kind: str, settings: Settings) -> int:
    if kind not in _FOREIGN:
        return 0
    return settings.read_seconds if kind == "reader" else settings.resolve_seconds


def _setting(kind: str) -> str:
    return "EMBEDSCOPE_READ_SECONDS" if kind == "reader" else "EMBEDSCOPE_RESOLVE_SECONDS"


def _written() -> int:
    """Bytes of this process's own memory that can be written to."""
    try:
        lines = Path("/proc/self/status").read_text("ascii", "replace").splitlines()
    except OSError:  # no Linux
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmData:")), 0)


def _give_back() -> None:
    """Return freed memory to the system, so that one large file leaves room for the next."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
