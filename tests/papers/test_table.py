"""The table of the papers: it has every figure, its quotations are the papers', its parts fit each other, and docs show it."""

import dataclasses
import re
from pathlib import Path

import pytest

import backend
from backend.bench.workbench import Workbench
from backend.metrics import METRICS, parse_params
from backend.papers.addresses import turns_of
from backend.papers.estimates import SIZES, own_estimate
from backend.papers.markdown import PICTURES, general_commands, ours_words, papers_table
from backend.papers.ours import _READERS
from backend.papers.recorded import Record, document_of, pictures, record_of, recorded
from backend.papers.row import PAIR
from backend.papers.table import ROWS, row_called, rows_of
from backend.values.papers import GPTOLOGY, MATTON, PAPERS, RAZZHIGAEV, ZHOU
from backend.values.presets import PRESETS
from backend.values.recipes import RECIPES
from benchmarks.record_screens import SHOWS
from pages._kit.state.labelled import ALL_MODELS
from tests import runs
from tests.models import tiny

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs" / "papers.md"
PLACES = {
    GPTOLOGY: [*(f"figure {n}" for n in range(1, 7)), "section 2.2.2", "section 3.2", "appendix A"],
    MATTON: [*(f"figure {n}" for n in range(1, 7)), "table 2", "table 3", "section 3.1.1", "section 2"],
    ZHOU: [*(f"table {n}" for n in range(2, 6)), *(f"figure {n}" for n in range(2, 11)), "section 2.1", "section 2.2", "section 3.2"],
    RAZZHIGAEV: [*(f"figure {n}" for n in range(1, 6)), "table 1", "section 2.3", "section 2.4", "appendix A"],
}  # fmt: skip
TEXTS = {
    GPTOLOGY: "gptology",
    MATTON: "emergent_properties_of_finetuned_models",
    ZHOU: "closer_look_at_how_finetuning_changes_bert",
    RAZZHIGAEV: "shape_of_learning",
}
EVERY = pytest.mark.parametrize("row", ROWS, ids=lambda row: row.key)


def test_every_figure_and_table_has_a_row() -> None:
    assert set(PAPERS) == set(PLACES)
    for paper, places in PLACES.items():
        assert sorted(row.place for row in rows_of(paper)) == sorted(places), paper
    assert len({row.key for row in ROWS}) == len(ROWS)
    assert row_called("matton-table-3").place == "table 3"
    with pytest.raises(backend.InvalidRequest, match="No paper has a row 'gptology-figure-7'"):
        row_called("gptology-figure-7")


@EVERY
def test_a_row_says_how_it_is_made(row: backend.PaperRow) -> None:
    assert (ROOT / "pages" / row.page / "page.py").exists()
    assert row.shows.endswith(".") and row.own.texts and row.own.n_texts > 0 and row.own.saved_as
    assert bool(row.steps) != bool(row.absent), "a row without analyses says why"
    assert bool(row.steps) == bool(row.claim and row.rule) and (not row.steps or row.differs)
    for step in row.steps:
        metric = METRICS[step.metric]
        parse_params(metric.params, {**PRESETS[step.metric].params, **step.params})
        assert row.labels or metric.labels != "required"
    if row.steps:
        assert row.key in _READERS, "what of its results stands beside the paper's numbers"
        assert PRESETS[row.steps[0].metric].paper == row.paper
    assert not row.own.recipe or row.own.recipe in RECIPES
    assert all(name in SIZES for name in row.own.models)
    assert own_estimate(row).whole > 0 or not row.steps
    assert general_commands(row)


@EVERY
def test_what_a_paper_says_is_in_own_words_with_its_numbers_and_its_place(row: backend.PaperRow, shared: Path) -> None:
    if not row.claim:
        return
    text = (shared / "papers" / f"{TEXTS[row.paper]}.txt").read_text("utf-8")

    def letters(words: str) -> str:  # the texts have numbers of lines, and words that are cut at the end of a line
        return re.sub(r"[^a-z]", "", re.sub(r"\*\*[^*]*\*\*|\d+", "", words.lower()))

    words = row.claim.split()
    copied = [" ".join(words[at : at + 7]) for at in range(len(words) - 6)]
    assert not [some for some in copied if letters(some) in letters(text)], "no seven words in a row are the paper's"
    for number in re.findall(r"\d[\d,.]*\d|\d{2,}", row.claim):
        assert number in text, number
    number = re.search(r"\d[\d.]*", row.said_at)
    assert row.said_at == "abstract" or (number and number[0] in text), row.said_at


