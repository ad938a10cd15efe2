"""The command and the Python that a page shows compute the result that the page shows."""

import json
import shlex
from pathlib import Path
from typing import Any

import pytest

import backend
from backend.__main__ import main
from backend.bench.workbench import Workbench
from backend.cli import commands
from backend.values.specs import PostProcess, TokenSample
from tests.models.tiny import SEGMENTS, TEXTS, WORDS, bert_config, save

ROWS = [(f"{TEXTS[i % 7]} {WORDS[i % 25]} {WORDS[i // 3]}", "abc"[i % 3], "xy"[i % 2]) for i in range(60)]


@pytest.fixture
def world(bench: Workbench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Two tiny models in folders with blanks in their names, and two text sets of one name; the default label is not the only one."""
    names = []
    for place in range(2):
        folder = tmp_path / f"a model {place}"
        names.append(
            str(save(folder, bert_config(hidden_size=32, intermediate_size=48), seed=place, model_input_names=SEGMENTS))
        )
    table = "text\tlabel\tother\n" + "\n".join("\t".join(row) for row in ROWS) + "\n"
    for part, text in (("one", table), ("two", table.replace("\ta\t", "\tz\t"))):
        (tmp_path / f"{part}.tsv").write_text(text, encoding="utf-8")
    read = {"text": "text", "label": "label", "metadata": ["other"]}
    sets = [bench.read_texts(tmp_path / f"{part}.tsv", name="mine", **read) for part in ("one", "two")]
    monkeypatch.setattr(commands, "wire_workbench", lambda settings: bench)
    monkeypatch.setattr(backend, "open_workbench", lambda: bench)
    monkeypatch.setattr(bench, "close", lambda: None)
    return {"models": [bench.model(name) for name in names], "sets": sets, "out": tmp_path / "out.json"}


CASES: dict[str, tuple[str, int, dict[str, Any]]] = {
    "plain": ("cka", 1, {}),
    "two models": ("cka", 2, {"params": {"debiased": False}, "seed": 3}),
    "steps before": ("anisotropy", 1, {"layers": [1, 2], "postprocess": [PostProcess("remove_rogue", 2), PostProcess("centre")]}),
    "dimensions": ("average_cosine", 1, {"postprocess": [PostProcess("remove_dims", dims=(3, 1))], "max_length": 9}),
    "tokens": ("anisotropy", 1, {"pooling": "tokens", "tokens": TokenSample(40, 2), "seed": 2}),
    "a label that is not the default": ("threshold", 1, {"label": "other", "layers": [2], "params": {"test_share": 0.3}}),
    "a second text set": ("component_accuracy", 1, {"layers": [1], "basis": True}),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_the_command_and_the_python_ask_for_the_same_analysis(
    case: str, bench: Workbench, world: dict[str, Any]
) -> None:
    metric, n_models, asked = CASES[case]
    if asked.get("basis"):
        asked = {**asked, "basis": bench.text_set_info("general")}
    pooling = asked.pop("pooling", "mean") if "pooling" in asked else "mean"
    spec = bench.analysis(metric, models=world["models"][:n_models], texts=world["sets"][1], pooling=pooling, **asked)
    found = bench.wait(spec)
    form = bench.written(spec)
    assert form is not None
    arguments = shlex.split(form.command)
    assert arguments[:3] == ["python", "-m", "backend"]
    assert main([*arguments[3:], "--quiet", "--out", str(world["out"])]) == 0
    document = json.loads(world["out"].read_text())
    assert document["fingerprint"] == found.fingerprint
    assert document["result"] == backend.result_document(found)["result"]
    names: dict[str, Any] = {}
    exec(form.python, names)
    assert names["result"].fingerprint == found.fingerprint
    assert form.python.startswith("import backend\n\nbench = backend.open_workbench()\nresult = bench.compute(")


def test_a_text_set_is_named_where_its_name_is_its_own(bench: Workbench, world: dict[str, Any]) -> None:
    def shown(texts: Any) -> str:
        form = bench.written(bench.analysis("cka", models=world["models"][:1], texts=texts))
        assert form is not None
        return form.command

    assert "--texts general" in shown(bench.text_set_info("general"))
    one, two = world["sets"]
    assert f"--texts {one.spec.table[:12]}" in shown(one) and f"--texts {two.spec.table[:12]}" in shown(two)


def test_what_neither_can_say_is_left_to_the_recipe(bench: Workbench, world: dict[str, Any]) -> None:
    ask = {"models": world["models"][:1], "texts": world["sets"][0], "pooling": "tokens"}
    form = bench.written(bench.analysis("anisotropy", tokens=TokenSample(40, 7, special=True), **ask))
    assert form is not None and form.command == "" and "special=True" in form.python
