"""Characters that nobody sees, written out: in a name they would hide what it is, turn round the words behind it, or break a file."""

import re

# Control characters other than tabs and line ends, which XML and LaTeX forbid; marks that turn the direction of all that follows
# (those of single words stay: Persian and Hebrew are written with them); halves of surrogate pairs and what is no character.
_UNSEEN = re.compile("[\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]")
_BREAKS = re.compile("[\t\n\r\u2028\u2029]")


def visible(text: str) -> str:
    """``text`` with each character that no reader sees as its number: "a<U+202E>b". Line ends and tabs stay."""
    return text if text.isprintable() else _UNSEEN.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)


def all_seen(text: str) -> bool:
    """Whether ``text`` can be a name: one line, and nothing in it that `visible` writes out."""
    return text.isprintable() or not (_UNSEEN.search(text) or _BREAKS.search(text))


def only_seen(text: str) -> str:
    """``text`` without what cannot be in a name."""
    return text if text.isprintable() else _BREAKS.sub(" ", _UNSEEN.sub("", text))
