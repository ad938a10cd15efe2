"""Forms of files that are found out: separators, headers, names of rows, JSON documents, labelled lines."""

import json
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.errors import TextSetError
from backend.textsets.limits import Limits
from backend.textsets.reading import preview, read
from backend.values.reading import ReadOptions, TextColumns
from backend.values.texts import TextPreview, TextTable

LIMITS = Limits()


def shown(content: str | bytes, name: str = "a.csv", **options: Any) -> TextPreview:
    content = content if isinstance(content, bytes) else content.encode()
    return preview(content, name, ReadOptions(**options), limits=LIMITS)


def table(content: str | bytes, name: str = "a.csv", **options: Any) -> TextTable:
    """The file read with the columns that the preview offers."""
    guess = shown(content, name, **options)
    columns = TextColumns(guess.guess_text, guess.guess_pair, guess.guess_label, guess.guess_split)
    content = content if isinstance(content, bytes) else content.encode()
    return read(content, name, "mine", ReadOptions(columns=columns, **options), limits=LIMITS)


def rows(content: str | bytes, name: str = "a.csv", **options: Any) -> list[tuple[str, str | None]]:
    found = table(content, name, **options)
    labels = (None,) * len(found) if found.label is None else found.columns[found.label]
    return list(zip(found.texts, labels, strict=True))


def refused(content: str | bytes, name: str = "a.csv", **options: Any) -> TextSetError:
    with pytest.raises(TextSetError) as caught:
        table(content, name, **options)
    assert caught.value.hint
    return caught.value


PAIR = [("a, b", "pos"), ("c; d", "neg")]


@pytest.mark.parametrize("mark", ["|", "^", "~", "\t", "|||", "||", "::", "\x1f", "\x01", "¦"])
@pytest.mark.parametrize("name", ["a.csv", "a.txt", "a.dat"])
def test_the_separator_is_the_one_that_cuts_all_lines_alike(mark, name):
    content = f"text{mark}label\na, b{mark}pos\nc; d{mark}neg\n"
    assert rows(content, name) == PAIR
    guess = [guess for guess in shown(content, name).guesses if guess.what == "separator"]
    assert name != "a.csv" or guess[0].other


def test_the_separator_without_a_header_and_with_commas_in_every_text():
    content = "Well, yes|pos\nNo, no|neg\nHm, so|pos\nAh, well|neg\n"
    assert rows(content) == [("Well, yes", "pos"), ("No, no", "neg"), ("Hm, so", "pos"), ("Ah, well", "neg")]
    taken = next(guess for guess in shown(content).guesses if guess.what == "separator")
    assert (taken.took, taken.other) == ("pipe (2 columns)", "comma (2 columns)")
    assert taken.said == (
        "The cells of a row are separated by pipes: 2 columns. Separated by commas, there would be 2 columns."
    )


def test_what_was_found_out_of_a_file_is_said_in_sentences():
    said = [guess.said for guess in shown("text,label\na,b\nc,d\n").guesses]
    assert said[0] == "The cells of a row are separated by commas: 2 columns. Unseparated, each row would be one cell."
    assert said[1].startswith("The first row holds the names of the columns.")
    for content, name in (
        ("a\nb\n", "a.csv"),
        ("x::y\nz::w\n", "a.csv"),
        ("a;b|c\nd;e\n", "a.csv"),
        ("NUM:dist How far\n", "a.txt"),
    ):
        for guess in shown(content, name).guesses:
            assert guess.said.endswith(".") and ";" not in guess.said and "otherwise" not in guess.said, guess


def test_decimal_commas_are_no_separators():
    assert shown("abc;1,5\ndef;2,7\n").columns == ("0", "1")
    assert shown("abc;1,5\ndef;2,7\n").rows[0] == ("abc", "1,5")


def test_quoted_separators_do_not_count():
    assert rows('text;label\n"a; b";x\n"c; d";y\n') == [("a; b", "x"), ("c; d", "y")]
    assert rows('text|label\n"a | b"|x\n"c"|y\n') == [("a | b", "x"), ("c", "y")]


def test_a_named_separator_is_obeyed():
    content = "text;label\na|b;x\nc|d;y\n"
    assert rows(content, separator="semicolon") == [("a|b", "x"), ("c|d", "y")]
    assert shown(content, separator="|").columns == shown(content, separator="pipe").columns
    assert table("text\na,b\nc,d\n", separator="none").texts == ("a,b", "c,d")
    assert "is not a separator" in refused(content, separator="x").message


