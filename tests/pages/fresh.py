"""Text sets that nothing was computed of yet, and what a page would start of them."""

from typing import Any

import pytest

from backend import AnalysisSpec
from tests.models.tiny import TEXTS, WORDS
from tests.pages.conftest import LABELS, SmallWorld


def words(world: SmallWorld, name: str, *, mark_first: bool = False) -> str:
    """A text set of 60 texts that nothing was computed of, unless a name of this length had the mark of its texts at the same end."""
    path = world.folder / f"{name}.tsv"
    mark = WORDS[len(name)]
    texts = [f"{TEXTS[i % 7]} {WORDS[i % 25]} {WORDS[i // 3]}" for i in range(60)]
    rows = [f"{f'{mark} {text}' if mark_first else f'{text} {mark}'}\t{LABELS[i % 3]}" for i, text in enumerate(texts)]
    path.write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    world.bench.read_texts(path, text="text", label="label", name=name)
    return name


def asked(world: SmallWorld, at: Any, monkeypatch: pytest.MonkeyPatch, run: str) -> list[AnalysisSpec]:
    """The analyses that the button ``run`` starts on a page; they are not started."""
    found: list[AnalysisSpec] = []
    with monkeypatch.context() as patch:
        patch.setattr(type(world.bench), "start", lambda bench, task: found.append(task))
        at.button(key=run).click().run()
    return [task for task in found if isinstance(task, AnalysisSpec)]
