"""From what a person asks for to a spec: layers by number and name, how many models, poolings that fit the rows."""

from dataclasses import replace
from pathlib import Path

import pytest

from backend import InvalidRequest, ModelInfo, ModelSpec, fingerprint
from backend.bench.workbench import Workbench
from backend.work.analyses import layer_numbers
from tests.work.word_rows import words

NAMES = ("embedding", "block 1", "block 2", "final norm")
INFO = ModelInfo(ModelSpec("m", "c" * 40, "float32"), "Bert", "encoder", 2, 8, NAMES, 1, 1, 512, True, False)


@pytest.mark.parametrize(
    ("asked", "numbers"),
    [("all", [0, 1, 2, 3]), ("0,2", [0, 2]), ("2, 0,2", [0, 2]), ("-1", [3]), ("final norm", [3]), ((3, 1), [1, 3])],
)
def test_layers_go_by_number_and_by_name(asked: str | tuple[int, ...], numbers: list[int]) -> None:
    assert list(layer_numbers(asked, INFO)) == numbers


@pytest.mark.parametrize("asked", ["4", "-5", "block 3", "", (4,), ()])
def test_a_layer_that_is_not_there_is_refused_with_those_that_are(asked: str | tuple[int, ...]) -> None:
    with pytest.raises(InvalidRequest) as refused:
        layer_numbers(asked, INFO)
    assert "final norm" in refused.value.hint


def test_a_metric_takes_as_many_models_as_it_says(bench: Workbench, model: str) -> None:
    info, texts = bench.model(model), bench.text_set_info("sentiment")
    for metric, n_models in (("anisotropy", 2), ("cka", 3)):
        with pytest.raises(InvalidRequest, match=f"not {n_models}"):
            bench.analysis(metric, models=[info] * n_models, texts=texts)


def test_the_length_is_the_models_own_limit_at_most(bench: Workbench, model: str) -> None:
    info, texts = bench.model(model), bench.text_set_info("sentiment")
    for asked, taken in ((None, min(info.max_length, 512)), (8, 8), (10**6, info.max_length)):
        spec = bench.analysis("anisotropy", models=[replace(info, usual_length=0)], texts=texts, max_length=asked)
        assert spec.inputs[0].max_length == taken
    with pytest.raises(InvalidRequest, match="0 tokens"):
        bench.analysis("anisotropy", models=[info], texts=texts, max_length=0)


def test_poolings_and_units_that_do_not_go_together(bench: Workbench, tmp_path: Path, model: str) -> None:
    info, texts, pairs = bench.model(model), words(bench, tmp_path), words(bench, tmp_path, "b.conllu", task="deprel")
    for pooling in ("mean", "cls", "tokens"):
        with pytest.raises(InvalidRequest, match="are words") as refused:
            bench.analysis("anisotropy", models=[info], texts=texts, pooling=pooling)
        assert "pooling words" in refused.value.hint
    with pytest.raises(InvalidRequest, match="are texts") as refused:
        bench.analysis("anisotropy", models=[info], texts=bench.text_set_info("sentiment"), pooling="words")
    assert "CoNLL-U" in refused.value.hint
    with pytest.raises(InvalidRequest, match="words and pairs of words"):
        bench.analysis("component_accuracy", models=[info], texts=texts, basis=pairs)
    with pytest.raises(InvalidRequest, match="whole texts"):
        bench.analysis("inner_ablation", models=[info], texts=texts)
    named = bench.analysis("anisotropy", models=[info], texts=texts, pooling="words")
    assert fingerprint(named) == fingerprint(bench.analysis("anisotropy", models=[info], texts=texts))


def test_the_last_block_is_no_final_norm_unless_nothing_else_is_chosen() -> None:
    assert INFO.last_block([0, 1, 2, 3]) == 2 and INFO.last_block([1, 3, 0]) == 1 and INFO.last_block([3]) == 3
