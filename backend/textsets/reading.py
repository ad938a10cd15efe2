"""Reading texts, or words, from a file of any of FORMATS: from bytes or from a path on this machine."""

import re
from dataclasses import replace
from pathlib import Path, PurePath

from backend.errors import TextSetError
from backend.textsets.cleaning import clean_table
from backend.textsets.conllu import looks_like
from backend.textsets.decoding import Decoded, decode, first_line
from backend.textsets.delimited import note_quotes, read_delimited
from backend.textsets.foreign import refuse_features, refuse_markup
from backend.textsets.jsondoc import read_json
from backend.textsets.labelled import first_lines, labelled_form, read_labelled
from backend.textsets.limits import Limits
from backend.textsets.parquet import read_parquet
from backend.textsets.plain import read_txt
from backend.textsets.roles import guess_roles
from backend.textsets.sampling import sampled
from backend.textsets.selection import blank_rows, find_column, other_columns, select
from backend.textsets.separators import find_dialect, looks_like_table, table_start
from backend.textsets.tables import FORMATS, RawTable, numbered, shortened
from backend.textsets.wordlists import holds_word_lists, read_word_lists
from backend.textsets.wordsets import WordSet, preview_words, read_conllu, word_table
from backend.values.numbers import plural
from backend.values.reading import ReadOptions, TextColumns
from backend.values.texts import Cell, Guess, TextPreview, TextTable

_SUFFIXES = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".tab": "tsv",
    ".psv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "json",
    ".parquet": "parquet",
    ".pq": "parquet",
    ".txt": "txt",
    ".text": "txt",
    ".conllu": "conllu",
    ".conllulex": "conllulex",
}
_OF_JSON = ("json", "jsonl")
_OF_WORDS = ("conllu", "conllulex", "words")
_SHOWN_CHARS, _FEWEST_SHOWN = 500, 10  # of one cell in a preview
_SHOWN_IN_ALL = 2_000_000  # characters of a preview: cells of very many columns are cut shorter


