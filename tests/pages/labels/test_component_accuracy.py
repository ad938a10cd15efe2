"""The page Component accuracy against the result of its metric."""

import numpy as np

from tests.pages.conftest import SmallWorld
from tests.pages.drawn import check
from tests.pages.figures import figure, numbers, said

KEY = "component_accuracy"
FEW = {"n_points": 4, "n_draws": 2}  # each point of each curve is a classifier that is fitted
LESS = {f"{KEY}_{name}": str(value) for name, value in FEW.items()}


def test_the_curves_on_show_are_the_metrics(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0, **LESS), KEY)
    general = small_world.bench.text_set_info("general")
    values = small_world.computed(KEY, 0, label="label", basis=general, layers=[3], params=FEW).values
    traces = {trace["name"]: trace for trace in figure(at)["data"] if trace.get("name")}
    for name, field in (("components of these texts", "in_domain"), ("components of the general texts", "general")):
        np.testing.assert_allclose(numbers(traces[name]["y"]), getattr(values, field)[0], rtol=1e-5)
        np.testing.assert_array_equal(numbers(traces[name]["x"]), values.n_components)
    assert "shuffled labels" in traces
    table = at.dataframe[0].value
    np.testing.assert_allclose(table["these texts"], values.in_domain[0])
    assert "fitted head" in said(at) and "48 training rows, 12 test rows" in said(at)


def test_two_models_stand_side_by_side_on_the_same_axes(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0, 2, **LESS), KEY)  # the second is half as wide
    general = small_world.bench.text_set_info("general")
    ranges = []
    for place, model in enumerate((0, 2)):
        values = small_world.computed(KEY, model, label="label", basis=general, layers=[3], params=FEW).values
        drawn = figure(at, place)
        (line,) = [trace for trace in drawn["data"] if trace.get("name") == "components of these texts"]
        np.testing.assert_allclose(numbers(line["y"]), values.in_domain[0], rtol=1e-5)
        ranges.append((drawn["layout"]["xaxis"]["range"], drawn["layout"]["yaxis"]["range"]))
    assert ranges[0] == ranges[1]
    low, high = ranges[0][0]
    assert low < 0 and np.log10(32) < high < 1.7, "the axis is logarithmic"
    assert "The figures side by side have the same axes." in said(at)
    table = at.dataframe[0].value
    assert table["model"].nunique() == 2 and table.groupby("model")["components"].max().tolist() == [32, 16]


def test_all_models_are_panels_of_one_figure_on_the_same_axes(
    open_page, run_page, shown, small_world: SmallWorld
) -> None:
    at = run_page(open_page(KEY, 0, 1, 2, **LESS, component_other="All models"), KEY)
    general = small_world.bench.text_set_info("general")
    for place, (key, line, field) in enumerate(
        (("component_accuracy_chart_all", "these texts", "in_domain"), ("component_sample_chart_all", "these texts", "sample_in_domain"))
    ):  # fmt: skip
        drawn = figure(at, place)
        for model in (0, 1, 2):
            values = small_world.computed(KEY, model, label="label", basis=general, layers=[3], params=FEW).values
            number = str(model + 1) if model else ""
            mine = [
                one
                for one in drawn["data"]
                if one["xaxis"] == f"x{number}" and one.get("name") == f"components of {line}"
            ]
            np.testing.assert_allclose(numbers(mine[0]["y"]), getattr(values, field)[0], rtol=1e-5)
        layout = drawn["layout"]
        for axis in "xy":
            assert layout[f"{axis}axis"]["range"] == layout[f"{axis}axis2"]["range"] == layout[f"{axis}axis3"]["range"]
        assert check(shown[key]) > 0
        assert [name[-7:] for name in dict.fromkeys(shown[key].numbers()["model"])] == ["model-0", "model-1", "model-2"]
    assert "The figures side by side have the same axes." in said(at)
    assert at.dataframe[0].value["model"].nunique() == 3


def test_the_rows_of_a_basis_for_every_number_of_components(
    open_page, run_page, shown, small_world: SmallWorld
) -> None:
    at = run_page(open_page(KEY, 0, **LESS, component_accuracy_sample_all="true"), KEY)
    general = small_world.bench.text_set_info("general")
    params = {**FEW, "sample_all": True}
    values = small_world.computed(KEY, 0, label="label", basis=general, layers=[3], params=params).values
    drawn = figure(at, 2)
    for axis, grid in (("x", values.all_in_domain[0]), ("x2", values.all_general[0])):
        mine = {trace["name"]: trace for trace in drawn["data"] if trace["xaxis"] == axis}
        for place, k in enumerate(values.n_components.tolist()):
            np.testing.assert_allclose(numbers(mine[f"{k}"]["y"]), grid[:, place], rtol=1e-5)
    assert check(shown["component_all_samples_0"]) > 0


def test_without_general_texts_there_is_no_such_curve(open_page, run_page) -> None:
    at = open_page(KEY, 0, **LESS)
    at.selectbox(key="component_basis").select_index(0).run()
    at = run_page(at, KEY)
    names = [trace.get("name") for trace in figure(at)["data"]]
    assert "components of these texts" in names and "components of the general texts" not in names


def test_every_figure_has_a_table_of_its_own_numbers(open_page, run_page, shown) -> None:
    at = run_page(open_page(KEY, 0, **LESS), KEY)
    names = {"components of these texts": "these texts", "components of the general texts": "general texts"}
    keys = ("component_accuracy_chart", "component_sample_chart")
    more = {"shuffled labels": "shuffled labels", "as many random dimensions (mean ± std)": "random dimensions"}
    for place, (key, first) in enumerate(zip(keys, ("components", "rows of the basis"), strict=True)):
        table, drawn = shown[key].numbers(), {trace.get("name"): trace for trace in figure(at, place)["data"]}
        for name, column in {**names, **({} if place else more)}.items():
            np.testing.assert_allclose(numbers(drawn[name]["y"]), table[column], rtol=1e-5)
            np.testing.assert_array_equal(numbers(drawn[name]["x"]), table[first])
