"""A part of a text set: which rows, and that what it is part of goes with it everywhere."""

import csv
import io
from collections import Counter
from typing import Any

import pandas as pd
import pytest

from backend import RowSample, SampleTask
from backend.bench.workbench import Workbench
from backend.errors import EmbedscopeError, TextSetError
from backend.forms.documents import result_document
from backend.forms.fingerprint import fingerprint, text_set_spec
from backend.textsets.codec import table_from_json, table_to_json
from backend.textsets.joining import join
from backend.textsets.limits import Limits
from backend.textsets.reading import read
from backend.textsets.sampling import _shares, sampled
from backend.values.reading import ReadOptions, TextColumns
from backend.values.specs import ActivationSpec, ModelSpec
from backend.values.texts import TextTable


def table(n_rows: int = 100, **more: Any) -> TextTable:
    """Labels a, b, c for 60, 30 and 10 of 100 rows, mixed."""
    labels = tuple("a" if row % 10 < 6 else "b" if row % 10 < 9 else "c" for row in range(n_rows))
    return TextTable(
        "whole", tuple(f"text {row}" for row in range(n_rows)), columns={"label": labels}, label="label", **more
    )


def test_the_first_rows_are_the_first():
    part = sampled(table(), RowSample(7), "part")
    assert (part.name, part.texts) == ("part", tuple(f"text {row}" for row in range(7)))
    assert part.columns["label"] == table().columns["label"][:7]
    assert part.sample == "the first 7 of 100 rows of 'whole'"


@pytest.mark.parametrize(
    ("n", "counts"), [(10, (6, 3, 1)), (20, (12, 6, 2)), (50, (30, 15, 5)), (3, (1, 1, 1)), (99, (59, 30, 10))]
)
def test_rows_by_label_keep_the_shares(n, counts):
    part = sampled(table(), RowSample(n, "label", 1))
    found = Counter(part.columns["label"])
    assert tuple(found[name] for name in "abc") == counts
    rows = [int(text.split()[1]) for text in part.texts]
    assert rows == sorted(set(rows))
    assert part.sample == f"{n} of 100 rows of 'whole', stratified by the label 'label' (seed 1)"
    assert part.texts == sampled(table(), RowSample(n, "label", 1)).texts
    assert n in (3, 99) or part.texts != sampled(table(), RowSample(n, "label", 2)).texts


def test_shares_add_up_and_stay_within_one_row():
    for sizes in ((1, 1, 1000), (5, 5, 5), (333, 333, 334), (1,) * 50 + (500,)):
        for n in (len(sizes), len(sizes) + 1, sum(sizes) // 2, sum(sizes)):
            counts = _shares(sizes, n)
            assert sum(counts) == n
            assert all(1 <= count <= size for count, size in zip(counts, sizes, strict=True))
    quotas = [90 * size / 1000 for size in (333, 333, 334)]
    assert all(abs(count - quota) <= 1 for count, quota in zip(_shares((333, 333, 334), 90), quotas, strict=True))


def test_the_parts_of_a_split_keep_their_shares_too():
    split = tuple("train" if row < 80 else "test" for row in range(100))
    whole = TextTable(
        "whole", table().texts, columns={"label": table().columns["label"], "s": split}, label="label", split="s"
    )
    part = sampled(whole, RowSample(20, "label"))
    assert Counter(part.columns["s"]) == {"train": 16, "test": 4}
    assert "by the label 'label' and the split 's' (seed 0)" in part.sample


def test_rows_without_a_label_are_a_stratum_of_their_own():
    whole = TextTable("whole", ("a", "b", "c", "d"), columns={"l": ("x", None, "x", None)}, label="l")
    assert Counter(sampled(whole, RowSample(2, "label")).columns["l"]) == {"x": 1, None: 1}


def test_random_rows_and_parts_of_parts():
    part = sampled(table(), RowSample(40, "random", 3), "some")
    again = sampled(part, RowSample(5), "few")
    assert len(set(part.texts)) == 40
    assert again.sample == (
        "the first 5 of 40 rows of 'some', which are 40 of 100 rows of 'whole', drawn at random (seed 3)"
    )
    assert sampled(table(), RowSample(100)).sample == sampled(table(), RowSample(1000, "label")).sample == ""


def test_pairs_and_spans_go_along():
    whole = TextTable("w", ("ab c", "ab c", "d"), unit="word", spans=((0, 2), (3, 4), (0, 1)))
    assert sampled(whole, RowSample(2)).spans == ((0, 2), (3, 4))
    assert sampled(TextTable("p", ("a", "b"), ("c", "d")), RowSample(1)).pairs == ("c",)


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (RowSample(0), "A text set of 0 rows would be empty."),
        (RowSample(2, "label"), "2 rows cannot hold 3 classes."),
        (RowSample(2, "best"), "Rows are not taken by 'best'."),
        (RowSample(2, "random", -1), "The seed -1 is out of range."),
    ],
)
def test_parts_that_cannot_be(rows, words):
    with pytest.raises(TextSetError) as caught:
        sampled(table(), rows)
    assert (caught.value.message, bool(caught.value.hint)) == (words, True)
    with pytest.raises(TextSetError, match="has no labels to take rows by"):
        sampled(TextTable("w", ("a", "b")), RowSample(1, "label"))


