"""The page Neurons against the result of its metric, and its charts against plain counting."""

import numpy as np
import pytest

from backend import count_by_accuracy, merge_classes
from pages._kit.show.files import groups_of
from pages.labels.neurons.charts import MOST_CLASSES, depth_chart, singles_histogram, values_histogram
from tests.pages.conftest import SmallWorld
from tests.pages.drawn import check
from tests.pages.figures import figure, numbers, said

KEY = "neurons"


def test_the_movable_line_counts_the_dimensions_above_it() -> None:
    accuracy = np.random.default_rng(0).integers(400, 900, 200) / 1_000
    control = np.random.default_rng(1).integers(450, 550, 200) / 1_000
    counts = count_by_accuracy(accuracy, np.array([control, control[::-1]]), n_test=1_000)
    drawn, line = singles_histogram(counts, 0.5)
    assert sum(drawn.data[1].y) == 200 and sum(drawn.data[0].y) == 200
    for at, name, caption in zip(line.places, line.names, line.captions, strict=True):
        assert float(name.removesuffix("\xa0%")) == pytest.approx(100 * at, abs=0.06)
        assert caption.startswith(f"{(accuracy > at).sum()} of 200 dimensions")
    assert 0.5 < line.places[line.initial] < accuracy.max(), (
        "it begins between the largest class and the best dimension"
    )


def test_a_histogram_of_equal_accuracies_is_drawn_whole() -> None:
    drawn, line = singles_histogram(count_by_accuracy(np.full(7, 0.5), None, n_test=10), 0.5)
    assert sum(drawn.data[0].y) == 7 and line.captions[0].startswith("7 of 7")


def test_class_lines_hold_shares_of_their_class_and_escape_names() -> None:
    counts = np.array([[3, 1, 0], [0, 2, 2]])
    edges, classes = np.array([0.0, 1.0, 2.0, 3.0]), ["<b>bad</b>", "good $x$"]
    drawn = values_histogram(edges, merge_classes(counts, 8), classes, [(-40.0, 1, 0), (1.5, 0, 1)], dim=4)
    names = [trace.name for trace in drawn.data]
    assert names == ["&lt;b&gt;bad&lt;/b&gt; (4)", "good &#36;x&#36; (4)"]
    np.testing.assert_allclose(drawn.data[0].y[::2], [0.75, 0.25, 0])
    assert [shape.x0 for shape in drawn.layout.shapes] == [1.5]
    assert "<b>" not in drawn.layout.annotations[0].text


def test_many_classes_share_a_grey_line() -> None:
    counts = np.arange(1, 21)[:, None] * np.ones((1, 4), dtype=int)
    classes = [f"c{k}" for k in range(20)]
    drawn = values_histogram(np.arange(5.0), merge_classes(counts, MOST_CLASSES), classes, [], dim=0)
    assert len(drawn.data) == MOST_CLASSES + 1
    assert drawn.data[-1].name == f"12 other classes ({4 * sum(range(1, 13))})"


def test_depth_has_one_line_a_size_and_marks_what_is_undefined() -> None:
    table = np.array([[np.nan] * 4, [0.9, 0.6, 0.7, 0.8]])
    drawn = depth_chart(table, table - 0.3, ["embedding", "block 1"], 7, {0: "all rows are identical"})
    assert [trace.name for trace in drawn.data if trace.showlegend is not False] == [
        "all dimensions",
        "best dimension",
        "best 5",
        "best 7 (as many as classes)",
    ]
    assert drawn.layout.annotations[0].hovertext == "all rows are identical"


def test_the_page_shows_the_metrics_numbers(open_page, run_page, shown, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0), KEY)
    files = {file.label: file for group in groups_of(shown["neurons_accuracies"], None, {}) for file in group.files}
    assert {"CSV", "LaTeX", "Markdown"} <= set(files) and b"best 3 (classes)" in files["LaTeX"].make()
    values = small_world.computed(KEY, 0, label="label", layers=[3]).values
    table = at.dataframe[0].value
    np.testing.assert_allclose(
        table.iloc[0][["all dimensions", "best 1", "best 5", "best 3 (classes)"]].astype(float), values.test_accuracy[0]
    )
    np.testing.assert_allclose(
        table.iloc[1][["all dimensions", "best 1"]].astype(float), values.control_accuracy[0, :2]
    )
    wrong = at.dataframe[1].value
    texts = small_world.bench.text_set(small_world.texts).texts
    assert wrong["text"].tolist() == [texts[row] for row in values.wrong_text]
    assert wrong["row"].tolist() == (values.wrong_text + 1).tolist()
    chosen = at.dataframe[2].value
    assert chosen["dimension"].tolist() == values.dimensions[0].tolist()
    singles = figure(at, 0)["data"]
    assert numbers(singles[1]["y"]).sum() == 32
    assert "fitted heads" in said(at) and "48 training rows, 12 test rows" in said(at)


