"""Run every benchmark of this folder, or the ones named: ``python -m benchmarks [kernels_similarity ...]``."""

import importlib
import pkgutil
import sys
from pathlib import Path


def main() -> int:
    """Each benchmark prints its own table."""
    here = Path(__file__).parent
    found = sorted(module.name for module in pkgutil.iter_modules([str(here)]) if module.name != "__main__")
    chosen = sys.argv[1:] or found
    unknown = sorted(set(chosen) - set(found))
    if unknown:
        print(f"No benchmark {', '.join(unknown)}. There are: {', '.join(found)}.", file=sys.stderr)
        return 2
    for name in chosen:
        module = importlib.import_module(f"benchmarks.{name}")
        if hasattr(module, "main"):
            sys.argv = [name]  # each benchmark reads its own options
            print(f"== {name} ==", flush=True)
            module.main()
            print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
