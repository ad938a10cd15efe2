"""How to read a page: every page of the papers has its two examples, drawn when the help is open and not before."""

import importlib
import re
from pathlib import Path

import numpy as np
import pytest

from pages._kit.show import lessons
from pages._kit.show.teaching import Teaching
from tests.pages.drawn import drawn_numbers
from tests.pages.figures import said

ROOT = Path(__file__).resolve().parents[3]
OWN = {
    "overview": "data",
    "rogue": "geometry",
    "neighbours": "geometry",
    "explorer": "geometry",
    "selection": "geometry",
    "neurons": "labels",
}
SHARED = {name: value for name, value in vars(lessons).items() if isinstance(value, Teaching)}
WITHOUT = {  # they ask no question of the geometry that a shape answers
    "report",  # is made of the other pages' figures, whose lessons stand there, and says in words what it found
    "finetune",  # trains: its one figure is the course of a loss, and its caption says what is drawn
    "papers",  # is a list of links: each row has the paper's sentence and whether it holds here
    "texts",
    "models",
    "jobs",
}


def of_page(page: str) -> Teaching:
    if page not in OWN:
        return SHARED[page.upper()]
    own = vars(importlib.import_module(f"pages.{OWN[page]}.{page}.lesson"))
    (found,) = [value for value in own.values() if isinstance(value, Teaching)]
    return found


PAGES = [*OWN, *map(str.lower, SHARED)]


def test_every_page_about_geometry_has_a_lesson() -> None:
    found = {
        path.parent.name
        for section in ("data", "geometry", "labels", "training")
        for path in (ROOT / "pages" / section).glob("*/page.py")
    }
    assert found - WITHOUT == set(PAGES)
    for path in (ROOT / "pages").glob("*/*/page.py"):
        (call,) = re.findall(r"^heading\(([^)]*)\)", path.read_text("utf-8"), re.MULTILINE)
        said = [word for word in call.split(", ") if "=" not in word]
        assert (path.parent.name in PAGES) == (len(said) == 4 and "HOW, " in call), path


@pytest.mark.parametrize("page", PAGES)
def test_the_two_examples_are_figures_that_differ(page: str) -> None:
    lesson = of_page(page)
    assert lesson.question.endswith("?") and len(lesson.fools) > 60
    drawn = [dict(drawn_numbers(one.make())) for one in (lesson.yes, lesson.no)]
    for numbers in drawn:
        assert sum(map(len, numbers.values())) > 5
    first, second = (np.concatenate([*numbers.values()]) for numbers in drawn)
    assert len(first) != len(second) or not np.allclose(first, second), "yes and no look the same"
    for one in (lesson.yes, lesson.no):
        assert one.make() == one.make(), "from formulas: the same each time"
        assert len(one.make().to_json()) < 120_000


def test_the_examples_come_with_the_help_and_not_before(open_page) -> None:
    at = open_page("threshold", 0)
    before = len(at.get("plotly_chart"))
    assert "What fools it" not in said(at) and not [one for one in at.get("plotly_chart") if "teaching" in one.key]
    at.session_state["how_to_read"] = True
    at.run()
    assert not at.exception
    assert len(at.get("plotly_chart")) == before + 2 and "What fools it" in said(at)
    assert lessons.THRESHOLD.question in said(at)
