"""Opening a cached matrix of 150 MB, against pickle and against numpy reading the whole file; and going through all of its numbers.

The store maps its file into memory. Its checksum is looked at once in a process, in the first opening, which has a row of its own;
the other rows are of the second opening on, as pages and metrics open it again and again. All files are in the system's cache of the disk.
"""

import pickle
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from backend.store import Store
from benchmarks import made
from benchmarks.race import one_thread, race
from benchmarks.record import keep, largest

NAME = "reading"
_ROWS, _DIMS = 51_200, 768


def _same(mine: Any, other: Any) -> str:
    return largest([float(np.abs(np.asarray(mine) - np.asarray(other)).max())])


def main() -> None:
    one_thread()
    x = made.layer(_ROWS, _DIMS)
    what = f"a cached matrix of {x.nbytes / 1e6:.0f} MB"
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        np.save(folder / "x.npy", x)
        (folder / "x.pickle").write_bytes(pickle.dumps(x, protocol=5))
        store = Store(folder / "cache", budget=10**10)
        digest = "ab" * 20
        store.put_array(digest, x, {})
        store.close()

        def first() -> Any:
            """In a store just opened, as in a process just begun: the checksum too."""
            fresh = Store(folder / "cache", budget=10**10)
            found = fresh.open_array(digest)
            fresh.close()
            return found

        store = Store(folder / "cache", budget=10**10)
        peers = {
            "pickle": lambda: pickle.loads((folder / "x.pickle").read_bytes()),
            "np.load": lambda: np.load(folder / "x.npy"),
        }
        for against, peer in peers.items():
            keep(NAME, [race(f"opening {what} again", against, lambda: store.open_array(digest), peer, quality=_same, target=50.0, turns=5)])  # fmt: skip
        keep(NAME, [race(f"opening {what} for the first time, with its checksum", "np.load, which checks nothing", first, peers["np.load"], quality=_same, turns=5)])  # fmt: skip
        keep(NAME, [race(f"the sum of {what}, opened again", "np.load", lambda: np.asarray(store.open_array(digest)).sum(axis=0), lambda: peers["np.load"]().sum(axis=0), quality=_same, turns=5)])  # fmt: skip
        store.close()


if __name__ == "__main__":
    main()
