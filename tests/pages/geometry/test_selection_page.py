"""The selection on the pages of numbers: against the rest, as spikes, on the line that is cut."""

import numpy as np
import pytest

from pages.geometry.rogue import chosen
from tests.pages.conftest import SmallWorld
from tests.pages.drawn import check
from tests.pages.figures import said

ROWS = tuple(range(0, 30, 2))


def test_the_selection_is_compared_with_the_rest_all_and_as_many_at_random(
    open_page, run_page, shown, small_world: SmallWorld
) -> None:
    bench, texts = small_world.bench, small_world.texts
    at = open_page("selection", 0, chosen=".".join(map(str, ROWS)))
    assert "needs three text sets" in said(at)
    run_page(run_page(at, "selection_parts"), "selection")
    table = shown["selection_profile"].numbers()
    parts = {
        "selected": bench.part(texts, ROWS),
        "as many at random": bench.sample_texts(texts, 15, by="random", name="words, 15 at random"),
        "the rest": bench.part(texts, sorted(set(range(60)) - set(ROWS)), said="not selected"),
        "all": texts,
    }
    (model,) = small_world.infos(0)
    for name, info in parts.items():
        wanted = bench.compute("anisotropy", model=model, texts=info, pooling="mean").values.anisotropy
        np.testing.assert_array_equal(table.loc[table["of"] == name, "anisotropy"], wanted)
        assert set(table.loc[table["of"] == name, "rows"]) == {info.spec.n_rows}
    bench.delete_text_set(parts["the rest"].spec.table)
    at.run()
    assert any(button.key == "selection_parts_run" for button in at.button), "what was deleted is made again"
    run_page(at, "selection_parts")
    assert "selection_profile" in shown and not at.error


@pytest.mark.parametrize(("selected", "words"), [("", "Nothing is selected"), ("0-59", "there is no rest")])
def test_without_a_rest_there_is_nothing_to_compare(selected: str, words: str, open_page) -> None:
    assert words in said(open_page("selection", 0, chosen=selected))


def test_the_spikes_of_the_selected_texts_are_the_means_of_their_sizes(
    open_page, run_page, shown, small_world: SmallWorld
) -> None:
    run_page(open_page("rogue", 0, chosen="0-4.9"), "rogue")
    finding = shown["rogue_layer"]
    assert check(finding) and "thick lines" in finding.caption
    (model,) = small_world.infos(0)
    _, vectors = small_world.bench.stored_vectors(model, small_world.texts, layer=3)
    table = finding.numbers()
    np.testing.assert_allclose(
        table["mean |value|, 6 selected"], np.abs(vectors[[0, 1, 2, 3, 4, 9]].astype(float)).mean(axis=0)
    )
    np.testing.assert_allclose(table["mean |value|, all 60"], np.abs(vectors.astype(float)).mean(axis=0))


def test_all_layers_have_the_spikes_of_the_selected_texts_where_vectors_are_stored(
    open_page, run_page, shown, small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, (model,) = [0, 1, 2, 3, 4, 9], small_world.infos(0)
    at = run_page(open_page("rogue", 0, chosen="0-4.9", rogue_view="All layers"), "rogue")
    finding = shown["rogue_all"]
    n_layers = len(model.layer_names)
    lines = [trace for trace in finding.figure.data if trace.name == "mean |value|, 6 selected"]
    assert [trace.xaxis for trace in lines] == ["x", *(f"x{number}" for number in range(2, n_layers + 1))]
    assert [trace.showlegend for trace in lines] == [True] + [False] * (
        n_layers - 1
    ) and finding.figure.layout.showlegend
    table = finding.numbers()
    for layer, trace in enumerate(lines):
        vectors = small_world.bench.stored_vectors(model, small_world.texts, layer=layer)[1].astype(float)
        np.testing.assert_allclose(trace.y, np.abs(vectors[rows]).mean(axis=0), rtol=1e-6)
        own = table[table["layer"] == model.layer_names[layer]]
        np.testing.assert_allclose(own["mean |value|, 6 selected"], trace.y, rtol=1e-6)
        np.testing.assert_allclose(own["mean |value|, all 60"], np.abs(vectors).mean(axis=0))
    monkeypatch.setattr(chosen, "MOST_NUMBERS", 60 * model.n_dims * n_layers - 1)
    at.run()
    assert f"the vectors of all {n_layers} layers are too many" in said(at)
    assert "mean |value|, 6 selected" not in shown["rogue_all"].numbers()


def test_the_selected_texts_stand_on_the_line_that_is_cut(open_page, run_page, shown, small_world: SmallWorld) -> None:
    at = run_page(open_page("threshold", 0, chosen="0-39"), "threshold")
    finding, values = shown["threshold_histogram"], small_world.computed("threshold", 0, label="label").values
    assert check(finding) and "strokes on the axis" in finding.caption
    (model,) = small_world.infos(0)
    _, vectors = small_world.bench.stored_vectors(model, small_world.texts, layer=3)
    table = finding.numbers()[["selected row", "value"]].dropna()
    test = [row for row in range(40) if row in set(values.test_rows.tolist())]
    assert (table["selected row"] - 1).tolist() == test
    np.testing.assert_array_equal(table["value"], vectors[test, values.dimension[-1]].astype(float))
    at.segmented_control(key="threshold_rows").set_value("Training texts").run()
    rows = shown["threshold_histogram"].numbers()["selected row"].dropna()
    assert (rows - 1).tolist() == [row for row in range(40) if row not in test]
