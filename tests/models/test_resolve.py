"""Names to identities: local folders, roots, the packaged model, and everything that is refused."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.errors import InvalidRequest, ModelError
from backend.models import folders
from backend.models import resolve as resolving
from backend.models.resolve import PackagedModel, model_files, resolve
from backend.values.specs import ModelSpec
from tests.models import tiny


@pytest.fixture(scope="session")
def bert(tmp_path_factory: Any) -> Path:
    return tiny.save_family(tmp_path_factory.mktemp("session") / "bert", "bert")


@pytest.fixture
def folder(bert: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(bert, tmp_path / "root" / "bert"))


def resolved(name: Any, roots: tuple[Path, ...] | None = None) -> ModelSpec:
    return resolve(str(name), dtype="float32", roots=roots)


def refusal(name: Any, roots: tuple[Path, ...] | None = None) -> str:
    with pytest.raises(ModelError) as caught:
        resolved(name, roots)
    assert caught.value.hint
    return caught.value.message


def test_minilm_is_the_published_model() -> None:
    spec = resolved("minilm", ())
    assert spec.name == "minilm" and len(spec.commit) == 40
    assert (model_files(spec, roots=()).folder / "model.safetensors").stat().st_size == 90_868_376


def test_weights_of_minilm_that_are_not_the_published_ones_are_refused(monkeypatch: Any) -> None:
    packaged = resolving.ALIASES["minilm"]
    monkeypatch.setitem(resolving.ALIASES, "minilm", PackagedModel(packaged.module, packaged.folder, "0" * 64))
    assert "not the published ones" in refusal("minilm")
    monkeypatch.setitem(resolving.ALIASES, "minilm", PackagedModel("no_such_package", "model", "0" * 64))
    assert "no-such-package, which is not installed" in refusal("minilm")


def test_resolving_needs_no_torch() -> None:
    code = "import sys; from backend.models.resolve import resolve; resolve('minilm', dtype='float32', roots=());"
    code += "sys.exit(bool({'torch', 'transformers'} & set(sys.modules)))"
    root = Path(__file__).resolve().parents[2]
    assert subprocess.run([sys.executable, "-c", code], cwd=root).returncode == 0


def test_a_folder_is_identified_by_its_contents(folder: Path, tmp_path: Path) -> None:
    spec = resolved(folder)
    assert resolved(shutil.copytree(folder, tmp_path / "copy")).commit == spec.commit
    (folder / "README.md").write_text("no part of the model")
    (folder / "training_args.bin").write_bytes(b"no part either")
    assert resolved(folder).commit == spec.commit
    weights = bytearray((folder / "model.safetensors").read_bytes())
    weights[-1] ^= 1
    (folder / "model.safetensors").write_bytes(weights)
    changed = resolved(folder)
    assert changed.commit != spec.commit
    (folder / "tokenizer_config.json").write_text("{}")
    assert resolved(folder).commit not in (spec.commit, changed.commit)


def test_a_folder_that_changed_since_is_noticed(folder: Path) -> None:
    spec = resolved(folder)
    assert model_files(spec, roots=None).folder == folder
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**config, "layer_norm_eps": 1e-5}))
    with pytest.raises(ModelError, match="changed since it was resolved"):
        model_files(spec, roots=None).folder


def test_a_file_is_hashed_again_only_when_it_changed(folder: Path, monkeypatch: Any) -> None:
    resolved(folder)
    monkeypatch.setattr(folders.hashlib, "file_digest", None)  # hashing again would fail
    resolved(folder)
    os.utime(folder / "model.safetensors", ns=(1, 1))
    with pytest.raises(TypeError):
        resolved(folder)


def test_ways_to_write_a_folder(folder: Path, monkeypatch: Any) -> None:
    monkeypatch.chdir(folder.parent)
    monkeypatch.setenv("HOME", str(folder.parent))
    specs = [resolved(name) for name in (folder, "bert", "./bert", "~/bert", "../root/bert", f"{folder}/", "./bert/.")]
    assert {(spec.name, spec.commit) for spec in specs} == {(str(folder), specs[0].commit)}


# Roots


def test_a_folder_below_a_root_is_allowed(folder: Path, tmp_path: Path) -> None:
    for roots in ((tmp_path,), (tmp_path / "other", tmp_path / "root"), (folder,)):
        assert model_files(resolved(folder, roots), roots=roots).folder == folder


def test_a_folder_outside_the_roots_is_refused(folder: Path, tmp_path: Path) -> None:
    allowed = tmp_path / "allowed"
    allowed.mkdir()
    (tmp_path / "allowed2").mkdir()
    link = allowed / "link"
    link.symlink_to(folder)
    names = (
        *(folder, allowed / ".." / "root" / "bert", link, "/etc", "~", tmp_path / "allowed2", tmp_path / "nothing"),
        f"{allowed}/../../../../../../../../etc",
    )
    for name in names:
        assert "may not be opened" in refusal(name, (allowed,))
        assert "may not be opened" in refusal(name, ())
    assert "no config.json" in refusal(allowed, (allowed,))


def test_a_spec_does_not_open_what_its_roots_forbid(folder: Path, tmp_path: Path) -> None:
    spec = resolved(folder)
    with pytest.raises(ModelError, match="may not be opened"):
        model_files(spec, roots=(tmp_path / "allowed",)).folder


def test_a_file_that_links_out_of_the_roots_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "model.safetensors", tmp_path / "model.safetensors")
    (folder / "model.safetensors").symlink_to(tmp_path / "model.safetensors")
    assert "model.safetensors is a link that leads outside" in refusal(folder, (tmp_path / "root",))
    assert resolved(folder, (tmp_path,)).commit == resolved(folder).commit


def test_a_root_that_is_a_link_itself(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(tmp_path / "root")
    assert resolved(tmp_path / "alias" / "bert", (tmp_path / "alias",)).name == str(folder)


# Refusals: (what is done to a good folder, what the message then says)


def edit(file_name: str, **changes: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / file_name
        value = json.loads(path.read_text()) if path.exists() else {}
        path.write_text(json.dumps({**value, **changes}))

    return change


def write(file_name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / file_name).write_bytes(content) and None


def remove(*file_names: str) -> Callable[[Path], None]:
    return lambda folder: [(folder / name).unlink() for name in file_names] and None


def rename(old: str, new: str) -> Callable[[Path], None]:
    return lambda folder: (folder / old).rename(folder / new) and None


def truncate(n_bytes: int) -> Callable[[Path], None]:
    def cut(folder: Path) -> None:
        path = folder / "model.safetensors"
        path.write_bytes(path.read_bytes()[:n_bytes])

    return cut


def index(table: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        (folder / "model.safetensors").rename(folder / "model-00001-of-00002.safetensors")
        (folder / "model.safetensors.index.json").write_text(json.dumps(table))

    return change


SHARDS = {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}
REFUSALS = {
    "no configuration": (remove("config.json"), "broken: it has no config.json"),
    "bad JSON": (write("config.json", b'{"model_type": "bert"'), "config.json cannot be read as JSON"),
    "not UTF-8": (write("config.json", b"\xff\xfe\x00"), "config.json cannot be read as JSON"),
    "deep JSON": (write("config.json", b"[" * 200_000), "config.json cannot be read as JSON"),
    "no object": (write("config.json", b"[]"), "config.json does not hold a JSON object"),
    "remote code of an unknown type": (
        edit("config.json", auto_map={"AutoModel": "modeling.Model"}, model_type="chatglm"),
        "needs code of its own (config.json",
    ),
    "remote code of an unknown class": (
        edit("config.json", auto_map={"AutoModel": "modeling.Model"}, architectures=["JinaBertForMaskedLM"]),
        "needs code of its own (config.json",
    ),
    "remote tokenizer": (
        lambda folder: [
            edit("tokenizer_config.json", auto_map={"AutoTokenizer": ["t.T", None]}, tokenizer_class="T")(folder),
            rename("tokenizer.json", "vocab.txt")(folder),
        ],
        "needs code of its own (tokenizer_config.json",
    ),
    "quantised": (edit("config.json", quantization_config={"quant_method": "gptq"}), "quantised weights"),
    "pickle only": (rename("model.safetensors", "pytorch_model.bin"), "only pickle weights (pytorch_model.bin)"),
    "a checkpoint file": (rename("model.safetensors", "epoch3.ckpt"), "only pickle weights (epoch3.ckpt)"),
    "no weights": (remove("model.safetensors"), "has no weights"),
    "truncated": (truncate(30_000), "model.safetensors (30,000 bytes) is truncated or damaged"),
    "truncated header": (truncate(5), "model.safetensors (5 bytes) is truncated or damaged"),
    "empty weights": (truncate(0), "model.safetensors (0 bytes) is truncated or damaged"),
    "noise": (write("model.safetensors", os.urandom(5000)), "is truncated or damaged"),
    "GGUF": (rename("model.safetensors", "model-q8.gguf"), "is in GGUF (model-q8.gguf), which cannot be read here"),
    "TensorFlow": (rename("model.safetensors", "tf_model.h5"), "is in TensorFlow (tf_model.h5)"),
    "Flax": (rename("model.safetensors", "flax_model.msgpack"), "is in Flax (flax_model.msgpack)"),
    "another name": (rename("model.safetensors", "weights.safetensors"), "another name (weights.safetensors)"),
    "Mistral's own": (
        lambda folder: [
            rename("model.safetensors", "consolidated.safetensors")(folder),
            rename("config.json", "params.json")(folder),
        ],
        "is in the format of Meta's or Mistral's own software (consolidated.safetensors, params.json)",
    ),
    "no tokenizer": (remove("tokenizer.json"), "has no tokenizer"),
    "missing shard": (index({"weight_map": SHARDS}), "the shard model-00002-of-00002.safetensors, which is missing"),
    "index without a table": (index({"metadata": {}}), "holds no weight_map"),
    "shard elsewhere": (index({"weight_map": {"a": "../model.safetensors"}}), "not a safetensors file in this folder"),
    "pickled shard": (index({"weight_map": {"a": "model.bin"}}), "not a safetensors file in this folder"),
    "adapter of nothing": (edit("adapter_config.json", peft_type="LORA"), "names no base model"),
}


@pytest.mark.parametrize("case", list(REFUSALS))
def test_a_folder_that_is_not_whole_or_not_safe_is_refused(case: str, folder: Path) -> None:
    change, message = REFUSALS[case]
    change(folder)
    assert message in refusal(folder)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "empty or contains control characters"),
        ("a\0b", "empty or contains control characters"),
        ("./nothing-here", "There is no folder './nothing-here'"),
        ("/nothing/here", "There is no folder '/nothing/here'"),
        ("~nobody-of-that-name/x", "cannot be opened"),
        ("../nothing@main", "There is no folder"),
        ("a/b/c", "There is no model 'a/b/c'"),
        ("-x", "There is no model '-x'"),
        ("a@b@c", "There is no model 'a@b@c'"),
        ("/" + "x" * 5000, "cannot be opened"),
    ],
)
def test_a_name_that_stands_for_nothing(name: str, message: str) -> None:
    assert message in refusal(name)


def test_a_file_is_no_model(folder: Path) -> None:
    assert "is a file, not a folder" in refusal(folder / "config.json")


def test_an_unknown_number_format_is_refused() -> None:
    with pytest.raises(InvalidRequest, match="no number format 'int8'"):
        resolve("minilm", dtype="int8", roots=())


def test_refusals_all_differ(bert: Path, tmp_path: Path) -> None:
    messages = set()
    for case, (change, _) in REFUSALS.items():
        folder = Path(shutil.copytree(bert, tmp_path / case))
        change(folder)
        messages.add(refusal(folder).replace(str(folder), ""))
    alike = {"bad JSON", "not UTF-8", "deep JSON", "no object"}  # may share a sentence, apart from the detail
    assert len(messages) >= len(REFUSALS) - len(alike)
