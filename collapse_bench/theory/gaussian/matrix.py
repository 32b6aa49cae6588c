r"""The Gaussian loop in d dimensions: covariances of generation n from Wishart matrices.

S_n = S_{n-1}^(1/2) W_n S_{n-1}^(1/2) / (M - ddof) with independent W_n ~ Wishart(k, I), k = M - 1;
the means walk as on one axis, so :func:`expected_variance` and :func:`expected_mean_square` hold
for tr S_n and |mean_n - m|^2 in units of tr S_0. Index convention, units and sources: the
package's docstring.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import polygamma

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory._domain import not_negative, positive, schedule, unbiased, whole
from collapse_bench.theory._numerics import digamma_gap, log_falling, power, running
from collapse_bench.theory.gaussian.line import expected_squared_variance

__all__ = [
    "expected_squared_traces",
    "largest_rank",
    "log_det_drift",
    "log_det_noise",
    "lyapunov_exponents",
    "noisy_lower_bound",
    "symmetric_ratio",
]

# One number a dimension is summed: 100,000 of them take a millisecond.
MOST_DIMENSIONS = 100_000
# Rounding allowed below the least purity.
SLACK = 1e-12


def largest_rank(size: ArrayLike, d: ArrayLike) -> NDArray[np.float64]:
    """Return min(d, M - 1), the rank of every covariance from step 1 on.

    M centered draws span M - 1 directions: when M <= d the loop loses dimensions at once.
    """
    return np.minimum(whole("d", d, least=1), whole("size", size, least=2) - 1)[()]


def log_det_drift(size: ArrayLike, d: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    r"""Return the expected change of log det S in one generation; -inf for d >= M.

    det W is a product of independent chi-squared(k - j), j = 0..d-1 [3], so it is
    :math:`\sum_j \psi((k-j)/2) - d \log(k/2)`; maximum likelihood adds :math:`d \log(k/M)`.
    ``d`` is an integer from 1 to 100,000; 1 gives :func:`log_variance_drift`.
    """
    size, d = whole("size", size, least=2), _dimensions(d)
    drift = _sum(_axis_drifts, size, d)
    return np.asarray(drift if unbiased(ddof) else drift + d * np.log1p(-1 / size))[()]


def log_det_noise(size: ArrayLike, d: ArrayLike) -> NDArray[np.float64]:
    r"""Return the variance of that change, :math:`\sum_{j<d} \psi'((k-j)/2)`; inf for d >= M.

    The chi-squared factors are independent [3], and so are the steps.
    """
    return _sum(_axis_noises, whole("size", size, least=2), _dimensions(d))[()]


def symmetric_ratio(
    size: ArrayLike, steps: ArrayLike, order: ArrayLike, ddof: int = 1
) -> NDArray[np.float64]:
    r"""Return :math:`E e_j(S_n) / e_j(S_0)`, e_j the elementary symmetric function of eigenvalues.

    :math:`[\prod_{i<j}(1 - i/k)]^n` if unbiased, :math:`[\prod_{i<=j}(1 - i/M)]^n` under maximum
    likelihood: e_j sums the principal minors of order j, and a minor's determinant is that of a
    Wishart [3]. Order 1 is the trace, d the determinant. The same numbers as the discrete loop's
    :func:`categorical.eigenvalue`; higher orders vanish first, so the covariance tends to rank
    one. Holds for every d >= j; ``order`` is an integer >= 0. The link is derived for this
    project.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    order = whole("order", order, least=0)
    if unbiased(ddof):
        return power(steps, log_falling(size - 1, order))[()]
    return power(steps, log_falling(size, np.where(order > 0, order + 1, 0)))[()]


