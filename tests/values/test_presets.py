"""As in the paper: the table fits the metrics, the docs show it, and command line and notebook do what it says."""

import dataclasses
import json
import re
from pathlib import Path
from typing import Any

import pytest

import backend
from backend.cli.arguments import parse_arguments
from backend.cli.commands import analyse
from backend.errors import InvalidRequest
from backend.metrics import METRICS, parse_params
from backend.values.labels import field_label, value_words
from backend.values.likeness import deviations, left_open, preset_of, preset_status, preset_table
from backend.values.models import ModelInfo
from backend.values.papers import PAPERS
from backend.values.presets import PRESETS
from backend.values.specs import ModelSpec, PostProcess
from tests.models import tiny

DOCS = Path(__file__).resolve().parents[2] / "docs" / "metrics.md"
TEXTS = [f"the {noun} was {word}" for noun in ("cat", "dog", "film", "house") for word in ("good", "bad", "old", "new")]


def model(family: str = "encoder", *, has_cls: bool = True, norm: bool = False) -> ModelInfo:
    names = ("embedding", "block 1", "block 2", *(["final norm"] if norm else []))
    return ModelInfo(ModelSpec("m", "c"), "M", family, 2, 8, names, 1, 4, 64, has_cls, False, default_pooling="mean")


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_a_preset_is_of_a_metric_and_its_parameters_are_allowed(preset: Any) -> None:
    row = METRICS[preset.metric]
    parsed = parse_params(row.params, dict(preset.params))
    for name, value in preset.params.items():
        assert getattr(parsed, name) == value
    assert preset.place and preset.paper and (preset.open or preset.unlike)
    assert row.basis or not preset.basis


def test_the_docs_show_the_table() -> None:
    assert preset_table() in DOCS.read_text("utf-8"), "docs/metrics.md: put preset_table() under 'As in the papers'"


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
@pytest.mark.parametrize("family", ["encoder", "decoder"])
def test_with_its_own_settings_nothing_differs(preset: Any, family: str) -> None:
    info = model(family, has_cls=True, norm=True)
    params = parse_params(METRICS[preset.metric].params, dict(preset.params))
    found = deviations(
        preset, info, params,
        pooling=preset.pooling_for(info), layers=preset.layers_for(info), texts=preset.texts or "mine", basis=preset.basis or None,
    )  # fmt: skip
    assert found == () and preset_status(preset, found) == f"As in {preset.paper}, {preset.place}."


def test_whatever_differs_is_named_with_the_papers_setting() -> None:
    params = METRICS["cka"].params()
    found = deviations(
        PRESETS["cka"], model("decoder"), params,
        pooling="mean", layers=(0, 1), texts="mine", postprocess=(PostProcess("centre"),),
    )  # fmt: skip
    assert found == (
        "pooling mean (paper: last)", "layers without block 2 (paper: the blocks)", "post-processing (paper: none)",
        "debiased: on (paper: off)",
    )  # fmt: skip
    rest = {"layers": (0, 1, 2), "texts": "mine"}
    names = METRICS["anisotropy"].params
    found = deviations(
        PRESETS["anisotropy"], model(), names(), pooling="tokens", all_tokens=False, special=True, **rest
    )
    assert found == (
        "a sample of the tokens (paper: all)", "special tokens too (paper: left out)",
        "texts mine (paper: general text, here the set general)", "error band: jackknife interval (paper: spread over batches)",
    )  # fmt: skip
    found = deviations(PRESETS["neurons"], model(), METRICS["neurons"].params(), pooling="cls", **rest)
    assert "cross-validated accuracy: all held-out rows (paper: mean over folds)" in found


@pytest.mark.parametrize("preset", PRESETS.values(), ids=list(PRESETS))
def test_what_differs_is_said_in_words_and_not_in_names_of_parameters(preset: Any) -> None:
    kind = METRICS[preset.metric].params
    for field in dataclasses.fields(kind):
        label = field_label(field)
        assert "_" not in label and not re.search(r"^[Nn] |\b(max|min)\b", label)
        for choice in field.metadata["choices"] or ():
            assert "_" not in value_words(field.name, choice)
        if field.name not in preset.params:
            continue
        for given in [*(field.metadata["choices"] or ()), field.default]:
            params = dataclasses.replace(kind(**preset.params), **{field.name: given})
            found = deviations(
                preset, model(), params, pooling=preset.pooling_for(model()), layers=(0, 1, 2), texts=preset.texts, basis=preset.basis
            )  # fmt: skip
            assert "_" not in "".join(found)
            if given != preset.params[field.name]:
                assert len(found) == 1 and found[0].lower().startswith(f"{label.lower()}: ")
                assert not re.search(r"\b(svm|two_nn|auto|zero|full|exact)\b", found[0])


def test_rows_that_make_fewer_than_two_batches_are_unlike_the_paper() -> None:
    preset = PRESETS["anisotropy"]
    params = parse_params(METRICS["anisotropy"].params, dict(preset.params))
    rest = {"pooling": "tokens", "layers": (0, 1, 2), "texts": "general"}
    assert deviations(preset, model(), params, n_rows=3888, **rest) == (
        "one batch of 3,888 rows (paper: batches of at least 4,096)",
    )
    assert deviations(preset, model(), params, n_rows=8192, **rest) == ()


