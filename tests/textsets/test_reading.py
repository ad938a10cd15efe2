"""Reading files of texts: each format, each trap, with the exact rows or the exact refusal."""

import dataclasses
import re
from typing import Any

import pytest

from backend.errors import TextSetError
from backend.settings import read_settings
from backend.textsets.limits import Limits
from backend.textsets.reading import preview, read, read_path
from backend.values.reading import ReadOptions, TextColumns
from backend.values.texts import TextTable
from tests.guards import modes_bind

LIMITS = Limits(max_bytes=1_000_000, max_rows=1_000, max_text_chars=5_000)


def options(text: Any = "text", label: Any = None, **rest: Any) -> ReadOptions:
    chosen = {field.name for field in dataclasses.fields(TextColumns)} & rest.keys()
    columns = TextColumns(text=text, label=label, **{key: rest.pop(key) for key in chosen})
    return ReadOptions(columns=columns, **rest)


def table(content: str | bytes, file_name: str = "a.csv", chosen: ReadOptions | None = None) -> TextTable:
    content = content.encode() if isinstance(content, str) else content
    return read(content, file_name, "mine", chosen or options(), limits=LIMITS)


def refusal(content: str | bytes, file_name: str = "a.csv", chosen: ReadOptions | None = None) -> TextSetError:
    with pytest.raises(TextSetError) as caught:
        table(content, file_name, chosen)
    assert caught.value.hint
    return caught.value


def test_csv_with_quotes_commas_and_line_breaks():
    content = 'text,label\r\n"a ""quoted"", word",1\r\n"two\nlines",0\r\nplain 5" disk,1\r\n'
    read_back = table(content, chosen=options(label="label"))
    assert read_back.texts == ('a "quoted", word', "two\nlines", 'plain 5" disk')
    assert read_back.columns == {"label": ("1", "0", "1")}
    assert (read_back.name, read_back.label, read_back.notices) == ("mine", "label", ())


def test_csv_separated_by_semicolons_or_tabs_says_so():
    for separator, word in ((";", "semicolons"), ("\t", "tabs")):
        read_back = table(f'text{separator}label\n"a, b"{separator}x\n', chosen=options(label="label"))
        assert read_back.texts == ("a, b",)
        assert read_back.notices == (f"Cells are separated by {word}.",)


def test_tsv_keeps_quotation_marks_and_swallows_no_rows():
    read_back = table('text\tlabel\n" unbalanced\t1\nb\t0\nsay "x\t1\n', "a.tsv", options(label="label"))
    assert read_back.texts == ('" unbalanced', "b", 'say "x')
    assert read_back.columns["label"] == ("1", "0", "1")


def test_tsv_with_quoted_cells_says_how_to_take_the_quotes_off():
    content = 'text\tlabel\n"a ""b"""\t1\n'
    literal = table(content, "a.tsv", options(label="label"))
    assert literal.texts == ('"a ""b"""',)
    assert "1 cell in quotation marks" in literal.notices[0]
    assert table(content, "a.tsv", options(label="label", format="csv")).texts == ('a "b"',)


def test_lines_end_only_at_line_ends():
    odd = "a\u2028b\x85c\x0cd\x0be\x1cf"
    assert table(f"text\n{odd}\n", "a.tsv").texts == (odd,)
    assert table(f"{odd}\r\nsecond\r\n", "a.txt").texts == (odd, "second")
    assert table("one\rtwo\r", "a.txt").texts == ("one", "two")
    assert table('{"text": "a\u2028b"}\n', "a.jsonl").texts == ("a\u2028b",)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize(("cells", "count"), [(["c"], "1 cell"), (["c", "2", "3"], "3 cells")])
def test_ragged_rows_are_refused_with_row_and_line(name, cells, count):
    separator = "," if name == "a.csv" else "\t"
    rows = [["text", "label"], ["a", "1"], [], ["b", "0"], cells]
    error = refusal("\n".join(separator.join(row) for row in rows), name)
    assert error.message == f"Row 3 (line 5 of the file) has {count}, the header has 2."
    assert "TXT" in error.hint


def test_ragged_rows_without_header_are_measured_by_the_first_row():
    error = refusal("a\t1\nb\n", "a.tsv", options(0, header=False))
    assert error.message == "Row 2 (line 2 of the file) has 1 cell, the first row has 2."