def preview(content: bytes, file_name: str, options: ReadOptions, *, limits: Limits, n_rows: int = 20) -> TextPreview:
    """What the file holds: format, columns, the first ``n_rows`` rows (cells cut to 500 characters, or fewer), guessed columns.

    ``options.format`` and ``options.encoding`` None are found out; ``file_name`` is only looked at for its ending.
    Notices also foretell what `read` does with the guessed (or chosen) text column: rows dropped, a text over the
    limit. Raises TextSetError wherever `read` would, whatever the columns.
    """
    table = _read_table(content, file_name, options, limits)
    if isinstance(table, WordSet):
        return preview_words(table, n_rows)
    roles = guess_roles(table)
    text = roles.text if options.columns.text is None else find_column(table, options.columns.text)
    n_cells = max(1, min(n_rows, table.n_rows) * len(table.columns))
    n_chars = max(_FEWEST_SHOWN, min(_SHOWN_CHARS, _SHOWN_IN_ALL // n_cells))
    first = tuple(
        tuple(None if cell is None else shortened(cell, n_chars) for cell in row)
        for row in zip(*(cells[:n_rows] for cells in table.cells), strict=True)
    )
    notices = [*table.notices, *_foretold(table, text, limits)]
    can_keep, _ = other_columns(table, limits)
    notices += other_columns(table, limits, of=set(table.columns) - {text})[1]
    return TextPreview(
        table.format,
        table.encoding,
        table.n_rows,
        table.columns,
        first,
        roles.text,
        roles.pair,
        roles.label,
        roles.split,
        tuple(notices),
        guesses=(*_encoding_guess(table, options), *table.guesses),
        header=table.header,
        can_keep=can_keep,
    )


def read(content: bytes, file_name: str, name: str, options: ReadOptions, *, limits: Limits) -> TextTable:
    """Text set ``name`` from the bytes of a file; ``options.columns`` says which column is what.

    Without a text column the one that looks most like it is taken, with a notice; pair, label and split are only those that
    are named, and so is metadata unless it is None: then every column that can be kept is. Cells keep the characters they have in the file ("1" stays "1", "NA" stays "NA"); an
    empty cell is missing; labels are freed of what is not seen (`tidy_labels`). Lines that begin with their label have
    it as their label where no column is named. Rows without a text are dropped and counted. CoNLL-U files and lists of words give a row for
    each word or pair of words (``options.task``). ``options.rows`` keeps a part of the rows. Raises TextSetError with the row and a remedy.
    """
    found = _read_table(content, file_name, options, limits)
    if isinstance(found, WordSet):
        table = word_table(found, name)
    else:
        table = select(found, name, _inherent(found, options.columns), limits)
    table = clean_table(table) if options.clean_wikitext else table
    return sampled(table, options.rows, of=file_name) if options.rows is not None else table


def read_path(path: str | Path, name: str, options: ReadOptions, *, limits: Limits) -> TextTable:
    """Text set ``name`` from a file on this machine; the path is never taken for an address.

    Raises TextSetError for a path that is missing, a folder, no plain file, not readable or too big, and as `read`.
    """
    return read(read_bytes(path, limits=limits), PurePath(path).name, name, options, limits=limits)


def read_bytes(path: str | Path, *, limits: Limits) -> bytes:
    """Bytes of a plain file within the limit; raises TextSetError as `read_path`."""
    try:
        file = Path(path).expanduser()
        if file.is_dir():
            raise TextSetError(f"'{path}' is a folder.", "Give the path of one file in it.")
        if not file.exists():
            raise TextSetError(
                f"There is no file '{path}'.", f"Paths start from {Path.cwd()}, unless they begin with /."
            )
        if not file.is_file():
            raise TextSetError(f"'{path}' is not a plain file.", "Copy its output into a file first.")
        limits.check_bytes(file.stat().st_size, f"'{path}'")
        with file.open("rb") as stream:
            return stream.read(limits.max_bytes + 1)
    except (OSError, ValueError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise TextSetError(f"'{path}' cannot be read: {reason}.", "Check the path and who may read the file.") from None


def _read_table(content: bytes, file_name: str, options: ReadOptions, limits: Limits) -> RawTable | WordSet:
    limits.check_bytes(len(content), f"'{file_name}'")
    if not content:
        raise TextSetError(f"'{file_name}' is empty: 0 bytes.", "Choose a file with at least one text.")
    if options.format is not None and options.format not in FORMATS:
        raise TextSetError(f"'{options.format}' is not a format.", f"The formats are {', '.join(FORMATS)}.")
    table = _table_of(content, file_name, options, limits)
    if not table.n_rows:
        raise TextSetError(
            f"'{file_name}' has no rows"
            + (" below its header." if isinstance(table, RawTable) and table.header else "."),
            "It needs at least one row; if the first row is not a header, read the file without one.",
        )
    return table


def _table_of(content: bytes, file_name: str, options: ReadOptions, limits: Limits) -> RawTable | WordSet:
    suffix = PurePath(file_name).suffix.lower()
    format_name = options.format or (None if content.startswith(b"PAR1") else _SUFFIXES.get(suffix))
    try:
        if format_name == "parquet" or (format_name is None and content.startswith(b"PAR1")):
            _refuse_for_texts(options, "parquet")
            return _parquet(content, file_name, limits)
        decoded = decode(content, options.encoding)
        if not decoded.text.strip():
            raise TextSetError(f"'{file_name}' contains only white space.", "Choose a file with at least one text.")
        return _read_text(decoded, format_name, suffix, options, limits)
    except MemoryError:
        raise TextSetError(
            f"Reading '{file_name}' took more memory than this process may have (EMBEDSCOPE_READ_BYTES).",
            "Split the file, leave out columns that are not needed, or raise the setting.",
        ) from None


def _read_text(
    decoded: Decoded, format_name: str | None, suffix: str, options: ReadOptions, limits: Limits
) -> RawTable | WordSet:
    if options.format is None:
        refuse_markup(decoded.text, suffix)
        if format_name in (None, "txt"):
            refuse_features(first_lines(decoded.text))
            format_name, decoded = _sniffed(decoded, format_name)
        elif format_name == "csv" and options.separator is None and _is_labelled(decoded.text):
            format_name = "labelled"
    assert format_name is not None
    if format_name in _OF_JSON and options.format is None and holds_word_lists(decoded.text, options.columns):
        format_name = "words"
    if format_name in _OF_WORDS:
        _refuse_for_words(options, format_name)
        if format_name == "words":
            return read_word_lists(decoded, options, limits=limits)
        return read_conllu(decoded, format_name, options, limits=limits)
    _refuse_for_texts(options, format_name)
    if format_name in _OF_JSON:
        return read_json(decoded, options, limits=limits)
    if format_name == "labelled":
        return read_labelled(decoded, limits=limits, guessed=options.format is None)
    if format_name == "txt":
        return read_txt(decoded, limits=limits)
    table = read_delimited(decoded, format_name, options, limits=limits)
    return note_quotes(table) if format_name == "tsv" else table


def _sniffed(decoded: Decoded, named: str | None) -> tuple[str, Decoded]:
    """The format that the text has, and a notice of it; ``named`` is what the file's name says, which needs no notice."""
    found = sniff_format(decoded.text, plain=named == "txt")
    if found == named or found == "labelled":
        return found, decoded
    notice = f"Read as {found.upper()}, judging by the first lines."
    if named is not None:
        notice = (
            f"Read as {found.upper()}, because its lines form a table. For one text per line, choose the format TXT."
        )
    return found, Decoded(decoded.text, decoded.encoding, (*decoded.notices, notice))


def sniff_format(text: str, *, plain: bool = False) -> str:
    """Format of a text whose name does not say: json, conllu, conllulex, tsv, csv, labelled, else txt.

    ``plain``: its name says TXT, so that only labelled lines and what is surely a table are not.
    """
    start = first_line(text).lstrip()
    of_words = looks_like(text)
    if start.startswith("{") and not plain:
        return "jsonl"
    if start.startswith("[") and not plain and _is_json_list(text):
        return "json"
    if of_words is not None and not plain:
        return of_words
    if labelled_form(text) in ("fasttext", "two levels"):
        return "labelled"
    table = table_start(text)
    if table.mark is not None or looks_like_table(table.text, named=plain):
        tabs = table.mark in (None, "\t") and "\t" in first_line(table.text)
        return "tsv" if tabs and not _quotes_cells(table.text) else "csv"
    return "labelled" if labelled_form(text) else "txt"


def _quotes_cells(text: str) -> bool:
    """Whether cells between tabs are quoted as in CSV: with quotation marks doubled inside."""
    return re.search(r'(?m)(?:^|\t)"', text) is not None and '""' in text and find_dialect(text, ("\t",))[0].consistent


def _is_labelled(text: str) -> bool:
    """Whether a file that is called a table has lines that begin with their label, and no separator."""
    return labelled_form(text) in ("fasttext", "two levels") and not looks_like_table(text, named=False)


def _is_json_list(text: str) -> bool:
    return re.match(r"\s*\[\s*[\[{\"\]]", text) is not None and text.rstrip().endswith("]")


def _encoding_guess(table: RawTable, options: ReadOptions) -> list[Guess]:
    """The encoding, where it was chosen among several that fit; UTF-8 that fits is no guess."""
    if options.encoding is not None or table.encoding in ("utf-8", "utf-16", "utf-32"):
        return []
    said = f"The letters are encoded as {table.encoding}. If some look wrong, it is another encoding."
    return [Guess("encoding", table.encoding, "another one, if letters look wrong", said)]


def _inherent(table: RawTable, columns: TextColumns) -> TextColumns:
    """``columns``, or, where none is named, those that labelled lines have by themselves."""
    if table.format != "labelled" or replace(columns, metadata=()) != TextColumns():
        return columns
    return TextColumns(table.columns[0], None, table.columns[1], None, table.columns[2:])


def _parquet(content: bytes, file_name: str, limits: Limits) -> RawTable:
    if not content.startswith(b"PAR1"):
        raise TextSetError(
            f"'{file_name}' is not a Parquet file: it does not begin with PAR1.", "Choose the format it really has."
        )
    return read_parquet(content, limits=limits)


def _refuse_for_words(options: ReadOptions, format_name: str) -> None:
    if options.clean_wikitext:
        raise TextSetError("Sentences of words are not cleaned as WikiText.", "Read the file without that cleaning.")
    if format_name == "words" and options.task is not None:
        _refuse_task(options.task, "lists of words, which bring their labels with them")


def _refuse_for_texts(options: ReadOptions, format_name: str) -> None:
    if options.task is not None:
        _refuse_task(options.task, f"format {format_name}")


def _refuse_task(task: str, what: str) -> None:
    raise TextSetError(
        f"The task '{task}' is for CoNLL-U files, but this is {what}.",
        "Leave the task out, or choose the format conllu or conllulex.",
    )


def _foretold(table: RawTable, text: str | None, limits: Limits) -> list[str]:
    if text is None:
        return []
    cells: tuple[Cell, ...] = tuple(table.cells[table.columns.index(text)])
    notices = []
    blank = blank_rows(cells)
    if blank:
        notices.append(f'{plural(len(blank), "row")} will be dropped, being empty in "{text}": {numbered(blank)}.')
    long = [row for row, cell in enumerate(cells) if cell is not None and len(cell) > limits.max_text_chars]
    if long:
        notices.append(
            f'Too long in "{text}" for the limit of {limits.max_text_chars:,} characters'
            f" (EMBEDSCOPE_MAX_TEXT_CHARS): {numbered(long)}. The file will be refused as it is."
        )
    return notices
