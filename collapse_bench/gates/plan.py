"""How many samples a gate needs, and how large a reference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np

from collapse_bench.gates.checks import Check, as_checks, defaults_of, kind_of
from collapse_bench.gates.clusters import ClusteredCodes
from collapse_bench.gates.codes import Codes
from collapse_bench.gates.evidence import Setting, check_kind
from collapse_bench.gates.levels import LEAST_ROWS, POWER, Levels
from collapse_bench.gates.rows import Data, Rows, is_law, read_reference
from collapse_bench.validation import check_count

__all__ = ["CheckPlan", "Plan", "check_plan", "plan"]


@dataclass(frozen=True, slots=True)
class CheckPlan:
    """What one check needs.

    Attributes
    ----------
    size_to_pass, size_to_fail
        Samples with which a model without loss passes, and one with a loss of ``detect`` fails;
        None if no number will do.
    reference_size
        Rows of the reference that go with them. Where a size is None for want of rows, as many as
        both sizes need if n = m; None if no number will do.
    reason
        Why a size is None, or None.
    design_effect
        Where rows belong to clusters, how many times as many rows it takes to pass as it would if
        they were independent; None otherwise, or if either isn't known.
    """

    size_to_pass: int | None
    size_to_fail: int | None
    reference_size: int | None
    reason: str | None
    design_effect: float | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """What a gate needs.

    Attributes
    ----------
    size
        Samples with which every check can be decided both ways; None if no number will do.
    reference_size
        Rows of the reference that go with them. Where the reference is too small, the rows it
        takes; None if no number will do.
    per_check
        The same by check name.
    reason
        One sentence: what decides the size, or what is in the way.
    unit
        What all sizes count: "samples" and rows of the reference, or "clusters" of either.
    """

    size: int | None
    reference_size: int | None
    per_check: dict[str, CheckPlan]
    reason: str
    unit: Literal["samples", "clusters"] = "samples"


def plan(
    reference: Any,
    checks: Iterable[Check | str] | None = None,
    *,
    alpha: float = 0.01,
    beta: float = 0.01,
    power: float = POWER,
    reference_size: int | None = None,
    clusters: Any = None,
) -> Plan:
    """Return the sizes at which a gate decides.

    At them a model without loss passes all K checks with probability ``power``, and one whose loss
    by some check is its ``detect`` fails that check with ``power`` at the least: each check may
    miss with probability (1 - power) / K. Tail sizes are exact; those of variances follow from the
    delta method and the reference's kurtosis; those of Wasserstein distances are simulated. Those
    of support take its variance for known: of 20 to 30 sequences or clusters it is itself a rough
    estimate, and some 95 % pass where 99 % were planned (57 and 59 of 60, by simulation). For
    the lineages that a check of drift needs see :func:`~collapse_bench.gates.plan_drift`.

    Parameters
    ----------
    reference : shape (m, d) or (m,)
        Rows of the true distribution, whose shape is taken from them; or a law.
    checks
        :class:`Check` objects or names of metrics; None for the default ones.
    alpha, beta
        Error rates of the gate.
    power
        In (0.5, 1).
    reference_size
        Reference rows, or clusters, there will be. None: those that there are, or, for a law, as
        many as samples.
    clusters : shape (m,)
        An id of the cluster of each row of the reference; None if rows are independent, or if it
        is a set of samples that carries its own ids. All sizes then count clusters as long as the
        reference's, and follow from what its clusters add to each statistic.

    Raises
    ------
    InvalidArgument
        If an argument is out of range.
    InvalidSamples
        If the reference can't be read, or doesn't vary.
    """
    given = None if checks is None else as_checks(checks)
    rows = read_reference(reference, kind_of(given or ()), seed=0, clusters=clusters)
    listed = given or defaults_of(rows)
    levels = Levels.of(alpha, beta, checks=len(listed), power=power)
    for check in listed:
        check_kind(check.setting, rows)
    m = None if is_law(reference) else len(rows)
    if reference_size is not None:
        m = check_count("reference_size", reference_size)
    per_check = {check.name: check_plan(check.setting, rows, levels, m) for check in listed}
    clustered = rows.kind != "tokens" and rows.units is not None
    unit: Literal["samples", "clusters"] = "clusters" if clustered else "samples"
    told = f"; sizes count clusters, of {len(rows.values) / len(rows):.3g} rows on average"
    if clustered:
        per_check = {
            check.name: replace(
                per_check[check.name], design_effect=_design_effect(check.setting, rows, levels)
            )
            for check in listed
        }
    stuck = {name: one for name, one in per_check.items() if one.reason is not None}
    if not stuck:
        name, size = max(
            (
                (name, max(one.size_to_pass or 0, one.size_to_fail or 0))
                for name, one in per_check.items()
            ),
            key=lambda pair: pair[1],
        )
        reason = f"{name} needs the most {unit}{told if clustered else ''}"
        return Plan(size, size if m is None else m, per_check, reason, unit)
    needed = [one.reference_size for one in per_check.values()]
    rows_needed = None if None in needed else max(size or 0 for size in needed)
    reasons = "; ".join(f"{name}: {one.reason}" for name, one in stuck.items())
    return Plan(None, rows_needed, per_check, reasons + (told if clustered else ""), unit)


def check_plan(setting: Setting, reference: Data, levels: Levels, m: int | None) -> CheckPlan:
    """Return what one check needs against a reference of m rows, m = n if None."""
    never = setting.never_passes(reference)
    to_fail = setting.size_to_fail(reference, levels, m)
    if never is not None:
        return CheckPlan(None, to_fail, None, never)
    to_pass = setting.size_to_pass(reference, levels, m)
    if to_pass is not None and to_fail is not None:
        return CheckPlan(to_pass, to_fail, max(to_pass, to_fail) if m is None else m, None)
    both = [size(reference, levels, None) for size in (setting.size_to_pass, setting.size_to_fail)]
    if None in both:
        return CheckPlan(to_pass, to_fail, None, "no number of rows is enough")
    needed = max(size or 0 for size in both)
    what = "rows (and as many samples)"
    if reference.kind != "tokens" and reference.units is not None:
        what = "clusters (and as many of the samples)"
    limit = f"the reference is the limit: it takes {needed:,} {what}"
    return CheckPlan(to_pass, to_fail, needed, limit)


def _design_effect(setting: Setting, reference: Data, levels: Levels) -> float | None:
    """Return how many times as many rows clusters take to pass as clusters of one row each would.

    Sizes are proportional to the variance of a statistic, so it is the ratio of that by clusters to
    that by rows. None where a size isn't known, or is as small as any may be.
    """
    if setting.never_passes(reference) is not None:
        return None
    each = np.arange(len(reference.values))
    alone: Data
    if isinstance(reference, Codes):
        alone = ClusteredCodes.of_clusters(reference.values, each, reference.columns)
    else:
        order = np.lexsort(reference.values.T[::-1])
        alone = Rows(reference.values[order], reference.columns, each)
    clusters, rows = (setting.size_to_pass(data, levels, None) for data in (reference, alone))
    if clusters is None or rows is None or clusters <= LEAST_ROWS:
        return None
    return clusters * len(reference.values) / len(reference) / rows
