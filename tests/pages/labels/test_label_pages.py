"""What the pages about labels promise alike: Threshold, Ablation and Component accuracy."""

import pytest

from tests.pages.figures import figure, said

PAGES = pytest.mark.parametrize("key", ["threshold", "ablation", "component_accuracy"])


@PAGES
def test_without_labels_or_with_tokens_the_page_says_what_to_do(key, open_page) -> None:
    at = open_page(key, 0, texts="general", label="(none)")
    assert "no label column" in said(at) and not at.get("plotly_chart")
    assert "one row per text" in said(open_page(key, 0, pooling="tokens"))


@PAGES
def test_the_sampling_error_of_twelve_test_texts_is_said(key, open_page, run_page) -> None:
    assert "± 28.3 points (95 %, 12 test texts)" in said(run_page(open_page(key, 0), key))


@pytest.mark.parametrize("key", ["threshold"])  # others can show all
def test_with_two_models_the_page_says_that_it_shows_one(key, open_page) -> None:
    name = f"{key.partition('_')[0]}_model"
    assert open_page(key, 0, 1).selectbox(key=name).help.startswith("This page shows one model at a time")
    assert name not in {box.key for box in open_page(key, 0).selectbox}


@PAGES
def test_the_column_of_the_classes_is_named(key, open_page) -> None:
    assert "Classes: the column 'label'." in said(open_page(key, 0))


@PAGES
def test_the_name_of_the_largest_class_lies_beside_the_plot(key, open_page, run_page) -> None:
    at = run_page(open_page(key, 0), key)
    layout = figure(at)["layout"]
    (name,) = [note for note in layout["annotations"] if note["text"] == "largest class"]
    assert (name["xref"], name["x"], name["xanchor"]) == ("paper", 1, "left") and layout["margin"]["r"] > 80
