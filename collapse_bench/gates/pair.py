"""The variance check in several columns: the volume of the spread, and its weakest direction."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from collapse_bench.errors import UndefinedMetric
from collapse_bench.gates import by_unit, clustered
from collapse_bench.gates.evidence import Evidence, growth_note, growth_untold
from collapse_bench.gates.levels import LEAST_ROWS, Levels
from collapse_bench.gates.rows import Rows, dropped
from collapse_bench.gates.scales import Scale
from collapse_bench.gates.verdict import Growth
from collapse_bench.statistics import power
from collapse_bench.statistics.cluster_covariance import cluster_pair_test, square_sums
from collapse_bench.statistics.cluster_transport import ClusteredRows
from collapse_bench.statistics.covariance import STATISTICS, PairTest, Statistic, pair_test
from collapse_bench.statistics.spread import HEAVY, kurtosis
from collapse_bench.streams import generator

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


class PairSetting(by_unit.Judged, Protocol):
    """The settings of a variance check that matter here."""

    @property
    def scale(self) -> Scale: ...


def evidence(
    check: PairSetting, samples: Rows, reference: Rows, levels: Levels, *, seed: int
) -> Evidence:
    """Return what the samples say of both statistics, in terms of the one that decides.

    Of a single one where ``check.scale`` names it.
    """
    among, growth = _among(check), check.growth
    n, d = len(samples), reference.white.dimension
    sizes = () if reference.units is None else (clustered.sizes_note(samples, reference),)
    unclear = Evidence(
        _name(among[0], reference),
        QUANTITIES[among[0]],
        notes=(*dropped(reference, reference.white.dependent), *sizes),
        growth=growth_untold(*GROWN[among[0]], growth),
    )
    constant = n > 1 and bool((samples.values == samples.values[0]).all())
    if n <= d and not constant:
        return replace(
            unclear, withheld=f"{n} {_units(reference)} can't span the {d} directions judged"
        )
    ours, theirs = reference.white(samples.values), reference.white(reference.values)
    try:
        test = _test(check, (samples, ours), (reference, theirs), seed)
    except UndefinedMetric as error:
        return replace(unclear, withheld=str(error))
    heavy = _heavy(ours)
    at = levels.directed(growth)
    lost = _judged(test, at, among, tolerate=check.tolerate, detect=check.detect, heavy=heavy)
    unsound = never_passes(reference) is not None or _heavy(theirs)
    mirrored = test.mirrored()
    few = _few(samples, reference)
    withheld = few or _withheld(test, reference, among, heavy=_heavy(theirs))
    if growth is None:
        grown = None
        notes = () if unsound else _note(mirrored, at, check.tolerate, among)
    else:
        grown, notes = _growth(mirrored, at, among, growth, unsound=unsound), ()
        along = among != ("logdet",) and mirrored.weakest_kurtosis > HEAVY
        if withheld is None and (heavy or along):
            withheld = (
                f"the samples' kurtosis exceeds {HEAVY:g} along some direction: no growth of such "
                "a variance can be excluded"
            )
    if heavy and among == ("weakest_direction",):
        notes = (
            f"the samples' kurtosis exceeds {HEAVY:g} along some direction: their weakest "
            "direction can't show a loss",
            *notes,
        )
    return replace(
        unclear,
        statistic=_name(lost.statistic, reference),
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


def _name(statistic: Statistic, reference: Rows) -> str:
    """Return what a statistic is called, by rows or by clusters."""
    return statistic if reference.units is None else f"{statistic}_by_cluster"


def _units(reference: Rows) -> str:
    return "rows" if reference.units is None else "clusters"


def _test(
    check: PairSetting,
    ours: tuple[Rows, NDArray[np.float64]],
    theirs: tuple[Rows, NDArray[np.float64]],
    seed: int,
) -> PairTest:
    """Return the test of two samples in white coordinates, by rows or by clusters."""
    rng = generator(seed, "check", check.metric, "relabel")
    samples, reference = ours[0].units, theirs[0].units
    if samples is None or reference is None:
        return pair_test(ours[1], theirs[1], permutations=check.permutations, rng=rng)
    return cluster_pair_test(
        ClusteredRows(ours[1], samples),
        ClusteredRows(theirs[1], reference),
        permutations=check.permutations,
        rng=rng,
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
    test: PairTest,
    levels: Levels,
    among: tuple[Statistic, ...],
    *,
    tolerate: float,
    detect: float,
    heavy: bool,
) -> _Judged:
    """Return what a test says; of ``heavy`` rows the weakest direction shows no loss."""
    fails = test.pvalues_fail(tolerate, among)
    every = test.pvalues_pass(detect)
    passes = {name: every[name] for name in among}
    lows = {name: test.low(name, alpha=levels.alpha, near=tolerate, among=among) for name in among}
    if heavy and "weakest_direction" in among:
        fails["weakest_direction"], lows["weakest_direction"] = 1.0, None
    highs = {name: test.high(name, beta=levels.beta, near=detect) for name in among}
    if min(fails.values()) <= levels.alpha:  # the one that shows the larger loss
        decided = max(among, key=lambda name: _or_none_below(lows[name]))
    else:  # the one that excludes less
        decided = max(among, key=lambda name: highs[name])
    return _Judged(
        decided, lows[decided], highs[decided], min(fails.values()), max(passes.values())
    )


def _growth(
    mirrored: PairTest,
    levels: Levels,
    among: tuple[Statistic, ...],
    growth: tuple[float, float],
    *,
    unsound: bool,
) -> Growth:
    """Return what the mirrored test says of growth; ``unsound``: it may not show any."""
    tolerate, detect = growth
    found = _judged(
        mirrored, levels, among, tolerate=_lost(tolerate), detect=_lost(detect), heavy=False
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


def _note(
    mirrored: PairTest, levels: Levels, tolerate: float, among: tuple[Statistic, ...]
) -> tuple[str, ...]:
    """Return a note on growth beyond ``tolerate`` if it is shown."""
    near = _lost(tolerate)
    fails = mirrored.pvalues_fail(near, among)
    decided = min(fails, key=lambda name: fails[name])
    if fails[decided] > levels.alpha:
        return ()
    low = mirrored.low(decided, alpha=levels.alpha, near=near, among=among)
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


def size_to_pass(check: PairSetting, reference: Rows, levels: Levels, m: int | None) -> int | None:
    """Return the n at which unchanged covariances pass by each statistic, in both directions."""
    gap, miss = -math.log1p(-check.detect), levels.miss
    if check.growth is not None:  # each direction takes half of the misses
        gap, miss = min(gap, math.log1p(check.growth[1])), miss / 2
    d, among = reference.white.dimension, _among(check)
    harmonic = 0.0
    if "logdet" in among:
        harmonic = _volume_spread(reference) * (power.distance(levels.beta, miss) / gap) ** 2
    if "weakest_direction" in among:
        # Of d directions the one found weakest, which then counts as if it had been known.
        edge = power.edge_quantile(d, miss) - math.sqrt(2) * float(ndtri(levels.beta))
        harmonic = max(harmonic, _direction_spread(reference) / 2 * (edge / gap) ** 2)
    return power.size(harmonic, m, least=max(LEAST_ROWS, d + 1))


def size_to_fail(check: PairSetting, reference: Rows, levels: Levels, m: int | None) -> int | None:
    """Return the n at which a loss, or a growth, of ``detect`` fails, be it along one direction.

    Of both statistics each is given half of the level, which min-P improves on. The volume alone
    shows a loss of all directions together.
    """
    gap = math.log1p(-check.tolerate) - math.log1p(-check.detect)
    if check.growth is not None:
        gap = min(gap, math.log1p(check.growth[1]) - math.log1p(check.growth[0]))
    d, among = reference.white.dimension, _among(check)
    alpha = levels.directed(check.growth).alpha
    if among == ("logdet",):
        harmonic = _volume_spread(reference) * (power.distance(alpha, levels.miss) / gap) ** 2
    else:
        edge = power.edge_quantile(d, alpha / len(among)) - math.sqrt(2) * float(ndtri(levels.miss))
        harmonic = _direction_spread(reference) / 2 * (edge / gap) ** 2
    return power.size(harmonic, m, least=max(LEAST_ROWS, d + 1))


def _among(check: PairSetting) -> tuple[Statistic, ...]:
    """Return the statistics that are judged."""
    if check.scale == "logdet" or check.scale == "weakest_direction":
        return (check.scale,)
    return STATISTICS


def _or_none_below(bound: float | None) -> float:
    return -math.inf if bound is None else bound


def _few(samples: Rows, reference: Rows) -> str | None:
    """Return that so few rows or clusters show nothing, or None."""
    if reference.units is not None:
        return clustered.few_clusters(samples, reference)
    if min(len(samples), len(reference)) < LEAST_ROWS:
        return f"fewer than {LEAST_ROWS} rows show nothing to be kept"
    return None


def _withheld(
    test: PairTest, reference: Rows, among: tuple[Statistic, ...], *, heavy: bool
) -> str | None:
    """Return why nothing may pass; ``heavy``: the reference has tails in some direction."""
    never = never_passes(reference)
    if never is not None:
        return never
    if among == ("logdet",):
        along = "some direction exceeds" if heavy else None
    else:
        found = test.weakest_kurtosis
        along = f"the weakest direction is {found:.3g} >" if found > HEAVY else None
    if along is None:
        return None
    return f"the reference's kurtosis along {along} {HEAVY:g}: such a variance never passes"


def _heavy(white: NDArray[np.float64]) -> bool:
    """Return whether generated rows have tails so heavy that one direction's variance says little.

    The relabelled weakest direction isn't studentised: rows with heavier tails than the reference
    seem to lose variance where they are few. The volume alone may then fail.
    """
    varying = (column for column in white.T if column.min() < column.max())
    return any(kurtosis(column) > HEAVY for column in varying)


def _volume_spread(reference: Rows) -> float:
    """Return the variance of log det / d times the sample size: 2/d for normal rows."""
    if reference.units is not None:
        white = reference.white(reference.values)
        return _by_cluster(ClusteredRows(white, reference.units))
    lengths = np.square(reference.white(reference.values)).sum(axis=1)
    return float(lengths.var()) / reference.white.dimension**2


def _direction_spread(reference: Rows) -> float:
    """Return the variance of a direction's log-variance times the sample size, for the heaviest."""
    lines = [
        *reference.white(reference.values).T,
        *reference.values[:, reference.varying].T,
    ]
    if reference.units is not None:
        one = np.ones(1)
        return max(
            _by_cluster(ClusteredRows(line[:, None], reference.units), one) for line in lines
        )
    return max(map(kurtosis, lines)) - 1


def _by_cluster(sample: ClusteredRows, direction: NDArray[np.float64] | None = None) -> float:
    """Return the variance of the log of mean squares times the number of clusters."""
    x, w = square_sums(sample, direction)
    return float(np.mean(np.square(x - x.sum() / w.sum() * w)) / x.mean() ** 2)
