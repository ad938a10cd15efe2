"""From bytes to text: which encoding, and whether it is text at all."""

import codecs
import contextlib
import re
from collections.abc import Iterator
from dataclasses import dataclass

from backend.errors import TextSetError
from backend.textsets.foreign import ADVICE, refuse_bytes

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_EXOTIC = ("idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined", "mbcs", "oem")
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\x0b\x0c\x1a\x1b\x1c\x1d\x1e\x1f\x08"))
_BLOCK = 1 << 20  # characters
_MARK = "\ufeff"
_SAMPLE = 1 << 16  # bytes looked at for zero bytes


@dataclass(frozen=True, slots=True)
class Decoded:
    """The text of a file, the encoding it was in, and what there is to say about that."""

    text: str
    encoding: str
    notices: tuple[str, ...] = ()


def decode(content: bytes, encoding: str | None = None) -> Decoded:
    """Text of ``content``: by ``encoding``, else by its byte order mark, else as UTF-8, else as Latin-1 with a notice.

    UTF-16 and UTF-32 without a mark are known by their zero bytes. Byte order marks within the file (where files were
    joined) are no letters: they are taken out and counted. Raises TextSetError for binary content, for an unknown
    encoding, and for bytes that the encoding does not have.
    """
    refuse_bytes(content)
    if encoding:
        return _checked(_decode_as(content, encoding))
    for mark, name in _BOMS:
        if content.startswith(mark):
            return _checked(_decode_as(content, name))
    if b"\x00" in content:
        return _checked(_decode_wide(content))
    try:
        return _checked(Decoded(content.decode("utf-8"), "utf-8"))
    except UnicodeDecodeError as error:
        return _checked(_decode_single_bytes(content, error.start))


def iter_lines(text: str) -> Iterator[str]:
    """Lines of ``text``, ended by LF or CR LF (by CR where there is no LF); a last empty line does not count.

    Unlike str.splitlines it leaves form feeds, U+0085 and U+2028 in the text.
    """
    ends_with_cr = "\n" in text
    for line in raw_lines(text):
        yield line[:-1] if ends_with_cr and line.endswith("\r") else line


def line_end(text: str) -> str:
    """What ends a line of ``text``: LF, or CR where there is no LF."""
    return "\n" if "\n" in text else "\r"


def first_line(text: str) -> str:
    """The first line of ``text`` that is not blank, "" where there is none."""
    found = re.search(r"\S", text)
    if found is None:
        return ""
    end = line_end(text)
    stop = text.find(end, found.start())
    return text[text.rfind(end, 0, found.start()) + 1 : len(text) if stop < 0 else stop]


def raw_lines(text: str) -> Iterator[str]:
    """Lines of ``text`` without `line_end`, split block by block: millions of blank lines cost neither time nor memory."""
    end = line_end(text)
    start = 0
    while start < len(text):
        stop = text.rfind(end, start, start + _BLOCK)
        stop = text.find(end, start) if stop < 0 else stop
        stop = len(text) if stop < 0 else stop
        yield from text[start:stop].split(end)
        start = stop + 1


def _decode_as(content: bytes, encoding: str) -> Decoded:
    name = encoding.strip().lower().replace("_", "-")
    try:
        if codecs.lookup(name).name.replace("-", "_") in _EXOTIC:
            raise LookupError
        text = content.decode(name)
    except (LookupError, ValueError) as error:
        if not isinstance(error, UnicodeDecodeError):
            raise TextSetError(
                f"'{encoding}' is not a text encoding.",
                "Known ones are utf-8, utf-16, utf-16-le, latin-1, windows-1252, shift-jis, gb18030 and others.",
            ) from None
        raise TextSetError(
            f"The file is not {name}: byte {error.start + 1:,} (line {_line(content, error.start):,}) does not fit.",
            "Choose another encoding, or none to detect it.",
        ) from None
    return Decoded(text, name)


