"""Kernels give the same numbers whichever arrays are in force: numpy's, torch's on the processor, and a GPU's where there is one."""

import itertools
import json
import math
import subprocess
import sys

import numpy as np
import pytest

from backend.errors import Cancelled
from backend.metrics.ablation.kernel import ablated_predictions
from backend.metrics.ablation.there import ACTIVATIONS_THERE
from backend.metrics.anisotropy.kernel import decompose, measures, participation_ratio_corrected, standard_errors
from backend.metrics.components.kernel import principal_basis
from backend.metrics.neighbors import there
from backend.metrics.neighbors.kernel import nearest_neighbours, neighbours_of
from backend.metrics.shared import arrays as module
from backend.metrics.shared.arrays import HERE, Arrays, accelerated, arrays_for, torch_arrays, using
from backend.metrics.shared.heads import fit_linear
from backend.metrics.similarity.kernel import cka_matrix
from backend.values.activations import ACTIVATIONS, Head, HeadStage


@pytest.fixture(params=["cpu", "cuda"])
def there_arrays(request):
    if request.param == "cuda":
        import torch

        if not torch.cuda.is_available():
            pytest.skip("no CUDA device on this machine")
    return torch_arrays(request.param)


def rows(n_rows, n_dims, seed=0, dtype=np.float32):
    """Rows with a mean offset, dimensions of many sizes and one rogue one, as activations have them."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n_rows, n_dims)) * np.geomspace(4.0, 0.02, n_dims) + rng.normal(size=n_dims)
    x[:, 3] += 80.0
    return x.astype(dtype)


def both(arrays: Arrays, kernel, *, is_there: bool = True):
    """What ``kernel`` gives with numpy, and with ``arrays`` for all of its products, which it has to use."""
    here, taken, as_numpy = kernel(), [], Arrays.taken
    with using(lambda: arrays, least=0.0), pytest.MonkeyPatch.context() as patch:
        patch.setattr(Arrays, "taken", lambda self, x: taken.append(self.apart) or as_numpy(self, x))
        found = kernel()
    assert any(taken) is is_there
    return here, found


@pytest.mark.parametrize("kernel", ["linear", "rbf"])
@pytest.mark.parametrize("debiased", [True, False])
@pytest.mark.parametrize("n_rows", [70, 700, 1300])
def test_cka(there_arrays, kernel, debiased, n_rows):
    layers = [rows(n_rows, n_dims, seed) for seed, n_dims in enumerate((24, 24, 40))]
    here, found = both(there_arrays, lambda: cka_matrix(layers, kernel=kernel, debiased=debiased, bandwidth=0.8))
    np.testing.assert_allclose(found, here, rtol=3e-6, atol=3e-7)
    wide = [layer.astype(np.float64) for layer in layers]
    here, found = both(there_arrays, lambda: cka_matrix(wide, wide[:2], kernel=kernel, debiased=debiased))
    np.testing.assert_allclose(found, here, rtol=1e-11, atol=1e-13)


def test_cka_without_room_for_whole_layers(there_arrays, monkeypatch):
    layers = [rows(900, 24, seed) for seed in range(3)]
    monkeypatch.setattr(Arrays, "free_bytes", lambda _: 2_000_000)
    monkeypatch.setattr(module, "_LARGER", 1)
    here, found = both(there_arrays, lambda: cka_matrix([layer.astype(np.float64) for layer in layers] * 8))
    np.testing.assert_allclose(found, here, rtol=1e-11, atol=1e-13)


@pytest.mark.parametrize("shape", [(500, 40), (30, 64)])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_spectra(there_arrays, shape, dtype):
    x = rows(*shape, dtype=dtype)
    here, found = both(there_arrays, lambda: measures(x))
    np.testing.assert_allclose(found, here, rtol=1e-10)
    here, found = both(there_arrays, lambda: standard_errors(x, decompose(x)))
    np.testing.assert_allclose(found, here, rtol=1e-8)
    here, found = both(there_arrays, lambda: participation_ratio_corrected(x))
    assert found == pytest.approx(here, rel=1e-10)
    here, found = both(there_arrays, lambda: principal_basis(x))
    np.testing.assert_allclose(np.abs((here * found).sum(axis=0)), 1.0, atol=1e-6)


@pytest.mark.parametrize("k", [1, 5, 200])
def test_neighbours_are_the_very_same(there_arrays, k, monkeypatch):
    x = rows(600, 20)
    x[7], x[400:420] = x[3], x[11]  # copies
    x[500:550] = np.round(x[500:550])  # equal distances
    monkeypatch.setattr(there, "_BLOCK_ENTRIES", 1 << 14)
    here, found = both(there_arrays, lambda: nearest_neighbours(x, k))
    np.testing.assert_array_equal(found[1], here[1])
    np.testing.assert_array_equal(found[0], here[0])
    some = np.array([3, 8, 410, 599])
    here, found = both(there_arrays, lambda: neighbours_of(x, some, k))
    np.testing.assert_array_equal(found[1], here[1])


def test_neighbours_where_a_gpu_has_no_room(there_arrays, monkeypatch):
    x = rows(300, 20)
    monkeypatch.setattr(Arrays, "free_bytes", lambda _: 1000)
    here, found = both(there_arrays, lambda: nearest_neighbours(x, 4), is_there=False)
    np.testing.assert_array_equal(found[1], here[1])


def _head(n_dims, n_classes, hidden, activation, seed=1):
    rng = np.random.default_rng(seed)
    widths = [n_dims, *([hidden] if hidden else []), n_classes]
    stages = [
        HeadStage(
            rng.normal(size=(out, into)) / np.sqrt(into), rng.normal(size=out), activation if out == hidden else "none"
        )
        for into, out in itertools.pairwise(widths)
    ]
    return Head(-1, "", tuple(stages), ())


@pytest.mark.parametrize("mode", ["zero", "mean"])
@pytest.mark.parametrize("n_classes", [2, 5])
def test_ablation_of_a_linear_head_is_the_very_same(there_arrays, n_classes, mode):
    x, head = rows(300, 24), _head(24, n_classes, 0, "none")
    order = np.random.default_rng(2).permutation(24)
    for some in (order, order[:10]):
        here, found = both(there_arrays, lambda some=some: ablated_predictions(x, head, order=some, mode=mode))
        np.testing.assert_array_equal(found, here)
    ties = Head(-1, "", (HeadStage(np.zeros((n_classes, 24)), np.array([1.0, *[1.0] * (n_classes - 1)])),), ())
    here, found = both(there_arrays, lambda: ablated_predictions(x, ties, order=order, mode=mode))
    np.testing.assert_array_equal(found, here)
    assert not found.any()


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_ablation_behind_a_pooler(there_arrays, activation):
    x, head = rows(150, 24), _head(24, 3, 12, activation)
    here, found = both(there_arrays, lambda: ablated_predictions(x, head, order=np.arange(24)))
    assert (found == here).mean() > 0.9999
    grid = np.linspace(-30.0, 30.0, 601)
    there_values = ACTIVATIONS_THERE[activation](there_arrays.xp, there_arrays.given(grid))
    np.testing.assert_allclose(there_arrays.taken(there_values), ACTIVATIONS[activation](grid), rtol=1e-12, atol=1e-15)


def test_activations_have_the_same_names():
    assert ACTIVATIONS_THERE.keys() == ACTIVATIONS.keys()


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("scale", [None, 1.7])
def test_heads_reach_the_same_minimum(there_arrays, n_classes, scale):
    x, rng = rows(400, 16), np.random.default_rng(3)
    y = ((x - x.mean(axis=0))[:, :4] @ rng.normal(size=(4, n_classes)) + rng.normal(size=(400, n_classes))).argmax(
        axis=1
    )
    here, found = both(there_arrays, lambda: fit_linear(x, y, n_classes, scale=scale))
    other = rows(200, 16, seed=5)
    np.testing.assert_allclose(found.logits(other), here.logits(other), rtol=2e-5, atol=2e-5)


def test_small_work_stays_on_the_processor(there_arrays):
    asked = []
    with using(lambda: asked.append(1) or there_arrays) as force:
        assert arrays_for(1e6) is HERE and force.arrays is None and not asked
        assert arrays_for(1e12) is there_arrays and arrays_for(1e12) is force.arrays
        with using(lambda: HERE):
            assert arrays_for(1e12) is HERE
        assert arrays_for(1e12) is there_arrays and asked == [1]


def test_a_cancelled_kernel_leaves_nothing_in_force(there_arrays):
    def report(done, total, stage):
        raise Cancelled

    with pytest.raises(Cancelled), using(lambda: there_arrays, least=0.0):
        nearest_neighbours(rows(50, 5), 3, report=report)
    assert arrays_for(math.inf) is HERE


def test_products_keep_their_digits_on_cuda():
    """What another part of the process allows float32 products on a GPU, kernels do without, and it is as before after them."""
    import torch

    on_cuda = Arrays(torch_arrays("cpu").xp, "cuda")  # nothing is sent there
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("medium")
    try:
        with using(lambda: on_cuda):
            assert arrays_for(1.0) is HERE and torch.get_float32_matmul_precision() == "medium"
            assert arrays_for(1e12) is on_cuda
            assert torch.get_float32_matmul_precision() == "highest"
        assert torch.get_float32_matmul_precision() == "medium"
    finally:
        torch.set_float32_matmul_precision(before)


@pytest.mark.parametrize("setting", ["cpu", "mps"])
def test_no_accelerator_where_models_run_on_the_processor(setting):
    assert accelerated(setting) is HERE


def test_torch_is_not_imported_to_find_that_there_is_no_gpu():
    code = (
        "import sys, json; from backend.metrics.shared import arrays; arrays._DRIVERS = ('/nonexistent/driver',);"
        "print(json.dumps([arrays.accelerated('auto').device, 'torch' in sys.modules, 'array_api_compat' in sys.modules]))"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(said.stdout) == ["cpu", False, False]
