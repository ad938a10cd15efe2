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
    "a<U+202E>b",
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
    assert read == [[flat, "n"], [flat, "1.000"]]
    assert not re.search(r"\w://|www\.|\w@", markdown_text([text], [])), "no address becomes a link"


def test_numbers_have_the_form_of_their_column_and_a_dash_where_there_is_none() -> None:
    columns = ["name", "a", "b", "c", "d", "test accuracy", "p"]
    rows = [["x", 0.123456, 12345678, None, True, 0.70914, 0.04], ["y", -1e-7, -3, float("nan"), False, 1.0, 1e-9]]
    assert cells_of(markdown_text(columns, rows))[1:] == [
        ["x", "0.123", "12,345,678", "–", "True", "70.9\xa0%", "0.040"],
        ["y", "−1.00e-07", "−3", "–", "False", "100.0\xa0%", "< 0.001"],
    ]
    assert "| :-- | --: | --: | --: | :-- | --: | --: |" in markdown_text(columns, rows)
    latex = latex_text(columns, rows)
    assert r"\begin{tabular}{lrrrlrr}" in latex
    assert r"y & $-$1.00e-07 & $-$3 & -- & False & 100.0~\% & $<$ 0.001 \\" in latex
    assert "41.2~" in latex_text(["block 1"], [[0.4123]], unit="share")


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


def test_characters_that_nobody_sees_are_written_out() -> None:
    hidden = "a\0b\x1b[31m\u202ec\x7f"
    shown = "a<U+0000>b<U+001B>[31m<U+202E>c<U+007F>"
    assert cells_of(markdown_text([hidden], [[hidden]])) == [[shown], [shown]]
    (row,) = re.findall(r"^1 & (.*) \\\\$", latex_text(["n", hidden], [[1, hidden]]), re.M)
    assert read_latex(row) == shown
