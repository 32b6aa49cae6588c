"""From the evidence to a verdict: the same rules for every check."""

from __future__ import annotations

import math
from dataclasses import replace

from collapse_bench.gates.evidence import Evidence, Setting, check_kind
from collapse_bench.gates.levels import Levels, check_permutations
from collapse_bench.gates.rows import Data
from collapse_bench.gates.verdict import Growth, Outcome, Verdict

__all__ = ["conclude", "decide", "judge"]


def judge(
    setting: Setting, samples: Data, reference: Data, levels: Levels, *, seed: int
) -> Verdict:
    """Return the verdict on samples at these levels."""
    check_kind(setting, reference)
    check_permutations(setting.permutations, levels)
    evidence = setting.evidence(samples, reference, levels, seed=seed)
    needed, explained = None, None
    if decide(evidence, levels) == "inconclusive":
        what = "loss" if evidence.growth is None else "loss or the growth"
        needed, explained = _needed(
            setting, len(samples), reference, levels, evidence.withheld, what
        )
    return conclude(setting, evidence, levels, (len(samples), len(reference)), needed, explained)


def conclude(
    setting: Setting,
    evidence: Evidence,
    levels: Levels,
    sizes: tuple[int, int],
    needed: tuple[int | None, int | None] | None,
    explained: str | None,
) -> Verdict:
    """Return the verdict that evidence comes to.

    Parameters
    ----------
    sizes
        Rows judged, and of the reference.
    needed, explained
        Sizes at which a model without loss would pass, and why this one doesn't, if it doesn't.
    """
    at, growth = levels.directed(evidence.growth), evidence.growth
    reasons = [f"can't pass: {evidence.withheld}"] if evidence.withheld else []
    if growth is not None and _at_most(growth.pvalue_fail, at.alpha):
        reasons.append("growth beyond its tolerate is shown")
    reasons += [explained] if explained else []
    low, estimate, high = _consistent(
        evidence, at, setting.tolerate, setting.detect, withheld=evidence.withheld is not None
    )
    return Verdict(
        outcome=decide(evidence, levels),
        metric=setting.metric,
        statistic=evidence.statistic,
        estimate=estimate,
        low=low,
        high=high,
        tolerate=float(setting.tolerate),
        detect=float(setting.detect),
        alpha=at.alpha,
        beta=at.beta,
        pvalue_fail=evidence.pvalue_fail,
        pvalue_pass=None if evidence.withheld else evidence.pvalue_pass,
        size=sizes[0],
        reference_size=sizes[1],
        size_needed=needed,
        reason="; ".join([*reasons, *evidence.notes]) or None,
        quantity=evidence.quantity,
        notes=evidence.notes,
        growth=_grown(growth, at, withheld=evidence.withheld is not None),
    )


def decide(evidence: Evidence, levels: Levels) -> Outcome:
    """Return what the p-values say at their levels; what is shown to be wrong comes first.

    Where growth is judged too, each direction may fail, at half of the level, and a pass takes
    both: the first is Bonferroni's inequality, the second an intersection-union test.
    """
    at = levels.directed(evidence.growth)
    sides: list[Evidence | Growth] = (
        [evidence] if evidence.growth is None else [evidence, evidence.growth]
    )
    if any(_at_most(side.pvalue_fail, at.alpha) for side in sides):
        return "fail"
    if evidence.withheld or not all(_at_most(side.pvalue_pass, at.beta) for side in sides):
        return "inconclusive"
    return "pass"


def _at_most(pvalue: float | None, level: float) -> bool:
    return pvalue is not None and pvalue <= level


def _grown(growth: Growth | None, levels: Levels, *, withheld: bool) -> Growth | None:
    """Return what is said of growth, its bounds on the sides that the p-values say."""
    if growth is None:
        return None
    low, estimate, high = _consistent(
        growth, levels, growth.tolerate, growth.detect, withheld=withheld
    )
    passes = None if withheld else growth.pvalue_pass
    return replace(growth, low=low, estimate=estimate, high=high, pvalue_pass=passes)


def _consistent(
    side: Evidence | Growth, levels: Levels, tolerate: float, detect: float, *, withheld: bool
) -> tuple[float | None, float | None, float | None]:
    """Return low, estimate and high on the sides of the effect sizes that the p-values say.

    p-values of relabellings step, and bounds are found to six digits: next to an effect size the
    two may disagree in the last one. A pass that is withheld leaves no upper bound.
    """
    low, estimate, high = side.low, side.estimate, side.high
    shown = _at_most(side.pvalue_fail, levels.alpha)
    excluded = _at_most(side.pvalue_pass, levels.beta)
    if shown:
        low = max(tolerate if low is None else low, math.nextafter(tolerate, math.inf))
    elif low is not None:
        low = min(low, tolerate)
    if withheld or (high is not None and not math.isfinite(high)):
        high = None
    elif high is not None and side.pvalue_pass is not None:
        high = min(high, math.nextafter(detect, -math.inf)) if excluded else max(high, detect)
    if estimate is not None:  # tests of a few rows needn't hold what was estimated
        low = low if low is None or shown else min(low, estimate)
        high = high if high is None or excluded else max(high, estimate)
    return low, estimate, high


def _needed(
    setting: Setting, size: int, reference: Data, levels: Levels, withheld: str | None, what: str
) -> tuple[tuple[int | None, int | None] | None, str | None]:
    """Return the sizes at which a model without loss would pass, and what was in the way here."""
    never = setting.never_passes(reference)
    if never is not None:
        return None, None if withheld else never
    needed = setting.size_to_pass(reference, levels, len(reference))
    if needed is not None:
        sizes = f"a loss-free model passes with n = {needed:,} and m = {len(reference):,}"
        if size >= needed:
            sizes = f"the {what} may lie between tolerate and detect ({sizes})"
        return (needed, len(reference)), None if withheld and size >= needed else sizes
    both = setting.size_to_pass(reference, levels, None)
    if both is None:
        return None, "no number of rows is enough"
    return (None, both), (
        "no number of samples is enough against so small a reference: "
        f"a loss-free model passes with m = {both:,} and as many samples"
    )