def test_the_docs_show_the_table() -> None:
    assert papers_table() in DOCS.read_text("utf-8"), "docs/papers.md: put papers_table() under 'The rows'"


def test_what_was_recorded_is_of_rows_that_are_there() -> None:
    about, records = recorded()
    assert not records or about
    assert set(records) <= {row.key for row in ROWS if row.steps}
    for found in records.values():
        for record in found:
            assert record.models and record.seconds >= 0 and record.numbers


def test_every_row_has_a_picture() -> None:
    assert set(pictures()) == {row.key for row in ROWS}
    folder = DOCS.parent / PICTURES
    assert all((folder / f"{key}.png").stat().st_size < 60_000 for key in pictures())
    assert set(SHOWS) == {row.key for row in ROWS if not row.figures}, (
        "what the recording takes a picture of the page for"
    )


def test_rows_link_to_the_views_that_were_made_for_them() -> None:
    views = {
        "gptology-2.2.2": ("geometry/rogue", {"rogue_view": "Overlap"}, "shared_rogue"),
        "gptology-figure-5": ("geometry/rogue", {"rogue_view": "By class"}, "class_spikes"),
        "gptology-appendix-A": ("training/finetune", {"finetune_new_run": "true", "finetune_recipe": "gptology"}, ""),
        "matton-section-2": ("training/finetune", {"finetune_new_run": "true", "finetune_recipe": "matton"}, ""),
        "matton-table-2": ("training/finetune", {"finetune_all_runs": "true"}, "neurons"),
        "zhou-figure-3": ("training/dynamics", {"dynamics_movement_panels": "true"}, "movement"),
        "zhou-figure-5": (
            "geometry/movement",
            {"movement_kind": "A panel a layer", "movement_every_second": "true"},
            "movement",
        ),
        "zhou-table-5": ("training/report", {"report_view": "Across tasks"}, "direct_probe"),
        "razzhigaev-figure-4": ("training/dynamics", {"dynamics_view": "Averages"}, "intrinsic_dimension"),
        "razzhigaev-figure-5": ("training/dynamics", {"dynamics_view": "Averages"}, "intrinsic_dimension"),
        "razzhigaev-appendix-A": ("training/dynamics", {"dynamics_view": "Averages"}, "intrinsic_dimension"),
    }
    for key, (page, choices, metric) in views.items():
        row = row_called(key)
        assert row.page.rpartition("/")[2] == page.rpartition("/")[2] and (not metric or metric in row.metrics), key
        assert choices.items() <= dict(row.choices).items(), key


def test_a_verdict_on_estimates_says_where_they_are_lower_bounds(bench: Workbench, tmp_path: Path) -> None:
    model = bench.model(str(tiny.save_family(tmp_path / "bert", "bert")))
    general = bench.text_set_info("general")
    chosen = backend.PaperChoice((model,), bench.text_set_info("sentiment"), general, "label")
    (part,) = backend.parts_of(bench, row_called("razzhigaev-2.4"), chosen)
    (result,) = (bench.wait(spec) for spec in part.specs)
    values = result.values
    higher = (
        (values.two_nn > values.resolvable)
        | (values.mada > values.resolvable)
        | (values.method_of_moments > values.resolvable)
    )
    ours = backend.ours_of(row_called("razzhigaev-2.4"), part, [result])
    assert bool(ours.caveat) == bool(higher.any())
    low = dataclasses.replace(result, values=dataclasses.replace(values, resolvable=values.resolvable * 0 + 1.0))
    bound = backend.ours_of(row_called("razzhigaev-2.4"), part, [low]).caveat
    assert bound.startswith(
        f"Read the estimates of {len(higher)} of {len(higher)} layers as lower bounds, and the verdict with them"
    )
    high = dataclasses.replace(result, values=dataclasses.replace(values, resolvable=values.resolvable * 0 + 1e9))
    assert backend.ours_of(row_called("razzhigaev-2.4"), part, [high]).caveat == ""
    (depth,) = backend.parts_of(bench, row_called("razzhigaev-figure-1"), chosen)
    assert backend.ours_of(row_called("razzhigaev-figure-1"), depth, [bench.wait(depth.specs[0])]).caveat == ""
    record = Record(("m",), "t", 1.0, ours.verdict, ours.numbers, ours.by_model, bound)
    assert record_of(document_of(record)) == record and bound.rstrip(".") in ours_words(record)


