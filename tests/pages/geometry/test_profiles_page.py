"""The page Profiles against the results of its metrics: every estimator, its bands, and the plot against rows."""

import numpy as np
import pytest

from tests.models.tiny import save_family
from tests.pages.conftest import SmallWorld
from tests.pages.figures import figure, numbers, said

ESTIMATORS = {
    "Intrinsic dimension (TwoNN)": "two_nn",
    "TwoNN, maximum likelihood": "two_nn_mle",
    "Intrinsic dimension (MLE)": "mle",
    "Intrinsic dimension (MADA)": "mada",
    "Intrinsic dimension (moments)": "method_of_moments",
}


def line(at, place: int, name: str):
    """The main line of a chart: its trace with markers and this name."""
    traces = figure(at, place)["data"]
    return next(trace for trace in traces if trace["mode"] == "lines+markers" and trace["name"].endswith(name))


def test_every_estimator_can_be_chosen_and_is_the_metrics(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page("profiles", 0)
    at.pills(key="profiles_measures").set_value(list(ESTIMATORS)).run()
    at = run_page(at, "profiles")
    values = small_world.computed("intrinsic_dimension", 0).values
    assert len(at.get("plotly_chart")) == len(ESTIMATORS)
    fields = list(ESTIMATORS.values())
    for place, field in enumerate([*fields[::2], *fields[1::2]]):  # the left column, then the right one
        drawn = numbers(line(at, place, "model-0")["y"])
        np.testing.assert_allclose(drawn, getattr(values, field), rtol=1e-5)
    assert "lower bound" in said(at)  # 60 rows are too few, and the page says so


def test_the_papers_discard_fraction_is_there_by_name(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page("profiles", 0)
    at.pills(key="profiles_measures").set_value(["Intrinsic dimension (TwoNN)"]).run()
    at.selectbox(key="profiles_intrinsic_dimension_preset").set_value("paper notebook").run()
    at = run_page(at, "profiles")
    values = small_world.computed("intrinsic_dimension", 0, params={"preset": "paper notebook"}).values
    assert values.discard_fraction == 0.8
    np.testing.assert_allclose(numbers(line(at, 0, "model-0")["y"]), values.two_nn, rtol=1e-5)


@pytest.mark.parametrize("bands", ["jackknife", "none"])
def test_the_band_is_the_chosen_one(open_page, run_page, small_world: SmallWorld, bands: str) -> None:
    at = open_page("profiles", 0)
    at.pills(key="profiles_measures").set_value(["Anisotropy"]).run()
    at.selectbox(key="profiles_anisotropy_bands").set_value(bands).run()
    at = run_page(at, "profiles")
    values = small_world.computed("anisotropy", 0, params={"bands": bands}).values
    filled = [trace for trace in figure(at)["data"] if trace.get("fill") == "toself"]
    reference = [trace for trace in figure(at)["data"] if trace.get("name") == "isotropic reference"]
    np.testing.assert_allclose(numbers(reference[0]["y"]), values.anisotropy_isotropic, rtol=1e-5)
    if bands == "none":
        assert not filled
    else:
        ends = [*values.anisotropy_high, *values.anisotropy_low[::-1]]
        np.testing.assert_allclose(numbers(filled[0]["y"]), ends, rtol=1e-5)


def test_one_batch_has_no_band_and_nothing_speaks_of_one(open_page, run_page) -> None:
    at = open_page("profiles", 0, paper_profiles="true", texts="general", pooling="tokens", all_tokens="true")
    at = run_page(at, "profiles")
    text = said(at)
    assert "Unlike Razzhigaev et al. (2024): one batch of " in text and "(paper: batches of at least 4,096)" in text
    assert "As in Razzhigaev" not in text and "Mean and standard deviation over 1" not in text
    assert (
        "a band is" not in text.lower()
        and "Bands show" not in text
        and "the band" not in text.replace("of the band", "")
    )
    assert "The mean cosine of all pairs of tokens" in text and "the tokens vary locally" in text
    assert not [trace for trace in figure(at)["data"] if trace.get("fill") == "toself"]


def test_the_dimension_against_the_number_of_rows_comes_on_demand(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page("profiles", 0)
    at.pills(key="profiles_measures").set_value(["Intrinsic dimension (MLE)"]).run()
    at = run_page(at, "profiles")
    assert not [button for button in at.button if button.key == "scale_run"]
    at.toggle(key="scale_wanted").set_value(True).run()
    at.selectbox(key="scale_estimator").set_value("mle").run()
    at = run_page(at, "scale")
    layer = 3
    values = small_world.computed("dimension_scale", 0, layers=(layer,), params={"estimator": "mle"}).values
    drawn = figure(at, 1)["data"]
    assert values.sizes.tolist() == numbers(drawn[0]["x"]).astype(int).tolist()
    np.testing.assert_allclose(numbers(drawn[0]["y"]), values.mean[0], rtol=1e-5)
    np.testing.assert_allclose(numbers(drawn[-1]["y"]), 2 * np.log10(values.sizes), rtol=1e-5)
    at.selectbox(key="scale_layer_4").select_index(0).run()
    at = run_page(at, "scale")
    assert [trace["name"] for trace in figure(at, 1)["data"]] == [
        "embedding",
        "block 1",
        "block 2",
        "block 3",
        "2 log10(n)",
    ]


def test_without_intrinsic_dimension_nothing_asks_about_rows(open_page) -> None:
    at = open_page("profiles", 0)
    at.pills(key="profiles_measures").set_value(["Anisotropy"]).run()
    assert "scale_wanted" not in {toggle.key for toggle in at.toggle}


def test_every_note_of_several_models_says_whose_it_is(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page("profiles", 0, 2)
    at.pills(key="profiles_measures").set_value(["Anisotropy", "Intrinsic dimension (TwoNN)"]).run()
    at = run_page(at, "profiles")
    wide, narrow = (small_world.computed("anisotropy", place).notes for place in (0, 2))
    said_once = [line for line in said(at).splitlines() if line.startswith(":material/info:")]
    assert set(narrow) < set(wide)  # 60 rows are few for 32 dimensions, not for 16
    for note in set(wide) - set(narrow):
        assert [line for line in said_once if line.endswith(f"model-0: {note}")]
    for note in narrow:
        assert [line for line in said_once if line.endswith(f"Every model: {note}")]
    assert all("model-0: " in line or "model-2: " in line or "Every model: " in line for line in said_once)


def test_only_a_panel_with_a_reference_is_to_be_compared_with_it(open_page, run_page) -> None:
    at = open_page("profiles", 0)
    at.pills(key="profiles_measures").set_value(["Intrinsic dimension (TwoNN)"]).run()
    at = run_page(at, "profiles")
    assert "dashed" not in said(at)
    at.pills(key="profiles_measures").set_value(["Anisotropy"]).run()
    at = run_page(at, "profiles")
    assert "Compare each line with the dashed one of its size" in said(at)


def test_encoders_and_decoders_are_told_apart(open_page, run_page, small_world: SmallWorld) -> None:
    decoder = str(save_family(small_world.folder / "profile-decoder", "gpt2"))
    at = open_page("profiles", 0, 1, decoder)
    at.pills(key="profiles_measures").set_value(["Anisotropy"]).run()
    at = run_page(at, "profiles")
    drawn = [trace for trace in figure(at)["data"] if trace["mode"] == "lines+markers"]
    first, *encoders = drawn
    assert first["name"].endswith("profile-decoder (decoder)")
    assert all(one["name"].endswith("(encoder)") for one in encoders) and len(encoders) == 2
    looks = [(one["marker"]["symbol"], one["line"]["dash"]) for one in drawn]
    assert looks[1] == looks[2] != looks[0]
    assert "Decoders have filled circles" in said(at)
    at = run_page(open_page("profiles", 0, 1), "profiles")
    assert all("(encoder)" not in trace.get("name", "") for trace in figure(at)["data"])
    assert "Decoders have filled circles" not in said(at)
