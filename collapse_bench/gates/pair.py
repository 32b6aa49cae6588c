"""The variance check in several columns: the volume of the spread, and its weakest direction."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from collapse_bench.errors import UndefinedMetric
from collapse_bench.gates.evidence import Evidence, growth_note, growth_untold
from collapse_bench.gates.levels import LEAST_ROWS, Levels
from collapse_bench.gates.rows import Rows, dropped
from collapse_bench.gates.verdict import Growth
from collapse_bench.statistics import power
from collapse_bench.statistics.covariance import PairTest, Statistic, pair_test
from collapse_bench.statistics.spread import HEAVY, kurtosis

__all__ = ["evidence", "never_passes", "size_to_fail", "size_to_pass"]

QUANTITIES: dict[Statistic, str] = {
    "logdet": "variance, a direction on average (volume of the spread)",
    "weakest_direction": "variance along the weakest direction",
}

# The same for growth, by the statistic of the mirrored test.
GROWN: dict[Statistic, tuple[str, str]] = {
    "logdet": ("logdet", QUANTITIES["logdet"]),
    "weakest_direction": ("strongest_direction", "variance along the strongest direction"),
}


def evidence(
    samples: Rows,
    reference: Rows,
    levels: Levels,
    *,
    tolerate: float,
    detect: float,
    growth: tuple[float, float] | None,
    permutations: int,
    rng: np.random.Generator,
) -> Evidence:
    """Return what the samples say of both statistics, in terms of the one that decides."""
    n, m, d = len(samples), len(reference), reference.white.dimension
    unclear = Evidence(
        "logdet",
        QUANTITIES["logdet"],
        notes=dropped(reference, reference.white.dependent),
        growth=growth_untold(*GROWN["logdet"], growth),
    )
    constant = n > 1 and bool((samples.values[0] == samples.values[-1]).all())
    if n <= d and not constant:
        return replace(unclear, withheld=f"{n} rows can't span the {d} directions judged")
    ours, theirs = reference.white(samples.values), reference.white(reference.values)
    try:
        test = pair_test(ours, theirs, permutations=permutations, rng=rng)
    except UndefinedMetric as error:
        return replace(unclear, withheld=str(error))
    heavy = _heavy(ours)
    at = levels.directed(growth)
    lost = _judged(test, at, tolerate=tolerate, detect=detect, volume_alone=heavy)
    unsound = never_passes(reference) is not None or _heavy(theirs)
    mirrored = test.mirrored()
    withheld = _withheld(test, reference, min(n, m))
    if growth is None:
        grown = None
        notes = () if unsound else _note(mirrored, at, tolerate)
    else:
        grown, notes = _growth(mirrored, at, growth, unsound=unsound), ()
        if withheld is None and (heavy or mirrored.weakest_kurtosis > HEAVY):
            withheld = (
                f"the samples' kurtosis exceeds {HEAVY:g} along some direction: no growth of such "
                "a variance can be excluded"
            )
    return replace(
        unclear,
        statistic=lost.statistic,
        quantity=QUANTITIES[lost.statistic],
        estimate=test.loss(lost.statistic),
        low=lost.low,
        high=lost.high,
        pvalue_fail=lost.pvalue_fail,
        pvalue_pass=lost.pvalue_pass,
        withheld=withheld,
        notes=(*unclear.notes, *notes),
        growth=grown,
    )


@dataclass(frozen=True, slots=True)
class _Judged:
    """What both statistics of a test say, in terms of the one that decides."""

    statistic: Statistic
    low: float | None
    high: float
    pvalue_fail: float
    pvalue_pass: float


def _judged(
    test: PairTest, levels: Levels, *, tolerate: float, detect: float, volume_alone: bool
) -> _Judged:
    """Return what a test says; with ``volume_alone`` the weakest direction shows no loss."""
    fails, passes = test.pvalues_fail(tolerate), test.pvalues_pass(detect)
    lows = {name: test.low(name, alpha=levels.alpha, near=tolerate) for name in QUANTITIES}
    if volume_alone:
        fails["weakest_direction"], lows["weakest_direction"] = 1.0, None
    highs = {name: test.high(name, beta=levels.beta, near=detect) for name in QUANTITIES}
    if min(fails.values()) <= levels.alpha:  # the one that shows the larger loss
        decided = max(QUANTITIES, key=lambda name: _or_none_below(lows[name]))
    else:  # the one that excludes less
        decided = max(QUANTITIES, key=lambda name: highs[name])
    return _Judged(
        decided, lows[decided], highs[decided], min(fails.values()), max(passes.values())
    )


def _growth(
    mirrored: PairTest, levels: Levels, growth: tuple[float, float], *, unsound: bool
) -> Growth:
    """Return what the mirrored test says of growth; ``unsound``: it may not show any."""
    tolerate, detect = growth
    found = _judged(
        mirrored, levels, tolerate=_lost(tolerate), detect=_lost(detect), volume_alone=False
    )
    statistic, quantity = GROWN[found.statistic]
    return Growth(
        statistic=statistic,
        quantity=quantity,
        tolerate=tolerate,
        detect=detect,
        estimate=_grown(mirrored.loss(found.statistic)),
        low=None if unsound or found.low is None else _grown(found.low),
        high=_grown(found.high),
        pvalue_fail=None if unsound else found.pvalue_fail,
        pvalue_pass=found.pvalue_pass,
    )


def _note(mirrored: PairTest, levels: Levels, tolerate: float) -> tuple[str, ...]:
    """Return a note on growth beyond ``tolerate`` if it is shown."""
    near = _lost(tolerate)
    fails = mirrored.pvalues_fail(near)
    decided = min(fails, key=lambda name: fails[name])
    if fails[decided] > levels.alpha:
        return ()
    low = mirrored.low(decided, alpha=levels.alpha, near=near)
    estimate = _grown(mirrored.loss(decided))
    least = tolerate if low is None else max(tolerate, _grown(low) or tolerate)
    return growth_note(GROWN[decided][1], estimate, least)


def _lost(growth: float) -> float:
    """Return the share of the grown variance that the reference lacks."""
    return growth / (1 + growth)


def _grown(loss: float) -> float | None:
    """Return the growth of which :func:`_lost` is ``loss``; None if it has no end."""
    return loss / (1 - loss) if loss < 1 else None


def never_passes(reference: Rows) -> str | None:
    """Return which column has tails too heavy for a variance to be shown to be kept, or None."""
    for column in reference.varying:
        found = kurtosis(reference.values[:, column])
        if found > HEAVY:
            return (
                f"the kurtosis of {reference.label(column)} is {found:.3g} > {HEAVY:g}, and among "
                "several columns such a variance never passes: transform that column (a logarithm, "
                "say) or judge it on its own"
            )
    return None


def size_to_pass(
    reference: Rows,
    levels: Levels,
    m: int | None,
    *,
    detect: float,
    growth: tuple[float, float] | None,
) -> int | None:
    """Return the n at which unchanged covariances pass by both statistics, in both directions."""
    gap, miss = -math.log1p(-detect), levels.miss
    if growth is not None:  # each direction takes half of the misses
        gap, miss = min(gap, math.log1p(growth[1])), miss / 2
    d = reference.white.dimension
    volume = _volume_spread(reference) * (power.distance(levels.beta, miss) / gap) ** 2
    # Of d directions the one found weakest, which then counts as if it had been known.
    edge = power.edge_quantile(d, miss) - math.sqrt(2) * float(ndtri(levels.beta))
    weakest = _direction_spread(reference) / 2 * (edge / gap) ** 2
    return power.size(max(volume, weakest), m, least=max(LEAST_ROWS, d + 1))


def size_to_fail(
    reference: Rows,
    levels: Levels,
    m: int | None,
    *,
    tolerate: float,
    detect: float,
    growth: tuple[float, float] | None,
) -> int | None:
    """Return the n at which a loss, or a growth, of ``detect`` fails, be it along one direction.

    Each statistic is given half of the level, which min-P improves on.
    """
    gap = math.log1p(-tolerate) - math.log1p(-detect)
    if growth is not None:
        gap = min(gap, math.log1p(growth[1]) - math.log1p(growth[0]))
    d = reference.white.dimension
    edge = power.edge_quantile(d, levels.directed(growth).alpha / 2) - math.sqrt(2) * float(
        ndtri(levels.miss)
    )
    weakest = _direction_spread(reference) / 2 * (edge / gap) ** 2
    return power.size(weakest, m, least=max(LEAST_ROWS, d + 1))


def _or_none_below(bound: float | None) -> float:
    return -math.inf if bound is None else bound


def _withheld(test: PairTest, reference: Rows, rows: int) -> str | None:
    if rows < LEAST_ROWS:
        return f"fewer than {LEAST_ROWS} rows show nothing to be kept"
    never = never_passes(reference)
    if never is None and test.weakest_kurtosis > HEAVY:
        never = (
            f"the reference's kurtosis along the weakest direction is {test.weakest_kurtosis:.3g} "
            f"> {HEAVY:g}: such a variance never passes"
        )
    return never


def _heavy(white: NDArray[np.float64]) -> bool:
    """Return whether generated rows have tails so heavy that one direction's variance says little.

    The relabelled weakest direction isn't studentised: rows with heavier tails than the reference
    seem to lose variance where they are few. The volume alone may then fail.
    """
    varying = (column for column in white.T if column.min() < column.max())
    return any(kurtosis(column) > HEAVY for column in varying)


def _volume_spread(reference: Rows) -> float:
    """Return the variance of log det / d times the sample size: 2/d for a normal law."""
    lengths = np.square(reference.white(reference.values)).sum(axis=1)
    return float(lengths.var()) / reference.white.dimension**2


def _direction_spread(reference: Rows) -> float:
    """Return the variance of a direction's log-variance times the sample size, for the heaviest."""
    lines = [
        *reference.white(reference.values).T,
        *reference.values[:, reference.varying].T,
    ]
    return max(map(kurtosis, lines)) - 1