def expected_squared_traces(
    purity: ArrayLike, size: ArrayLike, steps: ArrayLike, ddof: int = 1
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    r"""Return :math:`E\,tr(S_n^2)` and :math:`E(tr S_n)^2`, both in units of :math:`(tr S_0)^2`.

    One step sends (x, y) to ((1 + 1/k) x + y/k, 2x/k + y) [3]. So 2x + y grows by 1 + 2/k and
    y - x, twice e_2, falls by 1 - 1/k a step: E tr S^2 catches up with E (tr S)^2, one
    direction is left. Derived for this project.

    Parameters
    ----------
    purity
        tr(S_0^2) / (tr S_0)^2 in (0, 1]: 1/d for a sphere, 1 for a line.
    size, steps, ddof
        As everywhere.
    """
    x = positive("purity", purity)
    if np.any(x > 1):
        raise InvalidArgument(f"purity must be at most 1; got purity={purity!r}")
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    both = expected_squared_variance(size, steps, ddof) * (2 * x + 1)
    rest = symmetric_ratio(size, steps, 2, ddof) * (1 - x)
    return np.asarray((both - rest) / 3)[()], np.asarray((both + 2 * rest) / 3)[()]


def lyapunov_exponents(size: ArrayLike, d: int, ddof: int = 1) -> NDArray[np.float64]:
    r"""Return the d rates at which log-eigenvalues of S_n fall, the slowest first.

    :math:`\psi((k-j+1)/2) - \log(k/2)` for j = 1..d [4]; -inf from j = M on. Their sum is
    :func:`log_det_drift` and they fan out by about 1/k each: the condition number of S_n grows
    like exp(n (d - 1) / k). Limits of log-eigenvalues over n, not finite-n means.

    Parameters
    ----------
    size, ddof
        As everywhere.
    d
        One integer from 1 to 100,000.

    Returns
    -------
    array : shape (..., d)
    """
    size, dimensions = whole("size", size, least=2), _dimensions(d)
    if dimensions.ndim:
        raise InvalidArgument(f"d must be one integer; got d={d!r}")
    rates = _axis_drifts(size[..., None], np.arange(int(dimensions)))
    return rates if unbiased(ddof) else rates + np.log1p(-1 / size[..., None])


def noisy_lower_bound(sizes: ArrayLike, noise: ArrayLike = 0.0) -> NDArray[np.float64]:
    r"""Return a lower bound on :math:`E W_2^2 / tr S_0` of a loop that only approximates the fit.

    Step t draws M_t = ``sizes[t - 1]`` samples; its mean is theirs plus an error eps_t, its
    covariance any estimate with E S_t = S_{t-1}. If eps_t depends on the data alone, has mean 0
    and is uncorrelated with the samples' mean, given the generation before, then the squared
    distance of the means has the expectation :math:`\sum_t 1/M_t + E|eps_t|^2 / tr S_0`, and
    W_2^2 is no less [1, supplement 3.1]. In any dimension.

    Parameters
    ----------
    sizes : shape (..., T)
        M_1..M_T, integers >= 2.
    noise
        :math:`E|eps_t|^2` in units of tr S_0, >= 0; broadcast against ``sizes``.

    Returns
    -------
    array : shape (..., T+1)
        The bound for n = 0..T: 0 first.
    """
    return running(1 / schedule(sizes) + not_negative("noise", noise))


def _dimensions(d: ArrayLike) -> NDArray[np.float64]:
    dimensions = whole("d", d, least=1)
    if np.any(dimensions > MOST_DIMENSIONS):
        raise InvalidArgument(f"d must be at most {MOST_DIMENSIONS}; got d={d!r}")
    return dimensions


def _axis_drifts(size: NDArray[np.float64], j: NDArray[np.int64]) -> NDArray[np.float64]:
    """Return psi((k - j)/2) - log(k/2), -inf from j = k on."""
    k = size - 1
    left = np.maximum(k - j, 1)
    with np.errstate(divide="ignore"):
        return digamma_gap(left / 2) + np.where(j < k, np.log1p(-np.minimum(j / k, 1)), -np.inf)


def _axis_noises(size: NDArray[np.float64], j: NDArray[np.int64]) -> NDArray[np.float64]:
    left = size - 1 - j
    return np.asarray(np.where(left > 0, polygamma(1, np.maximum(left, 1) / 2), np.inf))


def _sum(
    term: Callable[[NDArray[np.float64], NDArray[np.int64]], NDArray[np.float64]],
    size: NDArray[np.float64],
    d: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the sum of ``term(size, j)`` over j < d."""
    size, d = np.broadcast_arrays(size, d)
    answer = np.empty(size.shape)
    for place in np.ndindex(size.shape):
        answer[place] = term(size[place], np.arange(int(d[place]))).sum()
    return answer
