"""Models that can be fine-tuned: a base with a head, for texts or for words; how they are built, fed and saved."""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from backend.errors import InvalidRequest, ModelError
from backend.models.architecture import (
    Architecture,
    check_missing,
    describe_architecture,
    forward_names,
    load_config,
    select_backbone,
    silence,
)
from backend.models.batching import Encoded, encode
from backend.models.folders import ADAPTER_CONFIG, CONFIG, INDEX, SMALL_PATTERNS
from backend.models.loading import load_tokenizer
from backend.models.package import SETTINGS
from backend.models.resolve import ModelFiles
from backend.models.untyped import Untyped
from backend.models.word_classifier import WordClassifier, read_head, word_inputs, write_head
from backend.models.words import plan_words
from backend.values.history import ROWS_FILE

_DROPOUTS = ("classifier_dropout", "seq_classif_dropout", "classifier_dropout_prob")
_TOKENIZER_FILES = (  # and the package's limit of tokens, so that base and run read the same of each text
    *(name for name in SMALL_PATTERNS if name not in (CONFIG, ADAPTER_CONFIG, INDEX)),
    SETTINGS,
)


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """What is learned from or judged on: the inputs of each text, with one label, or (for words) one of each of its words."""

    items: list[dict[str, Any]]

    def __len__(self) -> int:
        return len(self.items)

    def __getitem__(self, place: int) -> dict[str, Any]:
        return self.items[place]


