"""The model as a link in a recursion: what becomes of it when it is fitted to its own draws."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import t

from collapse_bench.conformance.catalog import conformance_check
from collapse_bench.conformance.frame import Stage, frame_of
from collapse_bench.conformance.lineages import (
    EVALUATED,
    GENERATIONS,
    GROWTH,
    LOSS,
    POOLED,
    SIZE,
    lineages_of,
    pooled_changes,
    run_lineage,
)
from collapse_bench.conformance.outcomes import fail, skip, undecided
from collapse_bench.conformance.subject import Subject
from collapse_bench.models import Samples
from collapse_bench.statistics.drift import DriftTest

__all__ = [
    "check_accumulate_stable",
    "check_neutral_drift",
    "check_no_expansion",
    "check_real_only_fixed_point",
    "check_support_nesting",
    "check_tail_coverage",
]

Array = NDArray[np.float64]

# Loss of the tail's mass over all generations, beyond the neutral one: may be, must be noticed.
TAIL_LOSS = (0.2, 0.5)
# Lineages fitted to real rows alone, and at most: 2^18 ways to exchange their first and their last
# generation make the smallest p-value 2^-17 for each of two statistics.
REAL_LINEAGES, MOST_LINEAGES = 18, 22
# What of a trend over the generations must be noticed: of the location in standard deviations,
# and of the logarithm of the spread.
TREND = 0.3
NESTED_LINEAGES = 3


@conformance_check("link", statistical=True)
def check_neutral_drift(subject: Subject) -> str | None:
    """A lineage loses variance no faster than finite samples make any model lose it.

    Lineages of five generations, 200 rows each, start at the ready model; the loss a generation in
    excess of neutral lineages, those of a model that resamples its rows, may be .05 and must be
    noticed from .20 on. Failing and passing take Welch's t-test and the law of neutral means both,
    as in :func:`~collapse_bench.gates.check_drift`, at the check's level and at beta; the number of
    lineages is planned (99.9 %). The variance is that of 1,000 draws of the founder and of the last
    generation, in several columns its mean in the truth's units; of codes, their Gini-Simpson
    index.
    """
    lineages = lineages_of(subject)
    test = DriftTest.of(lineages.changes, lineages.neutral_changes, GENERATIONS, detect=LOSS[1])
    told = _rates(test, lineages.changes, lineages.neutral_changes)
    return _decided(
        subject,
        test.pvalue_at_most(LOSS[0]),
        test.pvalue_at_least(LOSS[1]),
        "a lineage must lose no more variance than a neutral one does, "
        f"{LOSS[0]:g} a generation may be",
        told,
        f"a loss of {LOSS[1]:g} a generation",
    )


@conformance_check("link", statistical=True)
def check_no_expansion(subject: Subject) -> str | None:
    """A lineage doesn't gain variance: its draws don't spread from generation to generation.

    The lineages of :func:`check_neutral_drift`, looked at from the other side: growth a generation
    may be .05 and must be noticed from .20 on, in excess of neutral lineages and by itself. Of a
    heavy-tailed truth neutral lineages lose much; a model that loses less doesn't expand. Failing
    takes both tests, passing either, at half of beta.
    """
    lineages = lineages_of(subject)
    test = DriftTest.of(lineages.changes, lineages.neutral_changes, GENERATIONS, detect=LOSS[1])
    still = np.zeros_like(lineages.neutral_changes)
    alone = DriftTest.of(lineages.changes, still, GENERATIONS, detect=LOSS[1])
    return _decided(
        subject,
        max(found.pvalue_at_least(-GROWTH[0]) for found in (test, alone)),
        1.0
        if test.collapsed == len(test.changes)
        else 2 * min(found.pvalue_at_most(-GROWTH[1]) for found in (test, alone)),
        f"a lineage must gain no variance beyond a neutral one, {GROWTH[0]:g} a generation may be",
        _rates(test, lineages.changes, lineages.neutral_changes),
        f"a growth of {GROWTH[1]:g} a generation",
    )


@conformance_check("link", statistical=True)
def check_tail_coverage(subject: Subject) -> str | None:
    """After five generations the truth's tail is still drawn as often as neutral lineages draw it.

    The tail is the fifth of the truth that lies farthest from its center, or is rarest. In a
    neutral lineage the number of rows there is a chain of binomial counts, simulated 50,000 times.
    The mean root of that mass over the lineages of :func:`check_neutral_drift` is held against
    it by both tests named there; .2 of the tail may be lost beyond that, .5 must be noticed.
    """
    lineages = lineages_of(subject)
    if not lineages.neutral_tails.mean() > 0:
        skip("the truth has too few values for a tail of its own")
    kept = float(lineages.tails.mean() / lineages.neutral_tails.mean()) ** 2
    # a neutral lineage that lost a share of its tail has its root mass times a constant
    may, must = (
        DriftTest(lineages.tails, lineages.neutral_tails * math.sqrt(1 - loss), 1)
        for loss in TAIL_LOSS
    )
    told = (
        f"a loss of {1 - kept:.3g} of the tail beyond the neutral one after {GENERATIONS} "
        f"generations of {SIZE} rows, over {len(lineages.tails)} lineages"
    )
    return _decided(
        subject,
        may.pvalue_at_most(0.0),
        must.pvalue_at_least(0.0),
        f"a lineage must keep its tail as a neutral one does, {TAIL_LOSS[0]:g} may be lost",
        told,
        f"a loss of {TAIL_LOSS[1]:g}",
    )


@conformance_check("link")
def check_support_nesting(subject: Subject) -> str | None:
    """Every draw of a generation is among the rows that it was fitted to, where that is claimed.

    Asked of models with ``nested_support = True``. Exact: three lineages of five generations.
    """
    stage = frame_of(subject, subject.check)
    if not subject.declares("nested_support"):
        skip("the model doesn't claim it: there is no nested_support = True")
    fits = NESTED_LINEAGES * GENERATIONS
    stage.afford(f"{fits} fits", fits=fits, size=SIZE, draws=fits * EVALUATED)
    for r in range(NESTED_LINEAGES):
        given: list[Samples] = []

        def compose(newest: Any, step: int, r: int = r, given: list[Samples] = given) -> Samples:
            given.append(subject.draw(SIZE, r, "rows", step, model=newest))
            return given[-1]

        for step, model in enumerate(run_lineage(subject, r, compose)):
            drawn = subject.draw(EVALUATED, r, "draws", step, model=model)
            strangers = {_key(row) for row in drawn} - {_key(row) for row in given[step]}
            if strangers:
                fail(
                    "with nested_support every draw must be among the rows of the fit; got "
                    f"{len(strangers)} values of {EVALUATED:,} draws that are not, such as "
                    f"{min(strangers)}, in generation {step + 1}"
                )
    return f"{fits} fits drew nothing but rows they were given"


@conformance_check("link", statistical=True)
def check_accumulate_stable(subject: Subject) -> str | None:
    """Where every generation is fitted to all draws so far, the variance stays what it was.

    Lineages of five generations, 200 new rows each, 24 or as many as it takes. In theory, and in
    neutral lineages that pool their rows, next to nothing is lost; in excess of those, .05 of the
    variance may be lost or gained in all, and .20 lost (.25 gained) must be noticed. Both tests of
    :func:`check_neutral_drift`, half of the check's level for each direction.
    """
    changes, neutral = pooled_changes(subject)
    test = DriftTest.of(changes, neutral, 1, detect=POOLED[1])
    grown = [-math.expm1(-math.log1p(-effect)) for effect in POOLED]  # 1 / (1 - loss) - 1, negated
    told = (
        f"a loss of {test.loss:.3g} of the variance beyond the neutral one over {GENERATIONS} "
        f"generations, {len(changes)} lineages"
    )
    return _decided(
        subject,
        2 * min(test.pvalue_at_most(POOLED[0]), test.pvalue_at_least(grown[0])),
        max(test.pvalue_at_least(POOLED[1]), test.pvalue_at_most(grown[1])),
        f"accumulated rows must keep the variance as it was, {POOLED[0]:g} may be lost or gained",
        told,
        f"a loss of {POOLED[1]:g}",
    )


@conformance_check("link", statistical=True)
def check_real_only_fixed_point(subject: Subject) -> str | None:
    """Fitted to fresh real rows in every generation, a lineage stays where it is: no trend.

    Generations depend on their rows alone, so the first and the last may be exchanged: an exact
    test over all 2^18 exchanges in 18 lineages of five generations, of where their draws lie and
    of how far they spread, each at half of the check's level. A trend of .3 standard deviations or
    .3 of the spread is excluded at beta. It finds what a model carries from fit to fit.
    """
    stage = frame_of(subject, subject.check)
    count = max(REAL_LINEAGES, math.ceil(math.log2(4 / subject.level)))
    if count > MOST_LINEAGES:
        undecided(f"the level of {subject.level:.2g} is too small for an exact test: raise alpha")
    stage.afford(
        f"running {count} lineages of {GENERATIONS} generations",
        fits=count * GENERATIONS,
        size=SIZE,
        draws=count * (GENERATIONS * SIZE + 2 * EVALUATED),
    )
    trends = np.array([_trend(stage, r) for r in range(count)])  # (R, 2)
    bounds = []
    for name, values in zip(("location", "log spread"), trends.T, strict=True):
        pvalue = exchange_pvalue(values)
        mean, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(len(values))
        told = (
            f"{name} of the draws moved by {mean:.3g} from generation 1 to {GENERATIONS}, over "
            f"{len(values)} lineages fitted to real rows"
        )
        if 2 * pvalue <= subject.level:
            fail(
                f"fits to real rows must not depend on former fits; got {told}, p = {pvalue:.2g} "
                f"at level {subject.level / 2:.2g}"
            )
        high = abs(mean) + float(t.isf(subject.beta, len(values) - 1)) * error
        bounds.append((high, told))
    high, told = max(bounds)
    if high >= TREND:
        undecided(f"{told}; up to {high:.2g} isn't excluded, {TREND:g} must be")
    return told


def exchange_pvalue(values: Array) -> float:
    """Return the exact two-sided p-value of a mean of 0, if each value may change its sign.

    Parameters
    ----------
    values : shape (r,)
        Differences, independent; r <= 20 or so, since all 2^r changes of sign are summed.
    """
    sums = np.zeros(1)
    for value in values:
        sums = np.concatenate([sums + value, sums - value])
    seen = abs(float(values.sum()))
    return float((np.abs(sums) >= seen * (1 - 1e-12)).mean())  # rounding of sums


def _trend(stage: Stage, r: int) -> tuple[float, float]:
    shared, frame = stage.subject, stage.frame
    models = run_lineage(shared, r, lambda newest, step: shared.draw(SIZE, r, "rows", step))
    first, last = (
        shared.draw(EVALUATED, r, "evaluate", name, model=model)
        for name, model in (("first", models[0]), ("last", models[-1]))
    )
    return frame.location(last) - frame.location(first), frame.spread(last) - frame.spread(first)


def _rates(test: DriftTest, changes: Array, neutral: Array) -> str:
    lost, drift = (-math.expm1(float(x.mean()) / GENERATIONS) for x in (changes, neutral))
    return (
        f"a loss of {test.loss:.3g} of the variance a generation beyond the neutral one "
        f"({lost:.3g} in all, neutral {drift:.3g}), over {len(changes)} lineages "
        f"of {GENERATIONS} generations of {SIZE} rows"
    )


def _decided(
    subject: Subject, fails: float, passes: float, must: str, told: str, detected: str
) -> str:
    __tracebackhide__ = True
    if fails <= subject.level:
        fail(f"{must}; got {told}; p = {fails:.2g} at level {subject.level:.2g}")
    if passes > subject.beta:
        undecided(f"{told}: {detected} isn't excluded (p = {passes:.2g}), nor is a defect shown")
    return told


def _key(row: Any) -> Any:
    return tuple(row.tolist()) if isinstance(row, np.ndarray) else row
