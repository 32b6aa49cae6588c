"""From the evidence to a verdict: the same rules for every check."""

from __future__ import annotations

import math

from collapse_bench.gates.evidence import Evidence, Setting
from collapse_bench.gates.levels import Levels, check_permutations
from collapse_bench.gates.rows import Rows
from collapse_bench.gates.verdict import Outcome, Verdict

__all__ = ["decide", "judge"]


def judge(
    setting: Setting, samples: Rows, reference: Rows, levels: Levels, *, seed: int
) -> Verdict:
    """Return the verdict on samples at these levels."""
    check_permutations(setting.permutations, levels)
    evidence = setting.evidence(samples, reference, levels, seed=seed)
    outcome = decide(evidence, levels)
    reasons = [f"can't pass: {evidence.withheld}"] if evidence.withheld else []
    needed = None
    if outcome == "inconclusive":
        needed, explained = _needed(setting, len(samples), reference, levels, evidence.withheld)
        reasons += [explained] if explained else []
    low, estimate, high = _consistent(evidence, outcome, setting.tolerate, setting.detect)
    return Verdict(
        outcome=outcome,
        metric=setting.metric,
        statistic=evidence.statistic,
        estimate=estimate,
        low=low,
        high=high,
        tolerate=float(setting.tolerate),
        detect=float(setting.detect),
        alpha=levels.alpha,
        beta=levels.beta,
        pvalue_fail=evidence.pvalue_fail,
        pvalue_pass=None if evidence.withheld else evidence.pvalue_pass,
        size=len(samples),
        reference_size=len(reference),
        size_needed=needed,
        reason="; ".join([*reasons, *evidence.notes]) or None,
        quantity=evidence.quantity,
        notes=evidence.notes,
    )


def decide(evidence: Evidence, levels: Levels) -> Outcome:
    """Return what the two p-values say at their levels; a loss that is shown comes first."""
    if evidence.pvalue_fail is not None and evidence.pvalue_fail <= levels.alpha:
        return "fail"
    if evidence.withheld or evidence.pvalue_pass is None or evidence.pvalue_pass > levels.beta:
        return "inconclusive"
    return "pass"


def _consistent(
    evidence: Evidence, outcome: Outcome, tolerate: float, detect: float
) -> tuple[float | None, float | None, float | None]:
    """Return low, estimate and high on the sides of the effect sizes that the p-values say.

    p-values of relabellings step, and bounds are found to six digits: next to an effect size the
    two may disagree in the last one. A pass that is withheld leaves no upper bound.
    """
    low, estimate, high = evidence.low, evidence.estimate, evidence.high
    if outcome == "fail":
        low = max(tolerate if low is None else low, math.nextafter(tolerate, math.inf))
    elif low is not None:
        low = min(low, tolerate)
    if evidence.withheld or (high is not None and not math.isfinite(high)):
        high = None
    elif high is not None and evidence.pvalue_pass is not None:
        excluded = outcome == "pass"
        high = min(high, math.nextafter(detect, -math.inf)) if excluded else high
        high = max(high, detect) if outcome == "inconclusive" else high
    if estimate is not None:  # tests of a few rows needn't hold what was estimated
        low = low if low is None or outcome == "fail" else min(low, estimate)
        high = high if high is None or outcome == "pass" else max(high, estimate)
    return low, estimate, high


def _needed(
    setting: Setting, size: int, reference: Rows, levels: Levels, withheld: str | None
) -> tuple[tuple[int | None, int | None] | None, str | None]:
    """Return the sizes at which a model without loss would pass, and what was in the way here."""
    never = setting.never_passes(reference)
    if never is not None:
        return None, None if withheld else never
    needed = setting.size_to_pass(reference, levels, len(reference))
    if needed is not None:
        sizes = f"a loss-free model passes with n = {needed:,} and m = {len(reference):,}"
        if size >= needed:
            sizes = f"the loss may lie between tolerate and detect ({sizes})"
        return (needed, len(reference)), None if withheld and size >= needed else sizes
    both = setting.size_to_pass(reference, levels, None)
    if both is None:
        return None, "no number of rows is enough"
    return (None, both), (
        "no number of samples is enough against so small a reference: "
        f"a loss-free model passes with m = {both:,} and as many samples"
    )
