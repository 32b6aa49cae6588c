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

import numpy as np
from numpy.typing import NDArray

from collapse_bench.statistics.robust import RobustVariance

__all__ = ["LEAST", "SHARE", "influence", "on_lattice", "winsorized"]

# Moved at each end.
SHARE = 0.01

# From here on the spacings that estimate the quantile density fit between the quantile and the
# end of the sample: 2 sqrt(SHARE / n) <= SHARE.
LEAST = math.ceil(4 / SHARE)

# Equal values near a quantile are a lattice if their share exceeds this many standard errors of
# the quantile's level, sqrt(SHARE (1 - SHARE) / n). A sample drawn with replacement stays below.
LATTICE = 2.0


def winsorized(ordered: NDArray[np.float64]) -> RobustVariance:
    """Return the winsorized variance of sorted values, shape (n,), n >= ``LEAST``."""
    return RobustVariance.of(*influence(ordered))


def influence(ordered: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return the winsorized variance of sorted values and how far each moves it, shape (n,).

    Zeros where the middle of the sample is constant.
    """
    ends = np.quantile(ordered, (SHARE, 1 - SHARE))
    moved = np.clip(ordered, *ends)
    mean, variance = float(moved.mean()), float(moved.var())
    if not variance > 0:
        return 0.0, np.zeros(len(ordered))
    low, high = float(ends[0]), float(ends[1])
    densities = [_quantile_density(ordered, level) for level in (SHARE, 1 - SHARE)]
    found = np.square(moved - mean) - variance
    found += 2 * SHARE * (high - mean) * densities[1] * ((1 - SHARE) - (ordered <= high))
    found += 2 * SHARE * (low - mean) * densities[0] * (SHARE - (ordered <= low))
    return variance, found - found.mean()


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
