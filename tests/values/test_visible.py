"""Characters that nobody sees, written out, and those of writing that stay."""

import pytest

from backend.values.visible import all_seen, only_seen, visible


@pytest.mark.parametrize(
    ("text", "shown", "name"),
    [
        ("a name", "a name", "a name"),
        ("a\0b\x1b[1m", "a<U+0000>b<U+001B>[1m", "ab[1m"),
        ("\u202egpj.exe", "<U+202E>gpj.exe", "gpj.exe"),
        ("\u2067a\u2069", "<U+2067>a<U+2069>", "a"),
        ("a\x9b\x7f", "a<U+009B><U+007F>", "a"),
        ("a\ud800b", "a<U+D800>b", "ab"),
        ("one\ttwo\r\nthree\u2028", "one\ttwo\r\nthree\u2028", "one two  three "),
    ],
)
def test_what_nobody_sees_is_written_out(text: str, shown: str, name: str) -> None:
    assert visible(text) == shown and only_seen(text) == name
    assert all_seen(text) == (text == name) and all_seen(name)


@pytest.mark.parametrize(
    "name",
    [
        "\u05d0\u200f!",
        "\u0645\u06cc\u200c\u062e\u0648\u0627\u0647\u0645",
        "\U0001f469\u200d\U0001f4bb",
        "a\u00a0b",
        "\u3000",
    ],
)
def test_the_marks_of_words_stay(name: str) -> None:
    assert visible(name) == name and all_seen(name)
