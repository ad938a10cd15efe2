"""Forward passes take turns on a GPU: simulated by a CPU under the name that torch has for its first one, which is not "cpu"."""

import dataclasses
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from backend.models.device import turn_on
from backend.models.loading import LoadedModel
from tests.models import tiny
from tests.models.sinks import Matrices, extracted, loaded_model

SIMULATED = "cpu:0"


class Passes:
    """How many forward passes were under way at once, at most."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.now = self.most = self.n = 0

    def begin(self, *_: Any) -> None:
        with self._lock:
            self.now, self.n = self.now + 1, self.n + 1
            self.most = max(self.most, self.now)
        time.sleep(0.02)  # long enough for another to come in

    def end(self, *_: Any) -> None:
        with self._lock:
            self.now -= 1


def test_two_models_run_one_batch_at_a_time_on_a_gpu(tmp_path: Path) -> None:
    passes: Passes = Passes()
    found: dict[int, Matrices] = {}
    words = " ".join(tiny.TEXTS).split()
    texts = [" ".join(words[first : first + length]) for first in range(6) for length in range(3, 9)]
    models = [_on(loaded_model(tiny.save_family(tmp_path / name, name)), SIMULATED) for name in ("bert", "gpt2")]
    for loaded in models:
        loaded.backbone.register_forward_pre_hook(passes.begin)
        loaded.backbone.register_forward_hook(passes.end)
    together = threading.Barrier(2)

    def run(number: int) -> None:
        together.wait()
        found[number] = extracted(models[number], texts, batch_tokens=20)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert passes.most == 1 and passes.n > 10
    for number, loaded in enumerate(models):
        alone = extracted(_on(loaded, "cpu"), texts, batch_tokens=20)
        for layer, pooling in alone.blocks:
            np.testing.assert_array_equal(found[number].matrix(layer, pooling), alone.matrix(layer, pooling))


def _on(loaded: LoadedModel, device: str) -> LoadedModel:
    assert torch.device(SIMULATED).type == "cpu"
    return dataclasses.replace(loaded, device=device)


def test_whoever_dies_in_its_turn_and_a_name_that_is_taken_stop_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(RuntimeError), turn_on(SIMULATED):
        raise RuntimeError("out of memory")
    with turn_on(SIMULATED):
        (lock,) = tmp_path.iterdir()
        assert lock.stat().st_mode & 0o077 == 0
    lock.unlink()
    (tmp_path / "elsewhere").write_text("another's")
    lock.symlink_to(tmp_path / "elsewhere")
    with turn_on(SIMULATED):
        assert (tmp_path / "elsewhere").read_text() == "another's", "no link is followed"
