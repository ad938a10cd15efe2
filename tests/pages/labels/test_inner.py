"""The section "Inside the network" against the result of its metric."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest

from pages._kit.show.finding import Finding
from pages._kit.state import session
from pages.labels.ablation.inner import says, table
from pages.labels.ablation.inner_charts import inner_accuracy_chart, inner_loss_chart
from tests.metrics.test_inner_ablation import run, stack
from tests.models.tiny import save_family
from tests.pages.conftest import SmallWorld
from tests.pages.drawn import check
from tests.pages.figures import figure, numbers, said

APP = Path(__file__).with_name("inner_app.py")


@pytest.fixture
def opened(small_world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(session, "_open", lambda: small_world.bench)

    def opening(model: str, **choice: Any) -> AppTest:
        at = AppTest.from_file(str(APP), default_timeout=240)
        at.query_params["texts"] = "words"
        at.query_params["model"] = model
        for name, value in choice.items():
            at.query_params[name] = value
        at.run()
        at.toggle(key="inner_wanted").set_value(True).run()
        assert not at.exception
        return at

    return opening


def test_the_curves_are_those_of_the_metric(
    opened: Any, run_page: Any, small_world: SmallWorld, shown: dict[str, Finding]
) -> None:
    at = opened(small_world.models[0])
    assert "About 44 runs of the network over at most 200 texts" in said(at)
    at.number_input(key="inner_n_draws").set_value(2).run()
    at.segmented_control(key="inner_mode").set_value("mean").run()
    at = run_page(at, "inner")
    params = {"layer": 1, "mode": "mean", "n_draws": 2}
    values = small_world.computed("inner_ablation", 0, label="label", params=params).values
    lines = {trace.get("name"): numbers(trace["y"]) for trace in figure(at)["data"]}
    for row, name in enumerate(("highest variance first", "lowest variance first", "random (mean ± std)")):
        np.testing.assert_allclose(lines[name], values.accuracy[row], rtol=1e-6)
    words = said(at)
    assert "Read with a fitted head on block 3" in words and "after block 1" in words.lower()
    assert f"With nothing overwritten {100 * values.accuracy[0, 0]:.1f}\xa0% of the texts are right" in words
    assert at.dataframe[0].value["dimensions overwritten"].tolist() == values.n_overwritten.tolist() * 3
    assert not any("loss" in column for column in at.dataframe[0].value.columns)
    assert list(shown) == ["inner_accuracy"]
    for name, mine in shown["inner_accuracy"].numbers().groupby("order"):
        np.testing.assert_allclose(lines[name], mine["accuracy"], rtol=1e-6)


def test_a_language_model_without_labels_shows_its_loss(
    opened: Any, run_page: Any, small_world: SmallWorld, shown: dict[str, Finding]
) -> None:
    folder = save_family(small_world.folder / "inner-llama", "llama")
    at = opened(str(folder), pooling="last", label="(none)")
    assert "The loss per token needs no labels" in said(at)
    at.selectbox(key="inner_order").set_value("named").run()
    at.text_input(key="inner_dims").set_value("3, 17").run()
    at.number_input(key="inner_n_draws").set_value(2).run()
    at = run_page(at, "inner")
    model = small_world.bench.model(str(folder))
    spec = small_world.bench.analysis(
        "inner_ablation",
        models=[model],
        texts=small_world.texts,
        pooling="last",
        params={"layer": 2, "dims": (3, 17), "n_draws": 2},
    )
    values = small_world.bench.wait(spec).values
    lines = {trace.get("name"): numbers(trace["y"]) for trace in figure(at)["data"]}
    np.testing.assert_allclose(lines["the named ones"], values.loss[0], rtol=1e-6)
    assert "a token costs" in said(at)
    assert list(shown) == ["inner_loss"]
    assert check(shown["inner_loss"]) > 0
    taken = shown["inner_loss"].numbers()
    assert not any("accuracy" in column for column in taken)
    for name, mine in taken.groupby("order"):
        np.testing.assert_allclose(lines[name], mine["loss (nats per token)"], rtol=1e-6)


def test_what_is_missing_is_said(opened: Any, small_world: SmallWorld) -> None:
    at = opened(small_world.models[0], label="(none)")
    assert "predicts no tokens, so only labels can show what is lost" in said(at)
    assert "inner_run" not in {button.key for button in at.button}
    at = opened(small_world.models[0], pooling="tokens")
    assert "one row per text" in said(at)


def test_post_processing_is_left_out_and_that_is_said(opened: Any, small_world: SmallWorld) -> None:
    at = opened(small_world.models[0])
    assert "post-processing is left out" not in said(at)
    steps = next(box for box in at.multiselect if "ost" in box.label)
    steps.set_value(["centre"]).run()
    assert not at.exception and "post-processing is left out here" in said(at)


def test_the_charts_show_band_control_and_the_model_as_it_is() -> None:
    values = run(stack(), n_draws=3).values
    drawn = inner_accuracy_chart(values)
    names = [trace.name for trace in drawn.data]
    assert sum(str(name).startswith("shuffled labels") for name in names) == 3
    band = next(trace for trace in drawn.data if trace.fill == "toself")
    np.testing.assert_allclose(
        band.y[: len(values.n_overwritten)], values.accuracy[2] + values.accuracy_std[2], rtol=1e-6
    )
    levels = {note.text: note.y for note in drawn.layout.annotations}
    assert levels == {"nothing overwritten": values.baseline, "largest class": values.split.majority}
    assert list(drawn.layout.xaxis.ticktext) == [str(k) for k in values.n_overwritten]
    loss = inner_loss_chart(values)
    assert loss.layout.annotations[0].y == pytest.approx(values.loss[0, 0])


def test_the_sentence_names_the_largest_gap_to_random_dimensions() -> None:
    values = run(stack(), n_draws=3, order="all").values
    place = int(np.argmax(np.abs(values.accuracy[0] - values.accuracy[2])))
    sentence = says(values, "accuracy")
    assert f"with {values.n_overwritten[place]} dimensions overwritten (highest variance first)" in sentence
    assert f"random ones {100 * values.accuracy[2, place]:.1f}\xa0% of the texts are right" in sentence
    alone = run(stack(), order="lowest").values
    assert says(alone, "loss").endswith(f"with 8 dimensions overwritten a token costs {alone.loss[0, -1]:.3f} nats.")
    rows = table(values)
    assert rows["order"].nunique() == 3 and rows["accuracy"].tolist() == values.accuracy.ravel().tolist()
