"""The Explorer: every metric draws its form, runs, and shows its numbers; metrics of users' own too."""

import dataclasses
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import pytest

from backend import Labels, LayerStack, Metric, Outcome, Report, Undefined, param, register_metric
from backend.metrics import METRICS
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
    tables = [table.value for table in at.dataframe][::-1]  # single numbers come last
    assert [list(row) for row in tables[0].to_numpy()] == [["largest", "64.0"]]
    assert np.isnan(tables[1]["width"][0]) and set(tables[1]["width"][1:]) == {64.0}
    assert "matrix (2 × 3)" in words(at).replace("\\", "")
    assert "no" in words(at) and "<b>no" not in words(at).replace("\\<", "")
    assert {"CSV", "JSON and recipe"} <= set(files_of(at, "explorer"))


@pytest.mark.parametrize("name", ["cka", "anisotropy", "rogue", "threshold"])
def test_metrics_of_the_project_show_their_numbers(open_page, run_page, name: str) -> None:
    at = run_page(open_page("explorer", 0, 1, metric=METRICS[name].title, label="label"), "explorer")
    assert at.selectbox(key="metric").value == name
    assert at.dataframe
    assert ("matrix" in words(at)) == (name == "cka")


def test_numbers_of_no_layer_are_in_the_files_and_gaps_have_their_reason(open_page, run_page, shown) -> None:
    at = run_page(open_page("explorer", 0, 1, metric=METRICS["cka"].title), "explorer")
    table = shown["explorer"].numbers()
    matrix = table[table["field"] == "matrix"]
    assert len(matrix) == 16 and matrix["place"].tolist()[:5] == ["0 0", "0 1", "0 2", "0 3", "1 0"]
    result = shown["explorer"].results[0]
    np.testing.assert_array_equal(matrix["number"], result.values.matrix.ravel())
    at = run_page(open_page("explorer", 0, 1, metric=METRICS["cka"].title, pooling="cls"), "explorer")
    assert "undefined in part" in words(at) and "identical" in words(at)


def test_every_metric_draws_its_form(open_page) -> None:
    at = open_page("explorer", label="label")
    for name, row in METRICS.items():
        at.selectbox(key="metric").set_value(name).run()
        assert not at.exception, name
        assert at.selectbox(key="metric").value == name
        keys = {widget.key for kind in ("selectbox", "number_input", "text_input", "toggle") for widget in at.get(kind)}
        assert {f"explorer_{name}_{field.name}" for field in dataclasses.fields(row.params)} <= keys, name
