"""The choice of rows in the sidebar: token samples and post-processing, on every page and in the URL."""

import re
from html import escape
from typing import Any

import numpy as np
import pytest

from backend import PostProcess, TokenSample
from pages._kit.state.rows import rows_sentence
from tests.pages.conftest import SmallWorld
from tests.pages.figures import figure, numbers, said


def selected(at: Any) -> Any:
    return at.session_state["_selection"]


def test_nothing_is_done_to_the_rows_unless_somebody_asks(open_page) -> None:
    here = selected(open_page("overview"))
    assert (here.postprocess, here.tokens, here.row_name) == ((), None, "text")


def test_the_url_names_the_steps_in_their_order(open_page) -> None:
    at = open_page("overview", post=["whiten", "remove rogue dimensions"], rogue_k="4")
    assert selected(at).postprocess == (PostProcess("whiten"), PostProcess("remove_rogue", 4))
    assert "Rows: whiten, then remove rogue dimensions (4)." in said(at)


def test_more_dimensions_than_there_are_cannot_be_removed(open_page) -> None:
    at = open_page("rogue", post="remove principal components", components_k="32")
    assert "has 32 dimensions, 32 of which cannot be removed" in said(at)
    assert not at.get("plotly_chart")


def test_a_sample_of_tokens_follows_seed_and_limit(open_page) -> None:
    here = selected(open_page("overview", pooling="tokens", tokens="50", seed="7"))
    assert (here.pooling, here.tokens, here.row_name) == ("tokens", TokenSample(50, 7, False), "token")
    here = selected(open_page("overview", pooling="tokens", all_tokens="true", special="true"))
    assert here.tokens == TokenSample(None, 0, True)


@pytest.mark.parametrize(
    ("name", "value"),
    [("post", "drop table"), ("tokens", "-1"), ("tokens", "1e12"), ("all_tokens", "maybe"), ("rogue_k", "x")],
)
def test_no_value_in_the_url_raises(open_page, name: str, value: str) -> None:
    choice = {"pooling": "tokens", "post": "remove rogue dimensions", name: value}
    at = open_page("overview", **choice)
    assert not at.exception
    here = selected(at)
    assert here.tokens == TokenSample(10_000, 0, False)
    assert here.postprocess in ((PostProcess("remove_rogue", 1),), ())


@pytest.mark.parametrize(
    ("page", "metric"), [("similarity", "cka"), ("rogue", "rogue"), ("profiles", "anisotropy"), ("projection", None)]
)
def test_every_page_hands_the_steps_to_its_metric(
    open_page, run_page, small_world: SmallWorld, page: str, metric: str | None
) -> None:
    at = run_page(open_page(page, post=["standardise"]), page)
    assert "Activations are standardised" in said(at)
    if metric == "cka":
        found = small_world.computed("cka", postprocess=(PostProcess("standardise"),)).values.matrix
        drawn = numbers(figure(at)["data"][0]["z"])
        np.testing.assert_allclose(drawn, found, rtol=1e-6)


def test_standardised_rows_have_no_rogue_dimension_by_variance(open_page, run_page) -> None:
    at = run_page(open_page("rogue", post=["standardise"]), "rogue")
    table = at.dataframe[0].value
    np.testing.assert_allclose(table["variance"], 1, rtol=1e-5)
    assert not table["rogue"].any()


def test_tokens_are_rows_with_the_label_of_their_text(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page("projection", pooling="tokens", tokens="80"), "projection")
    bench, texts = small_world.bench, small_world.texts
    spec = bench.analysis(
        "projection",
        models=small_world.infos(0),
        texts=texts,
        pooling="tokens",
        tokens=TokenSample(80),
        params={"method": "pca"},
    )
    values = bench.peek(spec).values
    table = bench.text_set(texts)
    assert len(values.text_index) == 80
    drawn = figure(at)["data"]
    assert sum(len(trace["text"]) for trace in drawn) == 80
    for trace in drawn:
        label = trace["name"].rpartition(" (")[0]
        points = [list(values.row_index).index(row) for row in numbers(trace["customdata"]).astype(int)]
        assert {table.columns["label"][values.text_index[point]] for point in points} == {label}
        named = [f"{values.token_index[point]}: <b>{escape(values.tokens[point])}</b>" for point in points]
        assert [line.rpartition("token ")[2] for line in trace["text"]] == named


@pytest.mark.parametrize("page", ["similarity", "rogue", "profiles"])
def test_metrics_on_tokens_say_that_they_saw_tokens(open_page, run_page, page: str) -> None:
    at = run_page(open_page(page, pooling="tokens", tokens="90", seed="3"), page)
    assert "pooling tokens" in said(at)
    assert "n = 90 rows" in said(at)
    assert "a sample of 90 token vectors (seed 3), special tokens" in said(at)


def test_all_tokens_are_not_called_a_sample(open_page, run_page) -> None:
    at = run_page(open_page("rogue", pooling="tokens", tokens="9000", special="true"), "rogue")
    assert "a sample of" not in said(at)
    n_rows = re.search(r"n = (\d+) rows", said(at).replace(",", ""))
    assert n_rows
    assert f"A row is a token: all {int(n_rows[1]):,} of them, special tokens included." in said(at)


def test_the_sentence_about_rows_is_empty_for_untouched_texts() -> None:
    assert rows_sentence(None, ()) == ""
    tokens = TokenSample(None, special=True)
    assert rows_sentence(tokens, (PostProcess("centre"),)) == "all tokens, special ones too, then centre"


def test_wikitext_is_cleaned_where_asked(open_page, small_world: SmallWorld) -> None:
    at = open_page("overview")
    at.switch_page("pages/data/texts/page.py").run()
    content = b" = A heading = \n The well @-@ known <unk> film cost 1 @,@ 000 . \n\n It ran for years . \n"
    at.file_uploader(key="add_file").upload("wiki.txt", content).run()
    at.toggle(key="add_clean").set_value(True).run()
    at.button(key="add_save").click().run()
    assert not at.exception
    info = small_world.bench.text_set_info("wiki")
    texts = small_world.bench.text_set(info).texts
    assert texts == ("The well-known film cost 1,000 .", "It ran for years .")