def test_training_rows_can_be_drawn_instead(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0), KEY)
    at.segmented_control(key="neurons_rows").set_value("Training rows").run()
    assert not at.exception
    names = [trace["name"] for trace in figure(at, 1)["data"]]
    values = small_world.computed(KEY, 0, label="label", layers=[3]).values
    assert sorted(names) == sorted(
        f"{name} ({count})"
        for name, count in zip(values.split.classes, values.train_counts[0].sum(axis=1), strict=True)
    )


def test_two_models_stand_side_by_side_or_alone(open_page, run_page) -> None:
    at = run_page(open_page(KEY, 0, 2), KEY)
    assert len(at.get("plotly_chart")) == 4 and len(at.dataframe[0].value) == 6
    at.selectbox(key="neurons_other").select_index(0).run()
    at = run_page(at, KEY)
    assert len(at.get("plotly_chart")) == 2


def test_depth_shows_every_layer(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page(KEY, 0)
    at.segmented_control(key="neurons_view").set_value("All layers").run()
    at = run_page(at, "neurons_depth")
    values = small_world.computed(KEY, 0, label="label").values
    table = at.dataframe[0].value
    np.testing.assert_allclose(table["best 1"], values.test_accuracy[:, 1])
    assert table["best dimension"].tolist() == values.dimensions[:, 0].tolist()


def test_a_layer_without_differences_says_so(open_page, run_page, shown) -> None:
    at = open_page(KEY, 0, pooling="cls")
    at.selectbox(key="neurons_layer_4").select_index(0).run()
    at = run_page(at, KEY)
    assert "all rows are identical" in said(at) and not at.get("plotly_chart")
    assert (
        list(shown) == ["neurons_nothing_0", "neurons_accuracies"] and len(shown["neurons_nothing_0"].numbers()) == 32
    )


def test_without_labels_or_with_tokens_the_page_says_what_to_do(open_page) -> None:
    at = open_page(KEY, 0, texts="general", label="(none)")
    assert "no label column" in said(at) and not at.get("plotly_chart")
    assert "one row per text" in said(open_page(KEY, 0, pooling="tokens"))


def test_all_models_are_panels_of_one_figure_on_the_same_axes(
    open_page, run_page, shown, small_world: SmallWorld
) -> None:
    at = run_page(open_page(KEY, 0, 1, 2, neurons_other="All models"), KEY)
    drawn = figure(at)
    for model, n_dims in enumerate((32, 32, 16)):
        values = small_world.computed(KEY, model, label="label", layers=[3]).values
        number = str(model + 1) if model else ""
        bars = {one["name"]: one for one in drawn["data"] if one["xaxis"] == f"x{number}"}
        counts = count_by_accuracy(values.single_test[0], values.control_single_test[0], n_test=values.split.n_test)
        np.testing.assert_allclose(numbers(bars["labels"]["y"]), counts.counts)
        assert sum(numbers(bars["labels"]["y"])) == n_dims
        (line,) = [one for one in drawn["layout"]["shapes"] if one["xref"] == f"x{number}"]
        assert line["x0"] == values.split.majority
    ranges = [drawn["layout"][f"{axis}axis{number}"]["range"] for axis in "xy" for number in ("", "2", "3")]
    assert ranges[0] == ranges[1] == ranges[2] and ranges[3] == ranges[4] == ranges[5]
    assert check(shown["neurons_singles_all"]) > 0
    assert len(at.dataframe[0].value["model"].unique()) == 3, "the accuracies of all models"
    assert said(at).count("model-0 to ") == 2 and "Move the line" not in said(at)
