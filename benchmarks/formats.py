"""What is lost where activations are stored in half of the bytes: results from them against those from float32.

Of minilm on the built-in reviews, every layer (pooling mean), and of made-up layers with three rogue dimensions (``benchmarks/made.py``), whose
means are 3 to 25 times the length of the rest of a row: the largest change of any layer, and for thresholds of any dimension.
"""

from typing import Any

import numpy as np
import numpy.typing as npt

from backend.metrics.anisotropy.kernel import anisotropy
from backend.metrics.dimension.kernel import two_nn
from backend.metrics.similarity.kernel import linear_cka
from backend.metrics.threshold.kernel import threshold_accuracy
from backend.textsets.builtin import builtin_table
from backend.values.stored import Rounding, narrowed, widened
from benchmarks import made, real
from benchmarks.record import keep_more

NAME = "formats"
Rows = npt.NDArray[np.float32]
Classes = npt.NDArray[np.int64]


def reviews() -> tuple[list[Rows], Classes]:
    """Every layer of minilm on the built-in reviews, and the labels of those."""
    table = builtin_table("sentiment")
    arrays = real.extracted(real.minilm(), table.texts).arrays
    return [arrays[layer, "mean"] for layer in range(7)], np.unique(
        [str(label) for label in table.columns["label"]], return_inverse=True
    )[1]


def rogue() -> tuple[list[Rows], Classes]:
    """Two made-up layers, the second made of the first, with two classes."""
    first, y = made.of_classes(1000, 768, 2)
    return [first, first + np.float32(0.5) * made.layer(1000, 768, seed=5)], y


def thresholds(x: Rows, y: Classes) -> npt.NDArray[np.float64]:
    """The accuracy of a threshold on each dimension: fitted on every second row, judged on the others."""
    train, test = slice(0, None, 2), slice(1, None, 2)
    return np.array([threshold_accuracy(one[train], y[train], one[test], y[test]).accuracy for one in x.T])


def moved(x: Rows, stored: str) -> float:
    """Root mean square of what rounding moves rows by, over that of their distances from their mean."""
    rounding = Rounding()
    rounding.add(x, narrowed(x, stored), stored)
    return rounding.share


def changes(what: str, layers: list[Rows], y: Classes, stored: str) -> dict[str, Any]:
    """The largest changes of any layer, of results from numbers in the format ``stored``."""
    pairs = [(x, widened(narrowed(x, stored), stored)) for x in layers]
    correct = [(thresholds(x, y), thresholds(less, y)) for x, less in pairs]
    return {
        "what": what,
        "format": stored,
        "moved": max(moved(x, stored) for x in layers),
        "cka": max(abs(linear_cka(layers[0], x) - linear_cka(pairs[0][1], less)) for x, less in pairs[1:]),
        "anisotropy": max(abs(anisotropy(less) / anisotropy(x) - 1) for x, less in pairs),
        "two_nn": max(abs(two_nn(less) / two_nn(x) - 1) for x, less in pairs),
        "threshold": max(float(np.abs(a - b).max()) for a, b in correct),
        "thresholds": max(float(np.abs(a - b).mean()) for a, b in correct),
        "best": max(abs(float(a.max() - b.max())) for a, b in correct),
    }


def table(found: list[dict[str, Any]]) -> str:
    """The rows as Markdown."""
    lines = [
        "| activations | stored in | rows moved by, of their distance from their mean | CKA with the first layer | anisotropy, relative | TwoNN, relative | threshold: a dimension, on average | any dimension | the best |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    lines += [
        f"| {one['what']} | {one['format']} | {100 * one['moved']:.3f} % | {one['cka']:.0e} | {one['anisotropy']:.0e} | {one['two_nn']:.0e} "
        f"| {100 * one['thresholds']:.2f} points | {100 * one['threshold']:.1f} | {100 * one['best']:.1f} |"
        for one in found
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    data = {"minilm, 440 reviews, 7 layers x 384": reviews(), "made up, rogue dimensions, 1,000 rows, 2 layers x 768": rogue()}  # fmt: skip
    found = [changes(what, *one, stored) for what, one in data.items() for stored in ("float16", "bfloat16")]
    print(table(found))
    keep_more(NAME, formats=found)


if __name__ == "__main__":
    main()
