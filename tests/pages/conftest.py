"""A small world for the tests of pages: three tiny random models and a text set, computed in this process."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch
from safetensors.torch import load_file, save_file
from streamlit.testing.v1 import AppTest

import backend
from pages._kit.show import columns, text_rows
from pages._kit.show import finding as finding_module
from pages._kit.show.finding import Finding
from pages._kit.state import session
from tests.models.tiny import SEGMENTS, TEXTS, WORDS, bert_config, save

ROOT = Path(__file__).resolve().parents[2]
LABELS = ("animals", "houses", "films")
STEPS = (0, 10, 100)


@dataclass(frozen=True)
class SmallWorld:
    """An inline workbench; three BERTs of the same shape, the third narrower; 60 texts called "words"."""

    bench: Any
    folder: Path
    models: tuple[str, ...]
    texts: Any

    def infos(self, *places: int) -> list[Any]:
        """The models at these places, resolved."""
        return [self.bench.model(self.models[place]) for place in places]

    def computed(self, metric: str, *places: int, **options: Any) -> Any:
        """The result of a metric, straight from the workbench."""
        models = self.infos(*(places or (0,)))
        return self.bench.wait(self.bench.analysis(metric, models=models, texts=self.texts, pooling="mean", **options))


@pytest.fixture(scope="package")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallWorld]:
    folder = tmp_path_factory.mktemp("small-world")
    names = []
    for place, width in enumerate((32, 32, 16)):
        path = folder / f"model-{place}"
        config = bert_config(hidden_size=width, intermediate_size=48)
        names.append(str(save(path, config, seed=place, model_input_names=SEGMENTS)))
    rows = [f"{TEXTS[i % 7]} {WORDS[i % 25]} {WORDS[i // 3]}\t{LABELS[i % 3]}" for i in range(60)]
    (folder / "words.tsv").write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMBEDSCOPE_CACHE", str(folder / "cache"))
        patch.setenv("EMBEDSCOPE_MODEL_ROOTS", str(folder))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.delenv("EMBEDSCOPE_BACKEND", raising=False)
        bench = backend.open_workbench()
        texts = bench.read_texts(folder / "words.tsv", text="text", label="label", name="words")
        yield SmallWorld(bench, folder, tuple(names), texts)
        bench.close()


@pytest.fixture(scope="package")
def run(small_world: SmallWorld) -> Path:
    """Checkpoints of one model that drifts ever further from its beginning."""
    folder = small_world.folder / "run"
    first = save(folder / "step-00000", bert_config(), seed=5, model_input_names=SEGMENTS)
    weights = load_file(first / "model.safetensors")
    torch.manual_seed(0)
    drift = {name: torch.randn_like(values) for name, values in weights.items()}
    for step in STEPS[1:]:
        path = shutil.copytree(first, folder / f"step-{step:05d}")
        moved = {name: values + 0.005 * step * drift[name] for name, values in weights.items()}
        save_file(moved, path / "model.safetensors", metadata={"format": "pt"})
    small_world.bench._executor._local._known = None  # what a test before listed is good for a minute
    return folder


def settled(at: Any) -> Any:
    """Tasks that start by themselves end within their run in this process; the page shows them in the next."""
    for _ in range(4):
        if not any("…" in caption.value for caption in at.caption):
            break
        at.run()
    assert not at.exception
    return at


@pytest.fixture(autouse=True)
def tables_open(monkeypatch: pytest.MonkeyPatch) -> None:
    """Folded tables are open from the start, to be read."""
    monkeypatch.setattr(columns, "OPEN_AT_FIRST", True)


@pytest.fixture(scope="package")
def navigation(small_world: SmallWorld) -> dict[str, Any]:
    """The table of pages that app.py registers, by AppTest's number of each; it knows them after a first run alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(session, "_open", lambda: small_world.bench)
        return dict(AppTest.from_file(str(ROOT / "app.py"), default_timeout=240).run()._registered_pages)


@pytest.fixture
def open_page(
    small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch, shown: dict[str, Finding], navigation: dict[str, Any]
) -> Callable[..., AppTest]:
    """Opens a page of the sections Geometry, Labels and Training on models of the small world; by place or name; keyword arguments go into the URL."""
    monkeypatch.setattr(session, "_open", lambda: small_world.bench)

    def opening(page: str, *places: int | str, **choice: Any) -> AppTest:
        at = AppTest.from_file(str(ROOT / "app.py"), default_timeout=240)
        at.query_params["texts"] = "words"
        at.query_params["model"] = [one if isinstance(one, str) else small_world.models[one] for one in places or (0,)]
        for name, value in choice.items():
            at.query_params[name] = value
        if page == "overview":
            at.run()
        else:
            section = next(
                name
                for name in ("geometry", "labels", "training")
                if (ROOT / "pages" / name / page / "page.py").exists()
            )
            at._registered_pages = navigation  # straight to the page, as a link leads there
            at.switch_page(f"pages/{section}/{page}/page.py").run()
        assert not at.exception
        return at

    return opening


@pytest.fixture
def run_page() -> Callable[[AppTest, str], AppTest]:
    """Presses Run where it is offered, and checks that nothing went wrong."""

    def running(at: AppTest, key: str) -> AppTest:
        if any(button.key == f"{key}_run" for button in at.button):
            at.button(key=f"{key}_run").click().run()
        assert not at.exception
        assert not at.error
        return at

    return running


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> dict[str, Finding]:
    """The figures that pages have shown in this test, by key: the last of each, with its table and files."""
    seen: dict[str, Finding] = {}
    offer = finding_module._offer

    def seeing(finding: Finding, *frame: int | None) -> None:
        seen[finding.key] = finding
        offer(finding, *frame)

    monkeypatch.setattr(finding_module, "_offer", seeing)
    return seen


@pytest.fixture
def tables(monkeypatch: pytest.MonkeyPatch) -> dict[str, pd.DataFrame]:
    """What the tables of texts show in this test, by their keys: the last of each."""
    seen: dict[str, pd.DataFrame] = {}
    show = text_rows.show_table

    def seeing(table: pd.DataFrame, **more: Any) -> None:
        seen[more["key"]] = table
        show(table, **more)

    monkeypatch.setattr(text_rows, "show_table", seeing)
    return seen


@pytest.fixture
def few_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lets each training of a probe stop early: sixty rows of small models teach a network nothing later."""
    monkeypatch.setattr("backend.metrics.probing.kernel.MOST_ITERATIONS", 20)
