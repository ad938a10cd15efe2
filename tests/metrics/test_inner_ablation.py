"""Ablation inside the network: equal to hooks written out by hand, exact at its ends, refused where it makes no sense."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from backend import EmbedscopeError, InvalidRequest, PostProcess
from backend.metrics.ablation.inner import INNER_ABLATION, InnerAblationParams, network_runs
from backend.metrics.shared.heads import accuracy, choose_head, fit_linear
from backend.metrics.shared.splits import split_rows
from backend.values.activations import Activations, Labels, LayerStack, no_report
from tests.metrics.stacks import MatrixNetwork
from tests.models import tiny

N, D = 60, 8
Y = np.arange(N) % 3
CLASSES = ("a", "b", "c")


def stack(n_layers=4, **network: Any) -> LayerStack:
    rng = np.random.default_rng(1)
    matrices = []
    for _ in range(n_layers):
        rows = rng.standard_normal((N, D)) * np.arange(1, D + 1)
        rows[:, 2] += 6 * Y
        matrices.append(rows.astype(np.float32))
    return LayerStack(
        "model",
        "mean",
        tuple(range(n_layers)),
        ("embedding", *(f"block {i}" for i in range(1, n_layers))),
        tuple(Activations(rows, np.arange(N)) for rows in matrices),
        "texts",
        network=MatrixNetwork(matrices, **network),
    )


LABELS = Labels(Y, CLASSES)


def run(given: LayerStack, labels: Labels | None = LABELS, seed: int = 0, **params: Any) -> Any:
    return INNER_ABLATION.run([given], labels, InnerAblationParams(**params), seed, no_report)


def test_every_point_is_that_of_one_run_of_the_network() -> None:
    given = stack()
    values = run(given, layer=1, mode="mean", n_draws=3).values
    split = split_rows(LABELS, InnerAblationParams(), 0)
    head = fit_linear(given.matrices[-1].rows[split.train], split.y_train, 3)
    variance = given.matrices[1].rows[split.train].astype(np.float64).var(axis=0)
    np.testing.assert_array_equal(values.ranking, np.argsort(-variance))
    network = given.network
    assert network is not None and np.isin(network.source, split.train).all(), "no mean is that of test rows"  # type: ignore[attr-defined]
    for row, order in enumerate(("highest", "lowest")):
        line = values.ranking if order == "highest" else values.ranking[::-1]
        for column, k in enumerate(values.n_overwritten):
            rows = network.final_rows(split.test, 1, line[:k], "mean", no_report)
            assert values.accuracy[row, column] == accuracy(head, rows, split.y_test)
            assert values.loss[row, column] == pytest.approx(np.linalg.norm(rows.astype(float), axis=1).mean())
    assert values.orders == ("highest", "lowest", "random") and not values.own_head
    assert (values.accuracy_std[:2] == 0).all() and values.accuracy_std[2].max() > 0


def test_none_overwritten_is_the_model_as_it_is_and_all_is_one_point_for_every_order() -> None:
    values = run(stack()).values
    assert values.n_overwritten[0] == 0 and values.n_overwritten[-1] == D
    assert (values.accuracy[:, 0] == values.baseline).all() and values.baseline > 0.5
    assert len(set(values.accuracy[:, -1])) == 1 and len(set(values.loss[:, -1])) == 1
    np.testing.assert_array_equal(values.accuracy_std[:, [0, -1]], 0)


def test_a_set_of_dimensions_is_run_once() -> None:
    given = stack(can_predict_tokens=False)
    run(given, n_draws=5)
    network: Any = given.network
    assert len(network.runs) == len(set(network.runs))
    assert (None, ()) in network.runs and not any(dims == () for layer, dims in network.runs if layer is not None)


def test_the_runs_that_are_announced_are_those_that_are_made() -> None:
    def made(**params: Any) -> int:
        given = stack(can_predict_tokens=False)
        run(given, mode="zero", **params)
        network: Any = given.network
        return len(network.runs)

    def announced(mode: str = "zero", **params: Any) -> int:
        return network_runs(InnerAblationParams(mode=mode, **params), D)

    assert made(order="lowest") == announced(order="lowest") == 7
    assert announced("mean", order="lowest") == 8, "once more for the means"
    assert made(dims=(3,), n_draws=2, steps=(1,)) == announced(dims=(3,), n_draws=2, steps=(1,)) == 4
    for params in ({"n_draws": 3}, {"order": "random", "n_draws": 4}, {"dims": (3, 1, 3), "n_draws": 2}):
        most = announced(**params)
        assert 0.8 * most <= made(**params) <= most, "of so few dimensions some sets are the same by chance"
    assert announced(order="lowest", steps=(1, D + 1)) == 2, "what cannot be is left out"


def test_random_points_are_means_over_draws_of_other_dimensions() -> None:
    given = stack()
    network: Any = given.network
    values = run(given, order="random", steps=(3,), n_draws=8, layer=2).values
    sets = {dims for layer, dims in network.runs if layer == 2}
    assert len(sets) == 8 and values.orders == ("random",)
    losses = [
        network.token_loss(split_rows(LABELS, InnerAblationParams(), 0).test, 2, s, "zero", no_report) for s in sets
    ]
    found = [loss.sum() / counts.sum() for loss, counts in losses]
    assert values.loss[0, 1] == pytest.approx(np.mean(found))
    assert values.loss_std[0, 1] == pytest.approx(np.std(found, ddof=1))


def test_given_dimensions_go_in_their_order_beside_random_ones() -> None:
    given = stack()
    values = run(given, dims=(2, 5, 2, 0), layer=3).values
    network: Any = given.network
    assert values.orders == ("given", "random")
    assert values.n_overwritten.tolist() == [0, 1, 2, 3]
    for dims in ((2,), (2, 5), (0, 2, 5)):
        assert (3, dims) in network.runs
    assert values.accuracy[0, 1] < values.accuracy[1, 1], "the planted dimension matters more than a random one"


def test_overwriting_the_last_layer_is_reading_it_without_those_dimensions() -> None:
    given = stack()
    values = run(given, layer=3, order="highest", mode="zero").values
    split = split_rows(LABELS, InnerAblationParams(), 0)
    head = choose_head(given, 3, split).head
    rows = given.matrices[3].rows[split.test].copy()
    for k, found in zip(values.n_overwritten, values.accuracy[0], strict=True):
        rows[:, values.ranking[:k]] = 0
        assert found == accuracy(head, rows, split.y_test)


def test_shuffled_labels_are_known_no_better_than_by_chance() -> None:
    values = run(stack(), test_share=0.5).values
    assert values.control[0, 0] < 0.6 < values.accuracy[0, 0]
    without = run(stack(), control=False)
    assert np.isnan(without.values.control).all()
    assert {gap.reason for gap in without.undefined} == {"no control was asked for"}


def test_without_labels_only_the_loss_is_measured() -> None:
    outcome = run(stack(), None, n_texts=20)
    values = outcome.values
    assert values.split is None and values.n_texts == 20 and values.n_tokens == 40
    assert np.isfinite(values.loss).all() and np.isnan(values.accuracy).all()
    assert {gap.reason for gap in outcome.undefined} == {"no labels were chosen"}
    assert any("20 of 60 rows, drawn by the seed (0)" in note for note in outcome.notes)


def test_an_encoder_has_an_accuracy_and_no_loss() -> None:
    outcome = run(stack(can_predict_tokens=False))
    assert np.isnan(outcome.values.loss).all() and np.isfinite(outcome.values.accuracy).all()
    assert outcome.values.n_tokens == 0
    assert all("not a causal language model" in gap.reason for gap in outcome.undefined if gap.field == "loss")


def test_layers_that_cannot_be_ordered_or_read_say_so() -> None:
    given = stack()
    broken = given.matrices[1].rows.copy()
    broken[0, 0] = np.nan
    middle = dataclasses.replace(given, matrices=(given.matrices[0], Activations(broken), *given.matrices[2:]))
    outcome = run(middle, layer=1)
    assert np.isnan(outcome.values.accuracy[:2]).all() and np.isfinite(outcome.values.accuracy[2]).all()
    assert any("no order by variance: non-finite" in gap.reason for gap in outcome.undefined)
    assert (outcome.values.ranking == -1).all()
    highest = run(middle, layer=1, order="highest")
    assert np.isnan(highest.values.accuracy).all()
    same = Activations(np.ones((N, D), np.float32))
    outcome = run(dataclasses.replace(given, matrices=(*given.matrices[:3], same)), layer=1)
    assert np.isnan(outcome.values.accuracy).all() and np.isfinite(outcome.values.loss).all()
    assert any("block 3: all rows are identical" in gap.reason for gap in outcome.undefined)


@pytest.mark.parametrize(
    ("given", "labels", "params", "said"),
    [
        (stack(), LABELS, {"layer": 7}, "Layer 7 is not among the layers of this analysis"),
        (stack(), LABELS, {"dims": (1, 8)}, "no dimension 8 of 8"),
        (stack(), LABELS, {"steps": (9,)}, "9 of 8 dimensions"),
        (stack(), LABELS, {"dims": (1, 2), "steps": (3,)}, "3 of 2 dimensions"),
        (stack(can_predict_tokens=False), None, {}, "nothing to measure"),
        (dataclasses.replace(stack(), network=None), LABELS, {}, "not available"),
        (stack(), Labels(np.zeros(N, np.int64), ("a",)), {}, "one class"),
        (stack(), Labels(np.full(N, -1), ("a", "b")), {}, "No row has a label"),
        (stack(), Labels(np.arange(N), tuple(map(str, range(N)))), {}, "too many to be classes"),
        (stack(), Labels(np.r_[0, np.ones(N - 1, np.int64)], ("a", "b")), {}, "has one row"),
    ],
)
def test_what_makes_no_sense_is_refused_with_a_hint(given: Any, labels: Any, params: Any, said: str) -> None:
    with pytest.raises(InvalidRequest, match=said) as caught:
        run(given, labels, **params)
    assert caught.value.hint


# Through the workbench, on real networks: at a few points of the curve, each of which is a run for every text

STEPS = (0, 1, 3, 10, 24, 32)


@pytest.fixture
def labelled(tmp_path: Path) -> Path:
    rows = [f"{tiny.TEXTS[i % 7]} {tiny.WORDS[i % 25]}\t{'ab'[i % 7 % 2]}" for i in range(50)]
    path = tmp_path / "texts.tsv"
    path.write_text("text\tlabel\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


def hooked(model: Any, block: Any, tokenizer: Any, texts: Any, dims: Any, values: Any) -> list[Any]:
    """The model's outputs for one unpadded text at a time, with a plain hook on ``block``."""

    def overwrite(module: Any, args: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        hidden[..., dims] = torch.as_tensor(values, dtype=hidden.dtype)
        return output

    handle = block.register_forward_hook(overwrite)
    with torch.no_grad():
        outputs = [model(**tokenizer(text, return_tensors="pt")) for text in texts]
    handle.remove()
    return outputs


@pytest.mark.parametrize("mode", ["zero", "mean"])
def test_a_classifiers_own_logits_under_hooks_give_the_same_accuracy(
    bench: Any, tmp_path: Path, labelled: Path, mode: str
) -> None:
    names = {0: "a", 1: "b"}
    config = tiny.gpt2_config(pad_token_id=2, id2label=names, label2id={"a": 0, "b": 1})
    auto = transformers.AutoModelForSequenceClassification
    folder = tiny.save(tmp_path / "model", config, auto, template="$A", pad=False)
    texts = bench.read_texts(labelled, text="text", label="label")
    result = bench.compute(
        "inner_ablation",
        model=str(folder),
        texts=texts,
        pooling="last",
        label="label",
        params={"layer": 2, "mode": mode, "n_draws": 2, "steps": STEPS},
    )
    values = result.values
    assert values.own_head and values.read_name == "final norm" and values.layer_name == "block 2"
    assert any("The model's own head." in note for note in result.notes)
    assert tuple(values.n_overwritten) == STEPS
    np.testing.assert_array_equal(values.accuracy[:, 0], values.baseline)

    table = bench.text_set(texts)
    y = np.array(["ab".index(label) for label in table.columns["label"]])
    split = split_rows(Labels(y, ("a", "b")), InnerAblationParams(), 0)
    model, tokenizer = auto.from_pretrained(folder).eval(), transformers.AutoTokenizer.from_pretrained(folder)
    chosen = [table.texts[i] for i in split.test]
    with torch.no_grad():
        states = [
            model(**tokenizer(table.texts[i], return_tensors="pt"), output_hidden_states=True).hidden_states[2][0]
            for i in split.train
        ]
    mean = torch.cat(states).double().mean(0).numpy()
    for column, k in enumerate(values.n_overwritten):
        dims = values.ranking[:k].tolist()
        filled = mean[dims] if mode == "mean" else np.zeros(k)
        outputs = hooked(model, model.transformer.h[1], tokenizer, chosen, dims, filled)
        found = np.array([int(output.logits[0].argmax()) for output in outputs])
        assert values.accuracy[0, column] == np.mean(found == y[split.test])


def test_a_language_models_loss_under_hooks_is_the_same(bench: Any, tmp_path: Path, labelled: Path) -> None:
    folder = tiny.save_family(tmp_path / "model", "llama")
    texts = bench.read_texts(labelled, text="text")
    params = {"order": "highest", "layer": 1, "steps": STEPS}
    result = bench.compute("inner_ablation", model=str(folder), texts=texts, params=params)
    values = result.values
    assert tuple(values.n_overwritten) == STEPS
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    all_texts = bench.text_set(texts).texts
    for column, k in enumerate(values.n_overwritten):
        dims = values.ranking[:k].tolist()
        lost = n_tokens = 0.0
        outputs = hooked(model, model.model.layers[0], tokenizer, all_texts, dims, np.zeros(k))
        for text, output in zip(all_texts, outputs, strict=True):
            ids = tokenizer(text, return_tensors="pt")["input_ids"][0]
            lost += float(torch.nn.functional.cross_entropy(output.logits[0, :-1], ids[1:], reduction="sum"))
            n_tokens += len(ids) - 1
        assert values.n_tokens == n_tokens
        assert values.loss[0, column] == pytest.approx(lost / n_tokens, rel=1e-5)
    assert values.loss[0, -1] != pytest.approx(values.loss[0, 0], rel=1e-3)


def test_an_encoder_without_a_head_gets_a_fitted_one(bench: Any, tmp_path: Path, labelled: Path) -> None:
    folder = tiny.save_family(tmp_path / "model", "bert")
    texts = bench.read_texts(labelled, text="text", label="label")
    options = {"model": str(folder), "texts": texts, "pooling": "cls", "label": "label"}
    result = bench.compute("inner_ablation", **options)
    assert any("Fitted head (the model has none of its own). It reads block 3." in note for note in result.notes)
    assert not result.values.own_head
    np.testing.assert_array_equal(result.values.accuracy[:, 0], result.values.baseline)
    with pytest.raises(EmbedscopeError, match="Layer 1 is not among"):
        bench.compute("inner_ablation", **options, layers=[2, 3], params={"layer": 1})
    with pytest.raises(EmbedscopeError, match="nothing to measure"):
        bench.compute("inner_ablation", **{**options, "label": None, "texts": bench.read_texts(labelled, text="text")})
    with pytest.raises(EmbedscopeError, match="post-processed"):
        bench.compute("inner_ablation", **options, postprocess=[PostProcess("centre")])
    with pytest.raises(EmbedscopeError, match="one row per text"):
        bench.compute("inner_ablation", **{**options, "pooling": "tokens"})
