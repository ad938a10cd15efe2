"""The command line as a person types it: JSON out, or exit code 2 with one message and one hint."""

import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers

from tests.conftest import ROOT, entered
from tests.models import tiny


def _typed(*arguments: object, cache: Path) -> subprocess.CompletedProcess[str]:
    """As a person types it, in a process of its own: one command of each kind, since each start takes seconds."""
    env = {
        **os.environ,
        "EMBEDSCOPE_CACHE": str(cache),
        "EMBEDSCOPE_BACKEND": "",
        "EMBEDSCOPE_DEVICE": "cpu",
        "HF_HUB_OFFLINE": "1",
    }
    command = [sys.executable, "-m", "backend", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("command-line")


def test_analyse_writes_json_that_runs_again(cache: Path, reviews: Path, tmp_path: Path) -> None:
    out, again = tmp_path / "result.json", tmp_path / "again.json"
    options = ("--texts", reviews, "--text", "text", "--label", "label")
    done = _typed("analyse", "--metric", "cka", "--model", "minilm", *options, "--out", out, cache=cache)
    assert done.returncode == 0, done.stderr
    data = json.loads(out.read_text())
    assert len(data["result"]["matrix"]) == 7 and data["recipe"]["metric"] == "cka"
    assert data["sources"][0]["n_rows"] == 60 and data["versions"]["torch"]
    done = _typed("run", out, "--out", again, cache=cache)
    assert done.returncode == 0, done.stderr
    assert json.loads(again.read_text())["fingerprint"] == data["fingerprint"]
    several = tmp_path / "several.json"
    several.write_text(json.dumps([data, data["recipe"]]))
    done = entered("run", several, cache=cache)
    assert [item["fingerprint"] for item in json.loads(done.stdout)] == [data["fingerprint"]] * 2


def test_two_files_are_fitted_on_and_tested_on_by_the_labels_that_are_asked_for(cache: Path, tmp_path: Path) -> None:
    """The same texts under other labels are another text set, also where two sets are joined."""
    words = ("good", "bad", "fair", "odd")
    for name, count in (("train.tsv", 40), ("test.tsv", 16)):
        rows = [f"{words[i % 4]} film number {i} {name}\t{i % 2}\t{i % 4}" for i in range(count)]
        (tmp_path / name).write_text("\n".join(rows) + "\n")
    files = ("--texts", tmp_path / "train.tsv", "--test-texts", tmp_path / "test.tsv", "--no-header", "--text", "0")
    found = []
    for label in ("1", "2"):
        done = entered("analyse", "--metric", "threshold", *files, "--label", label, "--layers", "6", cache=cache)
        assert done.returncode == 0, done.stderr
        found.append(json.loads(done.stdout)["result"]["split"])
    assert [split["classes"] for split in found] == [["0", "1"], ["0", "1", "2", "3"]]
    assert [(split["n_train"], split["n_test"], split["seeded"]) for split in found] == [(40, 16, False)] * 2


def test_a_head_without_names_is_read_in_the_order_that_is_given(cache: Path, tmp_path: Path) -> None:
    """The checkpoint's own answers as labels: 1.0 in the right order, and without one a fitted head and the reason."""
    words = ("World", "Sports", "Business", "Sci-Tech")
    config = tiny.bert_config(num_labels=4)
    auto = transformers.AutoModelForSequenceClassification
    folder = tiny.save(tmp_path / "topics", config, auto, model_input_names=tiny.SEGMENTS)
    texts = [f"{tiny.TEXTS[i % 7]} {tiny.WORDS[i % 25]} {tiny.WORDS[i // 3 % 25]}" for i in range(160)]
    tokenizer, model = transformers.AutoTokenizer.from_pretrained(folder), auto.from_pretrained(folder)
    with torch.no_grad():
        logits = model(**tokenizer(texts, return_tensors="pt", padding=True)).logits
    answers = [words[number] for number in (logits - logits.mean(dim=0)).argmax(dim=1).tolist()]
    with torch.no_grad():  # every class is an answer once the mean is out of the head's way
        model.classifier.bias -= logits.mean(dim=0)
    model.save_pretrained(folder)
    file = tmp_path / "topics.tsv"
    file.write_text("".join(f"{text}\t{answer}\n" for text, answer in zip(texts, answers, strict=True)))
    files = ("--texts", file, "--no-header", "--text", 0, "--label", 1, "--pooling", "cls", "--layers", 3)
    asked = ("analyse", "--metric", "threshold", "--model", folder, *files)
    for classes, own in (((), False), (("--classes", ",".join(words)), True)):
        done = entered(*asked, *classes, cache=cache)
        assert done.returncode == 0, done.stderr
        data = json.loads(done.stdout)
        assert data["result"]["split"]["classes"] == sorted(words) and data["result"]["own_head"] == [own]
        assert any("which is which cannot be told" in note for note in data["notes"]) == (not own)
    assert data["result"]["full_accuracy"] == [1.0]
    done = entered(*asked, "--classes", "World,Sports,Business", cache=cache)
    assert done.returncode == 2 and "lacks 'Sci-Tech'" in done.stderr


def test_undefined_numbers_are_null_with_a_reason(cache: Path, reviews: Path) -> None:
    options = ("--texts", reviews, "--text", "text", "--pooling", "cls", "--json")
    done = entered("analyse", "--metric", "cka", *options, cache=cache)
    data = json.loads(done.stdout)
    assert data["result"]["matrix"][0][0] is None
    why = {tuple(entry["index"]): entry["reason"] for entry in data["undefined"]}
    assert why[0,] == "minilm, embedding: all rows are identical", "one entry stands for the whole row"
    assert all((row, 0) in why for row in range(1, 7))


def _wrong(tmp_path: Path) -> dict[str, tuple[object, ...]]:
    (tmp_path / "empty.csv").write_bytes(b"")
    (tmp_path / "binary.csv").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(range(256)))
    (tmp_path / "one.txt").write_text("just one text\n")
    (tmp_path / "two.csv").write_text("text,label\nhello there,1\ngood bye,0\n")
    pickled = tmp_path / "pickled"
    pickled.mkdir()
    (pickled / "config.json").write_text('{"model_type": "bert"}')
    (pickled / "tokenizer.json").write_text("{}")
    (pickled / "pytorch_model.bin").write_bytes(pickle.dumps({}))
    cka = ("analyse", "--metric", "cka")
    good = (*cka, "--texts", "sentiment")
    return {
        "missing file": (*cka, "--texts", tmp_path / "nowhere.csv"),
        "missing column": (*cka, "--texts", tmp_path / "two.csv", "--text", "review"),
        "empty file": (*cka, "--texts", tmp_path / "empty.csv"),
        "binary file": (*cka, "--texts", tmp_path / "binary.csv"),
        "one text": (*cka, "--texts", tmp_path / "one.txt"),
        "pickle-only model": (*good, "--model", pickled),
        "missing model folder": (*good, "--model", tmp_path / "no-model"),
        "hub name offline": (*good, "--model", "some/model-that-is-not-here"),
        "unknown metric": ("analyse", "--metric", "ckaa", "--texts", "sentiment"),
        "unknown parameter": (*good, "--param", "colour=red"),
        "bad parameter": (*good, "--param", "bandwidth=wide"),
        "unknown layer": (*good, "--layers", "0,99"),
        "unknown pooling": (*good, "--pooling", "max"),
        "no command": (),
        "bad recipe": ("run", tmp_path / "two.csv"),
    }


