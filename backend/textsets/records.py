"""Text as records of cells: how cells are parted and quoted, and the line of the file that each record begins on."""

import csv
from collections.abc import Iterator
from dataclasses import dataclass

from backend.errors import TextSetError
from backend.textsets.decoding import iter_lines, line_end, raw_lines

Record = tuple[int, list[str]]  # line of the file it begins on, from 1; its cells
NAMES = {
    ",": "comma",
    "\t": "tab",
    ";": "semicolon",
    "|": "pipe",
    "^": "caret",
    "~": "tilde",
    " ": "space",
    "¦": "broken bar",
    "\x1f": "unit separator",
    "\x01": "control character 1",
    "|||": "|||",
    "||": "||",
    "::": "::",
}
QUOTED_CSV = (
    "A text with a separator, a quotation mark or a line break in it stands in quotation marks, with those inside"
    " doubled. Where quotation marks are ordinary characters, choose the format TSV; for one text per line, TXT."
)
_MIXED_ENDS = (
    "Lines end in more than one way: write the file with one kind of line end, or put texts with line breaks into"
    " quotation marks."
)
_CSV_ERRORS = (  # the words of the csv module
    ("unexpected end", "a quotation mark is not closed", QUOTED_CSV),
    ("expected after", "text follows a closing quotation mark", QUOTED_CSV),
    ("new-line character", "a carriage return stands outside quotation marks", _MIXED_ENDS),
)


@dataclass(frozen=True, slots=True)
class Dialect:
    """How a line is cut into cells: ``mark`` parts them ("" where there is one cell a line).

    ``quotes``: quotation marks quote. ``spaced``: spaces beside a separator are no part of the cell. ``backslash``:
    a backslash takes a quotation mark's meaning away.
    """

    mark: str
    quotes: bool = True
    spaced: bool = False
    backslash: bool = False


def mark_name(mark: str) -> str:
    """A separator in a word: "comma", "pipe"; others as they are written."""
    return NAMES.get(mark, f'"{mark}"') if mark else "none"


def marks_name(mark: str) -> str:
    """A separator as what stands between all cells: "commas", "pipes"; the marks themselves where they have no word."""
    name = mark_name(mark)
    return f"{name}s" if name[-1].isalpha() else name


def mark_of(given: str) -> str:
    """The separator that a person named, by a word or as it is; "none" is "". Raises TextSetError for what is none."""
    word = given.strip().lower().removesuffix("s")
    if word == "none":
        return ""
    by_name = {name: mark for mark, name in NAMES.items()} | {"\\t": "\t", "bar": "|", "vertical bar": "|"}
    if word in by_name:
        return by_name[word]
    if not given or len(given) > 3 or any(char in '"\r\n' or char.isalnum() for char in given):
        raise TextSetError(
            f"'{given}' is not a separator.",
            "Give a word (comma, semicolon, tab, pipe, caret, tilde, none) or the character itself.",
        )
    return given


def records(text: str, dialect: Dialect, *, strict: bool = True) -> Iterator[Record]:
    """Records of ``text``, a blank line as a record without cells; raises TextSetError where the quoting is broken."""
    if dialect.quotes and len(dialect.mark) < 2:
        return _quoted(text, dialect, strict)
    return _split(text, dialect)


def _quoted(text: str, dialect: Dialect, strict: bool) -> Iterator[Record]:
    csv.field_size_limit(max(csv.field_size_limit(), len(text) + 1))
    end = line_end(text)  # of every line alike, so that a lone CR in a cell is not taken for the end of a row
    reader = csv.reader(
        (line + end for line in raw_lines(text)),
        delimiter=dialect.mark or _absent(text),
        skipinitialspace=dialect.spaced,
        escapechar="\\" if dialect.backslash else None,
        strict=strict,
    )
    row = 0
    while True:
        line = reader.line_num + 1
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            what, hint = next(
                ((meaning, remedy) for words, meaning, remedy in _CSV_ERRORS if words in str(error)),
                (str(error), QUOTED_CSV),
            )
            raise TextSetError(f"Record {row + 1:,} (line {line:,} of the file): {what}.", hint) from None
        row += bool(cells)
        yield line, cells


def _split(text: str, dialect: Dialect) -> Iterator[Record]:
    for number, line in enumerate(iter_lines(text), start=1):
        if not line:
            yield number, []
        elif not dialect.mark:
            yield number, [line]
        else:
            cells = line.split(dialect.mark)
            yield number, [cell.lstrip(" ") for cell in cells] if dialect.spaced else cells


def _absent(text: str) -> str:
    """A character that ``text`` does not have."""
    return next(mark for mark in map(chr, (31, 30, 29, 28, *range(1, 9), *range(0xE000, 0xF8FF))) if mark not in text)
