"""Processor time of every file of tests, children included: ``pytest -p tests.processor_time``, also with ``-n 2``.

Unlike the time on the clock it says the same on a busy machine. Each file's line: seconds of the process that ran it, of
the processes it started and waited for, and how many tests; what was imported for all files has a line of its own. A
service or browser that lives on counts where it ends.
"""

import resource
import time
from collections import defaultdict
from typing import Any

import pytest

_KEY = "processor_time"


class Stopwatch:
    """Seconds of this process and of its ended children since the last lap, by file."""

    def __init__(self) -> None:
        self.spent: dict[str, list[float]] = defaultdict(lambda: [0.0, 0.0, 0])
        self._last = (0.0, 0.0)

    def lap(self, name: str, n_tests: int = 0) -> None:
        ended = resource.getrusage(resource.RUSAGE_CHILDREN)
        now = (time.process_time(), ended.ru_utime + ended.ru_stime)
        for place, (new, old) in enumerate(zip(now, self._last, strict=True)):
            self.spent[name][place] += new - old
        self.spent[name][2] += n_tests
        self._last = now

    @pytest.hookimpl(trylast=True)
    def pytest_collection_finish(self) -> None:
        self.lap("(collecting and importing)")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Any:
        self.lap("(between tests)")
        found = yield
        self.lap(item.nodeid.split("::")[0], 1)
        return found

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        self.lap("(ending)")
        if hasattr(session.config, "workeroutput"):
            session.config.workeroutput[_KEY] = dict(self.spent)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        for name, figures in getattr(node, "workeroutput", {}).get(_KEY, {}).items():
            self.spent[name] = [one + other for one, other in zip(self.spent[name], figures, strict=True)]

    def pytest_terminal_summary(self, terminalreporter: Any) -> None:
        terminalreporter.section("processor time, in seconds: own, of children, tests")
        for name, (own, children, n_tests) in sorted(self.spent.items(), key=lambda row: -sum(row[1][:2])):
            terminalreporter.line(f"{own:8.1f} {children:8.1f} {n_tests:6.0f}  {name}")
        own, children, n_tests = map(sum, zip(*self.spent.values(), strict=True))
        terminalreporter.line(f"{own:8.1f} {children:8.1f} {n_tests:6.0f}  all")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(Stopwatch(), "stopwatch of processor time")
