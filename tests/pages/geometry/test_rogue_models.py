"""All layers of several models in one figure of the page Rogue: its panels, their scales, and its tables against the results."""

import numpy as np
import pytest

from pages._kit.state.labelled import ALL_MODELS
from pages.geometry.rogue.model_charts import EACH, ONE_A_LAYER, ONE_FOR_ALL, models_height
from pages.geometry.rogue.models import MOST_LAYERS, spread_layers
from tests.pages.conftest import SmallWorld
from tests.pages.drawn import check
from tests.pages.figures import figure, numbers, said

CHOICE = {"rogue_view": "All layers", "rogue_model": ALL_MODELS}


def ranges(at, n_panels: int):
    return [figure(at)["layout"][f"yaxis{place or ''}".replace("yaxis0", "yaxis")]["range"] for place in [0, *range(2, n_panels + 1)]]  # fmt: skip


def test_each_model_is_a_column_and_each_layer_a_row(open_page, run_page, shown, small_world: SmallWorld) -> None:
    at = run_page(open_page("rogue", 0, 2, **CHOICE), "rogue")
    drawn, table = figure(at), at.dataframe[0].value
    for model, place in enumerate((0, 2)):
        result = small_world.computed("rogue", place)
        values, source = result.values, result.sources[0]
        low, high = values.drawn_range
        for row in range(len(source.layers)):
            panel = 2 * row + model
            number = str(panel + 1) if panel else ""
            lines = [one for one in drawn["data"] if one.get("xaxis") == f"x{number}"][:2]
            np.testing.assert_allclose(numbers(lines[0]["y"]), low[row], rtol=1e-6)
            np.testing.assert_allclose(numbers(lines[1]["y"]), high[row], rtol=1e-6)
        mine = table[table["model"].str.endswith(f"model-{place}")]
        assert mine["dimension"].tolist() == values.principal.tolist()
        np.testing.assert_allclose(mine["share of the variance"], values.principal_share)
        mean = values.mean[np.arange(len(source.layers)), values.principal]
        np.testing.assert_allclose(mine["its mean"], mean)
        assert mine["rogue dimensions"].tolist() == values.rogue.sum(axis=1).tolist()
    titles = [one["text"] for one in drawn["layout"]["annotations"]]
    assert titles[0].endswith("model-0</b>, embedding") and titles[1].endswith("model-2</b>, embedding")
    assert {one["font"]["size"] for one in drawn["layout"]["annotations"]} == {11}
    assert check(shown["rogue_all_models"]) > 0
    files = shown["rogue_all_models"].numbers()
    assert len(files) == 4 * (32 + 16) and files["model"].nunique() == 2


def test_the_panels_share_a_scale_as_chosen_which_is_said(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page("rogue", 0, 1, **CHOICE), "rogue")
    whole = ranges(at, 8)
    assert len({tuple(one) for one in whole}) == 1 and "All panels have one value scale." in said(at)
    low, high = whole[0]
    drawn = np.concatenate(
        [numbers(one["y"]) for one in figure(at)["data"] if one.get("fill") or one["mode"] == "lines"]
    )
    assert low < drawn.min() and high > drawn.max()
    at.selectbox(key="rogue_scale").set_value(ONE_A_LAYER).run()
    rows = ranges(at, 8)
    assert all(rows[place] == rows[place + 1] for place in range(0, 8, 2)) and len({tuple(one) for one in rows}) == 4
    at.selectbox(key="rogue_scale").set_value(EACH).run()
    assert "range" not in figure(at)["layout"]["yaxis"] and "Each panel has its own value scale" in said(at)


def test_the_layers_of_one_model_have_one_scale_if_wanted(open_page, run_page) -> None:
    at = run_page(open_page("rogue", 0, rogue_view="All layers"), "rogue")
    assert "matches" not in figure(at)["layout"]["yaxis2"] and "Each panel has its own value scale" in said(at)
    at.selectbox(key="rogue_scale").set_value(ONE_FOR_ALL).run()
    assert [figure(at)["layout"][f"yaxis{place}"]["matches"] for place in (2, 3, 4)] == ["y"] * 3
    assert "All panels have one value scale." in said(at)


def test_of_two_models_one_is_shown_to_begin_with(open_page, run_page) -> None:
    at = run_page(open_page("rogue", 0, 1, rogue_view="All layers"), "rogue")
    assert at.selectbox(key="rogue_model").options[-1] == ALL_MODELS
    assert "One panel per layer." in said(at) and "One column per model" not in said(at)


@pytest.mark.parametrize("n_layers", [1, 4, 12, 13, 25, 49])
def test_a_deep_model_has_twelve_of_its_layers_drawn(n_layers: int) -> None:
    layers = spread_layers(n_layers)
    assert layers[0] == 0 and layers[-1] == n_layers - 1 and layers == sorted(set(layers))
    assert len(layers) == min(n_layers, MOST_LAYERS)
    assert models_height(len(layers)) <= 1250, "it fits a page"
