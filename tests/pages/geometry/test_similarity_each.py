"""Several models on the page Similarity, each with itself: panels of one figure on one scale, as the metric gives them."""

import numpy as np

from pages._kit.state.labelled import ALL_MODELS
from pages.geometry.similarity.grid_charts import cka_each
from tests.pages.conftest import SmallWorld
from tests.pages.drawn import check
from tests.pages.figures import figure, numbers, said

CHOICE = {"similarity_mode": "Within one model", "similarity_first": ALL_MODELS}


def test_each_model_is_a_panel_on_one_scale(open_page, run_page, shown, small_world: SmallWorld) -> None:
    at = run_page(open_page("similarity", 0, 1, 2, **CHOICE), "similarity")
    panels = [trace for trace in figure(at)["data"] if "z" in trace]
    assert len(panels) == 3 and {trace["coloraxis"] for trace in panels} == {"coloraxis"}
    for place, trace in enumerate(panels):
        np.testing.assert_allclose(numbers(trace["z"]), small_world.computed("cka", place).values.matrix, rtol=1e-5)
    scale = figure(at)["layout"]["coloraxis"]
    assert (scale["cmin"], scale["cmax"]) == (0, 1) and "on one scale from 0 to 1" in said(at)
    titles = [note["text"] for note in figure(at)["layout"]["annotations"]]
    assert [title[-7:] for title in titles] == ["model-0", "model-1", "model-2"]
    assert check(shown["similarity_each"]) > 0 and len(shown["similarity_each"].numbers()) == 3 * 16


def test_between_two_models_there_is_no_such_choice(open_page) -> None:
    at = open_page("similarity", 0, 1, 2)
    assert ALL_MODELS not in at.selectbox(key="similarity_first").options
    at.segmented_control(key="similarity_mode").set_value("Within one model").run()
    assert at.selectbox(key="similarity_first").options[-1] == ALL_MODELS and not at.exception


def test_an_undefined_cell_says_why_in_its_panel() -> None:
    block = np.array([[1.0, np.nan], [np.nan, 1.0]])
    drawn = cka_each([block, block], ["left", "right"], [["a", "b"]] * 2, [{(0, 1): "all alike"}, {}])
    assert drawn.data[0].customdata[0][1][2] == "<b>undefined</b><br>all alike"
    crosses = [trace for trace in drawn.data if trace.type == "scatter"]
    assert [(trace.xaxis, list(trace.x), list(trace.y)) for trace in crosses] == [
        ("x", [1, 0], [0, 1]),
        ("x2", [1, 0], [0, 1]),
    ]
