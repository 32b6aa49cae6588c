"""One axis of the Gaussian loop: variance, mean, and the distance of the two from the truth.

Index convention, units and sources: the package's docstring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammaincinv, polygamma

from collapse_bench.theory._domain import times, unbiased, whole
from collapse_bench.theory._numerics import digamma_gap, half_gamma_gap, power

__all__ = [
    "ensemble_variance",
    "expected_mean_square",
    "expected_scale",
    "expected_squared_variance",
    "expected_variance",
    "expected_w2_squared",
    "half_life",
    "log_scale_factor",
    "log_variance_drift",
    "log_variance_noise",
    "median_log_variance",
    "w2_movement_bound",
]


def log_variance_drift(size: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    r"""Return the expected change of log s^2 in one generation, a negative number.

    :math:`E \log(C/k) = \psi(k/2) - \log(k/2)`, between -2/k and -1/k; maximum likelihood adds
    :math:`\log(k/M)`. By the law of large numbers log s_n^2 falls at this rate on almost every
    path: the second half of Theorem 3.1 of [1].
    """
    size = whole("size", size, least=2)
    drift = digamma_gap((size - 1) / 2)
    return np.asarray(drift if unbiased(ddof) else drift + np.log1p(-1 / size))[()]


def log_variance_noise(size: ArrayLike) -> NDArray[np.float64]:
    r"""Return the variance of that change, :math:`\psi'(k/2)`, about 2/k; for both ``ddof``.

    Steps are independent: the variance of log s_n^2 is n times this.
    """
    return np.asarray(polygamma(1, (whole("size", size, least=2) - 1) / 2))[()]


def median_log_variance(size: ArrayLike, steps: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    r"""Return the median of :math:`\log(s_n^2 / s_0^2)` over lineages.

    Exact for n <= 1 (the median of chi-squared). Beyond, the Cornish-Fisher expansion of a sum of
    n independent terms with cumulants :math:`\kappa_j = \psi^{(j-1)}(k/2)`, whose even orders
    vanish at the median: :math:`n\,drift - \kappa_3/(6\kappa_2)` and the term in 1/n. The error
    is below 0.3 / (n^2 M^3), measured against the inverted characteristic function.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    x = (size - 1) / 2
    drift = log_variance_drift(size, ddof)
    k2, k3, k4, k5 = (polygamma(order, x) for order in (1, 2, 3, 4))
    first = -k3 / (6 * k2)
    second = k5 / (40 * k2**2) - k3 * k4 / (12 * k2**3) + 17 * k3**3 / (324 * k2**4)
    many = steps * drift + first + second / np.maximum(steps, 1)
    offset = 0.0 if unbiased(ddof) else np.log1p(-1 / size)
    once = np.log(gammaincinv(x, 0.5) / x) + offset
    return np.asarray(np.where(steps == 0, 0.0, np.where(steps == 1, once, many)))[()]