@pytest.mark.parametrize(
    ("first", "mark"),
    [
        ("sep=;", ";"),
        ('"sep=;"', ";"),
        ("SEP=,", ","),
        ("sep=\t", "\t"),
        ("sep=\\t", "\t"),
        ("sep=;;;", ";"),
        ("sep=|", "|"),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.txt"])
def test_the_line_that_names_the_separator_is_obeyed(first, mark, encoding, name):
    content = f"{first}\r\ntext{mark}label\r\nthe cat{mark}x\r\na dog{mark}y\r\n".encode(encoding)
    assert rows(content, name) == [("the cat", "x"), ("a dog", "y")]


def test_line_numbers_count_the_line_that_names_the_separator():
    assert refused("sep=;\ntext;label\na;b\nc\n").message == "Row 2 (line 4 of the file) has 1 cell, the header has 2."
    assert rows("text,label\nsep=;,x\n") == [("sep=;", "x")]


def test_one_column_of_texts_with_commas():
    for content in (
        "text\nHello, you\nBye, all, of\nplain\n",
        "text\nHello, you\nBye, all\n",
        'text\n"Hello, you"\nBye\n',
    ):
        assert shown(content).columns == ("text",)
    assert table("text\nHello, you\nBye, all, of\n").texts == ("Hello, you", "Bye, all, of")


def test_a_title_above_the_table_is_refused_with_the_remedy():
    error = refused("My survey\ntext,label\na,1\nb,2\n")
    assert error.message == "Row 1 (line 2 of the file) has 2 cells, the header has 1."
    assert "Remove the lines above" in error.hint


def test_comments_above_the_table_are_no_rows_and_hashtags_are():
    assert rows("# by me, 2024, x\n# y\ntext,label\na,1\nb,2\n") == [("a", "1"), ("b", "2")]
    assert shown("#text\tlabel\na\t1\nb\t2\n", "a.tsv").columns == ("text", "label")
    assert len(table("#happy day,pos\n#sad day,neg\nfine day,pos\nbad day,neg\n")) == 4


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.tsv", "text\tlabel\n1\tthe cat\tx\n2\ta dog\ty\n"),
        ("a.csv", "text,label\n1,the cat,x\n2,a dog,y\n"),
        ("a.csv", '"","text","label"\n"1","the cat","x"\n"2","a dog","y"\n'),
        ("a.csv", ",text,label\n0,the cat,x\n1,a dog,y\n"),
        ("a.txt", '"text" "label"\n"1" "the cat" "x"\n"2" "a dog" "y"\n'),
        ("a.tsv", '"text"\t"label"\n"1"\t"the cat"\t"x"\n"2"\t"a dog"\t"y"\n'),
        ("a.tsv", "text\tlabel\nMazda\tthe cat\tx\nFiat\ta dog\ty\n"),
    ],
)
def test_names_of_rows_are_a_column_of_their_own(name, content):
    assert shown(content, name).columns == ("row name", "text", "label")
    assert rows(content, name) == [("the cat", "x"), ("a dog", "y")]


def test_an_index_is_neither_text_nor_label():
    content = "Unnamed: 0,text\n" + "".join(f"{number % 3},the cat {number}\n" for number in range(30))
    assert (shown(content).guess_text, shown(content).guess_label) == ("text", None)


@pytest.mark.parametrize(
    "content", ["text,label\nfoo,1,\nbar,0,\n", "text,label,\nfoo,1,\nbar,0,\n", "text,label,,,\nfoo,1,,,\nbar,0,,,\n"]
)
def test_separators_at_the_end_make_no_columns(content):
    found = shown(content)
    assert (found.columns, found.rows) == (("text", "label"), (("foo", "1"), ("bar", "0")))
    assert any("Left out" in notice for notice in found.notices)


def test_quotes_after_spaces_and_behind_backslashes():
    assert rows('label, text\nx, "a, b"\ny, "c"\n') == [("a, b", "x"), ("c", "y")]
    assert rows('label,text\nx, "a, b"\ny, "c"\n') == [("a, b", "x"), ("c", "y")]
    assert rows('text,label\n"a \\"b, c\\"",x\n"d",y\n') == [('a "b, c"', "x"), ("d", "y")]
    assert rows("text | label\nthe cat | x\na dog | y\n") == [("the cat", "x"), ("a dog", "y")]


def test_joined_files_repeat_neither_header_nor_mark():
    found = table("\ufefftext,label\na,x\n\ufefftext,label\nb,x\n".encode())
    assert (found.texts, found.columns["label"]) == (("a", "b"), ("x", "x"))
    assert any("repetition of the header" in notice for notice in found.notices)


