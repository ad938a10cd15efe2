"""What the browser tests look for on every page, in one place."""

from typing import Any

PAGES = {
    "Overview": "",
    "Texts": "texts",
    "Models": "models",
    "Jobs": "jobs",
    "Similarity": "similarity",
    "Projection": "projection",
    "Profiles": "profiles",
    "Rogue": "rogue",
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
    """Wait for the figures, pressing Run first where they are not stored yet."""
    either = tab.locator("[class*='_run'] button, .js-plotly-plot").first
    either.wait_for(timeout=RUN_MS)
    if figures(tab).count() == 0:
        run(tab)


def figures(tab: Any) -> Any:
    """Every figure that Plotly has drawn."""
    return tab.locator(".js-plotly-plot .main-svg:first-of-type")


def settled(tab: Any) -> None:
    """Wait until no script of the page runs any more."""
    tab.wait_for_function("!document.querySelector('[data-testid=stStatusWidget]')")


def go(tab: Any, title: str) -> None:
    """Follow the link in the sidebar to another page."""
    tab.locator("[data-testid=stSidebarNav]").get_by_role("link", name=title, exact=True).click()
    tab.wait_for_function("title => document.title.startsWith(title)", arg=title)
    heading(tab)


def chosen(tab: Any, key: str) -> str:
    """What a widget of the sidebar shows."""
    field = tab.locator(f".st-key-{key}")
    field.wait_for()
    if key == "pooling":
        return str(field.locator("[aria-checked=true]").inner_text())
    if key == "model":
        return "+".join(field.locator(".react-aria-ComboBox [data-tag]").all_inner_texts())
    return str(field.locator("input").first.input_value())


def pick(tab: Any, key: str, option: str) -> None:
    """Choose an option of a select box by its words."""
    tab.locator(f".st-key-{key} input").click()
    tab.get_by_role("option", name=option, exact=True).click()


def pick_starting(tab: Any, key: str, option: str) -> None:
    """The same for a select box of which only the beginning of the key is known."""
    tab.locator(f"[class*='st-key-{key}'] input").click()
    tab.get_by_role("option", name=option, exact=True).click()