def test_unclosed_quotation_mark_is_refused_where_it_opens():
    error = refusal('text,label\n"two\nlines",1\nb,0\n"open,1\nc,0\n')
    assert error.message == "Record 4 (line 5 of the file): a quotation mark is not closed."
    assert "TSV" in error.hint


def test_text_after_a_closing_quotation_mark_is_refused():
    error = refusal('text,label\n"a" b,1\n')
    assert error.message == "Record 2 (line 2 of the file): text follows a closing quotation mark."


def test_a_carriage_return_is_no_end_of_a_row_where_lines_end_otherwise():
    assert table('text\n"a\rb"\n').texts == ("a\rb",)
    assert table("text\ra\rb\r").texts == ("a", "b")
    error = refusal("text\na\rb\n")
    assert error.message == "Record 2 (line 2 of the file): a carriage return stands outside quotation marks."


def test_duplicate_and_empty_header_names_become_unique_with_a_notice():
    content = "text,label,label,,label (2)\na,1,2,3,4\n"
    read_back = table(content, chosen=options(metadata=("label", "label (3)", "3", "label (2)")))
    assert read_back.columns == {"label": ("1",), "label (3)": ("2",), "3": ("3",), "label (2)": ("4",)}
    assert 'Two columns are called "label": 1 and 2 (from 0); the later one is called "label (3)".' in read_back.notices
    assert 'Column 3 (from 0) has no name: it is called "3".' in read_back.notices


def test_labels_stay_as_they_are_written():
    for name, content in {
        "a.csv": "text,label\na,1\nb,1.0\nc,007\nd,NA\ne,nan\nf,None\ng,\n",
        "a.tsv": "text\tlabel\na\t1\nb\t1.0\nc\t007\nd\tNA\ne\tnan\nf\tNone\ng\t\n",
    }.items():
        read_back = table(content, name, options(label="label"))
        assert read_back.columns["label"] == ("1", "1.0", "007", "NA", "nan", "None", None)
        assert '1 row without a label in column "label": row 7.' in read_back.notices


def test_numbers_in_json_stay_as_they_are_written():
    digits = "7" * 5_000
    labels = ["1", "1.0", "1e3", digits, "true", '"1"', "null", "NaN", '""']
    content = "".join(f'{{"text": "t", "value": {label}}}\n' for label in labels) + '{"text": "t"}\n'
    read_back = table(content, "a.jsonl", options(metadata=("value",)))
    assert read_back.columns["value"] == ("1", "1.0", "1e3", digits, "true", "1", None, "NaN", None, None)


def test_rows_without_a_text_are_dropped_and_counted():
    content = "text,label\na,0\n,1\nb,2\n  ,3\n" + ",4\n" * 5
    read_back = table(content, chosen=options(label="label"))
    assert (read_back.texts, read_back.columns["label"]) == (("a", "b"), ("0", "2"))
    assert read_back.notices == ("Dropped 7 rows with an empty text: rows 2, 4, 5, 6, 7 and 2 more.",)


def test_rows_without_a_second_text_are_dropped_and_counted():
    content = "text,other,label\na,x,0\n,y,1\nb,,2\n"
    read_back = table(content, chosen=options(label="label", pair="other"))
    assert (read_back.texts, read_back.pairs, read_back.columns) == (("a",), ("x",), {"label": ("0",)})
    assert read_back.notices == (
        "Dropped 1 row with an empty text: row 2.",
        "Dropped 1 row with an empty second text: row 3.",
    )


def test_pairs_split_and_metadata():
    content = "id,text,other,label,split,note\n7,a,b,1,train,n\n8,c,d,0, ,\n"
    chosen = options("text", "label", pair="other", split="split", metadata=("id", 5, "label", "text"))
    read_back = table(content, chosen=chosen)
    assert (read_back.texts, read_back.pairs) == (("a", "c"), ("b", "d"))
    assert list(read_back.columns.items()) == [
        ("label", ("1", "0")),
        ("split", ("train", None)),
        ("id", ("7", "8")),
        ("note", ("n", None)),
    ]
    assert (read_back.label, read_back.split) == ("label", "split")


def test_columns_by_number_without_a_header():
    for text, label in ((0, 1), ("0", "1")):
        read_back = table("a\t1\nb\t0\n", "a.tsv", options(text, label, header=False))
        assert (read_back.texts, read_back.columns, read_back.label) == (("a", "b"), {"1": ("1", "0")}, "1")


