"""Arithmetic that keeps its digits for sizes up to 1e9: powers, sums and ratios in log space."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import digamma, gammaln

from collapse_bench.theory._domain import times

# From here on a difference of two logarithms would cancel: the asymptotic series takes over.
# Its first omitted term is below 1e-14 of the sum there.
SERIES_FROM = 20.0
# digamma(x) - log(x) = -1/(2x) + sum of these over x^2, x^4, ...: -B_2j / (2j).
DIGAMMA_SERIES = (-1 / 12, 1 / 120, -1 / 252, 1 / 240, -1 / 132)
# log[Gamma(x + 1/2) / (Gamma(x) sqrt(x))] = sum of these over x, x^3, x^5, ...
GAMMA_SERIES = (-1 / 8, 1 / 192, -1 / 640, 17 / 14336, -31 / 18432)
# log Gamma(x + 1) - [(x + 1/2) log x - x + log(2 pi)/2] = sum of these over x, x^3, ... (Stirling).
STIRLING_SERIES = (1 / 12, -1 / 360, 1 / 1260, -1 / 1680, 1 / 1188)
# Terms of a power series in u <= 1/10 that are left out are below 1e-18 of the sum.
SMALL, TERMS = 0.1, 18


def power(steps: NDArray[np.float64], log_factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return a factor's power from its logarithm; infinite where a float can't hold it."""
    with np.errstate(over="ignore"):
        return np.asarray(np.exp(times(steps, log_factor)))


def running(terms: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return running sums along the last axis, from 0."""
    start = np.zeros((*terms.shape[:-1], 1))
    return np.concatenate([start, np.cumsum(terms, axis=-1)], axis=-1)


def digamma_gap(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return digamma(x) - log(x) for x > 0, between -1/x and -1/(2x)."""
    with np.errstate(over="ignore"):
        series = -1 / (2 * x) + polynomial(DIGAMMA_SERIES, 1 / x**2) / x**2
    return np.asarray(np.where(x < SERIES_FROM, digamma(x) - np.log(x), series))


def half_gamma_gap(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return log[Gamma(x + 1/2) / (Gamma(x) sqrt(x))] for x > 0, about -1/(8x)."""
    small = np.minimum(x, SERIES_FROM)
    direct = gammaln(small + 0.5) - gammaln(small) - np.log(small) / 2
    return np.asarray(np.where(x < SERIES_FROM, direct, polynomial(GAMMA_SERIES, 1 / x**2) / x))


def log_falling(size: NDArray[np.float64], order: NDArray[np.float64]) -> NDArray[np.float64]:
    r"""Return :math:`\log \prod_{i<j} (1 - i/M)`, relative error about 1e-14; -inf if j > M.

    The falling factorial (M)_j over M^j. By Stirling, with u = j/M and left = M - j,
    M [-(1-u) log(1-u) - u] - log(1-u)/2 + s(M) - s(left): no term is larger than the answer.
    """
    size, order = np.broadcast_arrays(size, order)
    inside = np.clip(order, 2, np.maximum(size, 2))  # the product of no or one factor is 1
    u, left = inside / size, np.maximum(size - inside, 0)
    small = np.minimum(u, SMALL)
    terms = tuple(-1 / (k * (k - 1)) for k in range(2, TERMS))
    with np.errstate(divide="ignore", invalid="ignore"):  # left = 0 takes the other branch
        bend = np.where(u < SMALL, small**2 * polynomial(terms, small), -(1 - u) * np.log1p(-u) - u)
        far = size * bend - np.log1p(-u) / 2 + _stirling(size) - _stirling(left)
    near = gammaln(size + 1) - gammaln(left + 1) - inside * np.log(size)
    log_product = np.where(left < SERIES_FROM, near, far)
    return np.asarray(np.where(order > size, -np.inf, np.where(order <= 1, 0.0, log_product)))


def polynomial(coefficients: tuple[float, ...], z: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the sum of ``coefficients[i] * z**i``."""
    total = np.zeros_like(z)
    for coefficient in reversed(coefficients):
        total = coefficient + z * total
    return total


def _stirling(x: NDArray[np.float64]) -> NDArray[np.float64]:
    return polynomial(STIRLING_SERIES, 1 / x**2) / x
