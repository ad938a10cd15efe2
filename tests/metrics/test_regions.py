"""Names of regions: the words that were put there, whatever else the texts say; the same for the same seed."""

import numpy as np
import pytest

from backend import name_regions
from backend.metrics.maps import regions as module

CORNERS = np.array([[0.0, 0.0], [10.0, 0.0], [0.0, 10.0]])
OWN = (("goal", "striker", "referee"), ("soufflé", "oven", "flour"), ("Schrödinger", "quantum", "photon"))


def made(n_each=40, seed=0):
    """Three groups of texts, each about one thing in the same common words, and where they lie."""
    rng = np.random.default_rng(seed)
    places, texts = [], []
    for corner, own in zip(CORNERS, OWN, strict=True):
        for number in range(n_each):
            places.append(corner + rng.normal(scale=0.5, size=2))
            texts.append(f"the {own[number % 3]} and the {own[(number + 1) % 3]} of the {number} that is in the end")
    return np.array(places), texts


def test_a_region_is_named_by_the_words_that_only_it_has():
    coords, texts = made()
    (found,) = name_regions(coords[None], texts, seed=0, n_regions=3)
    assert [region.n_points for region in found] == [40, 40, 40]
    assert {frozenset(region.words) for region in found} == {frozenset(word.lower() for word in own) for own in OWN}
    for region in found:
        nearest = np.argmin(np.linalg.norm(CORNERS - [region.x, region.y], axis=1))
        assert set(region.words) == {word.lower() for word in OWN[nearest]}
        np.testing.assert_allclose([region.x, region.y], CORNERS[nearest], atol=0.3)


def test_every_layer_has_regions_of_its_own_and_the_same_seed_the_same():
    coords, texts = made()
    nowhere = np.full_like(coords, np.nan)
    moved = coords[np.random.default_rng(1).permutation(len(coords))]
    first, second = (name_regions(np.stack([coords, nowhere, moved]), texts, seed=3, n_regions=3) for _ in range(2))
    assert first == second
    assert len(first[0]) == 3 and first[1] == () and first[2] != first[0]


def test_the_weights_are_those_of_the_formula():
    inside = np.array([[9.0, 1.0, 0.0], [10.0, 0.0, 20.0]])
    weights = module._weights(inside)
    mean = 40 / 2
    assert weights[0, 1] == pytest.approx(np.sqrt(0.1) * np.log(1 + (mean - 1 + 0.5) / 1.5))
    assert weights[0, 0] == pytest.approx(np.sqrt(0.9) * np.log(1 + (mean - 19 + 0.5) / 19.5))
    assert weights[1, 0] == 0, "rarer there than everywhere"


@pytest.mark.parametrize("texts", [[""] * 40, ["1 2 3"] * 40, [f"w{number:03}x" for number in range(40)]])
def test_texts_without_common_words_name_nothing(texts):
    assert name_regions(np.random.default_rng(0).normal(size=(1, 40, 2)), texts, seed=0) == ((),)


def test_few_points_or_points_on_one_spot_have_no_regions():
    assert name_regions(np.zeros((1, 40, 2)), ["same words"] * 40, seed=0) == ((),)
    assert name_regions(np.arange(10.0).reshape(1, 5, 2), ["same words"] * 5, seed=0) == ((),)


def test_of_many_points_a_part_is_looked_at(monkeypatch):
    monkeypatch.setattr(module, "_MOST_FITTED", 60)
    coords, texts = made()
    (found,) = name_regions(coords[None], texts, seed=0, n_regions=3)
    assert sum(region.n_points for region in found) == 60
