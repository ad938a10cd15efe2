"""Imported vectors in the place of a model: the numbers of every metric, what needs a model, other texts, deleting."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend import GIVEN, EmbedscopeError, ModelInfo, TextSetInfo
from backend.bench.workbench import Workbench
from backend.forms.fingerprint import fingerprint
from backend.metrics import METRICS
from backend.metrics.similarity import linear_cka
from tests.conftest import entered
from tests.models.tiny import WORDS

LAYERS, ROWS, DIMS = 3, 40, 12


@pytest.fixture
def texts(bench: Workbench, tmp_path: Path) -> TextSetInfo:
    words = [(WORDS[place % 25], WORDS[place // 2]) for place in range(ROWS)]  # the tokens of the tiny model
    lines = "".join(f"{first} {second} was {first},{place % 2}\n" for place, (first, second) in enumerate(words))
    (tmp_path / "texts.csv").write_text("text,label\n" + lines, encoding="utf-8")
    return bench.read_texts(tmp_path / "texts.csv", text="text", label="label", name="mine")


@pytest.fixture
def numbers() -> np.ndarray[Any, Any]:
    base = np.random.default_rng(1).normal(size=(ROWS, DIMS))
    shifts = np.random.default_rng(2).normal(size=(LAYERS, ROWS, DIMS))
    return (base + shifts + 0.5).astype(np.float32)


@pytest.fixture
def vectors(bench: Workbench, texts: TextSetInfo, numbers: np.ndarray[Any, Any]) -> ModelInfo:
    return bench.add_vectors(numbers, name="own", texts=texts)


def test_the_numbers_are_those_of_the_kernel_on_the_same_array(bench: Workbench, texts, vectors, numbers) -> None:
    result = bench.compute("cka", model=vectors, texts=texts)
    expected = [[linear_cka(one, other) for other in numbers] for one in numbers]
    np.testing.assert_allclose(result.values.matrix, expected, rtol=0, atol=1e-6)
    source = result.sources[0]
    assert (source.model, source.pooling, source.n_rows, source.n_dims) == ("vectors:own", GIVEN, ROWS, DIMS)
    assert source.layer_names == ("layer 0", "layer 1", "layer 2")
    assert any("are imported" in note for note in result.notes), (
        "the figure says that it is not known how they were made"
    )
    cosine = bench.compute("average_cosine", model="vectors:own", texts=texts).values
    unit = numbers / np.linalg.norm(numbers, axis=2, keepdims=True)
    inner = np.array([((layer @ layer.T).sum() - ROWS) / (ROWS * (ROWS - 1)) for layer in unit.astype(np.float64)])
    np.testing.assert_allclose(cosine.average_cosine, inner, atol=1e-6)


def test_activations_exported_and_imported_again_give_the_same_results(bench: Workbench, texts, model: str) -> None:
    model = bench.model(model)
    specs = bench.analysis("cka", models=[model], texts=texts, pooling="mean").inputs
    bench.compute("cka", model=model, texts=texts, pooling="mean")
    stored = {model.layer_names[spec.layer]: np.array(bench._store.open_array(fingerprint(spec))) for spec in specs}
    again = bench.add_vectors(list(stored.values()), name="again", texts=texts)
    for metric, field in (("cka", "matrix"), ("anisotropy", "anisotropy"), ("threshold", "accuracy")):
        mine = bench.compute(metric, model=again, texts=texts)
        theirs = bench.compute(metric, model=model, texts=texts, pooling="mean")
        np.testing.assert_array_equal(getattr(mine.values, field), getattr(theirs.values, field), err_msg=metric)
        assert np.isfinite(getattr(mine.values, field)).all()
    both = bench.compute("neighbour_overlap", model=[model, again], texts=texts, pooling="mean")
    assert [source.pooling for source in both.sources] == ["mean", GIVEN]


def test_vectors_are_compared_with_a_model_that_pools(bench: Workbench, texts, vectors, model: str) -> None:
    spec = bench.analysis("cka", models=[vectors, bench.model(model)], texts=texts, pooling="cls")
    assert {item.pooling for item in spec.inputs} == {GIVEN, "cls"}
    result = bench.wait(spec)
    assert result.values.matrix.shape == (LAYERS, 4) and np.isfinite(result.values.matrix[:, 1:]).all()
    written = bench.written(spec)
    assert written is not None and "--pooling cls" in written.command and "'vectors:own'" in written.python


def test_no_pass_is_foretold_and_none_is_made(bench: Workbench, texts, vectors, monkeypatch) -> None:
    spec = bench.analysis("anisotropy", models=[vectors], texts=texts)
    cost = bench.cost([spec])
    assert (cost.n_texts, cost.n_tokens, cost.seconds) == (0, 0, 0.0)
    monkeypatch.setattr("backend.models.loading.load", lambda *_, **__: pytest.fail("a model was loaded"))
    bench.wait(spec)


def test_what_needs_a_model_says_so(bench: Workbench, texts, vectors) -> None:
    with pytest.raises(EmbedscopeError, match="there is no model behind them"):
        bench.compute("inner_ablation", model=vectors, texts=texts)
    with pytest.raises(EmbedscopeError, match="one for each row"):
        bench.compute("anisotropy", model=vectors, texts=texts, pooling="tokens")
    with pytest.raises(EmbedscopeError, match="Fine-tuning trains a model"):
        bench.finetune("run", model="vectors:own", texts=texts)
    with pytest.raises(EmbedscopeError, match="no model behind them that could be run"):
        from backend import NormTask

        bench.wait(NormTask(vectors.spec))
    with pytest.raises(EmbedscopeError, match="is that of imported vectors"):
        bench.compute("anisotropy", model="minilm", texts=texts, pooling=GIVEN)


def test_every_metric_takes_them_or_says_that_it_runs_a_model(bench: Workbench, texts, numbers, monkeypatch) -> None:
    monkeypatch.setattr("backend.metrics.probing.kernel.MOST_ITERATIONS", 2)
    numbers[:, :, 0] += 2 * (np.arange(ROWS) % 2)
    own = bench.add_vectors(numbers[:2], name="own", texts=texts)
    other = bench.add_vectors(numbers[:2] + numbers[1:], name="other", texts=texts)
    for name, row in METRICS.items():
        models = [own] if row.scope == "stack" else [own, other]
        layers = "all" if row.scope == "models" else [0]
        if not row.network:
            result = bench.compute(name, model=models, texts=texts, layers=layers)
            assert {source.pooling for source in result.sources} == {GIVEN}, name
            continue
        with pytest.raises(EmbedscopeError, match="there is no model behind them here"):
            bench.compute(name, model=models, texts=texts)


def test_a_part_of_the_texts_has_the_vectors_of_its_rows(bench: Workbench, texts, vectors, numbers) -> None:
    part = bench.sample_texts(texts, 15, by="random", seed=3)
    table, whole = bench.text_set(part), bench.text_set(texts)
    rows = [whole.texts.index(text) for text in table.texts]
    result = bench.compute("cka", model=vectors, texts=part)
    picked = numbers[:, rows]
    expected = [[linear_cka(one, other) for other in picked] for one in picked]
    np.testing.assert_allclose(result.values.matrix, expected, rtol=0, atol=1e-6)
    alone = bench.add_vectors(picked, name="part", texts=part)
    own = bench.compute("cka", model=alone, texts=part)
    np.testing.assert_array_equal(result.values.matrix, own.values.matrix, err_msg="bit for bit")


def test_other_texts_are_refused_with_both_names(bench: Workbench, texts, vectors) -> None:
    with pytest.raises(EmbedscopeError) as error:
        bench.compute("cka", model=vectors, texts="sentiment")
    assert "belong to the texts of 'mine', not to 'sentiment'" in error.value.message
    assert "Choose 'mine' or a part of it, or import vectors for 'sentiment'." in error.value.hint
    doubled = bench.add_texts([bench.text_set(texts).texts[0]] * 3 + ["another"] * 3, name="doubled")
    several = bench.add_vectors(np.eye(6, 4, dtype=np.float32) + 1, name="several", texts=doubled)
    part = bench.add_texts([bench.text_set(texts).texts[0], "another", "another"], name="some of them")
    with pytest.raises(EmbedscopeError, match="which of them is meant is not known"):
        bench.compute("cka", model=several, texts=part)


def test_a_selection_of_rows_has_their_vectors_bit_for_bit(bench: Workbench, numbers) -> None:
    """Also where a text is there twice, if its copies have one vector."""
    lines = [f"text {min(place, 30)}" for place in range(ROWS)]  # the last ones are copies
    numbers[:, 31:] = numbers[:, 30:31]
    texts = bench.add_texts(lines, name="copies")
    own = bench.add_vectors(numbers, name="own", texts=texts)
    part = bench.part(texts, [2, 5, 8, 30, 33], name="chosen")
    bench.compute("anisotropy", model=own, texts=part)
    rows, stored = bench.stored_vectors(own, part, layer=1)
    np.testing.assert_array_equal(stored, numbers[1, [2, 5, 8, 30, 33]])
    assert rows.tolist() == [0, 1, 2, 3, 4]


def test_words_have_a_vector_each_in_the_place_of_a_model(bench: Workbench, tmp_path: Path, model: str) -> None:
    lines = ["".join(f'{{"words": ["one", "word", "no{place}"], "labels": ["A", "B", "A"]}}\n') for place in range(8)]
    (tmp_path / "words.jsonl").write_text("".join(lines), encoding="utf-8")
    texts = bench.read_texts(tmp_path / "words.jsonl", name="of words")
    rows = np.random.default_rng(0).normal(size=(24, 6)).astype(np.float32)
    own = bench.add_vectors(rows, name="words", texts=texts)
    result = bench.compute("threshold", model=own, texts=texts)
    assert (result.sources[0].pooling, result.sources[0].n_rows) == (GIVEN, 24)
    both = bench.compute("cka", model=[own, model], texts=texts)
    assert [source.pooling for source in both.sources] == [GIVEN, "words"]


def test_a_recipe_with_other_texts_is_refused_where_the_work_is_done(bench: Workbench, texts, vectors) -> None:
    from dataclasses import replace

    spec = bench.analysis("cka", models=[vectors], texts=texts)
    other = bench.text_set_info("topics").spec
    edited = replace(spec, inputs=tuple(replace(item, texts=other) for item in spec.inputs))
    with pytest.raises(EmbedscopeError, match="belong to the texts of 'mine'"):
        bench.wait(edited)
    pooled = replace(spec, inputs=tuple(replace(item, pooling="mean") for item in spec.inputs))
    with pytest.raises(EmbedscopeError, match="there is nothing to pool"):
        bench.wait(pooled)


def test_names_and_numbers_say_what_vectors_are(bench: Workbench, texts, vectors, numbers) -> None:
    assert bench.add_vectors(numbers, name="own", texts=texts).spec == vectors.spec, "once more is the same"
    with pytest.raises(EmbedscopeError, match="here already, as 'own'"):
        bench.add_vectors(numbers, name="other", texts=texts)
    with pytest.raises(EmbedscopeError, match="other vectors called 'own'"):
        bench.add_vectors(numbers + 1, name="own", texts=texts)
    with pytest.raises(EmbedscopeError, match="40 rows, the text set 'sentiment' has"):
        bench.add_vectors(numbers, name="wrong", texts="sentiment")
    with pytest.raises(EmbedscopeError, match="Vectors cannot be called 'a b'"):
        bench.add_vectors(numbers, name="a b", texts=texts)
    with pytest.raises(EmbedscopeError, match="not said which texts"):
        bench.add_vectors(numbers, name="none")
    renamed = bench.add_vectors({f"depth {place}": one for place, one in enumerate(numbers)}, name="named", texts=texts)
    assert renamed.spec.commit != vectors.spec.commit and renamed.layer_names[0] == "depth 0"


def test_they_outlive_the_cache_and_go_when_they_are_deleted(bench: Workbench, texts, vectors, numbers) -> None:
    before = bench.compute("cka", model="vectors:own", texts=texts).values.matrix
    bench.clear_cache()
    assert [info.name for info in bench.vector_sets()] == ["own"]
    np.testing.assert_array_equal(bench.compute("cka", model="vectors:own", texts=texts).values.matrix, before)
    assert bench.delete_vectors("vectors:own") == numbers.nbytes
    assert bench.vector_sets() == []
    with pytest.raises(EmbedscopeError, match="no vectors called 'own'"):
        bench.model("vectors:own")
    with pytest.raises(EmbedscopeError, match="are not here"):
        bench.compute("anisotropy", model=vectors, texts=texts)
    other = bench.add_vectors(numbers + 1, name="own", texts=texts)
    part = bench.sample_texts(texts, 5)
    bench.delete_text_set(texts.spec.table)
    with pytest.raises(EmbedscopeError, match="'mine', to which the vectors 'vectors:own' belong, is no longer here"):
        bench.compute("cka", model=other, texts=part)
    assert bench.model("vectors:own").spec == other.spec != vectors.spec, "the name is free again"


def test_the_command_line_adds_lists_and_deletes(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    rows = np.random.default_rng(0).normal(size=(2, 328, 8)).astype(np.float32)
    np.save(tmp_path / "file.npy", rows)
    added = entered("vectors", "add", tmp_path / "file.npy", "--name", "cli", "--texts", "general", cache=cache)
    assert added.returncode == 0 and "vectors:cli: 2 layers x 328 rows x 8 dimensions" in added.stdout, added.stderr
    assert "vectors:cli" in entered("vectors", "list", cache=cache).stdout
    ran = entered("analyse", "--metric", "cka", "--model", "vectors:cli", "--texts", "general", cache=cache)
    assert ran.returncode == 0 and '"given"' in ran.stdout, ran.stderr
    assert "imported vectors of 'general'" in entered("models", "vectors:cli", cache=cache).stdout
    assert entered("vectors", "delete", "cli", cache=cache).returncode == 0
    assert "no imported vectors" in entered("vectors", "list", cache=cache).stdout
    wrong = entered("vectors", "add", tmp_path / "file.npy", "--texts", "topics", cache=cache)
    assert wrong.returncode != 0 and "328 rows, the text set 'topics' has" in wrong.stderr