@pytest.mark.parametrize(
    ("content", "header"),
    [
        ("a good film\t1\na bad film\t0\n", False),
        ("review\tstars\na good film\t1\na bad film\t0\n", True),
        ("a good film\tpos\na bad film\tneg\nfine\tpos\nno\tneg\n", False),
        ("foo\tbar\na good film\tpos\na bad film\tneg\n", True),
        ("2019\tbar\na good film\tpos\n", True),
    ],
)
def test_whether_the_first_row_is_a_header(content, header):
    assert shown(content, "a.tsv").header is header
    assert shown(content, "a.tsv", header=not header).header is not header
    assert shown("a good film\t1\n", "a.tsv").rows == (("a good film", "1"),)


def test_columns_by_number_without_saying_that_there_is_no_header():
    columns = TextColumns("0", label="1")
    found = read(b"a film\t0\nb film\t1\n", "a.tsv", "n", ReadOptions(columns=columns), limits=LIMITS)
    assert (found.texts, found.columns["1"]) == (("a film", "b film"), ("0", "1"))


ROWS = [{"text": "a", "label": "x"}, {"text": "b", "label": "y"}]
CELLS = [["a", "x"], ["b", "y"]]


@pytest.mark.parametrize(
    "document",
    [
        ROWS,
        {"version": 1, "data": ROWS},
        {"result": {"page": 1, "items": {"rows": ROWS}}},
        {"features": [{"name": "text"}], "rows": [{"row_idx": i, "row": row} for i, row in enumerate(ROWS)]},
        {"text": ["a", "b"], "label": ["x", "y"]},
        {"meta": 1, "text": ["a", "b"], "label": ["x", "y"]},
        {"text": {"0": "a", "1": "b"}, "label": {"0": "x", "1": "y"}},
        {"0": ROWS[0], "1": ROWS[1]},
        {"first": ROWS[0], "second": ROWS[1]},
        {"columns": ["text", "label"], "index": [0, 1], "data": CELLS},
        {"header": ["text", "label"], "rows": CELLS},
        {"data": {"text": ["a", "b"], "label": ["x", "y"]}},
        {"hits": {"hits": [{"_id": i, "_source": row} for i, row in enumerate(ROWS)]}},
        {"data": ROWS, "labels": ["x", "y"]},
        {"schema": {"fields": [{"name": "text"}, {"name": "label"}]}, "data": ROWS},
        {"train": ROWS[:1], "test": ROWS[1:]},
        {"train": {"text": ["a"], "label": ["x"]}, "test": {"text": ["b"], "label": ["y"]}},
        [["text", "label"], *CELLS],
    ],
)
@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("name", ["a.json", "a.jsonl", "a.unknown"])
def test_json_documents(document, indent, name):
    assert rows(json.dumps(document, indent=indent), name) == [("a", "x"), ("b", "y")]


def test_json_in_further_forms():
    assert rows(json.dumps({"x": ["a", "b"], "y": ["c"]}), "a.json") == [("a", "x"), ("b", "x"), ("c", "y")]
    assert table(json.dumps(["a", "b"]), "a.json").texts == ("a", "b")
    assert table('"a"\n\n"b"\n', "a.jsonl").texts == ("a", "b")
    assert shown(json.dumps(CELLS), "a.json").columns == ("0", "1")
    assert rows("\n".join(json.dumps(row, indent=1) for row in ROWS), "a.json") == [("a", "x"), ("b", "y")]
    assert rows(",\n".join(map(json.dumps, ROWS)) + ",\n", "a.json") == [("a", "x"), ("b", "y")]
    assert table(json.dumps({"train": ROWS[:1], "test": ROWS[1:]}), "a.json").columns["split"] == ("train", "test")
    assert rows(json.dumps(ROWS[0]), "a.json") == [("a", "x")]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        ({"a": ROWS, "b": ROWS}, 'several lists of rows: "a" (2), "b" (2)'),
        ({"text": ["a", "b"], "label": ["x"]}, 'different numbers of values: "text" 2, "label" 1'),
        ({"columns": ["text"], "data": CELLS}, "Row 1 has 2 values for 1 columns."),
        ([ROWS[0], ["a"]], "Row 2 is a list, the first is an object."),
        ([["a", "b"], ["c"]], "Row 2 has 1 values, the first has 2."),
    ],
)
def test_json_documents_that_are_refused(document, words):
    assert words in refused(json.dumps(document), "a.json").message