def _decode_single_bytes(content: bytes, first_bad: int) -> Decoded:
    """Bytes that are not UTF-8: Latin-1 or Windows-1252, unless it is UTF-8 with damage, or no text at all."""
    if len(content) - len(content.translate(None, _CONTROLS)) > len(content) // 100:
        raise TextSetError(
            "The file is binary: it contains control characters and bytes that fit no text encoding.", ADVICE
        )
    lenient = content.decode("utf-8", "replace")
    n_bad = lenient.count("\ufffd")
    n_good = len(lenient) - len(lenient.encode("ascii", "ignore")) - n_bad
    if n_good > n_bad:
        raise TextSetError(
            f"The file is UTF-8 but damaged: byte {first_bad + 1:,} (line {_line(content, first_bad):,}) does not fit.",
            "Repair that line, or choose the encoding latin-1 if it is not UTF-8 after all.",
        )
    text, name, shown = content.decode("latin-1"), "latin-1", "Latin-1"
    if any("\x80" <= char <= "\x9f" for char in set(text)):
        with contextlib.suppress(UnicodeDecodeError):
            text, name, shown = (
                content.decode("windows-1252"),
                "windows-1252",
                "Windows-1252 (Latin-1 with more characters)",
            )
    text = text.replace("\u00ef\u00bb\u00bf", _MARK)  # the mark of a file in UTF-8 that was joined to this one
    notice = (
        f"Byte {first_bad + 1:,} (line {_line(content, first_bad):,}) is not UTF-8: the file was read as {shown}."
        " If letters look wrong, choose its encoding."
    )
    return Decoded(text, name, (notice,))


def _decode_wide(content: bytes) -> Decoded:
    """UTF-16 or UTF-32 without a byte order mark, where at least a fifth of the characters are of the Latin script."""
    sample = content[: min(len(content), _SAMPLE) // 4 * 4]
    zeros = [sample[place::4].count(0) / max(len(sample) // 4, 1) for place in range(4)]
    names = [
        ("utf-32-le", zeros[2] == zeros[3] == 1 and zeros[1] > 0.2 and zeros[0] == 0),
        ("utf-32-be", zeros[0] == zeros[1] == 1 and zeros[2] > 0.2 and zeros[3] == 0),
        ("utf-16-le", min(zeros[1], zeros[3]) > 0.2 and zeros[0] == zeros[2] == 0),
        ("utf-16-be", min(zeros[0], zeros[2]) > 0.2 and zeros[1] == zeros[3] == 0),
    ]
    for name, likely in names:
        if likely:
            with contextlib.suppress(UnicodeDecodeError):
                text = content.decode(name)
                return Decoded(text, name, (f"There is no byte order mark: the file was read as {name.upper()}.",))
    position = content.index(0)
    raise TextSetError(
        f"There is a zero byte at byte {position + 1:,} (line {_line(content, position):,}): the file is binary, or"
        " damaged there.",
        ADVICE + " If it is UTF-16 without a byte order mark, choose the encoding utf-16-le or utf-16-be.",
    )


def _checked(decoded: Decoded) -> Decoded:
    text, notices = decoded.text, list(decoded.notices)
    zero = text.find("\x00")
    if zero >= 0:
        line = text.count("\n", 0, zero) + 1
        raise TextSetError(f"The file is binary: line {line:,} holds a zero character.", ADVICE)
    text = text.removeprefix(_MARK).removesuffix("\x1a")  # an old end-of-file sign
    if _MARK in text:
        n_marks, line = text.count(_MARK), text.count(line_end(text), 0, text.index(_MARK)) + 1
        text = text.replace(_MARK, "")
        marks = "1 byte order mark" if n_marks == 1 else f"{n_marks:,} byte order marks"
        notices.append(f"Removed {marks} inside the file (the first in line {line:,}), left over from joining files.")
    if "\r\r\n" in text and text.count("\r\r\n") == text.count("\n"):
        text = text.replace("\r\r\n", "\r\n")
        notices.append("Every line ended with two carriage returns: they count as one.")
    return Decoded(text, decoded.encoding, tuple(notices))


def _line(content: bytes, position: int) -> int:
    return content.count(b"\n", 0, position) + 1
