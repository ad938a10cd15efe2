"""At 1280 x 800, with results stored, a page shows its main figure, its controls and the shared choice whole; at 1920 x 1080 in two columns."""

from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.e2e.looking import RUN_MS, done, figures, heading, pick, run, settled

WIDTH, HEIGHT = 1280, 800
WIDE = {"width": 1920, "height": 1080}
SIDEBAR = 340  # pixels


@dataclass(frozen=True)
class First:
    """A page, the key of its main figure (or the beginning of it), and what the address asks for.

    ``n_models`` are as many of the small models; 0 is the model that the page opens with. ``settings`` are chosen under
    Settings: the key of a box, and the words of the option.
    """

    page: str
    figure: str
    n_models: int = 0
    choice: dict[str, str] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)


PAGES = (
    First("", "overview_cka"),
    First("similarity", "similarity_Between", 2),
    First("projection", "projection_map"),
    First("projection", "projection_map", choice={"chosen": "0-40"}),
    First("projection", "projection_side", 2, {"projection_view": "Side by side"}),
    First("profiles", "profiles_"),
    First("components", "components_spectrum"),
    First("rogue", "rogue_layer"),
    First("neighbours", "neighbours_ranks", 1),
    First("explorer", "explorer", choice={"metric": "anisotropy"}),
    First("explorer", "explorer", 2, {"explorer_view": "One against another"}),
    First("threshold", "threshold_profile", 2),
    First("ablation", "ablation_curves", 1),
    First("ablation", "ablation_curves_all", 2, {"ablation_model": "All models"}),
    First("neurons", "neurons_singles_1", 2),
    First("clusters", "clusters_count", 2),
    First("probes", "probes_profile", 1, {"layers": "3"}, {"probes_grid": "no search"}),  # which would take minutes
    First("movement", "movement_paths", 2),
    First("component_accuracy", "component_accuracy_chart", 1),
    First("dynamics", "dynamics_anisotropy"),
)
# Pages without a figure: what must be whole there.
ROOMS = {
    "texts": ("texts_shown", "texts_search", "texts_use"),
    "models": ("models_view",),
    "finetune": ("finetune_recipe", "finetune_start"),
    "jobs": ("jobs_small", "jobs_refresh"),
    "report": ("report_view", "report_run"),
    "papers": ("papers_paper", "papers_open_gptology-figure-1", "papers_open_gptology-appendix-A"),
}


@pytest.mark.parametrize("first", PAGES, ids=lambda first: f"{first.page or 'overview'}-{first.n_models}")
def test_the_main_figure_is_whole_on_the_first_screen(
    first: First, tab: Any, address: str, local_models: list[str], checkpoints: str
) -> None:
    tab.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    chosen = {"model": local_models[: first.n_models]} if first.n_models else {}
    if first.page == "dynamics":
        chosen["series"] = [checkpoints]
    link = f"{address}/{first.page}?{urlencode({**chosen, **first.choice}, doseq=True)}"
    opened(tab, link, first.settings)
    if tab.locator("[class*='_run'] button").count():
        run(tab)
        done(tab)
        opened(tab, link, first.settings)
    chart = tab.locator(f"[class*=st-key-{first.figure}] .embedscope-plot").first  # with the slider that belongs to it
    chart.wait_for(timeout=RUN_MS)
    settled(tab)
    tab.wait_for_function("() => document.fonts.status === 'loaded'")
    outside = {
        name: box
        for name, box in {"the figure": chart.bounding_box(), **controls(tab), **shared(tab)}.items()
        if not within(box)
    }
    assert not outside, f"not whole within {WIDTH} x {HEIGHT}"


@pytest.mark.parametrize("page", ROOMS)
def test_a_page_without_a_figure_shows_what_one_does_there(
    page: str, tab: Any, address: str, local_models: list[str]
) -> None:
    tab.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    models = local_models[: 2 if page == "report" else 1]
    tab.goto(f"{address}/{page}?{urlencode({'model': models}, doseq=True)}")
    heading(tab)
    for key in ROOMS[page]:
        tab.locator(f"[class*=st-key-{key}]").first.wait_for(timeout=20_000)
    settled(tab)
    boxes = {key: tab.locator(f"[class*=st-key-{key}]").first.bounding_box() for key in ROOMS[page]}
    outside = {name: box for name, box in {**boxes, **shared(tab)}.items() if not within(box)}
    assert not outside, f"not whole within {WIDTH} x {HEIGHT}"


