"""Numbers in half of the bytes: rounded to the nearest, never infinite, and it is known how far they moved."""

import numpy as np
import pytest
import torch

from backend.errors import InvalidRequest
from backend.values.activations import LayerStack
from backend.values.stored import Rounding, bytes_of, narrowed, widened, widened_blocks

FORMATS = {"float16": torch.float16, "bfloat16": torch.bfloat16}
EDGES = [0.0, -0.0, 1.0, -1.0, 1.00390625, 1.01171875, 65_504.0, -65_519.0, 6e-8, 1e-30, 3.0e-5]


@pytest.mark.parametrize("stored", FORMATS)
def test_every_number_is_the_nearest_as_torch_has_it(stored: str) -> None:
    x = np.concatenate([np.random.default_rng(0).normal(0, 50, 9_999), EDGES]).astype(np.float32).reshape(-1, 10)
    found = widened(narrowed(x, stored), stored)
    assert (
        found.dtype == np.float32
        and found.tobytes() == torch.from_numpy(x).to(FORMATS[stored]).float().numpy().tobytes()
    )
    assert narrowed(found, stored).tobytes() == narrowed(x, stored).tobytes()  # what is rounded stays
    assert narrowed(x, stored).nbytes == x.size * bytes_of(stored) == x.nbytes // 2


@pytest.mark.parametrize(("stored", "least"), [("float16", 65_520.0), ("bfloat16", 3.3961776e38)])
@pytest.mark.parametrize("sign", [1, -1])
def test_a_number_that_is_too_large_is_refused_with_its_size(stored: str, least: float, sign: int) -> None:
    x = np.array([[1.0, sign * np.nextafter(np.float32(least), np.float32(0))]], np.float32)
    assert np.isfinite(widened(narrowed(x, stored), stored)).all()
    x[0, 1] = sign * np.float32(least)
    with pytest.raises(InvalidRequest, match=rf"^Number 7 is .* in size; {stored}, .* holds at most") as refused:
        narrowed(x, stored, "Number 7")
    assert "float32" in refused.value.hint and ("bfloat16" in refused.value.hint) == (stored == "float16")


def test_float32_is_left_as_it_is() -> None:
    x = np.ones((2, 3), np.float32)
    assert narrowed(x, "float32") is x and widened(x, "float32") is x


def test_blocks_join_to_the_whole() -> None:
    kept = narrowed(np.random.default_rng(1).normal(size=(1500, 1000)).astype(np.float32), "bfloat16")
    blocks = list(widened_blocks(kept, "bfloat16"))
    assert len(blocks) == 2 and np.array_equal(np.concatenate(blocks), widened(kept, "bfloat16"))


@pytest.mark.parametrize("stored", FORMATS)
def test_the_share_is_that_of_the_distances_from_the_mean(stored: str) -> None:
    x = np.random.default_rng(2).normal(3, 1, (4000, 16)).astype(np.float32)
    rounding = Rounding()
    for start in range(0, 4000, 700):
        part = x[start : start + 700]
        rounding.add(part, narrowed(part, stored), stored)
    wide, back = x.astype(float), widened(narrowed(x, stored), stored).astype(float)
    expected = np.linalg.norm(wide - back) / np.linalg.norm(wide - wide.mean(axis=0))
    assert rounding.share == pytest.approx(expected, rel=1e-9) and 0 < expected < 0.01


def test_a_large_offset_shows_and_what_did_not_move_is_zero() -> None:
    x = np.random.default_rng(3).normal(0, 1, (500, 4)).astype(np.float32)
    offset, same = Rounding(), Rounding()
    offset.add(x + 1000, narrowed(x + 1000, "bfloat16"), "bfloat16")  # numbers are 4 apart there
    same.add(np.ones((5, 4), np.float32), narrowed(np.ones((5, 4), np.float32), "float16"), "float16")
    assert offset.share > 0.9 and same.share == 0.0 and Rounding().share == 0.0


@pytest.mark.parametrize(("stored", "step"), [("float32", 2**-10), ("bfloat16", 2**-7)])
def test_rounding_of_rows_is_measured_by_the_coarser_format(stored: str, step: float) -> None:
    assert LayerStack("m", "mean", (), (), (), dtype="float16", stored=stored).step == step
