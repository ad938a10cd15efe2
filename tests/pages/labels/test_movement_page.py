"""The page Movement and its charts against the result of the metric."""

import numpy as np
import pytest

from pages._kit.charts.base import short_model
from pages._kit.charts.path_panels import PathPanel, path_panels
from pages._kit.charts.paths import difference_arrows, difference_cloud, lengths_chart, paths_chart
from pages.labels.movement.differences import every_second
from tests.pages.conftest import SmallWorld
from tests.pages.figures import figure, numbers, said

KEY = "movement"
SHARES = np.array([0.6, 0.3])
CENTRED, SCALED = 1, 2


def drawn_path(chart, name):
    """The points of the path of a label."""
    (trace,) = [trace for trace in chart["data"] if trace.get("name") == name]
    return np.column_stack([numbers(trace["x"]), numbers(trace["y"])])


def test_one_model_shows_paths_over_its_layers(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0), KEY)
    values = small_world.computed(KEY, 0, label="label").values
    assert len(at.get("plotly_chart")) == 1, "there is no second model"
    for place, name in enumerate(values.classes):
        np.testing.assert_allclose(
            drawn_path(figure(at), name), values.coords[CENTRED, 0, :, place], rtol=1e-5, atol=1e-6
        )
    table = at.dataframe[0].value.set_index("label")
    np.testing.assert_allclose(table.loc[list(values.classes), "path, layers"], values.path[0])
    np.testing.assert_allclose(table.loc[list(values.classes), "error, last layer"], values.error[0, -1])
    assert "Add a second model" in said(at) and "distances in the full space" in said(at)
    assert "Centroids of 60 rows with a label" in said(at)


def test_two_models_show_the_way_from_one_to_the_other(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0, 1), KEY)
    values = small_world.computed(KEY, 0, 1, label="label").values
    over_models, differences = figure(at, 1), figure(at, 2)
    change = f"{short_model(small_world.models[1])} minus {short_model(small_world.models[0])}"
    for place, name in enumerate(values.classes):
        np.testing.assert_allclose(
            drawn_path(over_models, name), values.layer_coords[CENTRED, :, -1, place], rtol=1e-5, atol=1e-6
        )
        expected = values.difference_layer_coords[CENTRED, -1, place]
        np.testing.assert_allclose(drawn_path(differences, name), [[0, 0], expected], rtol=1e-5, atol=1e-6)
    table = at.dataframe[0].value.set_index("label")
    np.testing.assert_allclose(table.loc[list(values.classes), change], values.difference[-1])
    np.testing.assert_allclose(table.loc[list(values.classes), "its error"], values.difference_error[-1])
    np.testing.assert_allclose(at.dataframe[1].value["movement common to all"], values.difference_common)
    at.select_slider(key="movement_layer_4").set_value(1).run()
    table = at.dataframe[0].value.set_index("label")
    np.testing.assert_allclose(table.loc[list(values.classes), change], values.difference[1])
    at.segmented_control(key="movement_kind").set_value("All layers").run()
    cloud = figure(at, 2)["data"][0]
    np.testing.assert_allclose(
        numbers(cloud["x"]), values.difference_coords[CENTRED, ..., 0].ravel(), rtol=1e-5, atol=1e-6
    )


def test_every_figure_has_a_table_of_its_own_numbers(open_page, run_page, shown, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0, 1), KEY)
    values = small_world.computed(KEY, 0, 1, label="label").values
    keys = [f"movement_{name}" for name in ("paths", "models", "differences", "lengths")]
    assert [key for key in shown if key.startswith(KEY)] == keys
    drawn = {key: figure(at, place) for place, key in enumerate(keys)}
    for key in ("movement_paths", "movement_models"):
        table = shown[key].numbers()
        for name, mine in table.groupby("label"):
            np.testing.assert_allclose(drawn_path(drawn[key], name), mine[["axis_1", "axis_2"]], rtol=1e-5, atol=1e-6)
    paths, models = (shown[key].numbers() for key in ("movement_paths", "movement_models"))
    assert set(paths["model"]) == {short_model(small_world.models[1])} and len(paths) == values.error[1].size
    np.testing.assert_array_equal(paths["standard error"], values.error[1].ravel())
    assert set(models["layer"]) == {"block 3"} and models["model"].nunique() == 2
    tips = shown["movement_differences"].numbers().set_index("label")
    lengths = shown["movement_lengths"].numbers()
    for name in values.classes:
        tip, line = drawn_path(drawn["movement_differences"], name)[1], drawn_path(drawn["movement_lengths"], name)
        np.testing.assert_allclose(tip, tips.loc[name, ["axis_1", "axis_2"]].astype(float), rtol=1e-5, atol=1e-6)
        mine = lengths[lengths["label"] == name]
        np.testing.assert_allclose(line[:, 1], mine["Movement to each other / spread"], rtol=1e-5)
        (trace,) = [one for one in drawn["movement_lengths"]["data"] if one["name"] == name]
        np.testing.assert_allclose(numbers(trace["error_y"]["array"]), mine["two standard errors"], rtol=1e-5)
    at.segmented_control(key="movement_kind").set_value("All layers").run()
    cloud, table = figure(at, 2)["data"][0], shown["movement_differences"].numbers()
    np.testing.assert_allclose(numbers(cloud["y"]), table["axis_2"], rtol=1e-5, atol=1e-6)
    names = [f"{label}<br>{layer}" for label, layer in zip(table["label"], table["layer"], strict=True)]
    assert cloud["text"] == names


