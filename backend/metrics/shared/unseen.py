"""Test rows that are new: to what is fitted on the training rows, and to the models that were fine-tuned before."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from backend.errors import InvalidRequest
from backend.metrics.shared.linalg import Ints
from backend.values.activations import Labels, SeenRows


@dataclass(frozen=True, slots=True, eq=False)
class Parted:
    """Row numbers of the two parts, ascending; ``held_out``: the test rows are those that the runs had held out.

    ``n_seen`` rows are no test rows because a run was trained on their texts, ``n_copies`` because they are copies of
    training rows; ``n_together`` rows have copies that are on their own side. ``untested`` are the numbers of the classes
    that have rows and no test row.
    """

    train: Ints
    test: Ints
    held_out: bool = False
    n_seen: int = 0
    n_copies: int = 0
    n_together: int = 0
    untested: tuple[int, ...] = ()


def clean(labels: Labels, train: Ints, test: Ints, names: tuple[str, str]) -> Parted:
    """An own split without the test rows that are not new; raises InvalidRequest where none is left."""
    seen = np.zeros(len(test), dtype=bool) if labels.seen is None else labels.seen.seen[test]
    copied = np.zeros(len(test), dtype=bool)
    if labels.copies is not None:
        copied = np.isin(labels.copies[test], labels.copies[train])
    new = test[~(seen | copied)]
    if not len(new):
        raise InvalidRequest(
            f"None of the {len(test):,} rows of the split '{names[1]}' is new: {int(seen.sum()):,} have texts that "
            f"{named_runs(_runs(labels))} was trained on, {int((copied & ~seen).sum()):,} repeat the text of a training row."
            if seen.any()
            else f"All {len(test):,} rows of the split '{names[1]}' repeat the text of a row of the split '{names[0]}'.",
            "Choose texts that no model was trained on: on these an accuracy would only show what was memorised.",
        )
    return Parted(train, new, n_seen=int(seen.sum()), n_copies=int((copied & ~seen).sum()))


def drawn(labels: Labels, labelled: Ints, share: float, seed: int) -> Parted:
    """A seeded split class by class, where no row that a run was trained on is a test row, and copies stay together.

    Where the runs know every labelled row (they were trained on this text set), the test rows are all that none of them
    has seen. Raises InvalidRequest for a class of one text, and where no test row is left.
    """
    values = np.asarray(labels.values)
    seen = np.zeros(len(values), dtype=bool) if labels.seen is None else labels.seen.seen
    _require_new(labels, labelled, seen)
    if _parted_by_runs(labels, labelled, seen):
        train, test = labelled[seen[labelled]], labelled[~seen[labelled]]
        return Parted(train, test, True, len(train), untested=_untested(values, train, test))
    rng = np.random.default_rng([seed, 0])
    copies = np.arange(len(values)) if labels.copies is None else labels.copies
    side: dict[int, bool] = {}  # of each text: whether it is a test row; a text under two labels has one side
    for number in np.unique(values[labelled]):
        rows = rng.permutation(labelled[values[labelled] == number])
        if len(np.unique(copies[rows])) == 1 and not seen[rows[0]]:
            times = "row" if len(rows) == 1 else f"text, in {len(rows):,} copies"
            raise InvalidRequest(
                f"The class '{labels.classes[number]}' has one {times}, which cannot be both in training and in test.",
                "Add more rows of it, choose to leave out classes of one row, or add a split column.",
            )
        _draw(rows, copies, seen, min(max(1, round(share * len(rows))), len(rows) - 1), side)
    tested = np.array([side[int(copies[row])] for row in labelled], dtype=bool)
    train, test = labelled[~tested], labelled[tested]
    n_together = len(labelled) - len(np.unique(copies[labelled]))
    n_seen = int(seen[labelled].sum())
    return Parted(train, test, n_seen=n_seen, n_together=n_together, untested=_untested(values, train, test))


def _draw(rows: Ints, copies: Ints, seen: np.ndarray, wanted: int, side: dict[int, bool]) -> None:
    """Choose sides for the texts of one class, whose rows come in a random order, until ``wanted`` rows are test rows."""
    texts, first, sizes = np.unique(copies[rows], return_index=True, return_counts=True)
    order = np.argsort(first)
    known = [side[int(text)] for text in texts if int(text) in side]
    taken = int(sum(size for text, size in zip(texts, sizes, strict=True) if side.get(int(text))))
    free = [int(at) for at in order if int(texts[at]) not in side]
    new = [at for at in free if not seen[rows[first[at]]]]
    kept = len(free) - len(new) + known.count(False)  # texts that are training rows whatever is drawn
    chosen: list[int] = []
    for at in new:
        if taken < wanted and len(chosen) < len(new) - (kept == 0) and (taken + sizes[at] <= wanted):
            chosen.append(at)
            taken += int(sizes[at])
    if not taken and len(new) > (kept == 0):
        chosen.append(min(new, key=lambda at: sizes[at]))
    side.update({int(texts[at]): at in chosen for at in free})


def without_single(labels: Labels, labelled: Ints) -> tuple[Ints, list[str]]:
    """The rows whose class has more than one text, and the names of the classes that have not."""
    values = np.asarray(labels.values)
    copies = np.arange(len(values)) if labels.copies is None else labels.copies
    texts = np.unique(np.stack([values[labelled], copies[labelled]]), axis=1)
    counts = np.bincount(texts[0], minlength=len(labels.classes))
    return labelled[counts[values[labelled]] > 1], [labels.classes[c] for c in np.flatnonzero(counts == 1)]


def said(labels: Labels, parted: Parted) -> list[str]:
    """What is to be said of rows that are not where a plain split would have them."""
    notes = []
    seen = labels.seen
    if seen is not None and seen.runs and not seen.seen.any():
        known = int(seen.near.sum())
        notes.append(
            f"{named_runs(seen.runs)} was trained on none of these rows, but read the sentence, or one text of the pair, of "
            f"{known:,} of them in training."
            if known
            else f"{named_runs(seen.runs)} was trained on none of these texts."
        )
    elif seen is not None and parted.held_out:
        notes.append(_trained(seen))
    if parted.n_copies:
        notes.append(f"{parted.n_copies:,} test rows were left out because their text is among the training rows.")
    if parted.n_together:
        notes.append(
            f"Duplicates stay together: {parted.n_together:,} rows repeat the text of another row and are in the same split."
        )
    if parted.untested:
        names = [f"'{labels.classes[number]}'" for number in parted.untested]
        shown = ", ".join(names[:5]) + (" ..." if len(names) > 5 else "")
        notes.append(f"There are no test rows of class {shown}: all its rows were trained on.")
    return notes


def doubts(labels: Labels, parted: Parted) -> tuple[str, ...]:
    """What makes the accuracies on the test rows doubtful, in sentences."""
    seen = labels.seen
    if seen is None:
        return ()
    found, n_test, own = [], len(parted.test), labels.split is not None and any(labels.split)
    if parted.n_seen and own:
        found.append(
            f"{parted.n_seen:,} test rows were left out: {named_runs(seen.runs)} was trained on their texts. {n_test:,} "
            "are left."
        )
    if seen.seen.any() and not parted.held_out:
        found.append(_trained(seen))
    near = int(seen.near[parted.test].sum())
    if near:
        found.append(
            f"Of {near:,} of {n_test:,} test rows {named_runs(seen.runs)} read the sentence, or one text of the pair, in "
            "training: accuracies on them may be too high."
        )
    chose = int(seen.chose[parted.test].sum())
    if chose:
        found.append(
            f"{chose:,} of {n_test:,} test rows were used to decide at which step {named_runs(seen.runs)} stopped: its "
            "accuracies on them are slightly too high."
        )
    if seen.unknown:
        found.append(
            f"It is not known which rows {named_runs(seen.unknown)} was trained on: test rows may be among them, and "
            "accuracies on them too high. Fine-tune it again to record its rows."
        )
    return tuple(found)


def of_training(labels: Labels, train: Ints, what: str) -> tuple[str, ...]:
    """That ``what`` are of the rows ``train``, in a sentence, where the runs were trained on some of them; else empty."""
    n_seen = 0 if labels.seen is None else int(labels.seen.seen[train].sum())
    if not n_seen:
        return ()
    return (
        f"{what} come from {len(train):,} training rows, and {named_runs(_runs(labels))} was trained on {n_seen:,} of these: for "
        "that model they show rows that it has learnt. Those of the test rows show rows that it has not seen.",
    )


def mostly_seen(labels: Labels, rows: Ints, what: str) -> tuple[str, ...]:
    """How many of ``rows``, which ``what`` are of, were in the training of the runs, in a sentence; empty where none is.

    Where it is not known which rows a run was trained on, that is said.
    """
    seen, found = labels.seen, []
    if seen is None:
        return ()
    n_seen = int(seen.seen[rows].sum())
    if n_seen:
        share = "all" if n_seen == len(rows) else "mostly" if 2 * n_seen > len(rows) else "partly"
        found.append(
            f"{named_runs(seen.runs)} was trained on {n_seen:,} of the {len(rows):,} rows: {what} come {share} from rows "
            "that it has seen."
        )
    if seen.unknown:
        found.append(
            f"It is not known which rows {named_runs(seen.unknown)} was trained on: {what} may come from rows that it has seen."
        )
    return tuple(found)


def named_runs(names: Sequence[str]) -> str:
    """The runs in a sentence."""
    shown = [f"'{name}'" for name in names[:3]]
    if len(names) > 3:
        shown.append(f"{len(names) - 3} more")
    return " or ".join(shown)


def _trained(seen: SeenRows) -> str:
    """On how many rows of the whole set, of whatever split and with a label or without, the runs were trained."""
    return (
        f"{named_runs(seen.runs)} was trained on {int(seen.seen.sum()):,} of these texts; none of them is a test row."
    )


def _runs(labels: Labels) -> tuple[str, ...]:
    return () if labels.seen is None else labels.seen.runs


def _parted_by_runs(labels: Labels, labelled: Ints, seen: np.ndarray) -> bool:
    """Whether the runs have sorted every row of every class into training rows and others."""
    if labels.seen is None or not (seen | labels.seen.held)[labelled].all():
        return False
    values = np.asarray(labels.values)
    learnt = np.unique(values[labelled[seen[labelled]]])
    return len(learnt) >= 2 and set(learnt) == set(np.unique(values[labelled]))


def _require_new(labels: Labels, labelled: Ints, seen: np.ndarray) -> None:
    if labels.seen is None or not seen[labelled].all():
        return
    raise InvalidRequest(
        f"{named_runs(labels.seen.runs)} was trained on all {len(labelled):,} labelled rows of these texts: none is left "
        "to test on.",
        "Choose texts that it has not seen, or join these with others on the page Texts; runs that are to be compared need "
        "the same held-out rows (the same texts, seed and share held out).",
    )


def _untested(values: Ints, train: Ints, test: Ints) -> tuple[int, ...]:
    return tuple(int(number) for number in np.setdiff1d(np.unique(values[train]), np.unique(values[test])))
