"""The page Neighbours against searches by hand in the stored activations: of a row, of a typed text, of all texts in two layers."""

import numpy as np

from backend import fingerprint
from pages._kit.state.chart_state import asked_rows
from pages.data.jobs.link import link_of
from pages.geometry.neighbours.charts import kept_chart
from pages.geometry.similarity.shared import SharedNeighbours
from tests.metrics.test_nearest import by_hand
from tests.pages.conftest import SmallWorld
from tests.pages.drawn import check
from tests.pages.figures import figure, numbers, said

KEY = "neighbours"
K = 10


def layers_of(world: SmallWorld, place: int):
    """The stored activations of a model, layer by layer."""
    world.computed("anisotropy", place)
    spec = world.bench.analysis("anisotropy", models=world.infos(place), texts=world.texts, pooling="mean")
    return [np.asarray(world.bench._store.open_array(fingerprint(item))) for item in spec.inputs]


def table(at, *columns):
    """The first table on the page with these columns."""
    return next(one.value for one in at.dataframe if set(columns) <= set(one.value.columns))


def test_the_neighbours_of_a_row_in_each_layer(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0, neighbours_row="8", neighbours_metric="cosine"), KEY)
    matrices = layers_of(small_world, 0)
    place = len(matrices) - 1
    for layer in (place, 1):
        if layer != place:
            at.select_slider(key=f"neighbours_layer_{len(matrices)}").set_value(layer).run()
        order, gaps = by_hand(matrices[layer], matrices[layer][7], "cosine", 7)
        shown = table(at, "rank", "distance")
        np.testing.assert_array_equal(shown["row"], order[:K] + 1)
        np.testing.assert_allclose(shown["distance"], gaps[:K], rtol=1e-9)
        texts = small_world.bench.text_set(small_world.texts)
        assert list(shown["text"]) == [texts.texts[row] for row in order[:K]]
        assert list(shown["label"]) == [texts.columns["label"][row] for row in order[:K]]
        lines = figure(at)["data"]
        for other, x in enumerate(matrices):
            ranks = {row: rank for rank, row in enumerate(by_hand(x, x[7], "cosine", 7)[0], 1)}
            assert [numbers(line["y"])[other] for line in lines] == [ranks[row] for row in order[:K]]
    assert "among all 59" in said(at)


def test_a_search_goes_over_all_rows_and_chooses_one(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page(KEY, 0)
    texts = small_world.bench.text_set(small_world.texts).texts
    word = texts[59].split()[-1]
    at.text_input(key="neighbours_find").set_value(f'"{texts[59]}"').run()
    at.selectbox(key="neighbours_hit").set_value(60).run()
    at = run_page(at, KEY)
    assert "Row 60" in said(at) and word in said(at)
    order, _ = by_hand(layers_of(small_world, 0)[-1], layers_of(small_world, 0)[-1][59], "euclidean", 59)
    np.testing.assert_array_equal(table(at, "rank", "distance")["row"], order[:K] + 1)
    at.text_input(key="neighbours_find").set_value("nowhere-to-be-found").run()
    assert "No text matches" in said(at) and not at.exception


def test_the_first_that_is_selected_is_looked_at(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0, chosen="33.40-42", neighbours_on_map="true"), KEY)
    at = run_page(at, "neighbours_map")
    assert "Row 34" in said(at)
    maps = small_world.computed("projection", 0, layers=(3,)).values.coords[0]
    rings, star = figure(at, 1)["data"][-2:]
    np.testing.assert_allclose([numbers(star["x"])[0], numbers(star["y"])[0]], maps[33], rtol=1e-6)
    assert set(numbers(rings["customdata"])) == set(table(at, "rank", "distance")["row"] - 1)
    nearest = table(at, "rank", "distance")["row"] - 1
    at.button(key="neighbours_select_nearest").click().run()
    assert sorted(asked_rows("chosen", at.session_state["_view"].drawn["chosen"][0])) == sorted(nearest)
    assert "Row 34" in said(at) and at.number_input(key="neighbours_row").value == 34, "and not the first of them"


