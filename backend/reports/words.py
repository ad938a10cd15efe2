"""The words of the summary: each headline number's title, unit and place in the papers, and what its value tells."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from backend.metrics.shared.paired import Paired
from backend.values.numbers import number_text

_GPTOLOGY, _MATTON, _ZHOU = "GPTology", "Matton & de Oliveira", "Zhou & Srikumar"


@dataclass(frozen=True, slots=True)
class Reading:
    """The numbers of one row of the summary, and what else is known: chance levels, counts, names."""

    before: float | None
    after: float | None
    difference: float | None
    said: Mapping[str, Any]

    @property
    def here(self) -> float:
        """The number after fine-tuning."""
        assert self.after is not None
        return self.after

    @property
    def up(self) -> float:
        """The difference, 0 where there is none."""
        return self.difference or 0.0


TITLES: dict[str, tuple[str, str, str]] = {
    "cka": ("Geometry kept in this layer (CKA with the base)", "correlation", f"{_GPTOLOGY} 2.2.1, figure 1"),
    "cka_lowest": (
        "Geometry kept in the layer that changed most ({layer})",
        "correlation",
        f"{_GPTOLOGY} 2.2.1, figure 1",
    ),
    "cka_late": (
        "Similarity within the later half of the blocks (mean CKA)",
        "correlation",
        f"{_GPTOLOGY} 2.2.1, figure 1: the bow tie",
    ),
    "cka_halves": (
        "Similarity of the earlier to the later half of the blocks (mean CKA)",
        "correlation",
        f"{_GPTOLOGY} 2.2.1, figure 1: the bow tie",
    ),
    "rogue_overlap": (
        "Rogue dimensions shared with the base (top {top})",
        "share",
        f"{_GPTOLOGY} 2.2.2: 8 of 10, between two fine-tuned models",
    ),
    "principal": (
        "Dimension of highest variance (over all rows)",
        "dimension",
        f"{_GPTOLOGY} 3.1: principal rogue dimension",
    ),
    "principal_share": ("Share of the variance in that one dimension", "share", f"{_GPTOLOGY} 2.2.2, figure 3"),
    "first_component": (
        "Share of the variance in the first principal component",
        "share",
        f"{_MATTON} 3.1.3, figure 4",
    ),
    "components_gained": (
        "Leading components that gained variance",
        "count",
        f"{_MATTON} 3.1.3, figure 4: about the number of classes",
    ),
    "neighbours": ("Nearest neighbours kept (of {k}, mean over texts)", "share", "not in the papers"),
    "accuracy": ("Accuracy with all dimensions (fitted heads)", "accuracy", f"{_MATTON}, table 2"),
    "accuracy_own": (
        "Accuracy with the model's own head",
        "accuracy",
        f"{_GPTOLOGY} 3.2: 92.8 % (GPT-2, SST-2)",
    ),
    "threshold": (
        "Accuracy of a cut through one dimension ({dims})",
        "accuracy",
        f"{_GPTOLOGY} 3.2: 91.3 % (GPT-2), 76.0 % (BERT), SST-2",
    ),
    "threshold_loss": (
        "Share of the accuracy that a fitted head loses with one dimension alone ({dims})",
        "share",
        f"{_GPTOLOGY}, abstract: 1.6 % (GPT-2, SST-2)",
    ),
    "ablation": (
        "Accuracy with only the 3 dimensions of highest variance over the training rows (fitted heads)",
        "accuracy",
        f"{_GPTOLOGY} 3.2, figure 6",
    ),
    "ablation_own": (
        "Accuracy with only the 3 dimensions of highest variance over the training rows (own heads)",
        "accuracy",
        f"{_GPTOLOGY} 3.2, figure 6: hardly lower on SST-2, about 50 % on QNLI",
    ),
    "neurons_1": ("Accuracy with the best dimension", "accuracy", f"{_MATTON}, table 3: IMDB 67.0 to 93.7 %"),
    "neurons_5": ("Accuracy with the best 5 dimensions", "accuracy", f"{_MATTON}, table 3: IMDB 77.4 to 93.8 %"),
    "neurons_classes": (
        "Accuracy with as many dimensions as classes ({n_classes})",
        "accuracy",
        f"{_MATTON}, table 3: IMDB 93.7 % after",
    ),
    "clusters": ("Clusters of the {n_labels} labels", "count", f"{_ZHOU} 4.2, table 3"),
    "least_distance": ("Minimum distance of a label to any other (mean)", "distance", f"{_ZHOU} 4.3, figure 2; 4.4"),
    "spatial": ("Spatial similarity of the labels' layout", "correlation", f"{_ZHOU} 4.5, figure 4"),
}


_SAME = 0.05  # of the larger number: a smaller change is "as before"
_MOST_EXTRA = 3  # digits more than a unit has


def as_before(it: Reading) -> bool:
    """Whether a number that is compared with its own past is said to be as before: a change of less than 5 % of the larger."""
    return abs(it.up) <= _SAME * max(abs(it.before or 0.0), abs(it.here))


def number_texts(
    before: float | None, after: float | None, difference: float | None, unit: str
) -> tuple[str, str, str]:
    """A row's three numbers in the form of its unit, with as many more digits as it takes for them to agree.

    They disagree where the difference is written as nothing and the numbers are not the same, or the other way round.
    """
    extra = 0
    if unit not in ("count", "dimension") and before is not None and after is not None and difference is not None:
        texts = [
            (number_text(before, unit, extra=i), number_text(after, unit, extra=i)) for i in range(_MOST_EXTRA + 1)
        ]
        nothing = [number_text(difference, unit, signed=True, extra=i).startswith("±") for i in range(_MOST_EXTRA + 1)]
        agree = [i for i in range(_MOST_EXTRA + 1) if (texts[i][0] == texts[i][1]) is nothing[i]]
        extra = agree[0] if agree else _MOST_EXTRA
    return (
        number_text(before, unit, extra=extra),
        number_text(after, unit, extra=extra),
        number_text(difference, unit, signed=True, extra=extra),
    )


def _cka(it: Reading) -> str:
    if it.here > 0.99:
        return "The texts have kept their arrangement."
    kept = "most" if it.here > 0.8 else "part" if it.here > 0.4 else "little"
    return f"1 would mean an unchanged arrangement of the texts. Fine-tuning kept {kept} of this layer's geometry."


def _lowest(it: Reading) -> str:
    if it.here > 0.99:
        return "No layer changed."
    return "If this layer comes late, fine-tuning changed mainly the end of the network; if it comes early, all of it."


def _late(it: Reading) -> str:
    if as_before(it):
        return "As before."
    return (
        "The later blocks became more alike: one wing of the bow tie."
        if it.up > 0
        else "The later blocks became less alike: no bow tie."
    )


def _halves(it: Reading) -> str:
    if as_before(it):
        return "As before."
    return (
        "The later blocks moved away from the earlier ones: the knot of the bow tie."
        if it.up < 0
        else "The later blocks came closer to the earlier ones."
    )


def _overlap(it: Reading) -> str:
    return (
        f"Of the {it.said['top']} dimensions of highest variance, {round(it.here * it.said['top'])} are the same as in the "
        f"base; {number_text(it.said['top'] * it.said['chance'])} would be by chance."
    )


def _principal(it: Reading) -> str:
    if it.difference == 0:
        return "The same dimension leads."
    return "Another dimension leads; the difference between the indices has no meaning."


def _principal_share(it: Reading) -> str:
    if as_before(it):
        return "As before."
    if it.here < 0.05:
        return f"{'More' if it.up > 0 else 'Less'} than before; no dimension dominates."
    return f"It dominates {'more' if it.up > 0 else 'less'} than before."


def _first(it: Reading) -> str:
    if as_before(it):
        return "As before."
    return f"A {'larger' if it.up > 0 else 'smaller'} share of the variance lies along one direction than before."


def _gained(it: Reading) -> str:
    number, shown, classes = int(it.here), it.said["n_shown"], it.said["n_classes"]
    if not number:
        return "Even the first component explains a smaller share of the variance than before."
    more = f" or more (of the first {shown})" if number == shown else ""
    beside = f"; the labels have {classes} classes" if classes else ""
    those = f"The first{more} explains" if number == 1 else f"The first {number}{more} explain"
    return f"{those} at least the share of the variance that {'it' if number == 1 else 'they'} did{beside}."


def _neighbours(it: Reading) -> str:
    return (
        f"100 % would mean that every text kept its neighbours; unrelated spaces share {number_text(it.said['chance'], 'share')} by chance. The texts "
        "that moved furthest are listed below."
    )


def _change(it: Reading) -> str:
    """An accuracy's change in points, and how often two equal readers differ as much on the same rows."""
    paired, size = it.said["paired"], number_text(abs(it.up), "share").partition("\N{NO-BREAK SPACE}")[0]
    words = f"{'Up' if it.up > 0 else 'Down'} by {size} points" if float(size) else "No change"
    if isinstance(paired, str):
        return f"{paired[0].upper()}{paired[1:]}." if it.difference is None else f"{words}; {paired}."
    return f"{words}: {_discordant(paired, 'became right', 'became wrong')}"


