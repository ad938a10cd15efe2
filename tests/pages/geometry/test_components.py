"""The page Components against the results of its two metrics."""

import numpy as np

from tests.pages.conftest import LABELS, SmallWorld
from tests.pages.figures import figure, numbers, said


def test_the_spectrum_on_show_is_the_metrics(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page("components", 0), "components")
    result = small_world.computed("spectrum", 0)
    ratios = result.values.ratios
    traces = figure(at)["data"]
    assert [trace["name"] for trace in traces] == list(result.sources[0].layer_names)
    for trace, line in zip(traces, ratios, strict=True):
        np.testing.assert_allclose(numbers(trace["y"]), line, rtol=1e-5, atol=1e-8)
    table = at.dataframe[0].value
    np.testing.assert_allclose(table["first 5"], ratios[:, :5].sum(axis=1), rtol=1e-6)
    for count, line in zip(table["components for 90 %"], ratios, strict=True):
        assert line[:count].sum() >= 0.9 > line[: count - 1].sum()


def test_summed_up_it_ends_at_one(open_page, run_page) -> None:
    at = run_page(open_page("components", 0), "components")
    at.toggle(key="components_summed").set_value(True).run()
    for trace in figure(at)["data"]:
        np.testing.assert_allclose(numbers(trace["y"])[-1], 1, rtol=1e-5)
    assert "from the first component to all of them" in said(at)


def test_the_ratio_is_the_second_model_over_the_first_where_nothing_else_is_known(
    open_page, run_page, small_world: SmallWorld
) -> None:
    at = open_page("components", 0, 1)
    at.segmented_control(key="components_view").set_value("Tuned against base").run()
    at = run_page(at, "components_ratio")
    values = small_world.computed("variance_ratio", 1, 0).values
    tuned, base = (small_world.computed("spectrum", place).values.ratios[:, :20] for place in (1, 0))
    np.testing.assert_allclose(values.ratio, tuned / base, rtol=1e-9)
    drawn = figure(at)["data"][0]  # the last block at first
    np.testing.assert_allclose(numbers(drawn["y"]), values.ratio[3], rtol=1e-5)
    above = int(values.n_above_one[3])
    assert f"({above} at or above 1)" in drawn["name"]
    symbols = drawn["marker"]["symbol"]
    assert [place for place, symbol in enumerate(symbols, 1) if symbol == "diamond"] == ([above] if above else [])
    texts = [note["text"] for note in figure(at)["layout"]["annotations"]]
    assert f"{len(LABELS)} classes" in texts
    assert list(at.dataframe[0].value["components at or above 1"]) == [str(n) for n in values.n_above_one]
    assert values.n_above_one.max() < 20
    assert "The first 20 of 32 components are drawn" in said(at)


def test_another_model_before_turns_the_ratio_over(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page("components", 0, 1, components_view="Tuned against base")
    at.selectbox(key="before").set_value(small_world.models[1]).run()
    at = run_page(at, "components_ratio")
    values = small_world.computed("variance_ratio", 0, 1).values
    np.testing.assert_allclose(numbers(figure(at)["data"][0]["y"]), values.ratio[3], rtol=1e-5)


def test_without_labels_no_number_of_classes_is_promised(open_page, run_page) -> None:
    at = open_page("components", 0, 1, components_view="Tuned against base", label="(none)")
    at = run_page(at, "components_ratio")
    assert "classes" not in said(at)


def test_a_model_is_not_compared_with_itself(open_page) -> None:
    at = open_page("components", 0, 1, 2)
    at.segmented_control(key="components_view").set_value("Tuned against base").run()
    at.selectbox(key="components_second").select_index(0).run()
    assert "Choose two different models" in said(at)
    assert not at.get("plotly_chart")


def test_one_model_is_told_how_to_get_the_comparison(open_page) -> None:
    assert "Choose two models in the sidebar" in said(open_page("components", 0))
