"""What leaves the dashboard: CSV that no spreadsheet runs, JSON without NaN, a figure that needs no network."""

import csv
import io
import json
import re
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend import Result, Source, Undefined, result_document
from pages._kit.charts.layer_pairs import cka_heatmap
from pages._kit.show.export import json_text
from pages._kit.show.plot import chart_document
from pages._kit.show.standalone import figure_page
from pages._kit.show.typeset import csv_text


@dataclass(frozen=True)
class Values:
    matrix: npt.NDArray[np.float64]
    flags: npt.NDArray[np.bool_]
    chance: float
    by: str


def result() -> Result:
    return Result(
        fingerprint="f",
        metric="cka",
        version=1,
        values=Values(np.array([[1.0, np.nan], [np.inf, 0.1]]), np.array([True, False]), float("nan"), "variance"),
        undefined=(Undefined("matrix", (0, 1), "all rows are identical"),),
        notes=("Debiased.",),
        sources=(Source("m", "c", "t", "mean", (0, 1), ("embedding", "block 1"), 10, 4),),
        recipe={"type": "AnalysisSpec", "metric": "cka"},
    )


def test_a_csv_reads_back_with_every_digit() -> None:
    number = 0.1 + 0.2
    rows = list(csv.reader(io.StringIO(csv_text(["name", "value"], [["a,b", number], ['c"d', None]]))))
    assert rows == [["name", "value"], ["a,b", repr(number)], ['c"d', ""]]
    assert float(rows[1][1]) == number


def test_a_csv_defuses_formulas_but_not_numbers() -> None:
    text = csv_text(["=cmd"], [["=1+1"], ["+1"], ["-x"], ["@sum"], ["\tx"], [-1.5], [np.float32(-2)], ["plain"]])
    cells = [row[0] for row in csv.reader(io.StringIO(text))]
    assert cells == ["'=cmd", "'=1+1", "+1", "'-x", "'@sum", "'\tx", "-1.5", "-2.0", "plain"]
    labels = csv_text(["label"], [["-1"], ["+1.5e-3"], ["-1-1"], ["-1,2"], ["-"]])
    assert [row[0] for row in csv.reader(io.StringIO(labels))] == ["label", "-1", "+1.5e-3", "'-1-1", "'-1,2", "'-"]


def test_a_line_break_of_any_kind_stays_within_its_cell() -> None:
    cells = ["a\rb", "a\nb", "a\r\nb", "a\x85b", "a\u2028b", "a\0b", "\r", "plain"]
    read = list(csv.reader(io.StringIO(csv_text(cells, [cells, cells]), newline="")))
    assert read == [cells] * 3


def test_undefined_numbers_are_empty_in_csv_and_null_in_json() -> None:
    assert csv_text(["x"], [[float("nan")], [float("inf")]]) == 'x\n""\n""\n'
    read = json.loads(json_text([result_document(result())]))
    assert read["result"]["matrix"] == [[1.0, None], [None, 0.1]]
    assert read["result"]["chance"] is None
    assert read["undefined"] == [{"field": "matrix", "index": [0, 1], "reason": "all rows are identical"}]


def test_json_carries_recipe_sources_and_notes() -> None:
    read = json.loads(json_text([result_document(result())]))
    assert read["recipe"]["metric"] == "cka"
    assert read["sources"][0]["layer_names"] == ["embedding", "block 1"]
    assert read["notes"] == ["Debiased."]
    assert read["result"]["flags"] == [True, False]


def test_several_results_are_a_list() -> None:
    assert len(json.loads(json_text([result_document(result())] * 2))) == 2


def test_the_html_file_stands_alone_and_escapes_what_users_wrote() -> None:
    figure = cka_heatmap(np.eye(2), ["embedding", "block 1"], ["embedding", "block 1"])
    figure.update_layout(title={"text": "</script><script>alert(2)</script>"})
    drawn = chart_document(figure, alt="", height=400, aspect=None, frames=None, file_name="f", title=())
    page = figure_page(drawn, title=["<script>alert(1)</script>", "on <texts>"], below=["a < b", "n = <3>"])
    assert "<script>alert(" not in page
    assert "a &lt; b" in page and "n = &lt;3&gt;" in page and "on &lt;texts&gt;" in page
    assert not re.findall(r"<(?:script|link|img)[^>]*\s(?:src|href)=", page)
