"""Centred kernel alignment (CKA): how alike two layers place the same texts, whatever their widths.

Kornblith et al. (2019); the debiased form after Song et al. (2007); used layer by layer in GPTology.
"""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from backend.errors import InvalidRequest
from backend.metrics.shared.arrays import arrays_for
from backend.metrics.shared.degenerate import why_undefined
from backend.metrics.shared.kept import Kept, key_of
from backend.metrics.shared.linalg import Floats, Matrix, as_matrix
from backend.metrics.similarity.gram import GramMoments, View, gram_moments, median_squared_distance, view
from backend.values.activations import Report, no_report

KERNELS = ("linear", "rbf")
_STAGE = "CKA"
_NOTHING_LEFT = 1e-12  # of a Gram matrix's off-diagonal energy: below it, the rest after centring is rounding
_FEW_DIGITS = {4: 1e-3, 8: 1e-8}  # of the same, by the bytes of a product: below it, few of its digits are of the rest
_MOST_BY_MEDIAN = 8192  # rows; with more, all pairs of rows are too many for a second look
_NOISE = 4.0  # of the rows' rounding


def linear_cka(x: npt.ArrayLike, y: npt.ArrayLike, *, debiased: bool = True) -> float:
    """Linear CKA of two representations of the same rows.

    ``x`` (n_rows, n_dims_x), ``y`` (n_rows, n_dims_y). Biased: in [0, 1], and sqrt(d_x d_y / ((n + d_x)(n + d_y)))
    for independent Gaussians; debiased: about 0 for them, slightly negative at times, at most 1. NaN for a degenerate
    input (debiased needs 4 rows). Raises InvalidRequest where the numbers of rows differ. Kornblith et al. (2019).
    """
    return float(cka_matrix([x], [y], debiased=debiased)[0, 0])


def rbf_cka(x: npt.ArrayLike, y: npt.ArrayLike, *, bandwidth: float = 0.5, debiased: bool = False) -> float:
    """CKA with a Gaussian kernel, K = exp(-D^2 / (2 bandwidth^2 median(D^2))), of two representations of the same rows.

    The median is over all n^2 squared distances, the zero diagonal included. Shapes, range and errors as in
    ``linear_cka``. Kornblith et al. (2019).
    """
    return float(cka_matrix([x], [y], kernel="rbf", debiased=debiased, bandwidth=bandwidth)[0, 0])


def cka_matrix(
    xs: Sequence[npt.ArrayLike],
    ys: Sequence[npt.ArrayLike] | None = None,
    *,
    kernel: str = "linear",
    debiased: bool = True,
    bandwidth: float = 0.5,
    report: Report | None = None,
) -> Floats:
    """CKA of every layer of ``xs`` with every layer of ``ys`` (of ``xs`` where ``ys`` is None).

    Each layer is (n_rows, its own n_dims); returns (n_xs, n_ys), NaN where a layer is degenerate. Exact, in one shared
    computation, with memory flat in n. ``report`` is called between blocks and may raise to cancel. Raises
    InvalidRequest for different numbers of rows or an unknown kernel.
    """
    return compare(xs, ys, Comparison(kernel, debiased, bandwidth), report or no_report, (None, None))[0]


@dataclass(frozen=True, slots=True)
class Comparison:
    """How two layers are compared: the kernel, whether its small-sample bias is removed, the width of a Gaussian one."""

    kernel: str
    debiased: bool
    bandwidth: float


