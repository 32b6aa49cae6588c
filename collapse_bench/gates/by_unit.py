"""Checks whose unit is a sequence or a declared cluster: a rate by unit, and the sizes it takes."""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from collapse_bench.gates.evidence import Evidence, growth_note, growth_untold
from collapse_bench.gates.levels import LEAST_ROWS, Levels, check_permutations
from collapse_bench.gates.verdict import Growth
from collapse_bench.statistics import power
from collapse_bench.statistics.rates import rate_test
from collapse_bench.streams import generator

__all__ = [
    "LEAST_HITS",
    "Judged",
    "LossTest",
    "Units",
    "evidence",
    "growth_of",
    "least_units",
    "size_to_fail",
    "size_to_pass",
    "spread_of",
]

# What counts, x, and rows, w, of each unit, shapes (N,) and (N,).
Units = tuple[NDArray[np.float64], NDArray[np.float64]]

# Rows in the tail that a reference must hold: with fewer the rate is no longer near normal.
LEAST_HITS = 20


# Relabelling is exact for units of one law and asymptotically valid otherwise: where units of one
# sample are several times as long as the other's, so many of each are wanted.
UNEVEN, ENOUGH_UNEVEN = 3.0, 400


class Judged(Protocol):
    """The settings of a check that matter here."""

    @property
    def metric(self) -> str: ...
    @property
    def tolerate(self) -> float: ...
    @property
    def detect(self) -> float: ...
    @property
    def growth(self) -> tuple[float, float] | None: ...
    @property
    def permutations(self) -> int: ...


class LossTest(Protocol):
    """The two tests of a loss."""

    @property
    def loss(self) -> float: ...
    def pvalue_fail(self, loss: float) -> float: ...
    def pvalue_pass(self, loss: float) -> float: ...
    def bounds(self, *, alpha: float, beta: float) -> tuple[float | None, float]: ...


def evidence(
    check: Judged,
    ours: Units,
    theirs: Units,
    levels: Levels,
    *,
    statistic: str,
    quantity: str,
    seed: int,
    withheld: str | None = None,
    notes: tuple[str, ...] = (),
) -> Evidence:
    """Return what two samples of units say of the loss of a rate, sum of x by sum of w."""
    at = levels.directed(check.growth)
    check_permutations(check.permutations, at)
    if min(len(ours[0]), len(theirs[0])) < 2 or theirs[0].sum() == 0:
        untold = growth_untold(statistic, quantity, check.growth)
        return Evidence(statistic, quantity, withheld=withheld, notes=notes, growth=untold)
    if (uneven := _uneven(ours[1], theirs[1])) is not None:
        untold = growth_untold(statistic, quantity, check.growth)
        return Evidence(statistic, quantity, withheld=uneven, notes=notes, growth=untold)
    rng = generator(seed, "check", check.metric, "relabel")
    test = rate_test(ours, theirs, permutations=check.permutations, rng=rng)
    low, high = test.bounds(alpha=at.alpha, beta=at.beta)
    growth, grown = growth_of(check, test, at, statistic, quantity)
    return Evidence(
        statistic,
        quantity,
        estimate=test.loss,
        low=low,
        high=high,
        pvalue_fail=test.pvalue_fail(check.tolerate),
        pvalue_pass=test.pvalue_pass(check.detect),
        withheld=withheld,
        notes=(*notes, *grown),
        growth=growth,
    )


def spread_of(units: Units) -> float | None:
    """Return the variance of a rate's logarithm times the number of units; None: too few."""
    x, w = units
    if len(x) < LEAST_ROWS or not x.sum() > 0:
        return None
    return float(np.mean((x - x.sum() / w.sum() * w) ** 2) / x.mean() ** 2)


def least_units(x: NDArray[np.float64]) -> int:
    """Return how many units hold ``LEAST_HITS``, at least ``LEAST_ROWS``; x of shape (N,)."""
    hits = float(x.sum())
    return max(LEAST_ROWS, math.ceil(LEAST_HITS * len(x) / hits)) if hits > 0 else LEAST_ROWS


def size_to_pass(
    check: Judged,
    spread: float | None,
    levels: Levels,
    m: int | None,
    *,
    least: int,
    halved: bool = False,
) -> int | None:
    """Return the units at which an unchanged rate passes, by the delta method.

    Parameters
    ----------
    spread
        The variance of its logarithm times the number of units; None if that isn't known.
    least
        Fewer units show nothing.
    halved
        Of the m units of the reference only half are compared.
    """
    gap, miss = -math.log1p(-check.detect), levels.miss
    if check.growth is not None:  # each direction takes half of the misses
        gap, miss = min(gap, math.log1p(check.growth[1])), miss / 2
    return _size(spread, gap / power.distance(levels.beta, miss), m, least, halved)


def size_to_fail(
    check: Judged,
    spread: float | None,
    levels: Levels,
    m: int | None,
    *,
    least: int,
    halved: bool = False,
) -> int | None:
    """Return the units at which a loss, or a growth, of its ``detect`` fails."""
    gap = math.log1p(-check.tolerate) - math.log1p(-check.detect)
    if check.growth is not None:
        gap = min(gap, math.log1p(check.growth[1]) - math.log1p(check.growth[0]))
    alpha = levels.directed(check.growth).alpha
    return _size(spread, gap / power.distance(alpha, levels.miss), m, least, halved)


def _size(spread: float | None, gap: float, m: int | None, least: int, halved: bool) -> int | None:
    """Return the n at which the log-ratio's standard error is at most ``gap``."""
    if spread is None:
        return None
    if not halved:
        return power.size(spread / gap**2, m, least=least)
    if m is not None:
        return power.size(spread / gap**2, m - m // 2, least=least)
    # n units against n / 2: 3 spread / n
    return max(2 * least, math.ceil(3 * spread / gap**2))


def growth_of(
    check: Judged, test: LossTest, levels: Levels, statistic: str, quantity: str
) -> tuple[Growth | None, tuple[str, ...]]:
    """Return what a test says of growth where that is judged; else a note if it is shown.

    A growth is a loss below 0, so each of its tests is the other one of the loss.
    """
    if check.growth is None:
        if test.pvalue_pass(-check.tolerate) > levels.alpha:
            return None, ()
        shown = test.bounds(alpha=levels.alpha, beta=levels.alpha)[1]
        return None, growth_note(quantity, -test.loss, -shown)
    tolerate, detect = check.growth
    low, high = test.bounds(alpha=levels.beta, beta=levels.alpha)
    return Growth(
        statistic=statistic,
        quantity=quantity,
        tolerate=tolerate,
        detect=detect,
        estimate=-test.loss,
        low=-high,
        high=None if low is None else -low,
        pvalue_fail=test.pvalue_pass(-tolerate),
        pvalue_pass=test.pvalue_fail(-detect),
    ), ()


def _uneven(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> str | None:
    """Return why units of such lengths, shapes (N,) and (M,), show nothing; None if they do."""
    means = float(ours.mean()), float(theirs.mean())
    enough = min(len(ours), len(theirs)) >= ENOUGH_UNEVEN
    if enough or max(means) <= UNEVEN * min(means):
        return None
    return (
        f"{means[0]:.3g} rows a unit beside {means[1]:.3g} of the reference's take "
        f"{ENOUGH_UNEVEN} units of each"
    )
