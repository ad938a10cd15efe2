"""One object for a figure: what stands beside it is said, once, and its files hold its own numbers and name it."""

import csv
import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from streamlit.testing.v1 import AppTest

from backend import Result, Source, Undefined
from pages._kit.show.files import csv_file, html_file, json_file, parquet_file
from pages._kit.show.finding import Finding, elsewhere
from pages._kit.show.findings import source_lines
from pages._kit.show.naming import file_stem, title_lines
from tests.pages.figures import figure, numbers, said
from tests.pages.kit.test_charts_export import Values

APP = Path(__file__).with_name("finding_app.py")
TABLE = pd.DataFrame({"layer": ["=emb", "block 1"], "cka": [0.1 + 0.2, np.nan], "rows": [3, 4], "rogue": [True, False]})


def result(model: str = "minilm", sample: str = "", layers: tuple[str, ...] = ("embedding", "block 1")) -> Result:
    return Result(
        fingerprint=f"{model}{sample}",
        metric="cka",
        version=1,
        values=Values(np.array([[1.0, np.nan], [np.inf, 0.1]]), np.array([True, False]), float("nan"), "variance"),
        undefined=(
            Undefined("matrix", (0, 1), "all rows are *identical*"),
            Undefined("matrix", (1, 0), "too few rows"),
            Undefined("flags", (), "another field"),
        ),
        notes=("Debiased.",),
        sources=(
            Source(
                model, "c0ffee", "reviews of films", "mean", tuple(range(len(layers))), layers, 10, 4, sample=sample
            ),
        ),
        recipe={"type": "AnalysisSpec", "metric": "cka"},
    )


def finding(key: str = "similarity_depth", **changes: Any) -> Finding:
    stated: dict[str, Any] = {
        "title": "CKA <of> minilm",
        "figure": go.Figure(go.Scatter(y=np.array([0.1 + 0.2, np.nan]))),
        "caption": "A *line* of a_b_c.",
        "table": lambda: TABLE,
        "results": [result()],
        "fields": ["matrix"],
        **changes,
    }
    return Finding(key, **stated)


def cells(found: Finding) -> list[list[str]]:
    return list(csv.reader(io.StringIO(csv_file(found).decode("utf-8-sig"))))


def test_the_page_says_everything_and_says_it_once() -> None:
    at = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not at.exception
    texts = [caption.value.replace("\\", "") for caption in at.caption]
    assert texts.count("A *line* of a_b_c.") == 2
    assert sum("n = 10 rows of 4 dimensions" in text for text in texts) == 2, "of the block, and of the one after it"
    assert sum("Debiased." in text for text in texts) == 2
    assert len(at.get("plotly_chart")) == 2
    np.testing.assert_array_equal(numbers(figure(at)["data"][0]["y"]), [0.1 + 0.2, np.nan])
    boxes = [box.value.replace("\\", "") for box in at.info]
    assert len(boxes) == 2 and "all rows are *identical*" in boxes[0] and "too few rows" in boxes[0]
    assert "another field" not in said(at), "it is not drawn"
    assert "given above, are marked × and left out here as well" in said(at)
    assert boxes[1].startswith("There is nothing to draw") and "too few rows" in boxes[1]


def test_below_each_figure_stands_what_is_new() -> None:
    at = AppTest.from_file(str(APP), default_timeout=60)
    at.query_params["below"] = "each"
    at.run()
    assert [value for value in (caption.value.replace("\\", "") for caption in at.caption) if "given above" not in value] == [
        "A *line* of a_b_c.", "minilm on reviews of films · n = 10 rows of 4 dimensions · pooling mean", ":material/info: Debiased.",
        "A *line* of a_b_c.", "gpt2 on reviews of films · n = 10 rows of 4 dimensions · pooling mean",
    ]  # fmt: skip


def test_every_figure_offers_its_own_files_once_its_menu_is_open() -> None:
    at = AppTest.from_file(str(APP), default_timeout=60).run()
    assert not at.get("download_button"), "no file is made for a closed menu"
    for key in ("small_second", "small_nothing"):
        at.session_state[f"{key}_save"] = True
    at.run()
    assert not at.exception
    buttons = at.get("download_button")
    files = ["CSV", "Parquet", "Markdown", "LaTeX", "JSON and recipe"]
    assert [button.label for button in buttons] == ["HTML", *files, *files]
    assert all(button.proto.url and not button.proto.deferred_file_id for button in buttons), "made already"
    assert all(button.proto.ignore_rerun for button in buttons)


def test_the_csv_is_the_table_and_no_spreadsheet_runs_it() -> None:
    assert cells(finding()) == [
        ["layer", "cka", "rows", "rogue"],
        ["'=emb", repr(0.1 + 0.2), "3", "True"],
        ["block 1", "", "4", "False"],
    ]
    counted = pd.DataFrame({"rank": pd.array([1, None], "Int64"), 7: [None, "-x"]})
    assert cells(finding(table=counted)) == [["rank", "7"], ["1", ""], ["", "'-x"]]


def test_the_parquet_file_keeps_types_and_every_digit() -> None:
    read = pd.read_parquet(io.BytesIO(parquet_file(finding())))
    pd.testing.assert_frame_equal(read, TABLE, check_dtype=False)
    assert read["rows"].dtype == np.int64 and read["rogue"].dtype == bool
    matrix = pd.DataFrame(np.eye(2))
    assert list(pd.read_parquet(io.BytesIO(parquet_file(finding(table=matrix)))).columns) == ["0", "1"]


