"""The network run again: the loss is the library's own, the rows are the extraction's, what is overwritten is said."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from backend.errors import Cancelled, InvalidRequest
from backend.models.loading import LoadedModel
from backend.models.network import TextNetwork
from backend.values.activations import no_report
from backend.values.specs import Ablation, ActivationSpec, PostProcess, TextSetSpec
from backend.values.texts import TextTable
from tests.models import tiny
from tests.models.sinks import extracted, loaded_model, plain_loop, pooled

ALL = np.arange(len(tiny.TEXTS))
COMMON = {"vocab_size": tiny.N_TOKENS, "max_position_embeddings": 64, "pad_token_id": 0, **tiny.SIZE}
# family -> how its head is tied, scaled or capped is each family's own affair
DECODERS: dict[str, tuple[Any, dict[str, Any]]] = {
    "gpt2": (tiny.gpt2_config(), {"template": "$A", "pad": False}),
    "gpt2-untied": (tiny.gpt2_config(tie_word_embeddings=False), {"template": "$A", "pad": False}),
    "llama": (tiny.llama_config(), {"template": "<s> $A", "side": "left"}),
    "gemma2": (
        transformers.Gemma2Config(num_key_value_heads=2, head_dim=8, final_logit_softcapping=2.0, **COMMON),
        {"template": "<s> $A"},
    ),
    "opt": (transformers.OPTConfig(ffn_dim=48, word_embed_proj_dim=32, **COMMON), {"template": "</s> $A"}),
    "gpt_neox": (transformers.GPTNeoXConfig(**COMMON), {"template": "<s> $A"}),
}


def network(loaded: LoadedModel, texts: Any = tiny.TEXTS, *, pooling: str = "last", **options: Any) -> TextNetwork:
    spec = ActivationSpec(
        loaded.spec,
        TextSetSpec("texts", "0" * 40, len(texts)),
        len(loaded.info.layer_names) - 1,
        pooling,
        min(64, loaded.info.max_length),
        **options,
    )
    return TextNetwork(lambda: loaded, spec, TextTable("texts", tuple(texts)), 40)


def library_loss(folder: Path, loaded: LoadedModel, texts: Any) -> tuple[Any, Any]:
    """Summed loss of each text by the library's own model and loss, one unpadded text at a time; tokens predicted."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    summed, counts = [], []
    for text in texts:
        ids = loaded.tokenizer(text, return_tensors="pt", truncation=True, max_length=64)["input_ids"]
        n = ids.shape[1] - 1
        with torch.no_grad():
            summed.append(float(model(input_ids=ids, labels=ids).loss) * n if n else 0.0)
        counts.append(n)
    return np.array(summed), np.array(counts)


@pytest.mark.parametrize("family", DECODERS)
def test_the_loss_is_the_librarys_own(tmp_path: Path, family: str) -> None:
    config, options = DECODERS[family]
    tiny.save(tmp_path, config, transformers.AutoModelForCausalLM, **options)
    loaded = loaded_model(tmp_path)
    found = network(loaded)
    assert found.can_predict_tokens
    loss, counts = found.token_loss(ALL, None, (), "zero", no_report)
    expected, n_expected = library_loss(tmp_path, loaded, tiny.TEXTS)
    np.testing.assert_array_equal(counts, n_expected)
    assert counts.min() == (0 if options["template"] == "$A" else 1), "a text of one token predicts nothing"
    np.testing.assert_allclose(loss, expected, rtol=2e-5, atol=1e-5)


def test_a_trained_model_has_the_loss_that_the_library_gives_it(shared: Path) -> None:
    folder = shared / "models" / "gpt2-reviews" / "step-02745"
    loaded = loaded_model(folder)
    texts = ["I loved this film, it was a real joy to watch.", "The plot makes no sense and the acting is bad.", "No."]
    loss, counts = network(loaded, texts).token_loss(np.arange(3), None, (), "zero", no_report)
    expected, n_expected = library_loss(folder, loaded, texts)
    np.testing.assert_array_equal(counts, n_expected)
    np.testing.assert_allclose(loss, expected, rtol=1e-4)
    assert loss.sum() / counts.sum() < 6, "far below log(4096) = 8.3: it has learned something"


