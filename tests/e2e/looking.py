"""What the browser tests look for on every page, in one place."""

import re
from typing import Any

SECTIONS = ("Data", "Geometry", "Labels", "Training")
PAGES = {
    "Overview": "",
    "Texts": "texts",
    "Models": "models",
    "Jobs": "jobs",
    "Similarity (CKA)": "similarity",
    "Projection (t-SNE, UMAP)": "projection",
    "Profiles (anisotropy, TwoNN)": "profiles",
    "Components (PCA)": "components",
    "Rogue dimensions": "rogue",
    "Neighbours": "neighbours",
    "Selection": "selection",
    "Explorer": "explorer",
    "Threshold": "threshold",
    "Ablation": "ablation",
    "Neurons (salient)": "neurons",
    "Component accuracy": "component_accuracy",
    "Clusters (DirectProbe)": "clusters",
    "Probes (MLP, linear)": "probes",
    "Movement (centroids)": "movement",
    "Fine-tune": "finetune",
    "Dynamics": "dynamics",
    "Report": "report",
    "Papers": "papers",
}
RUN_MS = 120_000  # generous: the workers start, the model loads, two cores are shared


def heading(tab: Any) -> Any:
    """The page's title, once it is drawn."""
    tab.locator("h1").first.wait_for()
    return tab.locator("h1").first


def run(tab: Any) -> None:
    """Press Run when it is offered, and wait until the figures are there."""
    button = tab.locator("[class*='_run'] button").first
    button.wait_for(timeout=RUN_MS)
    button.click()
    figures(tab).first.wait_for(timeout=RUN_MS)


def run_if_asked(tab: Any) -> None:
    """Wait for the figures, pressing Run first where they are not stored yet, or not all of them."""
    either = tab.locator("[class*='_run'] button, .js-plotly-plot").first
    either.wait_for(timeout=RUN_MS)
    if figures(tab).count() == 0:
        run(tab)
    settled(tab)
    rest = tab.get_by_role("button", name="Run the rest", exact=True)  # beside what another test computed
    if rest.count():
        rest.click()
        done(tab)


def done(tab: Any) -> None:
    """Wait until no work of the page goes on; a part of its figures may be there long before."""
    going_on = tab.get_by_role("button", name=re.compile("^(Cancel|Run the rest)$"))
    for _ in range(3):  # a button goes before the next one comes
        settled(tab)
        going_on.first.wait_for(state="detached", timeout=RUN_MS)


def figures(tab: Any) -> Any:
    """Every figure that Plotly has drawn, but for first looks, which results replace."""
    return tab.locator(".js-plotly-plot:not([class*='_so_far'] *) .main-svg:first-of-type")


def settled(tab: Any) -> None:
    """Wait until no script of the page runs any more."""
    state = "document.querySelector('[data-testid=stApp]')?.dataset.testScriptState"
    tab.wait_for_function(f"{state} === 'notRunning'")


def go(tab: Any, title: str) -> None:
    """Follow the link in the menus to another page, named in full or without the method behind it."""
    name = next(name for name in PAGES if name == title or name.startswith(f"{title} "))
    for section in SECTIONS:
        links = menu(tab, section)
        if name in links.all_inner_texts():
            links.get_by_text(name, exact=True).click()
            opened(tab, name)
            return
        tab.keyboard.press("Escape")
    raise AssertionError(f"no menu has {name}")


def menu(tab: Any, section: str) -> Any:
    """The links of one menu, which is opened."""
    tab.locator("[data-testid=stTopNavSection]").get_by_text(section, exact=True).click()
    links = tab.locator("[data-testid=stTopNavDropdownLink]")
    links.first.wait_for()
    return links


def linked(tab: Any) -> list[str]:
    """The titles of all pages in the menus."""
    titles = []
    for section in SECTIONS:
        titles += menu(tab, section).all_inner_texts()
        tab.keyboard.press("Escape")
    return titles


def opened(tab: Any, title: str) -> None:
    """Wait until the page of that title is drawn."""
    tab.wait_for_function("title => document.title.startsWith(title)", arg=title)
    heading(tab)
    settled(tab)


def chosen(tab: Any, key: str) -> str:
    """What a widget of the sidebar shows."""
    field = tab.locator(f".st-key-{key}")
    field.wait_for()
    if key == "pooling":
        return str(field.locator("[aria-checked=true]").inner_text())
    if key == "model":
        tags = field.locator(".react-aria-ComboBox [data-tag]")
        tags.first.wait_for()
        return "+".join(tags.all_inner_texts())
    return str(field.locator("input").first.input_value())


def pick(tab: Any, key: str, option: str) -> None:
    """Choose an option of a select box by its words; ``key`` may be the beginning of the widget's key."""
    settled(tab)
    field = tab.locator(f"[class*='st-key-{key}'] input")
    tab.wait_for_function("field => field.value !== ''", arg=field.element_handle())
    if field.input_value() == option:
        return
    field.scroll_into_view_if_needed()
    field.click()
    field.fill(option)  # by keyboard: an open list closes again when the page scrolls below it
    tab.get_by_role("option", name=option, exact=True).wait_for()
    field.press("Enter")
    tab.get_by_role("listbox").wait_for(state="detached")
    tab.wait_for_function("([field, value]) => field.value === value", arg=[field.element_handle(), option])
    settled(tab)
