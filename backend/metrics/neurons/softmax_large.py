"""One softmax regression that is too large for its Hessian, by L-BFGS from a start nearby."""

import numpy as np

from backend.metrics.neurons.softmax_parts import PENALTY, Part, probabilities
from backend.metrics.shared.linalg import Floats

_MOST_STEPS = 1_000


class Shape:
    """How the loss of a part curves at its start, each logit by itself: for L-BFGS and for the score statistic.

    ``weight`` (n_rows, n_logits) is p (1 - p), ``residual`` p - y; ``inverse`` (n_logits, m, m) the inverse of the
    Cholesky root of each logit's penalised Hessian.
    """

    def __init__(self, part: Part) -> None:
        scores = part.base @ part.start
        p = probabilities(np.ascontiguousarray(scores.T)[None])[0].T
        one_hot = np.eye(len(part.classes))[part.y][:, -p.shape[1] :]
        self.weight, self.residual = p * (1.0 - p), p - one_hot
        m = part.base.shape[1]
        hessian = np.array([(part.base * weight[:, None]).T @ part.base for weight in self.weight.T])
        hessian[:, np.arange(1, m), np.arange(1, m)] += PENALTY
        hessian[:, 0, 0] += 1e-6 * len(part.base)  # saturated rows have no curvature
        self.inverse = np.linalg.inv(np.linalg.cholesky(hessian))

    def with_feature(self, part: Part, x: Floats) -> Floats:
        """The inverse root with feature ``x`` (n_rows,) added, (n_logits, m + 1, m + 1)."""
        n_logits, m, _ = self.inverse.shape
        crossed = np.einsum("kab,bk->ka", self.inverse, part.base.T @ (self.weight * x[:, None]))
        rest = self.weight.T @ (x * x) + PENALTY - (crossed * crossed).sum(axis=1)
        scale = 1.0 / np.sqrt(np.maximum(rest, 0.5 * PENALTY))
        out = np.zeros((n_logits, m + 1, m + 1))
        out[:, :m, :m] = self.inverse
        out[:, m, :m] = -scale[:, None] * np.einsum("ka,kab->kb", crossed, self.inverse)
        out[:, m, m] = scale
        return out

    def score(self, part: Part, x: Floats) -> Floats:
        """What one step of each candidate's weights would gain in the loss (twice that), (n_candidates,).

        ``x`` is (n_candidates, n_rows). Each logit by itself; what the shared features explain is taken out.
        """
        gradient, squared = x @ self.residual, x * x
        gain = np.zeros(len(x))
        for k, weight in enumerate(self.weight.T):
            crossed = self.inverse[k] @ ((part.base * weight[:, None]).T @ x.T)
            rest = squared @ weight + PENALTY - (crossed * crossed).sum(axis=0)
            gain += gradient[:, k] ** 2 / np.maximum(rest, 0.5 * PENALTY)
        return gain


def minimised(
    part: Part, x: Floats, start: Floats, shape: Shape, *, n_steps: int = _MOST_STEPS, gain: float = 1e-14
) -> Floats:
    """Coefficients (m + 1, n_logits) of one problem by L-BFGS, each logit in coordinates in which its loss is round.

    It ends when a step lowers the loss by less than the share ``gain``.
    """
    from scipy.optimize import minimize

    features = np.column_stack([part.base, x])
    rows = np.arange(len(features))
    inverse = shape.with_feature(part, x)

    def loss(flat: Floats) -> tuple[float, Floats]:
        round_ = flat.reshape(inverse.shape[:2])
        coefficients = start + np.einsum("kab,ka->bk", inverse, round_)
        scores = features @ coefficients
        if scores.shape[1] == 1:
            scores = np.column_stack([np.zeros(len(scores)), scores])
        own = scores[rows, part.y]
        top = scores.max(axis=1)
        scores -= top[:, None]
        np.exp(scores, out=scores)
        total = scores.sum(axis=1)
        value = (np.log(total) + top - own).sum() + 0.5 * PENALTY * (coefficients[1:] ** 2).sum()
        scores /= total[:, None]
        scores[rows, part.y] -= 1.0
        gradient = features.T @ scores[:, -start.shape[1] :]
        gradient[1:] += PENALTY * coefficients[1:]
        return float(value), np.einsum("kab,bk->ka", inverse, gradient).reshape(-1)

    options = {"maxiter": n_steps, "ftol": gain, "gtol": 1e-9, "maxcor": 12}
    found = minimize(loss, np.zeros(start.size), jac=True, method="L-BFGS-B", options=options)
    out = start + np.einsum("kab,ka->bk", inverse, found.x.reshape(inverse.shape[:2]))
    if start.shape[1] > 1:
        out[0] -= out[0].mean()
    return np.asarray(out)
