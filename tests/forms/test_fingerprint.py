"""The golden digests: when one changes, every user loses a cache, so it must be meant."""

import dataclasses

import pytest

from backend.forms.fingerprint import content_digest, fingerprint, text_set_spec
from backend.values.specs import ActivationSpec, ModelSpec, PostProcess, TextSetSpec
from backend.values.tasks import ResolveTask
from backend.values.texts import TextTable

MODEL = ModelSpec("minilm", "a" * 40)
TEXTS = TextSetSpec("reviews", "b" * 40, 100, table="c" * 40)
SPEC = ActivationSpec(MODEL, TEXTS, 3)


def test_names_paths_and_tables_are_not_in_the_key() -> None:
    renamed = dataclasses.replace(MODEL, name="/somewhere/else")
    texts = dataclasses.replace(TEXTS, name="other", table="d" * 40)
    assert fingerprint(ActivationSpec(renamed, texts, 3)) == fingerprint(SPEC)


@pytest.mark.parametrize(
    "change",
    [
        {"layer": 4},
        {"pooling": "cls"},
        {"max_length": 128},
        {"postprocess": (PostProcess("centre"),)},
        {"postprocess": (PostProcess("remove_rogue", 1),)},
        {"model": ModelSpec("minilm", "e" * 40)},
        {"model": ModelSpec("minilm", "a" * 40, "bfloat16")},
        {"texts": dataclasses.replace(TEXTS, digest="f" * 40)},
    ],
)
def test_everything_else_is(change: dict[str, object]) -> None:
    assert fingerprint(dataclasses.replace(SPEC, **change)) != fingerprint(SPEC)


def test_no_two_values_share_their_bytes() -> None:
    assert content_digest(b"ab", b"c") != content_digest(b"a", b"bc")
    assert fingerprint(ResolveTask("1")) != fingerprint(ResolveTask("1", "float32"))


def test_golden_digests() -> None:
    assert fingerprint(SPEC) == "71b7abdf9c6525ef3b5b1ebc6fb0b230015fe3ae"
    assert fingerprint(ResolveTask("minilm")) == "42eea2b79bc84dd9b5549a47edf538dd35319bc7"
    assert content_digest(b"ab", b"c") == "78a9ac1ff4dec9356c45df58dbf3e07b4373129c"


def test_golden_digests_of_a_text_set() -> None:
    spec = text_set_spec(TextTable("n", ("a", "b"), ("c", "d"), {"x": ("1", None)}, "x"))
    assert spec.digest == "e202c84ef43820081fe2ed86755e0a2d8713870d"
    assert spec.table == "c9fe524aeda2b12c149bf12796740671bc81d443"
