"""From inputs to stacks: which layers belong together, and rows that are the same in all of them."""

from dataclasses import replace
from pathlib import Path

import pytest

from backend import ActivationSpec, EmbedscopeError, ModelSpec, PostProcess, TextSetSpec
from backend.bench.workbench import Workbench
from backend.work.stacks import fits_rows, groups_of, rows_digest
from tests.models import tiny
from tests.work.word_rows import conllu, words

FIRST = ActivationSpec(ModelSpec("m", "c" * 40, "float32"), TextSetSpec("t", "a" * 40, 9), 0, "mean", 512)


def layers(spec: ActivationSpec, *numbers: int) -> list[ActivationSpec]:
    return [replace(spec, layer=number) for number in numbers]


def test_inputs_that_differ_in_their_layer_alone_are_one_stack() -> None:
    other = replace(FIRST, pooling="last")
    inputs = (*layers(FIRST, 0, 2, 3), *layers(other, 0, 2), *layers(FIRST, 1))
    assert [[spec.layer for spec in group] for group in groups_of(inputs)] == [[0, 2, 3], [0, 2], [1]]


def test_a_layer_that_comes_again_begins_a_stack_of_the_same_model() -> None:
    assert [len(group) for group in groups_of((*layers(FIRST, 0, 1), *layers(FIRST, 0, 1)))] == [2, 2]


def test_the_rows_are_kept_once_for_all_layers_and_steps() -> None:
    step = PostProcess("centre")
    assert rows_digest(FIRST) == rows_digest(replace(FIRST, layer=5, postprocess=(step,)))
    assert rows_digest(FIRST) != rows_digest(replace(FIRST, max_length=8))


@pytest.mark.parametrize(
    ("steps", "fits"),
    [((), False), ((PostProcess("remove_dims", dims=(1,)),), False), ((PostProcess("centre"),), True)],
)
def test_removing_dimensions_takes_nothing_of_the_rows(steps: tuple[PostProcess, ...], fits: bool) -> None:
    assert fits_rows(replace(FIRST, postprocess=steps)) is fits


def test_models_that_lose_other_words_are_not_compared(bench: Workbench, tmp_path: Path, model: str) -> None:
    short = str(tiny.save(tmp_path / "short", tiny.bert_config(max_position_embeddings=8), seed=1))
    texts = words(bench, tmp_path, text=conllu(n_long=2))
    with pytest.raises(EmbedscopeError, match=r"keeps 56 of the words and .* 38") as refused:
        bench.compute("cka", model=[model, short], texts=texts)
    assert "token limit" in refused.value.hint
    result = bench.compute("cka", model=[model, short], texts=texts, max_length=8)
    assert result.values.matrix.shape == (4, 4)


def test_rows_that_are_forgotten_are_found_again(bench: Workbench, tmp_path: Path, model: str) -> None:
    texts = words(bench, tmp_path, text=conllu(n_long=2))
    spec = bench.analysis("anisotropy", models=[bench.model(model)], texts=texts, max_length=8)
    bench.wait(spec)
    rows = rows_digest(spec.inputs[0])
    (bench.settings.cache / "arrays" / rows[:2] / f"{rows}.npy").unlink()
    other = bench.analysis("average_cosine", models=[bench.model(model)], texts=texts, max_length=8)
    assert bench.wait(other).sources[0].n_rows == 38


def test_what_a_result_says_of_a_local_model_holds_no_path(bench: Workbench, tmp_path: Path, model: str) -> None:
    """Whoever asks for the same bytes gets the result, wherever their own copy lies."""
    other = str(tiny.save(tmp_path / "runs" / "other", tiny.bert_config(), seed=1))
    result = bench.compute("cka", model=[model, other], texts=["one", "two", "three", "four", "five"], pooling="cls")
    said = " ".join([*result.notes, *(entry.reason for entry in result.undefined)])
    assert "/bert, embedding: all rows are identical" in said
    assert str(tmp_path) not in said
