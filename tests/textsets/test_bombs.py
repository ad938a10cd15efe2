"""Small files that would take much time or memory, if reading did what they ask for."""

import decimal
import io
import json
from collections.abc import Callable

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.errors import TextSetError
from backend.textsets import parquet
from backend.textsets.codec import table_to_json
from backend.textsets.limits import Limits
from backend.textsets.reading import preview, read
from backend.values.reading import ReadOptions
from backend.work.library import text_set_info
from tests.guards import guarded


def _words(n_words: int) -> bytes:
    return json.dumps({"words": ["a"] * n_words, "labels": ["b"] * n_words}).encode()


def _conllu(n_words: int) -> bytes:
    return b"".join(b"%d\ta\t_\tX\t_\t_\t%d\td\t_\t_\n" % (number, number - 1) for number in range(1, n_words + 1))


def _keys(n_keys: int) -> str:
    return ",".join(f'"k{number}":1' for number in range(n_keys))


def _crossed(n_rows: int) -> bytes:
    return ("{" + ",".join(f'"{number}":{{"{number}":1}}' for number in range(n_rows)) + "}").encode()


def _decimals() -> bytes:
    stream = io.BytesIO()
    column = pa.array([decimal.Decimal(1)] * 125_000, pa.decimal128(38, 0))
    pq.write_table(pa.table({f"c{number}": column for number in range(40)}), stream)
    return stream.getvalue()


REFUSED: dict[str, tuple[str, Callable[[], bytes], str]] = {
    "one key of very many twice": ("a.jsonl", lambda: f'{{{_keys(60_000)},"k59999":1}}'.encode(), '"k59999" twice'),
    "the same in a document": ("a.json", lambda: f'{{"rows":[{{{_keys(60_000)},"k59999":1}}]}}'.encode(), "twice"),
    "many words in one sentence": ("a.jsonl", lambda: _words(50_000), "Words times the characters of their sentences"),
    "the same in CoNLL-U": ("a.conllu", lambda: _conllu(40_000), "Words times the characters of their sentences"),
    "a new key on each line": ("a.jsonl", lambda: b"".join(b'{"%d":1}\n' % i for i in range(9_000)), "cells"),
    "objects that share no key": ("a.json", lambda: _crossed(9_000), "cells"),
    "a list of numbers": ("a.json", lambda: b"[" + b"11," * 6_000_000 + b"1]", "6,000,000 values"),
    "a list of empty objects": ("a.json", lambda: b"[" + b"{}," * 3_000_000 + b"{}]", "lists and objects"),
    "a line of empty lists": ("a.jsonl", lambda: b'{"a":[' + b"[]," * 3_000_000 + b"1]}", "lists and objects"),
    "deep lists": ("a.json", lambda: b"[" * 900_000, "nested too deeply"),
    "a line of features": ("a.txt", lambda: b"1 " + b"1:1 " * 2_000_000 + b"x", "8,000,003 characters"),
    "values one after the other": ("a.json", lambda: b"1 " * 3_000_000, "more than 200,000 rows"),
}


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_would_take_too_much_is_refused_before_it_does(name: str) -> None:
    file_name, made, said = REFUSED[name]
    content = made()
    with guarded(name), pytest.raises(TextSetError, match=said) as raised:
        read(content, file_name, "n", ReadOptions(), limits=Limits())
    assert "damaged" not in str(raised.value) and raised.value.hint


def test_fifty_kilobytes_of_decimals_are_read_in_time() -> None:
    content = _decimals()
    assert len(content) < 50_000
    with guarded("decimals", seconds=3):
        assert preview(content, "a.parquet", ReadOptions(), limits=Limits()).rows[0][:2] == ("1", "1")


def test_the_words_of_a_long_sentence_share_it_until_they_are_saved() -> None:
    with guarded("words", megabytes=150):
        table = read(_words(8_000), "a.jsonl", "n", ReadOptions(), limits=Limits())
        assert text_set_info(table).spec.n_rows == 8_000
        assert len(table_to_json(table)) < 1_000_000


@pytest.mark.parametrize("index", [1, -1, 2**31 - 1])
def test_a_cell_that_no_dictionary_has_is_damage_and_not_another_cell(index: int) -> None:
    column = pa.DictionaryArray.from_arrays(pa.array([0, index], pa.int32()), pa.array(["a"]), safe=False)
    with pytest.raises(pa.ArrowInvalid, match="does not have"):
        parquet._values(column, Limits())
