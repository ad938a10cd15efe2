"""What a metric found of the very same numbers is found once, as long as there is room."""

import numpy as np

from backend.metrics.shared.kept import Kept, key_of


def test_an_answer_is_made_once_and_again_when_it_had_to_go() -> None:
    kept, made = Kept[bytes](10, len), []

    def get(name: str, size: int) -> None:
        kept.get(name.encode(), lambda: (made.append(name), bytes(size))[1])

    get("a", 4), get("b", 4), get("a", 4)
    assert made == ["a", "b"]
    get("c", 4)  # b was used longest ago
    get("a", 4)
    assert made == ["a", "b", "c"]
    get("b", 4)
    assert made == ["a", "b", "c", "b"]
    get("large", 100)  # more than there is room for: kept by nobody
    get("large", 100)
    assert made[-2:] == ["large", "large"]


def test_a_key_is_that_of_the_numbers_in_their_form() -> None:
    rows = np.arange(12.0).reshape(3, 4)
    assert key_of(rows, 1.0) == key_of(rows.copy(), 1.0) == key_of(np.asfortranarray(rows), 1.0)
    others = [key_of(rows.T, 1.0), key_of(rows.ravel(), 1.0), key_of(rows.astype(np.float32), 1.0), key_of(rows, 2.0)]
    changed = rows.copy()
    changed[2, 3] += 1e-9
    assert len({key_of(rows, 1.0), key_of(changed, 1.0), *others}) == 6