def test_a_header_that_looks_like_a_row_is_mentioned():
    notices = table("good film\t0\nbad film\t1\n", "a.tsv", options(0, header=True)).notices
    assert 'The first row was taken as the header: "good film", "0".' in notices[0]


@pytest.mark.parametrize(
    ("column", "shown"), [("review", '"review"'), (2, "number 2"), (-1, "number -1"), ("0", '"0"')]
)
def test_a_column_that_is_not_there(column, shown):
    error = refusal("text,label\na,1\n", chosen=options(column))
    assert error.message == f"There is no column {shown}."
    assert error.hint == 'There are 2 columns: "text", "label" (numbers 0 to 1).'


def test_a_column_chosen_twice():
    error = refusal("text,label\na,1\n", chosen=options("text", 0))
    assert error.message == 'Column "text" is chosen twice, as text and as label.'


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("[1, 2]", "Line 3 is a list, not an object."),
        ('"a"', "Line 3 is a string or a number, not an object."),
        ("12", "Line 3 is a string or a number, not an object."),
        ("null", "Line 3 is null, not an object."),
        ('{"text": "a", "text": "b"}', 'Line 3 has the key "text" twice.'),
        ('{"text": ' + "[" * 100_000 + "]" * 100_000 + "}", "Line 3 is nested too deeply."),
        ("[" * 100_000, "Line 3 is nested too deeply."),
        ('{"text": ["a"]}', 'Column "text" cannot be chosen: line 3 holds a nested value there.'),
        ('{"text": {"a": 1}}', 'Column "text" cannot be chosen: line 3 holds a nested value there.'),
    ],
)
def test_jsonl_lines_that_are_no_rows(line, message):
    assert refusal('{"text": "a"}\n\n' + line + "\n", "a.jsonl").message == message


@pytest.mark.parametrize("line", ['{"text": "a",}', '{"text": "a"', "text", '{"text": "a"} {"text": "b"}'])
def test_jsonl_lines_that_are_no_json(line):
    error = refusal('{"text": "a"}\n\n' + line + "\n", "a.jsonl")
    assert error.message.startswith("Line 3 is not JSON: ")
    assert " at column " in error.message


def test_jsonl_keys_may_differ_and_unused_columns_may_be_nested():
    content = '{"text": "a", "meta": {"k": [1]}}\n\n{"label": "x", "text": "b"}\n'
    read_back = table(content, "a.jsonl", options(label="label"))
    assert (read_back.texts, read_back.columns) == (("a", "b"), {"label": (None, "x")})
    assert "Skipped 1 blank line." in read_back.notices
    shown = preview(content.encode(), "a.jsonl", ReadOptions(), limits=LIMITS)
    assert shown.columns == ("text", "meta", "label")
    assert shown.rows == (("a", "{1 field}", None), ("b", None, "x"))
    assert shown.notices[-1] == 'Left out column "meta": line 1 holds a nested value there.'


def test_half_a_surrogate_pair_is_replaced_and_counted():
    read_back = table('{"text": "a\\ud800b"}\n{"text": "\\ud83d\\ude00"}\n', "a.jsonl")
    assert read_back.texts == ("a\ufffdb", "\U0001f600")
    assert "1 cell held half of a surrogate pair: it was replaced by U+FFFD." in read_back.notices


def test_txt_drops_blank_lines_and_keeps_the_rest_as_it_is():
    read_back = table(" = Title = \n\n \nb\tc\n", "a.txt")
    assert read_back.texts == (" = Title = ", "b\tc")
    assert read_back.notices == ("Dropped 2 blank lines.",)


def test_one_text_is_a_text_set():
    assert table("only one", "a.txt").texts == ("only one",)
    assert table("text\nonly one\n").texts == ("only one",)


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "a.csv", "'a.csv' is empty: 0 bytes."),
        ("\n \n", "a.txt", "'a.txt' contains only white space."),
        ("\ufeff", "a.csv", "'a.csv' contains only white space."),
        ("text,label\n", "a.csv", "'a.csv' has no rows below its header."),
        ("text,label\n,1\n", "a.csv", 'No text is left: column "text" is empty in every row.'),
    ],
)
def test_files_without_a_text(content, name, message):
    assert refusal(content, name).message == message


