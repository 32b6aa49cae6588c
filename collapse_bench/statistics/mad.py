r"""The median absolute deviation: the distance from the median that half of the values exceed.

With theta the median, s the deviation, f the density, and f+, f- the densities at theta + s and
theta - s, one more value x moves s by

.. math::
   \frac{1/2 - 1(|x - \theta| \le s) - (f_+ - f_-) (1/2 - 1(x \le \theta)) / f(\theta)}{f_+ + f_-}

[1]_, and s^2 by 2 s times that. The densities are spacings of order statistics, in windows as
wide as Hall and Sheather's [2]_, so the values near the median and near both ends of the middle
half mustn't be tied in steps as large as the quantiles' sampling error.

.. [1] F. R. Hampel et al., "Robust Statistics: The Approach Based on Influence Functions", Wiley
   1986, section 2.3.
.. [2] P. Hall and S. J. Sheather, "On the distribution of a studentized quantile", Journal of the
   Royal Statistical Society B 50 (1988), 381-391.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

__all__ = ["LEAST", "deviation", "influence", "on_lattice"]

# With fewer values the spacings are too few for a standard error; see tests/statistics/test_mad.py.
LEAST = 100

# Half of a window in shares of the sample, times n^(1/3): Hall and Sheather's, for the median of
# a normal law and an interval of 95 %.
WINDOW = 0.97

# Equal values in a window are a lattice if they are more than so many standard errors of a
# median's rank, sqrt(n) / 2.
LATTICE = 2.0


def deviation(values: NDArray[np.float64]) -> float:
    """Return the median absolute deviation from the median, shape (n,), n >= 1."""
    return float(np.median(np.abs(values - np.median(values))))


def influence(ordered: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
    """Return the squared deviation of sorted values and how far each moves it, shape (n,).

    n >= ``LEAST``, not :func:`on_lattice`. Zeros where more than half of them are equal.
    """
    center = float(np.median(ordered))
    away = np.abs(ordered - center)
    found = float(np.median(away))
    if not found > 0:
        return 0.0, np.zeros(len(ordered))
    first, last = _window(len(ordered))
    at_center = (last - first) / len(ordered) / (ordered[last] - ordered[first])
    near, far = np.partition(away, (first, last))[[first, last]]
    both = (last - first) / len(ordered) / (far - near)  # density of |x - center|
    above = np.mean(ordered[(away >= near) & (away <= far)] > center)
    shift = (2 * above - 1) * both * (0.5 - (ordered <= center)) / at_center
    moved = 2 * found * (0.5 - (away <= found) - shift) / both
    return found**2, moved - moved.mean()


def on_lattice(ordered: NDArray[np.float64]) -> bool:
    """Return whether sorted values, n >= ``LEAST``, are tied where densities are taken."""
    first, last = _window(len(ordered))
    away = np.sort(np.abs(ordered - np.median(ordered)))
    most = LATTICE * math.sqrt(len(ordered)) / 2
    for line in (ordered, away):
        values = np.unique(line[first : last + 1])
        ties = np.searchsorted(line, values, "right") - np.searchsorted(line, values, "left")
        if ties.max() > most:
            return True
    return False


def _window(size: int) -> tuple[int, int]:
    """Return the ranks around the middle one."""
    half = WINDOW * size ** (2 / 3)
    center = (size - 1) / 2
    return max(0, round(center - half)), min(size - 1, round(center + half))