CASES = (
    "missing file",
    "missing column",
    "empty file",
    "binary file",
    "one text",
    "pickle-only model",
    "missing model folder",
    "hub name offline",
    "unknown metric",
    "unknown parameter",
    "bad parameter",
    "unknown layer",
    "unknown pooling",
    "no command",
    "bad recipe",
)


TYPED = ("pickle-only model", "hub name offline", "no command")  # what libraries print; what they read as they start


@pytest.mark.parametrize("case", CASES)
def test_wrong_input_gets_one_message_one_hint_and_exit_code_2(case: str, cache: Path, tmp_path: Path) -> None:
    way = _typed if case in TYPED else entered
    done = way(*_wrong(tmp_path)[case], cache=cache)
    lines = done.stderr.splitlines()
    assert done.returncode == 2, (done.stdout[:500], lines)
    assert [line.split(":")[0] for line in lines] == ["error", "hint"], lines
    assert "Traceback" not in done.stderr and not done.stdout


@pytest.mark.parametrize("command", ["metrics", "models", "textsets", "jobs", "cache", "doctor"])
def test_the_listings_speak_text_and_json(command: str, cache: Path) -> None:
    text, data = (
        (_typed if command == "doctor" else entered)(command, cache=cache),
        entered(command, "--json", cache=cache),
    )
    assert text.returncode == data.returncode == 0, text.stderr + data.stderr
    assert json.loads(data.stdout) is not None


def test_a_headerless_tsv_and_a_real_decoder(cache: Path, tmp_path: Path, shared: Path) -> None:
    out = tmp_path / "out.json"
    texts = ("--texts", shared / "data/sst2/dev.tsv", "--no-header", "--text", 0, "--label", 1)
    model = ("--model", shared / "models/stories260k")
    done = entered("analyse", "--metric", "cka", *model, *texts, "--out", out, cache=cache)
    assert done.returncode == 0, done.stderr
    data = json.loads(out.read_text())
    assert data["sources"][0]["n_rows"] == 872 and data["sources"][0]["pooling"] == "last"
    assert data["sources"][0]["layer_names"] == ["embedding", *(f"block {i}" for i in range(1, 6)), "final norm"]
