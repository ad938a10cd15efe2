"""The Explorer: every metric draws its form, runs, and shows its numbers; metrics of users' own too."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from scipy.stats import spearmanr

from backend import (
    Labels,
    LayerStack,
    Metric,
    Outcome,
    Report,
    Undefined,
    number_label,
    number_text,
    param,
    register_metric,
)
from backend.metrics import METRICS
from pages.geometry.explorer.numbers import numbers_of
from tests.pages.figures import files_of


@dataclass(frozen=True, slots=True)
class WidthParams:
    """What is measured."""

    scale: float = param(1.0, "Multiplies every number.", low=0.5, high=4.0, label="Scale of widths")


@dataclass(frozen=True, slots=True, eq=False)
class Width:
    """One number a layer, one number, and a matrix."""

    width: np.ndarray
    largest: float
    matrix: np.ndarray


def run(
    stacks: Sequence[LayerStack], labels: Labels | None, params: WidthParams, seed: int, report: Report
) -> Outcome[Width]:
    width = np.array([params.scale * rows.shape[1] for rows in stacks[0].rows])
    width[0] = np.nan
    gap = Undefined("width", (0,), "The first layer has <b>no</b> width.")
    return Outcome(Width(width, float(np.nanmax(width)), np.zeros((2, 3))), (gap,))


@pytest.fixture(autouse=True)
def own() -> Iterator[Metric]:
    yield register_metric(Metric("width", 1, "Width of a layer", "stack", WidthParams, Width, run))
    METRICS.pop("width", None)


def words(at) -> str:
    return " ".join(str(part.value) for kind in (at.caption, at.info, at.markdown) for part in kind)


def test_a_metric_of_ones_own_has_its_form_its_line_and_its_numbers(open_page, run_page) -> None:
    at = open_page("explorer", metric="Width of a layer")
    assert at.selectbox(key="metric").value == "width"
    at.number_input(key="explorer_width_scale").set_value(2.0).run()
    at = run_page(at, "explorer")
    tables = [table.value for table in at.dataframe]
    assert [list(row) for row in tables[0].to_numpy()] == [["largest", "64.0"]]
    assert np.isnan(tables[1]["width"][0]) and set(tables[1]["width"][1:]) == {64.0}
    assert "no" in words(at) and "<b>no" not in words(at).replace("\\<", "")
    assert {"CSV", "JSON and recipe"} <= set(files_of(at, "explorer"))


def test_each_field_is_drawn_by_its_shape(open_page, run_page, shown) -> None:
    at = run_page(open_page("explorer", metric="Width of a layer"), "explorer")
    assert at.selectbox(key="explorer_width_field").options == ["width", "matrix"]
    line = shown["explorer"]
    assert np.isnan(line.figure.data[0].y[0]) and list(line.numbers().columns) == ["layer", "width"]
    at.selectbox(key="explorer_width_field").set_value("matrix").run()
    heat = shown["explorer"].figure.data[0]
    assert heat.type == "heatmap" and np.array_equal(heat.z, np.zeros((2, 3)))
    assert shown["explorer"].numbers().shape == (2, 4)


@pytest.mark.parametrize("name", ["anisotropy", "rogue", "threshold"])
def test_metrics_of_the_project_show_their_numbers(open_page, run_page, shown, name: str) -> None:
    at = run_page(open_page("explorer", 0, 1, metric=METRICS[name].title, label="label"), "explorer")
    assert at.selectbox(key="metric").value == name
    result = shown["explorer"].results[0]
    for field in numbers_of(result).drawn:
        at.selectbox(key=f"explorer_{name}_field").set_value(field).run()
        assert not at.exception, field
        whole = np.asarray(getattr(result.values, field), float)
        trace = shown["explorer"].figure.data[0]
        drawn = trace.z if trace.type == "heatmap" else shown["explorer"].numbers().iloc[:, 1]
        np.testing.assert_array_equal(np.asarray(drawn, float), whole[0] if whole.ndim == 3 else whole)


def test_similarity_of_layers_is_a_heat_map_that_names_both_models(open_page, run_page, shown) -> None:
    run_page(open_page("explorer", 0, 1, metric=METRICS["cka"].title), "explorer")
    finding = shown["explorer"]
    matrix = finding.results[0].values.matrix
    np.testing.assert_array_equal(finding.figure.data[0].z, matrix)
    assert finding.figure.layout.yaxis.title.text != finding.figure.layout.xaxis.title.text
    np.testing.assert_array_equal(finding.numbers().iloc[:, 1:], matrix)
    at = run_page(open_page("explorer", 0, 1, metric=METRICS["cka"].title, pooling="cls"), "explorer")
    assert "identical" in " ".join(str(part.value) for part in (*at.caption, *at.warning, *at.info, *at.markdown))


def test_numbers_are_called_by_their_words() -> None:
    assert number_label("isoscore_high") == "IsoScore, upper end of the band"
    assert number_label("n_rows") == "number of rows" and number_label("n_dims") == "number of dimensions"
    for row in METRICS.values():
        labels = [number_label(field.name) for field in dataclasses.fields(row.result)]
        assert len(set(labels)) == len(labels), row.name
        assert not [label for label in labels if "_" in label or label.startswith("n ")], row.name


def test_every_metric_draws_its_form(open_page) -> None:
    at = open_page("explorer", label="label")
    for name, row in METRICS.items():
        at.selectbox(key="metric").set_value(name).run()
        assert not at.exception, name
        assert at.selectbox(key="metric").value == name
        keys = {widget.key for kind in ("selectbox", "number_input", "text_input", "toggle") for widget in at.get(kind)}
        assert {f"explorer_{name}_{field.name}" for field in dataclasses.fields(row.params)} <= keys, name


def test_one_metric_against_another_has_a_point_for_each_layer_of_each_model(open_page, run_page, shown) -> None:
    at = open_page("explorer", 0, 1, label="label")
    at.segmented_control(key="explorer_view").set_value("One against another").run()
    at.selectbox(key="explorer_y").set_value("intrinsic_dimension").run()
    at = run_page(at, "explorer")
    finding = shown["explorer"]
    first, second = finding.results[0], finding.results[2]
    table = finding.numbers()
    assert len(table) == 2 * len(first.sources[0].layer_names)
    np.testing.assert_array_equal(table.iloc[: len(table) // 2, 2], first.values.anisotropy)
    np.testing.assert_array_equal(table.iloc[: len(table) // 2, 3], second.values.two_nn)
    rho = spearmanr(table.iloc[:, 2], table.iloc[:, 3], nan_policy="omit").statistic
    assert f"rank correlation {number_text(rho)} of 8 points" in finding.title
    assert f"Spearman's rank correlation: {number_text(rho)}, 8 points." in finding.caption
    at.selectbox(key="explorer_points").set_value("models").run()
    table = shown["explorer"].numbers()
    assert len(table) == 2
    whole = np.isfinite(first.values.anisotropy) & np.isfinite(second.values.two_nn)
    assert table.iloc[0, 2] == pytest.approx(first.values.anisotropy[whole].mean())
    assert "undefined (a rank correlation needs 3 points, there are 2) of 2 points" in shown["explorer"].title
