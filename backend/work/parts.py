"""Parts of tasks, as they are handed to other processes and done there, over the same files but records of one's own.

Files of a cache folder may lie on a file system that several machines share; its database of small records may not. So a
part brings along the records that it needs, and what is written down while it is done goes back with its answer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.settings import Settings
from backend.store import Store
from backend.store.entries import filed_as
from backend.values.activations import Report
from backend.values.json_data import Json
from backend.values.people import NOBODY, Person, asked_by
from backend.work.kinds import Hands
from backend.work.shards import Begun, begin, do_shard, gather, mean_of
from backend.work.times import is_times, note_again

_UNLIMITED = 2**62  # who hands out the parts makes the room for what comes of them: only that one knows what is needed
_OF_ONE_PROCESS = ("pin/", "lock/")

Answer = (
    Begun | list[str] | npt.NDArray[np.float64] | None
)  # of a beginning, a gathering, a mean; others store what comes of them
Noted = dict[str, tuple[Json, float | None]]

DOING: Mapping[str, Callable[[Hands, Any, Report], Answer]] = {
    "begin": begin,
    "mean": mean_of,
    "shard": do_shard,
    "gather": gather,
}
"""What is done with a part of a forward pass, by its kind; the others, "run" and "measure", are whole tasks as JSON."""


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A piece of work that one process does whole: its kind, with what, for whom, and the records that it needs.

    ``n_texts`` is how much of the whole it is, where parts are of different sizes.
    """

    kind: str
    what: Any
    n_texts: int = 1
    person: Person = NOBODY
    records: Mapping[str, Json] = field(default_factory=dict)


class ApartStore(Store):
    """A cache folder as a process on another machine has it: all of its files, and records of its own, in memory."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.cache, budget=_UNLIMITED, own_records=True)
        self._noted: Noted = {}

    def set_record(self, key: str, value: Json, *, expire: float | None = None) -> None:
        super().set_record(key, value, expire=expire)
        if not filed_as(key)[0] and not key.startswith(_OF_ONE_PROCESS):
            self._noted[key] = value, expire

    def learn(self, records: Mapping[str, Json]) -> None:
        """Take over what another process has written down; what was noted before is forgotten."""
        for key, value in records.items():
            super().set_record(key, value)
        self._noted = {}

    def noted(self) -> Noted:
        """What was written down since, with the seconds for which each record holds."""
        return dict(self._noted)


def done_apart(
    do: Callable[[Part, Report], Answer], store: ApartStore, part: Part, report: Report
) -> tuple[Answer, Noted]:
    """Do a part in this process; returns what came of it, and the records that are to be kept."""
    store.learn(part.records)
    with asked_by(part.person):
        answer = do(part, report)
    return answer, store.noted()


def keep_noted(store: Store, noted: Noted) -> None:
    """Keep the records that a part has written down elsewhere."""
    for key, (value, expire) in noted.items():
        if is_times(key):
            note_again(store, key, value)
        else:
            store.set_record(key, value, expire=expire)
