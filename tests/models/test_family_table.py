"""The table of families: a sample is tried again here, all of them where EMBEDSCOPE_FAMILIES is "all"."""

import json
import os
from pathlib import Path

import pytest

from tests.models.families import DOCUMENT, TABLE, Row, document, text_families, tried

ROWS = {row["family"]: Row(**row) for row in json.loads(TABLE.read_text())}
SAMPLE = (
    *(
        "albert",
        "bert",
        "big_bird",
        "bigbird_pegasus",
        "bros",
        "canine",
        "clip_text_model",
        "convbert",
        "cpmant",
        "ctrl",
    ),
    *("deberta-v2", "deepseek_v2", "dpr", "electra", "embedding_gemma2_text", "falcon", "hrm_text", "mistral"),
)
WHOLE = os.environ.get("EMBEDSCOPE_FAMILIES") == "all"


@pytest.mark.parametrize("family", sorted(ROWS) if WHOLE else SAMPLE)
def test_a_family_is_what_the_table_says(tmp_path: Path, family: str) -> None:
    assert tried(family, tmp_path) == ROWS[family]


def test_the_others_are_tried_too() -> None:
    if not WHOLE:
        pytest.skip(f"{len(ROWS) - len(SAMPLE)} more families: EMBEDSCOPE_FAMILIES=all tries them")


def test_every_text_family_of_the_library_is_in_the_table() -> None:
    assert sorted(ROWS) == text_families(), "run: python -m tests.models.families --write"


def test_the_document_is_that_of_the_table() -> None:
    assert DOCUMENT.read_text() == document(list(ROWS.values())), "run: python -m tests.models.families --document"


def test_no_family_ends_in_a_raw_error() -> None:
    assert {row.outcome for row in ROWS.values()} == {"supported", "refused", "unlike", "not tried"}
