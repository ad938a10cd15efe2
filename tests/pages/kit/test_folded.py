"""A table behind a line: nothing of it is made or sent before the line is opened, and then it is the figure's."""

from pages._kit.show import columns


def test_a_folded_table_is_made_when_it_is_opened(open_page, run_page, monkeypatch) -> None:
    monkeypatch.setattr(columns, "OPEN_AT_FIRST", False)
    at = run_page(open_page("similarity", 0), "similarity")
    assert [box.label for box in at.expander if box.label == "Table"]
    assert not at.dataframe
    at.session_state["similarity_table_folded"] = True
    at.run()
    assert not at.exception
    (table,) = [found.value for found in at.dataframe]
    assert table.shape[0] == table.shape[1]
    assert list(table.index) == list(table.columns)
