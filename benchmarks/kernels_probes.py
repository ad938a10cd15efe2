"""The two metrics that took longest of all: probes with many classes, and salient dimensions of 50 classes, in the last layer of minilm.

Both are run whole, as a page asks for them, with shuffled labels too. What they are compared with is what the build before took: probes of
relations had not ended after six minutes, salient dimensions of TREC's 50 fine classes took 260 processor seconds. Relations stand here as the scene
roles of STREUSLE's labelled units, each with its sentence's vector: as many rows and classes.
"""

from typing import Any

import numpy as np

from backend.metrics import METRICS
from backend.values.activations import Labels, no_report
from benchmarks import real
from benchmarks.race import Taken, one_thread, taken
from benchmarks.record import Ratio, Row, Side, keep, missing

NAME = "kernels_probes"


def whole(metric: str, rows: tuple[list[str], real.Classes]) -> Taken:
    """One run of a metric with the settings of its page."""
    texts, y = rows
    one = METRICS[metric]
    labels = Labels(y, tuple(map(str, range(int(y.max()) + 1))))
    stack = real.stack_of([real.layer_of(texts)])
    return taken(lambda: one.run([stack], labels, one.params(), 0, no_report).values)


def _row(what: str, against: str, found: Taken, seconds: float, quality: str) -> Row:
    ratio = seconds / found.processor
    return Row(what, against, Side(found.processor, found.clock, found.peak_mb), Side(seconds, seconds), Ratio(ratio, ratio, ratio), 1, quality, 5.0)  # fmt: skip


def _said(values: Any) -> str:
    accuracy = np.nanmax(values.accuracy if hasattr(values, "accuracy") else values.test_accuracy)
    return f"accuracy {accuracy:.3f}"


def main() -> None:
    one_thread()
    if not real.has_data():
        keep(NAME, [missing("probes and salient dimensions", "the build before", real.ABSENT)])
        return
    for metric, what, against, rows, seconds in (
        ("neurons", "salient dimensions, TREC, 50 classes, 5,452 rows, 1 layer", "the build before: 260 s", real.trec(5452, fine=True), 260.0),
        ("probing", "probes, scene roles, 4,553 rows of which 2,000 are drawn, 1 layer", "the build before: more than 360 s", real.roles(5000), 360.0),
    ):  # fmt: skip
        found = whole(metric, rows)
        keep(NAME, [_row(what, against, found, seconds, _said(found.result))])


if __name__ == "__main__":
    main()
