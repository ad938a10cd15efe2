"""Encodings are found out or refused; binary content is always refused."""

import zlib

import pytest

from backend.errors import TextSetError
from backend.textsets.decoding import decode, iter_lines

TEXT = "naïve café, 日本\n"


@pytest.mark.parametrize(
    ("encoded", "name"),
    [
        (TEXT.encode("utf-8"), "utf-8"),
        (TEXT.encode("utf-8-sig"), "utf-8"),
        (TEXT.encode("utf-16"), "utf-16"),
        (b"\xfe\xff" + TEXT.encode("utf-16-be"), "utf-16"),
        (TEXT.encode("utf-32"), "utf-32"),
    ],
)
def test_unicode_is_found_out(encoded, name):
    decoded = decode(encoded)
    assert (decoded.text, decoded.encoding, decoded.notices) == (TEXT, name, ())


@pytest.mark.parametrize("name", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
def test_wide_encodings_without_a_mark_are_known_by_their_zero_bytes(name):
    text = "text,label\n老猫坐在垫子上,pos\nthe cat,neg\n"
    decoded = decode(text.encode(name))
    assert (decoded.text, decoded.encoding) == (text, name)
    assert decoded.notices == (f"There is no byte order mark: the file was read as {name.upper()}.",)


def test_byte_order_marks_within_a_file_are_no_letters():
    decoded = decode("\ufeffa\nb\n\ufeffc\n\ufeffd\n".encode())
    assert decoded.text == "a\nb\nc\nd\n"
    assert "Removed 2 byte order marks inside the file (the first in line 3)" in decoded.notices[0]


def test_a_mark_within_a_file_that_is_not_utf8_is_no_letters_either():
    assert decode("caf\xe9\n".encode("latin-1") + b"\xef\xbb\xbfpos\n").text == "café\npos\n"


def test_line_ends_of_two_carriage_returns_count_once():
    assert decode(b"a\r\r\nb\r\r\n").text == "a\r\nb\r\n"
    assert decode(b"a\r\r\nb\r\n").text == "a\r\r\nb\r\n"


def test_latin_1_with_a_notice():
    decoded = decode("ok\nna\xefve caf\xe9\n".encode("latin-1"))
    assert (decoded.text, decoded.encoding) == ("ok\nnaïve café\n", "latin-1")
    assert decoded.notices == (
        "Byte 6 (line 2) is not UTF-8: the file was read as Latin-1. If letters look wrong, choose its encoding.",
    )


def test_curly_quotes_of_windows():
    decoded = decode("it’s “fine”\n".encode("windows-1252"))
    assert (decoded.text, decoded.encoding) == ("it’s “fine”\n", "windows-1252")
    assert decode(b"caf\xe9 \x81\n").encoding == "latin-1"  # a byte that Windows-1252 does not have


@pytest.mark.parametrize("name", ["utf-16-le", "latin-1", "cp1251", "shift_jis", "gb18030", "UTF-8"])
def test_a_given_encoding_is_used(name):
    text = {"cp1251": "привет", "shift_jis": "日本", "gb18030": "中文"}.get(name, "café")
    assert decode(text.encode(name), name).text == text


def test_a_given_encoding_that_does_not_fit():
    with pytest.raises(TextSetError, match=r"The file is not utf-8: byte 4 \(line 2\) does not fit"):
        decode(b"ok\n\xff", "utf-8")
    with pytest.raises(TextSetError, match=r"The file is not ascii: byte 1 "):
        decode("é".encode(), "ascii")


@pytest.mark.parametrize(
    "name", ["no-such", "base64", "zip", "rot13", "idna", "punycode", "unicode_escape", "\x00", "é"]
)
def test_what_is_no_encoding_of_text(name):
    with pytest.raises(TextSetError, match="is not a text encoding"):
        decode(b"abc", name)


def test_damaged_utf8_is_not_read_as_something_else():
    with pytest.raises(TextSetError, match=r"UTF-8 but damaged: byte 14 \(line 2\)"):
        decode("日本\n中文".encode() + b"\xff" + "日本".encode())


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n....",
        b"PK\x03\x04....",
        b"%PDF-1.7\n",
        b"\xff\xd8\xff\xe0",
        b"\x1f\x8b\x08",
        b"PAR1....",
        b"text\nab\x00c\n",
        zlib.compress(bytes(range(256)) * 50)[4:],
        bytes([1, 2, 3, 255]) * 100,
    ],
)
def test_binary_is_refused(content):
    for encoding in (None, "latin-1"):
        if (
            encoding
            and b"\x00" not in content
            and not content.startswith((b"\x89", b"PK", b"%", b"\xff\xd8", b"\x1f", b"PAR"))
        ):
            continue  # a named encoding is believed where nothing speaks against it
        with pytest.raises(TextSetError) as caught:
            decode(content, encoding)
        assert "UTF-8" in caught.value.hint


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ("", []),
        ("a", ["a"]),
        ("a\n", ["a"]),
        ("a\r\nb\n\nc", ["a", "b", "", "c"]),
        ("a\rb\r", ["a", "b"]),
        ("a\rb\nc", ["a\rb", "c"]),
        ("\n\n", ["", ""]),
    ],
)
def test_lines(text, lines):
    assert list(iter_lines(text)) == lines


def test_lines_across_blocks():
    text = "a" * 1_500_000 + "\n" + "bc\r\n" * 600_000 + "\n" * 10 + "end"
    assert list(iter_lines(text)) == ["a" * 1_500_000, *["bc"] * 600_000, *[""] * 10, "end"]
