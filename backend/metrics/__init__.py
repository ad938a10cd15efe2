"""The metrics: pure functions, arrays in and numbers out, and one explicit table of all that can be asked for."""

from backend.errors import InvalidRequest
from backend.metrics.ablation_profile import ABLATION
from backend.metrics.anisotropy import ANISOTROPY
from backend.metrics.base import Metric, Outcome, param, parse_params
from backend.metrics.component_profile import COMPONENT_ACCURACY
from backend.metrics.cosine import AVERAGE_COSINE
from backend.metrics.dimension_profile import INTRINSIC_DIMENSION
from backend.metrics.dimension_scale import DIMENSION_SCALE
from backend.metrics.direct_probe_profile import DIRECT_PROBE
from backend.metrics.explained_variance import SPECTRUM, VARIANCE_RATIO
from backend.metrics.inner_ablation import INNER_ABLATION
from backend.metrics.movement_profile import MOVEMENT
from backend.metrics.neurons_profile import NEURONS
from backend.metrics.overlap import NEIGHBOUR_OVERLAP
from backend.metrics.probing_profile import PROBING
from backend.metrics.projection import PROJECTION
from backend.metrics.projection_series import PROJECTION_SERIES
from backend.metrics.rogue_profile import ROGUE, ROGUE_OVERLAP
from backend.metrics.similarity import CKA
from backend.metrics.threshold_profile import THRESHOLD

METRICS: dict[str, Metric] = {
    "cka": CKA,
    "anisotropy": ANISOTROPY,
    "average_cosine": AVERAGE_COSINE,
    "spectrum": SPECTRUM,
    "variance_ratio": VARIANCE_RATIO,
    "intrinsic_dimension": INTRINSIC_DIMENSION,
    "dimension_scale": DIMENSION_SCALE,
    "rogue": ROGUE,
    "rogue_overlap": ROGUE_OVERLAP,
    "projection": PROJECTION,
    "projection_series": PROJECTION_SERIES,
    "neighbour_overlap": NEIGHBOUR_OVERLAP,
    "component_accuracy": COMPONENT_ACCURACY,
    "neurons": NEURONS,
    "threshold": THRESHOLD,
    "ablation": ABLATION,
    "inner_ablation": INNER_ABLATION,
    "direct_probe": DIRECT_PROBE,
    "probing": PROBING,
    "movement": MOVEMENT,
}

__all__ = ["METRICS", "Metric", "Outcome", "metric", "param", "parse_params"]


def metric(name: str) -> Metric:
    """The row of METRICS called ``name`` or having it as an alias; raises InvalidRequest that lists the names."""
    found = METRICS.get(name) or next((row for row in METRICS.values() if name in row.aliases), None)
    if found is None:
        raise InvalidRequest(f"There is no metric '{name}'.", f"The metrics are: {', '.join(METRICS)}.")
    return found
