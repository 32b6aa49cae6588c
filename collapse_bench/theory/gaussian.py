r"""The Gaussian loop under replacement: each generation is N(mean, variance) of the one before.

Generation n is fitted to M = ``size`` draws from generation n - 1; generation 0 is the truth,
N(m, s_0^2). With k = M - 1 and independent C_1, C_2, ... ~ chi-squared(k),

    s_n^2 = s_0^2 prod_{i<=n} C_i / (M - ddof),     mean_n - mean_{n-1} ~ N(0, s_{n-1}^2 / M),

and the two are independent given s_{n-1}. Everything below follows from these two lines, so it
holds for one axis; independent axes add up. ``steps`` is n, a non-negative integer; ``size`` is M,
an integer >= 2; ``ddof`` is 1 for the unbiased variance and 0 for maximum likelihood. Variances
and squared distances are in units of s_0^2, logarithms in nats. Arguments broadcast; numbers in,
a number out. Every function raises ``InvalidArgument`` outside these ranges. Formulas are exact,
to about 1e-12 relative for sizes up to 1e9, unless said.

References
----------
.. [1] I. Shumailov et al., "AI models collapse when trained on recursively generated data",
   Nature 631 (2024), 755-759, Theorem 3.1 and supplement 3.1.1.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, gammaincinv, gammaln, polygamma

from collapse_bench.theory._domain import times, unbiased, whole

__all__ = [
    "expected_mean_square",
    "expected_scale",
    "expected_variance",
    "expected_w2_squared",
    "log_scale_factor",
    "log_variance_drift",
    "log_variance_noise",
    "median_log_variance",
]

# From here on a difference of two logarithms would cancel: the asymptotic series takes over.
# Its first omitted term is below 1e-14 of the sum there.
SERIES_FROM = 20.0
# digamma(x) - log(x) = -1/(2x) + sum of these over x^2, x^4, ...: -B_2j / (2j).
DIGAMMA_SERIES = (-1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132)
# log[Gamma(x + 1/2) / (Gamma(x) sqrt(x))] = sum of these over x, x^3, x^5, ...
GAMMA_SERIES = (-1 / 8, 1 / 192, -1 / 640, 17 / 14336, -31 / 18432)


def log_variance_drift(size: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    r"""Return the expected change of log s^2 in one generation, a negative number.

    :math:`E \log(C/k) = \psi(k/2) - \log(k/2)`, between -2/k and -1/k; maximum likelihood adds
    :math:`\log(k/M)`. By the law of large numbers log s_n^2 falls at this rate on almost every
    path: the second half of Theorem 3.1 of [1].
    """
    size = whole("size", size, least=2)
    x = (size - 1) / 2
    with np.errstate(over="ignore"):
        series = -1 / (2 * x) + _series(DIGAMMA_SERIES, 1 / x**2) / x**2
    drift = np.where(x < SERIES_FROM, digamma(x) - np.log(x), series)
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
    x = (size - 1) / 2
    small = np.minimum(x, SERIES_FROM)
    direct = gammaln(small + 0.5) - gammaln(small) - np.log(small) / 2
    log_c4 = np.where(x < SERIES_FROM, direct, _series(GAMMA_SERIES, 1 / x**2) / x)
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


def _series(coefficients: tuple[float, ...], z: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros_like(z)
    for coefficient in reversed(coefficients):
        total = coefficient + z * total
    return total