def test_a_part_is_another_text_set_than_the_same_rows_by_themselves():
    part = sampled(table(), RowSample(7), "whole")
    alone = table(7)
    ours, theirs = text_set_spec(part), text_set_spec(alone)
    assert ours.digest == theirs.digest
    assert ours.table != theirs.table
    model = ModelSpec("m", "a" * 40)
    assert fingerprint(ActivationSpec(model, ours, 0)) != fingerprint(ActivationSpec(model, theirs, 0))
    assert table_from_json(table_to_json(part)).sample == part.sample


def test_a_file_is_read_in_part_after_rows_without_a_text_are_dropped():
    content = b"text,label\n,x\n" + b"".join(b"t%d,%s\n" % (row, b"xy"[row % 2 : row % 2 + 1]) for row in range(20))
    options = ReadOptions(TextColumns("text", label="label"), rows=RowSample(4, "label"))
    part = read(content, "a.csv", "mine", options, limits=Limits())
    assert Counter(part.columns["label"]) == {"x": 2, "y": 2}
    assert part.sample == "4 of 20 rows of 'a.csv', stratified by the label 'label' (seed 0)"


def test_joined_parts_say_which_each_is():
    joined = join(sampled(table(), RowSample(9)), table(20), "both")
    assert joined.sample == "train has the first 9 of 100 rows of 'whole'"


def test_every_result_of_a_part_says_so(bench: Workbench, monkeypatch: pytest.MonkeyPatch) -> None:
    from pages._kit.show.files import csv_file
    from pages._kit.show.finding import Finding

    part = bench.sample_texts(bench.text_set_info("sentiment"), 12, by="label", seed=1)
    said = "12 of 440 rows of 'sentiment', stratified by the label 'label' and the split 'split' (seed 1)"
    assert (part.spec.name, part.spec.n_rows, part.spec.sample) == ("sentiment, 12 by label", 12, said)
    result = bench.compute("average_cosine", texts=part, layers=[0, 1])
    assert f"The texts are a sample: {said}." in result.notes
    document = result_document(result)
    assert document["sources"][0]["sample"] == said
    assert document["recipe"]["inputs"][0]["texts"]["sample"] == said
    saved = csv_file(Finding("key", "title", None, "", pd.DataFrame({"a": [1]}), results=[result])).decode("utf-8-sig")
    rows = list(csv.reader(io.StringIO(saved)))
    assert rows == [["a", "texts"], ["1", said]]
    again = bench.compute(bench.from_recipe(document["recipe"]))
    assert again.notes == result.notes
    whole = bench.compute("average_cosine", texts="sentiment", layers=[0])
    assert not any("part" in note for note in whole.notes)
    table = Finding("key", "title", None, "", pd.DataFrame({"a": [1]}), results=[whole]).numbers()
    assert list(table.columns) == ["a"]


def test_an_edited_recipe_cannot_hide_that_it_is_a_part(bench: Workbench) -> None:
    part = bench.sample_texts(bench.text_set_info("sentiment"), 12)
    recipe = bench.recipe(bench.analysis("average_cosine", models=[bench.model("minilm")], texts=part, layers=[0]))
    recipe["inputs"][0]["texts"]["sample"] = ""
    with pytest.raises(EmbedscopeError, match="'sample' is"):
        bench.wait(bench.from_recipe(recipe))
    with pytest.raises(EmbedscopeError):
        bench.wait(SampleTask(part.spec.table, "x", RowSample(3, "best")))
