"""Which rows a classifier is fitted on and which it is judged by. Test rows never take part in a fit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.base import param
from backend.metrics.shared.linalg import Floats, Ints
from backend.metrics.shared.unseen import clean, doubts, drawn, named_runs, said, without_single
from backend.values.activations import Labels

_TRAIN = ("train", "training", "trn")
_TEST = ("validation", "valid", "val", "dev", "development", "test", "testing", "eval", "evaluation")
_MOST_CLASSES, _FEW_CLASSES = 1_000, 10


def shuffles(n: int) -> Any:  # a dataclasses.field, which stands for the number
    """The parameter ``n_shuffles``, ``n`` to begin with: fewer where one shuffle takes long."""
    return param(
        n,
        "Number of shuffles for the control; their mean and standard deviation are shown.",
        low=1,
        high=100,
        label="Shuffles",
        later=True,
    )


@dataclass(frozen=True, slots=True)
class SplitParams:
    """What every metric with a training and a test part can be asked."""

    test_share: float = param(
        0.2, "Share of each class kept for testing, if the texts have no split of their own.", low=0.01, high=0.9
    )
    test_split: str = param(
        "", "Name of the split to test on; empty: the validation (dev) rows if there are any, else the test rows."
    )
    drop_single: bool = param(
        False,
        "Leave out classes of one row, if the split is drawn here: one row cannot be in both training and test.",
        label="Leave out classes of one row",
        later=True,
    )
    control: bool = param(
        True, "Repeat with shuffled labels, to see what to expect by chance.", label="Compare with shuffled labels"
    )
    n_shuffles: int = shuffles(10)

    @property
    def n_controls(self) -> int:
        """How many shuffles of the labels are compared with: none without a control."""
        return self.n_shuffles if self.control else 0


@dataclass(frozen=True, slots=True)
class SplitInfo:
    """How the rows were split: names and sizes of the two parts, and how often a guess of the largest class is right.

    ``majority`` is the accuracy on the test rows of always guessing the class that is most frequent in training. ``n_used``
    counts the ``classes`` that have a row in either part. ``runs`` are the fine-tunings whose training rows are no test rows; ``held_out``: the test rows are those which these
    runs had held out themselves. ``n_seen`` rows were no test rows because a run was trained on their texts, ``n_copies``
    because their text is among the training rows. ``warnings`` say what makes the accuracies doubtful.
    """

    train_name: str
    test_name: str
    n_train: int
    n_test: int
    n_unlabelled: int
    n_left_out: int
    classes: tuple[str, ...]
    seeded: bool
    majority: float
    n_used: int
    runs: tuple[str, ...] = ()
    held_out: bool = False
    n_seen: int = 0
    n_copies: int = 0
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """Row numbers ``train`` (n_train,) and ``test`` (n_test,), their classes ``y_train`` and ``y_test``, and the facts."""

    train: Ints
    test: Ints
    y_train: Ints
    y_test: Ints
    info: SplitInfo
    notes: tuple[str, ...]

    @property
    def n_classes(self) -> int:
        """Number of classes, those without a row among them."""
        return len(self.info.classes)

    def shuffled(self, seed: int, draw: int = 0) -> "Split":
        """The same rows with the classes permuted, within the training rows and within the test rows; ``draw`` names which."""
        rng = np.random.default_rng([seed, 1, draw])
        y_train, y_test = rng.permutation(self.y_train), rng.permutation(self.y_test)
        return Split(self.train, self.test, y_train, y_test, self.info, self.notes)

    def shuffles(self, params: SplitParams, seed: int) -> list["Split"]:
        """As many shuffled splits as ``params`` asks for; none without a control."""
        return [self.shuffled(seed, draw) for draw in range(params.n_controls)]


def mean_and_spread(values: Sequence[npt.ArrayLike], shape: tuple[int, ...] = ()) -> tuple[Floats, Floats]:
    """Mean and standard deviation (n - 1 in the denominator) over ``values``, each of ``shape``; NaN of none, or of one."""
    found: Floats = np.array(values, dtype=np.float64).reshape(len(values), *shape)
    nothing: Floats = np.full(shape, np.nan)
    mean = found.mean(axis=0) if len(values) else nothing
    return np.asarray(mean), np.asarray(found.std(axis=0, ddof=1) if len(values) > 1 else nothing)


def sampling_error(n_test: int) -> float:
    """Half a 95 % interval of an accuracy over ``n_test`` rows, where it is widest: at an accuracy of one half.

    1.96 standard errors of a binomial share, 0.98 / sqrt(n_test), as a share in [0, 1]; other accuracies have less.
    """
    return 1.96 * math.sqrt(0.25 / max(n_test, 1))


def why_no_control(field: str, params: SplitParams) -> str:
    """Why a number of the control is undefined."""
    return "one shuffle has no spread" if params.control and field.endswith("_std") else "no control was asked for"


def control_note(params: SplitParams, what: str = "everything again") -> list[str]:
    """What the control is, for the figure."""
    if not params.control:
        return []
    times = "once" if params.n_shuffles == 1 else f"{params.n_shuffles} times; mean and standard deviation"
    return [f"Control: {what} with the labels shuffled within the training and the test rows, {times}."]


def split_rows(labels: Labels, params: SplitParams, seed: int) -> Split:
    """The training and the test rows: those of the texts' own split column, or a seeded stratified split.

    No test row has been seen in the training of one of the models, and none has the text of a training row: of an own
    split such rows are left out of the test rows, and of a set that a run of fine-tuning parted, its held-out rows are the
    test rows. Rows without a label are left out and counted. Raises InvalidRequest where there are fewer than two classes,
    nearly as many classes as rows, a class with one member (seeded split), a part without labelled rows, or no test row
    that the models have not been trained on.
    """
    values = np.asarray(labels.values)
    labelled = np.flatnonzero(values >= 0)
    _check_classes(labels, values[labelled])
    own = labels.split is not None and any(labels.split)
    single: list[str] = []
    if params.drop_single and not own:
        labelled, single = without_single(labels, labelled)
        _check_classes(labels, values[labelled])
    if own:
        train, test, names, left_out = _own_split(labels, labelled, params.test_split)
        parted = clean(labels, train, test, names)
    else:
        if params.test_split:
            raise InvalidRequest(
                f"There is no split '{params.test_split}': the texts have no split column.",
                "Leave the split of the test rows empty, or add the texts again and choose their split column.",
            )
        parted, left_out = drawn(labels, labelled, params.test_share, seed), 0
        names = ("train", "held out" if parted.held_out else "test")
    train, test = parted.train, parted.test
    y_train, y_test = values[train], values[test]
    counts = np.bincount(y_train, minlength=len(labels.classes))
    _check_training(labels, counts, names[0])
    runs = () if labels.seen is None else labels.seen.runs
    info = SplitInfo(
        train_name=names[0],
        test_name=names[1],
        n_train=len(train),
        n_test=len(test),
        n_unlabelled=int((values < 0).sum()),
        n_left_out=left_out,
        classes=labels.classes,
        seeded=not own,
        majority=float(np.mean(y_test == int(counts.argmax()))),
        n_used=len(np.unique(np.concatenate([y_train, y_test]))),
        runs=runs,
        held_out=parted.held_out,
        n_seen=parted.n_seen,
        n_copies=parted.n_copies,
        warnings=doubts(labels, parted),
    )
    absent = [labels.classes[c] for c in np.unique(y_test) if counts[c] == 0]
    n_learnt = 0 if labels.seen is None else int(labels.seen.seen[train].sum())
    notes = (
        *_notes(info, n_learnt, absent, int((counts[y_test] == 0).sum()), seed),
        *said(labels, parted),
        *info.warnings,
    )
    if single:
        shown = ", ".join(f"'{name}'" for name in single[:5]) + (" ..." if len(single) > 5 else "")
        notes += (f"{len(single)} {'class' if len(single) == 1 else 'classes'} of one row left out: {shown}.",)
    return Split(train, test, y_train, y_test, info, notes)


def _check_classes(labels: Labels, found: Ints) -> None:
    if not len(found):
        raise InvalidRequest("No row has a label.", "Choose another label column, or another text set.")
    present = np.unique(found)
    if len(present) < 2:
        raise InvalidRequest(
            f"All {len(found):,} labelled rows are of one class, '{labels.classes[present[0]]}'.",
            "There is nothing to separate: choose another label column.",
        )
    check_repeats(len(present), len(found))


def check_repeats(n_classes: int, n_rows: int) -> None:
    """Raises InvalidRequest where ``n_classes`` are nearly as many as their ``n_rows``, or too many to be classes."""
    nearly_all = n_classes == n_rows or (n_classes > _FEW_CLASSES and 2 * n_classes > n_rows)
    if n_classes > _MOST_CLASSES or nearly_all:
        raise InvalidRequest(
            f"The labels have {n_classes:,} classes on {n_rows:,} rows: too many to be classes.",
            "Choose a column with a few values that repeat, or give more texts of each class.",
        )


def _own_split(labels: Labels, labelled: Ints, wanted: str) -> tuple[Ints, Ints, tuple[str, str], int]:
    assert labels.split is not None
    names = np.array(labels.split, dtype=object)
    found = list(dict.fromkeys(name for name in labels.split if name))
    train_name = next((name for name in found if name.casefold() in _TRAIN), None)
    listed = ", ".join(f"'{name}'" for name in found[:10])
    if train_name is None:
        raise InvalidRequest(
            f"No split is called train; the splits are {listed}.",
            "Name the training rows 'train' in the split column, or add the texts again without a split column.",
        )
    if wanted:
        if wanted not in found or wanted == train_name:
            raise InvalidRequest(f"'{wanted}' is not a split to test on; the splits are {listed}.", "Choose another.")
        test_name = wanted
    else:
        test_name = _test_name(names, found, train_name, labelled)
    train, test = (labelled[names[labelled] == name] for name in (train_name, test_name))
    for part, name in ((train, train_name), (test, test_name)):
        if not len(part):
            raise InvalidRequest(
                f"No row of the split '{name}' has a label.", "Choose another split of the test rows, or other labels."
            )
    return train, test, (train_name, test_name), len(labelled) - len(train) - len(test)


def _test_name(names: np.ndarray, found: list[str], train_name: str, labelled: Ints) -> str:
    """The best known name that has labelled rows; else whatever other split there is."""
    others = [name for name in found if name != train_name]
    if not others:
        raise InvalidRequest(
            f"All rows are of the split '{train_name}': none is left to test on.",
            "Give rows of another split, or add the texts again without a split column.",
        )
    others.sort(key=lambda name: _TEST.index(name.casefold()) if name.casefold() in _TEST else len(_TEST))
    return next((name for name in others if (names[labelled] == name).any()), others[0])


def _check_training(labels: Labels, counts: Ints, train_name: str) -> None:
    present = np.flatnonzero(counts)
    if len(present) < 2:
        raise InvalidRequest(
            f"All rows of the split '{train_name}' are of one class, '{labels.classes[present[0]]}'.",
            "A classifier needs two classes at least: check the split column.",
        )


def _notes(info: SplitInfo, n_learnt: int, absent: list[str], n_absent: int, seed: int) -> tuple[str, ...]:
    runs = named_runs(info.runs)
    learnt = f" ({runs} was trained on {n_learnt:,} of them)" if n_learnt and not info.held_out else ""
    new = " (on none of these)" if learnt else ""
    parts = f"{info.n_train:,} training rows{learnt}, {info.n_test:,} test rows{new}"
    if info.held_out:
        notes = [f"Split: {parts}: the rows that {runs} held out from training, the same on every page."]
    elif info.seeded:
        notes = [f"Split: {parts}, drawn class by class (seed {seed})."]
    else:
        notes = [f"Split: {parts}: the texts' own '{info.train_name}' and '{info.test_name}'."]
    if info.n_left_out:
        notes.append(f"{info.n_left_out:,} labelled rows of other splits were left out.")
    if info.n_unlabelled:
        notes.append(f"{info.n_unlabelled:,} rows without a label were left out.")
    if absent:
        shown = ", ".join(f"'{name}'" for name in absent[:5]) + (" ..." if len(absent) > 5 else "")
        notes.append(f"No training row is of class {shown}: its {n_absent:,} test rows count as wrong.")
    return tuple(notes)