@dataclass(frozen=True, slots=True, eq=False)
class Tunable:
    """A model with a head: ``module`` as a whole, its ``backbone``, and the folder ``source`` whose tokenizer it keeps."""

    module: nn.Module
    backbone: nn.Module
    tokenizer: Any
    source: Path
    n_words: int  # 0 where a row is a text
    pad: int
    notes: tuple[str, ...] = ()

    def collate(self, items: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        """One batch: the ids padded at their end, and the labels; for words, which tokens each is made of."""
        width = max(len(item["input_ids"]) for item in items)
        ids = torch.full((len(items), width), self.pad, dtype=torch.long)
        mask, types = torch.zeros_like(ids), torch.zeros_like(ids)
        for row, item in enumerate(items):
            n_tokens = len(item["input_ids"])
            ids[row, :n_tokens] = torch.tensor(item["input_ids"])
            mask[row, :n_tokens] = 1
            if item["types"] is not None:
                types[row, :n_tokens] = torch.tensor(item["types"])
        batch = {"input_ids": ids, "attention_mask": mask}
        if "token_type_ids" in forward_names(self.backbone) and items[0]["types"] is not None:
            batch["token_type_ids"] = types
        if not self.n_words:
            return {**batch, "labels": torch.tensor([item["label"] for item in items])}
        return {**batch, **word_inputs(items)}

    def save(self, folder: Path, card: str, rows: str) -> None:
        """The model in ``folder`` as anyone can load it: weights, configuration, the base's tokenizer, a model card.

        ``rows`` is the text of the file that says which rows it was trained on.
        """
        folder.mkdir(parents=True)
        saved: Any = self.backbone if self.n_words else self.module
        saved.save_pretrained(str(folder), max_shard_size="1000GB")
        if self.n_words:
            write_head(self.module, folder)
        for pattern in _TOKENIZER_FILES:
            for path in sorted(self.source.glob(pattern)):
                shutil.copyfile(path, folder / path.name)
        (folder / "README.md").write_text(card, encoding="utf-8")
        (folder / ROWS_FILE).write_text(rows, encoding="utf-8")

    def texts(
        self, texts: Sequence[str], pairs: Sequence[str] | None, labels: Sequence[int], max_length: int
    ) -> Examples:
        """Examples whose rows are texts (with a second text each, where there are pairs)."""
        encoded = encode(self.tokenizer, texts, pairs, max_length=max_length)
        return Examples([{**_inputs(one), "label": int(label)} for one, label in zip(encoded, labels, strict=True)])

    def words(
        self, texts: Sequence[str], spans: Sequence[tuple[int, ...]], labels: Sequence[int], max_length: int
    ) -> tuple[Examples, np.ndarray]:
        """Examples of sentences with their words, and which rows are among them (n_kept,): some lose tokens at the limit."""
        sentences, plan = plan_words(self.tokenizer, texts, spans, max_length=max_length)
        words = plan.words
        assert words is not None
        items: list[dict[str, Any]] = [
            {**_inputs(one), "label": [], "tokens": []}
            for one in encode(self.tokenizer, sentences, max_length=max_length)
        ]
        for number, text in enumerate(words.text):
            item = items[int(text)]
            item["label"].append(int(labels[int(words.table_row[words.place[number]])]))
            for part in range(number * words.n_words, (number + 1) * words.n_words):
                item["tokens"].append(words.positions[words.starts[part] : words.starts[part + 1]].tolist())
        return Examples([item for item in items if item["label"]]), words.table_row


def open_tunable(
    model: str,
    files: ModelFiles,
    classes: Sequence[str],
    *,
    n_words: int,
    dropout: float | None,
    seed: int,
    saved: Path | None = None,
) -> Tunable:
    """The base in ``files`` with a head for ``classes``, in float32 on the CPU; from a ``saved`` step as it was then.

    A base that brings a head for the same classes keeps it; any other head is new, drawn with ``seed``. Raises
    ModelError for an adapter and for an encoder-decoder, and as loading does.
    """
    if files.adapter is not None:
        raise ModelError(
            f"The model '{model}' is an adapter; adapters are not fine-tuned here.",
            "Fine-tune its base, or a merged copy.",
        )
    silence()
    folder = saved or files.folder
    config = load_config(model, folder)
    architecture = describe_architecture(model, folder, config)
    if architecture.family == "encoder-decoder":
        raise ModelError(f"The model '{model}' is an encoder-decoder.", "Choose an encoder or a decoder to fine-tune.")
    tokenizer = load_tokenizer(model, files.folder)
    notes = [*_give_pad(model, config, tokenizer)]
    torch.manual_seed(seed)
    if n_words:
        config.problem_type = None
        backbone = _loaded(model, folder, architecture, for_words=True)
        module: nn.Module = WordClassifier(backbone, config.hidden_size, n_words, classes, dropout or 0.0)
        if saved is not None:
            read_head(module, saved)
        return Tunable(module, backbone, tokenizer, files.folder, n_words, config.pad_token_id, tuple(notes))
    kept = architecture.has_head and [str(config.id2label[i]) for i in sorted(config.id2label)] == list(classes)
    if not kept:
        config.id2label = dict(enumerate(classes))
        config.label2id = {name: number for number, name in enumerate(classes)}
        config.problem_type = "single_label_classification"
    own = next((name for name in _DROPOUTS if hasattr(config, name)), None)
    if dropout is not None and own is not None:
        setattr(config, own, dropout)
    module = _loaded(model, folder, architecture, for_words=False)
    _, backbone = select_backbone(module, Architecture(config, None, architecture.family, True))
    if not kept:
        _renew_head(module, backbone, float(getattr(config, "initializer_range", 0.02)))
    if dropout and own is None:
        notes += _drop_before_head(module, dropout)
    return Tunable(module, backbone, tokenizer, files.folder, 0, config.pad_token_id, tuple(notes))


def _loaded(model: str, folder: Path, architecture: Architecture, *, for_words: bool) -> nn.Module:
    from transformers import AutoModel, AutoModelForSequenceClassification

    auto = AutoModel if for_words else AutoModelForSequenceClassification
    last: Exception | None = None
    for attention in ("sdpa", "eager"):
        try:
            module, found = auto.from_pretrained(
                str(folder),
                config=architecture.config,
                dtype=torch.float32,
                use_safetensors=True,
                trust_remote_code=False,
                local_files_only=True,
                attn_implementation=attention,
                ignore_mismatched_sizes=True,
                output_loading_info=True,
            )
            break
        except ValueError as error:
            last = error
            if attention == "sdpa" and "scaled_dot_product" in str(error):
                continue
            reason = (str(error).splitlines() or [""])[0][:160]
            raise ModelError(
                f"The model '{model}' cannot be given a head ({reason}).", "Choose a model with a classification head."
            ) from None
    else:
        raise AssertionError(last)
    plain = Architecture(architecture.config, auto, architecture.family, not for_words)
    _, backbone = select_backbone(module, plain)
    inside = [name for name, child in module.named_modules() if child is backbone]
    found["mismatched_keys"] = {key for key in found["mismatched_keys"] if any(_below(str(key[0]), n) for n in inside)}
    has_pooler = any("pooler" in key for key in found["missing_keys"])
    if has_pooler:  # a base without one gets a new one, which is trained with the head
        found["missing_keys"] = {key for key in found["missing_keys"] if "pooler." not in key}
    check_missing(model, module, plain, found, adapter=True)
    return module


def _below(key: str, prefix: str) -> bool:
    return not prefix or key.startswith(f"{prefix}.")


def _renew_head(module: nn.Module, backbone: nn.Module, spread: float) -> None:
    """Draw the head anew, whatever the base brought: all that is not in the backbone."""
    inner = {id(parameter) for parameter in backbone.parameters()}
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if id(parameter) in inner:
                continue
            if parameter.ndim > 1:
                parameter.normal_(0.0, spread)
            elif name.endswith("bias"):
                parameter.zero_()


def _drop_before_head(module: nn.Module, dropout: float) -> list[str]:
    """Decoders have no dropout before their head: give ``module`` one; a note where it has no such place."""
    score: Any = getattr(module, "score", None)
    if not isinstance(score, nn.Linear):
        return [f"The recipe's dropout of {dropout:g} has no place in this head; the model's own dropouts stay."]
    score.register_forward_pre_hook(
        lambda layer, args: (nn.functional.dropout(args[0], dropout, layer.training), *args[1:])
    )
    return []


def _give_pad(model: str, config: Untyped, tokenizer: Untyped) -> list[str]:
    """Texts of a batch are padded to one length: where the model has no token for that, take the one that ends a text."""
    if getattr(config, "pad_token_id", None) is not None:
        return []
    if tokenizer.pad_token_id is not None:
        config.pad_token_id = int(tokenizer.pad_token_id)
        return [f"The model names no padding token; its tokenizer's ({tokenizer.pad_token}) is used, and masked."]
    end = tokenizer.eos_token_id
    if end is None:
        raise InvalidRequest(
            f"The tokenizer of '{model}' has neither a padding token nor one that ends a text.", "Give it one of them."
        )
    config.pad_token_id = int(end)
    return [f"The model has no padding token; its end-of-text token ({tokenizer.eos_token}) is used, and masked."]


def _inputs(one: Encoded) -> dict[str, Any]:
    return {"input_ids": one.ids, "types": one.types}
