"""A crew in this process: parts are done one after another, over the same files and records of its own, as elsewhere."""

import dataclasses
import pickle
from collections.abc import Callable, Sequence
from typing import Any

from backend import Settings
from backend.bench.wiring import CODEC, open_store, wire_member
from backend.bench.workbench import Workbench
from backend.jobs.inline import InlineExecutor
from backend.work.library import Library
from backend.work.modelhost import ModelHost
from backend.work.parts import Part
from backend.work.runner import Runner
from backend.work.spreading import Spread, Standing


class CrewHere:
    """Notes which parts it was given; ``before`` is called with each of them first."""

    def __init__(self, settings: Settings, before: Callable[[Part], None] = lambda part: None) -> None:
        self._do = wire_member(settings)
        self._before = before
        self.kinds: list[str] = []

    def do(self, parts: Sequence[Part], report: Callable[[Sequence[Standing]], None]) -> list[tuple[Any, Any]]:
        standings, answers = [Standing() for _ in parts], []
        for number, part in enumerate(parts):
            self._before(part)
            self.kinds.append(part.kind)

            def told(done: int, total: int, stage: str, number: int = number) -> None:
                standings[number] = Standing(done, total, stage)
                report(standings)

            answer = self._do(pickle.loads(pickle.dumps(part)), told)
            answers.append(pickle.loads(pickle.dumps(answer)))
            standings[number] = dataclasses.replace(standings[number], over=True)
            report(standings)
        return answers


def spread_bench(
    settings: Settings, *, shard_tokens: int, before: Callable[[Part], None] = lambda part: None
) -> tuple[Workbench, CrewHere]:
    """A workbench whose work is spread over a crew."""
    settings = dataclasses.replace(settings, shard_tokens=shard_tokens)
    store = open_store(settings)
    crew, library = CrewHere(settings, before), Library(store)
    models = ModelHost(store, settings, settings.model_roots)
    runner = Runner(store, library, models, CODEC, settings, Spread(crew))
    executor = InlineExecutor(store, library, runner, settings.runs_folder)
    return Workbench(store, executor, CODEC, library, settings), crew
