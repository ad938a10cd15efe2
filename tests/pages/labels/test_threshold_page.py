"""The page Threshold against the result of its metric."""

import csv
import dataclasses
import io

import numpy as np

from pages._kit.show.typeset import csv_text
from pages.labels.threshold.table import file_table
from tests.pages.conftest import SmallWorld
from tests.pages.figures import figure, numbers, said

KEY = "threshold"


def test_the_profile_the_table_and_the_cuts_are_the_metrics(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0), KEY)
    values = small_world.computed(KEY, 0, label="label").values
    traces = {trace["name"]: numbers(trace["y"]) for trace in figure(at)["data"] if trace.get("name")}
    np.testing.assert_allclose(traces["highest-variance dimension"], values.accuracy, rtol=1e-5)
    np.testing.assert_allclose(traces["all dimensions"], values.full_accuracy, rtol=1e-5)
    np.testing.assert_allclose(traces["shuffled labels"], values.control_accuracy, rtol=1e-5)
    table = at.dataframe[0].value
    assert table["dimension"].tolist() == values.dimension.tolist()
    np.testing.assert_allclose(table["cut of one dimension"], values.accuracy)
    np.testing.assert_allclose(table["fitted head on that one"], values.single_accuracy)
    np.testing.assert_allclose(table["fitted head on all"], values.fitted_accuracy)
    assert "Cut: the dimension's line in intervals" in said(at).replace("\\", "")
    np.testing.assert_allclose(table["± std"], values.control_std)
    np.testing.assert_allclose(table["p (one against all)"], values.single_p)
    assert "fitted head" in said(at) and "48 training rows, 12 test rows" in said(at)


def test_the_file_has_every_cut_as_a_number(small_world: SmallWorld) -> None:
    result = small_world.computed(KEY, 0, label="label")
    cuts = ((-1.23456789012345, 2.0), (), tuple(np.linspace(-9, 9, 11).tolist()), (0.5,))
    classes = ((0, 1, 2), (1,), tuple(i % 3 for i in range(12)), (2, 0))
    values = dataclasses.replace(result.values, thresholds=cuts, interval_classes=classes)
    whole = file_table(dataclasses.replace(result, values=values))
    cells = whole.astype(object).where(whole.notna(), None).values.tolist()
    rows = list(csv.DictReader(io.StringIO(csv_text(list(whole.columns), cells))))
    for row, of_layer, names in zip(rows, cuts, classes, strict=True):
        found = [row[f"cut {place + 1}"] for place in range(11)]
        assert [float(cell) for cell in found if cell] == list(of_layer) and not any("'" in cell for cell in found)
        assert [row[f"class {i + 1}"] for i in range(len(names))] == [values.split.classes[k] for k in names]


def test_the_histogram_shows_the_chosen_rows_and_every_cut(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0), KEY)
    values = small_world.computed(KEY, 0, label="label").values
    assert at.select_slider(key="threshold_layer_4").value == 3, "the last layer to begin with"
    layer = 2
    at.select_slider(key="threshold_layer_4").set_value(layer).run()
    for rows, counts in (("Test texts", values.test_counts), ("Training texts", values.train_counts)):
        at.segmented_control(key="threshold_rows").set_value(rows).run()
        drawn = figure(at, 1)
        bars = np.array([numbers(trace["y"]) for trace in drawn["data"]])
        np.testing.assert_array_equal(bars, counts[layer])
        assert drawn["layout"]["barmode"] == "stack" and drawn["layout"]["legend"]["traceorder"] == "normal"
        assert [trace["name"].partition(" (")[0] for trace in drawn["data"]] == list(values.split.classes)
        dashed = [shape["x0"] for shape in drawn["layout"]["shapes"] if shape["type"] == "line"]
        assert dashed == list(values.thresholds[layer])


def test_every_figure_has_a_table_of_its_own_numbers(open_page, run_page, shown, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0), KEY)
    values = small_world.computed(KEY, 0, label="label").values
    traces = {trace["name"]: numbers(trace["y"]) for trace in figure(at)["data"] if trace.get("name")}
    table = shown["threshold_profile"].numbers()
    for line, column in (
        ("highest-variance dimension", "cut of one dimension"),
        ("all dimensions", "fitted head on all"),
        ("shuffled labels", "shuffled labels"),
    ):
        np.testing.assert_allclose(traces[line], table[column], rtol=1e-5)
    at.segmented_control(key="threshold_rows").set_value("Training texts").run()
    table, edges = shown["threshold_histogram"].numbers(), values.bin_edges[-1]
    assert set(table["layer"]) == {"block 3"} and set(table["rows"]) == {"training"}
    for trace in figure(at, 1)["data"]:
        mine = table[table["class"] == trace["name"].partition(" (")[0]]
        np.testing.assert_array_equal(numbers(trace["y"]), mine["count"])
        np.testing.assert_allclose(numbers(trace["x"]), mine["middle"], rtol=1e-5)
        np.testing.assert_array_equal(mine["to"], edges[1:])


def test_any_dimension_can_be_chosen(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page(KEY, 0)
    at.number_input(key="threshold_dimension").set_value(7).run()
    at = run_page(at, KEY)
    assert set(at.dataframe[0].value["dimension"]) == {7}
    assert "dimension 7" in {trace.get("name") for trace in figure(at)["data"]}


def test_a_layer_without_variance_says_so(open_page, run_page) -> None:
    at = run_page(open_page(KEY, 0, pooling="cls"), KEY)
    at.select_slider(key="threshold_layer_4").set_value(0).run()
    assert "nothing to cut in embedding" in said(at) and "identical" in said(at)
    assert "marked × and left out" in said(at), "the profile marks it"