def _discordant(paired: Paired, gained: str, lost: str) -> str:
    """The rows on which two readers differ, and what chance does."""
    if not paired.n_gained + paired.n_lost:
        return f"the same of the {paired.n_rows:,} test rows are right."
    counts = f"of {paired.n_rows:,} test rows, {paired.n_gained:,} {gained} and {paired.n_lost:,} {lost}"
    often = "less than 0.1 %" if paired.p < 0.001 else number_text(paired.p, "share")
    judged = "significant" if paired.differ else "not significant"
    return (
        f"{counts}: {judged} (two equally good classifiers differ this much in {often} of cases; McNemar's exact test)."
    )


def _accuracy(it: Reading) -> str:
    return (
        f"{_change(it)} Both models are read by heads fitted alike; guessing the largest class gives "
        f"{number_text(it.said['majority'], 'accuracy')}."
    )


def _own(it: Reading) -> str:
    """The model's own head, compared where both models have one."""
    if it.before is None:
        return (
            "The base has no head for these labels, so this is not compared. A row above compares heads fitted alike."
        )
    return _change(it)


def _loss(it: Reading) -> str:
    paired = it.said["paired"]
    words = f"After fine-tuning, a head fitted on that dimension alone is right {'as' if it.here == 0 else 'less' if it.here > 0 else 'more'} often"
    words += " as one fitted alike on all" if it.here == 0 else " than one fitted alike on all"
    heads = " ".join(
        f"{side[0].upper()}{side[1:]}, {number_text(full, 'accuracy')} with all dimensions and {number_text(one, 'accuracy')} with this one."
        for side, full, one in it.said["heads"]
        if math.isfinite(full)
    )
    if isinstance(paired, str):
        return f"{words}; {paired}. {heads}"
    return f"{words}: {_discordant(paired, 'are right only with all dimensions', 'only with this one')} {heads}"


