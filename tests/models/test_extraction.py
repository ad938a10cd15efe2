"""Extraction against the plain loop over single texts, for every family and every awkward text."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from backend.errors import Cancelled, InvalidRequest, ModelError
from backend.models import passes
from backend.models.batching import batches, plan_extraction, spread_out
from backend.models.cutting import cut
from backend.models.extraction import STAGE, extract, measure
from backend.models.loading import LoadedModel
from backend.models.passes import SMALLER, batches_of, quickest
from backend.values.specs import Ablation, TokenSample
from tests.models import tiny
from tests.models.sinks import Matrices, extracted, loaded_model, plain_loop, pooled, relative_error

POOLINGS = ("cls", "last", "mean")
TOLERANCE = 1e-4


@pytest.fixture(scope="module", params=list(tiny.FAMILIES))
def family(request: Any, tmp_path_factory: Any) -> Iterator[tuple[str, LoadedModel, Path]]:
    folder = tiny.save_family(tmp_path_factory.mktemp(request.param), request.param)
    yield request.param, loaded_model(folder), folder


@pytest.fixture(scope="module")
def bert(tmp_path_factory: Any) -> LoadedModel:
    return loaded_model(tiny.save_family(tmp_path_factory.mktemp("bert"), "bert"))


def n_hooks(loaded: LoadedModel) -> int:
    """Hooks on the blocks; the library may have set some of its own."""
    return sum(len(block._forward_hooks) + len(block._forward_pre_hooks) for block in loaded.layout.blocks)


@pytest.fixture(scope="module")
def gpt2(tmp_path_factory: Any) -> LoadedModel:
    return loaded_model(tiny.save_family(tmp_path_factory.mktemp("gpt2"), "gpt2"))


def reference_module(folder: Path, name: str) -> Any:
    model = transformers.AutoModel.from_pretrained(folder).eval()
    return model.get_encoder() if name == "t5" else model


@pytest.mark.parametrize("batch_tokens", [1, 40, 10_000])
def test_values_equal_a_plain_loop_over_single_texts(family: Any, batch_tokens: int) -> None:
    name, loaded, folder = family
    module = reference_module(folder, name)
    hidden = [plain_loop(module, loaded.tokenizer, text) for text in tiny.TEXTS]
    found = extracted(loaded, tiny.TEXTS, batch_tokens=batch_tokens)
    has_norm = loaded.info.layer_names[-1] == "final norm"
    assert has_norm == (name != "bert")
    for layer in range(loaded.info.n_blocks):  # hidden_states[i] is the output of block i, except the last
        for pooling in POOLINGS:
            expected = np.array([pooled(states[layer], pooling) for states in hidden])
            assert relative_error(found.matrix(layer, pooling), expected) < TOLERANCE
    last = loaded.info.n_blocks + has_norm  # hidden_states[-1] is after the final norm where there is one
    for pooling in POOLINGS:
        expected = np.array([pooled(states[-1], pooling) for states in hidden])
        assert relative_error(found.matrix(last, pooling), expected) < TOLERANCE


def test_the_last_block_is_taken_before_the_final_norm(family: Any) -> None:
    name, loaded, folder = family
    if name == "bert":
        pytest.skip("BERT has no final norm")
    module = reference_module(folder, name)
    norm = {"gpt2": "ln_f", "llama": "norm", "t5": "final_layer_norm"}[name]
    seen: list[Any] = []
    handle = getattr(module, norm).register_forward_pre_hook(lambda _, args: seen.append(args[0][0].detach().numpy()))
    plain_loop(module, loaded.tokenizer, tiny.TEXTS[0])
    handle.remove()
    found = extracted(loaded, tiny.TEXTS[:1])
    assert relative_error(found.matrix(loaded.info.n_blocks, "mean")[0], seen[0].mean(0)) < TOLERANCE
    assert relative_error(found.matrix(loaded.info.n_blocks + 1, "mean")[0], seen[0].mean(0)) > 0.01


def test_an_extraction_is_the_same_twice_and_for_another_load(family: Any) -> None:
    _, loaded, folder = family
    first, second = extracted(loaded, tiny.TEXTS), extracted(loaded_model(folder), tiny.TEXTS)
    for key in first.blocks:
        assert np.array_equal(first.matrix(*key), second.matrix(*key))


def test_one_text_alone_equals_that_text_among_others(family: Any) -> None:
    _, loaded, _ = family
    among, alone = extracted(loaded, tiny.TEXTS), extracted(loaded, tiny.TEXTS[1:2])
    for layer, pooling in alone.blocks:
        assert relative_error(alone.matrix(layer, pooling)[0], among.matrix(layer, pooling)[1]) < TOLERANCE


def test_a_tokenizer_that_pads_left_changes_nothing(tmp_path: Path) -> None:
    left = loaded_model(tiny.save(tmp_path / "left", tiny.gpt2_config(), template="$A", side="left"))
    right = loaded_model(tiny.save(tmp_path / "right", tiny.gpt2_config(), template="$A", side="right"))
    one, other = extracted(left, tiny.TEXTS), extracted(right, tiny.TEXTS)
    for key in one.blocks:
        assert np.array_equal(one.matrix(*key), other.matrix(*key))


def test_pairs_go_through_the_tokenizer_together(bert: LoadedModel) -> None:
    pairs = list(reversed(tiny.TEXTS))
    found = extracted(bert, tiny.TEXTS, pairs, batch_tokens=60)
    for row, (text, pair) in enumerate(zip(tiny.TEXTS, pairs, strict=True)):
        states = plain_loop(bert.module, bert.tokenizer, text, pair)
        assert relative_error(found.matrix(2, "mean")[row], pooled(states[2], "mean")) < TOLERANCE
    without = extracted(bert, tiny.TEXTS)
    assert not np.allclose(without.matrix(2, "mean"), found.matrix(2, "mean"))


def test_the_second_text_has_the_second_segment(bert: LoadedModel) -> None:
    inputs = bert.tokenizer("dog", "cat")
    assert 1 in inputs["token_type_ids"]  # otherwise the test above would not notice missing segments


def test_long_texts_are_cut_and_counted(family: Any) -> None:
    name, loaded, folder = family
    texts = ["the cat", "dog " * 50, "a b c d e f g h i j"]
    plan = plan_extraction(loaded.tokenizer, texts, max_length=8)
    assert (plan.n_truncated, int(plan.lengths.max()), plan.lengths[0]) == (
        2,
        8,
        len(loaded.tokenizer("the cat").input_ids),
    )
    states = plain_loop(reference_module(folder, name), loaded.tokenizer, texts[1], max_length=8)
    found = extracted(loaded, texts, max_length=8)
    assert relative_error(found.matrix(1, "last")[1], states[1][-1]) < TOLERANCE


def test_a_text_of_exactly_the_limit_is_not_truncated(bert: LoadedModel) -> None:
    plan = plan_extraction(bert.tokenizer, ["cat dog cat", "cat dog cat dog"], max_length=5)
    assert (plan.n_truncated, plan.lengths.tolist()) == (1, [5, 5])


def test_empty_texts_are_run_and_counted(family: Any) -> None:
    name, loaded, folder = family
    texts = ["", "the cat", "   "]
    plan = plan_extraction(loaded.tokenizer, texts, max_length=16)
    assert plan.n_empty == 2
    found = extracted(loaded, texts)
    if name == "gpt2":  # its tokenizer gives no token at all: one <s> stands in
        assert plan.lengths.tolist() == [1, 2, 1]
        states = plain_loop(reference_module(folder, name), loaded.tokenizer, "<s>")
    else:
        states = plain_loop(reference_module(folder, name), loaded.tokenizer, "")
    for row in (0, 2):
        assert relative_error(found.matrix(1, "mean")[row], states[1].mean(0)) < TOLERANCE


def test_only_empty_texts(gpt2: LoadedModel) -> None:
    found = extracted(gpt2, ["", ""])
    assert np.array_equal(found.matrix(2, "mean")[0], found.matrix(2, "mean")[1])


def test_the_plan_refuses_what_cannot_be_run(bert: LoadedModel) -> None:
    with pytest.raises(InvalidRequest, match="no texts"):
        plan_extraction(bert.tokenizer, [], max_length=16)
    with pytest.raises(InvalidRequest, match="2 special tokens"):
        plan_extraction(bert.tokenizer, ["cat"], max_length=2)
    with pytest.raises(InvalidRequest, match="1 texts but 2"):
        plan_extraction(bert.tokenizer, ["cat"], ["dog", "dog"], max_length=16)


def test_extraction_refuses_what_the_model_does_not_have(bert: LoadedModel) -> None:
    texts = ["cat " * 100]
    plan = plan_extraction(bert.tokenizer, texts, max_length=100)
    with pytest.raises(InvalidRequest, match="takes 64 tokens"):
        extract(bert, texts, None, plan, Matrices())
    with pytest.raises(InvalidRequest, match="no pooling 'max'"):
        extracted(bert, tiny.TEXTS, poolings=("max",))
    with pytest.raises(InvalidRequest, match="no layer 4"):
        extracted(bert, tiny.TEXTS, layers=(4,))
    with pytest.raises(InvalidRequest, match="not planned"):
        extracted(bert, tiny.TEXTS, poolings=("tokens",))


def test_layers_chosen_are_the_only_ones_written(bert: LoadedModel) -> None:
    everything, some = extracted(bert, tiny.TEXTS), extracted(bert, tiny.TEXTS, layers=(0, 2), poolings=("last",))
    assert set(some.blocks) == {(0, "last"), (2, "last")}
    assert np.array_equal(some.matrix(2, "last"), everything.matrix(2, "last"))


# Tokens


@pytest.mark.parametrize("special", [False, True])
def test_token_rows_are_the_hidden_states_of_the_real_tokens(family: Any, special: bool) -> None:
    name, loaded, folder = family
    module = reference_module(folder, name)
    sample = TokenSample(special=special)
    plan = plan_extraction(loaded.tokenizer, tiny.TEXTS, max_length=64, tokens=sample)
    found = extracted(loaded, tiny.TEXTS, tokens=sample, poolings=("tokens",), batch_tokens=50).matrix(2, "tokens")
    expected, ids, texts, positions = [], [], [], []
    for row, text in enumerate(tiny.TEXTS):
        states = plain_loop(module, loaded.tokenizer, text)[2]
        for position, token in enumerate(loaded.tokenizer(text).input_ids):
            if special or token >= len(tiny.SPECIAL):
                expected.append(states[position])
                ids.append(token)
                texts.append(row)
                positions.append(position)
    assert relative_error(found, np.array(expected)) < TOLERANCE
    assert plan.token_id is not None and plan.text_index is not None and plan.token_index is not None
    assert plan.token_id.tolist() == ids and plan.text_index.tolist() == texts
    assert plan.token_spans is not None
    pieces = [tiny.TEXTS[row][max(a, 0) : max(b, 0)] for row, (a, b) in zip(texts, plan.token_spans, strict=True)]
    own = [token >= len(tiny.SPECIAL) for token in ids]
    said = [loaded.tokenizer.decode([token]).strip().removeprefix("##") for token in ids]
    assert [piece.strip().lower() for piece in pieces] == [
        word.lower() if real else "" for word, real in zip(said, own, strict=True)
    ]
    assert plan.token_index.tolist() == positions and plan.n_token_rows == len(ids) == plan.n_rows("tokens")


def test_a_token_sample_is_seeded_and_part_of_all_tokens(bert: LoadedModel) -> None:
    everything = plan_extraction(bert.tokenizer, tiny.TEXTS, max_length=64, tokens=TokenSample())
    whole = extracted(bert, tiny.TEXTS, tokens=TokenSample(), poolings=("tokens",)).matrix(3, "tokens")
    plans = [
        plan_extraction(bert.tokenizer, tiny.TEXTS, max_length=64, tokens=TokenSample(10, seed)) for seed in (0, 0, 1)
    ]
    places = [list(zip(plan.text_index, plan.token_index, strict=True)) for plan in plans]
    assert places[0] == places[1] != places[2] and len(set(places[0])) == 10 and places[0] == sorted(places[0])
    assert plans[0].n_token_rows == everything.n_token_rows
    number = {place: row for row, place in enumerate(zip(everything.text_index, everything.token_index, strict=True))}
    part = extracted(bert, tiny.TEXTS, tokens=TokenSample(10, 0), poolings=("tokens",)).matrix(3, "tokens")
    assert relative_error(part, whole[[number[place] for place in places[0]]]) < TOLERANCE


def test_a_sample_larger_than_the_tokens_keeps_all(bert: LoadedModel) -> None:
    plan = plan_extraction(bert.tokenizer, ["cat dog"], max_length=64, tokens=TokenSample(100))
    assert plan.n_rows("tokens") == plan.n_token_rows == 2


def test_empty_texts_have_no_token_rows(bert: LoadedModel) -> None:
    sample = TokenSample()
    found = extracted(bert, ["", "cat", ""], tokens=sample, poolings=("tokens", "mean"))
    assert found.matrix(1, "tokens").shape == (1, 32) and found.matrix(1, "mean").shape == (3, 32)


# Batches, memory, cancelling


def test_batches_keep_to_the_budget_padding_included() -> None:
    lengths = np.array([3, 50, 1, 8, 8, 2, 30, 7])
    groups = list(batches(lengths, batch_tokens=32))
    assert sorted(np.concatenate(groups)) == list(range(8))
    assert all(len(rows) == 1 or len(rows) * lengths[rows].max() <= 32 for rows in groups)
    assert [int(lengths[rows].max()) for rows in groups] == sorted(
        (lengths[rows].max() for rows in groups), reverse=True
    )


@pytest.mark.parametrize("n_batches", [1, 2, 3, 8, 33, 100])
def test_any_first_few_batches_are_of_all_lengths(n_batches: int) -> None:
    lengths = np.arange(n_batches, 0, -1)
    order = [int(one[0]) for one in spread_out(list(batches(lengths, batch_tokens=1)))]
    assert sorted(order) == list(range(n_batches)) and order[0] == 0, "the longest first: memory runs out at once"
    for n_done in range(4, n_batches + 1):
        gaps = np.diff([*sorted(order[:n_done]), n_batches])
        assert gaps.max() <= 4 * n_batches / n_done + 1, "no length is left out"


def test_the_order_of_the_batches_changes_no_digit(bert: LoadedModel, monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [*tiny.TEXTS, *(f"{one} {' '.join(tiny.WORDS[: number % 12])}" for number, one in enumerate(tiny.WORDS))]
    found = extracted(bert, texts, batch_tokens=32)
    seen: list[int] = []
    monkeypatch.setattr(passes, "spread_out", lambda all_of_them: seen.append(len(all_of_them)) or all_of_them)
    expected = extracted(bert, texts, batch_tokens=32)
    assert seen and seen[0] > 5
    for layer, pooling in expected.blocks:
        np.testing.assert_array_equal(found.matrix(layer, pooling), expected.matrix(layer, pooling))


def test_where_no_budget_is_given_it_is_the_device_s_own_in_one_pass_and_in_shards(bert: LoadedModel) -> None:
    words = ["a", "cat", "sat", "on", "mat", "ran", "home"]
    texts = [" ".join(words[(number // 7**place) % 7] for place in range(2 + number % 9)) for number in range(3000)]
    plan = plan_extraction(bert.tokenizer, texts, max_length=64)
    lengths = plan.lengths[plan.repeats.first]
    groups = list(batches_of(bert, plan, 0))
    largest = max(len(rows) * int(lengths[rows].max()) for rows in groups)
    assert quickest("cpu") - int(lengths.max()) < largest <= quickest("cpu")
    shards = list(cut(bert, plan, "mean", batch_tokens=0, shard_tokens=2 * quickest("cpu")))
    assert len(shards) > 1 and sum(len(one.texts) for one in shards) == len(texts)
    again = [len(rows) for one in shards for rows in batches_of(bert, one.plan, 0)]
    assert again == [len(rows) for rows in groups]


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory."), MemoryError()])
def test_memory_that_runs_out_halves_the_batch(bert: LoadedModel, error: Exception) -> None:
    texts = [*tiny.TEXTS, *(f"{one} {other}" for one in tiny.WORDS[5:25] for other in tiny.WORDS[5:9])]
    sizes: list[tuple[int, ...]] = []

    def limit(_: Any, args: Any, kwargs: Any) -> None:
        sizes.append(tuple(kwargs["input_ids"].shape))
        if kwargs["input_ids"].numel() > 64:
            raise error

    expected = extracted(bert, texts)
    stages: list[str] = []
    handle = bert.backbone.register_forward_pre_hook(limit, with_kwargs=True)
    try:
        found = extracted(bert, texts, report=lambda done, total, stage: stages.append(stage))
    finally:
        handle.remove()
    failed = [n_texts * n_tokens for n_texts, n_tokens in sizes if n_texts * n_tokens > 64]
    assert len(failed) <= 5 and all(next_one <= one / 2 for one, next_one in pairwise(failed)), failed
    longest, shortest = (
        max(sizes[len(failed) :], key=lambda one: one[1]),
        min(sizes[len(failed) :], key=lambda one: one[1]),
    )
    assert longest[0] <= 3 and shortest[0] >= 6, "short texts still go many at a time"
    assert stages[0] == STAGE and stages[-1] == STAGE + SMALLER, "and it is said"
    for layer, pooling in expected.blocks:
        assert relative_error(found.matrix(layer, pooling), expected.matrix(layer, pooling)) < TOLERANCE


def test_one_text_that_does_not_fit_is_an_error(bert: LoadedModel) -> None:
    def refuse(*_: Any) -> None:
        raise RuntimeError("[enforce fail at alloc_cpu.cpp] DefaultCPUAllocator: not enough memory")

    handle = bert.backbone.register_forward_pre_hook(refuse)
    try:
        with pytest.raises(ModelError, match="one text of 19 tokens"):
            extracted(bert, tiny.TEXTS)
    finally:
        handle.remove()


def test_other_errors_are_not_taken_for_memory(bert: LoadedModel) -> None:
    def fail(*_: Any) -> None:
        raise RuntimeError("shapes do not match")

    handle = bert.backbone.register_forward_pre_hook(fail)
    try:
        with pytest.raises(ModelError, match=r"cannot be run on .* \(RuntimeError: shapes do not match\)"):
            extracted(bert, tiny.TEXTS)
    finally:
        handle.remove()


def test_progress_is_reported_and_cancels(bert: LoadedModel) -> None:
    seen: list[tuple[int, int, str]] = []

    def report(done: int, total: int, stage: str) -> None:
        seen.append((done, total, stage))
        if done >= 3:
            raise Cancelled

    before = n_hooks(bert)
    with pytest.raises(Cancelled):
        extracted(bert, tiny.TEXTS, batch_tokens=1, report=report)
    assert seen == [(done, 7, "Extracting activations") for done in (0, 1, 2, 3)]
    assert n_hooks(bert) == before


def test_values_that_are_not_finite_are_an_error(tmp_path: Path) -> None:
    loaded = loaded_model(tiny.save_family(tmp_path, "bert"))
    with torch.no_grad():
        next(iter(loaded.layout.blocks[1].parameters()))[:] = float("nan")
    with pytest.raises(ModelError, match="not finite at block 2 in float32"):
        extracted(loaded, tiny.TEXTS)


def test_a_tokenizer_with_more_tokens_than_the_model_is_named(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, tiny.bert_config(vocab_size=10))
    with pytest.raises(ModelError, match="only 10 tokens"):
        extracted(loaded_model(folder), ["it is it"])


def test_measure_gives_seconds_per_token(bert: LoadedModel) -> None:
    assert 0 < measure(bert, tiny.TEXTS, max_length=1000) < 1


def test_half_precision_is_near_float32(tmp_path: Path) -> None:
    folder = tiny.save_family(tmp_path, "llama")
    full, half = (extracted(loaded_model(folder, dtype), tiny.TEXTS) for dtype in ("float32", "bfloat16"))
    error = relative_error(half.matrix(3, "mean"), full.matrix(3, "mean"))
    assert 0 < error < 0.05


# Ablation


@pytest.mark.parametrize("layer", [0, 1, 3])
def test_zero_ablation_equals_the_network_run_on_from_there(bert: LoadedModel, layer: int) -> None:
    dims = (1, 30)
    found = extracted(bert, tiny.TEXTS, ablation=Ablation(layer, dims), batch_tokens=40)
    plain = extracted(bert, tiny.TEXTS)
    for row, text in enumerate(tiny.TEXTS):
        hidden = torch.tensor(plain_loop(bert.module, bert.tokenizer, text)[layer])[None]
        hidden[..., list(dims)] = 0.0
        for number in range(layer, 4):
            if number > layer:
                with torch.no_grad():
                    output = bert.layout.blocks[number - 1](hidden)
                hidden = output[0] if isinstance(output, tuple) else output
            assert relative_error(found.matrix(number, "mean")[row], hidden[0].mean(0).numpy()) < TOLERANCE
    for number in range(layer):
        assert np.array_equal(
            found.matrix(number, "mean"), extracted(bert, tiny.TEXTS, batch_tokens=40).matrix(number, "mean")
        )
    assert not np.allclose(found.matrix(3, "mean"), plain.matrix(3, "mean"))


@pytest.mark.parametrize("batch_tokens", [1, 10_000])
def test_mean_ablation_uses_the_mean_over_all_real_tokens(gpt2: LoadedModel, batch_tokens: int) -> None:
    sample = TokenSample(special=True)
    tokens = extracted(gpt2, tiny.TEXTS, tokens=sample, poolings=("tokens",)).matrix(2, "tokens")
    found = extracted(gpt2, tiny.TEXTS, ablation=Ablation(2, (5,), "mean"), batch_tokens=batch_tokens)
    assert np.allclose(found.matrix(2, "last")[:, 5], tokens[:, 5].mean(), rtol=1e-4)
    assert np.array_equal(
        found.matrix(2, "last")[:, 6], extracted(gpt2, tiny.TEXTS, batch_tokens=batch_tokens).matrix(2, "last")[:, 6]
    )


def test_ablating_the_final_norm_changes_that_layer_alone(gpt2: LoadedModel) -> None:
    found, plain = extracted(gpt2, tiny.TEXTS, ablation=Ablation(4, (0,))), extracted(gpt2, tiny.TEXTS)
    assert (found.matrix(4, "cls")[:, 0] == 0).all() and np.array_equal(found.matrix(3, "cls"), plain.matrix(3, "cls"))


def test_an_ablation_that_cannot_be_is_refused(bert: LoadedModel) -> None:
    for ablation, message in (
        (Ablation(9, (0,)), "no layer 9"),
        (Ablation(1, (32,)), "beyond the model's 32"),
        (Ablation(1, (0,), "noise"), "no ablation mode"),
    ):
        with pytest.raises(InvalidRequest, match=message):
            extracted(bert, tiny.TEXTS, ablation=ablation)