def expected_variance(size: ArrayLike, steps: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    r"""Return :math:`E s_n^2 / s_0^2`: 1 if unbiased, else :math:`(1 - 1/M)^n`.

    Needs two moments only, so it also holds when the truth is not Gaussian.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    if unbiased(ddof):
        return np.ones(np.broadcast_shapes(size.shape, steps.shape))[()]
    return np.asarray(np.exp(times(steps, np.log1p(-1 / size))))[()]


def expected_mean_square(size: ArrayLike, steps: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    r"""Return :math:`E(mean_n - m)^2 / s_0^2`: n/M if unbiased, else :math:`1 - (1 - 1/M)^n`.

    The increments are orthogonal, each of variance :math:`E s_{i-1}^2 / M`. A draw from generation
    n has the variance :func:`expected_variance` plus this: 1 + n/M (supplement 3.1.1 of [1]), or
    1 for ever under maximum likelihood. Also holds when the truth is not Gaussian.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    if unbiased(ddof):
        return np.asarray(steps / size)[()]
    return np.asarray(-np.expm1(times(steps, np.log1p(-1 / size))))[()]


def log_scale_factor(size: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    r"""Return log c, where c = E s_n / s_{n-1}: the bias of the standard deviation.

    :math:`c = c_4(M) = \sqrt{2/k}\,\Gamma(M/2)/\Gamma(k/2)` if unbiased; maximum likelihood has
    :math:`c_4 \sqrt{1 - 1/M}`.
    """
    size = whole("size", size, least=2)
    log_c4 = half_gamma_gap((size - 1) / 2)
    return np.asarray(log_c4 if unbiased(ddof) else log_c4 + np.log1p(-1 / size) / 2)[()]


def expected_scale(size: ArrayLike, steps: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    """Return E s_n / s_0 = c^n, with the c of :func:`log_scale_factor`."""
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    return np.asarray(np.exp(times(steps, log_scale_factor(size, ddof))))[()]


def expected_w2_squared(size: ArrayLike, steps: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    r"""Return :math:`E W_2^2(N(mean_n, s_n^2), N(m, s_0^2)) / s_0^2`.

    In one dimension :math:`W_2^2 = (mean_n - m)^2 + (s_n - s_0)^2`, so with ``expected_scale``
    c^n it is :math:`n/M + 2(1 - c^n)` if unbiased, which grows without bound (Theorem 3.1 of [1]),
    and :math:`2(1 - c^n)` under maximum likelihood, which does not. For a truth that is not
    Gaussian the same distance between moments has c^(n-1) E s_1 in place of c^n.

    The unbiased mean rests on ever rarer lineages: to be seen within 10 % it takes about
    100 (exp(2n/M) - 1) of them.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    shrunk = -2 * np.expm1(times(steps, log_scale_factor(size, ddof)))
    return np.asarray(steps / size + shrunk if unbiased(ddof) else shrunk)[()]


def half_life(size: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    """Return the steps in which E log s^2 falls by log 2: log 2 over the drift, about 0.69 k.

    Exact for the expected logarithm, a straight line in n. The median variance runs parallel to
    that line, above it by :func:`median_log_variance` less n drift: about 1/(3k), and at most 0.57.
    """
    return np.asarray(np.log(2) / -log_variance_drift(size, ddof))[()]


def expected_squared_variance(
    size: ArrayLike, steps: ArrayLike, ddof: int = 1
) -> NDArray[np.float64]:
    r"""Return :math:`E s_n^4 / s_0^4`: :math:`(1 + 2/k)^n` if unbiased, else :math:`(1 - 1/M^2)^n`.

    :math:`E C^2 = k(k + 2)`. Unbiased, the variance has mean 1 and this second moment: its
    relative spread explodes while its median vanishes. Derived for this project.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    factor = np.log1p(2 / (size - 1)) if unbiased(ddof) else np.log1p(-1 / size / size)
    return power(steps, factor)[()]


def ensemble_variance(size: ArrayLike, steps: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    """Return the variance of one draw from generation n, over all lineages: 1 + n/M, or 1.

    :func:`expected_variance` plus :func:`expected_mean_square`: unbiased it grows (supplement
    3.1.1 of [1]), though the median lineage's variance vanishes; under maximum likelihood it is 1
    for ever. So the tails of *pooled* lineages are the wrong place to look for collapse.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    grown = steps / size if unbiased(ddof) else 0 * (steps / size)
    return np.asarray(1 + grown)[()]


def w2_movement_bound(size: ArrayLike, steps: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    r"""Return a bound on :math:`E|W_{2,m} - W_{2,n}| / s_0` for every later generation m >= n.

    A change of :math:`W_2` is at most that of the mean plus that of s, so at most
    :math:`\sum_{i>=n} E|mean_{i+1} - mean_i| + E s_m + E s_n`; with c = E s_n / s_{n-1} that is
    :math:`c^n [\sqrt{2/(\pi M)} / (1 - c) + 2]`. It vanishes: every path settles, at a random
    distance, although the expected square grows like n/M for ever. Derived for this project.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    log_c = log_scale_factor(size, ddof)
    reach = np.sqrt(2 / (np.pi * size)) / -np.expm1(log_c) + 2
    return np.asarray(power(steps, log_c) * reach)[()]
