r"""Wasserstein distances that are known: Gaussian laws, point masses, and samples of one law.

W_p is the p-th order distance for the Euclidean norm. The distance between two samples of one law
is never 0: its mean, the *null*, falls with the ``size`` n and is what a measured distance is to be
compared with. Every function raises ``InvalidArgument`` outside its ranges; exact unless said.

References
----------
.. [1] M. Gelbrich, "On a formula for the L2 Wasserstein metric between measures on Euclidean and
   Hilbert spaces", Math. Nachr. 147 (1990), 185-203.
.. [2] S. Bobkov and M. Ledoux, "One-dimensional empirical measures, order statistics, and
   Kantorovich transport distances", Memoirs of the AMS 261 (2019).
.. [3] N. Fournier and A. Guillin, "On the rate of convergence in Wasserstein distance of the
   empirical measure", Probab. Theory Relat. Fields 162 (2015), 707-738.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaln, xlog1py, xlogy

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory._domain import finite, law, positive, whole
from collapse_bench.theory._matrices import covariance as checked

__all__ = [
    "NORMAL_SPREAD",
    "UNIFORM_SPREAD",
    "cdf_spread",
    "gaussian_w2_squared",
    "null_rate",
    "null_w1",
    "null_w1_limit",
    "optimal_map",
    "uniform_null_w2_squared",
]

# The integral of sqrt(F (1 - F)) for the uniform law on (0, 1), and for N(0, 1) by quadrature.
UNIFORM_SPREAD = np.pi / 8
NORMAL_SPREAD = 1.6147438534296695
# Smallest variance, as a share of the largest, along which a map is still well defined.
RANK_TOLERANCE = 1e-12


def gaussian_w2_squared(
    mean: ArrayLike, covariance: ArrayLike, other_mean: ArrayLike, other_covariance: ArrayLike
) -> NDArray[np.float64]:
    r"""Return W_2^2 of two Gaussian laws, also known as the squared Bures or Frechet distance.

    :math:`|m-m'|^2 + tr(S + S' - 2(S^{1/2}S'S^{1/2})^{1/2})`.

    For any two laws with these moments it is a lower bound (Gelbrich [1]), reached if an affine map
    with a positive semi-definite matrix takes one to the other: :func:`optimal_map`. With S' = 0
    and equal means it is tr S, the distance to a point mass at the mean: the ceiling of a collapse
    that doesn't move the mean.

    Parameters
    ----------
    mean, other_mean : shape (..., d)
    covariance, other_covariance : shape (..., d, d)
        Positive semi-definite. Accurate to about 1e-8 of their traces where both are singular,
        1e-12 where not.
    """
    shift, ours, theirs = _moments(mean, covariance, other_mean, other_covariance)
    trace = np.trace(ours, axis1=-2, axis2=-1) + np.trace(theirs, axis1=-2, axis2=-1)
    # tr (S^1/2 S' S^1/2)^1/2 is the sum of the singular values of S^1/2 S'^1/2
    overlap = np.linalg.svd(_root(ours) @ _root(theirs), compute_uv=False).sum(axis=-1)
    return np.asarray((shift**2).sum(axis=-1) + np.maximum(trace - 2 * overlap, 0))[()]


def optimal_map(covariance: ArrayLike, other_covariance: ArrayLike) -> NDArray[np.float64]:
    r"""Return the matrix A of the optimal map x -> m' + A(x - m) from N(m, S) to N(m', S').

    :math:`A = S^{-1/2}(S^{1/2}S'S^{1/2})^{1/2}S^{-1/2}`, symmetric, so the gradient of a convex
    function: optimal for *every* law it is applied to (Brenier), samples too. A sample and its
    image are therefore at the W_2^2 of :func:`gaussian_w2_squared` of their own moments, exactly.

    Parameters
    ----------
    covariance, other_covariance : shape (..., d, d)
        S positive definite, S' positive semi-definite.
    """
    zero = np.zeros(np.asarray(covariance).shape[-1:])
    _, ours, theirs = _moments(zero, covariance, zero, other_covariance)
    values = np.linalg.eigvalsh(ours)
    if np.any(values[..., 0] <= RANK_TOLERANCE * values[..., -1]):
        raise InvalidArgument(
            "covariance must be positive definite; got smallest and largest eigenvalues "
            f"{values[..., 0].min():g} and {values[..., -1].max():g}"
        )
    root = _root(ours)
    back = np.linalg.inv(root)
    matrix = back @ _root(root @ theirs @ root) @ back
    return np.asarray((matrix + matrix.swapaxes(-1, -2)) / 2)


def uniform_null_w2_squared(size: ArrayLike, two_samples: bool = True) -> NDArray[np.float64]:
    r"""Return E W_2^2 of n draws from the uniform law on (0, 1), and n others or the law itself.

    Two samples: the j-th smallest of each are paired and independent, so it is twice their mean
    variance, :math:`\frac{2}{n}\sum_j \frac{j(n+1-j)}{(n+1)^2(n+2)} = 1/(3(n+1))`. A sample and
    the law: 1/(6n). Not half of the other: the law has no steps. Width w: times w^2. Known, cf.
    [2].
    """
    size = whole("size", size, least=1)
    if not isinstance(two_samples, bool):
        raise InvalidArgument(f"two_samples must be True or False; got two_samples={two_samples!r}")
    return np.asarray(1 / (3 * (size + 1)) if two_samples else 1 / (6 * size))[()]


def null_w1_limit(
    spread: ArrayLike, size: ArrayLike, other_size: ArrayLike | None = None
) -> NDArray[np.float64]:
    r"""Return E W_1 of two large samples of one law on the line: :math:`\sqrt{2/\pi} c_{nm} J`.

    :math:`c_{nm} = \sqrt{1/n + 1/m}`, J = ``spread`` = :math:`\int \sqrt{F(1-F)}`:
    :math:`W_1 = \int |F_n - G_m|`, asymptotically normal at each point. n = m:
    :math:`(2/\sqrt\pi) J/\sqrt n` [2]; a sample against the law itself: that over sqrt 2. Without
    sqrt(2/pi) it is an upper bound at every n (Jensen). At n = m it is too large by a relative
    3/(8n) at most for the uniform law, and 0.62/sqrt(n) for the normal one (n from 1 to 1,000);
    :func:`null_w1` is exact.

    Parameters
    ----------
    spread
        J, > 0: :data:`UNIFORM_SPREAD`, :data:`NORMAL_SPREAD` times the standard deviation, or
        :func:`cdf_spread`. Finite if E|X|^(2+e) is.
    size, other_size
        n and m, integers >= 1; m is n if None.
    """
    spread, size = positive("spread", spread), whole("size", size, least=1)
    other = size if other_size is None else whole("other_size", other_size, least=1)
    return np.asarray(spread * np.sqrt(2 / np.pi * (1 / size + 1 / other)))[()]


def cdf_spread(points: ArrayLike, weights: ArrayLike | None = None) -> float:
    r"""Return :math:`\int \sqrt{F(1-F)}` of a law on finitely many points, such as a sample's.

    Parameters
    ----------
    points : shape (K,)
        In any order.
    weights : shape (K,)
        Sum to 1; equal if None.
    """
    gaps, below = _steps(points, weights)
    return float(gaps @ np.sqrt(below * (1 - below)))


def null_w1(
    points: ArrayLike,
    size: int,
    other_size: int | None = None,
    weights: ArrayLike | None = None,
) -> float:
    r"""Return E W_1 of two samples, of n and m draws, of a law on finitely many points; exact.

    :math:`\sum (x_{j+1}-x_j)\, E|B_n(F_j)/n - B_m(F_j)/m|` with independent binomials: W_1 is the
    area between the distribution functions.

    Parameters
    ----------
    points, weights : shape (K,)
        As in :func:`cdf_spread`.
    size, other_size
        n and m, integers >= 1; m is n if None. Takes K (n + m) numbers.
    """
    gaps, below = _steps(points, weights)
    n = _one("size", size)
    m = n if other_size is None else _one("other_size", other_size)
    # E|X - Y| is twice E max(Y - X, 0), as the means are equal: the integral of F_X (1 - F_Y)
    grid = np.unique(np.concatenate([np.arange(n + 1) / n, np.arange(m + 1) / m]))  # (G,)
    first, second = (_binomial_cdf(below, k, grid) for k in (n, m))  # (K-1, G)
    between = (first * (1 - second))[:, :-1]
    return float(2 * gaps @ (between @ np.diff(grid)))


def null_rate(dimension: ArrayLike, *, sliced: bool = False) -> NDArray[np.float64]:
    r"""Return the exponent r of the null E W_1 ~ n^r: -1/max(2, d), or -1/2 if ``sliced`` [3].

    In d = 2 there is a factor sqrt(log n) besides. For laws with a density and enough moments. A
    distance in many dimensions hardly falls with n; its mean over lines falls as on the line.
    """
    dimension = whole("dimension", dimension, least=1)
    if not isinstance(sliced, bool):
        raise InvalidArgument(f"sliced must be True or False; got sliced={sliced!r}")
    return np.asarray(-1 / np.maximum(2, np.ones_like(dimension) if sliced else dimension))[()]


def _moments(
    mean: ArrayLike, covariance: ArrayLike, other_mean: ArrayLike, other_covariance: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    m, n = finite("mean", mean), finite("other_mean", other_mean)
    ours = checked("covariance", covariance)
    theirs = checked("other_covariance", other_covariance)
    shapes = {m.shape[-1:], n.shape[-1:], ours.shape[-1:], theirs.shape[-1:]}
    if len(shapes) != 1 or m.ndim == 0:
        raise InvalidArgument(
            "means and covariances must have one d; got shapes "
            f"{m.shape}, {ours.shape}, {n.shape}, {theirs.shape}"
        )
    return m - n, ours, theirs


def _root(matrix: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the symmetric square root, (..., d, d)."""
    values, vectors = np.linalg.eigh(matrix)
    scaled = vectors * np.sqrt(np.maximum(values, 0))[..., None, :]
    return np.asarray(scaled @ vectors.swapaxes(-1, -2))


