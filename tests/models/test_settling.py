"""Families whose vectors follow the longest text of a batch, or of all batches before it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers

from tests.models import tiny
from tests.models.sinks import extracted, loaded_model, relative_error

ROPE = {"rope_theta": 10000.0, "factor": 4.0, "original_max_position_embeddings": 16}
LONG = {"rope_type": "longrope", "short_factor": [1.0] * 4, "long_factor": [4.0, 3.0, 2.0, 9.0]}
CASES = {
    "bigbird": lambda: transformers.BigBirdConfig(
        vocab_size=tiny.N_TOKENS, max_position_embeddings=64, block_size=4, num_random_blocks=1, **tiny.SIZE
    ),
    "dynamic": lambda: tiny.llama_config(rope_parameters={"rope_type": "dynamic", **ROPE}),
    "longrope": lambda: tiny.llama_config(rope_parameters={**LONG, **ROPE}),
}
TEXTS = [" ".join(tiny.WORDS[(start + i) % 25] for i in range(n)) for start, n in enumerate((46, 3, 34, 20, 9, 34, 30))]


@pytest.mark.parametrize("family", CASES)
def test_every_text_is_as_in_a_model_that_has_seen_no_other(tmp_path: Path, family: str) -> None:
    folder = tiny.save(tmp_path, CASES[family]())
    loaded = loaded_model(folder)
    assert loaded.batching == "padded"
    last = len(loaded.info.layer_names) - 1
    expected = []
    for text in TEXTS:
        fresh: Any = transformers.AutoModel.from_pretrained(folder).eval()
        with torch.no_grad():
            ids = torch.tensor([loaded.tokenizer(text).input_ids])
            expected.append(
                fresh(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state[0].double().mean(0)
            )
    for _ in range(2):
        found = extracted(loaded, TEXTS, batch_tokens=150).matrix(last, "mean")
        assert relative_error(found, np.array(expected)) < 1e-4
