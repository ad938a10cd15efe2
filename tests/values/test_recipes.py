"""Recipes: the papers' numbers, changes to them, and what is refused."""

import dataclasses

import pytest

from backend import RECIPES, InvalidRequest, Recipe
from backend.values.recipes import changed, recipe, saved_steps


def test_the_papers_numbers() -> None:
    assert RECIPES["gptology"].n_together == 128 and RECIPES["gptology"].epochs == 10
    matton = RECIPES["matton"]
    assert (matton.learning_rate, matton.layer_decay, matton.warmup, matton.dropout) == (2e-5, 0.95, 0.1, 0.1)
    assert matton.n_together == 32 and matton.patience and matton.schedule == "slanted"
    assert dataclasses.replace(RECIPES["zhou"], epochs=3) == RECIPES["zhou-base"]


def test_changes_come_as_values_or_as_text() -> None:
    assert recipe("zhou", {"epochs": "2", "learning_rate": "1e-4", "dropout": "0.3"}) == dataclasses.replace(
        RECIPES["zhou"], epochs=2, learning_rate=1e-4, dropout=0.3
    )
    assert changed(RECIPES["matton"], {"dropout": "none"}).dropout is None
    assert all(field.metadata["help"] for field in dataclasses.fields(Recipe))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"speed": 1}, "no field 'speed'"),
        ({"epochs": "many"}, "cannot be 'many'"),
        ({"epochs": 1.5}, "cannot be 1.5"),
        ({"epochs": 0}, "outside its range"),
        ({"warmup": 1.1}, "outside its range"),
        ({"dropout": "nan"}, "outside its range"),
        ({"learning_rate": 0}, "has no effect"),
        ({"learning_rate": "inf"}, "outside its range"),
        ({"schedule": "cosine"}, "cannot be 'cosine'"),
    ],
)
def test_what_is_out_of_range_is_refused(changes: dict[str, object], message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as caught:
        recipe("zhou", changes)
    assert caught.value.hint


def test_steps_are_saved_at_powers_of_two_and_at_the_end_of_epochs() -> None:
    plain = Recipe(epochs=3, batch_size=32)
    assert saved_steps(6920, plain) == ((0, 1, 2, 4, 8, 16, 32, 64, 128, 217, 434, 651), 217, 651)
    assert saved_steps(6920, dataclasses.replace(plain, accumulation=4))[1:] == (55, 165)
    assert saved_steps(32, plain) == ((0, 1, 2, 3), 1, 3)
    assert saved_steps(64, dataclasses.replace(plain, max_steps=3))[0] == (0, 1, 2, 3)
    assert saved_steps(6920, dataclasses.replace(plain, max_steps=100))[0][-2:] == (64, 100)
