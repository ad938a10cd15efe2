"""One layer over checkpoints: the maps of the layers in turn, points that keep their place, and what is refused."""

import numpy as np
import pytest

from backend.errors import InvalidRequest
from backend.metrics import METRICS, parse_params
from backend.values.activations import no_report
from tests.metrics.stacks import layer, rotation, stack_of

ROW = METRICS["projection_series"]


def run(stacks, **given):
    return ROW.run(stacks, None, parse_params(ROW.params, given), 0, no_report)


def checkpoints():
    """Three checkpoints of two layers; the second layer's rows are turned ever further."""
    x = layer(60, 8, seed=3)
    return x, [
        stack_of([layer(60, 8, seed=step), x @ rotation(8, seed=step)], model=f"step-{step}") for step in range(3)
    ]


@pytest.mark.parametrize("method", ["pca", "tsne", "umap"])
def test_the_maps_are_those_of_the_matrices_in_turn(method):
    _, stacks = checkpoints()
    found = run(stacks, method=method, n_iter=50, max_rows=40)
    chain = stack_of([stack.rows[1] for stack in stacks])
    params = parse_params(METRICS["projection"].params, {"method": method, "n_iter": 50, "max_rows": 40})
    single = METRICS["projection"].run([chain], None, params, 0, no_report)
    for name in ("coords", "trustworthiness", "neighbour_overlap", "row_index"):
        np.testing.assert_array_equal(getattr(found.values, name), getattr(single.values, name))
    assert found.values.coords.shape == (3, 40, 2)
    assert found.values.layer_names == ("layer 1",) * 3
    assert any("checkpoint before it" in note for note in found.notes) == (method != "pca")


def test_turned_checkpoints_have_one_map():
    _, stacks = checkpoints()
    coords = run(stacks).values.coords
    np.testing.assert_allclose(coords[1], coords[0], atol=1e-5)
    np.testing.assert_allclose(coords[2], coords[0], atol=1e-5)


def test_another_layer_can_be_chosen():
    _, stacks = checkpoints()
    assert run(stacks, layer=0).values.layer_names == ("layer 0",) * 3
    with pytest.raises(InvalidRequest, match="none at place 2") as caught:
        run(stacks, layer=2)
    assert "0 to 1" in caught.value.hint


def test_a_checkpoint_of_identical_rows_is_undefined_and_named():
    x, stacks = checkpoints()
    flat = stack_of([np.tile(x[:1], (60, 1))] * 2, model="step-flat")
    found = run([stacks[0], flat, stacks[1]])
    assert np.isnan(found.values.coords[1]).all() and np.isfinite(found.values.coords[[0, 2]]).all()
    assert {gap.index for gap in found.undefined} == {(1,)}
    assert all(gap.reason == "all rows are identical" for gap in found.undefined)


def test_models_over_other_rows_are_refused():
    _, stacks = checkpoints()
    with pytest.raises(InvalidRequest, match="different numbers of rows"):
        run([stacks[0], stack_of([layer(50, 8)] * 2)])
