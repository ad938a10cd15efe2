"""Run every benchmark of this folder, or the ones named: ``python -m benchmarks [kernels_similarity ...]``.

Each leaves its rows in ``results/NAME.json``; of all, the tables of docs/benchmarks.md are made anew at the end. Benchmarks that print their
own tables (of browsers, clusters and long runs) leave what they printed there.
"""

import contextlib
import importlib
import io
import pkgutil
import sys
from pathlib import Path
from typing import TextIO

from benchmarks.record import keep_more

_LAST = "tables"


class _Both(io.TextIOBase):
    """Writes to a terminal and keeps what was written."""

    def __init__(self, terminal: TextIO) -> None:
        self.kept: list[str] = []
        self._terminal = terminal

    def write(self, text: str) -> int:
        self.kept.append(text)
        return self._terminal.write(text)

    def flush(self) -> None:
        self._terminal.flush()


def main() -> int:
    """Each benchmark prints its own table."""
    here = Path(__file__).parent
    found = sorted(module.name for module in pkgutil.iter_modules([str(here)]) if module.name != "__main__")
    chosen = sys.argv[1:] or [*(name for name in found if name != _LAST), _LAST]
    unknown = sorted(set(chosen) - set(found))
    if unknown:
        print(f"No benchmark {', '.join(unknown)}. There are: {', '.join(found)}.", file=sys.stderr)
        return 2
    everything = not sys.argv[1:]
    for name in chosen:
        module = importlib.import_module(f"benchmarks.{name}")
        if hasattr(module, "main"):
            sys.argv = [name]  # each benchmark reads its own options
            print(f"== {name} ==", flush=True)
            said = _Both(sys.stdout)
            with contextlib.redirect_stdout(said):
                module.main()
            if everything and not hasattr(module, "NAME") and name != _LAST:
                keep_more(name, printed="".join(said.kept).splitlines())
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
