"""How many rows a comparison needs: the sizes behind a plan.

Tests of moments compare a difference of logarithms with its standard error s(n, m); a margin of
``gap`` is then crossed with the wanted probability once gap >= (z_level + z_power) s.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np
from scipy.special import ndtri

from collapse_bench.statistics.exceedance import (
    at_least,
    at_most,
    largest_rejected,
    smallest_rejected,
)
from collapse_bench.streams import generator

__all__ = [
    "distance",
    "edge_quantile",
    "keeps_power",
    "loses_power",
    "size",
    "smallest_size",
]

# Sizes are searched up to here; more rows than this are never planned.
LARGEST = 2**30

# Random matrices behind a quantile of their largest eigenvalue.
DRAWS = 4_000


def distance(level: float, miss: float) -> float:
    """Return how many standard errors a gap must span: quantiles of ``level`` and ``miss``."""
    return float(-ndtri(level) - ndtri(miss))


def size(harmonic: float, m: int | None, *, least: int) -> int | None:
    """Return the smallest n >= ``least`` with n m / (n + m) >= ``harmonic``.

    m None: n = m. The result is None if no n will do with m rows, or m itself is below ``least``.
    """
    if m is None:
        return max(least, math.ceil(2 * harmonic))
    if m <= harmonic or m < least:
        return None
    return max(least, math.ceil(harmonic * m / (m - harmonic)))


def smallest_size(enough: Callable[[int], bool]) -> int | None:
    """Return the smallest size that is ``enough``, or None if 2**30 rows aren't.

    ``enough`` turns true once; for discrete tests, which step back now and then, the size that
    comes back is enough and the one below it isn't.
    """
    high = 1
    while not enough(high):
        high *= 4
        if high > LARGEST:
            return None
    low = high // 4
    while high - low > 1:
        middle = (low + high) // 2
        if enough(middle):
            high = middle
        else:
            low = middle
    return high


def keeps_power(n: int, k: int, m: int, *, detect: float, beta: float, loss: float = 0.0) -> float:
    """Return the probability that a tail with ``loss`` excludes the loss ``detect`` at ``beta``.

    Losses below 0 are growth.
    """
    count = smallest_rejected(n, k, m, ratio=1 - detect, level=beta)
    return at_least(count, n, k, m, ratio=1 - loss) if count <= n else 0.0


def loses_power(n: int, k: int, m: int, *, tolerate: float, detect: float, alpha: float) -> float:
    """Return the probability that a tail loss of ``detect`` is shown to exceed ``tolerate``."""
    count = largest_rejected(n, k, m, ratio=1 - tolerate, level=alpha)
    return at_most(count, n, k, m, ratio=1 - detect) if count >= 0 else 0.0


@lru_cache(maxsize=32)
def edge_quantile(dimension: int, miss: float) -> float:
    """Return the value that the largest eigenvalue of a GOE matrix exceeds with ``miss``.

    Off-diagonal entries have variance 1 and diagonal ones 2, as the fluctuations of a normal
    sample's whitened covariance have in units of sqrt(1/n). By simulation on a fixed stream.
    """
    rng = generator(0, "plan", "edge", dimension)
    matrices = rng.standard_normal((DRAWS, dimension, dimension))
    largest = np.linalg.eigvalsh((matrices + matrices.swapaxes(1, 2)) / math.sqrt(2))[:, -1]
    return float(np.quantile(largest, 1 - miss))
