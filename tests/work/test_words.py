"""Words from a file to a result: one pass over the sentences, labels that stay with their rows, requests that make no sense."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend import EmbedscopeError, EstimateTask, InvalidRequest, TextSetInfo, TextTable, fingerprint
from backend.bench.workbench import Workbench
from backend.values.activations import Activations, LayerStack
from backend.work.planning import row_labels
from backend.work.stacks import rows_digest
from tests.cli.test_command_line import _run
from tests.models import tiny
from tests.textsets.conllu_text import word

NOUNS, VERBS = ("cat", "dog", "film", "house"), ("sat", "ran", "was", "is")


def conllu(n_sentences: int = 12, n_long: int = 0) -> str:
    """Small sentences, all different: a determiner, a noun of three tokens, a verb; the first ones go on for ten more."""
    blocks = []
    for number in range(n_sentences):
        noun = f"{NOUNS[number % 4]}-{tiny.WORDS[number]}"
        lines = [
            word(1, "the", "DET", 2, "det"),
            word(2, noun, "NOUN", 3, "nsubj"),
            word(3, VERBS[number % 4], "VERB", 0),
        ]
        if number < n_long:
            lines += [word(place, "old", "ADJ", 3, "xcomp") for place in range(4, 14)]
        blocks.append("\n".join([f"# sent_id = s{number}", *lines]))
    return "\n\n".join(blocks) + "\n"


@pytest.fixture
def model(tmp_path: Path) -> str:
    """A tiny encoder in a folder."""
    return str(tiny.save_family(tmp_path / "bert", "bert"))


def words(bench: Workbench, tmp_path: Path, name: str = "a.conllu", *, text: str = "", **options: Any) -> TextSetInfo:
    path = tmp_path / name
    path.write_text(text or conllu(), encoding="utf-8")
    return bench.read_texts(path, **options)


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
    assert "in line 6)" in note and "raise the limit" in note, (
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


def test_labels_and_splits_go_with_the_rows_that_are_left() -> None:
    cells = {"tag": ("A", "B", None, "B"), "part": ("train", "test", "train", None)}
    table = TextTable("n", ("a b c d",) * 4, None, cells, "tag", "part", "word", (), ((0, 1), (2, 3), (4, 5), (6, 7)))
    rows = np.zeros((3, 2), dtype=np.float32)
    left = Activations(rows, np.array([1, 2, 3]))
    labels = row_labels(table, "tag", LayerStack("m", "words", (0,), ("embedding",), (left,)))
    assert labels.values.tolist() == [1, -1, 1] and labels.classes == ("A", "B")
    assert labels.split == ("test", "train", "")
    whole = row_labels(table, "tag", LayerStack("m", "mean", (0,), ("embedding",), (Activations(rows, np.arange(3)),)))
    assert whole.values.tolist() == [0, 1, -1, 1]


def test_models_that_lose_other_words_are_not_compared(bench: Workbench, tmp_path: Path, model: str) -> None:
    short = str(tiny.save(tmp_path / "short", tiny.bert_config(max_position_embeddings=8), seed=1))
    texts = words(bench, tmp_path, text=conllu(n_long=2))
    with pytest.raises(EmbedscopeError, match=r"keeps 56 of the words and .* 38") as refused:
        bench.compute("cka", model=[model, short], texts=texts)
    assert "limit of tokens" in refused.value.hint
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


def test_the_command_line_reads_words(tmp_path: Path, model: str) -> None:
    path, out = tmp_path / "words.conllu", tmp_path / "out.json"
    path.write_text(conllu(), encoding="utf-8")
    given = ("analyse", "--metric", "anisotropy", "--model", model, "--texts", path, "--format", "conllu")
    done = _run(*given, "--task", "deprel", "--out", out, cache=tmp_path / "cache")
    assert done.returncode == 0, done.stderr
    data = json.loads(out.read_text())
    assert (data["sources"][0]["n_rows"], data["sources"][0]["n_dims"], data["sources"][0]["pooling"]) == (
        24,
        64,
        "words",
    )
    path.write_text(conllu().replace("\tDET\t", "\t"), encoding="utf-8")
    done = _run(*given, cache=tmp_path / "cache")
    assert done.returncode == 2 and "error: Line 2 has 9 columns, not the 10" in done.stderr, done.stderr
    assert "hint: Columns are separated by one tab" in done.stderr and "Traceback" not in done.stderr
