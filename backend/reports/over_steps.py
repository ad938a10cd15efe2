"""A number of each layer at each step of a series: over which layers a mean means something, and that mean."""

import numpy as np
import numpy.typing as npt


def complete_layers(values: npt.NDArray[np.floating]) -> npt.NDArray[np.int64]:
    """The layers (their places) of ``values`` (n_steps, n_layers) that are defined at every step.

    A mean over others would be of other layers at each step.
    """
    return np.flatnonzero(np.isfinite(values).all(axis=0))


def mean_over_layers(values: npt.NDArray[np.floating]) -> npt.NDArray[np.float64]:
    """The mean over the layers that are defined at every step, (n_steps,); NaN where there is none."""
    whole = complete_layers(values)
    return np.asarray(values[:, whole].mean(axis=1)) if len(whole) else np.full(len(values), np.nan)
