"""Generated files: each is read, or refused with a message, in time and within memory."""

import os
import random
import time
from collections import Counter
from collections.abc import Callable

import pytest

from backend.errors import EmbedscopeError
from backend.textsets.codec import table_from_json, table_to_json
from backend.textsets.limits import Limits
from backend.textsets.reading import preview, read
from backend.textsets.tables import FORMATS
from backend.values.reading import WORD_TASKS, ReadOptions, TextColumns
from backend.vectors.limits import VectorLimits
from backend.vectors.reading import preview_vectors, read_vectors
from backend.work.library import text_set_info
from tests.attacks.made import KINDS, MARKS, OF_VECTORS, WORDS, made
from tests.guards import guarded

FILES = int(os.environ.get("EMBEDSCOPE_TEST_FILES", "1000"))  # of each kind; as texts and, where it may be, as vectors
LIMITS = Limits(max_bytes=2_000_000, max_rows=10_000, max_text_chars=20_000)
VECTOR_LIMITS = VectorLimits(2_000_000, 10_000)


def _options(draw: random.Random) -> ReadOptions:
    if draw.random() < 0.7:
        return ReadOptions(TextColumns(metadata=None))
    column = lambda: draw.choice((None, None, 0, 1, -1, 10**9, "text", draw.choice(WORDS)))  # noqa: E731
    return ReadOptions(
        TextColumns(column(), column(), column(), column(), draw.choice(((), None, ("label",)))),
        draw.choice((None, *FORMATS)),
        encoding=draw.choice((None, None, "utf-8", "utf-16", "latin-1", "rot13", "zlib", "no such")),
        separator=draw.choice((None, None, None, *MARKS, "tab", "évil")),
        header=draw.choice((None, True, False)),
        task=draw.choice((None, None, None, None, *WORD_TASKS)),
        clean_wikitext=draw.random() < 0.1,
    )


def _as_texts(content: bytes, name: str, options: ReadOptions) -> None:
    preview(content, name, options, limits=LIMITS)
    table = read(content, name, "n", options, limits=LIMITS)
    spec = text_set_info(table).spec
    assert text_set_info(table_from_json(table_to_json(table))).spec == spec, "what is kept is what was read"


def _as_vectors(content: bytes, name: str) -> None:
    found = read_vectors(content, name, VECTOR_LIMITS)
    preview_vectors(content, name, found, LIMITS, lambda *_: None)


def _outcome(read: Callable[[], None], which: str) -> str:
    """ "read" or "refused"; raises AssertionError where reading ends in any other way, or takes too long."""
    began = time.process_time()
    try:
        read()
        outcome = "read"
    except EmbedscopeError as error:
        assert error.message.strip() and len(error.message) < 3_000, which
        outcome = "refused"
    except Exception as error:
        raise AssertionError(f"{which}: {type(error).__name__}: {error}") from error
    assert time.process_time() - began < 5, which
    return outcome


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_generated_files_are_read_or_refused(kind: str) -> None:
    outcomes: Counter[str] = Counter()
    with guarded(kind, seconds=60):
        for seed in range(FILES):
            name, content = made(kind, seed)
            if kind in OF_VECTORS:
                outcomes[_outcome(lambda: _as_vectors(content, name), f"vectors {seed} of kind {kind}")] += 1
            if kind not in OF_VECTORS or kind == "parquet":
                options = _options(random.Random(seed))
                outcomes[_outcome(lambda: _as_texts(content, name, options), f"file {seed} of kind {kind}")] += 1
    assert min(outcomes["read"], outcomes["refused"]) > FILES // 50, f"{kind}: {outcomes}"
