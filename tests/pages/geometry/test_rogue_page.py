"""The page Rogue against the results of its metrics and the published rule."""

import numpy as np
import pytest
from safetensors.torch import load_file, save_file

from backend import NormTask
from tests.models.tiny import bert_config, save, save_family
from tests.pages.conftest import SmallWorld
from tests.pages.figures import figure, files_of, numbers, said


def viewed(at, view: str):
    at.segmented_control(key="rogue_view").set_value(view).run()
    assert not at.exception
    return at


def test_the_table_ranks_dimensions_three_ways(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page("rogue", 0), "rogue")
    values = small_world.computed("rogue", 0).values
    table = at.dataframe[0].value.set_index("dimension")
    layer = 3  # the last block, which is shown first
    for name in ("variance", "cosine", "mean"):
        top = getattr(values, f"top_{name}")[layer]
        ranked = table[f"rank by {name}"].dropna().sort_values()
        assert ranked.index.tolist() == top.tolist()
        assert ranked.tolist() == list(range(1, len(top) + 1))
    dims = table.index.to_numpy()
    np.testing.assert_allclose(table["variance"], values.variance[layer][dims], rtol=1e-9)
    np.testing.assert_allclose(table["mean"], values.mean[layer][dims], rtol=1e-9)


def test_the_depth_at_which_dimensions_become_rogue(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page("rogue", 0)
    at.number_input(key="rogue_n_std").set_value(1.0).run()
    at = run_page(at, "rogue")
    result = small_world.computed("rogue", 0, params={"n_std": 1.0})
    values, names = result.values, result.sources[0].layer_names
    assert len(values.appearing) > 0
    for view in ("One layer", "All layers"):
        at = viewed(at, view)
        table = at.dataframe[-1].value
        assert table["dimension"].tolist() == values.appearing.tolist()
        assert table["first layer"].tolist() == [names[layer] for layer in values.first_layer]
        drawn = numbers(figure(at, 1)["data"][0]["z"])
        assert (drawn == values.rogue[:, values.appearing[:24]].T).all()


@pytest.mark.parametrize("by", ["cosine", "mean"])
def test_the_chosen_score_decides_marks_table_and_words(open_page, run_page, small_world: SmallWorld, by: str) -> None:
    at = open_page("rogue", 0)
    at.number_input(key="rogue_n_std").set_value(1.0).run()
    at = run_page(at, "rogue")
    at.segmented_control(key="rogue_by").set_value(by).run()
    while any("Ranking by" in caption.value for caption in at.caption):
        at.run()
    assert not [button for button in at.button if button.key == "rogue_run"]  # the activations are there: no Run
    result = small_world.computed("rogue", 0, params={"n_std": 1.0, "by": by})
    values = result.values
    words = {"cosine": "share of the average cosine", "mean": "|mean|"}[by]
    assert f"Where dimensions are rogue by {words}" in said(at)
    assert f"Filled: the dimension's {words} lies more than 1 standard deviations above the mean" in said(at)
    drawn = numbers(figure(at, 1)["data"][0]["z"])
    assert (drawn == values.rogue[:, values.appearing[:24]].T).all()
    table = at.dataframe[0].value
    assert table[f"rank by {by}"].tolist()[:10] == list(range(1, 11))
    assert ((table["score (standard deviations)"] > 1) == table["rogue"]).all()


def test_overlap_between_two_models_states_chance(open_page, run_page, small_world: SmallWorld) -> None:
    at = viewed(open_page("rogue", 0, 1), "Overlap")
    at = run_page(at, "rogue_overlap")
    values = small_world.computed("rogue_overlap", 0, 1).values
    np.testing.assert_allclose(numbers(figure(at)["data"][0]["z"]), values.matrix, rtol=1e-6)
    assert values.chance == pytest.approx(10 / 32)
    assert said(at).count("By chance, two random choices of 10 of 32 dimensions share 31.2\xa0% of them") == 1
    assert "by construction" not in said(at)
    at.selectbox(key="rogue_other").select_index(1).run()  # the same model
    at = run_page(at, "rogue_overlap")
    np.testing.assert_allclose(np.diag(numbers(figure(at)["data"][0]["z"])), 1)
    assert "The diagonal is 1 by construction" in said(at)


def test_models_of_another_width_cannot_be_chosen_for_the_overlap(open_page) -> None:
    at = viewed(open_page("rogue", 0, 2), "Overlap")
    assert "rogue_other" not in {box.key for box in at.selectbox}
    assert "model-0 has 32 dimensions" in said(at)
    assert "model-2 has 16: dimensions of models of different width do not correspond" in said(at)


def test_the_address_chooses_view_and_score(open_page) -> None:
    at = open_page("rogue", 0, rogue_view="Overlap", rogue_by="cosine share")
    assert at.segmented_control(key="rogue_view").value == "Overlap"
    assert at.segmented_control(key="rogue_by").value == "cosine"


def test_the_norm_panel_shows_what_the_rule_finds(open_page, small_world: SmallWorld) -> None:
    at = viewed(open_page("rogue", 0), "Norm weights")
    at.number_input(key="norms_n_std").set_value(0.5).run()
    at.number_input(key="norms_more_than_3").set_value(1).run()
    info = small_world.infos(0)[0]
    found = small_world.bench.wait(NormTask(info.spec, 0.5, 1))
    assert found.dims
    assert at.metric[0].value == ", ".join(map(str, found.dims))
    drawn = figure(at)
    *lines, bar = drawn["data"]
    raw = [numbers(trace["customdata"]) for trace in lines]
    np.testing.assert_allclose(raw[:3], found.weights, rtol=1e-6)
    np.testing.assert_allclose(raw[3:], found.biases, rtol=1e-6)
    scores = np.array([numbers(trace["y"]) for trace in lines])
    np.testing.assert_allclose(scores.mean(axis=1), 0, atol=1e-6)
    np.testing.assert_allclose(scores.std(axis=1), 1, rtol=1e-5)
    both = (np.abs(scores[:3]) > 0.5) & (np.abs(scores[3:]) > 0.5)
    assert np.flatnonzero(both.sum(axis=0) > 1).tolist() == list(found.dims)
    assert [shape["y0"] for shape in drawn["layout"]["shapes"]] == [-0.5, 0.5, -0.5, 0.5]
    assert bar["marker"]["colorbar"]["title"]["text"] == "Block"
    named = {note["text"] for note in drawn["layout"]["annotations"]}
    assert named == {f"<b>{dim}</b>" for dim in found.dims}
    table = at.dataframe[0].value
    assert table["dimension"].tolist() == list(found.dims)
    assert (table["blocks where both stand out"] > 1).all()


def test_a_norm_without_biases_is_drawn_with_the_reason(open_page, small_world: SmallWorld) -> None:
    folder = save_family(small_world.folder / "llama", "llama")
    at = viewed(open_page("rogue", str(folder), pooling="last"), "Norm weights")
    assert "has no bias, so the rule, which asks for both, does not apply" in said(at)
    assert len(figure(at)["data"]) == 4  # three blocks and the colour bar
    assert not at.metric


def test_untrained_norms_are_undefined_and_not_without_outliers(open_page, small_world: SmallWorld) -> None:
    folder = save(small_world.folder / "untrained", bert_config(hidden_size=16, intermediate_size=16))
    weights = load_file(folder / "model.safetensors")
    for name, values in weights.items():
        if "LayerNorm" in name:
            values.fill_(float(name.endswith("weight")))
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    at = viewed(open_page("rogue", str(folder)), "Norm weights")
    assert (at.metric[0].label, at.metric[0].value) == ("Outlier dimensions", "undefined")
    assert "In every block all weights or all biases of 'output.LayerNorm' are equal" in said(at)
    assert not at.get("plotly_chart")
    assert files_of(at, "rogue_norms") == ["CSV", "Parquet", "Markdown", "LaTeX", "JSON"]


def test_the_dimensions_that_models_share_are_listed_with_chance(
    open_page, run_page, shown, small_world: SmallWorld
) -> None:
    at = viewed(open_page("rogue", 0, 1, 2), "Overlap")
    at = run_page(run_page(at, "rogue_overlap"), "rogue_shared")
    values = small_world.computed("shared_rogue", 0, 1).values  # the third model is narrower
    dims, pairs = (shown[key].numbers() for key in ("rogue_shared_dims", "rogue_shared_pairs"))
    assert dims["dimension"].tolist() == values.dims.tolist()
    for place in (0, 1):
        ranks = dims.iloc[:, 2 + 2 * place]
        assert ranks.fillna(0).tolist() == values.rank[place].tolist()
    assert pairs["shared"].tolist() == values.shared.tolist() == [int((values.n_models == 2).sum())]
    np.testing.assert_allclose(pairs["p"], values.p)
    shown_on_page = [one.value for one in at.dataframe]
    assert any("in how many models" in one.columns for one in shown_on_page)
    assert {"CSV", "LaTeX"} <= set(files_of(at, "rogue_shared_dims"))
