"""The view By class of the page Rogue: what is drawn of each model and class, against the results of its metric."""

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from tests.models.tiny import SEGMENTS, bert_config, save, save_family
from tests.pages.conftest import LABELS, SmallWorld
from tests.pages.figures import figure, numbers, said


def computed(small_world: SmallWorld, place: int | str, layer: int, pooling: str = "mean"):
    bench = small_world.bench
    model = bench.model(small_world.models[place] if isinstance(place, int) else place)
    spec = bench.analysis(
        "class_spikes", models=[model], texts=small_world.texts, label="label", layers=[layer], pooling=pooling
    )
    return bench.wait(spec).values


def lines(drawn, panel: int):
    number = "" if panel == 0 else str(panel + 1)
    return [one for one in drawn["data"] if one["xaxis"] == f"x{number}"]


def test_each_model_is_a_panel_with_the_mean_of_each_class(open_page, run_page, small_world: SmallWorld) -> None:
    at = run_page(open_page("rogue", 0, 1, rogue_view="By class"), "rogue_class")
    drawn = figure(at)
    for panel in (0, 1):
        values = computed(small_world, panel, 3)
        assert [one["name"] for one in lines(drawn, panel)] == list(values.classes) == sorted(LABELS)
        for label, line in enumerate(lines(drawn, panel)):
            np.testing.assert_allclose(numbers(line["y"]), values.mean[0, label], rtol=1e-6)
        marks = [one["text"] for one in drawn["layout"]["annotations"] if one.get("xref") == ("x", "x2")[panel]]
        assert any(f"<b>{values.principal[0]}</b> ★" in text for text in marks)
    assert len({one["line"]["color"] for one in lines(drawn, 0)}) == len(LABELS)
    assert [one["showlegend"] for one in drawn["data"]] == [True] * 3 + [False] * 3
    table = at.dataframe[0].value
    for row, values in zip(table.itertuples(), (computed(small_world, place, 3) for place in (0, 1)), strict=True):
        assert values.principal_share[0] in row and values.top_share[0] in row
        assert values.n_for_half[0] in row and values.n_dims in row


def test_panels_share_their_value_axis_which_is_said(open_page, run_page) -> None:
    at = run_page(open_page("rogue", 0, 1, rogue_view="By class"), "rogue_class")
    layout = figure(at)["layout"]
    assert layout["yaxis"]["range"] == layout["yaxis2"]["range"]
    low, high = layout["yaxis"]["range"]
    drawn = np.concatenate([numbers(one["y"]) for one in figure(at)["data"]])
    assert low < drawn.min() and high > drawn.max()
    assert "The panels have the same value axis." in said(at)


def test_the_layer_is_counted_from_the_last_and_kept_in_the_address(
    open_page, run_page, small_world: SmallWorld
) -> None:
    at = open_page("rogue", 0, rogue_view="By class", rogue_class_layer_4="1")
    at = run_page(at, "rogue_class")
    values = computed(small_world, 0, 2)
    np.testing.assert_allclose(numbers(figure(at)["data"][0]["y"]), values.mean[0, 0], rtol=1e-6)


@pytest.fixture(scope="module")
def families(small_world: SmallWorld) -> tuple[str, str]:
    """A decoder and an encoder, of different width."""
    decoder = save_family(small_world.folder / "a-decoder", "gpt2")
    encoder = save(small_world.folder / "an-encoder", bert_config(), seed=1, model_input_names=SEGMENTS)
    return str(decoder), str(encoder)


def test_a_decoder_and_an_encoder_are_pooled_as_their_heads_read(
    open_page, run_page, small_world: SmallWorld, families: tuple[str, str]
) -> None:
    at: AppTest = run_page(open_page("rogue", *families, rogue_view="By class"), "rogue_class")
    assert at.toggle(key="rogue_own_pooling").value is True
    drawn = figure(at)
    for panel, (name, pooling) in enumerate(zip(families, ("last", "cls"), strict=True)):
        info = small_world.bench.model(name)
        values = computed(small_world, name, len(info.layer_names) - 1, pooling)
        np.testing.assert_allclose(numbers(lines(drawn, panel)[1]["y"]), values.mean[0, 1], rtol=1e-6)
    titles = [one["text"] for one in drawn["layout"]["annotations"][:2]]
    assert titles[0].endswith("last token") and titles[1].endswith("[CLS]")
    at.toggle(key="rogue_own_pooling").set_value(False).run()
    at = run_page(at, "rogue_class")
    assert all(one["text"].endswith("mean of the tokens") for one in figure(at)["layout"]["annotations"][:2])
