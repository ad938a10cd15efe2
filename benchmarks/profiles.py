"""Where the time of metrics goes: ``python -m benchmarks.profiles [METRIC ...]`` profiles each on 13 layers of 872 x 768 with two classes.

The layers are made up (``benchmarks/made.py``), each the one before and something new. Without names every metric that takes layers alone is
timed, the long ones too, and none is profiled, since a profile takes time of its own.
"""

import cProfile
import pstats
import sys
import time

import numpy as np

from backend.metrics import METRICS
from backend.metrics.base import Metric
from backend.values.activations import Labels, LayerStack, no_report
from benchmarks import made, real
from benchmarks.race import one_thread

N_ROWS, N_DIMS, N_LAYERS = 872, 768, 13
_LINES = 15


def given() -> tuple[LayerStack, Labels]:
    """The layers and the labels of their rows."""
    first, y = made.of_classes(N_ROWS, N_DIMS, 2)
    layers = [first]
    for number in range(1, N_LAYERS):
        layers.append(layers[-1] + np.float32(0.5) * made.layer(N_ROWS, N_DIMS, seed=number))
    return real.stack_of(layers), Labels(y, ("a", "b"))


def timed(row: Metric, stack: LayerStack, labels: Labels, profile: cProfile.Profile | None = None) -> float:
    """Processor seconds of one metric as it is asked for at first."""
    began = time.process_time()
    if profile is not None:
        profile.enable()
    row.run([stack], None if row.labels == "no" else labels, row.params(), 0, no_report)
    if profile is not None:
        profile.disable()
    return time.process_time() - began


def main() -> None:
    one_thread()
    stack, labels = given()
    alone = [name for name, row in METRICS.items() if row.scope == "stack" and not row.network]
    for name in sys.argv[1:] or alone:
        profile = cProfile.Profile() if sys.argv[1:] else None
        print(f"{name}: {timed(METRICS[name], stack, labels, profile):.2f} s", flush=True)
        if profile is not None:
            pstats.Stats(profile).sort_stats("tottime").print_stats(_LINES)


if __name__ == "__main__":
    main()