def test_broken_json_is_refused_at_its_place():
    assert refused('{"data": [\n{"text": "a"},\n{"text": ]}', "a.json").message.startswith("Line 3 is not JSON")
    assert "nested too deeply" in refused("[" * 100_000, "a.json").message


def test_labelled_lines():
    trec = "DESC:manner How did x ?\nENTY:other What, y ?\nNUM:other When ?\n"
    found = read(trec.encode(), "TREC.train", "n", ReadOptions(), limits=LIMITS)
    assert found.texts == ("How did x ?", "What, y ?", "When ?")
    assert found.columns == {"coarse": ("DESC", "ENTY", "NUM"), "fine": ("DESC:manner", "ENTY:other", "NUM:other")}
    assert found.label == "coarse"
    assert shown(trec, "TREC.txt").guesses[0].other.startswith("plain text")
    assert table(trec, "TREC.train", format="txt").texts[0] == "DESC:manner How did x ?"
    assert rows("__label__x a good film\n__label__y a bad, bad film\n", "a.txt") == [
        ("a good film", "x"),
        ("a bad, bad film", "y"),
    ]
    several = table("__label__x __label__z good\n__label__y bad\n", "a.csv")
    assert several.columns["label"] == ("x", "y")
    assert rows("1 a good\n0 a bad\n1 b\n0 c\n", "a.txt") == [("a good", "1"), ("a bad", "0"), ("b", "1"), ("c", "0")]
    assert "Line 2 is not a label followed by a text" in refused("x a\nonly\n", "a.txt", format="labelled").message


@pytest.mark.parametrize(
    "content",
    [
        "The cat sat.\nA dog ran, fast.\nThe end.\nA start.\n",
        "1 apples\n2 pears\n3 plums\n4 figs\n",
        "JOHN: hello\nMARY: hi\nJOHN: bye\nMARY: bye\n",
        "Yes, of course\nNo, never\nWell, maybe\n",
        "text with a tab\there\nand without\n",
    ],
)
def test_plain_lines_stay_plain(content):
    found = table(content, "a.txt")
    assert found.texts == tuple(content.splitlines())
    assert shown(content, "a.txt").format == "txt"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "<!DOCTYPE html>\n<html></html>", "HTML"),
        ("a.csv", '<?xml version="1.0"?>\n<a/>', "XML"),
        ("a.yaml", "- text: foo\n  label: bar\n- text: x\n  label: y\n", "YAML"),
        ("a.txt", "+1 1:0.43 3:0.12\n-1 2:0.1 4:1\n", "SVMlight"),
        ("a.csv", "version https://git-lfs.github.com/spec/v1\noid sha256:a\n", "Git LFS pointer"),
        ("a.json", b"\x1f\x8b\x08\x00", "gzip"),
        ("a.csv", b"PK\x03\x04....", "Excel"),
        ("a.csv", b"text,label\nthe\x00cat,x\n", "zero byte at byte 15 (line 2)"),
        ("a.csv", "text,label\na,x\rb,y\n", "carriage return"),
    ],
)
def test_what_is_no_table_is_refused_by_name(name, content, words):
    assert words in refused(content, name).message


@pytest.mark.parametrize(
    ("cell", "shown_as"),
    [
        ("pos ", "pos"),
        ("\u00a0pos", "pos"),
        ("pos\u200b", "pos"),
        ("\ufeffpos", "pos"),
        ("po\u00ads", "pos"),
        ("\u200epos\u2069", "pos"),
        ("Sci\u00a0 Tech", "Sci Tech"),
        ("cafe\u0301", "café"),
        ("\u2764\ufe0f", "\u2764"),
        ("\u200dmi\u200cxed\u200c", "mi\u200cxed"),
        ("\U0001f468\u200d\U0001f469", "\U0001f468\u200d\U0001f469"),
    ],
)
@pytest.mark.parametrize("form", ["csv", "tsv", "json", "parquet"])
def test_labels_that_look_alike_are_one_class(cell, shown_as, form, tmp_path):
    cells = [cell, shown_as, "other"]
    if form == "parquet":
        pq.write_table(pa.table({"text": ["a", "b", "c"], "label": cells}), tmp_path / "a")
        content: str | bytes = (tmp_path / "a").read_bytes()
    elif form == "json":
        content = json.dumps({"text": ["a", "b", "c"], "label": cells})
    else:
        mark = "," if form == "csv" else "\t"
        content = f"text{mark}label\n" + "".join(
            f"{text}{mark}{label}\n" for text, label in zip("abc", cells, strict=True)
        )
    found = table(content, f"a.{form}")
    assert found.columns["label"] == (shown_as, shown_as, "other")
    said = [notice for notice in found.notices if "Cleaned 1 cell" in notice or "byte order mark" in notice]
    assert bool(said) == (cell != shown_as)


