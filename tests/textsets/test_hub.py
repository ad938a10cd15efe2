"""Data sets of the hub, through the real `datasets` package: from folders, and from a hub-shaped server on loopback."""

import io
import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.errors import TextSetError
from backend.textsets.hub import read_hub
from backend.textsets.limits import Limits
from backend.values.reading import TextColumns
from backend.values.texts import TextTable
from tests.textsets.hub_server import hub_server

datasets = pytest.importorskip("datasets", reason="the optional package 'datasets' is not installed")

PROJECT = Path(__file__).resolve().parents[2]
CARD = b"""---
dataset_info:
  features:
  - name: text
    dtype: string
  - name: label
    dtype:
      class_label:
        names:
          '0': neg
          '1': pos
---
"""
CONFIGS = b"""---
configs:
- config_name: first
  data_files: first.jsonl
- config_name: second
  data_files: second.jsonl
---
"""
TEXT = TextColumns(text="text")
BOTH = TextColumns(text="text", label="label")
# One process for several requests: each is (path, config, split, columns); it prints [ok, message or texts, hint or rest].
ASK = """
import json, sys
from backend.errors import TextSetError
from backend.specs import TextColumns
from backend.textsets.hub import read_hub
from backend.textsets.limits import Limits
for path, config, split, columns in json.loads(sys.argv[1]):
    try:
        table = read_hub(path, config=config, split=split, columns=TextColumns(**columns), name="n", limits=Limits())
        print(json.dumps([True, table.texts, table.columns]))
    except TextSetError as error:
        print(json.dumps([False, error.message, error.hint]))
"""


def parquet(**columns: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "datasets-cache")


@pytest.fixture
def folder(tmp_path):
    """A data set folder of two splits with class numbers, one of them missing, and a column of vectors."""
    path = tmp_path / "films"
    path.mkdir()
    features = datasets.Features(
        text=datasets.Value("string"),
        label=datasets.ClassLabel(names=["neg", "pos"]),
        stars=datasets.Value("int64"),
        vector=datasets.List(datasets.Value("float32")),
    )
    for split, labels in {"train": [0, 1, 0, 1], "test": [1, -1]}.items():
        texts = [f"{split} {number}" for number in range(len(labels))]
        columns = {"text": texts, "label": labels, "stars": range(len(labels)), "vector": [[1.0]] * len(labels)}
        datasets.Dataset.from_dict(columns, features=features).to_parquet(path / f"{split}-00000-of-00001.parquet")
    return path


def read(
    path: Path, columns: TextColumns, split: str | None = None, limits: Limits = Limits(), **rest: Any
) -> TextTable:
    config = rest.get("config")
    return read_hub(str(path), config=config, split=split, columns=columns, name="n", limits=limits, allow_local=True)


def refusal(*arguments: Any, **rest: Any) -> TextSetError:
    with pytest.raises(TextSetError) as caught:
        read(*arguments, **rest)
    assert caught.value.hint
    return caught.value


def test_one_split_with_class_names(folder):
    table = read(folder, TextColumns(text="text", label="label", metadata=("stars",)), "train")
    assert table.texts == ("train 0", "train 1", "train 2", "train 3")
    assert table.columns == {"label": ("neg", "pos", "neg", "pos"), "stars": ("0", "1", "2", "3")}
    assert (table.name, table.label, table.split) == ("n", "label", None)


def test_all_splits_at_once(folder):
    table = read(folder, BOTH)
    assert table.split == "split"
    assert table.columns["split"] == ("train",) * 4 + ("test",) * 2
    assert table.columns["label"] == ("neg", "pos", "neg", "pos", "pos", None)
    assert table.notices == ('1 row without a label in column "label": row 6.',)


def test_a_part_of_a_split(folder):
    assert read(folder, TEXT, "train[:2]").texts == ("train 0", "train 1")
    assert len(read(folder, TEXT, "test[:50]")) == 2


def test_rows_stop_at_the_limit(folder):
    limits = Limits(max_rows=3)
    assert "the limit is 3 (EMBEDSCOPE_MAX_ROWS)" in refusal(folder, TEXT, "train", limits).message
    assert len(read(folder, TEXT, "train[:3]", limits)) == 3
    error = refusal(folder, TextColumns(text="text", metadata=("stars", "label")), None, Limits(max_bytes=5))
    assert "more than 25 characters in all" in error.message


def test_columns_and_splits_that_are_not_there(folder):
    error = refusal(folder, TextColumns(text="review"))
    assert error.message == 'There is no column "review".'
    assert '"text", "label", "stars", "vector"' in error.hint
    assert "cannot be chosen: it holds List" in refusal(folder, TextColumns(text="vector")).message
    error = refusal(folder, TEXT, "dev")
    assert error.message == f"Data set '{folder}' has no split 'dev'."
    assert error.hint.startswith('There are "train", "test".')
    assert "has no split 'train[5:]'" in refusal(folder, TEXT, "train[5:]").message


def test_configs(tmp_path):
    (tmp_path / "README.md").write_bytes(CONFIGS)
    (tmp_path / "first.jsonl").write_text('{"text": "a", "meta": {"k": 1}}\n{"text": null}\n')
    (tmp_path / "second.jsonl").write_text('{"text": "b"}\n')
    error = refusal(tmp_path, TEXT)
    assert (error.message, error.hint) == (
        f"Data set '{tmp_path}' has several configs: choose one.",
        "There are: first, second.",
    )
    error = refusal(tmp_path, TEXT, config="third")
    assert (error.message, error.hint) == (
        f"Data set '{tmp_path}' has no config 'third'.",
        "There are: first, second.",
    )
    table = read(tmp_path, TEXT, config="first")
    assert (table.texts, table.notices) == (("a",), ("Dropped 1 row with an empty text: row 2.",))
    assert "cannot be chosen" in refusal(tmp_path, TextColumns(text="meta"), config="first").message