def test_a_typed_text_has_the_neighbours_of_what_the_model_makes_of_it(open_page, run_page, small_world) -> None:
    at = open_page(KEY, 0, neighbours_view="typed")
    assert "Type a text above" in said(at)
    texts = small_world.bench.text_set(small_world.texts).texts
    at.text_input(key="neighbours_text").set_value(texts[20]).run()  # so that its row is known
    at = run_page(at, KEY)
    matrices = layers_of(small_world, 0)
    order, gaps = by_hand(matrices[-1], matrices[-1][20], "euclidean")
    shown = table(at, "rank", "distance")
    assert shown["row"][0] == 21 and shown["distance"][0] < 1e-4
    np.testing.assert_array_equal(shown["row"], order[:K] + 1)
    np.testing.assert_allclose(shown["distance"], gaps[:K], atol=1e-4)
    assert "among all 60" in said(at)
    at = run_page(at.toggle(key="neighbours_on_map").set_value(True).run(), "neighbours_map")
    rings, star = figure(at, 1)["data"][-2:]
    maps = small_world.computed("projection", 0, layers=(3,)).values.coords[0]
    np.testing.assert_allclose([numbers(star["x"])[0], numbers(star["y"])[0]], maps[20], rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(numbers(rings["x"]), maps[order[:K], 0], rtol=1e-6)
    assert "have no place for a typed one" in said(at)
    at = open_page(KEY, 0, neighbours_view="typed", neighbours_text="a", post="centre")
    assert "cannot be post-processed" in said(at)


def test_a_typed_text_has_its_place_on_the_map_of_every_layer(open_page, run_page, shown, small_world) -> None:
    at = run_page(open_page("projection", 0), "projection")
    texts = small_world.bench.text_set(small_world.texts).texts
    at.text_input(key="projection_text").set_value(texts[20]).run()  # so that its place is that of its row
    at = run_page(at, "projection_text")
    maps = small_world.computed("projection", 0).values.coords
    finding = shown["projection_map"]
    assert finding.figure.data[-1].name == "typed text" and finding.caption.endswith("The star is the typed text.")
    for layer, traces in enumerate(finding.frames.coordinates):
        np.testing.assert_allclose(traces[-1], maps[layer, 20:21], rtol=1e-4, atol=1e-5)
    assert check(finding) > 0
    at.segmented_control(key="projection_method").set_value("tsne").run()
    at = run_page(at, "projection")
    assert "have no place for another" in said(at) and "projection_text" not in [one.key for one in at.text_input]


def test_which_texts_moved_from_one_model_to_another(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0, 1, neighbours_view="moved"), "neighbours_moved")
    lists = [
        [set(by_hand(x, x[row], "euclidean", row)[0][:K].tolist()) for row in range(60)]
        for x in (layers_of(small_world, place)[-1] for place in (0, 1))
    ]
    kept = np.array([len(a & b) for a, b in zip(*lists, strict=True)]) / K
    shown = table(at, "neighbours kept", "p")
    np.testing.assert_allclose(shown["neighbours kept"], np.sort(kept))
    np.testing.assert_allclose(kept[shown["row"] - 1], shown["neighbours kept"])
    for row, before, after in zip(shown["row"], shown["before"], shown["after"], strict=True):
        assert {int(one.partition(":")[0]) - 1 for one in before} == lists[0][row - 1]
        assert {int(one.partition(":")[0]) - 1 for one in after} == lists[1][row - 1]
    bars, chance = figure(at)["data"]
    np.testing.assert_array_equal(numbers(bars["y"]), [np.sum(np.rint(kept * K) == m) for m in range(K + 1)])
    assert numbers(chance["y"]).sum() == 60 or abs(numbers(chance["y"]).sum() - 60) < 1e-3
    assert "16.9" in said(at), "10 of 59 by chance"
    at.segmented_control(key="neighbours_order").set_value("Moved least").run()
    np.testing.assert_allclose(table(at, "neighbours kept", "p")["neighbours kept"], np.sort(kept)[::-1])
    at.button(key="neighbours_select").click().run()
    least = np.argsort(kept, kind="stable")[:20]
    chosen = asked_rows("chosen", at.session_state["_view"].drawn["chosen"][0])
    assert sorted(chosen) == sorted(least.tolist()) and "20 of 60 texts selected" in said(at)


