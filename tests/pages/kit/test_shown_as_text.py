"""Names and texts of users are shown as they are, wherever a page has them: none is a link, markup, a formula or a script."""

import json
import re
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from google.protobuf.message import Message

from backend import visible
from pages._kit.show.files import csv_file, groups_of, html_file
from pages._kit.show.finding import Finding
from pages._kit.state.session import plain
from tests.models.tiny import TEXTS
from tests.pages.conftest import SmallWorld, settled

LINK, TAG, MATH, BARE = (
    "[evil](http://evil.example/)",
    "<img src=x onerror=alert(1)>",
    "$\\frac{a}{b}$",
    "http://bare.example/a",
)
EVIL = f"{LINK} {TAG} {MATH} :red[r] :smile: {BARE} %{{y}} \u202eabc\x01\x1b[31m\x7f"
UNSEEN = re.compile("[\0-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
WORDS_OF = {"label", "body", "help", "content", "caption", "placeholder", "title", "text", "subtitle", "delta"}
NO_MARKDOWN = {"Json", "TextInput", "TextArea", "Selectbox", "MultiSelect", "BidiComponent", "Arrow", "Text", "Code"}
"""Elements whose words, but for their label and help, Streamlit shows as they are."""


@pytest.fixture(scope="module")
def evil(small_world: SmallWorld) -> Iterator[tuple[str, str]]:
    """A model and a text set whose every name is hostile."""
    folder = small_world.folder / "evil [l](http:" / "bare.example) <b> $x$"
    shutil.copytree(small_world.models[0], folder)
    rows = [
        {"text": f"{TEXTS[i % 7]} {EVIL}" if i % 5 else TEXTS[i % 7], f"c {EVIL}": f"{i % 3} {EVIL}"} for i in range(40)
    ]
    path = small_world.folder / "evil.jsonl"
    path.write_text("\n".join(json.dumps(row) for row in rows), encoding="utf-8")
    name = f"set {LINK} <b>"
    bench = small_world.bench
    info = bench.read_texts(path, text="text", label=f"c {EVIL}", name=name)
    bench.save_rows(info, f"rows {LINK} <b>", [1, 2], story=f"found by {EVIL}")
    changes = {"max_steps": 2}
    bench.finetune(
        "of-hostile-names", model=str(folder), texts=info, label=info.label, recipe="zhou-base", changes=changes
    )
    yield str(folder), name
    bench.delete_run("of-hostile-names")
    bench.delete_text_set(name)


def _said(message: Message, kind: str) -> Iterator[tuple[str, str]]:
    """Every word of an element that Streamlit reads as Markdown, with where it stands."""
    for field, value in message.ListFields():
        name = f"{kind}.{field.name}"
        if field.type == field.TYPE_MESSAGE:
            for one in value if field.is_repeated else [value]:
                if isinstance(one, Message):
                    yield from _said(one, field.message_type.name)
        elif field.type == field.TYPE_STRING and field.name in WORDS_OF and kind not in NO_MARKDOWN:
            for one in value if field.is_repeated else [value]:
                yield name, one


def _unescaped(words: str) -> str:
    """What of ``words`` Markdown would read as its own: all but what stands behind a backslash."""
    return re.sub(r"\\[^\w\s]", "", words)


def _check(at: Any) -> int:
    n_seen = 0
    for node in at._tree:
        proto = getattr(node, "proto", None)
        if not isinstance(proto, Message):
            continue
        for where, words in _said(proto, type(proto).__name__):
            n_seen += "evil" in words or "bare" in words
            left = _unescaped(words)
            for mark in ("](http://evil", "](http:/bare", "<img", "$\\frac", ":red[", ":smile:", "<b>"):
                assert mark not in left, f"{where}: {words[:300]!r}"

            assert not re.search(r"https?://bare|https?://evil", words.replace("\\", "")), f"{where}: {words[:300]!r}"
            assert all(char.isprintable() or char in "\n\u00a0\u2060" for char in words), f"{where}: {words[:300]!r}"
    return n_seen


PAGES = (
    "overview",
    "projection",
    "similarity",
    "clusters",
    "threshold",
    "neighbours",
    "rogue",
    "report",
    "finetune",
    "neurons",
)


@pytest.mark.parametrize("page", PAGES)
def test_hostile_names_are_text_on_every_page(
    page: str, evil: tuple[str, str], open_page: Any, run_page: Any, shown: dict[str, Finding]
) -> None:
    model, texts = evil
    at = open_page(page, model, texts=texts)
    assert _check(at), "the names are there"
    if any(button.key == f"{page}_run" for button in at.button):
        run_page(at, page)
        _check(at)
    for finding in shown.values():
        _check_files(finding)


@pytest.mark.parametrize("page", ["texts", "models", "jobs"])
def test_hostile_names_are_text_on_the_pages_of_data(page: str, evil: tuple[str, str], open_page: Any) -> None:
    model, texts = evil
    at = open_page("overview", model, texts=texts)
    at.switch_page(f"pages/data/{page}/page.py").run()
    assert not at.exception
    assert _check(at)


PAIR = ("dynamics", "report", "finetune", "models", "jobs")


@pytest.mark.parametrize("page", PAIR)
def test_hostile_names_are_text_beside_a_run_made_of_them(
    page: str, evil: tuple[str, str], open_page: Any, run_page: Any, shown: dict[str, Finding]
) -> None:
    model, texts = evil
    if page in ("models", "jobs"):
        at = open_page("overview", model, "run:of-hostile-names", texts=texts)
        at.switch_page(f"pages/data/{page}/page.py").run()
        assert not at.exception
    else:
        choice = {"series": "run:of-hostile-names", "dynamics_view": "Anisotropy", "run": "of-hostile-names"}
        at = settled(open_page(page, model, "run:of-hostile-names", texts=texts, **choice))
    assert _check(at), "the names are there"
    for key in (page, "dynamics_anisotropy"):
        if any(button.key == f"{key}_run" for button in at.button):
            run_page(at, key)
            _check(at)
    assert shown or page in ("models", "jobs")
    for finding in shown.values():
        _check_files(finding)


def test_hostile_selections_are_text(evil: tuple[str, str], open_page: Any) -> None:
    model, texts = evil
    at = open_page("selection", model, texts=texts)
    assert _check(at)


def _check_files(finding: Finding) -> None:
    if finding.figure is not None:
        words = json.dumps(_drawn(finding.figure.to_plotly_json()), default=str)
        assert "<img" not in words and "$\\\\frac" not in words and "%{y}" not in words.split("hovertemplate")[0], (
            finding.key
        )
        page = html_file(finding).decode()
        assert "<img src=x" not in page and "<b> $x$" not in page
        assert not UNSEEN.search(json.dumps(_drawn(finding.figure.to_plotly_json()), default=str, ensure_ascii=False))
        assert not UNSEEN.search(re.sub(r"<script.*?</script>", "", page, flags=re.DOTALL))
    lines = csv_file(finding).decode("utf-8-sig").splitlines()
    assert not any(re.match(r"[=@＝]", line) for line in lines)
    for file in (file for group in groups_of(finding, None, {}) for file in group.files):
        if file.name.endswith((".md", ".tex")):
            words = file.make().decode()
            assert not UNSEEN.search(words) and not re.search(r"(?<!\\)\\frac|(?<!\\)\$\\", words), file.name
            assert file.name.endswith(".tex") or not re.search(r"\w://|[^\\]<img", words), file.name


def _drawn(part: Any) -> Any:
    """The words of a figure that Plotly draws: not what a click brings back."""
    if isinstance(part, dict):
        return {
            key: _drawn(value)
            for key, value in part.items()
            if key not in ("customdata", "meta", "ids", "hovertemplate")
        }
    return [_drawn(one) for one in part] if isinstance(part, list | tuple) else part


@pytest.mark.parametrize(
    "text",
    [EVIL, BARE, "HTTPS://X.Y", "www.x.y", "a.b+c@d.ef", "a\r\nb\n# c", "`x`", "- x", "1. x", "&lt;", "\u2067a\0b\x1b"],
)
def test_plain_text_has_nothing_that_markdown_reads(text: str) -> None:
    words = plain(text)
    assert "\n" not in words and "\r" not in words
    assert re.fullmatch(r"(?:\\[!-/:-@\[-`{-~]|[^!-/:-@\[-`{-~])*", words), "all punctuation is escaped"
    seen = re.sub(r"\\([^\w\s])", r"\1", words)
    assert not re.search(r"(?i)https?://|www\.|[\w.+-]@", seen)
    assert seen.replace("\u2060", "") == visible(text).replace("\n", " ").replace("\r", " ")
