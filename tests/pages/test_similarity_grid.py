"""Three models on the page Similarity: one figure with every pair, each as the metric gives it."""

import numpy as np

from tests.pages.conftest import SmallWorld
from tests.pages.figures import figure, numbers


def test_every_pair_of_three_models_is_one_panel(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page("similarity", 0, 1, 2)
    at.segmented_control(key="similarity_mode").set_value("All models").run()
    at = run_page(at, "similarity")
    panels = [numbers(trace["z"]) for trace in figure(at)["data"]]
    assert len(panels) == 9
    for i in range(3):
        for j in range(i, 3):
            places = (i,) if i == j else (i, j)
            matrix = small_world.computed("cka", *places).values.matrix
            np.testing.assert_allclose(panels[3 * i + j], matrix, rtol=1e-5, atol=1e-7)
            np.testing.assert_allclose(panels[3 * j + i], matrix.T, rtol=1e-5, atol=1e-7)
    scale = figure(at)["layout"]["coloraxis"]
    assert (scale["cmin"], scale["cmax"]) == (0, 1)


def test_with_two_models_there_is_nothing_more_to_choose(open_page) -> None:
    at = open_page("similarity", 0, 1)
    assert "All models" not in at.segmented_control(key="similarity_mode").options
