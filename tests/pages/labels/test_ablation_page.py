"""The page Ablation against the results of its metrics."""

import numpy as np

from backend import PostProcess
from tests.pages.conftest import SmallWorld
from tests.pages.drawn import check
from tests.pages.figures import figure, numbers, said

KEY = "ablation"
CURVES, GEOMETRY, MAP = 0, 1, 2


def computed(world: SmallWorld, **params):
    return world.computed(KEY, 0, label="label", layers=[3], params=params).values


def opened(open_page, run_page):
    return run_page(open_page(KEY, 0), KEY)


def points(at, name):
    (trace,) = [trace for trace in figure(at, MAP)["data"] if trace["name"] == name]
    return {id_ for id_, x in zip(numbers(trace["customdata"]), numbers(trace["x"]), strict=True) if np.isfinite(x)}


def test_the_curves_and_the_geometry_are_the_metrics(open_page, run_page, small_world: SmallWorld) -> None:
    at = opened(open_page, run_page)
    values = computed(small_world)
    traces = {trace.get("name"): numbers(trace["y"]) for trace in figure(at, CURVES)["data"]}
    for place, name in enumerate(
        ("highest variance first", "lowest variance first", "random (mean, lowest to highest draw)")
    ):
        np.testing.assert_allclose(traces[name], values.accuracy[0, place], rtol=1e-5)
    controls = [trace for trace in figure(at, CURVES)["data"] if trace.get("name") == "shuffled labels"]
    assert [trace["showlegend"] for trace in controls] == [True, False, False], "one entry for the faint lines"
    np.testing.assert_allclose([numbers(trace["y"]) for trace in controls], values.control[0], rtol=1e-5)
    drawn = [numbers(trace["y"]) for trace in figure(at, GEOMETRY)["data"]]
    np.testing.assert_allclose(drawn[0], values.anisotropy[0, 0], rtol=1e-5)
    np.testing.assert_allclose(drawn[-1], values.neighbour_overlap[0, 2], rtol=1e-5)
    table = at.dataframe[0].value
    assert len(table) == 3 * 33
    np.testing.assert_allclose(table[table["order"] == "lowest"]["accuracy"], values.accuracy[0, 1])
    assert "fitted head" in said(at)
    assert any("every dimension is removed" in caption.value for caption in at.caption), "expected: a line, no box"
    assert not any("undefined" in box.value for box in at.info)


def test_the_slider_moves_reading_line_and_colours_together(open_page, run_page, small_world: SmallWorld) -> None:
    at = opened(open_page, run_page)
    values = computed(small_world)
    for k in (0, 20):
        at.select_slider(key="ablation_curves_frame").set_value(k).run()
        assert not at.exception
        assert f"accuracy {100 * values.accuracy[0, 0, k]:.1f}\xa0%" in said(at)
        last = f", last removed: {values.order[0, 0, k - 1]}" if k else ""
        assert at.select_slider(key="ablation_curves_frame").options[k] == f"{k} of 32{last}"
        for place in (CURVES, GEOMETRY):
            assert k in [shape["x0"] for shape in figure(at, place)["layout"]["shapes"]]
        right = values.predictions[0, 0, k] == values.sample_classes
        assert points(at, "right") == set(values.sample[right])
        assert points(at, "wrong") == set(values.sample[~right])
    at.button(key="ablation_select").click().run()
    assert at.session_state["_view"].kept["chosen"] == sorted(values.sample[~right].tolist())


def test_every_figure_has_a_table_of_its_own_numbers(open_page, run_page, shown) -> None:
    at = opened(open_page, run_page)
    at.select_slider(key="ablation_curves_frame").set_value(20).run()
    keys = ("ablation_curves", "ablation_geometry", "ablation_map")
    curves, geometry, points_of = (shown[key].numbers() for key in keys)
    drawn = {trace.get("name"): numbers(trace["y"]) for trace in figure(at, CURVES)["data"]}
    controls = [trace for trace in figure(at, CURVES)["data"] if trace.get("name") == "shuffled labels"]
    for place, (order, mine) in enumerate(curves.groupby("order", sort=False)):
        (name,) = [name for name in drawn if name and name.startswith(order)]
        np.testing.assert_allclose(drawn[name], mine["accuracy"], rtol=1e-5)
        np.testing.assert_allclose(numbers(controls[place]["y"]), mine["control"], rtol=1e-5)
    measures = ("anisotropy", "average_cosine", "two_nn", "neighbour_overlap")
    lines = [(measure, mine) for measure in measures for _, mine in geometry.groupby("order", sort=False)]
    for trace, (measure, mine) in zip(figure(at, GEOMETRY)["data"], lines, strict=True):
        np.testing.assert_array_equal(numbers(trace["x"]), mine["k"])
        np.testing.assert_allclose(numbers(trace["y"]), mine[measure], rtol=1e-5)
    for trace, right in zip(figure(at, MAP)["data"], (True, False), strict=True):
        x, mine = numbers(trace["x"]), points_of[points_of["right at k = 20"] == right]
        np.testing.assert_allclose(x[np.isfinite(x)], mine["axis_1"], rtol=1e-5)


def test_what_removed_dimensions_are_set_to_stands_under_the_curves(open_page, run_page) -> None:
    at = open_page(KEY, 0)
    for mode, filled in (
        ("zero", "are set to 0. Read by"),
        ("mean", "are set to their mean over the training rows. Read by"),
    ):
        at.selectbox(key="ablation_mode").set_value(mode).run()
        assert not at.exception
        at = run_page(at, KEY)
        (caption,) = [one.value.replace("\\", "") for one in at.caption if "Share of the test texts" in one.value]
        assert filled in caption


