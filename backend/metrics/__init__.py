"""The metrics: pure functions, arrays in and numbers out, and one explicit table of all that can be asked for."""

from collections.abc import Callable, Iterator, Mapping

from backend.errors import InvalidRequest
from backend.metrics.ablation.inner import INNER_ABLATION
from backend.metrics.ablation.metric import ABLATION
from backend.metrics.anisotropy.average_cosine_metric import AVERAGE_COSINE
from backend.metrics.anisotropy.metric import ANISOTROPY
from backend.metrics.anisotropy.spectrum_metric import SPECTRUM
from backend.metrics.anisotropy.variance_ratio_metric import VARIANCE_RATIO
from backend.metrics.base import Metric, Outcome, param, parse_params
from backend.metrics.components.metric import COMPONENT_ACCURACY
from backend.metrics.dimension.metric import INTRINSIC_DIMENSION
from backend.metrics.dimension.scale import DIMENSION_SCALE
from backend.metrics.direct_probe.metric import DIRECT_PROBE
from backend.metrics.maps.placed import TEXT_ON_MAP
from backend.metrics.maps.projection import PROJECTION
from backend.metrics.maps.series import PROJECTION_SERIES
from backend.metrics.movement.metric import MOVEMENT
from backend.metrics.neighbors.moved import MOVED_TEXTS
from backend.metrics.neighbors.nearest import NEIGHBOURS
from backend.metrics.neighbors.overlap import NEIGHBOUR_OVERLAP
from backend.metrics.neighbors.typed import NEIGHBOURS_OF_TEXT
from backend.metrics.neurons.metric import NEURONS
from backend.metrics.probing.metric import PROBING
from backend.metrics.rogue.by_class import CLASS_SPIKES
from backend.metrics.rogue.metric import ROGUE
from backend.metrics.rogue.overlap import ROGUE_OVERLAP
from backend.metrics.rogue.shared import SHARED_ROGUE
from backend.metrics.similarity.metric import CKA
from backend.metrics.threshold.metric import THRESHOLD

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
    "shared_rogue": SHARED_ROGUE,
    "class_spikes": CLASS_SPIKES,
    "projection": PROJECTION,
    "projection_series": PROJECTION_SERIES,
    "text_on_map": TEXT_ON_MAP,
    "neighbours": NEIGHBOURS,
    "neighbours_of_text": NEIGHBOURS_OF_TEXT,
    "neighbour_overlap": NEIGHBOUR_OVERLAP,
    "moved_texts": MOVED_TEXTS,
    "component_accuracy": COMPONENT_ACCURACY,
    "neurons": NEURONS,
    "threshold": THRESHOLD,
    "ablation": ABLATION,
    "inner_ablation": INNER_ABLATION,
    "direct_probe": DIRECT_PROBE,
    "probing": PROBING,
    "movement": MOVEMENT,
}

__all__ = ["METRICS", "PARAMS", "RESULTS", "Metric", "Outcome", "metric", "param", "parse_params"]


class _Classes(Mapping[str, type]):
    """One class of each row of METRICS, those included that are registered later."""

    def __init__(self, of: Callable[[Metric], type]) -> None:
        self._of = of

    def __getitem__(self, name: str) -> type:
        return self._of(METRICS[name])

    def __iter__(self) -> Iterator[str]:
        return iter(METRICS)

    def __len__(self) -> int:
        return len(METRICS)


PARAMS = _Classes(lambda row: row.params)
RESULTS = _Classes(lambda row: row.result)


def metric(name: str) -> Metric:
    """The row of METRICS called ``name`` or having it as an alias; raises InvalidRequest that lists the names."""
    found = METRICS.get(name) or next((row for row in METRICS.values() if name in row.aliases), None)
    if found is None:
        raise InvalidRequest(f"There is no metric '{name}'.", f"The metrics are: {', '.join(METRICS)}.")
    return found
