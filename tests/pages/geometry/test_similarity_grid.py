"""Three models on the page Similarity: one figure with every pair, each as the metric gives it."""

import numpy as np

from pages.geometry.similarity.grid_charts import cka_grid, panel_of
from tests.pages.conftest import SmallWorld
from tests.pages.figures import figure, numbers, said


def test_every_pair_of_three_models_is_one_panel(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page("similarity", 0, 1, 2)
    at.segmented_control(key="similarity_mode").set_value("All models").run()
    at = run_page(at, "similarity")
    assert len(figure(at)["data"]) == 9
    panels = [numbers(trace["z"]) for trace in figure(at)["data"]]
    for i in range(3):
        for j in range(i, 3):
            places = (i,) if i == j else (i, j)
            matrix = small_world.computed("cka", *places).values.matrix
            np.testing.assert_allclose(panels[3 * i + j], matrix, rtol=1e-5, atol=1e-7)
            np.testing.assert_allclose(panels[3 * j + i], matrix.T, rtol=1e-5, atol=1e-7)
    scale = figure(at)["layout"]["coloraxis"]
    assert (scale["cmin"], scale["cmax"]) == (0, 1)


def test_a_grid_of_which_a_part_is_there_offers_the_rest(open_page, run_page) -> None:
    at = open_page("similarity", 0, 1, 2, pooling="last", layers="0-1")
    run_page(at, "similarity")
    at.segmented_control(key="similarity_mode").set_value("All models").run()
    assert at.button(key="similarity_run").label == "Run the rest"
    assert [trace for trace in figure(at)["data"] if "z" in trace], "what is there is drawn"


def test_with_two_models_there_is_nothing_more_to_choose(open_page) -> None:
    at = open_page("similarity", 0, 1)
    assert "All models" not in at.segmented_control(key="similarity_mode").options


def test_an_undefined_cell_says_why_in_its_panel_and_in_the_turned_one() -> None:
    block = np.array([[0.5, np.nan, 0.25]])
    figure = cka_grid({(0, 1): block}, ["left", "right"], [["a"], ["x", "y", "z"]], {(0, 1): {(0, 1): "all <b> alike"}})
    panels = {panel_of(place, 2): trace for place, trace in enumerate(figure.data[:4])}
    across, down = panels[0, 1].customdata, panels[1, 0].customdata
    assert [words[2] for words in across[0]] == [words[0][2] for words in down]
    assert across[0][1][2] == "<b>undefined</b><br>all &lt;b&gt; alike"
    assert across[0][0] == ["left: a", "right: x", "<b>CKA 0.500</b>"]
    assert down[2][0] == ["right: z", "left: a", "<b>CKA 0.250</b>"]
    assert panels[0, 1].hoverongaps is True
    assert panels[0, 0].z is None, "a panel that is not there yet keeps its place"
    crosses = [trace for trace in figure.data if trace.type == "scatter"]
    assert [(trace.xaxis, list(trace.x), list(trace.y)) for trace in crosses] == [("x2", [1], [0]), ("x3", [0], [1])]
    assert all(trace.hoverinfo == "skip" for trace in figure.data[4:]), "else they would stand before the panels"


def test_undefined_layers_are_explained_below_the_grid(open_page, run_page) -> None:
    at = open_page("similarity", 0, 1, 2, pooling="cls")
    at.segmented_control(key="similarity_mode").set_value("All models").run()
    at = run_page(at, "similarity")
    assert "all rows are identical" in said(at)
    corner = figure(at)["data"][1]["customdata"][0][0][2]
    assert "undefined" in corner and "identical" in corner


def warnings(at) -> str:
    return "\n".join(warning.value for warning in at.warning).replace("\\", "")


def test_token_rows_of_two_tokenizers_are_warned_of_and_the_run_says_why_it_failed(open_page) -> None:
    at = open_page("similarity", "minilm", 0, texts="sentiment", pooling="tokens", layers="0-1")
    assert "minilm and" in warnings(at)
    assert "have different tokenizers" in warnings(at)
    assert "Choose the pooling mean or last" in warnings(at)
    at.button(key="similarity_run").click().run()
    assert not at.exception
    assert "cut the texts into different tokens" in said(at)
    assert "models that share a tokenizer" in said(at)


def test_token_rows_of_one_tokenizer_need_no_warning(open_page, run_page) -> None:
    at = open_page("similarity", 0, 1, pooling="tokens")
    assert not at.warning
    run_page(at, "similarity")


def test_the_grid_warns_of_token_rows_and_within_one_model_nothing_does(open_page) -> None:
    at = open_page("similarity", "minilm", 0, 1, pooling="tokens")
    at.segmented_control(key="similarity_mode").set_value("All models").run()
    assert "have different tokenizers" in warnings(at)
    for mode in ("Within one model", "Difference of two models"):
        at.segmented_control(key="similarity_mode").set_value(mode).run()
        assert not at.warning, mode
