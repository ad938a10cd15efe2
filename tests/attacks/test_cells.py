"""Cells and names of columns of up to ten million characters: read within limits, refused with a message, or left out with a word about it."""

import csv
import io
import json
from collections.abc import Callable, Sequence
from dataclasses import asdict

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backend.errors import TextSetError
from backend.forms.codec import to_json
from backend.settings import read_settings
from backend.textsets.limits import Limits
from backend.textsets.reading import preview, read
from backend.values.reading import ReadOptions, TextColumns
from backend.work.library import text_set_info
from tests.guards import guarded

N = 10_000_000
BIG: dict[str, Callable[[], str]] = {
    "one letter": lambda: "a" * N,
    "commas": lambda: "," * N,
    "quotation marks": lambda: (
        '"' * (N // 4)
    ),  # half a million lines and quotation marks take as long to read as what is above
    "lines": lambda: "x\n" * (N // 20),
}
Rows = list[list[str]]


def _delimited(sign: str) -> Callable[[Rows], bytes]:
    def write(rows: Rows) -> bytes:
        out = io.StringIO()
        csv.writer(out, delimiter=sign, lineterminator="\n").writerows(rows)
        return out.getvalue().encode()

    return write


def _objects(rows: Rows) -> list[dict[str, str]]:
    return [dict(zip(rows[0], row, strict=True)) for row in rows[1:]]


def _lines(rows: Rows) -> bytes:
    return "\n".join(json.dumps(one) for one in _objects(rows)).encode()


def _document(rows: Rows) -> bytes:
    return json.dumps(_objects(rows)).encode()


def _parquet(rows: Rows) -> bytes:
    out = io.BytesIO()
    columns = zip(*rows[1:], strict=True)
    pq.write_table(pa.table(dict(zip(rows[0], map(list, columns), strict=True))), out)
    return out.getvalue()


FORMS = {"csv": _delimited(","), "tsv": _delimited("\t"), "jsonl": _lines, "json": _document, "parquet": _parquet}
PLACES = {"text": 0, "label": 1, "note": 2}
LIMITS = Limits.of(read_settings())


def _rows(n: int = 12) -> Rows:
    return [["text", "label", "note"], *([f"a small text number {i}", f"l{i % 2}", f"n{i}"] for i in range(n))]


def _previewed(content: bytes, name: str) -> None:
    """What a page is sent before anything is saved is small, whatever the file holds."""
    found = preview(content, name, ReadOptions(), limits=LIMITS)
    assert len(json.dumps(asdict(found))) < 20_000


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("place", "big"), [*((place, big) for place in ("text", "note") for big in BIG), ("label", "one letter")]
)
def test_a_cell_of_millions_of_characters(form: str, place: str, big: str) -> None:
    rows = _rows()
    rows[4][PLACES[place]] = BIG[big]()
    content, name = FORMS[form](rows), f"a.{form}"
    options = ReadOptions(TextColumns(text="text", label="label", metadata=None))
    with guarded(f"{big} as a {place} in {form}", seconds=15):
        _previewed(content, name)
        if place == "note":
            table = read(content, name, "n", options, limits=LIMITS)
            assert "note" not in table.columns
            assert any('Left out column "note"' in one for one in table.notices), table.notices
            assert len(to_json(text_set_info(table), {})) < 5_000
            return
        with pytest.raises(TextSetError, match=r"Row 4 has [0-9,]+0,00[0-9] characters in column") as caught:
            read(content, name, "n", options, limits=LIMITS)
    assert "EMBEDSCOPE_MAX_TEXT_CHARS" in caught.value.message and caught.value.hint
    assert len(str(caught.value)) < 1_000


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("big", BIG)
def test_a_name_of_a_column_of_millions_of_characters_is_refused(form: str, big: str) -> None:
    rows = _rows(1)
    rows[0][2] = BIG[big]()
    content, name = FORMS[form](rows), f"a.{form}"
    with guarded(f"{big} as a name in {form}", seconds=15, megabytes=700):
        for ask in (lambda: _previewed(content, name), lambda: read(content, name, "n", _named(), limits=LIMITS)):
            with pytest.raises(TextSetError) as caught:
                ask()
    assert caught.value.message and caught.value.hint and len(str(caught.value)) < 1_000


def _named() -> ReadOptions:
    return ReadOptions(TextColumns(text="text"), header=True)


@pytest.mark.parametrize("form", FORMS)
def test_texts_are_no_classes(form: str) -> None:
    rows = _rows()
    for row in rows[1:]:
        row[1] = f"{row[1]} {'word ' * 1_000}"
    options = ReadOptions(TextColumns(text="text", label="label"))
    with pytest.raises(TextSetError, match=r"Row 1 has 5,003 characters .*to be the label") as caught:
        read(FORMS[form](rows), f"a.{form}", "n", options, limits=LIMITS)
    assert "another column" in caught.value.hint


def _wide(n_columns: int, chars: int) -> Rows:
    names = ["text", *(f"column {place}" for place in range(n_columns))]
    return [names, *([f"a text {row}", *["y" * chars] * n_columns] for row in range(20))]


def test_the_preview_of_very_many_columns_is_small() -> None:
    found = preview(_parquet(_wide(5_000, 400)), "a.parquet", ReadOptions(), limits=LIMITS)
    assert sum(len(cell or "") for row in found.rows for cell in row) <= 2_100_000
    usual = preview(_parquet(_wide(20, 400)), "a.parquet", ReadOptions(), limits=LIMITS)
    assert all(len(cell or "") == 400 for row in usual.rows for cell in row[1:])


def test_names_of_columns_are_bounded_together() -> None:
    names: Sequence[str] = [f"{place} {'n' * 900}" for place in range(2_000)]
    content = _delimited(",")([["text", *names], *[["a text", *["1"] * len(names)]] * 3])
    with pytest.raises(TextSetError, match="names of the 2,001 columns"):
        preview(content, "a.csv", ReadOptions(header=True), limits=LIMITS)
