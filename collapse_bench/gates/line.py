"""The variance check on the line: the plain variance, and spreads that few values don't decide."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binom

from collapse_bench.gates import by_unit, clustered
from collapse_bench.gates.evidence import Evidence, growth_untold
from collapse_bench.gates.levels import LEAST_ROWS, Levels
from collapse_bench.gates.rows import Rows, dropped
from collapse_bench.gates.scales import Form, Robust, Scale, form_of, too_few
from collapse_bench.gates.verdict import Growth
from collapse_bench.statistics.mad import deviation
from collapse_bench.statistics.robust import RobustTest, RobustVariance
from collapse_bench.statistics.spread import HEAVY, SpreadTest, kurtosis, spread_test
from collapse_bench.statistics.winsorized import SHARE
from collapse_bench.streams import generator

__all__ = ["evidence", "never_passes", "size_to_fail", "size_to_pass"]

Line = NDArray[np.float64]


class LineSetting(by_unit.Judged, Protocol):
    """The settings of a variance check that matter here."""

    @property
    def scale(self) -> Scale: ...


def evidence(
    check: LineSetting, samples: Rows, reference: Rows, levels: Levels, *, seed: int
) -> Evidence:
    """Return what the samples say of the spread that the reference's shape calls for."""
    ours, theirs = (reference.white(rows.values)[:, 0] for rows in (samples, reference))
    form = _form(check, reference)
    if reference.units is not None:
        found = _by_cluster(check, form, (samples, ours), (reference, theirs), levels, seed=seed)
    elif form.robust is not None:
        found = _robust(check, form, form.robust, np.sort(ours), np.sort(theirs), levels)
    else:
        found = _plain(check, np.sort(ours), np.sort(theirs), levels, seed=seed)
    growth, grown = found.growth, found.notes
    if form.withheld:  # by the plain variance of a heavy-tailed reference no growth is shown
        growth, grown = growth and replace(growth, low=None, pvalue_fail=None), ()
    if reference.units is not None:
        grown = (*grown, clustered.sizes_note(samples, reference))
    return replace(
        found,
        withheld=form.withheld or found.withheld,
        notes=(*form.notes, *dropped(reference, reference.white.dependent), *grown),
        growth=growth,
    )


def never_passes(check: LineSetting, reference: Rows) -> str | None:
    """Return that the reference's tails are too heavy for what is compared, or None."""
    return _form(check, reference).withheld


def size_to_pass(check: LineSetting, reference: Rows, levels: Levels, m: int | None) -> int | None:
    """Return the n at which an unchanged spread passes, by the delta method."""
    spread, least = _spread(check, reference)
    return by_unit.size_to_pass(check, spread, levels, m, least=least)


def size_to_fail(check: LineSetting, reference: Rows, levels: Levels, m: int | None) -> int | None:
    """Return the n at which a loss, or a growth, of its ``detect`` fails; delta method."""
    spread, least = _spread(check, reference)
    return by_unit.size_to_fail(check, spread, levels, m, least=least)


def _form(check: LineSetting, reference: Rows) -> Form:
    line = np.sort(reference.white(reference.values)[:, 0])
    return form_of(line, check.scale, reference.label(int(reference.varying[0])))


def _spread(check: LineSetting, reference: Rows) -> tuple[float | None, int]:
    """Return the log-spread's variance times the reference's size, and the least size."""
    line, form = reference.white(reference.values)[:, 0], _form(check, reference)
    if reference.units is not None:
        units = clustered.variance_units(reference, line, form)
        least = clustered.least_clusters(reference, form.robust.least if form.robust else 0)
        return by_unit.spread_of(units), least
    if form.robust is None:
        return kurtosis(line) - 1, LEAST_ROWS
    return RobustVariance.of(*form.robust.influence(np.sort(line))).spread, form.robust.least


def _plain(check: LineSetting, ours: Line, theirs: Line, levels: Levels, *, seed: int) -> Evidence:
    few = too_few(min(len(ours), len(theirs)), LEAST_ROWS)
    if len(ours) < 2:
        untold = growth_untold("variance", "variance", check.growth)
        single = "a single row has no variance"
        return Evidence("variance", "variance", withheld=single, growth=untold)
    if ours[0] == ours[-1]:
        chance = _most_frequent(theirs) ** (len(ours) - 1)
        return _constant(check, "variance", "variance", chance, levels, few)
    rng = generator(seed, "check", check.metric, "relabel")
    test = spread_test(ours, theirs, permutations=check.permutations, rng=rng)
    found = _tested(check, "variance", "variance", test, levels)
    if found.growth is not None and few is None:
        few = _heavy(ours)
    return replace(found, withheld=few)


def _robust(
    check: LineSetting, form: Form, robust: Robust, ours: Line, theirs: Line, levels: Levels
) -> Evidence:
    few = too_few(min(len(ours), len(theirs)), robust.least)
    chance = _chance_of_no_spread(form, ours, theirs, few=few is not None)
    if chance is not None:
        return _constant(check, form.spread, form.quantity, chance, levels, few)
    tied = None if few else _tied(form, robust, ours)
    if few or (tied and form.spread == "mad"):  # a tied median has no standard error at all
        untold = growth_untold(form.spread, form.quantity, check.growth)
        return Evidence(form.spread, form.quantity, withheld=few or tied, growth=untold)
    sides = [RobustVariance.of(*robust.influence(values)) for values in (ours, theirs)]
    found = _tested(check, form.spread, form.quantity, RobustTest(*sides), levels)
    return replace(found, withheld=tied)


