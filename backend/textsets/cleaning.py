"""Cleaning of texts that were tokenised for language modelling."""

import re

_HEADING = re.compile(r"\s*=(?: =)* .*[^ =].* =(?: =)*\s*")
_JOINED = re.compile(r" @([-,.])@ ")
_UNKNOWN = re.compile(r"<unk>")
_SPACES = re.compile(r" {2,}")


def clean_wikitext(text: str) -> str | None:
    """One line of WikiText as plain text, or None for a heading and for a line with nothing left.

    ` = Title = ` is a heading; `<unk>` is removed with the space it leaves; ` @-@ `, ` @,@ ` and ` @.@ ` become "-",
    "," and "." without spaces. Spaces before punctuation, as in "word ,", stay. Source: Merity et al. 2017 describe
    the tokenisation.
    """
    if _HEADING.fullmatch(text):
        return None
    joined = _JOINED.sub(r"\1", text)
    cleaned = _SPACES.sub(" ", _UNKNOWN.sub("", joined)).strip()
    return cleaned or None