def compare(
    xs: Sequence[npt.ArrayLike],
    ys: Sequence[npt.ArrayLike] | None,
    how: Comparison,
    report: Report,
    steps: tuple[float | None, float | None],
) -> tuple[Floats, dict[tuple[str, int], str]]:
    """The matrix, and for each degenerate layer ("x" or "y", its index) the reason; ``steps`` are the sides' formats."""
    if how.kernel not in KERNELS or not how.bandwidth > 0:
        raise InvalidRequest(
            f"CKA cannot use kernel '{how.kernel}' with bandwidth {how.bandwidth}.",
            f"The kernels are {', '.join(KERNELS)}; the bandwidth is above 0.",
        )
    sides = {"x": [as_matrix(x) for x in xs]} | ({} if ys is None else {"y": [as_matrix(y) for y in ys]})
    lengths = sorted({matrix.shape[0] for side in sides.values() for matrix in side})
    if len(lengths) > 1:
        raise InvalidRequest(
            f"CKA compares the same rows; the layers have {' and '.join(map(str, lengths))} rows.",
            "Give activations of the same texts in the same order.",
        )
    matrix, reasons, lost = _aligned(sides, how, report, steps, precise=False)
    if lost:
        matrix, reasons, _ = _aligned(sides, how, report, steps, precise=True)
    return matrix, reasons


def _aligned(
    sides: dict[str, list[Matrix]],
    how: Comparison,
    report: Report,
    steps: tuple[float | None, float | None],
    *,
    precise: bool,
) -> tuple[Floats, dict[tuple[str, int], str], bool]:
    """The matrix and the reasons; and whether so little is left after centring that few of its digits are known.

    Distances are always taken in float64: rows of one cluster are close beside the distance of two.
    """
    reasons: dict[tuple[str, int], str] = {}
    views: dict[str, list[View]] = {}
    n_layers = sum(map(len, sides.values()))
    rbf = how.kernel == "rbf"
    by_median = rbf or (precise and len(sides["x"][0]) <= _MOST_BY_MEDIAN)
    arrays = arrays_for(_multiplications([matrix.shape for side in sides.values() for matrix in side]))
    for side, matrices in sides.items():
        kept = []
        for index, matrix in enumerate(matrices):
            reason = why_undefined(matrix, min_rows=4 if how.debiased else 2, step=steps["xy".index(side)])
            one = None
            if not reason:
                whole = view(matrix, n_layers=n_layers, precise=precise or rbf, by_median=by_median, arrays=arrays)
                one = _with_kernel(whole, how, report)
            if one is None:
                reasons[side, index] = reason or "the median distance is 0: most rows are identical"
            else:
                kept.append(one)
        views[side] = kept
    out = np.full((len(sides["x"]), len(sides.get("y", sides["x"]))), np.nan)
    lost = False
    if all(views.values()):
        moments = gram_moments(views["x"], views.get("y"), report, _STAGE, by_tiles=by_median)
        ok_x, ok_y = (_defined(reasons, side, n) for side, n in zip((list(sides) * 2)[:2], out.shape, strict=True))
        noise = [np.array([one.noise for one in views[side]]) for side in (list(views) * 2)[:2]]
        few = max(_FEW_DIGITS[np.dtype(one.dtype).itemsize] for side in views.values() for one in side)
        out[np.ix_(ok_x, ok_y)], lost = _alignment(moments, noise[0], noise[1], how.debiased, few)
    if "y" not in sides:
        out = (out + out.T) / 2
    return out, reasons, lost


def _multiplications(shapes: Sequence[tuple[int, int]]) -> float:
    """Of the Gram matrices, or of the covariances of every layer with every other, whichever are fewer."""
    n_rows, width = shapes[0][0], sum(n_dims for _, n_dims in shapes)
    return float(n_rows) * width * min(n_rows, width) / 2


def _with_kernel(one: View, how: Comparison, report: Report) -> View | None:
    if how.kernel == "linear":
        return one
    key = key_of(np.asarray(one.x), one.mean, str(one.dtype))
    median = _MEDIANS.get(key, lambda: median_squared_distance(one, report, _STAGE))
    if median == 0:
        return None
    width = 1.0 / (2.0 * how.bandwidth**2 * median)
    return dataclasses.replace(one, width=width, shifted=how.bandwidth >= 1.0)


_MEDIANS = Kept[float](
    8 * 512, lambda _: 8
)  # of the latest layers: over a series one side's are the same at every step


