"""The page Clusters and its charts against the result of the metric."""

import numpy as np

import backend
from pages._kit.charts.base import short_model
from pages._kit.charts.clusters import (
    change_chart,
    count_chart,
    distance_matrix,
    least_chart,
    name_lines,
)
from tests.pages.conftest import SmallWorld
from tests.pages.figures import figure, numbers, said

KEY = "clusters"
METRIC = "direct_probe"


def ticks(chart):
    return len(chart["layout"]["xaxis"].get("ticktext", []))


def test_the_figures_on_show_are_the_metrics(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0), KEY)
    values = small_world.computed(METRIC, 0, label="label").values
    counts = {trace["name"]: trace for trace in figure(at)["data"]}
    np.testing.assert_array_equal(numbers(counts["training rows"]["y"]), values.n_clusters)
    np.testing.assert_array_equal(numbers(counts["test rows"]["y"]), values.test_n_clusters)
    matrix = numbers(figure(at, 1)["data"][0]["z"])
    np.testing.assert_allclose(matrix[tuple(values.pairs.T)], values.distances[-1], rtol=1e-5)
    np.testing.assert_allclose(matrix, matrix.T)
    np.testing.assert_allclose(at.dataframe[0].value["train against test"], values.train_test)
    assert "48 training rows, 12 test rows" in said(at) and "every label is one cluster" in said(at)
    assert "random labels would be" in said(at)


def test_a_second_model_is_compared_layer_by_layer(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0, 1), KEY)
    values = small_world.computed(METRIC, 0, 1, label="label").values
    table = at.dataframe[0].value
    one, other = (short_model(name) for name in small_world.models[:2])
    np.testing.assert_allclose(table[f"alike with {other}"], np.diagonal(values.across))
    np.testing.assert_array_equal(table[f"clusters, {other}"], values.other_n_clusters)
    np.testing.assert_allclose(table[f"train against test, {other}"], values.other_train_test)
    assert np.isfinite(values.other_train_test).all()
    swapped = small_world.computed(METRIC, 1, 0, label="label").values
    np.testing.assert_array_equal(values.other_train_test, swapped.train_test)
    np.testing.assert_array_equal(swapped.other_train_test, values.train_test)
    assert f"clusters, {one}" in table and f"pairs of labels apart, {one}" in table and "clusters" not in table
    names = {trace["name"] for trace in figure(at)["data"]}
    assert {f"training rows, {one}", f"test rows, {one}", f"training rows, {other}"} <= names
    assert [figure(at, place)["layout"]["title"]["text"] for place in (1, 2)] == [one, one]
    least = at.dataframe[1].value
    np.testing.assert_array_equal(
        least.set_index("label")[f"minimum distance, {one}"].loc[list(values.split.classes)], values.minimum[-1]
    )
    assert f"change, first to last layer, {one}" in least
    change = least.set_index("label")[f"change, {other} minus {one}"]
    np.testing.assert_allclose(
        change.loc[list(values.split.classes)], values.other_minimum[-1] - values.minimum[-1], rtol=1e-12
    )
    (drawn,) = [each for each in (figure(at, place) for place in range(5)) if ticks(each) == 2]
    steps = {trace["name"].split(" (")[0]: numbers(trace["y"]) for trace in drawn["data"]}
    for place, name in enumerate(values.split.classes):
        expected = [values.minimum[-1, place], values.other_minimum[-1, place]]
        np.testing.assert_allclose(steps[name], expected, rtol=1e-5)


def test_every_figure_has_a_table_of_its_own_numbers(open_page, run_page, shown, small_world: SmallWorld) -> None:
    run_page(open_page(KEY, 0, 1), KEY)
    values = small_world.computed(METRIC, 0, 1, label="label").values
    one, other = (short_model(name) for name in small_world.models[:2])
    counts = shown["clusters_count"].numbers()
    np.testing.assert_array_equal(counts[f"clusters, {one}"], values.n_clusters)
    np.testing.assert_array_equal(counts[f"clusters, {other}"], values.other_n_clusters)
    distances = shown["clusters_matrix"].numbers()
    np.testing.assert_array_equal(distances["distance"], values.distances[-1])
    first = distances.iloc[0]
    assert [first["label"], first["other label"]] == [values.split.classes[label] for label in values.pairs[0]]
    least = shown["clusters_least"].numbers()
    np.testing.assert_array_equal(least[f"minimum distance, {one}"], values.minimum.ravel())
    assert list(least["label"][:3]) == list(values.split.classes) and least["layer"][2] == least["layer"][0]
    change = shown["clusters_change"].numbers().set_index("label")
    np.testing.assert_array_equal(
        change.loc[list(values.split.classes), f"minimum distance, {other}"], values.other_minimum[-1]
    )
    alike = shown["clusters_alike"].numbers()
    np.testing.assert_array_equal(alike[f"{one} against {other}, layer by layer"], np.diagonal(values.across))
    layers = shown["clusters_layers"].numbers()
    np.testing.assert_array_equal(layers.iloc[:, 1:], values.similarity)
    assert list(layers.columns[1:]) == list(layers.iloc[:, 0])


def test_a_layer_of_identical_rows_says_so(open_page, run_page) -> None:
    """Before the first block, pooling cls gives every text one vector."""
    at = run_page(open_page(KEY, 0, pooling="cls"), KEY)
    assert "all rows are identical" in said(at)
    at.select_slider(key="clusters_layer_4").set_value(0).run()
    assert "No two labels have a distance in this layer" in said(at) and not at.exception


