"""The geometry pages over a real workbench that computes in this process, with the model that comes along."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

import backend
from pages._kit.state import session
from tests.pages.figures import files_of

ROOT = Path(__file__).resolve().parents[3]
REVIEWS = [("good film", "pos"), ("bad film", "neg"), ("a $5 <b>bargain</b>", "pos"), ("a dull, long evening", "neg")]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    folder = tmp_path_factory.mktemp("pages")
    lines = ["text\tlabel", *(f"{text} number {i}\t{label}" for i in range(12) for text, label in REVIEWS)]
    (folder / "reviews.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("EMBEDSCOPE_CACHE", str(folder / "cache"))
        patch.setenv("HF_HUB_OFFLINE", "1")
        patch.delenv("EMBEDSCOPE_BACKEND", raising=False)
        opened = backend.open_workbench()
        opened.read_texts(folder / "reviews.tsv", text="text", label="label", name="reviews")
        yield opened
        opened.close()


@pytest.fixture
def at(bench: Any, monkeypatch: pytest.MonkeyPatch) -> AppTest:
    """The app on the small text set, on its first page."""
    monkeypatch.setattr(session, "_open", lambda: bench)
    app = AppTest.from_file(str(ROOT / "app.py"), default_timeout=240)
    app.query_params["texts"] = "reviews"
    return app


def opened(at: AppTest, page: str, **choice: str) -> AppTest:
    for name, value in choice.items():
        at.query_params[name] = value
    at.run()
    at.switch_page(f"pages/geometry/{page}/page.py").run()
    assert not at.exception
    return at


def computed(at: AppTest, key: str) -> AppTest:
    """The page with its figures, pressing Run where it is offered."""
    if any(button.key == f"{key}_run" for button in at.button):
        at.button(key=f"{key}_run").click().run()
    assert not at.exception
    assert not at.error
    return at


def words(at: AppTest) -> str:
    kinds = (at.markdown, at.caption, at.info, at.error, at.title, at.subheader)
    return "\n".join(element.value for kind in kinds for element in kind).replace("\\", "")


def figures(at: AppTest) -> int:
    return len(at.get("plotly_chart"))


def test_similarity_shows_a_matrix_its_source_and_its_downloads(at: AppTest) -> None:
    computed(opened(at, "similarity"), "similarity")
    assert figures(at) == 1
    assert "n = 48 rows of 384 dimensions" in words(at)
    assert "Debiased linear CKA" in words(at)
    files = files_of(at, "similarity_Within one model")
    assert files == ["HTML", "CSV", "Parquet", "Markdown", "LaTeX", "JSON and recipe"]


def test_similarity_draws_the_line_along_depth(at: AppTest) -> None:
    computed(opened(at, "similarity"), "similarity")
    at.segmented_control(key="similarity_view").set_value("Along depth").run()
    assert not at.exception
    assert figures(at) == 1
    assert "each layer with the next" in words(at)


def test_the_bandwidth_is_asked_for_with_the_rbf_kernel_only(at: AppTest) -> None:
    opened(at, "similarity")
    assert not [field for field in at.number_input if field.key == "similarity_bandwidth"]
    at.selectbox(key="similarity_kernel").set_value("rbf").run()
    assert not at.exception
    assert at.number_input(key="similarity_bandwidth").value == 0.5


def test_an_undefined_layer_is_explained_on_every_page(at: AppTest) -> None:
    for page, key in (("similarity", "similarity"), ("profiles", "profiles"), ("rogue", "rogue")):
        computed(opened(at, page, pooling="cls"), key)
        assert figures(at) >= 1
        assert "all rows are identical" in words(at), page


def test_profiles_draw_the_chosen_measures(at: AppTest) -> None:
    computed(opened(at, "profiles"), "profiles")
    assert figures(at) == 3
    at.pills(key="profiles_measures").set_value(["IsoScore"]).run()
    computed(at, "profiles")
    assert figures(at) == 1
    assert "0 if one direction holds all variance" in words(at)


def test_profiles_without_a_measure_ask_for_one(at: AppTest) -> None:
    opened(at, "profiles")
    at.pills(key="profiles_measures").set_value([]).run()
    assert not at.exception
    assert "Choose at least one measure" in words(at)


def test_projection_lists_quality_and_offers_the_layers(at: AppTest) -> None:
    computed(opened(at, "projection"), "projection")
    assert figures(at) == 1
    slider = at.select_slider(key="projection_map_frame")
    assert slider.options[0] == "embedding"
    assert all(f"{name} **" in words(at) for name in ("Trustworthiness", "Neighbour overlap", "Variance shown"))


def test_projection_of_one_layer_has_no_slider(at: AppTest) -> None:
    opened(at, "projection")
    at.toggle(key="projection_every").set_value(False).run()
    computed(at, "projection")
    assert figures(at) == 1
    assert not at.select_slider


@pytest.mark.parametrize("view", ["One layer", "All layers"])
def test_rogue_draws_spikes_of_one_layer_and_of_all(at: AppTest, view: str) -> None:
    opened(at, "rogue")
    at.segmented_control(key="rogue_view").set_value(view).run()
    computed(at, "rogue")
    assert figures(at) == 2, "the spikes, and where rogue dimensions appear along depth"


def test_rogue_overlap_is_a_matrix_with_its_chance_level(at: AppTest) -> None:
    opened(at, "rogue")
    at.segmented_control(key="rogue_view").set_value("Overlap").run()
    computed(at, "rogue_overlap")
    assert figures(at) == 1
    assert "two random choices of 10 of 384 dimensions share 2.6\xa0% of them" in words(at)


def test_a_stored_result_appears_without_a_button(at: AppTest, bench: Any) -> None:
    computed(opened(at, "similarity"), "similarity")
    jobs = bench.jobs()
    again = AppTest.from_file(str(ROOT / "app.py"), default_timeout=60)
    again.query_params["texts"] = "reviews"
    opened(again, "similarity")
    assert figures(again) == 1
    assert not [button for button in again.button if button.key == "similarity_run"]
    assert bench.jobs() == jobs
