"""As in the paper: the switch sets sidebar and form, the numbers are those of the settings, and what is changed is named."""

import numpy as np
import pytest

import backend
from tests.models import tiny
from tests.pages.conftest import SmallWorld
from tests.pages.figures import figure, numbers, said

PAGES = {
    "similarity": ("cka", {}),
    "projection": ("projection", {}),
    "profiles": ("anisotropy", {}),
    "components": ("spectrum", {}),
    "rogue": ("rogue", {}),
    "threshold": ("threshold", {}),
    "ablation": ("ablation", {}),
    "neurons": ("neurons", {}),
    "component_accuracy": ("component_accuracy", {}),
    "clusters": ("direct_probe", {}),
    "probes": ("probing", {}),
    "movement": ("movement", {}),
}


def switch(at):
    return next(toggle for toggle in at.toggle if toggle.key and toggle.key.startswith("paper_"))


@pytest.mark.parametrize("page", PAGES)
def test_every_page_that_a_paper_has_says_what_differs_and_sets_it(
    open_page, page: str, small_world: SmallWorld
) -> None:
    preset = backend.PRESETS[PAGES[page][0]]
    at = open_page(page, 0, seed="61")  # of which nothing is stored, so that no number of rows is known
    assert f"Unlike {preset.paper}" in said(at) and "(paper: " in said(at)
    assert preset.publication.title in said(at) and f"({preset.publication.address})" in said(at) + "()"
    switch(at).set_value(True).run()
    assert not at.exception and not at.error
    if preset.texts and page != "profiles":
        assert at.session_state["texts"] == "general"
    info = small_world.infos(0)[0]
    assert at.session_state["pooling"] == preset.pooling_for(info)
    last = len(info.layer_names) - 1
    wanted = {"all": "all", "blocks": f"1-{info.n_blocks}", "last": str(last)}[preset.layers]
    assert at.session_state["layers"] == wanted
    assert f"As in {preset.paper}" in said(at) and f"Unlike {preset.paper}" not in said(at)
    switch(at).set_value(False).run()
    assert at.session_state["pooling"] == "mean" and at.session_state["layers"] == "all"
    assert at.session_state["texts"] == small_world.texts.shown_name and f"Unlike {preset.paper}" in said(at)


@pytest.mark.parametrize("page", ["projection", "similarity", "rogue", "threshold", "components"])
def test_beside_a_decoder_an_encoder_is_read_as_both_can_be(open_page, page: str, small_world: SmallWorld) -> None:
    decoder = tiny.save(small_world.folder / "decoder", tiny.llama_config(num_hidden_layers=2), seed=4, template="$A")
    at = open_page(page, 0, str(decoder))
    switch(at).set_value(True).run()
    assert not at.exception and not at.error, [error.value for error in at.error]
    assert at.session_state["pooling"] == "last"
    assert switch(at).value is True and "of encoders" not in said(at)
    assert "pooling last (paper: " in said(at)
    switch(at).set_value(False).run()
    assert at.session_state["pooling"] == "mean" and at.session_state["layers"] == "all"


def test_what_is_drawn_is_what_the_settings_give(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page("similarity", 0)
    switch(at).set_value(True).run()
    at = run_page(at, "similarity")
    bench, info = small_world.bench, small_world.infos(0)[0]
    spec = bench.analysis(
        "cka", models=[info], texts=small_world.texts, pooling="cls", layers=(1, 2, 3), params={"debiased": False}
    )
    np.testing.assert_allclose(numbers(figure(at)["data"][0]["z"]), bench.wait(spec).values.matrix, rtol=1e-6)
    at.toggle(key="similarity_paper_debiased").set_value(True).run()
    assert "Unlike GPTology, section 2.1, figure 1: debiased: on (paper: off)." in said(at)
    at.session_state["pooling"] = "mean"
    at.run()
    assert (
        "pooling mean (paper: the last token, of decoders; for encoders here: cls); debiased: on (paper: off)"
        in said(at)
    )
    at.button(key="paper_similarity_again").click().run()
    assert at.session_state["pooling"] == "cls"


def test_the_address_brings_the_switch_and_what_it_set(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page("neurons", 0, paper_neurons="true", pooling="cls", layers="3")
    assert switch(at).value is True and "As in Matton & de Oliveira, section 3.2" in said(at)
    assert at.selectbox(key="neurons_paper_score").value == "mean over folds"
    at = run_page(at, "neurons")
    bench, info = small_world.bench, small_world.infos(0)[0]
    params = dict(backend.PRESETS["neurons"].params)
    spec = bench.analysis(
        "neurons", models=[info], texts=small_world.texts, pooling="cls", layers=(3,), label="label", params=params
    )
    table = at.dataframe[0].value
    assert table["best 1"][0] == pytest.approx(bench.wait(spec).values.test_accuracy[0, 1])


def test_the_variance_ratio_of_general_text(open_page, run_page, small_world: SmallWorld) -> None:
    at = open_page("components", 0, 1, components_view="Tuned against base")
    assert "texts words (paper: general text, here the set general)" in said(at)
    switch(at).set_value(True).run()
    at = run_page(at, "components_ratio")
    assert "As in Matton & de Oliveira, section 3.1.3, figure 4." in said(at)
    bench, (base, tuned) = small_world.bench, small_world.infos(0, 1)
    general = bench.text_set_info("general")
    spec = bench.analysis("variance_ratio", models=[tuned, base], texts=general, pooling="cls", layers=(3,))
    np.testing.assert_allclose(numbers(figure(at)["data"][0]["y"]), bench.wait(spec).values.ratio[-1], rtol=1e-5)


def test_the_first_click_puts_all_tokens_into_the_address_and_off_takes_them_out(open_page) -> None:
    at = open_page("profiles", 0)
    switch(at).set_value(True).run()
    assert at.session_state["_view"].words["all_tokens"] == ["true"] and at.session_state["all_tokens"] is True
    switch(at).set_value(False).run()
    words = at.session_state["_view"].words
    assert "all_tokens" not in words and words["pooling"] == ["mean"]
    switch(at).set_value(True).run()
    assert at.session_state["_view"].words["all_tokens"] == ["true"] and "a sample of the tokens" not in said(at)


@pytest.mark.parametrize(
    ("page", "choice"),
    [
        ("clusters", {"pooling": "cls", "layers": "3"}),
        ("profiles", {"pooling": "tokens", "all_tokens": "true", "texts": "general"}),
    ],
)
def test_off_after_a_reload_is_the_sidebars_defaults(open_page, page: str, choice: dict[str, str]) -> None:
    at = open_page(page, 0, **{f"paper_{page}": "true", **choice})
    assert "Sets pooling, layers, texts and this page's settings as in the paper." in switch(at).help
    switch(at).set_value(False).run()
    assert not at.exception
    assert at.session_state["pooling"] == "mean" and at.session_state["layers"] == "all"
    assert at.session_state["texts"].startswith(choice.get("texts", "words"))
    words = at.session_state["_view"].words
    assert (words["pooling"], words["layers"]) == (["mean"], ["all"]) and "all_tokens" not in words


def test_what_similarity_compares_is_kept_in_the_address(open_page) -> None:
    at = open_page("similarity", 0, 1, similarity_mode="Difference of two models")
    assert at.segmented_control(key="similarity_mode").value == "Difference of two models"