def _steps(
    points: ArrayLike, weights: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the gaps between sorted points and the distribution function on each."""
    x = finite("points", points)
    w = np.full(x.shape, 1 / max(x.size, 1)) if weights is None else law("weights", weights)
    if x.ndim != 1 or x.size == 0 or w.shape != x.shape:
        raise InvalidArgument(
            f"points and weights must have shape (K,), K >= 1; got {x.shape} and {w.shape}"
        )
    order = np.argsort(x)
    return np.diff(x[order]), np.clip(np.cumsum(w[order])[:-1], 0, 1)


def _one(name: str, value: int) -> int:
    count = whole(name, value, least=1)
    if count.ndim:
        raise InvalidArgument(f"{name} must be one integer; got {name}={value!r}")
    return int(count)


def _binomial_cdf(
    p: NDArray[np.float64], size: int, grid: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return P(Binomial(size, p)/size <= g) for each p and g of the grid."""
    p = p[:, None]
    k = np.arange(size + 1)
    ways = gammaln(size + 1) - gammaln(k + 1) - gammaln(size - k + 1)
    sums = np.cumsum(np.exp(ways + xlogy(k, p) + xlog1py(size - k, -p)), axis=-1)
    return np.asarray((sums / sums[:, -1:])[:, np.searchsorted(k / size, grid, side="right") - 1])
