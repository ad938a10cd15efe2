"""Where the kernels of a metric run: on the GPU where there is one, and on the processor where its memory runs out."""

from collections.abc import Sequence
from functools import partial
from typing import Any

from backend.metrics.base import Metric, Outcome
from backend.metrics.shared.arrays import accelerated, name_of, ran_out_of_memory, using
from backend.values.activations import Labels, LayerStack, Report
from backend.values.specs import AnalysisSpec

NO_MEMORY = "The GPU has no memory left for this: the processor computes it"


def computed(
    metric: Metric,
    stacks: Sequence[LayerStack],
    labels: Labels | None,
    spec: AnalysisSpec,
    setting: str,
    report: Report,
) -> tuple[Outcome[Any], dict[str, str]]:  # of any metric
    """What ``metric`` gives for ``spec``, and the GPU that its kernels had work for, by the word "gpu"; none of a processor.

    ``setting`` is the device that models run on. Where the GPU's memory runs out, all of it is computed again without.
    """

    def run() -> Outcome[Any]:
        return metric.run(stacks, labels, spec.params, spec.seed, report)

    try:
        with using(partial(accelerated, setting)) as force:
            outcome = run()
    except RuntimeError as error:
        if not ran_out_of_memory(error):
            raise
    else:
        used = force.arrays
        return outcome, {"gpu": name_of(used.device)} if used is not None and used.apart else {}
    report(0, 0, NO_MEMORY)
    return run(), {}
