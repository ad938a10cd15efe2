"""Words from a file to a result: one pass over the sentences, labels that stay with their rows, requests that make no sense."""

import json
from pathlib import Path

import numpy as np

from backend import EstimateTask
from backend.bench.workbench import Workbench
from tests.conftest import entered
from tests.work.word_rows import conllu, words


def test_a_metric_runs_on_words_and_says_what_a_row_is(bench: Workbench, tmp_path: Path, model: str) -> None:
    texts = words(bench, tmp_path)
    assert (texts.spec.unit, texts.spec.n_rows, texts.label) == ("word", 36, "upos")
    info = bench.model(model)
    spec = bench.analysis("anisotropy", models=[info], texts=texts)
    cost = bench.wait(EstimateTask(spec.inputs))
    assert cost.n_texts == 12 and cost.n_bytes == 4 * 36 * 32 * 4
    result = bench.wait(spec)
    assert result.sources[0].pooling == "words" and (result.sources[0].n_rows, result.sources[0].n_dims) == (36, 32)
    assert np.isfinite(result.values.anisotropy[1:]).all()
    assert any("36 of 36 in 12 sentences" in note for note in result.notes)
    assert not any("left out" in note or "different" in note for note in result.notes)
    assert bench.is_cached(spec.inputs) and bench.peek(EstimateTask(spec.inputs)).n_texts == 0


def test_pairs_have_twice_the_dimensions(bench: Workbench, tmp_path: Path, model: str) -> None:
    texts = words(bench, tmp_path, task="deprel")
    result = bench.compute("anisotropy", model=model, texts=texts)
    assert texts.spec.unit == "word_pair" and texts.classes == ("det", "nsubj")
    assert (result.sources[0].n_rows, result.sources[0].n_dims) == (24, 64)
    assert any("side by side" in note for note in result.notes)


def test_lost_words_are_counted_with_the_line_of_the_first(bench: Workbench, tmp_path: Path, model: str) -> None:
    texts = words(bench, tmp_path, text=conllu(n_long=2))
    result = bench.compute("anisotropy", model=model, texts=texts, max_length=8)
    assert texts.spec.n_rows == 56 and result.sources[0].n_rows == 56 - 18, "of ten adjectives each keeps one"
    note = next(note for note in result.notes if "left out" in note)
    assert "18 of 56 rows lie beyond 8 tokens" in note and "2 sentences are longer" in note
    assert "in line 6)" in note and "raise the token limit" in note, (
        "the comment, three words, one adjective, then the first lost"
    )


def test_labels_belong_to_their_rows_after_losses(bench: Workbench, tmp_path: Path, model: str) -> None:
    texts = words(bench, tmp_path, text=conllu(24, n_long=8))
    result = bench.compute("component_accuracy", model=model, texts=texts, max_length=8)
    assert result.sources[0].n_rows == 24 * 3 + 8
    accuracy = result.values.full[0]
    assert accuracy > 0.9 > result.values.split.majority + 0.3, "parts of speech that are words apart are told apart"


def test_rows_that_a_metric_names_are_rows_of_the_text_set(bench: Workbench, tmp_path: Path, model: str) -> None:
    texts = words(bench, tmp_path, text=conllu(24, n_long=8))
    tags = bench.text_set(texts).columns["upos"]
    values = bench.compute("direct_probe", model=model, texts=texts, max_length=8, layers=[0]).values
    assert [tags[row] for row in values.row_index] == [values.split.classes[label] for label in values.row_label]
    assert max(values.row_index) > 24 * 3 + 8, "the numbers go on past the rows that were lost"


def test_the_command_line_reads_words(tmp_path: Path, model: str) -> None:
    path, out = tmp_path / "words.conllu", tmp_path / "out.json"
    path.write_text(conllu(), encoding="utf-8")
    given = ("analyse", "--metric", "anisotropy", "--model", model, "--texts", path, "--format", "conllu")
    done = entered(*given, "--task", "deprel", "--out", out, cache=tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    data = json.loads(out.read_text())
    assert (data["sources"][0]["n_rows"], data["sources"][0]["n_dims"], data["sources"][0]["pooling"]) == (
        24,
        64,
        "words",
    )
    path.write_text(conllu().replace("\tDET\t", "\t"), encoding="utf-8")
    done = entered(*given, cache=tmp_path / "cache")
    assert done.returncode == 2 and "error: Line 2 has 9 columns, not the 10" in done.stderr, done.stderr
    assert "hint: Columns are separated by one tab" in done.stderr and "Traceback" not in done.stderr
