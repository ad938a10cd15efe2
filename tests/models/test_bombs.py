"""Folders whose files ask for more than any model needs, or lead elsewhere: refused before they take time or memory."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from backend.errors import ModelError
from backend.models.folders import MOST_JSON_BYTES
from backend.models.loading import describe
from backend.models.package import read_package
from backend.models.resolve import resolve
from tests.guards import guarded
from tests.models.tiny import SEGMENTS, bert_config, save


def _config(**entries: Any) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        table = json.loads((folder / "config.json").read_text())
        (folder / "config.json").write_text(json.dumps({**table, **entries}))

    return change


def _weights(header: bytes, said: int | None = None) -> Callable[[Path], None]:
    size = len(header) if said is None else said
    return lambda folder: _write(folder / "model.safetensors", size.to_bytes(8, "little") + header)


def _write(path: Path, content: bytes) -> None:
    path.write_bytes(content)


BOMBS: dict[str, tuple[Callable[[Path], None], str]] = {
    "30,000 layers": (_config(num_hidden_layers=30_000), "more than 40,000 parts, which is the limit"),
    "100,000,000 classes": (_config(num_labels=10**8), "100,000,000 classes; the limit is 1,000,000"),
    "a large config": (_config(more="a" * MOST_JSON_BYTES), "config.json .* has more than 8,388,608 bytes"),
    "a deep config": (
        lambda folder: _write(folder / "config.json", b'{"a":' + b"[" * 100_000),
        "cannot be read as JSON",
    ),
    "a deep tokenizer": (
        lambda folder: _write(folder / "tokenizer.json", b'{"a":' + b"[" * 100_000),
        "tokenizer cannot",
    ),
    "a header beyond the file": (_weights(b"{}", 2**62), "truncated or damaged"),
    "tensors that overlap nothing": (_weights(b'{"a":{"dtype":"F32","shape":[9],"data_offsets":[0,36]}}'), "truncated"),
}


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder: Path = save(tmp_path_factory.mktemp("bert") / "bert", bert_config(), model_input_names=SEGMENTS)
    return folder


def _copy(bert: Path, folder: Path) -> Path:
    folder.mkdir()
    for path in bert.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


@pytest.mark.parametrize("name", sorted(BOMBS))
def test_a_folder_that_asks_for_too_much_is_refused_with_a_message(name: str, bert: Path, tmp_path: Path) -> None:
    change, said = BOMBS[name]
    folder = _copy(bert, tmp_path / "model")
    change(folder)
    with guarded(name, seconds=20), pytest.raises(ModelError, match=said) as raised:
        describe(resolve(str(folder), dtype="float32", roots=None), roots=None)
    assert raised.value.hint


def test_a_hole_of_a_terabyte_is_not_read_as_a_tokenizer(bert: Path, tmp_path: Path) -> None:
    folder = _copy(bert, tmp_path / "model")
    with (folder / "vocab.txt").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(ModelError, match=r"1,099,511,6.* bytes; the limit is 536,870,912"):
        resolve(str(folder), dtype="float32", roots=None)


def test_the_modules_of_a_package_lead_nowhere_else(bert: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "config.json").write_text('{"in_features": 1234, "out_features": 5678}')
    folder = _copy(bert, tmp_path / "model")
    modules = [{"path": "", "type": "x.Transformer"}, {"path": "../secret", "type": "x.Dense"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match="leads out of its folder"):
        read_package("m", folder)
    (folder / "inner").symlink_to(tmp_path / "secret")
    modules[1]["path"] = "inner"
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(ModelError, match="its file inner is a link that leads outside"):
        resolve(str(folder), dtype="float32", roots=(folder,))
    (folder / "inner").unlink()
    (folder / "inner").mkdir()
    (folder / "inner" / "config.json").symlink_to(tmp_path / "secret" / "config.json")
    with pytest.raises(ModelError, match=r"inner/config\.json is a link that leads outside"):
        resolve(str(folder), dtype="float32", roots=(folder,))
