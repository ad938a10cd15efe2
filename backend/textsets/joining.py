"""Two text sets as one: the rows of a training set and of a test set, told apart by a split column."""

from backend.errors import TextSetError
from backend.values.texts import Cell, TextTable

TRAIN, TEST = "train", "test"
_SPLIT = "split"


def join(train: TextTable, test: TextTable, name: str) -> TextTable:
    """One table of the rows of ``train``, then of ``test``; its split column says which is which.

    Their label columns become one, called as in ``train``; other columns go together by name, with missing cells where
    only one of the two has them. Split columns that they had are dropped, and a notice says so. Raises TextSetError
    where one is empty, has no labels, no class in common with the other, or only one of them has pairs or another unit.
    """
    for table in (train, test):
        if not len(table):
            raise TextSetError(f"The text set '{table.name}' is empty.", "Choose one with at least one text.")
        if table.label is None:
            raise TextSetError(
                f"The text set '{table.name}' has no label column.", "Add it again and say which column holds labels."
            )
    if (train.pairs is None) != (test.pairs is None) or train.unit != test.unit:
        raise TextSetError(
            f"'{train.name}' and '{test.name}' are of different kinds: {_kind(train)} and {_kind(test)}.",
            "Join two sets of the same kind.",
        )
    _check_classes(train, test)
    columns = {name: _joined(train, test, name) for name in _columns(train, test)}
    columns[_free(columns)] = (TRAIN,) * len(train) + (TEST,) * len(test)
    dropped = tuple(
        f"The split column '{table.split}' of '{table.name}' was left out: all its rows count as {role}."
        for table, role in ((train, TRAIN), (test, TEST))
        if table.split
    )
    pairs = None if train.pairs is None or test.pairs is None else train.pairs + test.pairs
    split = next(reversed(columns))
    notices = (
        f"'{train.name}' ({len(train):,} rows) is the training part, '{test.name}' ({len(test):,}) the test part.",
    )
    spans = None if train.spans is None or test.spans is None else train.spans + test.spans
    texts = train.texts + test.texts
    parts = [f"{role} has {table.sample}" for table, role in ((train, TRAIN), (test, TEST)) if table.sample]
    return TextTable(
        name, texts, pairs, columns, train.label, split, train.unit, notices + dropped, spans, "; ".join(parts)
    )


def _check_classes(train: TextTable, test: TextTable) -> None:
    first, second = (_classes(table) for table in (train, test))
    if not first & second:
        raise TextSetError(
            f"'{train.name}' and '{test.name}' have no class in common: {_named(first)} against {_named(second)}.",
            "Join two sets that are labelled alike, or add one again with another label column.",
        )


def _classes(table: TextTable) -> set[str]:
    assert table.label is not None
    return {cell for cell in table.columns[table.label] if cell is not None}


def _named(classes: set[str]) -> str:
    shown = ", ".join(f"'{name}'" for name in sorted(classes)[:4])
    return (shown or "none") + (" ..." if len(classes) > 4 else "")


def _columns(train: TextTable, test: TextTable) -> list[str]:
    """The label first, then the other columns of both."""
    assert train.label is not None
    others = [name for name in train.columns if name not in (train.label, train.split)]
    others += [name for name in test.columns if name not in (test.label, test.split, train.label, *others)]
    return [train.label, *others]


def _joined(train: TextTable, test: TextTable, name: str) -> tuple[Cell, ...]:
    if name == train.label:
        assert test.label is not None
        return train.columns[name] + test.columns[test.label]
    parts = [
        (None,) * len(table) if name not in table.columns or name in (table.label, table.split) else table.columns[name]
        for table in (train, test)
    ]
    return parts[0] + parts[1]


def _free(columns: dict[str, tuple[Cell, ...]]) -> str:
    name, number = _SPLIT, 1
    while name in columns:
        number += 1
        name = f"{_SPLIT} ({number})"
    return name


def _kind(table: TextTable) -> str:
    return "pairs of texts" if table.pairs is not None else f"one {table.unit.replace('_', ' ')} a row"
