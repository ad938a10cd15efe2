"""The charts as figures: what is drawn where, what the hover says, and that user text stays text."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import plotly.graph_objects as go
import pytest

from backend import DimensionScale, SpectrumResult, value_words
from backend.metrics.dimension.kernel import ESTIMATORS
from pages._kit.charts import base as charts
from pages._kit.charts.classes import MOST_CLASSES, NO_LABEL, shade, symbol
from pages._kit.charts.depth import Series, has_reference, profile_lines
from pages._kit.charts.hovers import marked, text_hovers, token_hovers
from pages._kit.charts.layer_pairs import cka_diagonal, cka_heatmap, difference_heatmap
from pages._kit.charts.maps import projection_scatter
from pages._kit.charts.spectrum import log_caption, ratio_caption, spectrum_chart, variance_ratio_chart
from pages.geometry.profiles.scale_charts import scale_caption
from pages.geometry.rogue.charts import BOTH, OUTLIER, ROGUE, joined, spike_grid, spike_plot

LAYERS = ["embedding", "block 1", "block 2"]
HOSTILE = "<b onclick=x>$E=mc^2$</b> %{x} & more"


def sent(figure: go.Figure) -> dict[str, Any]:
    """The figure as the browser gets it."""
    return json.loads(figure.to_json())


def test_user_text_cannot_become_markup_formula_or_placeholder() -> None:
    shown = charts.safe(HOSTILE)
    assert not set("<>$") & set(shown)
    assert "%{" not in shown
    assert "&amp; more" in shown


def test_a_long_text_is_shortened_and_broken_into_lines() -> None:
    shown = charts.hover_text("word " * 100, n_chars=80, width=30)
    lines = shown.split("<br>")
    assert shown.endswith("…")
    assert len(lines) > 1
    assert max(map(len, lines)) <= 30
    assert len(" ".join(lines)) <= 81


def test_an_empty_text_still_has_a_hover() -> None:
    assert charts.hover_text("") == ""


@pytest.mark.parametrize(("name", "short"), [("block 7", "7"), ("embedding", "emb."), ("other", "other")])
def test_layers_are_named_briefly_on_axes(name: str, short: str) -> None:
    assert charts.short_layer(name) == short


@pytest.mark.parametrize(
    ("name", "short"),
    [("minilm", "minilm"), ("org/model@main", "org/model@main"), ("/data/models/reviews/step-1", "reviews/step-1")],
)
def test_a_folder_is_named_by_its_end(name: str, short: str) -> None:
    assert charts.short_model(name) == short


def test_many_layers_get_fewer_ticks_at_the_right_places() -> None:
    names = [f"block {i}" for i in range(100)]
    ticks = charts.layer_ticks(names, most=26)
    assert len(ticks["tickvals"]) <= 26
    assert all(ticks["ticktext"][i] == str(place) for i, place in enumerate(ticks["tickvals"]))


def test_the_heatmap_has_a_fixed_scale_and_its_first_layer_at_the_lower_left() -> None:
    figure = cka_heatmap(np.array([[1.0, 0.2], [0.3, -0.01]]), LAYERS[:2], LAYERS[1:], x_name="a", y_name="b")
    heat = figure.data[0]
    assert (heat.zmin, heat.zmax) == (0, 1)
    assert heat.z.dtype == np.float32
    assert list(heat.customdata[0][1]) == ["b: block 1", "a: block 1"]
    assert figure.layout.yaxis.range[0] < figure.layout.yaxis.range[1]
    assert figure.layout.yaxis.scaleanchor == "x"


def test_undefined_cells_are_marked_and_say_why() -> None:
    matrix = np.full((3, 3), 0.5)
    matrix[0, :] = np.nan
    figure = cka_heatmap(matrix, LAYERS, LAYERS, {(0, i): "all rows are <identical>" for i in range(3)})
    values, grey, crosses = figure.data
    assert np.isnan(values.z[0]).all()
    assert np.isfinite(grey.z[0]).all()
    assert np.isnan(grey.z[1:]).all()
    assert list(crosses.y) == [0, 0, 0]
    assert "all rows are &lt;identical&gt;" in grey.customdata[0][2]


def test_without_undefined_cells_there_is_nothing_but_the_heatmap() -> None:
    assert len(cka_heatmap(np.eye(3), LAYERS, LAYERS).data) == 1


def test_a_difference_is_drawn_on_a_scale_around_zero() -> None:
    figure = difference_heatmap(0.2 * np.eye(3) - 0.05, LAYERS, LAYERS, name="<b> minus base")
    np.testing.assert_allclose((figure.data[0].zmin, figure.data[0].zmax), (-0.15, 0.15))
    assert figure.layout.title.text == "After minus before: &lt;b&gt; minus base"
    still = difference_heatmap(np.zeros((3, 3)), LAYERS, LAYERS).data[0]
    assert (still.zmin, still.zmax) == (-0.01, 0.01)


def test_the_diagonal_survives_nan() -> None:
    figure = cka_diagonal(np.array([np.nan, 0.5]), LAYERS[:2])
    assert figure.layout.yaxis.range[1] >= 1


def test_each_class_is_a_trace_with_its_own_rows_and_ids() -> None:
    xy = np.arange(12, dtype=float).reshape(6, 2)
    labels = ["b", "a", "a", None, "a", "b"]
    ids = np.array([10, 3, 7, 1, 0, 2])
    drawn = projection_scatter(xy, hovers=[f"text {i}" for i in ids], labels=labels, ids=ids)
    names = [trace.name for trace in drawn.figure.data]
    assert names == [f"{NO_LABEL} (1)", "a (3)", "b (2)"], "what has no class is at the back"
    first = drawn.figure.data[1]
    assert first.customdata.tolist() == [3, 7, 0]
    assert list(first.text) == ["text 3", "text 7", "text 0"]
    assert first.x.tolist() == xy[[1, 2, 4], 0].tolist()
    assert sorted(np.concatenate(drawn.rows).tolist()) == list(range(6))


def test_coordinates_of_all_layers_follow_the_traces() -> None:
    layers = np.random.default_rng(0).normal(size=(3, 6, 2))
    drawn = projection_scatter(layers[0], hovers=["t"] * 6, labels=["a", "b"] * 3)
    divided = drawn.coordinates(layers)
    assert len(divided) == 3
    for layer, traces in zip(layers, divided, strict=True):
        for rows, points in zip(drawn.rows, traces, strict=True):
            assert points.dtype == np.float32
            np.testing.assert_allclose(points, layer[rows], rtol=1e-6)


def test_the_rarest_of_many_classes_share_an_entry_and_no_row_is_lost() -> None:
    labels = [f"class {i}" for i in range(40) for _ in range(2)]
    drawn = projection_scatter(np.zeros((80, 2)), hovers=["t"] * 80, labels=labels)
    assert len(drawn.figure.data) == MOST_CLASSES
    other, *named = drawn.figure.data
    assert other.name == "other (17 classes) (34)" and other.marker.color == charts.MUTED
    assert other.legendrank > max(trace.legendrank for trace in named)
    assert charts.MUTED not in {trace.marker.color for trace in named}
    assert sum(len(rows) for rows in drawn.rows) == 80


def test_classes_beyond_the_palette_differ_in_their_marker() -> None:
    looks = {(shade(i), symbol(i)) for i in range(MOST_CLASSES)}
    assert len(looks) == MOST_CLASSES


def test_many_classes_have_a_legend_beside_the_plot_with_short_names() -> None:
    labels = [f"a class with a name that is too long {i}" for i in range(20)]
    drawn = projection_scatter(np.zeros((20, 2)), hovers=["t"] * 20, labels=labels)
    assert drawn.figure.layout.legend.orientation == "v"
    assert all(len(trace.name) < 32 for trace in drawn.figure.data)
    assert labels[3] in "".join(trace.hovertemplate for trace in drawn.figure.data)


def test_numbers_are_colours_of_one_scale_with_what_is_missing_at_the_back() -> None:
    numbers = np.array([0.5, np.nan, 2.0, 1.0])
    drawn = projection_scatter(np.zeros((4, 2)), hovers=["t"] * 4, numbers=numbers, ends=(0.6, 1.9), name="score <b>")
    missing, measured = drawn.figure.data
    assert missing.name == f"{NO_LABEL} (1)" and list(drawn.rows[0]) == [1]
    assert list(measured.marker.color) == [0.5, 2.0, 1.0] and drawn.measured == 1
    assert (measured.marker.cmin, measured.marker.cmax) == (0.6, 1.9)
    assert measured.marker.colorbar.title.text == "score &lt;b&gt;"


def test_chosen_classes_keep_their_colours_and_the_others_are_grey_and_named_in_the_hover() -> None:
    labels = [f"class {i:02}" for i in range(77) for _ in range(77 - i)] + [None]
    points = {"hovers": ["t"] * len(labels), "labels": labels}
    whole = projection_scatter(np.zeros((len(labels), 2)), **points).figure.data
    other, *named = projection_scatter(
        np.zeros((len(labels), 2)), chosen=["class 60", "class 03"], **points
    ).figure.data
    assert other.name == "other (75 classes) (2,912)" and other.marker.color == charts.MUTED
    assert {text.partition("<br>")[2] for text in other.text} == {f"<b>class {i:02}</b>" for i in range(77)} - {
        "<b>class 60</b>",
        "<b>class 03</b>",
    }
    assert [trace.name for trace in named] == [f"{NO_LABEL} (1)", "class 03 (74)", "class 60 (17)"]
    before = next(trace for trace in whole if trace.name.startswith("class 03"))
    assert (named[1].marker.color, named[1].marker.symbol) == (before.marker.color, before.marker.symbol)


def test_two_chosen_classes_never_look_alike() -> None:
    labels = [f"{i:03}" for i in range(120)]
    drawn = projection_scatter(np.zeros((120, 2)), hovers=labels, labels=labels, chosen=["000", "056", "112", "057"])
    looks = {(trace.marker.color, trace.marker.symbol) for trace in drawn.figure.data}
    assert len(looks) == 5


def test_a_hover_has_the_text_and_at_most_three_columns_escaped_and_short() -> None:
    columns = {name: [f"<i>{name}</i> " + "x" * 50, None] for name in ("a", "b<", "c", "d")}
    first, second = text_hovers(["one", "two"], np.array([0, 1]), columns)
    words, *facts = first.split("<br>")
    assert words == "one" and second == "two"
    assert [fact.partition(":")[0] for fact in facts] == ["a", "b&lt;", "c"]
    assert "&lt;i&gt;a" in facts[0] and len(facts[0]) < 60 and facts[0].endswith("…")


def test_a_token_is_bold_among_the_words_around_it() -> None:
    text = "so " * 60 + "a <fine> film" + " and then some" * 20
    start = text.index("<fine>")
    shown = token_hovers(
        [text],
        np.zeros(3, int),
        np.array([4, 5, -1]),
        ["<fine>", "[SEP]", ""],
        np.array([[start - 1, start + 6], [-1, -1], [-1, -1]]),
    )
    words, named = shown[0].rsplit("<br>", 1)
    assert " a <b>&lt;fine&gt;</b> film and then" in words.replace("<br>", " ")
    assert words.startswith("…so ") and words.endswith("…") and named == "token 4: <b>&lt;fine&gt;</b>"
    assert shown[1].endswith("token 5: <b>[SEP]</b>") and "<b>[" not in shown[1].rsplit("<br>", 1)[0]
    assert "token" not in shown[2]
    assert marked("a fine film", 1, 6) == "a ⟦fine⟧ film" and marked("a", -1, -1) == "a"


def test_many_points_have_short_hovers() -> None:
    texts = ["a long text that goes on and on " * 6]
    assert len(text_hovers(texts, np.zeros(20_001, int))[0]) <= 70 < len(text_hovers(texts, np.zeros(2, int))[0])


def test_without_labels_there_is_one_trace_and_no_legend() -> None:
    drawn = projection_scatter(np.zeros((3, 2)), hovers=["a", "b", "c"])
    assert len(drawn.figure.data) == 1
    assert not drawn.figure.layout.showlegend


def test_three_components_are_drawn_in_space() -> None:
    drawn = projection_scatter(np.zeros((3, 3)), hovers=["a", "b", "c"], axis_titles=("1", "2", "3"))
    assert drawn.figure.data[0].type == "scatter3d"


def test_hostile_texts_and_labels_stay_text_in_the_projection() -> None:
    drawn = projection_scatter(np.zeros((1, 2)), hovers=text_hovers([HOSTILE], np.zeros(1, int)), labels=[HOSTILE])
    trace = drawn.figure.data[0]
    for shown in (trace.name, trace.text[0], trace.hovertemplate):
        assert "<b onclick" not in shown
        assert "$" not in shown


def test_arrays_travel_as_binary_float32() -> None:
    drawn = projection_scatter(np.zeros((50, 2)), hovers=["t"] * 50)
    trace = sent(drawn.figure)["data"][0]
    assert trace["x"]["dtype"] == "f4"
    assert trace["customdata"]["dtype"] == "i4"


def test_a_profile_leaves_a_gap_and_marks_it_with_its_reason() -> None:
    line = Series("m", LAYERS, np.array([np.nan, 0.5, 0.6]), undefined={0: "all rows are identical"})
    figure = profile_lines([line], y_title="Anisotropy")
    drawn, mark = figure.data
    assert np.isnan(drawn.y[0])
    assert not drawn.connectgaps
    assert (mark.x.tolist(), mark.yaxis) == ([0.0], "y2")
    assert "all rows are identical" in mark.text[0]


def test_relative_depth_puts_models_of_different_depth_on_one_scale() -> None:
    short = Series("a", LAYERS, np.zeros(3))
    long = Series("b", [f"block {i}" for i in range(13)], np.zeros(13), place=1)
    figure = profile_lines([short, long], y_title="y", relative=True)
    assert [(trace.x[0], trace.x[-1]) for trace in figure.data] == [(0, 1), (0, 1)]
    assert figure.data[0].line.color != figure.data[1].line.color


def test_one_layer_has_relative_depth_too() -> None:
    assert profile_lines([Series("a", ["block 1"], np.ones(1))], y_title="y", relative=True).data[0].x.tolist() == [0]


def test_a_band_is_broken_where_it_does_not_exist() -> None:
    low, high = np.array([0.0, np.nan, 0.2, 0.3]), np.array([1.0, np.nan, 0.8, 0.9])
    line = Series("m", [*LAYERS, "block 3"], np.full(4, 0.5), low=low, high=high)
    bands = [trace for trace in profile_lines([line], y_title="y").data if trace.fill == "toself"]
    assert [sorted(set(band.x.tolist())) for band in bands] == [[0.0], [2.0, 3.0]]
    np.testing.assert_allclose(bands[1].y, [0.8, 0.9, 0.3, 0.2], rtol=1e-6)


def test_the_isotropic_reference_is_dashed_and_named_once() -> None:
    lines = [Series(name, LAYERS, np.ones(3), reference=np.zeros(3), place=i) for i, name in enumerate("ab")]
    *first, entry = [trace for trace in profile_lines(lines, y_title="y").data if trace.line.dash == "dash"]
    assert [trace.showlegend for trace in first] == [False, False]
    assert [trace.line.color for trace in first] == [charts.colour(0), charts.colour(1)]
    assert ["size of a<" in first[0].hovertemplate, "size of b<" in first[1].hovertemplate] == [True, True]
    assert (entry.name, entry.showlegend, entry.line.color) == ("isotropic reference", True, charts.MUTED)


def test_a_shared_reference_names_all_its_models_and_is_grey_alone() -> None:
    lines = [Series("a", LAYERS, np.ones(3), reference=np.zeros(3), sharing=["b"]), Series("b", LAYERS, np.ones(3))]
    drawn, _ = [trace for trace in profile_lines(lines, y_title="y").data if trace.line.dash == "dash"]
    assert "size of a, b<" in drawn.hovertemplate
    assert drawn.line.color == charts.MUTED
    assert not has_reference(lines[1:])


@pytest.mark.parametrize(
    ("ends", "said", "unsaid"),
    [
        ([16.0], "however flat the line; here the line ends above it", "is a dimension"),
        ([16.0, np.nan, 17.0], "here all 2 lines end above it", "is a dimension"),
        ([3.0], "has become flat is a dimension", "ends above it"),
        ([3.0, 16.0], "Here 1 of 2 lines end above it", "all"),
    ],
)
def test_a_scale_plot_says_whether_flat_means_a_dimension(ends: list[float], said: str, unsaid: str) -> None:
    sizes = np.array([55, 110, 220, 440])
    mean = np.repeat(np.array(ends)[:, None], 4, axis=1)
    values = DimensionScale(sizes, 2 * np.log10(sizes), mean, 0 * mean, "mada", 7, 440, 32)
    caption = scale_caption(values, n_sizes=6)
    assert caption.startswith("MADA, from all 440 rows")
    assert "mean of 7 random draws" in caption
    assert "4 of the 6 sizes asked for: no draw has fewer than 32 rows" in caption
    assert "(5.287 at the right end)" in caption
    reading = caption[caption.index("The dotted line") :]
    assert said in reading
    assert unsaid not in reading
    assert "sizes asked for" not in scale_caption(values, n_sizes=4)


def test_every_estimator_has_a_name() -> None:
    assert not {value_words("estimator", name) for name in ESTIMATORS} & set(ESTIMATORS)


def test_joined_lines_are_separated_by_gaps() -> None:
    x, y = joined(np.array([[1.0, 2.0], [3.0, 4.0]]))
    assert x.tolist() == [0, 1, 2, 0, 1, 2]
    np.testing.assert_array_equal(y, np.array([1, 2, np.nan, 3, 4, np.nan], np.float32))


def test_a_spike_plot_has_a_line_a_text_and_names_the_rogue_dimension_at_its_spike() -> None:
    values = np.zeros((4, 20))
    values[:, 7] = [5, 6, -9, 4]
    figure = spike_plot(values, texts=["one", "two", "three", HOSTILE], marks={7: BOTH}, ranking="variance")
    *lines, entry = figure.data
    assert len(lines) == 4
    assert not any(line.showlegend for line in lines)
    assert (entry.name, entry.marker.symbol) == ("rogue by variance, and an outlier", "star")
    (name,) = figure.layout.annotations
    assert (name.x, name.y) == (7, -9)
    assert "<b onclick" not in figure.data[3].hovertemplate


def test_many_texts_become_one_trace() -> None:
    assert len(spike_plot(np.zeros((100, 5)), texts=["t"] * 100).data) == 1


def test_the_grid_has_a_panel_for_each_layer_with_its_extremes() -> None:
    rng = np.random.default_rng(0)
    layers = [rng.normal(size=(5, 30)) for _ in range(4)]
    names = ["embedding", "block 1", "block 2", "final norm"]
    figure = spike_grid(layers, names, marks=[{3: ROGUE, 4: OUTLIER}, {}, {5: ROGUE}, {}])
    assert len(figure.data) == 10
    assert [trace.name for trace in figure.data if trace.showlegend] == ["rogue", "outlier (mean value)"]
    np.testing.assert_allclose(figure.data[2].y, layers[1].min(axis=0), rtol=1e-6)
    np.testing.assert_allclose(figure.data[3].y, layers[1].max(axis=0), rtol=1e-6)
    assert [note.text for note in figure.layout.annotations] == [*names, "<b>3</b> ●", "<b>4</b> ○", "<b>5</b> ●"]
    assert {note.font.size for note in figure.layout.annotations} == {12}, "of the titles of the panels too"


def test_a_spectrum_leaves_out_undefined_layers() -> None:
    ratios = np.array([[np.nan] * 3, [0.6, 0.3, 0.1], [0.5, 0.3, 0.2]])
    figure = spectrum_chart(np.cumsum(ratios, axis=1), LAYERS, summed=True)
    assert [trace.name for trace in figure.data] == ["block 1", "block 2"]
    np.testing.assert_allclose(figure.data[0].y, [0.6, 0.9, 1.0], rtol=1e-6)


def test_the_variance_ratio_marks_the_last_component_above_one() -> None:
    figure = variance_ratio_chart(np.array([[2.0, 1.1, 0.9, 1.2]]), ["block 1"], [2], n_classes=2)
    assert list(figure.data[0].marker.symbol) == ["circle", "diamond", "circle", "circle"]
    assert figure.layout.xaxis.tickvals[0] == 1
    assert 0 < figure.layout.xaxis.range[0] < 1


def test_a_count_that_reaches_the_last_drawn_component_is_open_above() -> None:
    ratios = np.full((1, 20), 1.5)
    assert variance_ratio_chart(ratios, ["b"], [20], n_components=384).data[0].name == "b (20 or more at or above 1)"
    assert variance_ratio_chart(ratios, ["b"], [20], n_components=20).data[0].name == "b (20 at or above 1)"
    assert variance_ratio_chart(ratios, ["b"], [19], n_components=384).data[0].name == "b (19 at or above 1)"


def test_the_ratio_promises_classes_only_where_there_are_labels() -> None:
    assert "first 20 of 384" in ratio_caption(20, 384, 2)
    assert "would be 2 here" in ratio_caption(20, 384, 2)
    assert "classes" not in ratio_caption(20, 384, None)
    assert "All 20" in ratio_caption(20, 20, None) and "The diamond" in ratio_caption(20, 20, None)
    assert "diamond" not in ratio_caption(20, 20, 2, marked=False)


def test_what_a_logarithmic_axis_cannot_show_is_counted() -> None:
    def said_of(ratios: np.ndarray) -> str:
        return log_caption(SpectrumResult(ratios, ratios.cumsum(axis=1), np.array([1, 2]), 9, 5))

    assert said_of(np.array([[0.6, 0.4], [np.nan, np.nan]])) == ""
    said = said_of(np.array([[0.7, 0.3 - 1e-9, 1e-9, 0.0, 0.0], [0.5, 0.5, 0.0, 0.0, 0.0]]))
    assert said.startswith("Up to 3 components of a layer hold exactly no variance")
    assert "up to 1 of a layer holds less than a millionth" in said


def test_every_axis_has_a_title() -> None:
    figures = [
        cka_heatmap(np.eye(3), LAYERS, LAYERS),
        profile_lines([Series("a", LAYERS, np.ones(3))], y_title="Anisotropy"),
        spike_plot(np.zeros((2, 4)), texts=["a", "b"]),
        spectrum_chart(np.ones((3, 4)) / 4, LAYERS),
        variance_ratio_chart(np.ones((1, 4)), ["block 1"], [4]),
    ]
    for figure in figures:
        assert figure.layout.xaxis.title.text
        assert figure.layout.yaxis.title.text


def test_a_saved_figure_has_the_colours_of_paper_and_leaves_the_first_as_it_was() -> None:
    figure = cka_heatmap(np.eye(3), LAYERS, LAYERS)
    before = figure.to_json()
    saved = charts.for_paper(figure)
    assert saved.layout.template.layout.paper_bgcolor == "white"
    assert figure.to_json() == before


def test_the_charts_do_not_import_streamlit() -> None:
    root = Path(__file__).resolve().parents[3]
    paths = [*(root / "pages" / "_kit" / "charts").glob("[a-z]*.py"), *(root / "pages").glob("[a-z]*/*/*charts.py")]
    assert len(paths) > 15
    loads = "; ".join("import " + ".".join(path.relative_to(root).with_suffix("").parts) for path in paths)
    code = f"import sys; {loads}; sys.exit('streamlit' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], cwd=root, check=False).returncode == 0


def test_quotation_marks_reach_the_hover_as_they_are() -> None:
    # Plotly decodes the names of few characters, and these are not among them
    assert charts.safe('"really"; it\'s <b>') == '"really"; it\'s &lt;b&gt;'
