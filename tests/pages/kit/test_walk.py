"""Every figure of every page goes through ``show``, and its table has the numbers that it draws."""

import ast
import html
import inspect
import io
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go
import pytest
import streamlit as st

from pages._kit.show import kept
from pages._kit.show.files import csv_file, groups_of, html_file, json_file, parquet_file
from pages._kit.show.finding import Finding
from pages._kit.show.map_view import MapView
from pages._kit.show.naming import file_stem, title_lines
from pages._kit.show.plot import Frames
from pages._kit.show.shared_axes import OWN
from pages._kit.state.labelled import ALL_MODELS
from pages.geometry.similarity.cell import _map
from tests.pages.conftest import ROOT, SmallWorld, settled
from tests.pages.drawn import check, table_numbers
from tests.pages.figures import names_a_path
from tests.pages.forms import check_forms, check_screen


@dataclass(frozen=True)
class Walk:
    """A page with models of the small world, what is set on it one after the other, and the figures that must come.

    A step is the kind of a widget, its key and its new value; a key of a figure that ends in ``*`` is the beginning of one.
    """

    page: str
    places: tuple[int, ...]
    figures: tuple[str, ...]
    steps: tuple[tuple[str, str, Any], ...] = ()
    runs: tuple[str, ...] = ()
    choice: tuple[tuple[str, str], ...] = ()


