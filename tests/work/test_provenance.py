"""Where numbers come from: what is said of a stack, of its model, and of the versions that made it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import backend
from backend import ActivationSpec, LayerStack, ModelSpec, PostProcess, TextSetSpec, TokenSample
from backend.bench.workbench import Workbench
from backend.values.activations import Activations
from backend.work.provenance import source, stack_notes, versions

SPEC = ActivationSpec(ModelSpec("m", "c" * 40, "float32"), TextSetSpec("t", "a" * 40, 9), 0, "mean", 512)
ROWS = Activations(np.zeros((9, 4), np.float32))
STACK = LayerStack("m", "mean", (0,), ("embedding",), (ROWS,), n_distinct=9)


def test_a_source_says_what_was_read_and_how() -> None:
    steps = (PostProcess("remove_dims", dims=tuple(range(12))), PostProcess("remove_rogue", 3))
    found = source(replace(STACK, n_truncated=2), replace(SPEC, postprocess=steps))
    assert (found.model, found.texts, found.pooling, found.n_rows, found.n_dims) == ("m", "t", "mean", 9, 4)
    assert found.n_truncated == 2 and found.max_length == 512
    assert found.postprocess[0].endswith("8, 9 and 2 more") and "top 3 rogue" in found.postprocess[1]


def test_whole_texts_need_no_note() -> None:
    assert stack_notes([STACK], [SPEC]) == ()


@pytest.mark.parametrize(
    ("limit", "said"), [(None, "all 9"), (20, "all 9"), (9, "a sample of 9 token vectors (seed 4)")]
)
def test_a_sample_of_tokens_is_called_one_only_where_it_is(limit: int | None, said: str) -> None:
    spec = replace(SPEC, pooling="tokens", tokens=TokenSample(limit, 4))
    assert any(said in note for note in stack_notes([replace(STACK, pooling="tokens")], [spec]))


def test_what_two_models_have_in_common_is_said_of_each_and_what_is_the_same_once() -> None:
    cut = replace(STACK, n_truncated=1)
    notes = stack_notes([cut, STACK], [SPEC, replace(SPEC, model=replace(SPEC.model, name="n"))])
    assert len(notes) == 1 and notes[0].startswith("m: 1 of 9 texts was longer")


def test_steps_that_training_rows_gave_say_so() -> None:
    spec = replace(SPEC, postprocess=(PostProcess("centre"),))
    assert any("centred, fitted on 6 training rows" in note for note in stack_notes([STACK], [spec], 6))


def test_the_versions_begin_with_the_projects_own() -> None:
    found = versions()
    assert next(iter(found)) == "embedscope" and found["embedscope"] == backend.__version__
    assert {"torch", "transformers", "numpy"} <= set(found)


def test_truncated_empty_and_repeated_texts_are_said(bench: Workbench, tmp_path: Path) -> None:
    path = tmp_path / "texts.csv"
    path.write_text("text\n" + "\n".join(["word " * 50] * 8 + ["one", "two"]) + "\n")
    result = bench.compute("cka", texts=bench.read_texts(path, text="text"), max_length=16)
    assert any("8 of 10 texts were longer than 16 tokens" in note for note in result.notes)
    assert any("Only 3 of the 10 texts are distinct" in note for note in result.notes)
    assert result.sources[0].n_truncated == 8
