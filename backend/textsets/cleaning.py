"""Cleaning of texts that were tokenised for language modelling."""

import re
from dataclasses import replace

from backend.errors import TextSetError
from backend.values.texts import TextTable

_JOINED = re.compile(r" @([-,.])@ ")
_UNKNOWN = re.compile(r"<unk>")
_SPACES = re.compile(r" {2,}")


def clean_wikitext(text: str) -> str | None:
    """One line of WikiText as plain text, or None for a heading and for a line with nothing left.

    ` = Title = ` is a heading; `<unk>` is removed with the space it leaves; ` @-@ `, ` @,@ ` and ` @.@ ` become "-",
    "," and "." without spaces. Spaces before punctuation, as in "word ,", stay. Source: Merity et al. 2017 describe
    the tokenisation.
    """
    if _is_heading(text):
        return None
    joined = _JOINED.sub(r"\1", text)
    cleaned = _SPACES.sub(" ", _UNKNOWN.sub("", joined)).strip()
    return cleaned or None


def clean_table(table: TextTable) -> TextTable:
    """``table`` with every text cleaned; rows that are headings or empty go, with a notice that counts them."""
    cleaned = [clean_wikitext(text) for text in table.texts]
    kept = [row for row, text in enumerate(cleaned) if text is not None]
    if not kept:
        raise TextSetError(
            f"Nothing is left of '{table.name}' after the WikiText cleaning.", "Read it without that cleaning."
        )
    notice = f"Cleaned as WikiText; {len(cleaned) - len(kept)} rows (headings and empty ones) were dropped."
    return replace(
        table,
        texts=tuple(text for text in cleaned if text is not None),
        pairs=None if table.pairs is None else tuple(table.pairs[row] for row in kept),
        columns={name: tuple(cells[row] for row in kept) for name, cells in table.columns.items()},
        notices=(*table.notices, notice),
    )


def _is_heading(text: str) -> bool:
    words = text.split()
    n_before = next((number for number, word in enumerate(words) if word != "="), 0)
    n_after = next((number for number, word in enumerate(reversed(words)) if word != "="), 0)
    return 0 < n_before == n_after
