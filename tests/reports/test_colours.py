"""Numbers that points are coloured by: lengths of texts, and the ends of a scale."""

import numpy as np

from backend import scale_ends, text_lengths


def test_texts_are_as_long_as_their_characters_or_words() -> None:
    texts = ["", "one", " two  words\n", "\u00e4\u00f6"]
    assert text_lengths(texts, "characters").tolist() == [0, 3, 12, 2]
    assert text_lengths(texts, "words").tolist() == [0, 1, 2, 1]


def test_a_scale_leaves_the_outermost_hundredths_to_its_ends() -> None:
    numbers = np.arange(101.0)
    numbers[100] = 1e9
    assert scale_ends(numbers) == (1.0, 99.0)
    assert scale_ends([np.nan, 2.0, np.inf]) == (2.0, 2.0)
    assert scale_ends([np.nan]) is None and scale_ends([]) is None