def _defined(reasons: dict[tuple[str, int], str], side: str, count: int) -> list[int]:
    return [index for index in range(count) if (side, index) not in reasons]


def _alignment(m: GramMoments, noise_x: Floats, noise_y: Floats, debiased: bool, few: float) -> tuple[Floats, bool]:
    """CKA from the Gram moments, NaN where a kernel has nothing left after centring but rounding.

    Also whether less than the share ``few`` is left of a kernel, so that it wants more digits.
    """
    hsic = _debiased_hsic if debiased else _biased_hsic
    cross = hsic(m.cross, m.sums_x[:, None], m.sums_y[None], m.diagonal_x[:, None], m.diagonal_y[None])
    own_x = hsic(m.own_x, m.sums_x, m.sums_x, m.diagonal_x, m.diagonal_x)
    own_y = hsic(m.own_y, m.sums_y, m.sums_y, m.diagonal_y, m.diagonal_y)
    lost = bool((own_x < few * m.own_x).any() or (own_y < few * m.own_y).any())
    own_x = np.where(own_x > _least(noise_x) * m.own_x, own_x, np.nan)
    own_y = np.where(own_y > _least(noise_y) * m.own_y, own_y, np.nan)
    out: Floats = cross / np.sqrt(own_x[:, None] * own_y[None])
    return np.clip(out, -1.0, 1.0), lost


def _least(noise: Floats) -> Floats:
    """Share of a kernel's energy up to which what is left of it after centring is rounding."""
    return np.maximum(_NOTHING_LEFT, (_NOISE * noise) ** 2)


def _dot(a: Floats, b: Floats) -> Floats:
    """Inner products over the last axis, for (L, n) with (L, n) or (L, 1, n) with (1, M, n)."""
    out: Floats = a[:, 0] @ b[0].T if a.ndim == 3 else np.einsum("ln,ln->l", a, b)
    return out


def _debiased_hsic(off: Floats, sums_x: Floats, sums_y: Floats, _dx: Floats, _dy: Floats) -> Floats:
    """n(n - 3) times the U-statistic of HSIC (Song et al. 2007), from sums over i != j."""
    n = sums_x.shape[-1]
    total = sums_x.sum(axis=-1) * sums_y.sum(axis=-1)
    out: Floats = off + total / ((n - 1) * (n - 2)) - 2.0 / (n - 2) * _dot(sums_x, sums_y)
    return out


def _biased_hsic(off: Floats, sums_x: Floats, sums_y: Floats, dx: Floats, dy: Floats) -> Floats:
    """tr(K H L H), from sums over i != j and the diagonals."""
    n = sums_x.shape[-1]
    full_x, full_y = sums_x + dx, sums_y + dy
    total = full_x.sum(axis=-1) * full_y.sum(axis=-1)
    out: Floats = off + _dot(dx, dy) - 2.0 / n * _dot(full_x, full_y) + total / n**2
    return out


def chance_level(n_rows: int, dims_x: int, dims_y: int, *, kernel: str = "linear", bandwidth: float = 0.5) -> float:
    """Biased CKA of two independent isotropic Gaussian samples, in [0, 1].

    With a = 1 for the linear kernel it is the geometric mean of 1 / (1 + a^2 n / d) over the two sides. For the rbf
    kernel a = k / (2 b^2 (1 - k)) with k = exp(-1 / (2 b^2)) and b the bandwidth: in many dimensions all distances are
    near the median, so the kernel is k plus a linear part of that slope, beside the ones on its diagonal. A narrow
    kernel is all diagonal, and its chance level is 1.
    """
    slope = 1.0
    if kernel == "rbf":
        exponent = 1.0 / (2.0 * bandwidth**2)
        slope = exponent / np.expm1(exponent) if exponent < 700 else 0.0
    return float(np.prod([1.0 + slope**2 * n_rows / dims for dims in (dims_x, dims_y)]) ** -0.5)
