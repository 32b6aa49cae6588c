r"""The variance of the middle 98 %: each sample's values moved to its own 1 % and 99 % quantiles.

For heavy tails the plain variance is decided by a handful of values; this one isn't. Its standard
error needs the quantiles' own sampling error as well: with W the moved values, mu and v their mean
and variance, lo and hi the quantiles and q the quantile density, the influence function is

.. math::
   (W - \mu)^2 - v + 2a(hi - \mu)\,q(1-a)\,[(1-a) - 1(x \le hi)]
                   + 2a(lo - \mu)\,q(a)\,[a - 1(x \le lo)], \qquad a = 0.01,

and the test is a z-test of the log ratio. The quantile density is a limit of spacings, so the
values near the quantiles mustn't be tied in steps as large as the quantiles' sampling error.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

__all__ = ["LEAST", "SHARE", "WinsorizedTest", "WinsorizedVariance", "on_lattice", "winsorized"]

# Moved at each end.
SHARE = 0.01

# From here on the spacings that estimate the quantile density fit between the quantile and the
# end of the sample: 2 sqrt(SHARE / n) <= SHARE.
LEAST = math.ceil(4 / SHARE)

# Equal values near a quantile are a lattice if their share exceeds this many standard errors of
# the quantile's level, sqrt(SHARE (1 - SHARE) / n). A sample drawn with replacement stays below.
LATTICE = 2.0


@dataclass(frozen=True, slots=True)
class WinsorizedVariance:
    """One sample's winsorized variance.

    Attributes
    ----------
    variance
        In the unit of the sample, squared; 0 if the middle of the sample is constant.
    spread
        Variance of the influence function over the squared variance: var(log v) is spread / n.
    size
        n.
    """

    variance: float
    spread: float
    size: int


@dataclass(frozen=True, slots=True)
class WinsorizedTest:
    """The z-test of two winsorized variances, of which the reference's is positive."""

    generated: WinsorizedVariance
    reference: WinsorizedVariance

    @property
    def log_ratio(self) -> float:
        """log of the generated over the reference variance; -inf for a constant middle."""
        if self.generated.variance == 0:
            return -math.inf
        return math.log(self.generated.variance / self.reference.variance)

    @property
    def loss(self) -> float:
        """The share of the variance that is gone: 1 minus the ratio."""
        return 1 - math.exp(self.log_ratio)

    @property
    def error(self) -> float:
        """The standard error of the log ratio."""
        parts = (part.spread / part.size for part in (self.generated, self.reference))
        return math.sqrt(sum(parts))

    def pvalue_fail(self, loss: float) -> float:
        """Return the p-value of the null "the loss is at most ``loss``" < 1."""
        return float(ndtr((self.log_ratio - math.log1p(-loss)) / self.error))

    def pvalue_pass(self, loss: float) -> float:
        """Return the p-value of the null "the loss is at least ``loss``" < 1."""
        return float(ndtr((math.log1p(-loss) - self.log_ratio) / self.error))

    def bounds(self, *, alpha: float, beta: float) -> tuple[float, float]:
        """Return the losses at which the two tests reach ``alpha`` and ``beta``."""
        return (
            -math.expm1(self.log_ratio - ndtri(alpha) * self.error),
            -math.expm1(self.log_ratio + ndtri(beta) * self.error),
        )


def winsorized(ordered: NDArray[np.float64]) -> WinsorizedVariance:
    """Return the winsorized variance of sorted values, shape (n,), n >= ``LEAST``."""
    size = len(ordered)
    ends = np.quantile(ordered, (SHARE, 1 - SHARE))
    moved = np.clip(ordered, *ends)
    mean, variance = float(moved.mean()), float(moved.var())
    if not variance > 0:
        return WinsorizedVariance(0.0, 0.0, size)
    low, high = float(ends[0]), float(ends[1])
    densities = [_quantile_density(ordered, level) for level in (SHARE, 1 - SHARE)]
    influence = np.square(moved - mean) - variance
    influence += 2 * SHARE * (high - mean) * densities[1] * ((1 - SHARE) - (ordered <= high))
    influence += 2 * SHARE * (low - mean) * densities[0] * (SHARE - (ordered <= low))
    return WinsorizedVariance(variance, float(influence.var()) / variance**2, size)


def on_lattice(ordered: NDArray[np.float64]) -> bool:
    """Return whether sorted values, n >= ``LEAST``, are tied near the two quantiles."""
    size = len(ordered)
    most = LATTICE * math.sqrt(SHARE * (1 - SHARE) * size)
    for level in (SHARE, 1 - SHARE):
        first, last = _window(size, level)
        values = np.unique(ordered[first : last + 1])
        ties = np.searchsorted(ordered, values, "right") - np.searchsorted(ordered, values, "left")
        if ties.max() > most:
            return True
    return False


def _quantile_density(ordered: NDArray[np.float64], level: float) -> float:
    """Return dQ/du at u = ``level``, by spacings."""
    first, last = _window(len(ordered), level)
    return float(ordered[last] - ordered[first]) * len(ordered) / (last - first)


def _window(size: int, level: float) -> tuple[int, int]:
    """Return the ranks around a quantile; wide enough for many spacings, narrow beside SHARE."""
    half = max(0.2 * SHARE, 2 * math.sqrt(SHARE / size))
    center = level * (size - 1)
    return max(0, round(center - half * size)), min(size - 1, round(center + half * size))