ON_THEIR_OWN = (
    ("similarity", "similarity_map_"),  # it opens by a click
    (
        "probes",
        "probes_profile",
    ),  # in test_probes_page: with the settings that it opens with, networks are searched for
    ("probes", "probes_table"),  # likewise
    ("probes", "probes_models"),  # likewise
    ("dynamics", "dynamics_least_tasks"),  # in test_dynamics_labels: it takes a run of fine-tuning
    ("neurons", "neurons_nothing_"),  # in test_neurons_page: it takes a layer without differences
    ("finetune", "finetune_accuracies"),  # likewise
    ("finetune", "finetune_course"),  # in test_finetune_page: it takes a run
    ("report", "everything-computed"),  # no figure: it names the file of all of them
    ("ablation", "ablation_nothing"),  # in test_ablation_page: it takes a layer without differences
    ("component_accuracy", "component_all_samples_"),  # in test_component_accuracy: it takes ten times as long
    ("ablation", "inner_loss"),  # in test_inner: it takes a model that predicts tokens
)
VIEW = ("segmented_control", "similarity_view", "Along depth")
WALKS = (
    Walk("overview", (0,), ("overview_cka", "overview_projection", "overview_profile")),
    Walk("similarity", (0,), ("similarity_Within one model", "similarity_depth"), (VIEW,)),
    Walk("similarity", (0,), ("similarity_Within one model",), choice=(("pooling", "cls"),)),
    Walk("similarity", (0, 2), ("similarity_Between two models", "similarity_depth"), (VIEW,)),
    Walk(
        "similarity",
        (0, 1),
        ("similarity_Difference of two models", "similarity_depth"),
        (("segmented_control", "similarity_mode", "Difference of two models"), VIEW),
    ),
    Walk(
        "similarity",
        (0, 1),
        ("similarity_each",),
        (("segmented_control", "similarity_mode", "Within one model"), ("selectbox", "similarity_first", ALL_MODELS)),
    ),
    Walk("similarity", (0, 1, 2), ("similarity_grid_*",), (("segmented_control", "similarity_mode", "All models"),)),
    Walk(
        "similarity",
        (0, 2),
        ("similarity_shared_Between two models", "similarity_shared_depth"),
        (("segmented_control", "similarity_measure", "Shared neighbours"), VIEW),
    ),
    Walk("projection", (0,), ("projection_map",)),
    Walk(
        "projection",
        (0, 1),
        ("projection_side",),
        (("toggle", "side_laid", False),),
        choice=(("projection_view", "Side by side"),),
    ),
    Walk(
        "projection",
        (0,),
        ("projection_map",),
        (("segmented_control", "projection_method", "tsne"), ("toggle", "projection_every", False)),
        choice=(("pooling", "tokens"),),
    ),
    Walk(
        "profiles",
        (0, 2),
        ("profiles_*", "scale_chart"),
        (
            ("pills", "profiles_measures", ["Anisotropy", "IsoScore", "Average cosine", "Intrinsic dimension (MLE)"]),
            ("toggle", "profiles_relative", True),
            ("toggle", "scale_wanted", True),
            ("selectbox", "scale_layer_4", -1),
        ),
        runs=("profiles", "scale"),
    ),
    Walk("components", (0,), ("components_spectrum",), (("toggle", "components_summed", True),)),
    Walk(
        "components",
        (0, 1),
        ("components_ratio_chart",),
        (
            ("segmented_control", "components_view", "Tuned against base"),
            ("multiselect", "components_layers_4", [1, 3]),
        ),
        runs=("components", "components_ratio"),
    ),
    Walk(
        "rogue",
        (0, 1),
        (
            "rogue_layer",
            "rogue_appearing",
            "rogue_all",
            "rogue_by_class",
            "rogue_overlap_map",
            "rogue_shared_dims",
            "rogue_shared_pairs",
            "rogue_norms",
        ),
        (
            ("number_input", "rogue_n_std", 1.0),
            ("segmented_control", "rogue_view", "All layers"),
            ("segmented_control", "rogue_view", "By class"),
            ("segmented_control", "rogue_view", "Overlap"),
            ("segmented_control", "rogue_view", "Norm weights"),
        ),
        runs=("rogue", "rogue_class", "rogue_overlap", "rogue_shared"),
    ),
    Walk(
        "rogue",
        (0, 1),
        ("rogue_all_models",),
        (("segmented_control", "rogue_view", "All layers"), ("selectbox", "rogue_model", ALL_MODELS)),
    ),
    Walk("rogue", (0,), ("rogue_layer",), choice=(("pooling", "tokens"),)),
    Walk(
        "neighbours",
        (0, 1),
        ("neighbours_ranks", "neighbours_map", "neighbours_kept"),
        (
            ("toggle", "neighbours_on_map", True),
            ("segmented_control", "neighbours_view", "moved"),
        ),
        runs=("neighbours", "neighbours_map", "neighbours_moved"),
    ),
    Walk(
        "selection",
        (0,),
        ("selection_profile",),
        (("selectbox", "selection_measure", "Average cosine"),),
        runs=("selection_parts", "selection"),
        choice=(("chosen", "0-29"),),
    ),
    Walk("explorer", (0,), ("explorer",), (("selectbox", "metric", "anisotropy"),)),
    Walk(
        "clusters",
        (0, 1),
        ("clusters_count", "clusters_matrix", "clusters_least", "clusters_change", "clusters_alike", "clusters_layers"),
        (("select_slider", "clusters_layer_4", 1),),
    ),
    Walk(
        "movement",
        (0, 1),
        ("movement_paths", "movement_models", "movement_differences", "movement_lengths"),
        (
            ("select_slider", "movement_layer_4", 1),
            ("segmented_control", "movement_kind", "A panel a layer"),
            ("toggle", "movement_every_second", True),
            ("segmented_control", "movement_kind", "All layers"),
            ("segmented_control", "movement_frame", "raw"),
        ),
        runs=("movement", "movement_rows"),
    ),
    Walk(
        "ablation",
        (0,),
        ("ablation_curves", "ablation_geometry", "ablation_map", "inner_accuracy"),
        (("segmented_control", "ablation_order_3", "lowest"), ("toggle", "inner_wanted", True)),
        runs=("ablation", "inner"),
    ),
    Walk("ablation", (0, 1), ("ablation_curves_all",), (("selectbox", "ablation_model", ALL_MODELS),)),
    Walk(
        "threshold",
        (0,),
        ("threshold_profile", "threshold_histogram"),
        (("select_slider", "threshold_layer_4", 1), ("segmented_control", "threshold_rows", "Training texts")),
    ),
    Walk("neurons", (0, 1), ("neurons_singles_*", "neurons_values_*", "neurons_accuracies")),
    Walk(
        "neurons",
        (0, 1, 2),
        ("neurons_singles_all", "neurons_accuracies"),
        (("selectbox", "neurons_other", ALL_MODELS),),
    ),
    Walk(
        "neurons",
        (0,),
        ("neurons_depth",),
        (("segmented_control", "neurons_view", "All layers"),),
        runs=("neurons_depth",),
    ),
    Walk(
        "report",
        (0, 1),
        ("report_cka_*", "report_kept", "report_ratio", "report_accuracy", "report_least"),
        (("checkbox", "report_slow", True),),
    ),
    Walk(
        "dynamics",
        (0,),
        (
            "dynamics_anisotropy_*",
            "dynamics_averages",
            "dynamics_cka_*",
            "dynamics_rogue_*",
            "dynamics_least",
            "dynamics_least_panels",
            "dynamics_direct_probe_*",
            "dynamics_paths",
            "dynamics_path_panels",
            "dynamics_map_plot",
        ),
        (
            ("toggle", "log_steps", False),
            ("segmented_control", "dynamics_view", "Averages"),
            ("segmented_control", "dynamics_view", "CKA"),
            ("segmented_control", "dynamics_view", "Rogue"),
            ("segmented_control", "dynamics_view", "Labels"),
            ("toggle", "dynamics_distance_panels", True),
            ("segmented_control", "dynamics_labels", "Movement"),
            ("toggle", "dynamics_movement_panels", True),
            ("segmented_control", "dynamics_view", "Map"),
        ),
        runs=tuple(
            f"dynamics_{one}" for one in ("anisotropy", "averages_0", "cka", "rogue", "direct_probe", "movement", "map")
        ),
    ),
    Walk("component_accuracy", (0,), ("component_accuracy_chart", "component_sample_chart")),
    Walk("component_accuracy", (0, 2), ("component_accuracy_chart_*", "component_sample_chart_*")),
    Walk(
        "component_accuracy",
        (0, 1, 2),
        ("component_accuracy_chart_all", "component_sample_chart_all"),
        (("selectbox", "component_other", ALL_MODELS),),
    ),
)