def test_folders_that_are_no_data_set(tmp_path):
    assert "no data files" in refusal(tmp_path, TEXT).message
    (tmp_path / f"{tmp_path.name}.py").write_text("raise SystemExit('ran')")
    assert "scripts from the hub are never run" in refusal(tmp_path, TEXT).message


def test_a_card_that_names_files_elsewhere(tmp_path):
    (tmp_path / "secret.txt").write_text("secret\n")
    inside = tmp_path / "inside"
    inside.mkdir()
    for files in (str(tmp_path / "secret.txt"), "../secret.txt"):
        (inside / "README.md").write_text(f"---\nconfigs:\n- config_name: a\n  data_files: {files}\n---\n")
        error = refusal(inside, TEXT)
        assert "secret.txt" in error.message or "no data files" in error.message


def test_pickles_are_refused(tmp_path):
    (tmp_path / "train.pkl").write_bytes(b"\x80\x04N.")
    assert refusal(tmp_path, TEXT).message.startswith(f"Data set '{tmp_path}'")


def test_folders_of_this_machine_only_where_allowed(folder, monkeypatch):
    monkeypatch.chdir(folder.parent)
    for name in (str(folder), "../films", "~/films", "hf://datasets/a/b", "https://a.org/b", "a/b/c", ""):
        with pytest.raises(TextSetError, match="The hub has no data set"):
            read_hub(name, config=None, split=None, columns=TEXT, name="n", limits=Limits())


def ask(requests: list[tuple[Any, ...]], tmp_path: Path, **environment: str) -> list[list[Any]]:
    own = {"HF_HOME": str(tmp_path / "home"), "PYTHONPATH": str(PROJECT), "no_proxy": "127.0.0.1"}
    keep = {key: value for key, value in os.environ.items() if not key.startswith("HF_")}
    done = subprocess.run(
        [sys.executable, "-c", ASK, json.dumps(requests)],
        env={**keep, **own, **environment},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_the_hub_itself(tmp_path):
    rows = parquet(text=["a", "b", "c"], label=[0, 1, -1])
    (tmp_path / "secret.txt").write_text("secret\n")
    outside = f"---\nconfigs:\n- config_name: a\n  data_files: {tmp_path / 'secret.txt'}\n---\n".encode()
    repositories = {
        "acme/films": {"README.md": CARD, "data/train-00000-of-00001.parquet": rows},
        "acme/configs": {"README.md": CONFIGS, "first.jsonl": b'{"text": "x"}\n', "second.jsonl": b'{"text": "y"}\n'},
        "acme/script": {"script.py": b"raise SystemExit('ran')"},
        "acme/closed": {"README.md": CARD, "data/train-00000-of-00001.parquet": rows},
        "acme/thief": {"README.md": outside, "train.txt": b"x\n"},
        "acme/films2": {"README.md": CARD, "data/train-00000-of-00001.parquet": rows[: len(rows) // 2]},
    }
    (tmp_path / "acme" / "films").mkdir(parents=True)  # a folder of the same name here must not be taken for it
    (tmp_path / "acme" / "films" / "train.txt").write_text("local\n")
    text, both = {"text": "text"}, {"text": "text", "label": "label"}
    requests = [
        ("acme/films", None, None, both),
        ("acme/films", None, "train[:1]", both),
        ("acme/films", None, "dev", both),
        ("acme/configs", "second", "train", text),
        ("acme/configs", None, None, text),
        ("acme/script", None, None, text),
        ("acme/closed", None, None, text),
        ("acme/nothing", None, None, text),
        ("acme/thief", None, None, {"text": 0}),
        ("acme/films2", None, None, both),
    ]
    with hub_server(repositories, gated=("acme/closed",)) as address:
        answers = ask(requests, tmp_path, HF_ENDPOINT=address)
    assert answers[:2] == [
        [True, ["a", "b", "c"], {"label": ["neg", "pos", None]}],
        [True, ["a"], {"label": ["neg"]}],
    ]
    assert answers[2][:2] == [False, "Data set 'acme/films' has no split 'dev'."]
    assert answers[3] == [True, ["y"], {}]
    assert answers[4][:2] == [False, "Data set 'acme/configs' has several configs: choose one."]
    assert "scripts from the hub are never run" in answers[5][1]
    assert "is gated" in answers[6][1]
    assert answers[7][:2] == [False, "The hub has no data set 'acme/nothing' that you may read."]
    assert not answers[8][0]
    assert "'acme/thief' cannot be read" in answers[8][1] or "from outside the repository" in answers[8][1]
    assert not answers[9][0]
    assert "'acme/films2'" in answers[9][1]


@pytest.mark.parametrize("offline_mode", [True, False])
def test_offline(tmp_path, offline_mode):
    with socket.socket() as free:  # a port at which nobody answers
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    environment = {"HF_HUB_OFFLINE": "1"} if offline_mode else {"HF_ENDPOINT": address}
    [answer] = ask([("stanfordnlp/sst2", None, "train", {"text": "sentence"})], tmp_path, **environment)
    assert answer[:2] == [False, "The hub cannot be reached (offline), so data set 'stanfordnlp/sst2' was not read."]


def test_without_the_package(tmp_path):
    (tmp_path / "datasets.py").write_text("raise ModuleNotFoundError('datasets')")
    path = os.pathsep.join([str(tmp_path), str(PROJECT)])
    [answer] = ask([("stanfordnlp/sst2", None, None, {})], tmp_path, PYTHONPATH=path)
    assert answer == [
        False,
        "Data sets of the hub need the package 'datasets', which is not installed.",
        "pip install datasets",
    ]
