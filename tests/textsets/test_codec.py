"""Text sets through JSON and back, exactly; cells of a CSV export."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from backend.errors import TextSetError
from backend.forms.fingerprint import text_set_spec
from backend.textsets.codec import safe_cell, table_from_json, table_to_json
from backend.values.texts import TextTable

WILD = st.text(st.characters(), max_size=8) | st.sampled_from(
    ["\ud83d\ude00", "\U0001f600", "\ude00\ud83d", "", "\x00"]
)
CELLS = st.none() | WILD


def same(left: TextTable, right: TextTable) -> bool:
    return all(getattr(left, name) == getattr(right, name) for name in TextTable.__slots__)


@st.composite
def tables(draw):
    n_rows = draw(st.integers(0, 4))
    texts = draw(st.tuples(*[WILD] * n_rows))
    pairs = draw(st.none() | st.tuples(*[WILD] * n_rows))
    columns = draw(st.dictionaries(WILD, st.tuples(*[CELLS] * n_rows), max_size=3))
    role = st.none() | st.sampled_from(list(columns)) if columns else st.none()
    return TextTable(
        draw(WILD),
        texts,
        pairs,
        columns,
        draw(role),
        draw(role),
        draw(st.sampled_from(["text", "word"])),
        (draw(WILD),),
    )


@settings(deadline=None)
@given(tables())
def test_round_trip(table):
    text = table_to_json(table)
    again = table_from_json(text.encode("utf-8").decode("utf-8"))
    assert same(again, table)
    assert list(again.columns) == list(table.columns)


def test_identity_survives():
    table = TextTable("n", ("a", "b"), ("c", "d"), {"x": ("1", None)}, "x", notices=("said",))
    assert text_set_spec(table_from_json(table_to_json(table))) == text_set_spec(table)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 0),
        ("texts", ["a"]),
        ("texts", [None, "b"]),
        ("pairs", ["a"]),
        ("columns", [["x", ["1"]]]),
        ("columns", [["x", [1, 2]]]),
        ("columns", {"x": ["1", "2"]}),
        ("label", "y"),
        ("texts", [{"hex": "zz"}, "b"]),
        ("name", None),
    ],
)
def test_damage_is_noticed(field, value):
    fields = json.loads(table_to_json(TextTable("n", ("a", "b"), columns={"x": ("1", None)}, label="x")))
    table_from_json(json.dumps(fields))
    with pytest.raises(TextSetError, match="damaged"):
        table_from_json(json.dumps(fields | {field: value}))


def test_a_later_form_is_no_damage():
    fields = json.loads(table_to_json(TextTable("n", ("a", "b"))))
    with pytest.raises(TextSetError, match="newer version of Embedscope"):
        table_from_json(json.dumps(fields | {"version": 2}))


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "{}", "[" * 100_000])
def test_what_is_no_table(text):
    with pytest.raises(TextSetError, match="damaged"):
        table_from_json(text)


@pytest.mark.parametrize(
    "text",
    [
        "=1+1",
        "+cmd|' /C calc'!A0",
        "-2+3",
        "@SUM(A1)",
        "\t=1",
        " =1",
        "＝1",
        "＋1",
        "－1",
        "＠x",
        "﹦1",
        "\u200b=1",
        "\u200e=1",
        "\u202e@x",
        "\x01=1",
        " \0+x",
        "-1.5x",
        "-",
        "-1,2",
    ],
)
def test_formulas_are_neutralised(text):
    assert safe_cell(text) == "'" + text


@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n", "\n\n", "\u2028"])
@pytest.mark.parametrize("formula", ["=1+1", "＝1", "@SUM(A1)", "-2+3"])
def test_formulas_after_a_line_break_are_neutralised(line_break, formula):
    assert safe_cell(f"a text{line_break}{formula}") == f"a text{line_break}'{formula}"
    assert safe_cell(line_break + formula) == f"{line_break}'{formula}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "plain",
        "-1",
        "-1.5",
        "+3",
        "-.5",
        "+2.",
        " -1 ",
        "1e-3",
        "-2E+10",
        "a=b",
        "'=1",
        "one\ntwo\r\n\n-3",
        "0\n-1",
    ],
)
def test_other_cells_stay(text):
    assert safe_cell(text) == text