@pytest.fixture
def tables_of_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table on the screen whose lines are rows of the text set marks the selected ones: it is shown by the one function that does."""
    show = st.dataframe

    def seeing(table: Any, **more: Any) -> Any:
        marking = {"list_rows", "list_selected"}  # the second lists what is selected
        if "row" in getattr(table, "columns", ()):
            assert marking & {frame.function for frame in inspect.stack(0)}, f"{list(table.columns)}: use list_rows"
        return show(table, **more)

    monkeypatch.setattr(st, "dataframe", seeing)


@pytest.fixture
def kept_as_drawn(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What is drawn once for all sessions nobody changes afterwards."""
    made, first = kept._made, dict[int, tuple[Any, str]]()

    def seeing(word: str, make: Callable[[], Any]) -> Any:
        value = made(word, make)
        if isinstance(value, go.Figure):
            first.setdefault(id(value), (value, value.to_json()))
        return value

    monkeypatch.setattr(kept, "_made", seeing)
    yield
    for value, drawn in first.values():
        assert json.loads(value.to_json()) == json.loads(drawn), (
            "a chart of drawn_once was changed: change a copy of it"
        )


@pytest.mark.parametrize(
    "walk", WALKS, ids=lambda walk: f"{walk.page}-{''.join(map(str, walk.places))}-{walk.figures[0]}"
)
def test_the_table_of_every_finding_has_the_numbers_of_its_figure(
    walk: Walk, open_page, run_page, shown, run: Path, tables_of_texts: None, kept_as_drawn: None
) -> None:
    runs = walk.runs or (walk.page,)
    series = {"series": str(run)} if walk.page == "dynamics" else {}
    at = settled(open_page(walk.page, *walk.places, **series, **dict(walk.choice)))
    seen: dict[str, int] = {}
    stems: dict[str, set[str]] = {}
    for step in (None, *walk.steps):
        if step is not None:
            shown.clear()
            kind, key, value = step
            getattr(at, kind)(key=key).set_value(value).run()
        for key in runs:
            run_page(at, key)
        check_screen(at)
        check_beside(shown)
        for key, finding in shown.items():
            seen[key] = seen.get(key, 0) + look_at(finding)
            stems.setdefault(file_stem(finding), set()).add(key)
    assert all(len(keys) == 1 for keys in stems.values()), f"files of one name: {stems}"
    for key in walk.figures:
        known = [name for name in seen if name == key or (key.endswith("*") and name.startswith(key[:-1]))]
        assert known and all(seen[name] > 0 for name in known), f"{key} was not shown; shown were {sorted(seen)}"


def check_beside(shown: dict[str, Finding]) -> None:
    """Figures that differ in the number that ends their keys alone stand side by side: their axes agree, or it is said that they do not."""
    alike: dict[str, list[Finding]] = {}
    for key, finding in shown.items():
        if finding.figure is not None and key[-1:].isdigit():
            alike.setdefault(key.rstrip("0123456789"), []).append(finding)
    for key, findings in alike.items():
        for axis, name in (("xaxis", "horizontal"), ("yaxis", "vertical")):
            ranges = {finding.figure.layout[axis].range for finding in findings}
            own = all(OWN in one.caption and name in one.caption.partition(OWN)[2] for one in findings)
            assert len(findings) < 2 or own or (len(ranges) == 1 and None not in ranges), f"{key}: {axis} {ranges}"


