"""Lines that begin with their label: TREC's "DESC:manner How ...", fastText's "__label__x ...", "1 a good film"."""

import re
from collections.abc import Callable, Iterable
from itertools import islice

from backend.errors import TextSetError
from backend.textsets.decoding import Decoded, iter_lines
from backend.textsets.limits import Limits
from backend.textsets.tables import RawTable, numbered, shortened
from backend.values.numbers import plural
from backend.values.texts import Cell, Guess

_FASTTEXT = "__label__"
_FASTTEXT_LINE = re.compile(rf"{_FASTTEXT}[^\s,;|]+[ \t]+\S|.*\S[ \t]+{_FASTTEXT}[^\s,;|]+\s*$")
_TWO_LEVELS = re.compile(r"([A-Z][A-Z_-]*):([A-Za-z][\w-]*)[ \t]+(\S.*)")
_ONE_WORD = re.compile(r"(\S+)[ \t]+(\S.*)")
_CLASS_NUMBER = re.compile(r"[+-]?[0-9]{1,3}")
_USUAL = frozenset(("pos", "neg", "neu", "positive", "negative", "neutral", "ham", "spam"))
_MOST_CLASSES = 100
_FEWEST_LINES = 4  # for labels that are numbers or words; the other two forms cannot be anything else
_MANY = 20
_MOST_LINES = 250_000  # more than a table may have rows, unless EMBEDSCOPE_MAX_ROWS was raised
_FORMS = {
    "fasttext": "fastText's form, __label__NAME before the text",
    "two levels": "TREC's form, COARSE:fine before the text",
    "one word": "a label, a space, then the text",
}
_HINT = "Each line is a label, white space and a text. For lines without labels, choose the format TXT."


def labelled_form(text: str) -> str | None:
    """Which form the lines of ``text`` have (a key of the forms above), or None where they are plain lines."""
    lines = list(islice((line for line in iter_lines(text) if line.strip()), _MOST_LINES))
    if len(lines) < 2:
        return None
    for form, pattern in (("fasttext", _FASTTEXT_LINE), ("two levels", _TWO_LEVELS)):
        if pattern.match(lines[0]) and _nearly_all(pattern, lines):
            return form
    firsts = [line.split(maxsplit=1)[0] for line in lines]
    classes = set(firsts)
    if len(lines) < _FEWEST_LINES or not 2 <= len(classes) <= min(_MOST_CLASSES, len(lines) // 2):
        return None
    known = all(_CLASS_NUMBER.fullmatch(name) for name in classes) or {name.casefold() for name in classes} <= _USUAL
    return "one word" if known and all(_ONE_WORD.fullmatch(line) for line in lines) else None


def _nearly_all(pattern: re.Pattern[str], lines: list[str]) -> bool:
    """Whether all lines, or nearly all of many, have the form; reading then names the first that has not."""
    n_other = sum(pattern.match(line) is None for line in lines)
    return n_other == 0 or (len(lines) >= _MANY and n_other <= len(lines) // _MANY)


def read_labelled(decoded: Decoded, *, limits: Limits, guessed: bool) -> RawTable:
    """Table of lines that begin with their label: columns "text" and "label", or "text", "coarse" and "fine".

    A fine label keeps its coarse one ("DESC:manner"), for "other" stands under several. Of several labels of fastText's
    the first is the label, and all are in a column "labels". ``guessed``: the form was found out, so that plain lines
    are the alternative. Raises TextSetError with the line for one without a label and a text.
    """
    form = labelled_form(decoded.text) or ("fasttext" if _FASTTEXT in decoded.text else "one word")
    cut, names = _CUTS[form]
    rows: list[tuple[Cell, ...]] = []
    n_blank = 0
    for number, line in enumerate(iter_lines(decoded.text), start=1):
        if not line.strip():
            n_blank += 1
            limits.check_blank(n_blank)
            continue
        cells = cut(line)
        if cells is None:
            raise TextSetError(f"Line {number:,} is not a label followed by a text: '{shortened(line, 60)}'.", _HINT)
        rows.append(cells)
        limits.check_rows(len(rows))
    columns = [tuple(column) for column in zip(*rows, strict=True)] or [()] * len(names)
    notices = [*decoded.notices, f"Each line was read as {_FORMS[form]}."]
    if form == "fasttext":
        names, columns = _several(names, columns, notices)
    if n_blank:
        notices.append(f"Dropped {plural(n_blank, 'blank line')}.")
    guess = Guess(
        "format",
        f"labelled lines ({_FORMS[form]})",
        "plain text (TXT): the label stays in the text",
        f"Each line begins with its label ({_FORMS[form]}). Read as plain text (TXT), the label would stay in the text.",
    )
    return RawTable(
        "labelled",
        decoded.encoding,
        names,
        tuple(columns),
        len(rows),
        notices=tuple(notices),
        guesses=(guess,) if guessed else (),
    )


def _two_levels(line: str) -> tuple[Cell, ...] | None:
    found = _TWO_LEVELS.fullmatch(line)
    return (found[3], found[1], f"{found[1]}:{found[2]}") if found else None


def _one_word(line: str) -> tuple[Cell, ...] | None:
    found = _ONE_WORD.fullmatch(line)
    return (found[2], found[1].removesuffix(":") or found[1]) if found else None


def _fasttext(line: str) -> tuple[Cell, ...] | None:
    """Text, first label and all labels; fastText takes a word that begins with the prefix for a label wherever it is."""
    words = line.split()
    labels = [word.removeprefix(_FASTTEXT) for word in words if word.startswith(_FASTTEXT)]
    text = re.sub(rf"(?:^|(?<=\s)){_FASTTEXT}\S+\s*", "", line).strip()
    return (text or None, labels[0] if labels else None, " ".join(labels) or None)


_CUTS: dict[str, tuple[Callable[[str], tuple[Cell, ...] | None], tuple[str, ...]]] = {
    "fasttext": (_fasttext, ("text", "label", "labels")),
    "two levels": (_two_levels, ("text", "coarse", "fine")),
    "one word": (_one_word, ("text", "label")),
}


def _several(
    names: tuple[str, ...], columns: list[tuple[Cell, ...]], notices: list[str]
) -> tuple[tuple[str, ...], list[tuple[Cell, ...]]]:
    many = [row for row, cell in enumerate(columns[2]) if cell is not None and " " in cell]
    if not many:
        return names[:2], columns[:2]
    notices.append(
        f'{plural(len(many), "line")} with more than one label ({numbered(many)}): column "label" has the first, "labels" all.'
    )
    return names, columns


def first_lines(text: str, n_lines: int = 20) -> list[str]:
    """The first lines of ``text`` that are not blank."""
    return list(_taken((line for line in iter_lines(text) if line.strip()), n_lines))


def _taken(lines: Iterable[str], n_lines: int) -> Iterable[str]:
    for _, line in zip(range(n_lines), lines, strict=False):
        yield line
