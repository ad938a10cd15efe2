"""What maps show before their quality is measured: the maps of the result to the last bit, and nothing that is not there yet."""

from dataclasses import fields
from typing import Any

import numpy as np
import pytest

from backend.metrics.base import Outcome, parse_params
from backend.metrics.maps import projection
from backend.metrics.maps.projection import PROJECTION
from backend.metrics.shared.offering import NOT_YET, listening, offer
from backend.metrics.shared.progress import one_then_other
from backend.values.activations import Activations, LayerStack, no_report

QUALITY = ("trustworthiness", "neighbour_overlap")
N, DIMS = 120, 8


def layers(n: int = N) -> list[Any]:
    rng = np.random.default_rng(0)
    group = rng.normal(size=(4, DIMS))[rng.integers(0, 4, n)] * 4
    first, second = (group + rng.normal(size=(n, DIMS)) for _ in range(2))
    second[:3] = 0.0
    return [first, np.ones((n, DIMS)), second]


def stack_of(matrices: list[Any]) -> LayerStack:
    names = tuple(f"layer {place}" for place in range(len(matrices)))
    rows = tuple(Activations(np.asarray(x, np.float32)) for x in matrices)
    return LayerStack("model", "mean", tuple(range(len(matrices))), names, rows)


def offered(stack: LayerStack, **given: Any) -> tuple[list[Outcome], Outcome]:
    """What the metric offers, and what it returns."""
    shown = list[Outcome]()
    with listening(shown.append):
        return shown, run(stack, **given)


def run(stack: LayerStack, **given: Any) -> Outcome:
    return PROJECTION.run([stack], None, parse_params(PROJECTION.params, given), 0, no_report)


def same_but_for_quality(early: Outcome, found: Outcome) -> None:
    assert type(early.values) is type(found.values) and early.notes == found.notes
    for field in fields(found.values):  # type: ignore[arg-type]  # a dataclass, of which Outcome does not tell
        ours, theirs = getattr(early.values, field.name), getattr(found.values, field.name)
        if field.name in QUALITY:
            assert np.isnan(ours).all() and ours.shape == theirs.shape and np.isfinite(theirs).any()
        elif isinstance(theirs, np.ndarray):
            assert ours.tobytes() == theirs.tobytes() and ours.dtype == theirs.dtype, field.name
        else:
            assert ours == theirs, field.name


@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
@pytest.mark.parametrize("rows", [{}, {"max_rows": 90}])
def test_the_maps_are_those_of_the_result_and_their_quality_is_not_there_yet(
    method: str, metric: str, rows: dict[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(projection, "_MOST_COMPARED", 50)
    (early,), found = offered(stack_of(layers()), method=method, metric=metric, n_iter=20, **rows)
    same_but_for_quality(early, found)
    why = {(gap.field, gap.index): gap.reason for gap in early.undefined}
    for name in QUALITY:
        assert [why[name, (layer,)] for layer in (0, 2)] == [NOT_YET] * 2
        assert why[name, (1,)] == "all rows are identical", "what will not come is not waited for"
    waited = {place for place, reason in why.items() if reason == NOT_YET}
    kept = [gap for gap in early.undefined if (gap.field, gap.index) not in waited]
    assert kept == list(found.undefined) and all(gap.reason != NOT_YET for gap in found.undefined)


def test_of_few_rows_nothing_is_waited_for() -> None:
    shown, found = offered(stack_of(layers(2)))
    assert shown == [] and {gap.reason for gap in found.undefined if gap.index == (0,)} == {
        "2 rows are too few to compare 1 neighbours"
    }


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_whoever_listens_changes_nothing(method: str) -> None:
    _, heard = offered(stack_of(layers()), method=method, n_iter=20)
    alone = run(stack_of(layers()), method=method, n_iter=20)
    for field in fields(alone.values):
        np.testing.assert_array_equal(getattr(heard.values, field.name), getattr(alone.values, field.name))


def test_an_offer_is_heard_in_the_innermost_block_alone() -> None:
    outer, inner = list[Outcome](), list[Outcome]()
    offers = [Outcome(place) for place in range(4)]  # type: ignore[type-var]  # any values do
    offer(offers[0])
    with listening(outer.append):
        offer(offers[1])
        with listening(inner.append):
            offer(offers[2])
    offer(offers[3])
    assert outer == [offers[1]] and inner == [offers[2]]


@pytest.mark.parametrize("share", [4, 90])
def test_the_progress_of_two_works_never_goes_back(share: int) -> None:
    seen: list[tuple[int, int, str]] = []
    for one in one_then_other(lambda *step: seen.append(step), share):
        for done in range(0, 301, 50):
            one(done, 300, "work")
    shares = [done / total for done, total, _ in seen]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert shares[6] == shares[7] == share / 100
