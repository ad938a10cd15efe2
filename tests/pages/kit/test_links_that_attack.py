"""Links that ask for anything: every page opens, its fields keep their own values, and it says what it could not have."""

import ast
import random
from pathlib import Path
from typing import Any

import pytest

from pages._kit.state.view import MOST_KEYS
from tests.attacks.test_links import HOSTILE
from tests.pages.conftest import ROOT

SHARED = ("seed", "pooling", "label", "before", "rows", "rows_by", "rows_seed", "series", "at_most", "steps")
"""Fields that the first page has too, on the way to the one that is opened: it has said what is not there."""


def _keys_of(page: Path) -> list[str]:
    """The keys of the fields that the files of a page ask for, and of those that all pages share."""
    found = []
    for path in sorted(page.parent.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.keyword) and node.arg == "key" and isinstance(node.value, ast.Constant):
                found.append(str(node.value.value))
    return list(dict.fromkeys([*SHARED, *found]))[: MOST_KEYS - 5]


PAGES = sorted(
    path for section in ("geometry", "labels", "training") for path in (ROOT / "pages" / section).glob("*/page.py")
)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.parent.name)
def test_a_page_opens_whatever_its_link_asks_for(page: Path, open_page: Any) -> None:
    draw = random.Random(page.parent.name)
    choice = {key: draw.choice(HOSTILE) for key in _keys_of(page)}
    if page.parent.name == "rogue":
        choice["rogue_by"] = ""
    at = open_page(page.parent.name, 0, **choice)
    assert not at.exception, [one.value for one in at.exception]
    view = at.session_state["_view"]
    own = {key: choice[key] for key in view.drawn if key in choice and key not in SHARED}
    unsaid = {key for key, word in own.items() if view.drawn[key] != [word] and key not in view.gone}
    assert not unsaid, f"{unsaid} kept their own values, and nothing is said of what the link asked for"
    assert len(at.warning) >= len(view.gone) and all(len(sentence) < 500 for sentence in view.gone.values())
