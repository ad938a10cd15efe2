"""What is selected on a map, as a list beside it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import pandas as pd
import streamlit as st

from pages._kit.charts.hovers import marked
from pages._kit.show.choosing import select_button
from pages._kit.show.columns import show_cells
from pages._kit.show.plot import ChartSelection
from pages._kit.show.row_files import with_cells
from pages._kit.show.wording import ROWS_COUNT, count
from pages._kit.state.chosen import chosen_rows

if TYPE_CHECKING:
    from pages._kit.show.map_view import MapView

MOST_LISTED = 500
_LIST_HEIGHT = 300
_HINT = ":material/ads_click: Click a point, or use box or lasso in the tool bar, to list {}s here."
_WHY_TOKENS = (
    "Tokens are selected on this map alone: on the other pages a row is a text, and each model cuts texts into tokens of its own. Their "
    "texts can be selected on all pages."
)


def selected_rows(view: "MapView", ids: Sequence[object]) -> pd.DataFrame:
    """The points of these ids, in the order of their rows: row (from 1), token where points are tokens, label, text, other columns."""
    values, table = view.result.values, view.table
    known = {one for one in ids if isinstance(one, int)}
    points = [point for point, row in enumerate(values.row_index.tolist()) if row in known]
    texts = values.text_index[points].tolist()
    columns: dict[str, Sequence[Any]] = {"row": [text + 1 for text in texts]}
    if view.tokens:
        columns["token"] = values.token_index[points].tolist()
        columns["word"] = [values.tokens[point] if values.tokens else None for point in points]
    columns = with_cells(columns, table, texts, label=view.label)
    if view.tokens and len(values.token_spans):
        spans = values.token_spans[points].tolist()
        columns["text"] = [marked(table.texts[text], *span) for text, span in zip(texts, spans, strict=True)]
    return pd.DataFrame(columns)


def chosen_texts(view: "MapView", most: int | None = None) -> pd.DataFrame:
    """The rows that are selected on all pages (the first ``most``), whether the map draws them or not: row (from 1), label, text, others."""
    rows = chosen_rows()[:most]
    return pd.DataFrame(with_cells({"row": [row + 1 for row in rows]}, view.table, rows, label=view.label))


def list_selected(view: "MapView", chosen: ChartSelection) -> None:
    """The selected texts, drawn or not, or the tokens of the selected points; nothing is dropped silently."""
    rows = selected_rows(view, chosen.ids) if view.tokens else chosen_texts(view, MOST_LISTED)
    n_chosen = len(rows) if view.tokens else len(chosen_rows())
    if not n_chosen:
        st.caption(_HINT.format("token" if view.tokens else "text"))
        if view.tokens:
            st.caption(_WHY_TOKENS)
        return
    st.markdown(f"**{count(n_chosen, 'token') if view.tokens else f'{n_chosen:,}'} selected**")
    left_out = 0 if view.tokens else n_chosen - len(chosen.ids)
    drawn = f"{count(left_out, 'of them is', 'of them are')} not on the map. " if left_out else ""
    st.caption(drawn + (f"The first {MOST_LISTED:,} of them. " if n_chosen > MOST_LISTED else "") + ROWS_COUNT)
    wide = st.column_config.TextColumn(width="large")
    show_cells(rows.head(MOST_LISTED), hide_index=True, height=_LIST_HEIGHT, column_config={"text": wide})
    if view.tokens:
        texts = sorted({int(row) - 1 for row in rows["row"]})
        which = f"{count(len(texts), view.row_name)} of {count(n_chosen, 'selected token')}"
        select_button(texts, which, "map_texts_of_tokens")
        st.caption(_WHY_TOKENS)
