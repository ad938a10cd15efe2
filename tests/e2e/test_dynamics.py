"""A series of checkpoints in the browser: one job, then every view; the step slider; its steps as models in the sidebar."""

import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from tests.e2e import looking

POINTS = "document.querySelector('.st-key-dynamics_map_plot .js-plotly-plot').data.map((trace) => [...trace.x].join())"


@pytest.fixture(scope="module")
def run(folder: Path) -> str:
    """Three checkpoints below the model root: a small random model that drifts away from its beginning."""
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


def test_a_series_is_run_once_and_drawn_at_once_the_next_time(address: str, tab: Any, run: str) -> None:
    tab.goto(f"{address}/dynamics?series={quote(run)}")
    looking.run_if_asked(tab)
    tab.get_by_text("3 checkpoints: steps 0, 100, 1,000.").wait_for()
    drawn = "document.querySelectorAll('[class*=st-key-dynamics_anisotropy] .js-plotly-plot').length >= 3"
    tab.wait_for_function(drawn, timeout=looking.RUN_MS)
    tab.reload()
    looking.figures(tab).first.wait_for(timeout=looking.RUN_MS)
    assert tab.get_by_role("button", name="Run", exact=True).count() == 0
    assert tab.locator("[data-testid=stException]").count() == 0


def test_the_slider_moves_the_points_in_the_browser(address: str, tab: Any, run: str) -> None:
    tab.goto(f"{address}/dynamics?series={quote(run)}&dynamics_view=Map")
    looking.run_if_asked(tab)
    slider = tab.get_by_role("slider", name="Step")
    slider.wait_for(timeout=looking.RUN_MS)
    assert slider.get_attribute("aria-valuetext") == "1,000"
    before = tab.evaluate(POINTS)
    # "input" alone: only "change", at the slider's release, tells the server.
    slider.evaluate("(input) => { input.value = 0; input.dispatchEvent(new Event('input')); }")
    tab.wait_for_function(f"(before) => JSON.stringify({POINTS}) !== JSON.stringify(before)", arg=before)
    assert slider.get_attribute("aria-valuetext") == "0"


def test_a_series_named_as_a_model_offers_its_steps(address: str, tab: Any, run: str) -> None:
    tab.goto(f"{address}/profiles?model={quote(run)}")
    tab.get_by_text("is a series of checkpoints: choose some of its steps").wait_for(timeout=looking.RUN_MS)
    looking.settled(tab)
    tab.get_by_role("button", name="Take first and last").click()
    tab.wait_for_url(re.compile("checkpoint-1000"))
    assert looking.chosen(tab, "model") == f"{run}/checkpoint-0+{run}/checkpoint-1000"


def test_the_sidebar_leads_to_all_steps(address: str, tab: Any, run: str) -> None:
    tab.goto(f"{address}/profiles?model={quote(run)}&texts=topics")
    tab.get_by_role("link", name="All steps: Dynamics").click(timeout=looking.RUN_MS)
    looking.opened(tab, "Dynamics")
    assert looking.chosen(tab, "series") == run
    assert looking.chosen(tab, "texts") == "topics"
