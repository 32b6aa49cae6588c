"""Do two events, seen together in many pairs, depend on each other? Exact for every size.

The covariance of two events A and B is P(A and B) - P(A) P(B), in [-1/4, 1/4]. Independence is
tested by Fisher's exact test. The bound comes from McDiarmid's inequality: the unbiased estimate
U = n/(n-1) (p_AB - p_A p_B) moves by at most 1/n when one pair changes, so that

    P(|U - cov| >= e) <= 2 exp(-2 n e^2).

Replacing pair i moves U by a difference of two among p_00/n, p_11/n, -p_01/n and -p_10/n, the
shares being those of the other pairs: at most (p_00 + p_01)/n or the like, which is at most 1/n.

References
----------
.. [1] C. McDiarmid, "On the method of bounded differences", Surveys in Combinatorics (1989),
   148-188.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.stats import hypergeom, norm

from collapse_bench.gates.levels import Levels

__all__ = ["Dependence", "dependence", "pairs_needed"]

# The largest standard deviation of the estimate times the root of n: both events have mass 1/2.
SPREAD = 0.25


@dataclass(frozen=True, slots=True)
class Dependence:
    """What n pairs of events say of their covariance.

    Attributes
    ----------
    covariance
        The unbiased estimate.
    high
        An upper bound on the covariance's size that fails with probability beta.
    pvalue
        Of independence, two-sided; exact.
    """

    covariance: float
    high: float
    pvalue: float


def dependence(first: NDArray[np.bool_], second: NDArray[np.bool_], *, beta: float) -> Dependence:
    """Return what pairs of events, independent of one another, say of their dependence.

    Parameters
    ----------
    first, second : shape (n,)
        Whether each event happened; n >= 2.
    beta
        The probability with which ``high`` may fall short.
    """
    n, a, b = len(first), int(first.sum()), int(second.sum())
    both = int((first & second).sum())
    # Under independence ``both`` is hypergeometric, given a and b.
    tails = hypergeom.cdf(both, n, a, b), hypergeom.sf(both - 1, n, a, b)
    pvalue = float(min(1.0, 2 * min(tails)))
    covariance = (both / n - a * b / n**2) * n / (n - 1)
    return Dependence(covariance, abs(covariance) + _margin(n, beta), pvalue)


def pairs_needed(tests: int, levels: Levels, detect: float) -> int:
    """Return the n at which ``tests`` independent pairs all pass, except with ``levels.miss``.

    Beta isn't shared out: a pass takes all of them, so the one that misses a defect decides.
    """
    root = math.sqrt(math.log(2 / levels.beta) / 2)
    root += SPREAD * float(norm.isf(levels.miss / (2 * tests)))
    return math.ceil((root / detect) ** 2)


def _margin(n: int, beta: float) -> float:
    return math.sqrt(math.log(2 / beta) / (2 * n))
