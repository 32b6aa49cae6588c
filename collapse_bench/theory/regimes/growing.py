"""Replacement with sizes that vary: what is left, and the Gaussian loop's distance.

Conventions and sources: the package's docstring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import digamma, zeta

from collapse_bench.theory._domain import schedule, unbiased, whole
from collapse_bench.theory._numerics import running
from collapse_bench.theory.gaussian import log_scale_factor

__all__ = ["growing_ratio", "growing_w2_squared", "linear_growth_ratio"]

# Terms of a power series in 1/size <= 1/2 that are left out are below 2**-60.
TERMS = 60


def growing_ratio(sizes: ArrayLike) -> NDArray[np.float64]:
    r"""Return E D_n / D_0 under replacement for n = 0..T, step n of ``sizes[n - 1]`` draws.

    :math:`\prod_{t<=n} (1 - 1/M_t)`: it stays above 0 for ever exactly if sum 1/M_t converges [4];
    M_t = ct falls as n^(-1/c), and M_t = M t^2 is :func:`accumulate_ratio` of M.

    Parameters
    ----------
    sizes : shape (..., T)
        M_1..M_T, integers >= 2.

    Returns
    -------
    array : shape (..., T+1)
        1 first.
    """
    return np.exp(running(np.log1p(-1 / schedule(sizes))))


def linear_growth_ratio(size: ArrayLike, steps: ArrayLike) -> NDArray[np.float64]:
    r"""Return :func:`growing_ratio` at n = ``steps`` for M_t = t ``size``.

    With c = ``size``, :math:`\prod_{t<=n} (1 - 1/(ct)) = \Gamma(n+1-1/c) / [\Gamma(n+1)
    \Gamma(1-1/c)]`, which falls as :math:`n^{-1/c} / \Gamma(1-1/c)`: linear growth is too slow to
    stop collapse, any power of t above 1 is enough. Evaluated as the power series of its
    logarithm in 1/c, whose coefficients are sums of t^-j.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    j = np.arange(2, TERMS + 1)
    with np.errstate(over="ignore", under="ignore"):
        sums = zeta(j * 1.0) - zeta(j * 1.0, steps[..., None] + 1)  # of 1/t^j over t <= n
        terms = sums / (j * size[..., None] ** j)
    first = (digamma(steps + 1) + np.euler_gamma) / size
    return np.asarray(np.exp(-first - terms.sum(axis=-1)))[()]


def growing_w2_squared(sizes: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    r"""Return E W_2^2 / s_0^2 of the Gaussian loop for n = 0..T, step n of ``sizes[n - 1]`` draws.

    The sizes vary, the argument of :func:`gaussian.expected_w2_squared` does not: unbiased,
    :math:`\sum_t 1/M_t + 2(1 - \prod_t c_4(M_t))`, finite for ever exactly if sum 1/M_t
    converges (supplement 3.1.1 of [1]); its leading term is :math:`(3/2) \sum_t 1/M_t`.
    Shapes as in :func:`growing_ratio`.
    """
    draws = schedule(sizes)
    shrunk = -2 * np.expm1(running(log_scale_factor(draws, ddof)))
    return shrunk + running(1 / draws) if unbiased(ddof) else shrunk
