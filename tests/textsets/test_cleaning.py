"""WikiText's marks: each with the exact text that is left."""

import pytest

from backend.errors import TextSetError
from backend.textsets.cleaning import clean_table, clean_wikitext
from backend.values.texts import TextTable


@pytest.mark.parametrize(
    ("line", "cleaned"),
    [
        (" = Homarus gammarus = ", None),
        (" = = Description = = ", None),
        (" = = = Early life = = = \n", None),
        (" = = 1 + 1 = 2 = = ", None),
        ("", None),
        (" <unk> ", None),
        (" weigh 0 @.@ 7 – 2 @.@ 2 kg \n", "weigh 0.7 – 2.2 kg"),
        (" 1 @,@ 000 @,@ 000 well @-@ known ", "1,000,000 well-known"),
        (" a @-@ b @-@ c ", "a-b-c"),
        (" a large <unk> , with ", "a large , with"),
        (" <unk> and <unk> ", "and"),
        (" the <unk> @-@ based one ", "the -based one"),
        (" x = 3 is no heading ", "x = 3 is no heading"),
        (" = is a sign ", "= is a sign"),
        (" an @ sign , and a.b@c.d ", "an @ sign , and a.b@c.d"),
    ],
)
def test_clean_wikitext(line, cleaned):
    assert clean_wikitext(line) == cleaned


@pytest.mark.parametrize("mark", [" =", " ", " @-@ ", " <unk>", "<"])
def test_long_lines_of_marks(mark):
    line = mark * 500_000 + " x"
    cleaned = clean_wikitext(line)  # anything quadratic would not come back
    assert cleaned is not None
    assert cleaned.endswith("x")


def test_a_cleaned_table_keeps_its_columns_in_step_and_says_what_went() -> None:
    table = TextTable(
        "w", ("a @-@ b", " = Title = ", "<unk>", "c"), pairs=("p", "q", "r", "s"), columns={"y": ("0", "1", "2", None)}
    )
    cleaned = clean_table(table)
    assert (cleaned.texts, cleaned.pairs, cleaned.columns) == (("a-b", "c"), ("p", "s"), {"y": ("0", None)})
    assert "2 rows" in cleaned.notices[-1]
    with pytest.raises(TextSetError, match="Nothing is left"):
        clean_table(TextTable("w", ("= A =",)))