def _by_cluster(
    check: LineSetting,
    form: Form,
    ours: tuple[Rows, Line],
    theirs: tuple[Rows, Line],
    levels: Levels,
    *,
    seed: int,
) -> Evidence:
    """Return what the clusters' shares of a spread say, relabelled as wholes."""
    robust, line = form.robust, ours[1]
    few = clustered.few_clusters(ours[0], theirs[0])
    tied = None
    if robust is not None:
        few = few or too_few(min(len(line), len(theirs[1])), robust.least)
        tied = None if few or not _varies(form, line) else _tied(form, robust, np.sort(line))
    if robust is not None and (few or (tied and form.spread == "mad")):
        untold = growth_untold(form.spread, form.quantity, check.growth)
        return Evidence(form.spread, form.quantity, withheld=few or tied, growth=untold)
    if robust is None and few is None and check.growth is not None and line.min() < line.max():
        few = _heavy(line)
    return by_unit.evidence(
        check,
        clustered.variance_units(*ours, form),
        clustered.variance_units(*theirs, form),
        levels,
        statistic=f"{form.spread}_by_cluster",
        quantity=form.quantity,
        seed=seed,
        withheld=few or tied,
    )


def _tested(
    check: LineSetting,
    statistic: str,
    quantity: str,
    test: SpreadTest | RobustTest,
    levels: Levels,
) -> Evidence:
    """Return what a test of two spreads says of loss and growth."""
    at = levels.directed(check.growth)
    low, high = test.bounds(alpha=at.alpha, beta=at.beta)
    growth, grown = by_unit.growth_of(check, test, at, statistic, quantity)
    return Evidence(
        statistic,
        quantity,
        estimate=test.loss,
        low=low,
        high=high,
        pvalue_fail=test.pvalue_fail(check.tolerate),
        pvalue_pass=test.pvalue_pass(check.detect),
        notes=grown,
        growth=growth,
    )


def _constant(
    check: LineSetting,
    statistic: str,
    quantity: str,
    chance: float,
    levels: Levels,
    withheld: str | None,
) -> Evidence:
    """Return what rows without spread say; ``chance`` that the reference's law gives such rows."""
    growth = None
    if check.growth is not None:
        growth = Growth(
            statistic,
            quantity,
            *check.growth,
            estimate=-1.0,
            low=-1.0,
            high=-1.0 if chance <= levels.beta else None,
            pvalue_fail=1.0,
            pvalue_pass=chance,
        )
    return Evidence(
        statistic,
        quantity,
        estimate=1.0,
        low=1.0 if chance <= levels.directed(check.growth).alpha else None,
        high=1.0,
        pvalue_fail=chance,
        pvalue_pass=1.0,
        withheld=withheld,
        growth=growth,
    )


def _chance_of_no_spread(form: Form, ours: Line, theirs: Line, *, few: bool) -> float | None:
    """Return how likely so many equal rows are under the reference's law; None if they vary."""
    size, often = len(ours), _most_frequent(theirs)
    if form.spread == "mad":
        if deviation(ours) > 0:
            return None
        equal = int(np.count_nonzero(ours == np.median(ours)))
        # Over all values that could be the one: a chance this convex is largest for the commonest.
        return min(1.0, float(binom.sf(equal - 1, size, often)) / often)
    middle = ours if few else ours[_inner(size)]
    if size < 2 or middle[0] < middle[-1]:
        return None
    return often ** (len(middle) - 1)


def _varies(form: Form, line: Line) -> bool:
    """Return whether the part of generated values that a robust spread sees isn't one value."""
    if form.spread == "mad":
        return deviation(line) > 0
    middle = np.sort(line)[_inner(len(line))]
    return bool(middle[0] < middle[-1])


def _inner(size: int) -> slice:
    """Return the order statistics inside both 1 % quantiles."""
    return slice(math.floor(SHARE * (size - 1)), math.ceil((1 - SHARE) * (size - 1)) + 1)


def _most_frequent(theirs: Line) -> float:
    """Return the share of the reference's commonest value."""
    return float(np.unique(theirs, return_counts=True)[1].max() / len(theirs))


def _tied(form: Form, robust: Robust, ours: Line) -> str | None:
    """Return where sorted generated values are tied, or None."""
    if not robust.on_lattice(ours):
        return None
    where = "quantiles" if form.spread == "winsorized" else robust.place
    return f"generated values are tied near their {where}"


def _heavy(ours: Line) -> str | None:
    """Return that generated rows have tails too heavy for growth to be excluded, or None."""
    found = kurtosis(ours)
    if not found > HEAVY:
        return None
    return (
        f"the samples' kurtosis is {found:.3g} > {HEAVY:g}: by their plain variance no growth can "
        "be excluded"
    )