def test_another_order_has_its_own_numbers(open_page, run_page, small_world: SmallWorld) -> None:
    at = opened(open_page, run_page)
    values = computed(small_world)
    at.segmented_control(key="ablation_order_3").set_value("lowest").run()
    at.select_slider(key="ablation_curves_frame").set_value(30).run()
    assert f"accuracy {100 * values.accuracy[0, 1, 30]:.1f}\xa0%" in said(at)


def test_hand_picked_dimensions_make_a_curve_of_their_own(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page(KEY, 0)
    at.text_input(key="ablation_dims").set_value("4, 9, 30").run()
    at = run_page(at, KEY)
    values = computed(small_world, dims=(4, 9, 30))
    at.segmented_control(key="ablation_order_4").set_value("chosen").run()
    at.select_slider(key="ablation_curves_frame").set_value(3).run()
    assert f"accuracy {100 * values.chosen_accuracy[0, 3]:.1f}\xa0%" in said(at)
    traces = {trace.get("name"): numbers(trace["y"]) for trace in figure(at, CURVES)["data"]}
    np.testing.assert_allclose(traces["hand-picked"], values.chosen_accuracy[0], rtol=1e-5)
    picked = next(trace for trace in figure(at, CURVES)["data"] if trace.get("name") == "hand-picked")
    assert picked["mode"] == "lines+markers"
    for place in (CURVES, GEOMETRY):
        assert 3 < figure(at, place)["layout"]["xaxis"]["range"][1] < 4, "the axis ends with the hand-picked dimensions"
    at.segmented_control(key="ablation_order_4").set_value("lowest").run()
    assert figure(at, CURVES)["layout"]["xaxis"]["range"][1] > 32


def test_the_map_is_computed_again_without_the_removed_dimensions(open_page, run_page, small_world: SmallWorld) -> None:
    at = opened(open_page, run_page)
    assert at.button(key="ablation_recompute").disabled
    at.select_slider(key="ablation_curves_frame").set_value(5).run()
    at.button(key="ablation_recompute").click().run()
    assert not at.exception
    values = computed(small_world)
    removed = PostProcess("remove_dims", dims=tuple(map(int, values.order[0, 0, :5])))
    expected = small_world.computed("projection", 0, layers=[3], postprocess=[removed]).values.coords[0]
    trace = next(trace for trace in figure(at, MAP)["data"] if trace["name"] == "right")
    x, ids = numbers(trace["x"]), numbers(trace["customdata"]).astype(int)
    here = np.isfinite(x)
    np.testing.assert_allclose(x[here], expected[ids[here], 0], rtol=1e-5)
    assert "after removing 5 dimensions, highest variance first" in said(at)
    at.button(key="ablation_whole").click().run()
    assert "PCA of the whole layer" in said(at)


def test_the_selected_texts_stand_out_on_the_map(open_page, run_page) -> None:
    every = opened(open_page, run_page)
    assert all(trace.get("selectedpoints") is None for trace in figure(every, MAP)["data"])
    at = run_page(open_page(KEY, 0, label="label", chosen="0-19"), KEY)
    traces = figure(at, MAP)["data"]
    ids = numbers(traces[0]["customdata"]).astype(int)
    marked = [np.asarray(numbers(trace["selectedpoints"]), int) for trace in traces]
    assert 0 < len(marked[0]) < len(ids)
    assert sorted(ids[marked[0]]) == sorted(set(ids) & set(range(20))) == sorted(ids[marked[1]])
    assert f"{len(marked[0])} of them are selected; the others are faint." in said(at)


def test_ablation_inside_the_network_is_offered_below_with_and_without_labels(open_page) -> None:
    assert "Inside the network" in said(open_page(KEY, 0))
    bare = open_page(KEY, 0, texts="general", label="(none)")
    assert "Inside the network" in said(bare) and "no label column" in said(bare)


def test_a_layer_without_variance_says_so(open_page, run_page) -> None:
    at = open_page(KEY, 0, pooling="cls")
    at.selectbox(key="ablation_layer_4").set_value(0).run()
    at = run_page(at, KEY)
    assert "nothing to ablate" in said(at) and not at.get("plotly_chart")
    assert "identical" in said(at) and "×" not in said(at), "nothing is marked here"


def test_all_models_are_panels_of_one_figure_on_the_same_axes(
    open_page, run_page, shown, small_world: SmallWorld
) -> None:
    at = run_page(open_page(KEY, 0, 1, 2, ablation_model="All models"), KEY)
    drawn = figure(at)
    for model in (0, 1, 2):
        values = small_world.computed(KEY, model, label="label", layers=[3]).values
        number = str(model + 1) if model else ""
        mine = {one["name"]: one for one in drawn["data"] if one["xaxis"] == f"x{number}" and one.get("name")}
        for place, name in enumerate(("highest variance first", "lowest variance first")):
            np.testing.assert_allclose(numbers(mine[name]["y"]), values.accuracy[0, place], rtol=1e-5)
    ranges = [drawn["layout"][f"{axis}axis{number}"]["range"] for axis in "xy" for number in ("", "2", "3")]
    assert ranges[0] == ranges[1] == ranges[2] and ranges[3] == ranges[4] == ranges[5]
    assert [one["showlegend"] for one in drawn["data"] if one.get("name") == "lowest variance first"] == [
        True,
        False,
        False,
    ]
    assert check(shown["ablation_curves_all"]) > 0
    assert "Slider, geometry and map are shown of one model" in said(at) and "fitted head" in said(at)
    at.selectbox(key="ablation_model").select_index(1).run()
    assert at.select_slider(key="ablation_curves_frame")


def test_one_model_has_no_box(open_page, run_page) -> None:
    at = run_page(open_page(KEY, 0), KEY)
    assert not [box for box in at.selectbox if box.key == "ablation_model"]
