"""Vectors of words: the mean of a word's tokens, found by characters, against a plain loop over single sentences."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast

from backend.errors import InvalidRequest, ModelError
from backend.models.extraction import extract
from backend.models.loading import LoadedModel
from backend.models.words import plan_words
from tests.models import tiny
from tests.models.sinks import Matrices, loaded_model, plain_loop, relative_error

TOLERANCE = 1e-5
SENTENCES = ["the cat's mat was good.", "a dog ran", "my dog-cat sat on the very-old log and it was bad"]


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """Splits at punctuation: "cat's" is three tokens, and two of them are special ones."""
    return loaded_model(tiny.save_family(tmp_path_factory.mktemp("bert"), "bert"))


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: pytest.TempPathFactory) -> LoadedModel:
    """Byte-level BPE, whose tokens begin with the space before them, and which takes "é" apart; no special tokens."""
    folder = tmp_path_factory.mktemp("gpt2")
    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=270, initial_alphabet=alphabet, show_progress=False)
    inner.train_from_iterator(tiny.TEXTS, trainer)
    config = tiny.gpt2_config()
    config.vocab_size = inner.get_vocab_size()
    tiny.save(folder, config, template="$A", pad=False)
    PreTrainedTokenizerFast(tokenizer_object=inner).save_pretrained(folder)
    return loaded_model(folder)


def words_of(text: str) -> list[tuple[int, int]]:
    """The places of what blanks separate."""
    places, at = [], 0
    for part in text.split(" "):
        places.append((at, at + len(part)))
        at += len(part) + 1
    return places


def rows_of(sentences: list[str]) -> tuple[list[str], list[tuple[int, ...]]]:
    """Every word of every sentence as a row."""
    rows = [(text, span) for text in sentences for span in words_of(text)]
    return [text for text, _ in rows], [span for _, span in rows]


def matrices(loaded: LoadedModel, texts: Any, spans: Any, max_length: int = 64, **options: Any) -> tuple[Matrices, Any]:
    sentences, plan = plan_words(loaded.tokenizer, texts, spans, max_length=max_length)
    sink = Matrices()
    extract(loaded, sentences, None, plan, sink, poolings=("words",), **options)
    return sink, plan


def by_hand(loaded: LoadedModel, text: str, span: tuple[int, int], layer: int) -> Any:
    """The mean over the tokens that the tokenizer itself names for each character of the word."""
    encoding = loaded.tokenizer(text)
    tokens = {encoding.char_to_token(at) for at in range(*span)} - {None}
    hidden = plain_loop(loaded.module, loaded.tokenizer, text)[layer].astype(np.float64)
    return hidden[sorted(tokens)].mean(0), len(tokens)


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_a_word_is_the_mean_of_its_tokens(family: str, request: pytest.FixtureRequest) -> None:
    loaded = request.getfixturevalue(family)
    texts, spans = rows_of(SENTENCES)
    found, plan = matrices(loaded, texts, spans, batch_tokens=40)
    assert list(plan.words.table_row) == list(range(len(texts))) and plan.n_texts == 3
    counts = []
    for layer in (0, 1, 2):
        expected = [by_hand(loaded, text, span, layer) for text, span in zip(texts, spans, strict=True)]
        counts = [count for _, count in expected]
        assert relative_error(found.matrix(layer, "words"), np.array([row for row, _ in expected])) < TOLERANCE
    assert min(counts) == 1 and max(counts) >= 3, "some words are of one token, some of several"


def test_a_character_of_two_bytes_is_two_tokens_of_one_word(gpt2: LoadedModel) -> None:
    assert [tuple(pair) for pair in gpt2.tokenizer("é", return_offsets_mapping=True)["offset_mapping"]] == [(0, 1)] * 2
    found, _ = matrices(gpt2, ["é a"] * 2, [(0, 1), (2, 3)])
    hidden = plain_loop(gpt2.module, gpt2.tokenizer, "é a")[2]
    assert relative_error(found.matrix(2, "words"), np.array([hidden[:2].mean(0), hidden[-1]])) < TOLERANCE


def test_a_pair_is_both_vectors_side_by_side(bert: LoadedModel) -> None:
    text = SENTENCES[0]
    spans = words_of(text)
    pairs = [(*spans[1], *spans[0]), (*spans[0], *spans[3]), (*spans[4], *spans[4])]
    found, plan = matrices(bert, [text] * 3, pairs)
    single, _ = matrices(bert, [text] * len(spans), spans)
    assert plan.n_words == 2
    for layer in range(4):
        words, both = single.matrix(layer, "words"), found.matrix(layer, "words")
        assert both.shape == (3, 2 * bert.info.n_dims)
        np.testing.assert_array_equal(both, np.concatenate([words[[1, 0, 4]], words[[0, 3, 4]]], axis=1))


def test_a_sentence_runs_once_however_many_words_it_has_and_rows_keep_their_order(bert: LoadedModel) -> None:
    texts, spans = rows_of(SENTENCES)
    order = np.random.default_rng(0).permutation(np.repeat(np.arange(len(texts)), 2))
    shuffled_texts, shuffled_spans = [texts[row] for row in order], [spans[row] for row in order]
    sentences, plan = plan_words(bert.tokenizer, shuffled_texts, shuffled_spans, max_length=64)
    assert sorted(sentences) == sorted(SENTENCES) and plan.n_texts == 3
    assert plan.n_tokens == sum(len(bert.tokenizer(text).input_ids) for text in SENTENCES)
    straight, _ = matrices(bert, texts, spans)
    shuffled, _ = matrices(bert, shuffled_texts, shuffled_spans)
    assert relative_error(shuffled.matrix(3, "words"), straight.matrix(3, "words")[order]) < TOLERANCE


@pytest.mark.parametrize("side", ["right", "left"])
def test_words_beyond_the_limit_are_counted_and_left_out(tmp_path: Path, side: str) -> None:
    loaded = loaded_model(
        tiny.save(tmp_path, tiny.bert_config(), model_input_names=tiny.SEGMENTS, truncation_side=side)
    )
    texts, spans = rows_of(["a dog", "the cat sat on-the mat", "it is"])
    found, plan = matrices(loaded, texts, spans, max_length=7)  # <s>, five of seven tokens, </s>
    lost = [5, 6]  # "on-the" has lost a part of itself, "mat" is gone; the loader makes every tokenizer cut at the end
    assert (plan.words.n_lost, plan.words.n_bare, plan.words.first_lost, plan.n_truncated) == (2, 0, lost[0], 1)
    assert list(plan.words.table_row) == [row for row in range(len(texts)) if row not in lost]
    matrix = found.matrix(2, "words")
    assert matrix.shape == (7, 32) and (np.abs(matrix).sum(1) > 0).all(), "nothing is filled with zeros"
    whole, _ = matrices(loaded, texts, spans)
    kept = [0, 1, 7, 8]
    others = np.flatnonzero(np.isin(plan.words.table_row, kept))
    assert relative_error(matrix[others], whole.matrix(2, "words")[kept]) < TOLERANCE, "rows stay with their words"


def test_a_pair_is_lost_with_either_of_its_words(bert: LoadedModel) -> None:
    text = "the cat sat on the mat"
    spans = words_of(text)
    pairs = [(*spans[0], *spans[1]), (*spans[0], *spans[5]), (*spans[5], *spans[0])]
    _, plan = plan_words(bert.tokenizer, [text] * 3, pairs, max_length=6)
    assert list(plan.words.table_row) == [0] and plan.words.n_lost == 2


def test_a_word_without_a_token_is_counted_apart(bert: LoadedModel) -> None:
    _, plan = plan_words(bert.tokenizer, ["a \u00a0 dog"] * 3, [(0, 1), (2, 3), (4, 7)], max_length=64)
    assert list(plan.words.table_row) == [0, 2] and (plan.words.n_bare, plan.words.n_lost) == (1, 0)


def test_where_no_word_is_left_it_is_said_with_the_numbers(bert: LoadedModel) -> None:
    with pytest.raises(InvalidRequest, match="none is left: 1 lie beyond the limit of 3 tokens") as refused:
        plan_words(bert.tokenizer, ["a-dog"], [(0, 5)], max_length=3)
    assert "limit" in refused.value.hint


def test_a_tokenizer_without_offsets_is_refused() -> None:
    class Slow:
        is_fast = False

    with pytest.raises(ModelError, match="which characters") as refused:
        plan_words(Slow(), ["a"], [(0, 1)], max_length=8)
    assert "fast tokenizer" in refused.value.hint


def test_the_batch_size_changes_nothing_but_the_last_bits(gpt2: LoadedModel) -> None:
    texts, spans = rows_of([*SENTENCES, *tiny.TEXTS])
    small, _ = matrices(gpt2, texts, spans, batch_tokens=1)
    large, _ = matrices(gpt2, texts, spans, batch_tokens=10_000)
    assert relative_error(small.matrix(4, "words"), large.matrix(4, "words")) < TOLERANCE
