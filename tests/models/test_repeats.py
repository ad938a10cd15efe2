"""Texts with equal tokens are run once, and all of them have that one run's numbers, bit for bit."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from backend.models.batching import plan_extraction
from backend.models.extraction import extract
from backend.models.loading import LoadedModel
from backend.models.network import TextNetwork
from backend.models.passes import token_mean
from backend.models.repeats import Repeats
from backend.models.words import plan_words
from backend.values.activations import no_report
from backend.values.specs import Ablation, ActivationSpec, TextSetSpec, TokenSample
from backend.values.texts import TextTable
from tests.models import tiny
from tests.models.sinks import Matrices, extracted, loaded_model, plain_loop

POOLINGS = ("cls", "last", "mean")
COPIED = [*tiny.TEXTS, tiny.TEXTS[3], f"  {tiny.TEXTS[0]} ", *tiny.TEXTS[1:4]]  # white space makes no token
OF = [*range(7), 3, 0, 1, 2, 3]  # the first text with the tokens of each


@pytest.fixture(scope="module", params=list(tiny.FAMILIES))
def loaded(request: Any, tmp_path_factory: Any) -> LoadedModel:
    return loaded_model(tiny.save_family(tmp_path_factory.mktemp(request.param), request.param))


@pytest.fixture(params=["float32", "bfloat16"])
def gpt2(request: Any, tmp_path: Path) -> LoadedModel:
    return loaded_model(tiny.save_family(tmp_path, "gpt2"), request.param)


def n_run(loaded: LoadedModel, run: Callable[[], Any]) -> int:
    """How many texts went through the model."""
    sizes: list[int] = []
    handle = loaded.backbone.register_forward_pre_hook(
        lambda _, args, kwargs: sizes.append(len(args[0] if args else kwargs["input_ids"])), with_kwargs=True
    )
    run()
    handle.remove()
    return sum(sizes)


def test_repeats_name_the_first_and_spread_its_place() -> None:
    repeats = Repeats(np.array([0, 1, 0, 3, 1, 0]))
    assert repeats.first.tolist() == [0, 1, 3]
    texts, places = repeats.spread(np.array([3, 0]))
    assert texts.tolist() == [3, 0, 2, 5] and places.tolist() == [0, 1, 1, 1]
    assert repeats.counts(np.array([0, 3, 1])).tolist() == [3, 1, 2]


@pytest.mark.parametrize("batch_tokens", [1, 40, 10_000])
def test_copies_are_run_once_and_change_nothing(loaded: LoadedModel, batch_tokens: int) -> None:
    found: list[Matrices] = []
    times = n_run(loaded, lambda: found.append(extracted(loaded, COPIED, batch_tokens=batch_tokens)))
    assert times == len(tiny.TEXTS)
    alone = extracted(loaded, tiny.TEXTS, batch_tokens=batch_tokens)
    for key in alone.blocks:
        np.testing.assert_array_equal(found[0].matrix(*key), alone.matrix(*key)[OF])


def test_the_plan_counts_what_is_run(loaded: LoadedModel) -> None:
    plan, alone = (plan_extraction(loaded.tokenizer, texts, max_length=64) for texts in (COPIED, tiny.TEXTS))
    assert plan.n_tokens == alone.n_tokens and plan.n_texts == len(COPIED)


def test_texts_that_are_equal_after_they_were_cut_are_run_once(loaded: LoadedModel) -> None:
    texts = ["the cat sat on the mat and it was good", "the cat sat on the mat and it was bad", "dog"]
    found: list[Matrices] = []
    times = n_run(loaded, lambda: found.append(extracted(loaded, texts, max_length=6, batch_tokens=1)))
    rows = found[0].matrix(3, "last")
    assert times == 2 and np.array_equal(rows[0], rows[1]) and not np.array_equal(rows[0], rows[2])


def test_pairs_are_equal_only_with_both_texts(tmp_path: Path) -> None:
    bert = loaded_model(tiny.save_family(tmp_path, "bert"))
    firsts, seconds = ["the cat", "the cat", "the cat", "the"], ["sat", "ran", "sat", "cat sat"]
    found: list[Matrices] = []
    times = n_run(bert, lambda: found.append(extracted(bert, firsts, seconds, batch_tokens=1)))
    rows = found[0].matrix(2, "mean")
    assert times == 3 and np.array_equal(rows[0], rows[2])
    assert all(not np.array_equal(rows[0], rows[other]) for other in (1, 3))


def test_token_rows_of_copies_are_equal(loaded: LoadedModel) -> None:
    for sample in (TokenSample(), TokenSample(20, 3, special=True)):
        plan = plan_extraction(loaded.tokenizer, COPIED, max_length=64, tokens=sample)
        found = extracted(loaded, COPIED, tokens=sample, poolings=("tokens",), batch_tokens=40).matrix(2, "tokens")
        whole = TokenSample(special=True)
        alone = extracted(loaded, tiny.TEXTS, tokens=whole, poolings=("tokens",), batch_tokens=40).matrix(2, "tokens")
        places = plan_extraction(loaded.tokenizer, tiny.TEXTS, max_length=64, tokens=whole)
        at = {key: row for row, key in enumerate(zip(places.text_index, places.token_index, strict=True))}
        rows = [at[OF[text], token] for text, token in zip(plan.text_index, plan.token_index, strict=True)]
        np.testing.assert_array_equal(found, alone[rows])


def test_words_of_sentences_with_equal_tokens_keep_their_own_places(tmp_path: Path) -> None:
    bert = loaded_model(tiny.save_family(tmp_path, "bert"))
    texts, spans = ["the cat sat", "  the cat sat", "a dog", "the cat sat"], [(4, 7), (6, 9), (2, 5), (8, 11)]
    sentences, plan = plan_words(bert.tokenizer, texts, spans, max_length=64)
    found = Matrices()
    run = lambda: extract(bert, sentences, None, plan, found, poolings=("words",), batch_tokens=1)  # noqa: E731
    assert n_run(bert, run) == 2
    rows = found.matrix(2, "words")
    assert np.array_equal(rows[0], rows[1])
    expected = plain_loop(bert.module, bert.tokenizer, "the cat sat")[2]
    np.testing.assert_allclose(rows[[0, 3]], expected[[2, 3]], rtol=1e-4, atol=1e-5)


def test_the_mean_to_ablate_with_counts_every_copy(loaded: LoadedModel) -> None:
    plan = plan_extraction(loaded.tokenizer, COPIED, max_length=64)
    mean = token_mean(loaded, COPIED, None, plan, 2, 40, no_report)
    whole = TokenSample(special=True)
    rows = extracted(loaded, COPIED, tokens=whole, poolings=("tokens",)).matrix(2, "tokens")
    np.testing.assert_allclose(mean, rows.astype(np.float64).mean(axis=0), rtol=1e-4, atol=1e-5)
    found = extracted(loaded, COPIED, ablation=Ablation(2, (1, 5), "mean"), batch_tokens=40)
    last = found.matrix(3, "mean")
    np.testing.assert_array_equal(last, last[OF])
    np.testing.assert_allclose(found.matrix(2, "mean")[:, [1, 5]], np.tile(mean[[1, 5]], (len(COPIED), 1)), rtol=1e-5)


def test_losses_and_rows_of_the_network_are_those_of_one_run(gpt2: LoadedModel) -> None:
    spec = ActivationSpec(gpt2.spec, TextSetSpec("t", "0" * 40, len(COPIED)), 4, "last", 64)
    network = TextNetwork(lambda: gpt2, spec, TextTable("t", tuple(COPIED)), 40)
    numbers = np.arange(len(COPIED))
    results: list[Any] = []
    times = n_run(gpt2, lambda: results.append(network.token_loss(numbers, None, (), "zero", no_report)))
    assert times == len(tiny.TEXTS)
    losses, counts = results[0]
    rows = network.final_rows(numbers, None, (), "zero", no_report)
    for values in (losses, counts, rows):
        np.testing.assert_array_equal(values, values[OF])


def test_progress_counts_every_text(loaded: LoadedModel) -> None:
    seen: list[tuple[int, int]] = []
    extracted(loaded, COPIED, batch_tokens=40, report=lambda done, total, stage: seen.append((done, total)))
    assert seen[-1] == (len(COPIED), len(COPIED)) and seen == sorted(seen)
