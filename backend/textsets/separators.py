"""Which separator a table of text has: found from all its lines, or named by a line of its own."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice

from backend.errors import TextSetError
from backend.textsets.decoding import first_line, iter_lines, line_end
from backend.textsets.headers import KNOWN
from backend.textsets.records import Dialect, records
from backend.textsets.tidying import tidy

CANDIDATES = (",", "\t", ";", "|", "^", "~", "¦", "\x1f", "\x01", " ")  # the order decides where nothing else does
_LONG = ("|||", "||", "::")
_HINT = re.compile(r'"?sep=(?P<mark>\\t|[^\w"\r\n])"?[;,\t|]*', re.IGNORECASE)
_QUOTED_LINE = re.compile(r'(?:"(?:[^"\\]|""|\\.)*"|[^\s"]+)(?: (?:"(?:[^"\\]|""|\\.)*"|[^\s"]+))++')
_ENOUGH, _NEARLY = 20, 0.95  # so many records are a table where so many of them agree; reading names those that do not
_SAMPLE = 200  # lines looked at for the habits of a separator
_MOST_TALLIED = 250_000  # records: more than a table may have, unless EMBEDSCOPE_MAX_ROWS was raised
_GIVE_UP = 0.5  # a separator that fewer records than this agree on after the sample is none


@dataclass(frozen=True, slots=True)
class Start:
    """The text without the lines before its table, how many those were, the separator they name, and what to say."""

    text: str
    n_lines: int = 0
    mark: str | None = None
    notices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Tally:
    """How one dialect cuts the records: the width of the first, the commonest width of the others, their share of it."""

    dialect: Dialect
    first: int
    width: int
    share: float
    n_records: int
    known: bool = False  # the first record has a usual name of a column
    broken: bool = False  # the quoting is
    inner: bool = False  # cells that are quoted after white space

    @property
    def consistent(self) -> bool:
        """Whether all records agree; a header may be one cell short."""
        return self.width > 1 and self.share == 1 and not self.broken and self.first in (self.width, self.width - 1)


def table_start(text: str) -> Start:
    """``text`` from its header on: without a line "sep=;" as Excel writes it, and without lines of comment before it."""
    n_lines, mark, notices = 0, None, []
    end = line_end(text)
    line, rest = _parted(text, end)
    hint = _HINT.fullmatch(line.strip(" \r"))
    if hint is not None:
        mark = "\t" if hint["mark"] == "\\t" else hint["mark"]
        text, n_lines = rest, 1
        shown = "tab" if mark == "\t" else mark
        notices.append(f'The first line ("sep={shown}") names the separator; it is not a row.')
    n_comments = _n_comments(text)
    for _ in range(n_comments):
        text = _parted(text, end)[1]
    if n_comments:
        n_lines += n_comments
        lines = "line begins" if n_comments == 1 else f"{n_comments} lines begin"
        notices.append(f"The first {lines} with #: taken as a comment, not as rows.")
    if text.startswith("#") and (found := _KNOWN_START.match(text)):
        text = text[found.end() :]
    return Start(text, n_lines, mark, tuple(notices))


_KNOWN_START = re.compile(
    r"#\s*(?=\"?(?:" + "|".join(map(re.escape, sorted(KNOWN, key=len, reverse=True))) + r")\"?\s*[,;|^~\t])"
)


def find_dialect(
    text: str, marks: tuple[str, ...] | None = None, *, literal: bool = False
) -> tuple[Tally, list[Tally]]:
    """How the records of ``text`` are cut, and what else was tried, best first.

    Every separator that stands in the first lines is tried on all records; the one that cuts them alike wins, then one
    that gives usual names of columns, that prose and numbers do not have by themselves, and the commonest. ``marks``
    leaves only these. ``literal``: quotation marks are characters unless only quoting cuts the records alike.
    """
    head = list(islice((line for line in iter_lines(text) if line.strip()), _SAMPLE))
    tried = marks if marks is not None else _present(head)
    tallies = [_best_dialect(text, mark, head, literal) for mark in tried]
    if marks is None:
        tallies = _without_parts([tally for tally in tallies if tally.width > 1])
        tallies.sort(key=lambda tally: _rank(tally, head), reverse=True)
        tallies = [replace(tally, broken=True) if _is_titled(tally, head) else tally for tally in tallies]
        if not tallies or _is_one_column(tallies[0], head):
            tallies.insert(0, _tally(text, Dialect("")))
    return tallies[0], tallies[1:]


def _present(head: list[str]) -> list[str]:
    """Separators that may be: those in the first or the second line, or in a first cell of several lines and the line that it ends in."""
    start = "\n".join(head[: max(2, _first_quoted(head))])
    marks = [mark for mark in (*CANDIDATES, *_LONG) if mark in start and mark != " "]
    quoted = '"' in start and all(_QUOTED_LINE.fullmatch(line) and '"' in line for line in head)
    return [*marks, " "] if quoted else marks


def _first_quoted(head: list[str]) -> int:
    """How many lines the first record takes where it begins with a quotation mark; 0 where it does not, or is not seen to end."""
    n_marks = 0
    for number, line in enumerate(head if head and head[0].startswith('"') else [], start=1):
        n_marks += line.count('"')
        if n_marks % 2 == 0:
            return number
    return 0


def _best_dialect(text: str, mark: str, head: list[str], literal: bool) -> Tally:
    if len(mark) > 1:
        return _tally(text, Dialect(mark, quotes=False))
    spaced = bool(head) and mark != "\t" and _all_spaced(head[0], mark)
    quoted = [Dialect(mark, spaced=spaced), Dialect(mark, spaced=not spaced)]
    if '\\"' in text:
        quoted += [Dialect(mark, spaced=spaced, backslash=True)]
    if mark in "\t ":
        quoted = [dialect for dialect in quoted if not dialect.spaced]
    if literal:
        all_quoted = bool(head) and all(_is_quoted(cell) for cell in head[0].split(mark))
        plain = [Dialect(mark, quotes=False)]
        quoted = [*quoted, *plain] if all_quoted else [*plain, *quoted]
    best: Tally | None = None
    for dialect in quoted:
        tally = _tally(text, dialect)
        if tally.consistent and not tally.inner:
            return tally
        better = best is None or (tally.consistent and (not best.consistent or (best.inner and not tally.inner)))
        best = tally if better else best
    assert best is not None
    return best


def _tally(text: str, dialect: Dialect) -> Tally:
    """Counts over all records; it stops early where the first of them agree on nothing."""
    widths: Counter[int] = Counter()
    first: list[str] = []
    broken = inner = False
    after_space = dialect.quotes and not dialect.spaced and f'{dialect.mark} "' in text
    try:
        for _, cells in records(text, dialect):
            if not cells:
                continue
            if not first:
                first = cells
                continue
            width = len(cells)
            while width > len(first) and not cells[width - 1].strip():  # empty cells at the end are no columns
                width -= 1
            widths[width] += 1
            inner = inner or (after_space and any(cell.startswith(' "') and cell.endswith('"') for cell in cells))
            if widths.total() == _SAMPLE and widths.most_common(1)[0][1] < _GIVE_UP * _SAMPLE:
                break
            if widths.total() == _MOST_TALLIED:
                break
    except TextSetError:
        broken = True
    n_records = widths.total()
    width, count = widths.most_common(1)[0] if widths else (len(first), 1)
    known = any(tidy(cell).lower() in KNOWN for cell in first)
    return Tally(dialect, len(first), width, count / max(n_records, 1), n_records + bool(first), known, broken, inner)


def _rank(tally: Tally, head: list[str]) -> tuple[float, ...]:
    mark = tally.dialect.mark
    order = (*_LONG, *CANDIDATES).index(mark)
    named = tally.known and tally.first > 1
    return (
        tally.consistent,
        named,
        not _in_numbers(head, mark),
        not _in_prose(head, mark),
        round(tally.share, 2) if tally.first > 1 else 0,
        -order,
    )


def _without_parts(tallies: list[Tally]) -> list[Tally]:
    """Without "|" where "|||" cuts the records alike."""
    long = [tally.dialect.mark for tally in tallies if len(tally.dialect.mark) > 1 and tally.consistent]
    return [
        tally
        for tally in tallies
        if not any(tally.dialect.mark in mark and tally.dialect.mark != mark for mark in long)
        and (len(tally.dialect.mark) == 1 or tally.consistent)
    ]


def _is_one_column(tally: Tally, head: list[str]) -> bool:
    """Whether even the best separator is only a sign in the texts: the header has none, and the rows no one width."""
    if tally.consistent and tally.first > 1:
        return False
    if tally.first > 1 or tally.dialect.mark in head[0]:
        return False
    if tally.consistent:  # a header of one name, and rows of two cells: names of rows, as R writes them
        return not _numbers_rows(head, tally.dialect.mark)
    return tally.known or _in_prose(head[1:], tally.dialect.mark) or tally.share < 0.9


def _is_titled(tally: Tally, head: list[str]) -> bool:
    """Whether the first line is no header of one column, but a line above a table of two."""
    mark = tally.dialect.mark
    alone = tally.first == 1 and tally.width == 2 and tally.consistent and not tally.known
    return alone and not _numbers_rows(head, mark) and not _in_prose(head[1:], mark)


def _numbers_rows(head: list[str], mark: str) -> bool:
    firsts = [line.split(mark)[0].strip('"') for line in head[1:]]
    return firsts == [str(number) for number in range(1, len(firsts) + 1)] or all(line.startswith('"') for line in head)


def _in_prose(head: list[str], mark: str) -> bool:
    """Whether nearly every ``mark`` is followed by a space, as a comma in a sentence is."""
    n_marks = sum(line.count(mark) for line in head)
    return mark not in "\t " and n_marks > 0 and sum(line.count(f"{mark} ") for line in head) > 0.9 * n_marks


def _in_numbers(head: list[str], mark: str) -> bool:
    """Whether nearly every ``mark`` stands between digits, as a decimal comma does."""
    n_marks = sum(line.count(mark) for line in head)
    return mark == "," and sum(len(re.findall(r"\d,(?=\d)", line)) for line in head) > 0.9 * n_marks


def _all_spaced(line: str, mark: str) -> bool:
    """Whether a space follows every ``mark`` of the line, those within quotation marks not counted."""
    quoted = re.compile(rf'((?:^|{re.escape(mark)}) ?)"[^"]*+(?:""[^"]*+)*+"')  # which keeps no way back, of millions
    line = quoted.sub(r'\1""', line.strip())
    n_marks = line.count(mark) - line.endswith(mark)
    return bool(mark) and n_marks > 0 and n_marks == line.count(f"{mark} ")


def _is_quoted(cell: str) -> bool:
    return len(cell) > 1 and cell[0] == '"' == cell[-1]


def _n_comments(text: str) -> int:
    """How many lines at the start begin with # and are cut unlike the first line that does not."""
    if not text.startswith("#"):
        return 0
    lines = list(islice(iter_lines(text), _SAMPLE))
    after = next((number for number, line in enumerate(lines) if not line.startswith("#")), None)
    if after is None or not lines[after].strip():
        return 0
    marks = [mark for mark in CANDIDATES if mark != " " and mark in lines[after]]
    if not marks:
        return 0
    unlike = [all(line.count(mark) != lines[after].count(mark) for mark in marks) for line in lines[:after]]
    return next((number for number, is_comment in enumerate(unlike) if not is_comment), after)


def _parted(text: str, end: str) -> tuple[str, str]:
    line, _, rest = text.partition(end)
    return line, rest


def looks_like_table(text: str, *, named: bool) -> bool:
    """Whether text without a telling name is a table; ``named``: only tabs, or a header of usual names, are proof."""
    if not first_line(text):
        return False
    best, _ = find_dialect(text)
    nearly = best.n_records >= _ENOUGH and best.share >= _NEARLY and best.first == best.width > 1
    if not (best.consistent or nearly) or best.n_records < 2 or not (best.known or best.first == best.width):
        return False
    if named and best.dialect.mark != "\t":
        return best.known
    head = list(islice((line for line in iter_lines(text) if line.strip()), _SAMPLE))
    return best.known or not _in_prose(head, best.dialect.mark)