def test_limits_are_stated_with_their_settings():
    assert refusal("a" * 1_000_001, "a.txt").message == (
        "'a.txt' has 1,000,001 bytes; the limit is 1,000,000 (EMBEDSCOPE_MAX_UPLOAD_BYTES)."
    )
    for name, line in {"a.txt": "a\n", "a.tsv": "a\n", "a.csv": "a\n", "a.jsonl": '{"text":"a"}\n'}.items():
        head = "text\n" if name in ("a.csv", "a.tsv") else ""
        assert len(table(head + line * 1_000, name)) == 1_000
        assert refusal(head + line * 1_001, name).message == (
            "The table has more than 1,000 rows; the limit is 1,000 (EMBEDSCOPE_MAX_ROWS)."
        )
    assert table("text\n" + "a" * 5_000).texts == ("a" * 5_000,)
    assert refusal("text\nb\n" + "a" * 5_001).message == (
        'Row 2 has 5,001 characters in column "text"; the limit is 5,000 (EMBEDSCOPE_MAX_TEXT_CHARS).'
    )


def test_limits_come_from_the_settings(monkeypatch):
    for name, value in {"UPLOAD_BYTES": "11", "ROWS": "22", "TEXT_CHARS": "33"}.items():
        monkeypatch.setenv(f"EMBEDSCOPE_MAX_{name}", value)
    assert Limits.of(read_settings()) == Limits(11, 22, 33)


def test_a_text_longer_than_the_csv_modules_own_limit():
    limits = Limits(max_bytes=1_000_000, max_text_chars=300_000)
    long = "a" * 200_000
    assert read(f'text\n"{long}"\n'.encode(), "a.csv", "n", options(), limits=limits).texts == (long,)


def test_many_columns_cannot_fill_the_memory():
    keys = ", ".join(f'"k{number}": 1' for number in range(9_000))
    limits = Limits(max_bytes=10_000_000, max_rows=10_000)
    with pytest.raises(TextSetError, match=r"9,000 columns: more than 5,000,000 cells"):
        read((f"{{{keys}}}\n" + "{}\n" * 9_000).encode(), "a.jsonl", "n", options("k0"), limits=limits)
    for name, content in {
        "a.csv": "a," * 20_000,
        "a.tsv": "a\t" * 20_000,
        "a.jsonl": "{" + ", ".join(f'"k{number}": 1' for number in range(20_000)) + "}",
    }.items():
        assert re.fullmatch(
            r"The table has 20,00[01] columns; the limit is 10,000\.|.* 10,001 columns;.*",
            refusal(content, name).message,
        )
    same = ",".join(["a"] * 10_000)
    assert preview(f"{same}\n{same}\n".encode(), "a.csv", ReadOptions(), limits=LIMITS).columns[-1] == "a (10000)"


@pytest.mark.parametrize("name", ["a.txt", "a.csv", "a.tsv", "a.jsonl"])
def test_a_file_of_blank_lines(name):
    assert "more than 5,000 blank lines" in refusal("\n" * 900_000 + "{}", name).message


@pytest.mark.parametrize(
    ("content", "format_name"),
    [
        ('{"text": "a"}\n', "jsonl"),
        ("a\t1\nb\t2\n", "tsv"),
        ('a,1\n"b, c",2\n', "csv"),
        ("a;1\nb;2\n", "csv"),
        ("Who , me ?\nHow, when, where ?\n", "txt"),
        ("one line, with a comma\n", "txt"),
    ],
)
def test_format_from_the_bytes_where_the_name_does_not_say(content, format_name):
    shown = preview(content.encode(), "TREC.train", ReadOptions(header=False), limits=LIMITS)
    assert shown.format == format_name
    assert shown.notices[0] == f"Read as {format_name.upper()}, judging by the first lines."


def test_the_format_can_be_given():
    assert table("a\tb\n", "a.csv", options(format="txt")).texts == ("a\tb",)
    assert "csv, tsv, jsonl, json, parquet, txt, labelled" in refusal("a\n", "a.csv", options(format="xlsx")).hint


def test_a_table_in_a_txt_file_is_read_as_one_unless_txt_is_chosen():
    assert table("a\tb\nc\td\n", "a.txt", options(0, header=False)).texts == ("a", "c")
    chosen = table("a\tb\nc\td\n", "a.txt", options("text", format="txt"))
    assert chosen.texts == ("a\tb", "c\td")
    assert "choose the format TSV" in chosen.notices[0]


