"""A model that is an object: the numbers of the same model in a folder, its identity, its state afterwards."""

import copy
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from torch import nn

from backend import EmbedscopeError, TextSetInfo
from backend.bench.workbench import Workbench
from tests.models.tiny import SEGMENTS, TEXTS, WORDS, bert_config, gpt2_config, save

LINES = [f"{text} {word}" for text in TEXTS for word in WORDS[:6]]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save(tmp_path_factory.mktemp("objects") / "bert", bert_config(), model_input_names=SEGMENTS)


@pytest.fixture
def bert(folder: Path) -> Any:
    return transformers.AutoModel.from_pretrained(folder)


@pytest.fixture
def words(folder: Path) -> Any:
    return transformers.AutoTokenizer.from_pretrained(folder)


@pytest.fixture
def texts(bench: Workbench) -> TextSetInfo:
    return bench.add_texts(LINES)


class WithStates(nn.Module):
    """A module that no library knows: its states are what its forward says they are."""

    def __init__(self, bert: Any, factor: float = 1.0) -> None:
        super().__init__()
        self.inner, self.factor = bert, factor

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor, output_hidden_states: bool = False) -> Any:
        out = self.inner(input_ids=input_ids, attention_mask=attention_mask, output_hidden_states=True)
        return SimpleNamespace(hidden_states=[self.factor * state for state in out.hidden_states])


@pytest.mark.parametrize("pooling", ["mean", "cls", "tokens"])
def test_an_object_gives_the_numbers_of_its_folder(bench, texts, bert, words, folder: Path, pooling: str) -> None:
    of_object = bench.compute("cka", model=bert, tokenizer=words, texts=texts, pooling=pooling)
    of_folder = bench.compute("cka", model=str(folder), texts=texts, pooling=pooling)
    np.testing.assert_allclose(of_object.values.matrix, of_folder.values.matrix, atol=1e-6, equal_nan=True)
    assert of_object.sources[0].layer_names == of_folder.sources[0].layer_names
    assert of_object.sources[0].model.startswith("module:BertModel-")


def test_it_is_remembered_until_its_weights_change(bench, texts, bert, words, monkeypatch) -> None:
    first = bench.compute("anisotropy", model=bert, tokenizer=words, texts=texts)
    with monkeypatch.context() as patch:
        patch.setattr("backend.models.extraction.extract", lambda *_, **__: pytest.fail("run again"))
        again = bench.compute("cka", model=copy.deepcopy(bert), tokenizer=words, texts=texts)
    assert again.sources[0].commit == first.sources[0].commit
    with torch.no_grad():
        bert.encoder.layer[1].output.dense.weight[0, 0] += 0.5
    other = bench.compute("anisotropy", model=bert, tokenizer=words, texts=texts)
    assert other.sources[0].commit != first.sources[0].commit
    assert not np.array_equal(other.values.anisotropy, first.values.anisotropy)


def test_it_is_left_as_it_was(bench, texts, bert, words) -> None:
    bert.train()
    bert.embeddings.eval()
    before = {name: part.training for name, part in bert.named_modules()}
    weights = {name: tensor.clone() for name, tensor in bert.state_dict().items()}
    first = bench.compute("cka", model=bert, tokenizer=words, texts=texts)
    assert {name: part.training for name, part in bert.named_modules()} == before
    assert not any(part._forward_hooks or part._forward_pre_hooks for part in bert.modules())
    assert all(parameter.requires_grad for parameter in bert.parameters())
    assert all(torch.equal(tensor, weights[name]) for name, tensor in bert.state_dict().items())
    bert.eval()
    second = bench.compute("cka", model=bert, tokenizer=words, texts=texts)
    assert first.fingerprint == second.fingerprint, "without dropout, whatever mode it was given in"
    bert.train()
    with pytest.raises(EmbedscopeError):
        bench.compute("cka", model=bert, tokenizer=words, texts=texts, layers=[9])
    assert bert.training, "after an error too"


def test_a_module_is_run_for_the_states_that_its_forward_gives(bench, texts, bert, words, folder: Path) -> None:
    odd = WithStates(bert)
    found = bench.compute("cka", model=odd, tokenizer=words, texts=texts, pooling="mean")
    plain = bench.compute("cka", model=str(folder), texts=texts, pooling="mean")
    np.testing.assert_allclose(found.values.matrix, plain.values.matrix, atol=1e-6)
    assert found.sources[0].layer_names == ("hidden state 0", "hidden state 1", "hidden state 2", "hidden state 3")
    twice = bench.compute("cka", model=WithStates(bert, 2.0), tokenizer=words, texts=texts, pooling="mean")
    assert twice.sources[0].commit != found.sources[0].commit, "a number of its own is part of what it is"


def test_two_objects_are_compared_in_the_order_they_are_given(bench, texts, bert, words) -> None:
    other = transformers.AutoModel.from_config(bert_config(hidden_size=16, num_attention_heads=2))
    found = bench.compute("cka", model=[bert, other], tokenizer=words, texts=texts)
    assert [source.n_dims for source in found.sources] == [32, 16]


def test_its_own_hooks_are_run_and_nothing_is_remembered_then(bench, texts, bert, words) -> None:
    plain = bench.compute("average_cosine", model=bert, tokenizer=words, texts=texts)
    bert.encoder.layer[0].register_forward_hook(
        lambda module, args, output: (output[0] + 1,) if isinstance(output, tuple) else output + 1
    )
    hooked = bench.compute("average_cosine", model=bert, tokenizer=words, texts=texts)
    assert hooked.values.average_cosine[2] > plain.values.average_cosine[2]
    assert any("hooks of its own" in note for note in hooked.notes)
    again = bench.compute("average_cosine", model=bert, tokenizer=words, texts=texts)
    assert again.fingerprint != hooked.fingerprint


def test_a_language_model_is_run_again_inside(bench, tmp_path: Path) -> None:
    path = save(tmp_path / "gpt2", gpt2_config(), transformers.AutoModelForCausalLM, template="$A", pad=False)
    model = transformers.AutoModelForCausalLM.from_pretrained(path)
    words = transformers.AutoTokenizer.from_pretrained(path)
    texts = bench.add_texts(LINES)
    params = {"order": "highest", "steps": "1,4", "n_texts": 10}
    asked: dict[str, Any] = {"texts": texts, "pooling": "last", "params": params}
    of_object = bench.compute("inner_ablation", model=model, tokenizer=words, **asked).values
    of_folder = bench.compute("inner_ablation", model=str(path), **asked).values
    np.testing.assert_allclose(of_object.loss, of_folder.loss, atol=1e-5, equal_nan=True)


def test_what_is_no_model_says_so(bench, texts, bert, words) -> None:
    with pytest.raises(EmbedscopeError, match="neither the name of a model nor a torch module"):
        bench.compute("cka", model=3, tokenizer=words, texts=texts)
    with pytest.raises(EmbedscopeError, match="without its tokenizer"):
        bench.compute("cka", model=bert, texts=texts)
    with pytest.raises(EmbedscopeError, match="takes no 'input_ids'"):
        bench.compute("cka", model=nn.Linear(3, 3), tokenizer=words, texts=texts)
    name = bench.compute("cka", model=bert, tokenizer=words, texts=texts).sources[0].model
    with pytest.raises(EmbedscopeError, match="was an object in a notebook"):
        bench.compute("cka", model=name, texts=texts)