def hooked_loss(folder: Path, loaded: LoadedModel, layer: int, dims: Any, values: Any) -> Any:
    """Summed loss of each text with a plain hook on one block, one unpadded text at a time."""
    model = transformers.AutoModelForCausalLM.from_pretrained(folder).eval()

    def overwrite(module: Any, args: Any, output: Any) -> Any:
        hidden = output[0] if isinstance(output, tuple) else output
        hidden[..., dims] = torch.as_tensor(values, dtype=hidden.dtype)
        return output

    handle = model.base_model.h[layer - 1].register_forward_hook(overwrite)
    summed = []
    for text in tiny.TEXTS:
        ids = loaded.tokenizer(text, return_tensors="pt")["input_ids"]
        with torch.no_grad():
            n = ids.shape[1] - 1
            summed.append(float(model(input_ids=ids, labels=ids).loss) * n if n else 0.0)
    handle.remove()
    return np.array(summed)


@pytest.mark.parametrize("mode", ["zero", "mean"])
def test_an_ablated_loss_is_that_of_a_plain_hook(tmp_path: Path, mode: str) -> None:
    folder = tiny.save_family(tmp_path, "gpt2")
    loaded, dims = loaded_model(folder), (3, 17, 4)
    tokens = [extracted(loaded, [text]).matrix(2, "mean") * len(text.split()) for text in tiny.TEXTS]
    mean = np.sum(tokens, axis=(0, 1)) / sum(len(text.split()) for text in tiny.TEXTS)
    values = mean[list(dims)] if mode == "mean" else np.zeros(3)
    loss, _ = network(loaded).token_loss(ALL, 2, dims, mode, no_report)
    np.testing.assert_allclose(loss, hooked_loss(folder, loaded, 2, list(dims), values), rtol=1e-5, atol=1e-5)
    plain, _ = network(loaded).token_loss(ALL, None, (), mode, no_report)
    assert np.abs(loss - plain).max() > 0.01


@pytest.mark.parametrize("mode", ["zero", "mean"])
@pytest.mark.parametrize("pooling", ["cls", "last", "mean"])
def test_the_rows_are_those_of_an_extraction_with_the_same_ablation(tmp_path: Path, mode: str, pooling: str) -> None:
    loaded = loaded_model(tiny.save_family(tmp_path, "llama"))
    last = len(loaded.info.layer_names) - 1
    found = network(loaded, pooling=pooling)
    chosen = np.array([1, 3, 4])
    texts = [tiny.TEXTS[i] for i in chosen]
    rows = found.final_rows(chosen, 1, (0, 9), mode, no_report)
    expected = extracted(loaded, texts, ablation=Ablation(1, (0, 9), mode)).matrix(last, pooling)
    np.testing.assert_allclose(rows, expected, rtol=1e-4, atol=1e-5)
    plain = extracted(loaded, tiny.TEXTS).matrix(last, pooling)
    np.testing.assert_allclose(found.final_rows(ALL, None, (), mode, no_report), plain, rtol=1e-4, atol=1e-5)
    others = found.final_rows(ALL, 1, (0, 9), mode, no_report)[chosen]
    assert (mode == "zero") == np.allclose(rows, others, rtol=1e-4, atol=1e-5), "the mean is that of the given texts"


def test_a_classifier_without_its_language_head_predicts_no_tokens(tmp_path: Path) -> None:
    auto = transformers.AutoModelForSequenceClassification
    for tied in (False, True):
        folder = tmp_path / str(tied)
        tiny.save(folder, tiny.gpt2_config(tie_word_embeddings=tied, pad_token_id=2), auto, template="$A", pad=False)
        found = network(loaded_model(folder))
        assert found.can_predict_tokens is tied
    with pytest.raises(InvalidRequest, match="not a causal language model"):
        network(loaded_model(tmp_path / "False")).token_loss(ALL, None, (), "zero", no_report)


