"""How a table of texts is read: its columns, its form, and which of its rows are kept."""

from dataclasses import dataclass, field

from backend.values.specs import KEY_IF_SET

WORD_TASKS = ("upos", "deprel", "supersense role", "supersense function")  # what a CoNLL-U file is read for
ROWS_BY = ("first", "label", "random")  # how a part of the rows of a text set is taken


@dataclass(frozen=True, slots=True)
class TextColumns:
    """Which columns of a table hold what. A column is a name, or a number from 0 (for tables without a header).

    ``metadata`` are further columns to keep; None keeps all that can be kept. ``joined`` are columns whose cells follow the
    text's in each text, in this order, each after a line break; those of ``ahead`` come before it.
    """

    text: str | int | None = None
    pair: str | int | None = None
    label: str | int | None = None
    split: str | int | None = None
    metadata: tuple[str | int, ...] | None = ()
    joined: tuple[str | int, ...] = field(default=(), metadata=KEY_IF_SET)
    ahead: tuple[str | int, ...] = field(default=(), metadata=KEY_IF_SET)


@dataclass(frozen=True, slots=True)
class RowSample:
    """A part of the rows of a text set: ``n`` of them, ``by`` one of ROWS_BY: the first; at random; in proportion to the label."""

    n: int
    by: str = "first"
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """How to read a table of texts: None means "find out from the bytes and the file's name".

    ``task``, one of WORD_TASKS, says what a CoNLL-U file's words are labelled with; None is "upos".
    """

    columns: TextColumns = TextColumns()
    format: str | None = None  # csv, tsv, jsonl, json, parquet, txt, labelled, conllu, conllulex, words
    header: bool | None = None
    encoding: str | None = None
    clean_wikitext: bool = False  # drop headings, undo <unk> and the spaced @-@ of WikiText
    task: str | None = field(default=None, metadata=KEY_IF_SET)
    separator: str | None = field(default=None, metadata=KEY_IF_SET)  # of cells: a sign, or its name
    rows: RowSample | None = field(default=None, metadata=KEY_IF_SET)  # the part to keep, of the rows that have a text
