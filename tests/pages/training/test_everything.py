"""The report of everything computed: it has the figures whose results are stored, opens offline, and computes nothing."""

from pathlib import Path
from typing import Any

from pages._kit.flow.gather import Visit, visits_of
from pages._kit.flow.tour import PAGES
from pages._kit.show.naming import without_paths
from pages.training.report.everything import report_file
from tests.pages.browser import unless_there_is_a_browser
from tests.pages.conftest import ROOT, SmallWorld
from tests.pages.figures import said

OWN = {"seed": "77", "pooling": "last", "layers": "0, 3"}
"""A choice that no other test has: the pages' small world, and what is stored in it, is shared by all of them."""


def made(open_page: Any, *places: int, **choice: str) -> Any:
    """The view of the report page, with its button pressed."""
    at = view_of(open_page, *places, **choice)
    at.button(key="everything_make").click().run()
    assert not at.exception and not at.error
    return at


def view_of(open_page: Any, *places: int, **choice: str) -> Any:
    """The view of the report page as it opens."""
    return open_page("report", *places, report_view="Everything computed", **choice)


def found_of(at: Any) -> dict[str, list[Any]]:
    return {one.title: list(one.findings) for one in at.session_state["_report_of_everything"][1]}


def test_what_is_stored_is_in_it_and_nothing_is_computed(open_page, run_page, small_world: SmallWorld) -> None:
    bench = small_world.bench
    run_page(open_page("components", 0, 1, **OWN), "components")
    run_page(open_page("threshold", 0, 1, **OWN), "threshold")
    run_page(open_page("report", 0, 1, **OWN), "report")
    view_of(open_page, 0, 1, **OWN)
    jobs = {job.id for job in bench.jobs()}
    at = made(open_page, 0, 1, **OWN)
    found = found_of(at)
    assert {job.id for job in bench.jobs()} == jobs, "no job was started, not even an estimate"
    kinds = {title: [finding.key for finding in findings] for title, findings in found.items()}
    assert any("components_spectrum" in keys for title, keys in kinds.items() if title.startswith("Components"))
    assert any("threshold_profile" in keys for title, keys in kinds.items() if title.startswith("Threshold"))
    assert "report_kept" in kinds["Report"], "its own figures, though its other view is open"
    assert not kinds[next(title for title in kinds if title.startswith("Clusters"))]
    words = said(at)
    assert "Components" in words and "Nothing is stored of:" in words and "Clusters" in words
    every = [finding for findings in found.values() for finding in findings]
    assert len({(one.title, one.caption, *(r.fingerprint for r in one.results)) for one in every}) == len(every)


def test_a_choice_of_which_nothing_is_stored_says_so(open_page) -> None:
    at = open_page("report", 2, **{**OWN, "layers": "1"})
    at.segmented_control(key="report_view").set_value("Everything computed").run()
    at.button(key="everything_make").click().run()
    assert not at.exception and "No figure is stored for this choice yet" in said(at)


@unless_there_is_a_browser()
def test_the_file_draws_every_figure_with_the_network_cut(
    open_page, run_page, small_world: SmallWorld, tmp_path: Path, chromium: Any
) -> None:
    run_page(open_page("overview", 0, 1), "overview")
    run_page(open_page("components", 0, 1), "components")
    at = made(open_page, 0, 1)
    found = at.session_state["_report_of_everything"][1]
    here = at.session_state["_selection"]
    drawn = [finding for one in found for finding in one.findings if finding.figure is not None]
    path = tmp_path / "report.html"
    path.write_bytes(report_file(here, found))
    context = chromium.new_context(offline=True)
    page, asked = context.new_page(), []
    page.on("request", lambda request: asked.append(request.url))
    page.on("pageerror", lambda error: asked.append(str(error)))
    page.goto(path.as_uri())
    page.wait_for_function(
        "n => document.querySelectorAll('.js-plotly-plot .main-svg').length >= n", arg=len(drawn), timeout=60_000
    )
    plots = page.evaluate("[...document.querySelectorAll('.js-plotly-plot')].map(p => p.data.length)")
    text = page.inner_text("body")
    context.close()
    assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert plots == [len(finding.figure.data) for finding in drawn]
    for finding in drawn:
        assert without_paths(finding.title, finding) in text
        assert without_paths(finding.caption, finding).split(". ")[0] in text
    assert str(small_world.folder) not in text, "folders of models are called by their names"
    assert "is commit" in text and "n = 60 rows" in text


def test_its_pages_are_pages_and_their_variants_are_visited_one_by_one() -> None:
    names = {path.parent.name for path in (ROOT / "pages").glob("*/*/page.py")}
    assert set(PAGES) - names == {"start"}, "the first page's own address"
    visits = list(visits_of({"rogue": [{"rogue_model": ["a", "b"], "rogue_view": ["One layer", "All layers"]}]}))
    assert visits[0] == Visit("rogue") and len(visits) == 5
    assert visits[-1].choices == {"rogue_model": "b", "rogue_view": "All layers"}
