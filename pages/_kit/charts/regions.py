"""Names of regions as words on a map, so that they do not lie on each other."""

from collections.abc import Sequence

import numpy as np

from backend import Region
from pages._kit.charts.base import Floats, safe, shortened

_WIDTH, _HEIGHT = 560, 330  # of a map on a usual screen, in pixels
_CHAR, _LINE = 6.6, 20  # of the words
_MOST_CHARS = 36
_SHIFTS = (0, 1, -1, 2, -2)  # lines up or down, tried in turn


def placed_names(regions: Sequence[Region], coords: Floats) -> list[tuple[float, float, str]]:
    """x, y and words of each region of the map ``coords`` (n_points, 2), the largest first; one that would lie on another is moved
    by a line or two, or left out."""
    if not regions:
        return []
    low, high = np.nanmin(coords, axis=0), np.nanmax(coords, axis=0)
    unit = float(max((high[0] - low[0]) / _WIDTH, (high[1] - low[1]) / _HEIGHT)) or 1.0  # both axes have one unit
    taken: list[tuple[float, float, float]] = []
    found = []
    for region in regions:
        words = shortened(", ".join(region.words), _MOST_CHARS)
        half = len(words) * _CHAR * unit / 2
        for shift in _SHIFTS:
            y = region.y + shift * _LINE * unit
            if all(abs(region.x - x) >= half + other or abs(y - at) > 0.99 * _LINE * unit for x, at, other in taken):
                taken.append((region.x, y, half))
                found.append((region.x, y, safe(words)))
                break
    return found
