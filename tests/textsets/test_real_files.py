"""The real text sets, each with its published number of rows and its traps."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from backend.textsets.classes import column_numbers, encode_labels
from backend.textsets.cleaning import clean_wikitext
from backend.textsets.limits import Limits
from backend.textsets.reading import preview, read_path
from backend.values.reading import ReadOptions, TextColumns
from backend.values.texts import TextTable

LIMITS = Limits()


@pytest.fixture(name="path_of")
def _path_of(shared: Path) -> Callable[[str], Path]:
    return lambda name: shared / "data" / name


@pytest.fixture(name="table")
def _table(path_of: Callable[[str], Path]) -> Callable[..., TextTable]:
    def read(name: str, columns: TextColumns = TextColumns(), **options: object) -> TextTable:
        return read_path(path_of(name), name, ReadOptions(columns=columns, **options), limits=LIMITS)

    return read


@pytest.mark.parametrize(("part", "n_rows"), [("train", 6_920), ("dev", 872), ("test", 1_821)])
def test_sst2(part, n_rows, path_of, table):
    read_back = table(f"sst2/{part}.tsv", TextColumns(text=0, label=1), header=False)
    assert (len(read_back), read_back.notices) == (n_rows, ())
    assert encode_labels(read_back, "1").classes == ("0", "1")
    assert (
        preview(
            path_of(f"sst2/{part}.tsv").read_bytes(), "dev.tsv", ReadOptions(header=False), limits=LIMITS
        ).guess_label
        == "1"
    )


def test_qnli(path_of, table):
    columns = TextColumns(text="question", pair="sentence", label="label")
    read_back = table("qnli/dev.tsv", columns)
    assert len(read_back) == 5_463
    assert set(read_back.columns["label"]) == {"entailment", "not_entailment"}
    assert read_back.pairs is not None
    assert read_back.pairs[658].startswith('" This term describes cells')
    assert len(table("qnli/test.tsv", TextColumns(text="question", pair="sentence"))) == 5_463
    shown = preview(path_of("qnli/dev.tsv").read_bytes(), "dev.tsv", ReadOptions(), limits=LIMITS)
    assert (shown.guess_text, shown.guess_pair, shown.guess_label) == ("question", "sentence", "label")


def test_trec_is_latin_1_and_has_its_labels_as_two_columns(table, path_of):
    read_back = table("trec/TREC.train")
    assert len(read_back) == 5_452
    assert "Latin-1" in read_back.notices[0]
    assert read_back.texts[0] == "How did serfdom develop in and then leave Russia ?"
    assert (read_back.label, len(set(read_back.columns["coarse"])), len(set(read_back.columns["fine"]))) == (
        "coarse",
        6,
        50,
    )
    assert len(table("trec/TREC.test")) == 500
    assert table("trec/TREC.test", format="txt").texts[0] == "NUM:dist How far is it from Denver to Aspen ?"
    shown = preview(path_of("trec/TREC.test").read_bytes(), "TREC.test", ReadOptions(), limits=LIMITS)
    assert shown.columns == ("text", "coarse", "fine")
    assert any(guess.what == "format" and "TXT" in guess.other for guess in shown.guesses)


@pytest.mark.parametrize("part", ["train", "dev", "test"])
def test_a_file_without_a_header_is_known_by_its_rows(part, path_of):
    shown = preview(path_of(f"sst2/{part}.tsv").read_bytes(), "dev.tsv", ReadOptions(), limits=LIMITS)
    assert (shown.header, shown.guess_text, shown.guess_label) == (False, "0", "1")
    assert preview(path_of("qnli/dev.tsv").read_bytes(), "dev.tsv", ReadOptions(), limits=LIMITS).header


def test_ag_news(table):
    quoted = table("ag_news/test.csv", TextColumns(text=2, label=0, metadata=(1,)), header=False)
    assert (len(quoted), quoted.notices) == (7_600, ())
    assert Counter(quoted.columns["0"]) == {"1": 1_900, "2": 1_900, "3": 1_900, "4": 1_900}
    assert quoted.columns["1"][0] == "Fears for T N pension after talks"
    assert len(table("ag_news/train_10k.tsv", TextColumns(text=0, label=1), header=False)) == 10_001
    taken_off = table("ag_news/train_10k.tsv", TextColumns(text=0, label=1), header=False, format="csv")
    assert len(taken_off) == 10_001
    assert not any(text.startswith('"') and text.endswith('"') for text in taken_off.texts)
    assert len(encode_labels(taken_off, "1").classes) == 4


def test_wikitext(path_of, table):
    read_back = table("wikitext2/valid.txt")
    assert len(read_back) == 2_461
    assert read_back.notices == ("Dropped 1,299 blank lines.",)
    cleaned = [clean_wikitext(text) for text in read_back.texts]
    kept = [text for text in cleaned if text is not None]
    lines = path_of("wikitext2/valid.txt").read_text(encoding="utf-8").split("\n")
    n_headings = sum(line.startswith(" = ") and line.endswith(" = ") for line in lines)
    assert len(cleaned) - len(kept) == n_headings > 0
    assert not any(mark in text for text in kept for mark in ("<unk>", "@-@", "@,@", "@.@", "  "))


@pytest.mark.parametrize(
    ("cells", "numbers"),
    [
        (("0.5", None, "2"), [0.5, np.nan, 2.0]),
        (tuple(map(str, range(25))), list(range(25))),
        (tuple(map(str, range(24))), None),
        (("1.5", "good"), None),
        ((None, None), None),
    ],
)
def test_a_column_measures_where_its_numbers_are_no_names_of_classes(cells, numbers) -> None:
    found = column_numbers(cells)
    if numbers is None:
        assert found is None
    else:
        np.testing.assert_array_equal(found, numbers)