def test_an_encoder_and_a_decoder_stand_in_one_figure_or_in_two(bench: Workbench, tmp_path: Path) -> None:
    """One pooling and one list of layers to a page, but where the page has a pooling for each model."""
    models = tuple(bench.model(str(tiny.save_family(tmp_path / family, family))) for family in ("bert", "gpt2"))
    texts = bench.text_set_info("sentiment")
    chosen = backend.PaperChoice(models, texts, bench.text_set_info("general"), "label")
    (both,) = backend.parts_of(bench, row_called("gptology-figure-5"), chosen)
    address = backend.address_of(bench, row_called("gptology-figure-5"), chosen, both)
    assert len(both.asked) == 2 and address.words["pooling"] == ["mean"] and address.words["layers"] == ["all"]
    assert [one.spec.inputs[0].pooling for one in both.asked] == ["cls", "last"]
    parts = backend.parts_of(bench, row_called("gptology-3.2"), chosen)
    addresses = [backend.address_of(bench, row_called("gptology-3.2"), chosen, part) for part in parts]
    assert [(one.words["pooling"], one.words["layers"]) for one in addresses] == [(["cls"], ["3"]), (["last"], ["4"])]
    (depth,) = backend.parts_of(bench, row_called("razzhigaev-figure-1"), chosen)
    assert len(depth.asked) == 2, "all layers of both, whatever their number"
    assert not backend.parts_of(bench, row_called("gptology-figure-4"), chosen), "of another shape"


def test_several_models_are_asked_for_in_one_figure(bench: Workbench, tmp_path: Path) -> None:
    """What the papers show as panels comes as one figure: of two models or more; of one alone there is no box of models."""
    names = [str(tiny.save_family(tmp_path / name, "gpt2")) for name in ("one", "two", "three")]
    models = tuple(bench.model(name) for name in names)
    texts, general = bench.text_set_info("sentiment"), bench.text_set_info("general")
    boxes = {
        "gptology-figure-1": ("similarity_first", 2),
        "gptology-figure-3": ("rogue_model", 2),
        "gptology-figure-4": ("rogue_model", 2),
        "gptology-figure-6": ("ablation_model", 2),
        "matton-figure-1": ("component_other", 3),  # two stand side by side there by themselves
        "matton-3.1.1": ("component_other", 3),
        "matton-figure-6": ("neurons_other", 3),
    }
    for key, (box, least) in boxes.items():
        for count in (1, 2, 3):
            chosen = backend.PaperChoice(models[:count], texts, general, "label")
            if row_called(key).of == PAIR and count != 2:
                continue  # of pairs alone
            (part,) = backend.parts_of(bench, row_called(key), chosen)
            address = backend.address_of(bench, row_called(key), chosen, part)
            assert address.words.get(box) == ([ALL_MODELS] if count >= least else None), (key, count)
            assert turns_of(row_called(key), part) == [{}], "one figure of all"


def test_a_figure_of_all_layers_asks_for_all_where_the_tables_have_the_last(bench: Workbench, tmp_path: Path) -> None:
    folder = tmp_path / "series"
    for step in (0, 10):
        tiny.save_family(folder / f"step-{step}", "bert")
    texts, series = bench.text_set_info("sentiment"), bench.series(str(folder))
    chosen = backend.PaperChoice(series.models[:1], texts, bench.text_set_info("general"), "label", series)
    n_layers = len(series.models[0].layer_names)
    for key, layers in (("zhou-figure-2", "3"), ("zhou-figure-4", "all"), ("zhou-figure-6", "3")):
        row = row_called(key)
        (part,) = backend.parts_of(bench, row, chosen)
        assert backend.address_of(bench, row, chosen, part).words["layers"] == [layers], key
        asked = {item.layer for spec in part.specs for item in spec.inputs}
        assert asked == (set(range(n_layers)) if layers == "all" else {n_layers - 1}), key
        (command,) = backend.commands_of(bench, row, chosen, part)
        assert ("--layers 0,1,2,3 " in command) == (layers == "all") == ("layers=all" in backend.own_address(row).path)
        assert ("--layers LAYERS" in general_commands(row)[0]) == (layers == "all")
    assert own_estimate(row_called("zhou-figure-2")).whole < own_estimate(row_called("zhou-figure-4")).whole