def test_a_panel_a_layer_has_the_vectors_of_each_layer(open_page, run_page, shown, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0, 1, movement_kind="A panel a layer"), KEY)
    values = small_world.computed(KEY, 0, 1, label="label").values
    drawn = figure(at, 2)
    for layer in range(4):
        axis = "x" if layer == 0 else f"x{layer + 1}"
        mine = [trace for trace in drawn["data"] if trace["xaxis"] == axis]
        assert [trace["name"] for trace in mine] == list(values.classes)
        for place, trace in enumerate(mine):
            tip = values.difference_layer_coords[CENTRED, layer, place]
            np.testing.assert_allclose([numbers(trace["x"])[1], numbers(trace["y"])[1]], tip, rtol=1e-5, atol=1e-6)
    titles = [note["text"].partition("<br>")[0] for note in drawn["layout"]["annotations"]]
    assert titles[:4] == ["embedding", "block 1", "block 2", "block 3"]
    assert len(shown["movement_differences"].numbers()) == 4 * len(values.classes)


def test_every_second_layer_has_a_panel_as_in_the_paper(open_page, run_page, shown) -> None:
    at = run_page(open_page(KEY, 0, 1, movement_kind="A panel a layer", movement_every_second="true"), KEY)
    titles = [note["text"].partition("<br>")[0] for note in figure(at, 2)["layout"]["annotations"]]
    assert titles[:2] == ["block 1", "block 3"] and "embedding" not in titles
    finding = shown["movement_differences"]
    assert list(dict.fromkeys(finding.numbers()["layer"])) == ["block 1", "block 3"]
    assert "Left out: embedding, block 2." in finding.caption
    at.toggle(key="movement_every_second").set_value(False).run()
    assert "Left out" not in shown["movement_differences"].caption
    assert [every_second(n) for n in (1, 2, 3, 7, 13)] == [[0], [1], [2], [2, 4, 6], [2, 4, 6, 8, 10, 12]]


def test_twelve_labels_have_twelve_looks() -> None:
    coords = np.random.default_rng(0).standard_normal((3, 14, 2))
    names = [f"label {i}" for i in range(14)]
    for drawn in (
        paths_chart(coords, list("abc"), names, range(12), SHARES),
        path_panels([PathPanel("one", coords, SHARES)], list("abc"), names, range(12)),
    ):
        bright = [trace for trace in drawn.data if trace.name in names[:12] and trace.showlegend is not False]
        looks = {(trace.line.color, trace.line.dash, trace.marker.symbol[0]) for trace in bright}
        assert len(bright) == len(looks) == 12


def test_the_labels_of_all_layers_have_names() -> None:
    coords = np.random.default_rng(0).standard_normal((2, 3, 2))
    drawn = difference_cloud(coords, ["one", "two"], ["a", "b", "c"], SHARES, named=[2, 0])
    named = {trace.text[-1]: (trace.x[-1], trace.y[-1]) for trace in drawn.data if trace.mode == "lines+text"}
    assert set(named) == {"a", "c"}
    np.testing.assert_allclose(named["c"], coords[1, 2], rtol=1e-6)


def test_the_frame_changes_the_map_and_no_length(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0, 1), KEY)
    values = small_world.computed(KEY, 0, 1, label="label").values
    before = at.dataframe[0].value
    at.segmented_control(key="movement_frame").set_value("scaled").run()
    name = values.classes[0]
    np.testing.assert_allclose(drawn_path(figure(at), name), values.coords[SCALED, 1, :, 0], rtol=1e-5, atol=1e-6)
    assert before.equals(at.dataframe[0].value)
    np.testing.assert_allclose(
        drawn_path(figure(at, 3), name)[:, 1], values.difference_apart[:, 0] / values.spread[0], rtol=1e-5
    )
    at.segmented_control(key="movement_frame").set_value("raw").run()
    np.testing.assert_allclose(drawn_path(figure(at, 3), name)[:, 1], values.difference_relative[:, 0], rtol=1e-5)
    assert "at the cross a label did not move" in said(at)


