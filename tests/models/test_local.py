"""Which models lie below the roots: found by name, whatever else is there, and never without an end."""

import json
from pathlib import Path

from backend.models.local import Bounds, find_local_models


def model(folder: Path, family: str = "bert", weights: str = "model.safetensors") -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text(json.dumps({"model_type": family}))
    (folder / weights).write_bytes(b"x" * 100)
    return folder


def found(*roots: Path, bounds: Bounds = Bounds()) -> dict[str, str]:
    """Kind by path, below the first root."""
    said = find_local_models(roots, bounds)
    return {str(Path(line.name).relative_to(roots[0])): line.kind for line in said.found}


def test_models_adapters_packages_and_series_are_told_apart(tmp_path: Path) -> None:
    model(tmp_path / "plain")
    model(tmp_path / "deep" / "er" / "one", "gpt2", "model.safetensors.index.json")
    adapter = tmp_path / "adapter"
    adapter.mkdir()
    (adapter / "adapter_config.json").write_text("{}")
    (adapter / "adapter_model.safetensors").write_bytes(b"x")
    model(tmp_path / "package" / "0_Transformer")
    (tmp_path / "package" / "modules.json").write_text("[]")
    for step in (10, 20, 300):
        model(tmp_path / "training" / f"checkpoint-{step}", "llama")
    model(tmp_path / "training" / "final", "llama")
    model(tmp_path / "once" / "checkpoint-5")
    assert found(tmp_path) == {
        "plain": "model",
        "deep/er/one": "model",
        "adapter": "adapter",
        "package": "model",
        "training": "series",
        "training/final": "model",
        "once/checkpoint-5": "model",
    }
    lines = {Path(line.name).name: line for line in find_local_models([tmp_path]).found}
    assert (lines["training"].n_steps, lines["training"].n_bytes, lines["training"].family) == (3, 300, "llama")


def test_what_cannot_be_run_or_named_is_not_offered(tmp_path: Path) -> None:
    model(tmp_path / "pickled", weights="pytorch_model.bin")
    model(tmp_path / ".hidden")
    model(tmp_path / "two\nlines")
    (tmp_path / "weights only").mkdir()
    (tmp_path / "weights only" / "model.safetensors").write_bytes(b"x")
    model(tmp_path / "odd").joinpath("config.json").write_text("[" * 100_000)
    assert found(tmp_path) == {"odd": "model"} and found(tmp_path / "nowhere") == {}


def test_links_are_followed_below_the_roots_alone_and_never_in_a_circle(tmp_path: Path) -> None:
    root, outside = tmp_path / "root", tmp_path / "outside"
    model(outside / "secret")
    model(root / "real")
    (root / "out").symlink_to(outside)
    (root / "secret").symlink_to(outside / "secret")
    (root / "circle").symlink_to(root)
    (root / "real" / "up").symlink_to(root / "real")
    (root / "gone").symlink_to(tmp_path / "nothing")
    assert found(root) == {"real": "model"}
    both = [Path(line.name).resolve() for line in find_local_models([root, outside]).found]
    assert sorted(both) == [outside / "secret", root / "real"], "each once, by whichever way it is reached"


def test_a_huge_tree_ends_at_the_bounds_and_says_so(tmp_path: Path) -> None:
    model(tmp_path / "a")
    for number in range(50):
        (tmp_path / "many" / str(number) / "x").mkdir(parents=True)
    (tmp_path / "files").mkdir()
    for number in range(200):
        (tmp_path / "files" / f"{number}.json").touch()
    whole = find_local_models([tmp_path])
    assert whole.complete and [line.kind for line in whole.found] == ["model"]
    for bounds in (Bounds(folders=20), Bounds(entries=100), Bounds(depth=1), Bounds(seconds=-1.0)):
        cut = find_local_models([tmp_path], bounds)
        assert not cut.complete, bounds
    assert find_local_models([tmp_path], Bounds(folders=20)).found == whole.found, "what is near the root comes first"