def test_the_runs_of_other_tasks_stand_beside_the_series(bench: Workbench, tmp_path: Path) -> None:
    """Figures 2 and 6 of Zhou and Srikumar: each run with the texts and the label that it learned from."""
    own, other = (runs.tuned(bench, tmp_path, name, changes={"max_steps": 2, **runs.FAST}) for name in ("own", "other"))
    series, models = bench.series("run:own"), [bench.model(f"run:{name}") for name in ("own", "other")]
    (found,) = backend.runs_of_tasks(bench, [bench.model(own.base), *models], series)
    assert found.name == "other"
    texts = backend.learned_from(found, bench.text_sets())
    assert texts is not None and texts.spec.table == other.table
    task = backend.OtherTask(bench.series("run:other"), texts, found.label)
    sentiment, general = bench.text_set_info("sentiment"), bench.text_set_info("general")
    chosen = backend.PaperChoice((models[0],), sentiment, general, "label", series, tasks=(task,))
    row = row_called("zhou-figure-2")
    (part,) = backend.parts_of(bench, row, chosen)
    assert {one.task for one in part.asked} == {"run:own", "run:other"}
    assert {one.spec.inputs[0].texts.name for one in part.asked if one.task == "run:other"} == {texts.spec.name}
    assert backend.address_of(bench, row, chosen, part).words[backend.TASKS] == ["run:other"]
    mine, theirs = backend.commands_of(bench, row, chosen, part)
    assert "--series run:own" in mine and "--texts sentiment" in mine
    assert "--series run:other" in theirs and f"--texts {texts.spec.name}" in theirs
    results = [bench.wait(one.spec) for one in part.asked]
    ours = backend.ours_of(row, part, results)
    assert {one.model for one in ours.numbers} == {"run:own", "run:other"} and ours.verdict != "to be seen"
    (movement,) = backend.parts_of(bench, row_called("zhou-figure-3"), chosen)
    assert len(movement.asked) == 1, "figure 3 is of one task"


def test_a_table_has_all_models_and_compares_each_with_the_one_it_was_tuned_from(
    bench: Workbench, tmp_path: Path
) -> None:
    tuned = runs.tuned(bench, tmp_path, "tuned", changes={"max_steps": 2, **runs.FAST})
    apart = str(
        tiny.save(tmp_path / "apart", tiny.bert_config(num_hidden_layers=2), seed=7, model_input_names=tiny.SEGMENTS)
    )
    models = tuple(bench.model(name) for name in (tuned.base, apart, "run:tuned"))
    chosen = backend.PaperChoice(models, bench.text_set_info("topics"), bench.text_set_info("general"), "label")
    row = row_called("zhou-table-3")
    (part,) = backend.parts_of(bench, row, chosen)
    assert part.group.models == models
    assert part.group.before == ((models[2].spec.name, models[0].spec.name),), "of the third nobody knows"
    address = backend.address_of(bench, row, chosen, part)
    assert address.words["probes_other"] == [ALL_MODELS] and len(part.specs) == 6
    assert all(len({item.model for item in spec.inputs}) == 1 and len(spec.inputs) == 1 for spec in part.specs)
    clusters = [one for one in part.asked if one.spec.metric == "direct_probe"]
    results = {one.spec: bench.wait(one.spec) for one in clusters}
    of_clusters = backend.Part(part.group, tuple(clusters))
    ours = backend.ours_of(row, of_clusters, [results[one.spec] for one in clusters])
    first, _, last = (results[one.spec].values for one in clusters)
    n_before, n_after = first.n_clusters[-1], last.n_clusters[-1]
    agrees = n_after < n_before or n_after == n_before == first.n_labels
    assert ours.verdict == ("agrees" if agrees else "disagrees")
    alone = dataclasses.replace(chosen, models=models[:2])
    (part,) = backend.parts_of(bench, row, dataclasses.replace(alone, models=(models[0], models[2])))
    assert part.group.layers == (3,), "of one shape: the layer of the tables in the link"
