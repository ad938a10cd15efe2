"""Where in its text each word is."""

from collections.abc import Sequence

Span = tuple[int, int]


def place(text: str, forms: Sequence[str]) -> list[Span] | None:
    """(start, end) of each form in ``text``, one after the other; None where they and white space are not all of it."""
    spans: list[Span] = []
    at = 0
    for form in forms:
        while not text.startswith(form, at):
            if at >= len(text) or not text[at].isspace():
                return None
            at += 1
        spans.append((at, at + len(form)))
        at += len(form)
    return spans if not text[at:].strip() else None


def write_out(forms: Sequence[str], spaced: Sequence[bool]) -> tuple[str, list[Span]]:
    """The text that ``forms`` make, with a space after each that is ``spaced`` (but the last), and their spans."""
    spans: list[Span] = []
    parts: list[str] = []
    at = 0
    for number, (form, space) in enumerate(zip(forms, spaced, strict=True)):
        spans.append((at, at + len(form)))
        parts.append(form + (" " if space and number < len(forms) - 1 else ""))
        at += len(parts[-1])
    return "".join(parts), spans


def divide(span: Span, form: str, words: Sequence[str]) -> list[Span] | None:
    """The spans of ``words`` within the multiword token ``form`` at ``span``; None where it is not made of them.

    "can't" is "ca" and "n't"; the French "du" is not "de" and "le".
    """
    if "".join(words).casefold() != form.casefold() or sum(map(len, words)) != len(form):
        return None
    spans: list[Span] = []
    at = span[0]
    for word in words:
        spans.append((at, at + len(word)))
        at += len(word)
    return spans
