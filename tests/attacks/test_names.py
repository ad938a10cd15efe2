"""Names that people give to things: each is kept as it is, or refused with a message and a hint, and then nothing is kept."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend import EmbedscopeError, visible
from backend.bench.workbench import Workbench
from backend.textsets.limits import LONGEST_CLASS
from backend.values.texts import MOST_NAME, made_of
from backend.values.visible import all_seen
from tests.conftest import entered
from tests.models.tiny import TEXTS, save_family

NAMES = {
    "HTML": "<img src=x onerror=alert(1)>",
    "a script": "<script>alert(1)</script>",
    "a link of Markdown": "[evil](http://evil.example/)",
    "a formula": "=1+1",
    "a formula after a sign": "\x01=1+1",
    "plus": "+1",
    "minus": "-1+1",
    "at": "@SUM(A1)",
    "NUL": "a\0b",
    "an escape sequence": "a\x1b[31mb",
    "a line break": "a\r\nb",
    "another line break": "a\u2028b",
    "a C1 control": "a\x85b",
    "an override of direction": "\u202egpj.exe",
    "an isolate": "\u2067abc",
    "a mark of direction": "abc\u200f",
    "half of a pair": "a\ud800b",
    "Persian with a joiner": "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
    "joined emoji": "\U0001f469\u200d\U0001f4bb",
    "300 characters": "n" * 300,
    "301 characters": "n" * 301,
    "5,000 characters": "n" * 5_000,
    "a path": "../../up",
    "a folder": "/etc/passwd",
    "nothing": "",
    "blanks": " \t ",
}
JOINED = {NAMES["Persian with a joiner"], NAMES["joined emoji"]}
UNSEEN = [name for name in NAMES.values() if not all_seen(name)]


@pytest.fixture
def world(bench: Workbench, tmp_path: Path) -> dict[str, Any]:
    """A labelled text set and a model to be given names beside."""
    path = tmp_path / "rows.tsv"
    path.write_text("text\tlabel\n" + "".join(f"{TEXTS[i % 7]} {i}\tl{i % 2}\n" for i in range(20)), encoding="utf-8")
    texts = bench.read_texts(path, text="text", label="label", name="rows")
    model = str(save_family(tmp_path / "bert", "bert"))
    return {"bench": bench, "texts": texts, "path": path, "model": model}


def _read(world: dict[str, Any], name: str) -> str:
    return str(world["bench"].read_texts(world["path"], text="text", name=name).spec.name)


def _pasted(world: dict[str, Any], name: str) -> str:
    return str(world["bench"].add_texts(["one", "two"], name=name).spec.name)


def _part(world: dict[str, Any], name: str) -> str:
    return str(world["bench"].part(world["texts"], [1, 2], name=name).spec.name)


def _sample(world: dict[str, Any], name: str) -> str:
    return str(world["bench"].sample_texts(world["texts"], 5, name=name).spec.name)


def _joined(world: dict[str, Any], name: str) -> str:
    return str(world["bench"].join_texts(world["texts"], world["texts"], name=name).spec.name)


def _class(world: dict[str, Any], name: str) -> str:
    renamed = world["bench"].rename_classes(world["texts"], {"l0": name}, name="renamed")
    return next((one for one in renamed.classes if one != "l1"), "")


def _selection(world: dict[str, Any], name: str) -> str:
    return str(world["bench"].save_rows(world["texts"], name, [1, 2]).name)


def _renamed_selection(world: dict[str, Any], name: str) -> str:
    world["bench"].save_rows(world["texts"], "first", [3])
    return str(world["bench"].rename_rows(world["texts"], "first", name).name)


def _vectors(world: dict[str, Any], name: str) -> str:
    vectors = np.random.default_rng(0).normal(size=(20, 4))
    return str(world["bench"].add_vectors(vectors, name=name, texts=world["texts"]).spec.name)


def _run(world: dict[str, Any], name: str) -> str:
    bench, changes = world["bench"], {"max_steps": 1}
    return str(
        bench.finetune(
            name, model=world["model"], texts=world["texts"], label="label", recipe="zhou-base", changes=changes
        ).name
    )


KINDS = {
    "a text set": _read,
    "pasted texts": _pasted,
    "selected rows": _part,
    "a part": _sample,
    "joined sets": _joined,
    "a class": _class,
    "a selection": _selection,
    "a renamed selection": _renamed_selection,
    "vectors": _vectors,
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_kept_as_it_is_or_refused(kind: str, name: str, world: dict[str, Any]) -> None:
    asked = NAMES[name]
    try:
        kept = KINDS[kind](world, asked)
    except EmbedscopeError as error:
        assert error.message and error.hint and len(error.message) < 3_000
        assert kind == "vectors" or asked not in JOINED, "joiners are part of how these words are written"
        assert visible(error.message) == error.message, "what is said of it can be read"
        known = [info.spec.name for info in world["bench"].text_sets()]
        assert asked not in [*known, *(one.name for one in world["bench"].saved_rows(world["texts"]))]
        return
    assert asked not in UNSEEN and len(kept) <= (LONGEST_CLASS if kind == "a class" else MOST_NAME)
    assert kept == asked.strip() or not asked.strip() or kept.removeprefix("vectors:") == asked.strip()


@pytest.mark.parametrize("name", [name for name in NAMES if NAMES[name].strip() and NAMES[name] != "+1"])
def test_a_run_has_a_name_that_a_folder_can_have(name: str, world: dict[str, Any], tmp_path: Path) -> None:
    before = sorted(path.name for path in tmp_path.rglob("*") if path.is_dir())
    with pytest.raises(EmbedscopeError) as caught:
        _run(world, NAMES[name])
    assert caught.value.message.startswith("A run cannot be called") and caught.value.hint
    assert visible(caught.value.message) == caught.value.message
    assert sorted(path.name for path in tmp_path.rglob("*") if path.is_dir()) == before


@pytest.mark.parametrize("name", ["a\x1b]0;title\x07b", "a\x9b31mb", "\u202egpj.exe"])
def test_the_command_line_sends_no_escape_sequence_to_a_terminal(name: str, tmp_path: Path) -> None:
    said = entered("textsets", "--delete", name, cache=tmp_path / "cache")
    assert said.returncode != 0 and visible(name) in said.stderr
    assert visible(said.stdout + said.stderr) == said.stdout + said.stderr


def test_what_is_made_of_a_long_name_has_a_name_that_is_taken(world: dict[str, Any]) -> None:
    bench, long = world["bench"], "n" * MOST_NAME
    whole = bench.read_texts(world["path"], text="text", label="label", name=long)
    part, rest = bench.sample_texts(whole, 5), bench.part(whole, [1, 2, 3])
    joined, renamed = bench.join_texts(part, rest), bench.rename_classes(whole, {"l0": "other"})
    for made, end in ((part, "…, first 5"), (rest, "…, 3 selected"), (renamed, "…, renamed"), (joined, "…")):
        assert made.spec.name.startswith("nnn") and made.spec.name.endswith(end)
        assert len(made.spec.name) <= MOST_NAME
    assert made_of("a", "b") == "a + b" and made_of("a", said=", 5") == "a, 5"
