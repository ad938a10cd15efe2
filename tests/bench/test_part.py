"""Selected rows as a text set: it says what it is part of, and its numbers are those of a text set of the same rows."""

import numpy as np
import pytest

from backend import EmbedscopeError, InvalidRequest
from backend.bench.workbench import Workbench
from tests.models.tiny import SEGMENTS, bert_config, save

ROWS = (*range(0, 60, 7), 100, 101, 102, 439)


def test_a_part_has_the_rows_their_columns_and_the_sentence(bench: Workbench) -> None:
    whole = bench.text_set_info("sentiment")
    part = bench.part(whole, ROWS)
    table, of = bench.text_set(part), bench.text_set(whole)
    assert table.texts == tuple(of.texts[row] for row in ROWS)
    assert table.columns == {name: tuple(cells[row] for row in ROWS) for name, cells in of.columns.items()}
    assert part.spec.sample == "13 of 440 rows of 'sentiment', selected" and part.label == whole.label
    assert part.spec.name == "sentiment, 13 selected"
    inner = bench.part(part, [0, 2], name="two", said="picked")
    assert bench.text_set(inner).texts == (of.texts[0], of.texts[14])
    assert inner.spec.sample.startswith("2 of 13 rows of 'sentiment, 13 selected', picked, which are 13 of 440 rows")
    assert bench.part(whole, ROWS).spec == part.spec
    bench.delete_text_set(part.spec.table)
    assert bench.part(whole, ROWS).spec == part.spec and part.spec.table in {i.spec.table for i in bench.text_sets()}


def test_no_rows_and_rows_that_are_not_there_make_no_part(bench: Workbench) -> None:
    whole = bench.text_set_info("sentiment")
    with pytest.raises(InvalidRequest, match="at least one row"):
        bench.part(whole, [])
    with pytest.raises(EmbedscopeError, match="440"):
        bench.part(whole, [439, 440])


@pytest.mark.parametrize("pooling", ["mean", "cls"])
def test_a_metric_of_a_part_is_that_of_a_text_set_made_by_hand_bit_for_bit(
    bench: Workbench, tmp_path, pooling: str
) -> None:
    model = bench.model(str(save(tmp_path / "model", bert_config(), seed=3, model_input_names=SEGMENTS)))
    whole = bench.text_set_info("sentiment")
    bench.compute("anisotropy", model=model, texts=whole, pooling=pooling)  # its activations are there already
    texts = bench.text_set(whole).texts
    by_hand = bench.add_texts([texts[row] for row in ROWS], name="by hand")
    part = bench.part(whole, ROWS)
    assert part.spec.digest == by_hand.spec.digest
    for metric in ("anisotropy", "average_cosine"):
        one, other = (bench.compute(metric, model=model, texts=of, pooling=pooling) for of in (part, by_hand))
        for field in ("anisotropy", "effective_rank") if metric == "anisotropy" else ("average_cosine",):
            np.testing.assert_array_equal(getattr(one.values, field), getattr(other.values, field))
        assert "The texts are a sample: 13 of 440 rows of 'sentiment', selected." in one.notes
        assert not any("440" in note for note in other.notes)
