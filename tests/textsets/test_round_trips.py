"""What the standard library and Arrow write is read back as the same rows."""

import csv
import io
import json

import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from backend.textsets.limits import Limits
from backend.textsets.reading import read
from backend.textsets.tidying import tidy
from backend.values.reading import ReadOptions, TextColumns

LIMITS = Limits()
# No surrogates, which UTF-8 cannot hold; no zero, which no text file has; no byte order mark at the very start.
ANY = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00\ufeff"), min_size=1, max_size=20)
ONE_LINE = st.text(
    st.characters(exclude_categories=("Cs",), exclude_characters="\x00\ufeff\r\n\t"), min_size=1, max_size=20
)


def rows_of(cells):
    """Rows of two cells: a text that is not blank, and a label that may be missing."""
    return st.lists(st.tuples(cells.filter(tidy), st.none() | cells.filter(tidy)), min_size=1, max_size=12)


def tidied(rows):
    """The rows as they are to be read: texts to the letter, labels without what is not seen."""
    return [(text, None if label is None else tidy(label)) for text, label in rows]


def read_rows(content, file_name, *, header=True):
    columns = TextColumns(text=0, label=1)
    table = read(content, file_name, "n", ReadOptions(columns=columns, header=header), limits=LIMITS)
    return list(zip(table.texts, table.columns[table.label], strict=True))


@settings(deadline=None)
@given(
    rows_of(ANY), st.sampled_from(["\n", "\r\n"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.booleans()
)
def test_csv(rows, line_end, quoting, header):
    cells = [cell for row in rows for cell in row if cell is not None]
    if quoting == csv.QUOTE_MINIMAL and line_end == "\n":  # the writer then leaves a CR without quotation marks
        assume(not any("\r" in cell for cell in cells))
    if (
        not header and quoting == csv.QUOTE_MINIMAL
    ):  # a space after each mark of the first line is none of the cells', here and below
        assume(not (rows[0][1] or "").startswith(" "))
    file = io.StringIO(newline="")
    writer = csv.writer(file, lineterminator=line_end, quoting=quoting)
    writer.writerows([("text", "label"), *rows] if header else rows)
    assert read_rows(file.getvalue().encode(), "a.csv", header=header) == tidied(rows)


def test_a_comma_within_quotation_marks_does_not_say_that_spaces_are_between_cells():
    assert read_rows(b'"a, b",\nc ,x\n', "a.csv", header=False) == [("a, b", None), ("c ", "x")]
    assert read_rows(b'"a, b", x\nc , y\n', "a.csv", header=False) == [("a, b", "x"), ("c", "y")]


def test_a_first_text_of_several_lines_hides_no_separator():
    assert read_rows(b'"\nfirst line\nsecond",x\nthird,y\n', "a.csv", header=False) == [
        ("\nfirst line\nsecond", "x"),
        ("third", "y"),
    ]
    assert read_rows(b'"one\ntwo\nthree",\n', "a.csv", header=False) == [("one\ntwo\nthree", None)]


@settings(deadline=None)
@given(rows_of(ONE_LINE), st.sampled_from(["\n", "\r\n"]), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_tsv(rows, line_end, encoding):
    lines = ["text\tlabel", *(f"{text}\t{label or ''}" for text, label in rows)]
    assert read_rows((line_end.join(lines) + line_end).encode(encoding), "a.tsv") == tidied(rows)


@settings(deadline=None)
@given(rows_of(ANY | st.just("\x00a")), st.booleans(), st.booleans())
def test_jsonl(rows, ascii_only, leave_out):
    def line(text, label):
        fields = {"text": text, "label": label}
        if leave_out and label is None:
            del fields["label"]
        return json.dumps(fields, ensure_ascii=ascii_only)

    first = json.dumps({"text": "first", "label": "x"})  # so that there are two columns in any case
    content = "\n".join([first, *(line(*row) for row in rows)]).encode()
    assert read_rows(content, "a.jsonl") == [("first", "x"), *tidied(rows)]


@settings(deadline=None)
@given(rows_of(ANY | st.just("\x00a")), st.booleans(), st.integers(1, 5))
def test_parquet(rows, dictionary, row_group_size):
    texts, labels = zip(*rows, strict=True)
    table = pa.table({"text": pa.array(texts, pa.string()), "label": pa.array(labels, pa.string())})
    file = io.BytesIO()
    pq.write_table(table, file, use_dictionary=dictionary, row_group_size=row_group_size)
    assert read_rows(file.getvalue(), "a.parquet") == tidied(rows)


@settings(deadline=None)
@given(st.lists(ONE_LINE.filter(tidy), min_size=1, max_size=12), st.sampled_from(["\n", "\r\n"]))
def test_txt(texts, line_end):
    content = (line_end.join(texts) + line_end).encode()
    table = read(content, "a.txt", "n", ReadOptions(), limits=LIMITS)
    assert list(table.texts) == texts