def look_at(finding: Finding) -> int:
    """All files of a finding are made; returns how many numbers are drawn, all of them in its table."""
    table = finding.numbers()
    assert len(set(table.columns)) == len(table.columns)
    assert len(csv_file(finding).splitlines()) >= len(table) + 1
    read = pd.read_parquet(io.BytesIO(parquet_file(finding)))
    assert read.shape == table.shape
    assert json_file(finding) and file_stem(finding)
    check_forms(finding)
    for group in groups_of(finding, None, {}):
        for file in group.files:
            assert not names_a_path(file), f"{file.name}: the folder of the models is called by its name"
    if finding.figure is None:
        return len(table_numbers(table)) if finding.tabular else 0
    page = html_file(finding).decode()
    assert f"<h1>{html.escape(title_lines(finding)[0])}</h1>" in page
    return check(finding)


def test_the_two_maps_of_a_cell_have_the_points_that_they_draw(small_world: SmallWorld) -> None:
    result = small_world.computed("projection", 0, layers=(2,), params={"method": "pca"})
    table = small_world.bench.text_set(small_world.texts)
    finding = _map(MapView(result, table, "label"), 0)
    assert look_at(finding) == 2 * len(result.values.text_index)
    numbers = finding.numbers()
    assert list(numbers["label"]) == [table.columns["label"][row] for row in result.values.text_index]
    assert list(numbers["text"]) == [table.texts[row - 1] for row in numbers["row"]], "the texts themselves, in order"


def test_a_table_of_other_numbers_is_found_out() -> None:
    line = go.Figure(go.Scatter(x=[0, 1], y=np.array([0.25, 0.5], np.float32)))
    assert check(Finding("key", "title", line, "", pd.DataFrame({"y": [0.25, 0.5]}))) == 2
    with pytest.raises(AssertionError, match=r"trace 0 .* not in the table are \[0\.5\]"):
        check(Finding("key", "title", line, "", pd.DataFrame({"y": [0.25, 0.75]})))
    cells = go.Figure(go.Heatmap(z=[[0.1, None], [0.2, 0.3]]))
    with pytest.raises(AssertionError, match="trace 0"):
        check(Finding("key", "title", cells, "", pd.DataFrame({"a": [0.1, 0.2], "b": [np.nan, 0.31]})))


@pytest.mark.parametrize(
    "other",
    [
        {"caption": "Right are 70.91 % of the texts."},
        {"caption": "Right are 50 % of the texts."},
        {"figure": go.Figure(go.Scatter(x=[0], y=[0.5], hovertemplate="<b>%{y:.4g}</b>"))},
        {"frames": Frames("Removed", ["0"], [], ["accuracy 0.70"])},
    ],
)
def test_a_number_in_another_form_is_found_out(other: dict[str, Any]) -> None:
    line = go.Figure(go.Scatter(x=[0], y=[0.5], hovertemplate="<b>%{y:.3f}</b>"))
    right: dict[str, Any] = {
        "key": "k",
        "title": "t",
        "figure": line,
        "caption": "Right are 70.9\xa0% (95 %).",
        "table": pd.DataFrame({"accuracy": [0.5]}),
    }
    check_forms(Finding(**right))
    with pytest.raises(AssertionError, match=r"^k: "):
        check_forms(Finding(**right | other))


def calls(names: Sequence[str]) -> Iterator[tuple[str, ast.Call]]:
    """Every call of a function of one of these names in ``pages``, with its file, but in the room that shows figures."""
    for path in sorted((ROOT / "pages").rglob("*.py")):
        if path.is_relative_to(ROOT / "pages" / "_kit" / "show"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = getattr(node.func, "id", getattr(node.func, "attr", "")) if isinstance(node, ast.Call) else ""
            if isinstance(node, ast.Call) and name in names:
                yield str(path.relative_to(ROOT)), node


def test_no_figure_is_drawn_past_show() -> None:
    drawing = {file for file, _ in calls(("plot", "plotly_chart"))}
    assert not drawing, "a figure is shown by pages/_kit/show/finding.py"


def test_every_finding_of_every_page_is_walked() -> None:
    walked = {key.rstrip("*") for walk in WALKS for key in walk.figures}
    for file, call in calls(("Finding", "finding", "still")):  # the last two are of a MapView
        key = next((word.value for word in call.keywords if word.arg == "key"), None) or call.args[0]
        parts = key.values if isinstance(key, ast.JoinedStr) else [key]
        start = parts[0].value if isinstance(parts[0], ast.Constant) else ""
        mine = (Path(file).parent.name, start)
        if mine not in ON_THEIR_OWN:
            assert any(name == start or name.startswith(start) for name in walked), f"{start} of {file}"