def test_texts_that_split_a_label_are_listed(open_page, run_page, small_world: SmallWorld) -> None:
    """With two dimensions left, the hulls of the labels overlap."""
    dims = ",".join(map(str, range(2, 32)))
    at = run_page(open_page(KEY, 0, post="remove named dimensions", dims=dims), KEY)
    blank = (backend.PostProcess("remove_dims", dims=tuple(range(2, 32))),)
    values = small_world.computed(METRIC, 0, label="label", postprocess=blank).values
    assert values.n_clusters[-1] > values.n_labels == 3
    table = at.dataframe[1].value
    np.testing.assert_array_equal(table["row"] - 1, values.row_index[values.outside[-1]])
    texts = small_world.bench.text_set(small_world.texts)
    assert table["text"].tolist() == [texts.texts[row - 1] for row in table["row"]]
    assert table["label"].tolist() == [texts.columns["label"][row - 1] for row in table["row"]]
    assert (
        "rows count from 1" in said(at) and "in pieces" in said(at) and "the minimum between their clusters" in said(at)
    )
    at.button(key="clusters_select").click().run()
    assert at.session_state["_view"].kept["chosen"] == sorted(table["row"] - 1)
    at.selectbox(key="clusters_chosen_3").set_value(int(values.clusters[-1][0])).run()
    at.button(key="clusters_select").click().run()
    mine = np.sort(values.row_index[values.clusters[-1] == values.clusters[-1][0]])
    assert not at.exception and at.session_state["_view"].kept["chosen"] == mine.tolist()


def test_without_labels_or_with_tokens_the_page_says_what_to_do(open_page) -> None:
    at = open_page(KEY, 0, texts="general", label="(none)")
    assert "no label column" in said(at) and not at.get("plotly_chart")
    assert "one row per text" in said(open_page(KEY, 0, pooling="tokens"))


def test_the_labels_named_are_those_that_grow_most_and_least() -> None:
    minimum = np.array([[1.0] * 9, [2, 9, 3, 0.5, 5, 6, 7, 8, np.nan]])
    drawn = least_chart(minimum, ["a", "b"], [f"<b>{i}" for i in range(9)])
    named = [trace.name for trace in drawn.data if trace.showlegend]
    assert [name.split(" ")[0] for name in named] == [f"&lt;b&gt;{i}" for i in (1, 7, 6, 3, 0, 2)]


def test_from_model_to_model_the_labels_that_grow_most_and_least_are_named() -> None:
    before, after = np.ones(9), np.array([2, 9, 3, 0.5, 5, 6, 7, 8, np.nan])
    drawn = change_chart(before, after, ("base", "<b>"), list("abcdefghi"))
    assert [trace.name for trace in drawn.data if trace.showlegend] == [
        "b (grows most)", "h (grows most)", "g (grows most)", "d (falls most)", "a (grows least)", "c (grows least)"
    ]  # fmt: skip
    np.testing.assert_allclose(next(trace.y for trace in drawn.data if trace.name.startswith("d")), [1, 0.5])
    assert len(drawn.data) == 8 and drawn.layout.xaxis.ticktext == ("base", "&lt;b&gt;")


def test_a_distance_that_falls_is_never_said_to_grow() -> None:
    drawn = change_chart(np.full(6, 9.0), np.array([8.0, 7, 6, 5, 4, 9]), ("a", "b"), list("abcdef"))
    assert [trace.name for trace in drawn.data if trace.showlegend] == [
        "f (stays)", "a (falls least)", "b (falls least)", "e (falls most)", "d (falls most)", "c (falls most)"
    ]  # fmt: skip


def test_labels_that_tie_bear_no_rank() -> None:
    """Two labels have one distance; of three, the two nearest to each other have, and neither grows more."""
    two = change_chart(np.array([1.0, 1.0]), np.array([2.0, 2.0]), ("a", "b"), ["negative", "positive"])
    assert sorted(trace.name for trace in two.data if trace.showlegend) == ["negative", "positive"]
    three = least_chart(np.array([[1.0, 1, 2], [3, 3, 2.5]]), ["a", "b"], list("xyz"))
    assert [trace.name for trace in three.data if trace.showlegend] == ["y", "z (grows least)"]
    same = least_chart(np.array([[1.0] * 7, [2.0] * 7]), ["a", "b"], list("abcdefg"))
    assert not any("(" in trace.name for trace in same.data)


def test_a_long_name_of_a_model_is_drawn_in_lines() -> None:
    after = "after: run:minilm-sentiment-gptology@step-00003"
    assert name_lines(after) == "after: run:minilm-<br>sentiment-gptology<br>@step-00003"
    assert name_lines("before: minilm") == "before: minilm" and name_lines("x" * 50).count("<br>") == 2
    axis = change_chart(np.ones(3), np.arange(3.0), ("before: minilm", after), list("abc")).layout.xaxis
    assert axis.tickangle == 0 and axis.automargin and axis.range == (-0.25, 1.25)
    assert max(len(line) for name in axis.ticktext for line in name.split("<br>")) <= 24


def test_a_matrix_is_symmetric_and_leaves_the_diagonal_empty() -> None:
    drawn = distance_matrix(np.array([[0, 1], [0, 2], [1, 2]]), np.array([1.0, 2.0, np.nan]), ["a", "b", "$c"])
    np.testing.assert_array_equal(drawn.data[0].z, [[np.nan, 1, 2], [1, np.nan, np.nan], [2, np.nan, np.nan]])
    assert drawn.layout.xaxis.ticktext[2] == "&#36;c"


def test_the_count_chart_draws_the_number_of_labels(small_world: SmallWorld) -> None:
    values = small_world.computed(METRIC, 0, label="label").values
    drawn = count_chart(values, ["a", "b", "c", "d"])
    assert drawn.layout.shapes[0].y0 == values.n_labels == 3
