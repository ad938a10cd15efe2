"""Text sets in the browser: upload, choose columns, save, analyse; paste; refuse; delete."""

import re
from typing import Any

from tests.e2e import looking

WORDS = ("plain", "bright", "dull", "warm", "cold", "quick", "slow", "kind", "rough", "clear")


def table(rows: int) -> bytes:
    """A CSV of ``rows`` different sentences with two labels and a column that is neither."""
    lines = ["number,review,verdict"]
    for i in range(rows):
        word, other = WORDS[i % 10], WORDS[(i // 10) % 10]
        lines.append(f'{i},"The {word} story, told in a {other} way, fills room {i}.",{"good" if i % 2 else "bad"}')
    return "\n".join(lines).encode()


def upload(tab: Any, name: str, content: bytes) -> None:
    adding(tab)
    tab.locator(".st-key-add_file input[type=file]").set_input_files(
        {"name": name, "mimeType": "application/octet-stream", "buffer": content}
    )


def saved_set(tab: Any, address: str, name: str, content: bytes) -> str:
    """Upload a text set; returns how addresses call it."""
    tab.goto(f"{address}/texts")
    looking.opened(tab, "Texts")
    upload(tab, name, content)
    tab.locator(".st-key-add_save button").click()
    tab.get_by_text("Every page uses it now.").wait_for()
    looking.settled(tab)
    found = re.search("texts=([^&]*)", tab.url)
    assert found is not None
    return found[1]


def adding(tab: Any) -> None:
    """Open the form that adds a text set."""
    tab.get_by_role("tab", name="Add a text set").click()


def shown(tab: Any) -> Any:
    """The field of the text set that is looked into: its name, which no other has."""
    return tab.locator(".st-key-texts_shown input").element_handle()


def test_an_uploaded_table_is_shown_saved_and_analysed(address: str, tab) -> None:
    tab.goto(f"{address}/texts")
    looking.opened(tab, "Texts")
    upload(tab, "stories.csv", table(60))
    tab.get_by_text("60 rows").wait_for()
    looking.pick(tab, "add_column_text", "review")
    looking.pick(tab, "add_column_label", "verdict")
    tab.locator(".st-key-add_save button").click()
    tab.get_by_text("Saved 'stories' with 60 texts. Every page uses it now.").wait_for()
    assert tab.locator(".st-key-add_file").count() == 0, "the form is closed"
    assert tab.locator(".st-key-texts_shown input").input_value() == "stories"
    tab.wait_for_url(re.compile("texts=stories"))
    looking.go(tab, "Similarity")
    looking.run(tab)
    assert looking.chosen(tab, "texts") == "stories"
    assert looking.chosen(tab, "label") == "verdict"


def test_a_file_that_is_no_table_is_refused_and_the_choices_stay(address: str, tab) -> None:
    tab.goto(f"{address}/texts")
    looking.opened(tab, "Texts")
    upload(tab, "picture.csv", b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20)
    problem = tab.locator("[data-testid=stAlert]").first
    problem.wait_for()
    looking.pick(tab, "add_format", "TSV (tab-separated)")
    problem.wait_for()
    assert tab.locator(".st-key-add_format input").input_value() == "TSV (tab-separated)"
    assert "picture.csv" in tab.locator(".st-key-add_file").inner_text()
    assert tab.locator(".st-key-add_save").count() == 0
    assert "Traceback" not in tab.locator("body").inner_text()


def test_pasted_lines_become_a_text_set_that_can_be_deleted(address: str, tab) -> None:
    tab.goto(f"{address}/texts")
    looking.opened(tab, "Texts")
    adding(tab)
    tab.locator(".st-key-add_way").get_by_role("radio", name="Pasted text").click()
    tab.locator(".st-key-add_text textarea").fill("<b>One</b> $line$.\n*Another* line.\nA third :red[line].")
    tab.keyboard.press("Control+Enter")
    tab.get_by_text("3 rows").wait_for()
    tab.locator("[class*='st-key-add_name_'] input").fill("three lines")
    tab.keyboard.press("Enter")
    tab.locator(".st-key-add_save button").click()
    tab.get_by_text("Saved 'three lines' with 3 texts.").wait_for()
    named = "document.querySelector('.st-key-texts_shown input')?.value === 'three lines'"
    tab.wait_for_function(named)  # the field may be drawn anew
    tab.get_by_role("tab", name="Rows").click()
    tab.locator(".st-key-texts_delete button").click()
    tab.locator(".st-key-texts_delete_confirm button").click()
    tab.get_by_text("Saved 'three lines'").wait_for(state="detached")
    tab.locator(".st-key-texts_shown input").click()
    options = tab.get_by_role("option").all_inner_texts()
    assert "sentiment" in options
    assert not [option for option in options if option.startswith("three lines")]


def test_what_is_found_out_is_shown_and_a_part_is_named_on_the_figure(address: str, tab) -> None:
    tab.goto(f"{address}/texts")
    looking.opened(tab, "Texts")
    lines = [f"Well, this {WORDS[i % 10]} story {i} goes on{'|good' if i % 2 else '|bad'}" for i in range(60)]
    upload(tab, "votes.csv", "\n".join(lines).encode())
    tab.get_by_text(
        "The cells of a row are separated by pipes: 2 columns. Separated by commas, there would be 2 columns."
    ).wait_for()
    tab.get_by_text("The columns have no names and are numbered.").wait_for()
    looking.pick(tab, "add_separator", "None (one column)")
    tab.get_by_text("separated by pipes").first.wait_for(state="detached")  # both lines that say it
    looking.pick(tab, "add_separator", "Pipe |")
    looking.pick(tab, "add_part_way_1", "In proportion to the label")
    tab.locator("[class*='st-key-add_part_n'] input").fill("40")
    tab.keyboard.press("Enter")
    tab.locator("[class*='st-key-add_name_'] input[value='votes, 40 by label']").wait_for()
    tab.locator(".st-key-add_save button").click()
    tab.get_by_text("Saved 'votes, 40 by label' with 40 texts. Every page uses it now.").wait_for()
    looking.go(tab, "Similarity")
    looking.run_if_asked(tab)
    tab.get_by_text(
        "The texts are a sample: 40 of 60 rows of 'votes.csv', stratified by the label '1' (seed 0)."
    ).wait_for()
    looking.go(tab, "Texts")
    tab.get_by_text("A sample: 40 of 60 rows of 'votes.csv'").wait_for()
    tab.get_by_text("Use part of the rows").click()
    tab.locator(".st-key-part_save button").click()
    tab.get_by_text("Saved 'votes, 40 by label, first 20' with 20 texts. Every page uses it now.").wait_for()
    assert shown(tab).input_value() == "votes, 40 by label, first 20"
    assert tab.get_by_text("encountered an error").count() == 0
    tab.get_by_text("A sample: the first 20 of 40 rows of 'votes, 40 by label', which are 40 of 60 rows of").wait_for()
