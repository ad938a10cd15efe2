"""Parquet: kinds of columns, and files that unpack to far more than they are."""

import datetime
import decimal
import io
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.errors import TextSetError
from backend.textsets.limits import Limits
from backend.textsets.reading import preview, read
from backend.values.reading import ReadOptions, TextColumns

LIMITS = Limits(max_bytes=1_000_000, max_rows=1_000, max_text_chars=5_000)


def written(table: pa.Table, **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **options)
    return file.getvalue()


def columns_of(content: bytes, *metadata: str | int) -> dict[str, tuple[str | None, ...]]:
    options = ReadOptions(columns=TextColumns(text="text", metadata=metadata))
    return read(content, "a.parquet", "n", options, limits=LIMITS).columns


def refusal(content: bytes, text: str | int = "text", limits: Limits = LIMITS) -> str:
    with pytest.raises(TextSetError) as caught:
        read(content, "a.parquet", "n", ReadOptions(columns=TextColumns(text=text)), limits=limits)
    assert caught.value.hint
    return caught.value.message


def test_kinds_of_columns():
    date, time = datetime.date(2024, 2, 29), datetime.datetime(2024, 2, 29, 12, 30)
    table = pa.table(
        {
            "text": ["a", "b"],
            "integer": pa.array([1, None]),
            "float": pa.array([1.0, float("nan")]),
            "boolean": [True, None],
            "date": [date, None],
            "time": pa.array([time, None], pa.timestamp("ns")),
            "far": pa.array([2**40, None], pa.timestamp("s")),
            "decimal": [decimal.Decimal("1.50"), None],
            "category": pa.array(["x", None]).dictionary_encode(),
            "large": pa.array(["y", ""], pa.large_string()),
            "nothing": pa.nulls(2),
        }
    )
    columns = columns_of(written(table), *table.column_names)
    assert {name: cells[1] for name, cells in columns.items()} == dict.fromkeys(table.column_names[1:])
    assert {name: cells[0] for name, cells in columns.items()} == {
        "integer": "1",
        "float": "1.0",
        "boolean": "true",
        "date": "2024-02-29",
        "time": "2024-02-29 12:30:00.000000000",
        "far": "1099511627776000",
        "decimal": "1.50",
        "category": "x",
        "large": "y",
        "nothing": None,
    }


def test_columns_that_cannot_be_chosen():
    table = pa.table({"text": ["a"], "vector": [[1.0, 2.0]], "raw": [b"\xff"], "record": [{"text": "b"}]})
    content = written(table)
    shown = preview(content, "a.parquet", ReadOptions(), limits=LIMITS)
    assert shown.columns == ("text", "vector", "raw", "record")
    assert shown.rows == (("a", None, None, None),)
    assert 'Left out column "raw": it holds binary.' in shown.notices
    assert refusal(content, "vector").startswith('Column "vector" cannot be chosen: it holds list<')
    assert refusal(content, 3).startswith('Column "record" cannot be chosen: it holds struct<')


def test_duplicate_and_dotted_names():
    table = pa.Table.from_arrays(
        [pa.array(["a"]), pa.array(["1"]), pa.array(["2"]), pa.array([{"k": "s"}]), pa.array(["3"])],
        names=["text", "x", "x", "m", "m.k"],
    )
    assert columns_of(written(table), 1, 2, 4) == {"x": ("1",), "x (2)": ("2",), "m.k": ("3",)}


def test_millions_of_rows_in_a_small_file_are_refused_unread():
    content = written(pa.table({"text": pa.repeat("a", 20_000_000)}))
    assert len(content) < 1_000_000
    assert refusal(content) == "The table has 20,000,000 rows; the limit is 1,000 (EMBEDSCOPE_MAX_ROWS)."


def test_a_small_file_that_unpacks_to_gigabytes_is_refused():
    table = pa.table({"text": pa.repeat("a" * 20_000, 900)})
    content = written(table)
    assert len(content) < 100_000
    assert "5 times 1,000,000 (EMBEDSCOPE_MAX_UPLOAD_BYTES)" in refusal(content)


def test_one_long_text_is_refused_by_its_row():
    content = written(pa.table({"text": ["a", "b" * 5_001]}))
    assert refusal(content) == (
        'Row 2 has 5,001 characters in column "text"; the limit is 5,000 (EMBEDSCOPE_MAX_TEXT_CHARS).'
    )


@pytest.mark.parametrize("cut", [4, 20, -8, -1])
def test_damaged_files(cut):
    content = written(pa.table({"text": ["a", "b"]}))
    assert "Parquet file" in refusal(content[:cut])


def test_any_damaged_byte_is_refused_or_read():
    content = written(pa.table({"text": ["some text", "more"], "label": [1, 2]}))
    options = ReadOptions(columns=TextColumns(text=0))
    n_refused = 0
    for position in range(4, len(content)):
        damaged = content[:position] + bytes([content[position] ^ 0xFF]) + content[position + 1 :]
        try:
            read(damaged, "a.parquet", "n", options, limits=LIMITS)
        except TextSetError:
            n_refused += 1
    assert n_refused > 100


def test_text_that_is_not_utf8():
    array = pa.Array.from_buffers(
        pa.string(), 1, [None, pa.py_buffer(b"\x00\x00\x00\x00\x02\x00\x00\x00"), pa.py_buffer(b"\xff\xfe")]
    )
    assert refusal(written(pa.table({"text": array}))) == "A text in the Parquet file is not UTF-8."


def test_a_parquet_file_by_its_bytes_and_another_by_its_name():
    content = written(pa.table({"text": ["a"]}))
    options = ReadOptions(columns=TextColumns(text="text"))
    assert read(content, "upload.csv", "n", options, limits=LIMITS).texts == ("a",)
    assert refusal(b"text\na\n") == "'a.parquet' is not a Parquet file: it does not begin with PAR1."
    with pytest.raises(TextSetError, match="has no rows"):
        read(written(pa.table({"text": pa.array([], pa.string())})), "a.parquet", "n", options, limits=LIMITS)
