"""Where the pages lie, for the table in ``app.py`` and for links from one page to another."""

from pathlib import Path

_PAGES = Path(__file__).resolve().parents[2]
MARK = _PAGES / "_kit" / "mark.svg"


def page_file(folder: str) -> Path:
    """The file of the page in ``folder``, such as "geometry/rogue"; ``app.py`` lies elsewhere in an installed package."""
    return _PAGES / folder / "page.py"