def _ablation(it: Reading) -> str:
    return (
        f"{_change(it)} Heads that were fitted on all {it.said['n_dims']:,} dimensions read only these three; heads fitted on "
        "three dimensions might do better."
    )


def _clusters(it: Reading) -> str:
    labels = it.said["n_labels"]
    if it.here <= labels:
        was = "" if it.before is not None and it.before <= labels else ", which it could not before"
        few = it.said["n_used"] < 2 * (it.said["n_dims"] + 1)
        alike = " With so few rows it could do so for random labels as well." if few else ""
        return f"As many clusters as labels: a linear classifier can separate all training rows{was}.{alike}"
    return f"More clusters than the {labels} labels: at least one label is in pieces, with others between them."


def _distance(it: Reading) -> str:
    return (
        f"Of {it.said['n_labels']} labels, {it.said['grew']} moved away from their nearest label, {it.said['shrank']} moved "
        f"closer, {it.said['unchanged']} stayed."
    )


def _spatial(it: Reading) -> str:
    if it.here > 0.5:
        return "The labels kept their arrangement, up to scale."
    return "The arrangement of the labels changed."


READINGS: dict[str, Callable[[Reading], str]] = {
    "cka": _cka,
    "cka_lowest": _lowest,
    "cka_late": _late,
    "cka_halves": _halves,
    "rogue_overlap": _overlap,
    "principal": _principal,
    "principal_share": _principal_share,
    "first_component": _first,
    "components_gained": _gained,
    "neighbours": _neighbours,
    "accuracy": _accuracy,
    "accuracy_own": _own,
    "threshold": _change,
    "threshold_loss": _loss,
    "ablation": _ablation,
    "ablation_own": _own,
    "neurons_1": _change,
    "neurons_5": _change,
    "neurons_classes": _change,
    "clusters": _clusters,
    "least_distance": _distance,
    "spatial": _spatial,
}
