"""Which rows take part where classes are described and nothing is fitted: those with a label, of one split if it is named."""

import numpy as np

from backend.errors import InvalidRequest
from backend.metrics.shared.linalg import Ints
from backend.metrics.shared.splits import check_repeats
from backend.values.activations import Labels


def classes_in_use(labels: Labels, split: str) -> Ints:
    """Class number of each row, (n_rows,), -1 where it takes no part; raises InvalidRequest where no row is left."""
    classes = np.array(labels.values, dtype=np.int64)
    if split:
        names = np.array(labels.split if labels.split is not None else (), dtype=object)
        if split not in names:
            listed = ", ".join(f"'{name}'" for name in dict.fromkeys(names.tolist()) if name)
            raise InvalidRequest(
                f"There is no split '{split}': "
                + (f"the splits are {listed}." if listed else "the texts have no split column."),
                "Choose one of them, or leave the split empty for all labelled rows.",
            )
        classes[names != split] = -1
    n_used = int((classes >= 0).sum())
    if not n_used:
        whose = f"No row of the split '{split}'" if split else "No row"
        raise InvalidRequest(f"{whose} has a label.", "Choose another label column, or another text set.")
    check_repeats(len(np.unique(classes[classes >= 0])), n_used)
    return classes
