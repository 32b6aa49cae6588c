"""How many lineages a check of drift needs, and which designs can't be decided at all."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import polygamma

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates.levels import POWER, Levels, as_growth, check_effects
from collapse_bench.gates.neutral import Neutral, neutral_lineages
from collapse_bench.statistics.drift import lineages_to_reject
from collapse_bench.validation import check_count

__all__ = ["LEAST_LINEAGES", "DriftPlan", "can_decide", "plan_drift", "planned"]

LEAST_LINEAGES = 4

# With fewer samples than this many times the generations, neutral lineages come down to few rows.
LEAST_SIZE = 4

# Rows that one neutral lineage draws in all its generations; 2,000 such lineages take minutes.
MOST_ROWS = 20_000_000

# Lineages are skew, and both tests must reject: so many times what a t-test of normal ones takes.
ALLOWANCE = 1.3


@dataclass(frozen=True, slots=True)
class DriftPlan:
    """How many lineages a check of drift needs.

    Attributes
    ----------
    replicates
        Lineages with which a model that drifts as a neutral one passes, and one that loses
        ``detect`` a generation more fails; None if no number will do.
    to_pass, to_fail
        Those for each of the two alone; with growth, for both directions.
    spread
        Standard deviation of a lineage's change of log-variance that was planned for.
    neutral_loss
        Share of the variance that a neutral lineage loses in a generation.
    reason
        What decides the number, or what is in the way.
    """

    replicates: int | None
    to_pass: int | None
    to_fail: int | None
    spread: float
    neutral_loss: float
    reason: str


def plan_drift(
    reference: Any,
    *,
    size: int,
    generations: int,
    tolerate: float = 0.05,
    detect: float = 0.20,
    growth: tuple[float, float] | None = None,
    founder_size: int | None = None,
    eval_size: int | None = None,
    alpha: float = 0.01,
    beta: float = 0.01,
    power: float = POWER,
    seed: int = 0,
) -> DriftPlan:
    """Return how many lineages :func:`~collapse_bench.gates.check_drift` needs to decide.

    The power is that of a t-test under normal changes of log-variance, whose spread is that of
    simulated neutral lineages or of Gaussian models, whichever is larger; 1.3 times as many are
    planned, since changes are skew and a second test must reject too.

    Parameters
    ----------
    reference, founder_size, eval_size, growth, tolerate, detect, alpha, beta, seed
        As for the check.
    size
        Samples that each generation is fitted to; ``size`` times n is at most 20,000,000.
    generations
        n. The signal grows with it and the noise with its root, until ``size`` < 4 n.
    power
        In (0.5, 1).

    Raises
    ------
    InvalidArgument
        If an argument is out of its range.
    InvalidSamples
        If the reference can't be read as numbers, or doesn't vary.
    """
    check_effects(tolerate, detect, most=1)
    growing = as_growth(growth)
    levels = Levels.of(alpha, beta, power=power)
    check_count("size", size, least=2, most=MOST_ROWS)
    check_count("generations", generations)
    if size * generations > MOST_ROWS:
        raise InvalidArgument(
            f"generations must be at most {MOST_ROWS // size:,} of size {size:,}; "
            f"got generations={generations!r}"
        )
    sizes = (int(size),) * generations
    if founder_size is not None:
        check_count("founder_size", founder_size, least=0, most=MOST_ROWS)
    if eval_size is not None:
        check_count("eval_size", eval_size, least=2, most=MOST_ROWS)
    neutral = neutral_lineages(
        reference, sizes, founder_size=founder_size, eval_size=eval_size, seed=seed
    )
    return planned(neutral, sizes, eval_size, levels, tolerate, detect, growing)


def can_decide(replicates: int, sizes: Sequence[int], neutral: NDArray[np.float64]) -> str | None:
    """Return why drift can't be judged by so many lineages of such sizes, or None if it can."""
    least = LEAST_SIZE * len(sizes)
    if min(sizes) < least:
        return (
            f"samples of {min(sizes):,} are too few for {len(sizes)} generations, of which neutral "
            f"lineages keep hardly a row: it takes {least:,}, or fewer generations"
        )
    points = int(np.isneginf(neutral).sum())
    if points:
        return (
            f"{points:,} of {len(neutral):,} neutral lineages become a point: a reference of so "
            "few different values takes larger samples"
        )
    if replicates < LEAST_LINEAGES:
        return f"{replicates} lineages are fewer than the {LEAST_LINEAGES} that this takes"
    return None


def planned(
    neutral: Neutral,
    sizes: Sequence[int],
    eval_size: int | None,
    levels: Levels,
    tolerate: float,
    detect: float,
    growing: tuple[float, float] | None,
) -> DriftPlan:
    """Return the plan that goes with these neutral lineages."""
    stuck = can_decide(LEAST_LINEAGES, sizes, neutral.changes)
    if stuck is not None and not np.isfinite(neutral.changes).all():
        return DriftPlan(None, None, None, math.inf, 1.0, stuck)
    loss = -math.expm1(float(neutral.changes.mean()) / len(sizes))
    spread = max(float(neutral.changes.std(ddof=1)), _gaussian_spread(neutral, sizes, eval_size))
    if stuck is not None:
        return DriftPlan(None, None, None, spread, loss, stuck)
    at = levels.directed(growing)
    excluded, shown = [-math.log1p(-detect)], [math.log1p(-tolerate) - math.log1p(-detect)]
    if growing is not None:
        excluded.append(math.log1p(growing[1]))
        shown.append(math.log1p(growing[1]) - math.log1p(growing[0]))
    counts = [
        _lineages(len(sizes) * min(gaps), spread, level, levels.miss)
        for gaps, level in ((excluded, at.beta), (shown, at.alpha))
    ]
    to_pass, to_fail = counts
    if to_pass is None or to_fail is None:
        reason = "the effect sizes are so close that no number of lineages is enough"
        return DriftPlan(None, to_pass, to_fail, spread, loss, reason)
    replicates = max(to_pass, to_fail)
    which = "to pass without loss" if to_pass >= to_fail else "to fail at detect"
    return DriftPlan(replicates, to_pass, to_fail, spread, loss, f"it takes so many {which}")


def _lineages(gap: float, spread: float, level: float, miss: float) -> int | None:
    count = lineages_to_reject(gap, spread, level=level, power=1 - miss)
    return None if count is None else max(LEAST_LINEAGES, math.ceil(ALLOWANCE * count))


def _gaussian_spread(neutral: Neutral, sizes: Sequence[int], eval_size: int | None) -> float:
    """Return the standard deviation of log V_n - log V_0 for Gaussian models.

    On the line V is multiplied by a chi-square of size - 1 degrees of freedom a generation, whose
    logarithm has the variance psi'((size - 1) / 2); with d directions there are d times as many,
    as long as they stay alike. Two evaluations add theirs.
    """
    drawn = [*sizes] if eval_size is None else [*sizes, eval_size, eval_size]
    freedom = neutral.dimension * (np.array(drawn) - 1)
    return math.sqrt(float(polygamma(1, freedom / 2).sum()))
