"""A classifier of words: a backbone, the mean of each word's token vectors, and a linear head with a file of its own."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

WORD_HEAD = "word_head.safetensors"


class WordClassifier(nn.Module):  # type: ignore[misc]
    """A backbone and a linear head on the mean of each word's token vectors; of a pair, on both side by side."""

    def __init__(self, backbone: nn.Module, n_dims: int, n_words: int, classes: Sequence[str], dropout: float) -> None:
        super().__init__()
        self.backbone = backbone
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(n_dims * n_words, len(classes))
        self.n_words, self.classes = n_words, list(classes)

    def forward(
        self,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        token_sentence: torch.Tensor,
        token_place: torch.Tensor,
        token_word: torch.Tensor,
        labels: torch.Tensor,
        token_type_ids: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """Loss (the mean over the words) and logits (n_rows, n_classes)."""
        types = {} if token_type_ids is None else {"token_type_ids": token_type_ids}
        hidden = self.backbone(input_ids=input_ids, attention_mask=attention_mask, **types)[0]
        vectors = hidden[token_sentence, token_place]
        n_parts = len(labels) * self.n_words
        total = vectors.new_zeros((n_parts, vectors.shape[-1])).index_add(0, token_word, vectors)
        count = torch.bincount(token_word, minlength=n_parts).unsqueeze(-1)
        rows = (total / count).reshape(len(labels), -1)
        logits = self.head(self.dropout(rows))
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


def write_head(module: nn.Module, folder: Path) -> None:
    """Save the head of a WordClassifier beside its backbone: weight (n_classes, n_in), bias, the names of the classes."""
    from safetensors.torch import save_file

    inner: Any = module
    state = {name: value.detach().cpu().contiguous() for name, value in inner.head.state_dict().items()}
    save_file(state, str(folder / WORD_HEAD), metadata={"classes": json.dumps(inner.classes)})


def word_inputs(items: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
    """Which tokens of a batch each word is made of, word after word, and the labels of the rows (n_rows,)."""
    sentences, places, numbers, labels = [], [], [], []
    part = 0
    for row, item in enumerate(items):
        labels += item["label"]
        for tokens in item["tokens"]:
            sentences += [row] * len(tokens)
            places += tokens
            numbers += [part] * len(tokens)
            part += 1
    return {
        "token_sentence": torch.tensor(sentences),
        "token_place": torch.tensor(places),
        "token_word": torch.tensor(numbers),
        "labels": torch.tensor(labels),
    }


def read_head(module: nn.Module, folder: Path) -> None:
    """Give a WordClassifier the head that was saved in ``folder``."""
    from safetensors.torch import load_file

    head: Any = module.head
    head.load_state_dict(load_file(str(folder / WORD_HEAD)))