def test_poolings_follow_the_family_and_words_stay_words() -> None:
    assert PRESETS["cka"].pooling_for(model("decoder")) == "last"
    assert PRESETS["cka"].pooling_for(model("encoder")) == "cls"
    assert PRESETS["neurons"].pooling_for(model("encoder-decoder", has_cls=False)) == "mean"
    assert PRESETS["direct_probe"].pooling_for(model(), "word") == "words"
    assert PRESETS["anisotropy"].pooling_for(model("decoder")) == "tokens"
    assert PRESETS["cka"].layers_for(model(norm=True)) == (1, 2)
    assert PRESETS["neurons"].layers_for(model(norm=True)) == (3,)


def test_the_defaults_that_the_papers_do_not_share_are_known() -> None:
    """As soon as a default becomes the paper's, or stops being it, the table and the docs are to be read again."""
    differing = {
        metric: {name for name, value in preset.params.items() if getattr(METRICS[metric].params(), name) != value}
        for metric, preset in PRESETS.items()
    }
    assert {metric: names for metric, names in differing.items() if names} == {
        "cka": {"debiased"},
        "projection": {"method"},
        "threshold": {"method"},
        "ablation": {"mode"},
        "component_accuracy": {"head"},
        "neurons": {"score", "max_rows"},
        "direct_probe": {"max_rows"},
        "probing": {"grid", "max_rows"},
        "movement": {"min_rows"},
        "anisotropy": {"bands"},
        "average_cosine": {"bands"},
        "intrinsic_dimension": {"preset", "bands"},
    }


def test_a_metric_that_no_paper_has_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="No paper uses 'neighbour_overlap'") as caught:
        preset_of("neighbour_overlap")
    assert "cka" in caught.value.hint


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("EMBEDSCOPE_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("EMBEDSCOPE_BACKEND", raising=False)
    opened = backend.open_workbench()
    yield opened
    opened.close()


def test_a_notebook_computes_what_the_paper_says(bench: Any, tmp_path: Path) -> None:
    name = str(tiny.save_family(tmp_path / "gpt2", "gpt2"))
    found = bench.compute("cka", model=name, texts=TEXTS, as_in_the_paper=True)
    source = found.sources[0]
    blocks = tuple(layer for layer in bench.model(name).layer_names if layer.startswith("block"))
    assert source.pooling == "last" and source.layer_names == blocks
    assert f"As in {PRESETS['cka'].source}." in found.notes and left_open(PRESETS["cka"]) in found.notes
    same = bench.compute(
        "cka", model=name, texts=TEXTS, pooling="last", layers=source.layers, params={"debiased": False}
    )
    assert same.fingerprint == found.fingerprint
    other = bench.compute(
        "cka", model=name, texts=TEXTS, pooling="mean", params={"debiased": True}, as_in_the_paper=True
    )
    assert f"Unlike {PRESETS['cka'].source}: pooling mean (paper: last); debiased: on (paper: off)." in other.notes


def test_the_command_line_takes_the_papers_settings(
    bench: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    name = str(tiny.save_family(tmp_path / "bert", "bert"))
    monkeypatch.setattr("backend.cli.commands.wire_workbench", lambda _: bench)
    out = tmp_path / "out.json"

    def run(*words: str) -> dict[str, Any]:
        assert analyse(parse_arguments(["analyse", "--model", name, "--out", str(out), "--quiet", *words])) == 0
        return dict(json.loads(out.read_text()))

    document = run("--metric", "anisotropy", "--texts", "general", "--as-in-the-paper")
    assert document["sources"][0]["pooling"] == "tokens" and len(document["sources"][0]["layers"]) > 2
    said = capsys.readouterr().err
    assert (
        f"note: Unlike {PRESETS['anisotropy'].source}: one batch of " in said
        and "rows (paper: batches of at least 4,096)." in said
    )
    assert "No band: " in said and "Bands show" not in said and "As in Raz" not in said
    document = run("--metric", "spectrum", "--texts", "sentiment", "--as-in-the-paper", "--pooling", "mean")
    assert document["sources"][0]["pooling"] == "mean" and len(document["sources"][0]["layers"]) == 1
    said = capsys.readouterr().err
    assert "pooling mean (paper: cls)" in said and "texts sentiment (paper: general text" in said
    with pytest.raises(InvalidRequest, match="No paper uses"):
        run("--metric", "neighbour_overlap", "--texts", "general", "--as-in-the-paper")


def test_component_accuracy_brings_its_general_basis(bench: Any, tmp_path: Path) -> None:
    name = str(tiny.save_family(tmp_path / "bert", "bert"))
    info = bench.model(name)
    asked = {"texts": bench.text_set_info("sentiment"), "pooling": None, "layers": "all", "params": {}, "seed": 0,
             "postprocess": (), "tokens": None, "basis": None}  # fmt: skip
    found, notes = bench.as_in_the_paper("component_accuracy", info, asked)
    assert found["basis"].spec.name == "general" and found["pooling"] == "cls"
    assert notes[0] == f"As in {PRESETS['component_accuracy'].source}."


def test_presets_are_plain_values() -> None:
    for preset in PRESETS.values():
        assert dataclasses.asdict(preset)["metric"] == preset.metric


def test_every_paper_is_named_in_the_docs_with_the_way_to_it() -> None:
    said = " ".join(DOCS.read_text("utf-8").split())
    assert {preset.paper for preset in PRESETS.values()} == set(PAPERS)
    for paper in PAPERS.values():
        assert f"{paper.title}." in said and (paper.authors in said or not paper.year)
        assert f"[{paper.shown_address}]({paper.address})" in said or not paper.address


def test_what_papers_leave_open_is_read_by_people_and_names_no_parameter() -> None:
    for preset in PRESETS.values():
        for sentence in (*preset.open, *preset.unlike):
            assert "`" not in sentence and not re.search(r"\b[a-z]+_[a-z_]+\b", sentence), sentence