def test_labels_that_only_seem_alike_are_named_and_stay():
    notices = table("text,label\na,Pos\nb,pos\nc,1\nd,1.0\n").notices
    assert any('differ in case alone and stay different classes: "Pos" and "pos"' in notice for notice in notices)
    assert any('are the same number and stay different classes: "1" and "1.0"' in notice for notice in notices)


def test_texts_keep_their_characters_but_for_marks():
    content = json.dumps({"text": [" a\u200bb\u00a0", "c\ufeffd", "\u200b"], "label": ["x", "y", "z"]})
    found = table(content, "a.json")
    assert found.texts == (" a\u200bb\u00a0", "cd")
    assert any("1 byte order mark" in notice for notice in found.notices)
    assert any("Dropped 1 row with an empty text" in notice for notice in found.notices)


def test_class_names_of_a_parquet_file(tmp_path):
    features = {"info": {"features": {"label": {"names": ["World", "Sports"], "_type": "ClassLabel"}}}}
    plain = pa.table({"text": ["a", "b", "c"], "label": pa.array([1, 0, -1])})
    for metadata, cells in (
        (features, ("Sports", "World", None)),
        ({"info": {"features": {"label": {"names": ["World"], "_type": "ClassLabel"}}}}, (None, "World", None)),
        ({"info": []}, ("1", "0", "-1")),
    ):
        pq.write_table(plain.replace_schema_metadata({"huggingface": json.dumps(metadata)}), tmp_path / "a.parquet")
        assert table((tmp_path / "a.parquet").read_bytes(), "a.parquet").columns.get("label") == cells
    floats = pa.table({"text": ["a", "b", "c"], "label": pa.array([1.0, 0.0, None])})
    pq.write_table(floats.replace_schema_metadata({"huggingface": json.dumps(features)}), tmp_path / "a.parquet")
    assert table((tmp_path / "a.parquet").read_bytes(), "a.parquet").columns["label"] == ("Sports", "World", None)
    category = pa.array(["World", "Sports", None]).dictionary_encode()
    pq.write_table(pa.table({"text": ["a", "b", "c"], "label": category}), tmp_path / "a.parquet")
    assert table((tmp_path / "a.parquet").read_bytes(), "a.parquet").columns["label"] == ("World", "Sports", None)


def test_one_line_of_another_form_is_refused_by_its_number_not_swallowed():
    trec = "".join(f"DESC:manner How did {row} ?\n" for row in range(30)) + "what is this\n"
    assert "Line 31 is not a label followed by a text: 'what is this'" in refused(trec, "TREC.train").message
    lines = "".join(f"a film {row};{'xy'[row % 2]}\n" for row in range(30)) + "what is this\n"
    assert "(line 31 of the file) has 1 cell" in refused(lines, "a.dat").message
    tabs = "".join(f"a film {row}\t{'xy'[row % 2]}\n" for row in range(30)) + "what is this\n"
    assert "(line 31 of the file) has 1 cell" in refused(tabs, "a.txt").message
    assert "30 of 31 lines hold the same number of tabs" in table(tabs, "a.txt", format="txt").notices[0]


def test_labels_at_the_end_and_texts_with_commas_under_the_name_tsv():
    assert rows("a good film __label__x\na bad film __label__y\n", "a.txt") == [
        ("a good film", "x"),
        ("a bad film", "y"),
    ]
    assert table("Hello, you\nBye, all\n", "a.tsv").texts == ("Hello, you", "Bye, all")
    assert rows('text\tlabel\n"two\nlines"\tx\n"a\tb"\ty\n', "a.tsv") == [("two\nlines", "x"), ("a\tb", "y")]


def test_a_first_row_that_is_there_again_is_no_header():
    content = "a film #x,neg\na film #x,neg\nb,neu\nc,pos\n"
    assert table(content).texts == ("a film #x", "a film #x", "b", "c")


def test_quoted_cells_between_tabs_where_no_name_says_tsv():
    assert rows('text\tlabel\n"a ""b"" c"\tx\nd\ty\n', "a.dat") == [('a "b" c', "x"), ("d", "y")]
