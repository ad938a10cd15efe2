"""How the time of a metric grows with what it is given, and a first guess of it on a machine that has measured nothing yet."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Size:
    """What an analysis goes through: ``n_layers`` matrices of each of ``n_models`` models, each (``n_rows``, ``n_dims``).

    ``n_classes`` are those of the labels (0 without labels), ``n_parameters`` the weights of a model, ``n_tokens`` what a
    model reads of all texts.
    """

    n_rows: int
    n_dims: int
    n_layers: int = 1
    n_models: int = 1
    n_classes: int = 0
    n_parameters: int = 0
    n_tokens: int = 0

    @property
    def n_matrices(self) -> int:
        """All matrices together."""
        return self.n_layers * self.n_models


def entries(size: Size, _params: Any) -> float:  # any metric's parameters
    """The numbers in all matrices: what a metric takes that looks at each a fixed number of times."""
    return float(size.n_matrices * size.n_rows * size.n_dims)


def spectra(size: Size, _params: Any) -> float:  # any metric's parameters
    """Multiplications of one eigendecomposition a matrix, on its shorter side."""
    return entries(size, _params) * min(size.n_rows, size.n_dims)


@dataclass(frozen=True, slots=True)
class Effort:
    """What the time of a metric is in proportion to, beside a start.

    ``work`` says how much there is to do, in a unit of the metric's own; ``rate`` are seconds for one of them, ``each``
    seconds for a matrix whatever its size, and ``start`` seconds before the first, all measured on the machine of
    docs/benchmarks.md. An instance corrects them by its own times.
    """

    work: Callable[[Size, Any], float] = entries
    rate: float = 5e-8
    start: float = 0.05
    each: float = 0.005

    def guess(self, size: Size, params: Any) -> float:  # the metric's own parameters
        """Seconds that nobody has measured here yet."""
        return self.before(size) + self.rate * max(0.0, self.work(size, params))

    def before(self, size: Size) -> float:
        """The seconds of `guess` that are the same however much work there is."""
        return self.start + self.each * size.n_matrices


PLAIN = Effort()  # of a metric that says nothing