@pytest.mark.parametrize(
    ("page", "figure", "beside"),
    [
        ("components", "components_spectrum", "Share of the variance that the first components hold"),
        ("rogue", "rogue_layer", "Leading dimensions of"),
        ("threshold", "threshold_profile", "The dimension by class"),
        ("movement", "movement_paths", "The numbers"),
    ],
)
def test_on_a_wide_screen_what_follows_the_figure_stands_beside_it(
    page: str, figure: str, beside: str, tab: Any, address: str, local_models: list[str]
) -> None:
    tab.set_viewport_size(WIDE)
    opened(tab, f"{address}/{page}?{urlencode({'model': local_models[0]})}", {})
    if tab.locator("[class*='_run'] button").count():
        run(tab)
    chart = tab.locator(f"[class*=st-key-{figure}] .embedscope-plot").first
    rest = tab.locator("[class*=st-key-beside_]").get_by_role("heading", name=beside)
    rest.wait_for()
    settled(tab)
    left, right = chart.bounding_box(), rest.bounding_box()
    assert left["x"] + left["width"] <= right["x"]  # side by side
    assert left["y"] <= right["y"] + right["height"] <= left["y"] + left["height"]
    assert left["width"] > 0.45 * (WIDE["width"] - SIDEBAR)
    assert right["x"] + right["width"] <= WIDE["width"]

    tab.set_viewport_size({"width": WIDTH, "height": HEIGHT})
    tab.wait_for_function(
        "([chart, rest]) => chart.getBoundingClientRect().bottom <= rest.getBoundingClientRect().top",
        arg=[chart.element_handle(), rest.element_handle()],
    )
    left, right = chart.bounding_box(), rest.bounding_box()
    assert abs(left["x"] - right["x"]) < 40  # below each other
    assert left["width"] > 0.85 * (WIDTH - SIDEBAR)


def within(box: dict[str, float]) -> bool:
    """Whether a box is on the first screen."""
    return box["y"] >= 0 and box["x"] >= 0 and box["y"] + box["height"] <= HEIGHT and box["x"] + box["width"] <= WIDTH


def opened(tab: Any, link: str, settings: dict[str, str]) -> None:
    """Open a page, choose its settings, and wait for its figures or its Run button."""
    tab.goto(link)
    heading(tab)
    tab.locator("[class*='_run'] button, .js-plotly-plot").first.wait_for(timeout=RUN_MS)
    for key, option in settings.items():
        tab.get_by_role("button", name="Settings").click()
        pick(tab, key, option)
        tab.keyboard.press("Escape")
    figures(tab).or_(tab.locator("[class*='_run'] button")).first.wait_for(timeout=RUN_MS)
    settled(tab)


def controls(tab: Any) -> dict[str, dict[str, float]]:
    """The boxes of the controls that come before the first figure, by their words."""
    found = tab.locator(
        "[data-testid=stMain] :is([data-testid=stSelectbox], [data-testid=stMultiSelect], [data-testid=stButtonGroup],"
        " [data-testid=stPopover])"
    )
    top = tab.locator("[data-testid=stMain] .embedscope-plot").first.bounding_box()["y"]
    boxes = {f"{place}: {one.inner_text()}": one.bounding_box() for place, one in enumerate(found.all())}
    return {name: box for name, box in boxes.items() if box is not None and box["y"] < top}


def shared(tab: Any) -> dict[str, Any]:
    """The boxes of the shared choice in the sidebar."""
    keys = ("model", "texts", "pooling", "label", "layers", "seed")
    return {key: tab.locator(f"[data-testid=stSidebar] .st-key-{key}").bounding_box() for key in keys}
