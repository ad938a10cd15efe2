"""Small sets of words from CoNLL-U, for tests of rows that are words."""

from pathlib import Path
from typing import Any

from backend import TextSetInfo
from backend.bench.workbench import Workbench
from tests.models import tiny
from tests.textsets.conllu_text import word

NOUNS, VERBS = ("cat", "dog", "film", "house"), ("sat", "ran", "was", "is")


def conllu(n_sentences: int = 12, n_long: int = 0) -> str:
    """Small sentences, all different: a determiner, a noun of three tokens, a verb; the first ones go on for ten more."""
    blocks = []
    for number in range(n_sentences):
        noun = f"{NOUNS[number % 4]}-{tiny.WORDS[number]}"
        lines = [
            word(1, "the", "DET", 2, "det"),
            word(2, noun, "NOUN", 3, "nsubj"),
            word(3, VERBS[number % 4], "VERB", 0),
        ]
        if number < n_long:
            lines += [word(place, "old", "ADJ", 3, "xcomp") for place in range(4, 14)]
        blocks.append("\n".join([f"# sent_id = s{number}", *lines]))
    return "\n\n".join(blocks) + "\n"


def words(bench: Workbench, tmp_path: Path, name: str = "a.conllu", *, text: str = "", **options: Any) -> TextSetInfo:
    """A set of words of that text, saved from a file of that name."""
    path = tmp_path / name
    path.write_text(text or conllu(), encoding="utf-8")
    return bench.read_texts(path, **options)
