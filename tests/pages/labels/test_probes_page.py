"""The page Probes and its chart against the results of its two metrics."""

import io

import numpy as np
import pandas as pd
import pytest

from pages._kit.show.files import groups_of
from pages._kit.state.labelled import ALL_MODELS
from pages.labels.probes.charts import Probed, probe_chart
from tests.pages.conftest import SmallWorld
from tests.pages.drawn import check
from tests.pages.figures import figure, files_of, numbers, said

pytestmark = pytest.mark.usefixtures("few_passes")
KEY = "probes"
METRIC = "probing"
PARAMS = {"grid": "fixed", "n_seeds": 3}


def quick(at):
    """The page with a network that needs no search."""
    at.selectbox(key="probes_grid").set_value("fixed")
    at.number_input(key="probes_n_seeds").set_value(3)
    return at.run()


def traces(at):
    return {trace["name"]: trace for trace in figure(at)["data"] if trace.get("name")}


def test_the_figure_and_the_table_are_the_metrics(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(quick(open_page(KEY, 0)), KEY)
    values = small_world.computed(METRIC, 0, label="label", params=PARAMS).values
    drawn = traces(at)
    for name, field in (
        ("network (mean ± std)", "accuracy"),
        ("linear probe", "linear_accuracy"),
    ):
        np.testing.assert_allclose(numbers(drawn[name]["y"]), getattr(values, field), rtol=1e-5)
    faint = [trace for trace in figure(at)["data"] if trace.get("legendgroup", "").startswith("shuffled labels")]
    for trace, field in zip(faint, ("control_accuracy", "linear_control"), strict=True):
        np.testing.assert_allclose(numbers(trace["y"]), getattr(values, field), rtol=1e-5)
    assert [trace["showlegend"] for trace in faint] == [True, False] and {trace["opacity"] for trace in faint} == {0.5}
    table = at.dataframe[0].value
    np.testing.assert_allclose(table["training accuracy"], values.train_accuracy)
    np.testing.assert_allclose(table["± std"], values.accuracy_std)
    np.testing.assert_allclose(table["selectivity"], values.selectivity)
    assert set(table["network"]) == {"64 x 64, L2 1e-04"} and set(table["chosen at"].isna()) == {True}
    assert "48 training rows, 12 test rows" in said(at) and "± 28.3 points (95 %, 12 test texts)" in said(at)
    assert "fixed beforehand" in said(at) and "Classes: the column 'label'." in said(at)


def test_the_band_is_one_deviation_on_either_side(small_world: SmallWorld) -> None:
    values = small_world.computed(METRIC, 0, label="label", params=PARAMS).values
    drawn = probe_chart([Probed("", values, ["a", "b", "c", "d"], {})])
    (band,) = [trace for trace in drawn.data if trace.fill == "toself"]
    above, below = np.split(np.asarray(band.y), 2)
    np.testing.assert_allclose(above, values.accuracy + values.accuracy_std, rtol=1e-5)
    np.testing.assert_allclose(below[::-1], values.accuracy - values.accuracy_std, rtol=1e-5)
    (line,) = [shape for shape in drawn.layout.shapes if shape.type == "line"]
    assert line.y0 == values.majority
    single = small_world.computed(METRIC, 0, label="label", params={"grid": "fixed", "n_seeds": 1}).values
    drawn = probe_chart([Probed("", single, ["a", "b", "c", "d"], {})])
    assert [trace.name for trace in drawn.data][:2] == ["linear probe", "network"], "one training has no band"
    assert not [trace for trace in drawn.data if trace.fill == "toself"]


def test_the_clusters_are_run_from_here_and_stand_beside_the_accuracy(
    open_page, run_page, small_world: SmallWorld
) -> None:
    at = open_page(KEY, 0)
    at = run_page(at, "probes_clusters")
    clusters = small_world.computed("direct_probe", 0, label="label").values
    table = at.dataframe[0].value
    np.testing.assert_array_equal(table["clusters"], clusters.n_clusters)
    assert set(table["linear?"]) == {"yes, but so are random labels"} and set(table["labels"]) == {3}
    assert table["accuracy"].isna().all(), "the probes have not run"
    assert "random labels would be" in said(at)
    at = run_page(quick(at), KEY)
    values = small_world.computed(METRIC, 0, label="label", params=PARAMS).values
    np.testing.assert_allclose(at.dataframe[1].value["accuracy"], values.accuracy)
    np.testing.assert_allclose(at.dataframe[1].value["± std"], values.accuracy_std)


def test_labels_in_pieces_are_not_linear(open_page, run_page, small_world: SmallWorld) -> None:
    """With two dimensions left, the hulls of the labels overlap."""
    dims = ",".join(map(str, range(2, 32)))
    at = run_page(open_page(KEY, 0, post="remove named dimensions", dims=dims), "probes_clusters")
    table = at.dataframe[0].value
    assert table["linear?"].iloc[-1] == "no" and table["clusters"].iloc[-1] > 3


def test_two_models_are_two_lines_and_two_halves_of_each_table(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(quick(open_page(KEY, 0, 1)), KEY)
    at = run_page(at, "probes_clusters")
    results = [small_world.computed(METRIC, place, label="label", params=PARAMS) for place in (0, 1)]
    networks = [trace for name, trace in traces(at).items() if name.startswith("network")]
    for trace, result in zip(networks, results, strict=True):
        np.testing.assert_allclose(numbers(trace["y"]), result.values.accuracy, rtol=1e-5)
    table = at.dataframe[1].value
    assert table["representation"].nunique() == 2 and len(table) == 8
    np.testing.assert_allclose(table["accuracy"], np.concatenate([one.values.accuracy for one in results]))
    both = [small_world.computed("direct_probe", place, label="label").values for place in (0, 1)]
    np.testing.assert_array_equal(table["clusters"], np.concatenate([one.n_clusters for one in both]))
    training = np.concatenate([one.values.train_accuracy for one in results])
    np.testing.assert_allclose(table["training accuracy"], training)
    alike = np.concatenate([one.train_test for one in both])
    np.testing.assert_allclose(table["training against test (similarity)"], alike)


def test_all_models_stand_in_one_figure_and_one_table(open_page, run_page, shown, small_world: SmallWorld) -> None:
    """The last layer of each: the third model is narrower than the others."""
    at = run_page(quick(open_page(KEY, 0, 1, 2, probes_other=ALL_MODELS)), KEY)
    at = run_page(at, "probes_clusters")
    options = {"label": "label", "layers": (3,), "params": PARAMS}
    results = [small_world.computed(METRIC, place, **options).values for place in range(3)]
    drawn = traces(at)
    for name, field in (("network (mean ± std)", "accuracy"), ("linear probe", "linear_accuracy")):
        np.testing.assert_allclose(numbers(drawn[name]["y"]), [getattr(one, field)[0] for one in results], rtol=1e-5)
    assert len(set(drawn["linear probe"]["x"])) == 3 and all("block 3" in name for name in drawn["linear probe"]["x"])
    table = shown["probes_table"].numbers()
    assert len(table) == 3 and table["representation"].nunique() == 3 and set(table["layer"]) == {"block 3"}
    clusters = [small_world.computed("direct_probe", place, label="label", layers=(3,)).values for place in range(3)]
    np.testing.assert_allclose(table["accuracy"], [one.accuracy[0] for one in results])
    np.testing.assert_array_equal(table["clusters"], [one.n_clusters[0] for one in clusters])
    np.testing.assert_allclose(table["training against test (similarity)"], [one.train_test[0] for one in clusters])
    assert {"CSV", "LaTeX"} <= set(files_of(at, "probes_table"))
    assert check(shown["probes_models"]) > 0


def test_the_table_of_the_paper_can_be_taken_away(open_page, run_page, shown) -> None:
    at = run_page(run_page(quick(open_page(KEY, 0, 1)), KEY), "probes_clusters")
    finding = shown["probes_table"]
    assert [result.metric for result in finding.results] == ["probing", "probing", "direct_probe", "direct_probe"]
    assert {"CSV", "LaTeX", "JSON and recipe"} <= set(files_of(at, "probes_table"))
    (csv,) = [file for group in groups_of(finding, None, {}) for file in group.files if file.label == "CSV"]
    read = pd.read_csv(io.BytesIO(csv.make()))
    np.testing.assert_allclose(read["accuracy"], finding.numbers()["accuracy"])


def test_the_figure_has_a_table_of_its_own_numbers(open_page, run_page, shown) -> None:
    at = run_page(quick(open_page(KEY, 0, 1)), KEY)
    table = shown["probes_profile"].numbers()
    faint = [trace for trace in figure(at)["data"] if trace.get("legendgroup", "").startswith("shuffled labels")]
    drawn = list(traces(at).items())
    for place, (_, mine) in enumerate(table.groupby("model", sort=False)):
        for start, column in (("network", "test accuracy"), ("linear probe", "linear, test")):
            trace = [trace for name, trace in drawn if name.startswith(start)][place]
            np.testing.assert_allclose(numbers(trace["y"]), mine[column], rtol=1e-5)
        for trace, column in zip(faint[2 * place :][:2], ("shuffled labels", "shuffled, linear"), strict=True):
            np.testing.assert_allclose(numbers(trace["y"]), mine[column], rtol=1e-5)
    assert check(shown["probes_profile"]) > 0


def test_a_layer_of_identical_rows_says_so(open_page, run_page) -> None:
    """Before the first block, pooling cls gives every text one vector."""
    at = run_page(quick(open_page(KEY, 0, pooling="cls")), KEY)
    assert "all training rows are identical" in said(at) and "marked ×" in said(at)
    assert at.dataframe[0].value["network"].iloc[0] == ""


def test_without_labels_or_with_tokens_the_page_says_what_to_do(open_page) -> None:
    at = open_page(KEY, 0, texts="general", label="(none)")
    assert "no label column" in said(at) and not at.get("plotly_chart")
    assert "one row per text" in said(open_page(KEY, 0, pooling="tokens"))
