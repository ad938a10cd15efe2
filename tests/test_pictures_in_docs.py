"""The pictures of the documentation: each that is named is there, each that is there is named, and none is heavy."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
MOST_BYTES = 200_000
MOST_BYTES_OF_ALL = 6_000_000


def named() -> set[Path]:
    """Every picture that a page of the documentation shows or links to."""
    return {
        (page.parent / link).resolve()
        for page in PAGES
        for link in re.findall(r"\]\(([^)#\s]+\.(?:png|svg|jpg))\)", page.read_text(encoding="utf-8"))
    }


def test_the_documentation_and_its_pictures_agree() -> None:
    there = {path.resolve() for path in (ROOT / "docs" / "images").rglob("*") if path.is_file()}
    assert named() == there
    heavy = [path.name for path in there if path.stat().st_size > MOST_BYTES]
    assert not heavy, f"more than {MOST_BYTES:,} bytes"
    assert sum(path.stat().st_size for path in there) < MOST_BYTES_OF_ALL


def test_every_picture_says_what_it_shows() -> None:
    shown = [words for page in PAGES for words in re.findall(r"!\[([^\]]*)\]", page.read_text(encoding="utf-8"))]
    assert shown and all(len(words) > 10 for words in shown)


def test_every_page_under_labels_has_a_picture() -> None:
    pictures = (ROOT / "docs" / "pages.md").read_text(encoding="utf-8")
    folders = [page.parent.name for page in (ROOT / "pages" / "labels").glob("*/page.py")]
    assert folders and all(f"(images/{name}.png)" in pictures for name in folders)