def test_a_head_of_another_size_is_not_taken(tmp_path: Path) -> None:
    folder = tiny.save(tmp_path, tiny.llama_config(), transformers.AutoModelForCausalLM, template="<s> $A")
    path = folder / "model.safetensors"
    tensors = load_file(path)
    tensors["lm_head.weight"] = tensors["lm_head.weight"][:-1].clone()
    loaded = loaded_model(folder)
    save_file(tensors, path, metadata={"format": "pt"})
    assert not network(loaded).can_predict_tokens


@pytest.mark.parametrize("family", ["bert", "t5"])
def test_an_encoder_predicts_no_tokens(tmp_path: Path, family: str) -> None:
    assert not network(loaded_model(tiny.save_family(tmp_path, family))).can_predict_tokens


def test_what_cannot_be_asked_is_refused(tmp_path: Path) -> None:
    loaded = loaded_model(tiny.save_family(tmp_path, "gpt2"))
    found = network(loaded)
    for call in (found.final_rows, found.token_loss):
        for layer, dims, mode, said in (
            (9, (0,), "zero", "no layer 9"),
            (1, (32,), "mean", "beyond the model's 32"),
            (1, (0,), "noise", "no ablation mode"),
        ):
            with pytest.raises(InvalidRequest, match=said):
                call(ALL, layer, dims, mode, no_report)
    with pytest.raises(InvalidRequest, match="many rows"):
        network(loaded, pooling="tokens").final_rows(ALL, None, (), "zero", no_report)
    with pytest.raises(InvalidRequest, match="post-processed"):
        network(loaded, postprocess=(PostProcess("centre"),))


def test_every_pass_can_be_cancelled(tmp_path: Path) -> None:
    found = network(loaded_model(tiny.save_family(tmp_path, "gpt2")))

    def cancel(done: int, total: int, stage: str) -> None:
        if done:
            raise Cancelled

    for call in (found.final_rows, found.token_loss):
        for mode in ("zero", "mean"):
            with pytest.raises(Cancelled):
                call(ALL, 1, (0,), mode, cancel)


def test_rows_that_came_along_with_the_loss_are_those_of_a_pass_of_their_own(tmp_path: Path) -> None:
    loaded = loaded_model(tiny.save_family(tmp_path, "llama"))
    both = network(loaded, pooling="mean")
    for texts, layer, mode in ((ALL, None, "zero"), (ALL, 2, "mean"), (ALL[:3], 2, "mean"), (ALL[:3], 1, "zero")):
        both.token_loss(texts, layer, (0, 9), mode, no_report)
        rows = both.final_rows(texts, layer, (0, 9), mode, no_report)
        alone = network(loaded, pooling="mean").final_rows(texts, layer, (0, 9), mode, no_report)
        np.testing.assert_allclose(rows, alone, rtol=1e-4, atol=1e-5)
    other = both.final_rows(ALL[:3], 1, (0, 8), "zero", no_report)
    assert not np.allclose(other, rows, rtol=1e-4, atol=1e-5), "other dimensions, another pass"


@pytest.mark.parametrize("pooling", ["mean", "last"])
def test_a_text_that_is_not_among_them_has_the_rows_that_the_library_gives_it(tmp_path: Path, pooling: str) -> None:
    tiny.save(tmp_path, tiny.bert_config(), model_input_names=tiny.SEGMENTS)
    loaded = loaded_model(tmp_path)
    library = transformers.AutoModel.from_pretrained(tmp_path).eval()
    found = network(loaded, tiny.TEXTS[:2], pooling=pooling)
    every = tuple(range(len(loaded.info.layer_names)))
    text = max(tiny.TEXTS[2:], key=len)
    rows, notes = found.rows_of(text, every)
    for row, hidden in zip(rows, plain_loop(library, loaded.tokenizer, text), strict=True):
        np.testing.assert_allclose(row, pooled(hidden, pooling), rtol=1e-4, atol=1e-5)
    assert not notes and rows.dtype == np.float32
    np.testing.assert_array_equal(found.rows_of(text, every[-1:])[0][0], rows[-1])
    assert "was cut" in found.rows_of(" ".join([text] * 40), every)[1][0]
    with pytest.raises(InvalidRequest, match="many rows"):
        network(loaded, pooling="tokens").rows_of(text, every)
