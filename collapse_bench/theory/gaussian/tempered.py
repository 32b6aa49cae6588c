r"""Gaussian loops whose sampling is bent: temperature, top-p, and a kernel for every draw.

Index convention, units and sources: the package's docstring.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainc, gammaincinv

from collapse_bench.theory._domain import fraction, not_negative, positive, times, unbiased, whole
from collapse_bench.theory._numerics import power
from collapse_bench.theory.gaussian.line import log_variance_drift

__all__ = [
    "critical_temperature",
    "kernel_density_variance",
    "relative_kernel_density_variance",
    "tempered_drift",
    "top_p_expected_variance",
    "top_p_variance_factor",
]


def tempered_drift(size: ArrayLike, temperature: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    """Return the expected change of log s^2 a generation when T times the variance is sampled.

    Temperature T > 0 raises the density to 1/T, so N(m, s^2) becomes N(m, T s^2): log T more
    than :func:`log_variance_drift`. The sampling bias of [5] is T. Derived for this project.
    """
    return np.asarray(
        np.log(positive("temperature", temperature)) + log_variance_drift(size, ddof)
    )[()]


def critical_temperature(size: ArrayLike, ddof: int = 1) -> NDArray[np.float64]:
    """Return the temperature at which log s^2 has no drift: exp(-drift), about 1 + 1/k.

    Below it the loop collapses on almost every path, above it blows up [6]; at it log s^2 is a
    random walk. Derived for this project.
    """
    return np.asarray(np.exp(-log_variance_drift(size, ddof)))[()]


def top_p_variance_factor(p: ArrayLike) -> NDArray[np.float64]:
    r"""Return the variance of the central mass ``p`` of a Gaussian, over its variance.

    :math:`r = 1 - 2 c \varphi(c) / p` with :math:`c = \Phi^{-1}((1 + p)/2)`, evaluated as
    P(chi-squared(3) <= c^2) / p: .623 at p = .9, 1 at 1, 0 (about pi p^2 / 6) towards 0. The
    nucleus of a Gaussian is this interval. Derived for this project.
    """
    p = fraction("p", p)
    inside = gammainc(1.5, gammaincinv(0.5, p))  # P(chi-squared(1) <= c^2) = p
    return np.asarray(inside / np.where(p > 0, p, 1.0))[()]


def top_p_expected_variance(
    p: ArrayLike, size: ArrayLike, steps: ArrayLike, ddof: int = 1
) -> NDArray[np.float64]:
    r"""Return :math:`E s_n^2 / s_0^2` when every draw is from the central mass ``p``.

    The training set is iid with variance r s^2, r of :func:`top_p_variance_factor`, so
    :math:`r^n` if unbiased and :math:`[r (1 - 1/M)]^n` under maximum likelihood, at every size.
    Derived for this project.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    with np.errstate(divide="ignore"):  # r = 0 at p = 0
        factor = np.log(top_p_variance_factor(p))
    return power(steps, factor if unbiased(ddof) else factor + np.log1p(-1 / size))[()]


def kernel_density_variance(
    size: ArrayLike, steps: ArrayLike, bandwidth: ArrayLike
) -> NDArray[np.float64]:
    r"""Return the expected variance of generation n of a kernel density estimate, over s_0^2.

    A generation is M draws of the one before, blurred by a kernel of standard deviation h =
    ``bandwidth`` >= 0 in units of s_0: v' = (1 - 1/M) v + h^2, so
    :math:`v_n = M h^2 + (1 - M h^2)(1 - 1/M)^n`. It tends to M h^2, which may lie above 1: such
    a loop *expands*. For any truth and any kernel with a variance. Derived for this project; the
    regime is that of [7].
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    h = not_negative("bandwidth", bandwidth)
    log_kept = times(steps, np.log1p(-1 / size))
    return np.asarray(np.exp(log_kept) - np.expm1(log_kept) * size * h**2)[()]


def relative_kernel_density_variance(
    size: ArrayLike, steps: ArrayLike, bandwidth: ArrayLike, ddof: int = 1
) -> NDArray[np.float64]:
    r"""Return the same when the bandwidth is ``bandwidth`` standard deviations of the draws.

    With h relative to the likelihood's standard deviation :math:`v' = (1 - 1/M)(1 + h^2) v`; to
    the unbiased one (``ddof=1``, as scipy and most rules of thumb have it)
    :math:`v' = (1 - 1/M + h^2) v`: exponential, and up unless h^2 < 1/M. Derived for this project.
    """
    size, steps = whole("size", size, least=2), whole("steps", steps, least=0)
    h2 = not_negative("bandwidth", bandwidth) ** 2
    log_factor = np.log1p(h2 - 1 / size) if unbiased(ddof) else np.log1p(h2) + np.log1p(-1 / size)
    return power(steps, log_factor)[()]
