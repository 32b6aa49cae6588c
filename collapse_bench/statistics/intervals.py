"""Intervals of a mean and of a median, whose two bounds each err with a chance of at most level."""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtrit
from scipy.stats import binom

__all__ = ["least_for_median", "mean_interval", "median_interval"]


def mean_interval(values: NDArray[np.float64], level: float) -> tuple[float, float]:
    r"""Return bounds of the mean by Student's t: :math:`\bar y \mp t_{R-1}(1-level) s/\sqrt R`.

    Parameters
    ----------
    values : shape (R,)
        Finite, R >= 2.
    level
        Of each bound, in (0, 0.5).
    """
    count = len(values)
    mean = float(values.mean())
    reach = -float(stdtrit(count - 1, level)) * float(values.std(ddof=1)) / math.sqrt(count)
    return mean - reach, mean + reach


def median_interval(values: NDArray[np.float64], level: float) -> tuple[float, float] | None:
    """Return bounds of the median: the k-th least and the k-th largest value.

    k is the largest with P(Bin(R, 1/2) < k) <= level, whatever the law; ties only make the bounds
    surer. None where R is so small that there is no such k.

    Parameters
    ----------
    values : shape (R,)
        Never NaN.
    level
        Of each bound, in (0, 0.5).
    """
    count = len(values)
    rank = _rank(count, level)
    if rank == 0:
        return None
    ordered = np.partition(values, (rank - 1, count - rank))
    return float(ordered[rank - 1]), float(ordered[count - rank])


def least_for_median(level: float) -> int:
    """Return the least R that has bounds of a median: 2^-R <= level."""
    return math.ceil(-math.log2(level))


@lru_cache(maxsize=256)
def _rank(count: int, level: float) -> int:
    """Return the largest k with P(Bin(count, 1/2) < k) <= level, 0 if there is none."""
    rank = int(binom.ppf(level, count, 0.5))  # the least with P(Bin <= rank) >= level
    while rank > 0 and binom.cdf(rank - 1, count, 0.5) > level:
        rank -= 1  # rounding in the quantile
    return rank + 1 if binom.cdf(rank, count, 0.5) <= level else rank  # level is met exactly
