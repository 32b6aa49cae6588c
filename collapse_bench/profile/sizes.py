"""What a loss of the mean spread amounts to: samples a generation, fresh rows, generations."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from scipy.optimize import brentq

from collapse_bench.profile.records import Estimate, Finding
from collapse_bench.statistics.lineages import Spread

__all__ = [
    "LEAST_LINEAGES",
    "counted",
    "effective_size_ratio",
    "fresh_equivalent",
    "half_life",
    "sizes_of",
]

LEAST_LINEAGES = 4

# The mean of a variance takes 100 (e^s2 - 1) lineages for a tenth of itself, where s2 is the
# variance of its logarithm: else it rests on lineages too rare to be seen.
PER_SQUARED_VARIATION = 100
MOST_NEEDED = 10**9


def half_life(drift: Finding) -> Estimate:
    """Return the generations in which half is lost, from the loss a generation."""
    if drift.low is None or drift.high is None or drift.estimate is None:
        return Estimate(reason=drift.reason)
    if not drift.low > 0:
        return Estimate(reason="no loss is shown over the last half")
    most, value, least = (
        math.log(2) / -math.log1p(-loss) if loss < 1 else 0.0
        for loss in (drift.low, drift.estimate, drift.high)
    )
    return Estimate(value, least, most)


def sizes_of(
    lineages: Spread, name: str, sizes: list[int], level: float
) -> tuple[Estimate, Estimate]:
    """Return the effective size over M, and the rows of fresh data that the level is worth."""
    count = len(lineages.values)
    trouble = None
    if count < LEAST_LINEAGES:
        trouble = f"{counted(count)} fewer than the {LEAST_LINEAGES} that this takes"
    elif name != "gini_simpson":  # a diversity is bounded: its mean is safe
        needed = PER_SQUARED_VARIATION * lineages.variation
        if count < needed:
            trouble = (
                f"the mean of variances that differ so much takes {math.ceil(needed):,} lineages"
                if needed < MOST_NEEDED
                else "variances differ so much that their mean can't be known"
            )
    if trouble is not None:
        return Estimate(reason=trouble), Estimate(reason=trouble)
    kept = lineages.mean_ratio(level, to_founder=True)
    ratio = Estimate(reason="no loss of the mean since generation 0 is shown")
    if kept[2] < 1:
        value, low, high = (effective_size_ratio(share, sizes) for share in kept)
        ratio = Estimate(value, low, high)
    kept = lineages.mean_ratio(level, to_founder=False)
    fresh = Estimate(reason="no loss of the mean beyond that of one sample is shown")
    if kept[2] < 1 - 1 / sizes[-1]:
        value, low, high = (fresh_equivalent(share, sizes[-1]) for share in kept)
        fresh = Estimate(value, low, high)
    return ratio, fresh


def effective_size_ratio(kept: float, sizes: Sequence[int]) -> float:
    """Return the c of prod(1 - 1/(c M_t)) = ``kept``, the mean that is left; ``kept`` < 1."""
    drawn = np.asarray(sizes, dtype=np.float64)
    smallest = float(drawn.min())
    goal = math.log(kept) if kept > 0 else -math.inf

    def beyond(inverse: float) -> float:
        return float(np.log1p(-inverse / drawn).sum()) - goal

    highest = smallest * (1 - 2**-50)
    if goal == -math.inf or beyond(highest) > 0:
        return 1 / smallest
    return 1 / float(brentq(beyond, 0.0, highest, xtol=1e-300, rtol=1e-12))


def fresh_equivalent(kept: float, size: int) -> float:
    """Return the fresh rows of ``size`` with which a sound loop keeps ``kept`` in its mean.

    It is the inverse of :func:`collapse_bench.theory.regimes.fresh_real_limit`, iid split.
    """
    most = 1 - 1 / size
    if not kept > 0:
        return 0.0
    return size * (1 - math.sqrt(max(0.0, (most - kept) / (most * (1 - kept)))))


def counted(lineages: int) -> str:
    """Return how many lineages there are, as the beginning of a sentence."""
    return "1 lineage is" if lineages == 1 else f"{lineages} lineages are"
