"""The words of the forms: no parameter of a metric or a recipe is shown by its own name where that is no plain word."""

import dataclasses
import re

import pytest

from backend import RECIPES, field_label, value_words
from backend.metrics import METRICS

OWN_WORDS = ("k", "align", "n components", "n select", "n listed", "mode", "preset", "head", "control", "bands")
FORMS = {name: row.params for name, row in METRICS.items()} | {"recipe": type(next(iter(RECIPES.values())))}


@pytest.mark.parametrize("name", FORMS)
def test_every_label_is_plain_and_every_help_is_a_sentence(name: str) -> None:
    labels = []
    for field in dataclasses.fields(FORMS[name]):
        label = field_label(field)
        labels.append(label)
        assert label.lower() not in OWN_WORDS and not re.match(r"n |.$", label.lower()), f"{field.name}: {label}"
        assert "_" not in label and label[0].isupper(), f"{field.name}: {label}"
        about = field.metadata.get("help") or ""
        assert about.endswith("."), f"{field.name}: {about}"
    assert len(set(labels)) == len(labels), "two fields of one form have one label"


@pytest.mark.parametrize("name", FORMS)
def test_every_choice_is_in_words(name: str) -> None:
    for field in dataclasses.fields(FORMS[name]):
        for choice in field.metadata.get("choices") or ():
            words = value_words(field.name, choice)
            assert "_" not in words and words not in (
                "svm",
                "rbf",
                "tsne",
                "pca",
                "umap",
                "auto",
                "halving",
                "mle",
                "mada",
            )
