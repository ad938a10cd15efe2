"""Small labelled texts and tiny bases for tests of fine-tuning."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from backend import EmbedscopeError, FinetuneTask, RunInfo, TextSetInfo
from backend.bench.workbench import Workbench
from backend.errors import Cancelled
from tests.models import tiny

NOUNS = ("cat", "dog", "film", "house", "sea", "sky", "mat", "log")
CLASSES = ("bad", "good")
FAST = {"epochs": 2, "batch_size": 4, "accumulation": 1, "learning_rate": 5e-3}


def line(number: int, word: str) -> str:
    """One of many distinct sentences with ``word`` in it."""
    nouns = [NOUNS[number % 8], NOUNS[number // 8 % 8], NOUNS[number // 64 % 8]]
    return f"the {nouns[0]} was {word} and the {nouns[1]} is {'old' if number % 3 else 'new'} {nouns[2]}"


def rows(
    n_train: int = 24, n_test: int = 8, test: str = "dev", classes: Sequence[str] = CLASSES, first: int = 0
) -> list[list[str]]:
    """Text, label and split of every row, from sentence number ``first`` on; the label is a word of the text."""
    parts = [("train", n_train), (test, n_test)]
    names = [name for name, count in parts for _ in range(count)]
    return [
        [line(first + number, classes[number % len(classes)]), classes[number % len(classes)], names[number]]
        for number in range(len(names))
    ]


def saved(
    bench: Workbench, folder: Path, table: list[list[str]], *, split: bool = True, name: str = "t"
) -> TextSetInfo:
    """The rows as a stored text set."""
    path = folder / f"{name}.csv"
    path.write_text("text,label,split\n" + "".join(",".join(row) + "\n" for row in table), encoding="utf-8")
    return bench.read_texts(path, text="text", label="label", split="split" if split else None)


def base(folder: Path, family: str = "bert") -> str:
    """A tiny base of a family."""
    path = folder / f"base-{family}"
    return str(path if path.exists() else tiny.save_family(path, family))


def tuned(bench: Workbench, folder: Path, name: str = "a", **choice: Any) -> RunInfo:
    """A run of the tiny encoder, two epochs of six steps unless ``choice`` says otherwise."""
    family = choice.pop("family", "bert")
    texts = choice.pop("texts", None) or saved(bench, folder, rows())
    choice["changes"] = {**FAST, **choice.pop("changes", {})}
    return bench.finetune(name, model=base(folder, family), texts=texts, recipe=choice.pop("recipe", "zhou"), **choice)


def weights(info: RunInfo, step: str) -> bytes:
    """The bytes of a saved step's weights."""
    return (Path(info.folder) / step / "model.safetensors").read_bytes()


def cancelled_after(bench: Workbench, tmp_path: Path, step: int, name: str = "b") -> FinetuneTask:
    """A run that was cancelled after so many of its 12 steps."""
    task = bench.finetuning(
        name, model=base(tmp_path), texts=saved(bench, tmp_path, rows()), recipe="zhou", changes=FAST
    )

    def report(done: int, total: int, stage: str) -> None:
        if total == 12 and done >= step:
            raise Cancelled()

    with pytest.raises(EmbedscopeError, match="cancelled"):
        bench.wait(task, report)
    return task
