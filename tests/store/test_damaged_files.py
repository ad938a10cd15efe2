"""Files of a real cache damaged: whatever was swapped, cut, flipped or lost, no wrong number is shown."""

import logging
from pathlib import Path

import pytest

from backend import EmbedscopeError
from tests.store.faults import Fault, faults_of_activations, faults_of_results, faults_of_texts, flip, ids
from tests.store.trial import LINES, ONE, OTHER, Cache, same, shown


@pytest.mark.parametrize("fault", ids(faults_of_activations(), 3))
def test_damaged_activations_are_computed_again(cache: Cache, fault: Fault, caplog: pytest.LogCaptureFixture) -> None:
    cache.forget_results()
    fault(cache)
    caplog.set_level(logging.WARNING, "embedscope.store")
    assert shown(cache) == "the right numbers, computed again"
    assert all("set aside" in record.message for record in caplog.records)
    n_said = len(caplog.records)
    assert n_said <= 2, "each damaged file is named once"
    shown(cache)
    assert len(caplog.records) == n_said, "said once"


@pytest.mark.parametrize("fault", ids(faults_of_results(), 5))
def test_damaged_results_are_computed_again(cache: Cache, fault: Fault) -> None:
    fault(cache)
    assert shown(cache) == "the right numbers, computed again"
    assert shown(cache, "two").startswith("the right numbers")
    before = len(cache.files("results"))
    shown(cache)
    assert len(cache.files("results")) == before == 4


@pytest.mark.parametrize("fault", ids(faults_of_texts(), 2))
def test_a_damaged_text_set_is_never_another(cache: Cache, fault: Fault, tmp_path: Path) -> None:
    fault(cache)
    bench = cache.open()
    assert all(
        info.spec.table != cache.tables["one"].spec.table or info == cache.tables["one"] for info in bench.text_sets()
    )
    with pytest.raises(EmbedscopeError) as caught:
        bench.text_set(cache.tables["one"])
        pytest.fail("texts were shown")
    assert "damaged" in caught.value.message or "not in the store" in caught.value.message
    assert "Texts" in caught.value.hint
    path = tmp_path / "one.csv"
    path.write_text("text,label\n" + "".join(f'"{x}",{"ab"[i % 2]}\n' for i, x in enumerate(LINES["one"])))
    again = bench.read_texts(path, text="text", label="label")
    assert again.spec == cache.tables["one"].spec, "the same file is the same set"
    bench.close()
    assert shown(cache) == "the right numbers", "and what was computed from it is found"


def test_damage_after_the_first_look_is_found_by_the_next_process(cache: Cache) -> None:
    """A file is read through once in a process; one that changes afterwards is checked again."""
    cache.forget_results()
    bench = cache.open()
    bench.wait(cache.specs["one", ONE])
    flip(cache.layers("one")[2], 0.5)
    found = bench.wait(cache.specs["one", OTHER])
    same(found, cache.right["one", OTHER])
    bench.close()