def test_preview():
    rows = "".join(f"{number},a fine film number {number},{'pos' if number % 2 else 'neg'}\n" for number in range(30))
    shown = preview(f"id,review,sentiment\n{rows}".encode(), "a.csv", ReadOptions(), limits=LIMITS, n_rows=2)
    assert (shown.format, shown.encoding, shown.n_rows) == ("csv", "utf-8", 30)
    assert shown.columns == ("id", "review", "sentiment")
    assert shown.rows == (("0", "a fine film number 0", "neg"), ("1", "a fine film number 1", "pos"))
    assert (shown.guess_text, shown.guess_pair, shown.guess_label, shown.guess_split) == (
        "review",
        None,
        "sentiment",
        None,
    )


def test_preview_foretells_what_reading_will_do():
    shown = preview(f"text,n\n,1\n{'b' * 6_000},2\n".encode(), "a.csv", ReadOptions(), limits=LIMITS)
    assert '1 row will be dropped, being empty in "text": row 1.' in shown.notices
    assert any("Too long" in notice and "EMBEDSCOPE_MAX_TEXT_CHARS" in notice for notice in shown.notices)
    assert shown.rows[1][0] == "b" * 499 + "…"


def test_reading_without_a_text_column_takes_the_likeliest_and_says_so():
    read_back = table("id,sentence\n1,a b c\n", chosen=options(None))
    assert read_back.texts == ("a b c",)
    assert 'Texts were taken from column "sentence", which looks most like it.' in read_back.notices


def test_read_path(tmp_path):
    file = tmp_path / "a.tsv"
    file.write_text("text\tlabel\na\t1\n")
    assert read_path(file, "mine", options(), limits=LIMITS).texts == ("a",)
    assert read_path(str(file), "mine", options(), limits=LIMITS).texts == ("a",)


@pytest.mark.skipif(
    not modes_bind(), reason="root may read every file; tests/store/test_without_roots_rights.py runs this"
)
def test_a_file_that_may_not_be_read(tmp_path):
    file = tmp_path / "a.csv"
    file.write_text("text\na\n")
    file.chmod(0)
    with pytest.raises(TextSetError, match=r"cannot be read: Permission denied\."):
        read_path(file, "mine", options(), limits=LIMITS)


def test_paths_that_cannot_be_read(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "big.txt").write_text("a" * 101)
    limits = Limits(max_bytes=100)
    for path, words in {
        "nothing.csv": "There is no file 'nothing.csv'.",
        str(tmp_path): "is a folder",
        "big.txt": "'big.txt' has 101 bytes; the limit is 100 (EMBEDSCOPE_MAX_UPLOAD_BYTES).",
        "/dev/null": "is not a plain file",
        "a\x00b": "There is no file",
        "a" * 5_000: "cannot be read",
        "http://127.0.0.1:9/a.csv": "There is no file 'http://127.0.0.1:9/a.csv'.",
    }.items():
        with pytest.raises(TextSetError) as caught:
            read_path(path, "mine", options(), limits=limits)
        assert words in caught.value.message
        assert caught.value.hint


def test_every_other_column_is_kept_where_none_is_named():
    content = "id,text,label,source,long\n" + "".join(f"{row},text {row},x,b{row},short\n" for row in range(3))
    everything = table(content, chosen=options(label="label", metadata=None))
    assert tuple(everything.columns) == ("label", "id", "source", "long")
    assert everything.columns["source"] == ("b0", "b1", "b2")
    assert tuple(table(content, chosen=options(label="label")).columns) == ("label",), "named: none"
    assert preview(content.encode(), "a.csv", ReadOptions(), limits=LIMITS).can_keep == (
        "id",
        "text",
        "label",
        "source",
        "long",
    )


def test_a_column_that_cannot_be_kept_is_left_out_and_said_not_refused():
    line = '{"text": "a", "meta": {"k": [1]}, "body": "%s", "kind": "x"}\n' % ("y" * 5_001)
    read_back = table(line, "a.jsonl", options(metadata=None))
    assert tuple(read_back.columns) == ("kind",)
    assert 'Left out column "meta": line 1 holds a nested value there.' in read_back.notices
    assert any(
        note.startswith('Left out column "body": a cell is over the limit of 5,000') for note in read_back.notices
    )
    shown = preview(line.encode(), "a.jsonl", ReadOptions(), limits=LIMITS)
    assert shown.can_keep == ("text", "kind") and 'Left out column "meta"' in " ".join(shown.notices)
    named = refusal(line, "a.jsonl", options(metadata=("body",)))
    assert "5,001 characters" in named.message, "who names it is told"
