"""The model that is trained: learning rates by depth, dropout before the head, and what a batch is."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from backend.errors import ModelError
from backend.models.finetuning import TrainingRows, _depths, _Trainer
from backend.models.resolve import model_files, resolve
from backend.models.tunable import Tunable, open_tunable
from tests.models import tiny


def opened(folder: Path, family: str = "bert", *, n_words: int = 0, dropout: float | None = None) -> Tunable:
    path = tiny.save_family(folder / family, family)
    files = model_files(resolve(str(path), dtype="float32", roots=None), roots=None)
    return open_tunable(str(path), files, ("bad", "good"), n_words=n_words, dropout=dropout, seed=0)


@pytest.mark.parametrize("family", ["bert", "gpt2", "llama"])
def test_each_layer_below_learns_more_slowly(tmp_path: Path, family: str) -> None:
    tunable = opened(tmp_path, family)
    recipe = SimpleNamespace(layer_decay=0.5)
    trainer = _Trainer.__new__(_Trainer)
    trainer.tunable, trainer.watch = tunable, SimpleNamespace(info=SimpleNamespace(recipe=recipe))
    trainer.model, trainer.optimizer, trainer.optimizer_cls_and_kwargs = tunable.module, None, None
    from transformers import TrainingArguments

    trainer.args = TrainingArguments(str(tmp_path), learning_rate=1.0, weight_decay=0.1, use_cpu=True, report_to="none")
    optimizer: Any = trainer.create_optimizer()
    rates = {id(p): (group["lr"], group["weight_decay"]) for group in optimizer.param_groups for p in group["params"]}
    names = dict(tunable.module.named_parameters())
    assert set(rates) == {id(parameter) for parameter in names.values()}, "every parameter, once"
    found = {name: rates[id(parameter)] for name, parameter in names.items()}
    blocks = {"bert": "bert.encoder.layer.{}.", "gpt2": "transformer.h.{}.", "llama": "model.layers.{}."}[family]
    for number, rate in enumerate((0.25, 0.5, 1.0)):
        assert {found[name][0] for name in names if name.startswith(blocks.format(number))} == {rate}
    embedding = {"bert": "bert.embeddings.", "gpt2": "transformer.wte", "llama": "model.embed_tokens"}[family]
    assert {found[name][0] for name in names if name.startswith(embedding)} == {0.125}
    head = {"bert": "classifier", "gpt2": "score", "llama": "score"}[family]
    assert {found[name][0] for name in names if name.startswith(head)} == {1.0}
    assert optimizer.param_groups[0]["lr"] == 1.0, "what is logged is the peak"
    assert all(found[name][1] == 0.0 for name in names if name.endswith("bias")) and found[f"{head}.weight"][1] == 0.1
    final = {"bert": "bert.pooler", "gpt2": "transformer.ln_f", "llama": "model.norm"}[family]
    assert {_depths(tunable)[id(p)] for name, p in names.items() if name.startswith(final)} == {0}


@pytest.mark.parametrize("family", ["bert", "gpt2"])
def test_dropout_stands_before_the_head_alone(tmp_path: Path, family: str) -> None:
    tunable = opened(tmp_path, family, dropout=0.5)
    seen: list[torch.Tensor] = []
    head: Any = tunable.module.classifier if family == "bert" else tunable.module.score
    head.register_forward_pre_hook(lambda layer, args: seen.append(args[0]))
    ids = torch.tensor([[1, 5, 6, 2]])
    tunable.module.eval()
    tunable.module(input_ids=ids)
    head.train()
    if family == "bert":
        tunable.module.dropout.train()
    tunable.module(input_ids=ids)
    off, on = seen
    dropped = on == 0
    assert not (off == 0).any() and 0.2 < dropped.float().mean() < 0.8
    torch.testing.assert_close(on[~dropped], 2 * off[~dropped])


def test_a_batch_is_padded_at_its_end_and_masked(tmp_path: Path) -> None:
    tunable = opened(tmp_path, "gpt2")
    examples = tunable.texts(["the cat sat", "dog"], None, [0, 1], 64)
    batch = tunable.collate(examples.items)
    assert batch["attention_mask"].tolist() == [[1, 1, 1], [1, 0, 0]] and batch["labels"].tolist() == [0, 1]
    assert batch["input_ids"][1, 1:].tolist() == [2, 2]
    alone = tunable.module.eval()(**tunable.collate(examples.items[1:])).logits
    torch.testing.assert_close(tunable.module(**batch).logits[1:], alone)


def test_words_of_a_batch_are_the_means_of_their_tokens(tmp_path: Path) -> None:
    tunable = opened(tmp_path, n_words=1)
    texts = ["the cat sat", "the cat sat", "old film"]
    spans = [(0, 3), (4, 11), (4, 8)]  # the second covers two tokens
    examples, kept = tunable.words(texts, spans, [0, 1, 1], 64)
    assert kept.tolist() == [0, 1, 2] and len(examples) == 2
    module: Any = tunable.module.eval()
    batch = tunable.collate(examples.items)
    hidden = tunable.backbone(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"])[0]
    vectors = torch.stack([hidden[0, 1], (hidden[0, 2] + hidden[0, 3]) / 2, hidden[1, 2]])
    found = module(**batch)
    torch.testing.assert_close(found["logits"], module.head(vectors))
    assert batch["labels"].tolist() == [0, 1, 1]


def test_adapters_and_encoder_decoders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="encoder-decoder"):
        opened(tmp_path, "t5")
    files = model_files(resolve(str(tmp_path / "t5"), dtype="float32", roots=None), roots=None)
    import dataclasses

    with pytest.raises(ModelError, match="is an adapter"):
        open_tunable("x", dataclasses.replace(files, adapter=tmp_path), ("a", "b"), n_words=0, dropout=None, seed=0)


def test_rows_of_words_say_how_many_words_they_have() -> None:
    none: Any = []
    assert TrainingRows([], None, None, none, none, none, none, "").n_words == 0
    assert TrainingRows([], None, [(0, 1, 2, 3)], none, none, none, none, "").n_words == 2
