"""Cleaning of texts that were tokenised for language modelling."""

import re

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


def _is_heading(text: str) -> bool:
    words = text.split()
    n_before = next((number for number, word in enumerate(words) if word != "="), 0)
    n_after = next((number for number, word in enumerate(reversed(words)) if word != "="), 0)
    return 0 < n_before == n_after
