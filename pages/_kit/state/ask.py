"""The fields that pages ask with: Streamlit's own, whose value is part of the View.

Each takes what the widget of the same name takes; ``key`` is a must and is the field's name in the address. A field keeps its
value over pages, reloads, Back and Forward, and a link opens it where it stood. What an address asks for and a field cannot
have (an option that is not there, a number beyond the limits) is said on the page, and the field keeps its own value.
Fields whose value is a person's own text, such as what is pasted or uploaded, are Streamlit's and stay out of the address.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

import streamlit as st

from pages._kit.state.view import note, start_value

T = TypeVar("T")
Reader = Callable[[Sequence[str]], T]
_BOOLS = {"true": True, "false": False}


def word_of(option: object) -> str:
    """An option, or another value of a field, as the address has it."""
    if isinstance(option, bool):
        return str(option).lower()
    return "none" if option is None else str(option)


def one_of(options: Sequence[T], shown: Callable[[Any], str], word: str) -> T:
    """The option that ``word`` names, by its value or as it is shown; raises ValueError where there is none."""
    for name in (word_of, shown):
        for option in options:
            if name(option) == word or (option is None and not word):
                return option
    raise ValueError


def selectbox(
    label: str,
    options: Iterable[T],
    *,
    key: str,
    index: int = 0,
    format_func: Callable[[Any], str] = str,
    read: Reader[T] | None = None,
    **rest: Any,  # what else the widget takes
) -> T:
    """One of ``options`` from a list; ``read`` says otherwise which option the words of an address mean."""
    choices = list(options)
    value = start_value(key, label, choices[index], read or _reader(choices, format_func), choices.__contains__)
    st.selectbox(label, choices, index=choices.index(value), format_func=format_func, key=key, **rest)
    return _one(key, choices, value)


def named(
    label: str,
    options: Iterable[str],
    *,
    key: str,
    fits: Callable[[object], bool],
    **rest: Any,  # what else the widget takes
) -> str | None:
    """One of ``options`` or another name, typed, for which ``fits`` is true; None while nothing is chosen."""
    choices = list(options)

    def read(words: Sequence[str]) -> str | None:
        word = words[-1] if words else ""
        if word and not fits(word):
            raise ValueError
        return word or None

    value = start_value(key, label, None, read, lambda name: name is None or fits(name))
    if value is not None and value not in choices:
        choices.append(value)
    index = None if value is None else choices.index(value)
    st.selectbox(label, choices, index=index, accept_new_options=True, key=key, **rest)
    found = st.session_state.get(key)
    note(key, found, [found or ""])
    return found


def segmented_control(
    label: str,
    options: Iterable[T],
    *,
    key: str,
    default: T,
    format_func: Callable[[Any], str] = str,
    **rest: Any,  # what else the widget takes
) -> T:
    """One of a few ``options``, side by side; one is always chosen."""
    choices = list(options)
    value = start_value(key, label, default, _reader(choices, format_func), choices.__contains__)
    st.segmented_control(label, choices, default=value, required=True, format_func=format_func, key=key, **rest)
    return _one(key, choices, value)


def tabs(
    labels: Sequence[str],
    *,
    key: str,
    **rest: Any,  # what else the widget takes
) -> Sequence[Any]:  # Streamlit's containers
    """A container for each of ``labels``, of which one is open."""
    value = start_value(key, "the tab", labels[0], _reader(labels, str), labels.__contains__)
    found = st.tabs(labels, key=key, on_change="rerun", **rest)
    _one(key, labels, value)
    return found


def select_slider(
    label: str,
    options: Iterable[T],
    value: T,
    *,
    key: str,
    format_func: Callable[[Any], str] = str,
    **rest: Any,  # what else the widget takes
) -> T:
    """One of ``options`` in their order, on a slider."""
    choices = list(options)
    begin = start_value(key, label, value, _reader(choices, format_func), choices.__contains__)
    st.select_slider(label, choices, begin, format_func=format_func, key=key, **rest)
    return _one(key, choices, begin)


def multiselect(
    label: str,
    options: Iterable[T],
    *,
    key: str,
    default: Sequence[T] = (),
    format_func: Callable[[Any], str] = str,
    fits: Callable[[T], bool] | None = None,
    **rest: Any,  # what else the widget takes
) -> list[T]:
    """Some of ``options`` from a list; with ``accept_new_options``, ``fits`` says what else may be named."""
    choices, most = list(options), rest.get("max_selections")
    new = fits if rest.get("accept_new_options") and fits is not None else None
    value = _start_some(key, label, list(default), choices, format_func, new, most)
    choices += [one for one in value if one not in choices]
    st.multiselect(label, choices, default=value, format_func=format_func, key=key, **rest)
    return _some(key, choices, value, new, most)


def pills(
    label: str,
    options: Iterable[T],
    *,
    key: str,
    default: Sequence[T] = (),
    format_func: Callable[[Any], str] = str,
    **rest: Any,  # what else the widget takes
) -> list[T]:
    """Some of a few ``options``, side by side."""
    choices = list(options)
    value = _start_some(key, label, list(default), choices, format_func, None, None)
    st.pills(label, choices, selection_mode="multi", default=value, format_func=format_func, key=key, **rest)
    return _some(key, choices, value, None, None)


def toggle(label: str, value: bool = False, *, key: str, **rest: Any) -> bool:  # what else the widget takes
    """On or off."""
    return _switch(st.toggle, label, value, key, rest)


def checkbox(label: str, value: bool = False, *, key: str, **rest: Any) -> bool:  # what else the widget takes
    """On or off, as a box."""
    return _switch(st.checkbox, label, value, key, rest)


def number_input(
    label: str,
    *,
    key: str,
    value: int | float | None,
    min_value: int | float | None = None,
    max_value: int | float | None = None,
    whole: bool | None = None,
    **rest: Any,  # what else the widget takes
) -> Any:  # the kind of ``value``: whole numbers, or numbers with decimals, or None where that is the default
    """A number within limits; ``whole`` says which kind it is where ``value`` is None."""
    kind: type[int] | type[float] = int if (isinstance(value, int) if whole is None else whole) else float

    def fits(number: object) -> bool:
        if number is None:
            return value is None
        if isinstance(number, bool) or not isinstance(number, int | float) or not math.isfinite(number):
            return False
        inside = (min_value is None or number >= min_value) and (max_value is None or number <= max_value)
        return inside and (kind is float or isinstance(number, int))

    def read(words: Sequence[str]) -> int | float | None:
        word = words[-1].strip() if words else ""
        number: int | float | None = math.nan
        with suppress(ValueError, OverflowError):
            number = None if word in ("", "none") else kind(word) if len(word) <= 40 else math.nan
        if not fits(number):
            raise ValueError(_outside(label, word, min_value, max_value))
        return number

    begin = start_value(key, label, value, read, fits)
    st.number_input(label, min_value=min_value, max_value=max_value, value=begin, key=key, **rest)
    chosen = st.session_state.get(key)
    chosen = chosen if fits(chosen) else begin
    note(key, chosen, [word_of(chosen)])
    return chosen


def text_input(
    label: str,
    value: str = "",
    *,
    key: str,
    max_chars: int = 500,
    **rest: Any,  # what else the widget takes
) -> str:
    """A short text on one line, such as a list of numbers."""

    def fits(text: object) -> bool:
        return isinstance(text, str) and len(text) <= max_chars and (text.isprintable() or not text)

    def read(words: Sequence[str]) -> str:
        if not words or not fits(words[-1]):
            raise ValueError(f"The link asks for {label} with more than {max_chars:,} characters, or unprintable ones.")
        return words[-1]

    begin = start_value(key, label, value, read, fits)
    st.text_input(label, begin, max_chars=max_chars, key=key, **rest)
    text = st.session_state.get(key)
    chosen = text if isinstance(text, str) and fits(text) else begin
    note(key, chosen, [chosen])
    return chosen


def pagination(n_pages: int, *, key: str, **rest: Any) -> int:  # what else the widget takes
    """A page of ``n_pages``, counted from 1."""

    def fits(number: object) -> bool:
        return isinstance(number, int) and not isinstance(number, bool) and 1 <= number <= n_pages

    def read(words: Sequence[str]) -> int:
        word = words[-1] if words else ""
        if not (word.isascii() and word.isdigit() and len(word) <= 9 and fits(int(word))):
            raise ValueError(f"The link asks for page '{word[:20]}', but there are {n_pages:,}.")
        return int(word)

    begin = start_value(key, "page", 1, read, fits)
    st.pagination(n_pages, default=begin, key=key, **rest)
    return _one(key, range(1, n_pages + 1), begin)


def _outside(label: str, word: str, low: float | None, high: float | None) -> str:
    limits = ("" if low is None else f" from {low:,}") + ("" if high is None else f" up to {high:,}")
    return f"The link asks for {label} '{word[:40]}'; it takes a number{limits}."


def _reader(choices: Sequence[T], shown: Callable[[Any], str]) -> Reader[T]:
    return lambda words: one_of(choices, shown, words[-1] if words else "")


def _one(key: str, choices: Sequence[T], begin: T) -> T:
    """What the field says, or what it began with where a client sends what is not on offer."""
    found = st.session_state.get(key)
    chosen = next((option for option in choices if option == found), begin)
    note(key, chosen, [word_of(chosen)])
    return chosen


def _switch(widget: Callable[..., Any], label: str, value: bool, key: str, rest: dict[str, Any]) -> bool:
    def read(words: Sequence[str]) -> bool:
        try:
            return _BOOLS[words[-1].lower()]
        except (KeyError, IndexError):
            raise ValueError from None

    begin = start_value(key, label, value, read, lambda state: isinstance(state, bool))
    widget(label, begin, key=key, **rest)
    chosen = bool(st.session_state.get(key, begin))
    note(key, chosen, [word_of(chosen)])
    return chosen


def _start_some(
    key: str,
    label: str,
    default: list[T],
    choices: Sequence[T],
    shown: Callable[[Any], str],
    new: Callable[[T], bool] | None,
    most: int | None,
) -> list[T]:
    def fits(value: object) -> bool:
        return (
            isinstance(value, list)
            and all(one in choices or (new is not None and new(one)) for one in value)
            and (most is None or len(value) <= most)
        )

    def read(words: Sequence[str]) -> list[T]:
        found: dict[str, T] = {}
        for word in words:
            if word == "" and len(words) == 1:
                return []  # nothing chosen
            try:
                found[word] = one_of(choices, shown, word)
            except ValueError:
                if new is None or not new(word):  # type: ignore[arg-type]  # what is named anew is a name
                    raise
                found[word] = word  # type: ignore[assignment]
        if most is not None and len(found) > most:
            raise ValueError(f"The link asks for {len(found)} of {label}; {most} are possible.")
        return list(found.values())

    return start_value(key, label, default, read, fits)


def _some(key: str, choices: Sequence[T], begin: list[T], new: Callable[[T], bool] | None, most: int | None) -> list[T]:
    found = st.session_state.get(key)
    known = [one for one in found if one in choices or (new is not None and new(one))] if found is not None else begin
    chosen = known[:most] if most is not None else known
    note(key, chosen, [word_of(one) for one in chosen] or [""])
    return chosen
