"""A running Embedscope and a browser tab that looks at it; skipped, with the reason, where there is no Chromium."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import running
from tests.pages import browser


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    again = pytest.mark.flaky(reruns=2)  # a browser on a loaded machine; every rerun is counted in the report
    for item in items:
        if "e2e" in item.path.parts:
            for mark in (again, *browser.needed()):
                item.add_marker(mark)


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the dashboard's cache, its log (up.log) and its model root (models)."""
    return tmp_path_factory.mktemp("embedscope")


@pytest.fixture(scope="session")
def address(folder: Path) -> Iterator[str]:
    """The address of a dashboard that was started once, with an empty cache, for all tests of this run."""
    with running(folder, EMBEDSCOPE_MODEL_ROOTS=str(folder / "models")) as found:
        yield found


@pytest.fixture(scope="session")
def local_models(folder: Path) -> list[str]:
    """Two small random models below the model root, of one tokenizer that is not minilm's."""
    from tests.models.tiny import SEGMENTS, bert_config, save

    return [
        str(save(folder / "models" / name, bert_config(), seed=seed, model_input_names=SEGMENTS))
        for seed, name in enumerate(("first-of-two-small-models", "second-of-two-small-models"))
    ]


@pytest.fixture(scope="session")
def checkpoints(folder: Path) -> str:
    """A series of three checkpoints below the model root: a small random model that drifts away from its beginning."""
    import torch
    from safetensors.torch import load_file, save_file

    from tests.models.tiny import SEGMENTS, bert_config, save

    root = folder / "models" / "small-run"
    first = save(root / "checkpoint-0", bert_config(), seed=3, model_input_names=SEGMENTS)
    weights = load_file(first / "model.safetensors")
    torch.manual_seed(0)
    drift = {name: torch.randn_like(values) for name, values in weights.items()}
    for step in (100, 1000):
        path = shutil.copytree(first, root / f"checkpoint-{step}")
        moved = {name: values + 0.0005 * step * drift[name] for name, values in weights.items()}
        save_file(moved, path / "model.safetensors", metadata={"format": "pt"})
    return str(root)


@pytest.fixture
def tab(chromium: Any) -> Iterator[Any]:
    """A tab with its own session; the test fails when a script in it raised."""
    with browser.tab(chromium, viewport={"width": 1360, "height": 900}, accept_downloads=True) as page:
        page.set_default_timeout(90_000)  # two cores are shared
        yield page
