"""Where the kernels of a metric run: on the GPU where there is one, and on the processor where its memory runs out."""

from collections.abc import Callable, Sequence
from typing import Any

from backend.metrics.base import Metric, Outcome
from backend.metrics.shared.arrays import (
    PROCESSOR,
    accelerator,
    give_back,
    name_of,
    ran_out_of_memory,
    torch_arrays,
    using,
)
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
    """What ``metric`` gives for ``spec``, and the GPU that was at hand for its kernels, by the word "gpu"; none of a processor.

    ``setting`` is the device that models run on. Where the GPU's memory runs out, all of it is computed again without.
    """

    def run() -> Outcome[Any]:
        return metric.run(stacks, labels, spec.params, spec.seed, report)

    device = accelerator(setting)
    if device != PROCESSOR:
        try:
            found = _while_memory_lasts(device, run)
        finally:
            give_back(device)
        if found is not None:
            return found, {"gpu": name_of(device)}
        report(0, 0, NO_MEMORY)
    return run(), {}


def _while_memory_lasts(device: str, run: Callable[[], Outcome[Any]]) -> Outcome[Any] | None:
    """What ``run`` gives with the GPU in force; None where its memory ran out."""
    try:
        with using(torch_arrays(device)):
            return run()
    except RuntimeError as error:
        if not ran_out_of_memory(error):
            raise
    return None
