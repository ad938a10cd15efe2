"""Two columns on a wide screen: a block's first figure, and beside it what comes after it; below each other on any other screen.

The server does not know how wide a screen is, so the browser decides: both parts are containers, which `beside.css` puts in a row.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import streamlit as st
from streamlit.delta_generator import DeltaGenerator

_STYLE = Path(__file__).with_name("beside.css")


@dataclass(slots=True)
class FirstPlace:
    """Where the first figure of a block goes; afterwards figures go where they are shown."""

    _free: DeltaGenerator | None = None

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Draw in this place if it is free, else where one is."""
        place, self._free = self._free, None
        if place is None:
            yield
        else:
            with place:
                yield


@contextmanager
def two_columns(key: str) -> Iterator[FirstPlace]:
    """Within this block things go beside the place of the first figure; with no ``key``, below."""
    if not key:
        yield FirstPlace()
        return
    st.html(_STYLE)
    row = st.container(key=f"beside_{key}")
    first = row.container()
    with row.container():
        yield FirstPlace(first)
