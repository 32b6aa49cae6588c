"""Loops that forget nothing: all data so far, a subsample of them, one draw at a time.

Conventions and sources: the package's docstring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import zeta

from collapse_bench.theory._domain import whole

__all__ = [
    "accumulate_limit",
    "accumulate_mean_square",
    "accumulate_ratio",
    "polya_limit",
    "polya_ratio",
    "subsample_limit",
    "subsample_ratio",
]

# Terms of a power series in 1/size <= 1/2 that are left out are below 2**-60.
TERMS = 60
# Steps of a product that are multiplied out; the rest is an integral, by Gauss-Legendre in 1/t,
# where the integrand is smooth.
TAKEN, NODES = 2_000, 8


def accumulate_ratio(size: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return E D_n / D_0 when generation n is fitted to the pool of all n batches so far.

    Batch t is M draws from generation t - 1, a share 1/t of the pool: two draws from the pool meet
    in one new draw with chance 1/(M t^2), so the ratio is :math:`\prod_{t<=n} (1 - 1/(M t^2))`.
    Evaluated as its limit over the tail, whose logarithm is
    :math:`-\sum_j \zeta(2j, n+1)/(j M^j)`. That it stays bounded is [2].
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    j = np.arange(1, TERMS + 1)
    with np.errstate(over="ignore", under="ignore"):
        terms = zeta(2.0 * j, steps[..., None] + 1) / (j * size[..., None] ** j)
    return np.asarray(np.sinc(1 / np.sqrt(size)) * np.exp(terms.sum(axis=-1)))[()]


def accumulate_limit(size: ArrayLike) -> NDArray[np.float64]:
    r"""Return the limit of :func:`accumulate_ratio`: :math:`\sin(x)/x`, :math:`x = \pi/\sqrt M`.

    Euler's product for the sine; 1 - pi^2/(6M) to first order, the constant of [3].
    """
    return np.asarray(np.sinc(1 / np.sqrt(whole("size", size, least=2))))[()]


def accumulate_mean_square(size: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return Var mean_n / s^2 of the pooled Gaussian loop whose variance s^2 is known.

    Batch t moves the mean by 1/t of a N(0, s^2/M): :math:`M^{-1} \sum_{t<=n} 1/t^2`, towards
    pi^2/(6M) [2, 3]. With the variance fitted by maximum likelihood it is one less
    :func:`accumulate_ratio`.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    return np.asarray((zeta(2.0, 1.0) - zeta(2.0, steps + 1)) / size)[()]


def polya_ratio(size: ArrayLike, draws: ArrayLike) -> NDArray[np.float64]:
    r"""Return E D / D_pool of a pool of N = ``size`` rows after ``draws`` single draws from itself.

    Each draw is added before the next one: Polya's urn [8]. The i-th is a share 1/(N+i), so
    :math:`\prod_{i<=n} (1 - 1/(N+i)^2) = 1 - n / [(N+1)(N+n)]`.

    Parameters
    ----------
    size
        N, an integer >= 2.
    draws
        n, an integer >= 0.
    """
    size, draws = whole("size", size, least=2), whole("draws", draws, least=0)
    return np.asarray(1 - draws / ((size + 1) * (size + draws)))[()]


def polya_limit(size: ArrayLike) -> NDArray[np.float64]:
    """Return the limit of :func:`polya_ratio`, N/(N + 1).

    The urn tends to Dirichlet(counts) [8], so a state's share q of the pool ends with the
    variance q (1 - q) / (N + 1).
    """
    size = whole("size", size, least=2)
    return np.asarray(size / (size + 1))[()]


def subsample_ratio(size: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return E D_n / D_0 when generation n is fitted to M rows of the pool of all n batches.

    The rows are taken without replacement: with N = nM rows and v = (N - M) / (M (N - 1)) they
    keep 1 - v of the pool's diversity, their M draws 1 - 1/M of that, and the pool becomes
    :math:`D' = D [1 - (v + (1-v)/M) / (n+1)^2]`; at n = 1 the pool is the fit's own batch. The
    regime is that of [5]. The first 2,000 factors are multiplied out and the rest integrated, to
    1e-15.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    pool = np.exp(_log_pool(size, np.maximum(steps - 1, 0)))
    with np.errstate(invalid="ignore"):
        taken = (steps - 1) / (steps * size - 1)
    kept = (1 - 1 / size) * pool * (1 - np.where(steps > 0, taken, 0.0))
    return np.asarray(np.where(steps == 0, 1.0, kept))[()]


def subsample_limit(size: ArrayLike) -> NDArray[np.float64]:
    """Return the limit of :func:`subsample_ratio`: 1 - (pi^2/2 - 2)/M to first order in 1/M.

    The infinite product itself, so exact at small sizes too.
    """
    size = whole("size", size, least=2)
    pool = np.exp(_log_pool(size, np.full(size.shape, np.inf)))
    return np.asarray((1 - 1 / size) ** 2 * pool)[()]


def _log_pool(size: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum over t = 1..n of the logarithm of the pool's factor from tM rows on."""
    size, n = np.broadcast_arrays(size, n)
    last = int(min(n.max(initial=0), TAKEN))
    t = np.arange(1.0, last + 1)
    sums = np.where(t <= n[..., None], _log_factor(size[..., None], t), 0.0).sum(axis=-1)
    # midpoint rule of Euler and Maclaurin: integral - [g'] / 24, from TAKEN + 1/2 to n + 1/2
    low, high = 1 / (np.maximum(n, TAKEN) + 0.5), np.full(n.shape, 1 / (TAKEN + 0.5))
    x, weight = np.polynomial.legendre.leggauss(NODES)
    u = (low + high)[..., None] / 2 + (high - low)[..., None] / 2 * x
    rest = (_log_factor(size[..., None], 1 / u) / u**2 * weight).sum(-1) * (high - low) / 2
    return np.asarray(sums + rest + (_slope(size, high) - _slope(size, low)) / 24)


def _log_factor(size: NDArray[np.float64], t: NDArray[np.float64]) -> NDArray[np.float64]:
    # v + (1 - v)/M with N = tM, over one denominator: nothing cancels
    noise = (t * (2 * size - 1) - size) / (size * (t * size - 1))
    return np.log1p(-noise / (t + 1) ** 2)


def _slope(size: NDArray[np.float64], u: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the derivative of the logarithm of the factor at t = 1/u, to 1e-6; 0 at u = 0."""
    t = 1 / np.where(u > 0, u, 1 / TAKEN)
    return np.where(u > 0, _log_factor(size, t + 0.5) - _log_factor(size, t - 0.5), 0.0)
