"""Batches that are tokenised ahead, and what they give brought from the device."""

import threading

import numpy as np
import pytest
import torch

from backend.errors import ModelError
from backend.models.batching import Ints
from backend.models.passes import made_ahead
from backend.models.pooling import brought, together


def test_the_next_batch_is_tokenised_while_one_is_run() -> None:
    made = [threading.Event() for _ in range(4)]

    def make(batch: Ints) -> int:
        made[batch[0]].set()
        return int(batch[0])

    for batch, found in made_ahead((np.array([number]) for number in range(4)), make):
        assert found == batch[0]
        assert all(event.wait(30) for event in made[: found + 2]), "the next one comes without being asked for"
        assert not any(event.is_set() for event in made[found + 2 :]), "and no more than that"
    assert list(made_ahead([], make)) == []


def test_what_cannot_be_tokenised_is_said_when_its_turn_comes_and_leaves_no_thread() -> None:
    def make(batch: Ints) -> Ints:
        if batch[0] == 2:
            raise ModelError("no such token", "use another")
        return batch

    seen = []
    with pytest.raises(ModelError, match="no such token"):
        seen.extend(int(batch[0]) for batch, _ in made_ahead((np.array([number]) for number in range(9)), make))
    ahead = made_ahead((np.array([number]) for number in range(2)), make)
    next(ahead)
    ahead.close()  # as where a pass is cancelled
    assert not [one for one in threading.enumerate() if one.name.startswith("tokens")]


def test_tensors_of_one_shape_are_copied_together_and_come_back_in_order() -> None:
    given = [torch.full((2, 3), 1.0), torch.full((4, 3), 2.0), torch.full((2, 3), 3.0), torch.zeros((0, 3))]
    for found in (together(given), brought(given)):
        assert all(np.array_equal(one, other.numpy()) for one, other in zip(found, given, strict=True))
    assert together([]) == brought([]) == []