def test_numbers_of_a_part_of_a_text_set_say_so() -> None:
    part = finding(results=[result(sample="500 of 2,000 rows, seed 0")])
    assert [row[-1] for row in cells(part)] == ["texts", *["500 of 2,000 rows, seed 0"] * 2]
    assert "texts" not in TABLE


def test_the_json_has_results_and_recipes_or_documents_of_its_own() -> None:
    assert json.loads(json_file(finding()))["recipe"]["metric"] == "cka"
    assert len(json.loads(json_file(finding(results=[result(), result("gpt2")])))) == 2
    own = finding(results=[], documents=lambda: [{"norm": "output"}])
    assert json.loads(json_file(own)) == {"norm": "output"}


def test_the_html_says_what_is_undefined_and_where_it_comes_from() -> None:
    page = html_file(finding()).decode()
    assert "<h1>CKA &lt;of&gt; minilm</h1>" in page and "A *line* of a_b_c." in page
    assert "Undefined: all rows are *identical*" in page and "Undefined: another" not in page
    assert "minilm is commit c0ffee" in page and "Debiased." in page and "Seed 0" in page


def test_gaps_of_other_layers_are_not_those_of_the_figure() -> None:
    page = html_file(finding(expected=elsewhere(1))).decode()
    assert "Undefined: too few rows" in page and "Undefined: all rows" not in page


def test_files_are_named_after_figure_models_texts_and_layer() -> None:
    assert file_stem(finding()) == "similarity-depth-minilm-reviews-of-films"
    assert file_stem(finding(layer="block 1")) == "similarity-depth-minilm-reviews-of-films-block-1"
    assert file_stem(finding(results=[result(layers=("final norm",))])).endswith("-reviews-of-films-final-norm")
    two = finding(name="cka", results=[result("run:a@step-3"), result("/models/some/gpt2")])
    assert file_stem(two) == "cka-run-a-step-3+some-gpt2-reviews-of-films"
    many = finding(results=[result(name) for name in "abc"])
    assert file_stem(many) == "similarity-depth-a+2-more-reviews-of-films"
    assert file_stem(finding(results=[], about=("gpt2",))) == "similarity-depth-gpt2"
    assert file_stem(finding("../<x>?*:", results=[])) == "x"
    assert "/" not in file_stem(finding(results=[result("x" * 300)])) and len(file_stem(two)) < 200


def test_the_title_says_what_is_drawn_from_what_and_how_much_of_it() -> None:
    part = result("/home/me/models/gpt2", sample="500 of 2,000 rows, seed 0", layers=("block 3",))
    part = dataclasses.replace(part, notes=("100 of 500 rows were drawn by the seed.", "Debiased."))
    assert title_lines(finding(title="CKA of /home/me/models/gpt2", results=[part])) == [
        "CKA of models/gpt2, block 3",
        "models/gpt2 · reviews of films, 10 rows · pooling mean",
        "Metric: cka",
        "Sample: 500 of 2,000 rows, seed 0.",
        "100 of 500 rows were drawn by the seed.",
    ]
    several = finding(results=[result(name) for name in "abcdef"])
    assert title_lines(several)[1] == "a, b, c, d, 2 more · reviews of films, 10 rows · pooling mean"
    assert title_lines(finding(results=[], about=("gpt2", "norms")))[1:] == ["gpt2 · norms"]


def test_no_file_names_a_path_of_this_machine_but_the_recipe_that_needs_it() -> None:
    path = "/home/me/models/gpt2"
    local = dataclasses.replace(
        result(path),
        notes=(f"{path} has no token [CLS].",),
        recipe={"type": "AnalysisSpec", "metric": "cka", "inputs": [{"model": {"name": path, "commit": "c0ffee"}}]},
    )
    table = pd.DataFrame({"model": [path, "minilm"], f"{path}, cka": [0.5, 1.0], "text": [f"I keep {path} here", "b"]})
    found = finding(title=f"CKA of {path}", caption=f"Of {path}.", results=[local], table=table)
    assert cells(found)[:2] == [["model", "models/gpt2, cka", "text"], ["models/gpt2", "0.5", f"I keep {path} here"]]
    assert pd.read_parquet(io.BytesIO(parquet_file(found)))["model"].tolist() == ["models/gpt2", "minilm"]
    assert "/home/me" not in html_file(found).decode() and "/home/me" not in file_stem(found)
    document = json.loads(json_file(found))
    assert document["recipe"] == local.recipe, "it runs as it is"
    assert document["sources"][0]["model"] == "models/gpt2" and "/home/me" not in json.dumps(document["notes"])
    series = {"series": "/home/me/steps", "result": {"entries": [{"model": "/home/me/steps/step-1"}]}, "recipe": []}
    own = json.loads(json_file(finding(results=[local], documents=lambda: [series])))
    assert own["series"] == "me/steps" and own["result"]["entries"] == [{"model": "steps/step-1"}]


def test_a_page_names_a_local_folder_by_its_end_unless_two_are_called_alike() -> None:
    here, there = "/home/me/models/gpt2", "/data/models/gpt2"
    rest = " on reviews of films · n = 10 rows of 4 dimensions · pooling mean"
    assert source_lines([result(here), result(here), result("minilm")]) == [f"models/gpt2{rest}", f"minilm{rest}"]
    assert source_lines([result(here), result(there)]) == [f"{here}{rest}", f"{there}{rest}"]
