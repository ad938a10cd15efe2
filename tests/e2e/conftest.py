"""A running Embedscope and a browser tab that looks at it; skipped, with the reason, where there is no Chromium."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.stack import running
from tests.pages.browser import browser, chromium_missing


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = chromium_missing()
    for item in items:
        if "e2e" in item.path.parts:
            item.add_marker("e2e")
            item.add_marker(
                pytest.mark.flaky(reruns=2)
            )  # a browser on a loaded machine; every rerun is counted in the report
            if reason:
                item.add_marker(pytest.mark.skip(reason=f"browser tests skipped: {reason}"))


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


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    with browser() as opened:
        yield opened


@pytest.fixture
def tab(chromium: Any) -> Iterator[Any]:
    """A tab with its own session; the test fails when a script in it raised."""
    context = chromium.new_context(viewport={"width": 1360, "height": 900}, accept_downloads=True)
    page = context.new_page()
    page.set_default_timeout(90_000)  # two cores are shared
    raised: list[str] = []
    page.on("pageerror", lambda error: raised.append(str(error)))
    yield page
    context.close()
    assert not raised
