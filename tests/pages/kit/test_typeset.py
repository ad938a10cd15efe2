"""Tables for a text: read back by a Markdown parser, and free of LaTeX commands that a user wrote."""

import html
import re

import pytest
from markdown_it import MarkdownIt

from pages._kit.show.typeset import latex_text, markdown_text

HOSTILE = [
    "a|b", "*bold* _em_ `code`", "<script>alert(1)</script>", "[a](http://b.c)", "$x^2$", "\\input{secret}", "100 % & #1",
    "two\nlines", "a~b^c", "https://evil.example", "www.evil.example", "me@evil.example", "- item", "# title", "&amp;",
    "![i](u)", "~~no~~", "[CLS]", "*", "--", '"quoted"', "{x}", "trailing\\",
]  # fmt: skip


def cells_of(text: str) -> list[list[str]]:
    """The words of every cell of a pipe table, as a Markdown parser reads them; no cell may hold any markup."""
    page = MarkdownIt("gfm-like", {"linkify": False}).render(text)
    table = page[page.index("<table>") :]
    rows = re.findall(r"<tr>(.*?)</tr>", table, re.S)
    found = [re.findall(r"<t[hd][^>]*>(.*?)</t[hd]>", row, re.S) for row in rows]
    assert not any("<" in cell for row in found for cell in row)
    return [[html.unescape(cell) for cell in row] for row in found]


@pytest.mark.parametrize("text", HOSTILE)
def test_words_in_markdown_are_words(text: str) -> None:
    flat = " ".join(text.split())
    read = cells_of(markdown_text([text, "n"], [[text, 1.0]], title=["A table", "on texts"]))
    assert read == [[flat, "n"], [flat, "1"]]
    assert not re.search(r"\w://|www\.|\w@", markdown_text([text], [])), "no address becomes a link"


def test_numbers_have_four_digits_and_none_where_there_is_none() -> None:
    rows = [["x", 0.123456, 12345678, None, True], ["y", -1e-7, -3, float("nan"), False]]
    assert cells_of(markdown_text(["name", "a", "b", "c", "d"], rows))[1:] == [
        ["x", "0.1235", "12345678", "–", "True"],
        ["y", "-1e-07", "-3", "–", "False"],
    ]
    assert "| :-- | --: | --: | --: | :-- |" in markdown_text(["name", "a", "b", "c", "d"], rows)
    latex = latex_text(["name", "a", "b", "c", "d"], rows)
    assert r"\begin{tabular}{lrrrl}" in latex
    assert r"y & $-$1e-07 & $-$3 & -- & False \\" in latex


@pytest.mark.parametrize("text", HOSTILE)
def test_words_in_latex_are_no_commands(text: str) -> None:
    table = latex_text(["n", text], [[1, text]], title=[text], label="a-b")
    (row,) = re.findall(r"^1 & (.*) \\\\$", table, re.M)
    assert read_latex(row) == " ".join(text.split())
    assert table.count(r"\\") == 2 and r"\label{tab:a-b}" in table
    first = latex_text([text], [[text]])
    assert not re.search(r"\\\\\s*[*\[]", first), "after the end of a row these would be its options"


def read_latex(text: str) -> str:
    """What LaTeX would print, of the commands that the writer uses; anything else fails."""
    names = {
        "textbackslash{}": "\\", "textasciitilde{}": "~", "textasciicircum{}": "^", "textless{}": "<", "textgreater{}": ">",
        "textbar{}": "|", "textquotedbl{}": '"', "textasciigrave{}": "`", **{sign: sign for sign in "&%$#_{}"},
    }  # fmt: skip
    out, at = "", 0
    while at < len(text):
        if text[at] == "\\":
            name = next(name for name in names if text.startswith(name, at + 1))
            out, at = out + names[name], at + 1 + len(name)
        else:
            assert text[at] not in "&%$#_~^"
            out, at = out + text[at], at + 1
    return out.replace("-{}-", "--").replace("{[}", "[").replace("{]}", "]").replace("{*}", "*")