def test_two_layers_of_one_model_and_not_one_with_itself(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page(KEY, 0, neighbours_view="moved"), "neighbours_moved")
    values = small_world.computed("moved_texts", 0, params={"layer": 0, "other_layer": -1}).values
    np.testing.assert_allclose(table(at, "neighbours kept", "p")["neighbours kept"], np.sort(values.overlap))
    at.selectbox(key="neighbours_other_layer").set_value(0).run()
    assert "Choose two different layers" in said(at)


def test_the_link_of_a_job_opens_the_same_two_layers(open_page, run_page, small_world: SmallWorld) -> None:
    params = {"layer": 1, "other_layer": 2, "k": 4}
    spec = small_world.bench.analysis(
        "moved_texts", models=small_world.infos(0), texts=small_world.texts, params=params
    )
    link = link_of(small_world.bench.status(small_world.bench.start(spec).id).choice)
    at = run_page(open_page(KEY, 0, **{name: link.query[name] for name in link.query if name.startswith(KEY)}), KEY)
    assert "From" in said(at) and "block 1" in said(at) and "block 2" in said(at)
    values = small_world.computed("moved_texts", 0, params=params).values
    np.testing.assert_allclose(table(at, "neighbours kept", "p")["neighbours kept"], np.sort(values.overlap))


def test_a_layer_without_neighbours_says_why(open_page, run_page) -> None:
    at = run_page(open_page(KEY, 0, pooling="cls"), KEY)
    at.select_slider(key="neighbours_layer_4").set_value(0).run()
    assert (
        not at.exception and "embedding has no neighbours to show" in said(at) and "all rows are identical" in said(at)
    )
    assert not any("distance" in one.value.columns for one in at.dataframe)


def test_tokens_are_refused_in_words(open_page) -> None:
    assert "one row per text" in said(open_page(KEY, 0, pooling="tokens"))


def test_neighbours_that_are_approximate_say_so_on_the_figure(open_page, run_page, small_world: SmallWorld) -> None:
    exact = small_world.computed("neighbour_overlap", 0)
    less = small_world.computed("neighbour_overlap", 0, params={"exact_rows": 50})
    drawn = [SharedNeighbours("Within one model", one, tuple(small_world.infos(0, 0))) for one in (exact, less)]
    words = "approximate, 100.0\N{NO-BREAK SPACE}% of them found"
    for one, there in zip(drawn, (False, True), strict=True):
        matrix, depth = one.matrix(), one.depth()
        assert (words in matrix.figure.data[0].hovertemplate) is there
        assert (words in depth.figure.layout.yaxis.title.text) is there
        assert (f"Neighbours are {words}." in matrix.caption) is there and (words in depth.caption) is there
    moved = small_world.computed("moved_texts", 0, params={"layer": 0, "exact_rows": 50})
    assert words in kept_chart(moved.values, "text").layout.xaxis.title.text


def test_similarity_by_shared_neighbours(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page("similarity", 0)
    at.segmented_control(key="similarity_measure").set_value("Shared neighbours").run()
    at = run_page(at, "similarity")
    values = small_world.computed("neighbour_overlap", 0).values
    np.testing.assert_allclose(numbers(figure(at)["data"][0]["z"]), values.overlap, rtol=1e-6)
    matrices = layers_of(small_world, 0)
    near = [[set(by_hand(x, x[row], "euclidean", row)[0][:K]) for row in range(60)] for x in matrices]
    expected = np.mean([len(a & b) / K for a, b in zip(near[0], near[2], strict=True)])
    assert abs(values.overlap[0, 2] - expected) < 1e-12
    assert "share 16.9" in said(at) and "by chance 16.9" in figure(at)["data"][0]["hovertemplate"]