def test_rows_whose_neighbours_changed_are_listed(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0, 1), KEY)
    run_page(at, "movement_rows")  # another page's tests may have had it computed
    values = small_world.computed("neighbour_overlap", 0, 1).values
    listed = at.dataframe[2].value
    np.testing.assert_allclose(listed["neighbours kept"], np.sort(values.per_row[-1])[: len(listed)])
    texts = small_world.bench.text_set(small_world.texts)
    assert listed["text"].tolist() == [texts.texts[row - 1] for row in listed["row"]]
    assert "Rows count from 1." in said(at)


def test_models_of_another_width_are_left_out_or_explained(open_page) -> None:
    at = open_page(KEY, 0, 2)
    (box,) = [box for box in at.main.multiselect if box.key.startswith("movement_models")]
    both = list(at.query_params["model"])
    assert box.value == both[:1]
    box.set_value(both).run()
    assert "cannot be compared" in said(at) and not at.get("plotly_chart") and not at.exception


def test_without_labels_or_with_tokens_the_page_says_what_to_do(open_page) -> None:
    at = open_page(KEY, 0, texts="general", label="(none)")
    assert "no label column" in said(at) and not at.get("plotly_chart")
    assert "one row per text" in said(open_page(KEY, 0, pooling="tokens"))


def test_a_constant_layer_is_explained(open_page, run_page) -> None:
    at = run_page(open_page(KEY, 0, 1, pooling="cls"), KEY)
    assert "all rows are identical" in said(at)


def test_a_path_ends_in_an_arrow_that_points_its_way_and_carries_the_name() -> None:
    coords = np.array([[[0.0, 0], [5, 5]], [[1, 0], [5, 6]], [[1, -2], [np.nan, np.nan]]])
    drawn = paths_chart(coords, ["a", "b", "c"], ["<b>x", "y$"], [0, 1], SHARES)
    first, second = drawn.data
    assert first.name == "&lt;b&gt;x" and second.name == "y&#36;"
    assert list(first.marker.symbol) == ["circle", "circle", "arrow"] and abs(first.marker.angle[2]) == 180
    assert list(second.marker.symbol) == ["circle", "arrow", "circle"] and second.marker.angle[1] == 0
    assert list(first.text) == ["", "", "&lt;b&gt;x"] and first.textposition == "bottom center"
    assert first.marker.size[0] < first.marker.size[1] < first.marker.size[2]
    assert drawn.layout.xaxis.title.text == "Component 1 (60.0\xa0%)" and drawn.layout.yaxis.scaleanchor == "x"


def test_names_at_one_place_are_written_on_different_sides() -> None:
    coords = np.zeros((2, 4, 2))
    coords[1] = [[9.0, 0], [9, 0.01], [9, -0.01], [-9, 0]]
    drawn = paths_chart(coords, ["a", "b"], ["science", "business", "world", "sport"], [0, 1, 2, 3], SHARES)
    sides = [trace.textposition for trace in drawn.data]
    assert len(set(sides[:3])) == 3 and sides[0] == "middle right" and sides[3] == "middle left"


def test_fifty_labels_are_grey_but_those_that_are_named() -> None:
    coords = np.random.default_rng(0).normal(size=(4, 50, 2))
    drawn = paths_chart(coords, list("abcd"), [f"label {i}" for i in range(50)], [7, 3], SHARES)
    assert len(drawn.data) == 50 and [trace.name for trace in drawn.data[-2:]] == ["label 7", "label 3"]
    assert [any(trace.text) for trace in drawn.data] == [False] * 48 + [True] * 2
    assert len({trace.line.color for trace in drawn.data[:48]}) == 1


def test_differences_start_at_a_cross_and_a_missing_label_is_left_out() -> None:
    coords = np.array([[3.0, 4], [np.nan, np.nan]])
    drawn = difference_arrows(coords, ["a", "b"], [0, 1], SHARES, "centred")
    assert [trace.name for trace in drawn.data] == ["a", None]
    np.testing.assert_array_equal([drawn.data[0].x, drawn.data[0].y], [[0, 3], [0, 4]])
    assert "mean of all labels" in drawn.data[1].hovertemplate
    cloud = difference_cloud(np.stack([coords, 2 * coords]), ["one", "two"], ["a", "b"], SHARES)
    np.testing.assert_array_equal(cloud.data[0].marker.color, [0, 0, 1, 1])
    assert cloud.data[0].text[2] == "a<br>two"


@pytest.mark.parametrize("named", [[], [0, 1]])
def test_lengths_have_bars_of_two_errors_where_they_are_named(named) -> None:
    lengths = np.array([[1.0, 2], [3, 4]])
    drawn = lengths_chart(lengths, 0.1 * lengths, ["one", "two"], ["a", "b"], named, "Movement")
    assert [trace.showlegend for trace in drawn.data] == [bool(named)] * 2
    if named:
        np.testing.assert_allclose(drawn.data[1].error_y.array, 0.2 * lengths[:, 1])
    else:
        assert drawn.data[0].error_y.array is None
