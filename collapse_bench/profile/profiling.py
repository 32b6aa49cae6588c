"""From the metrics of lineages to their collapse profile."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.profile.records import (
    LOGS,
    SPREADS,
    TAILS,
    CollapseProfile,
    Estimate,
    Fate,
    Finding,
    Stage,
)
from collapse_bench.profile.sizes import LEAST_LINEAGES, counted, half_life, sizes_of
from collapse_bench.statistics.intervals import least_for_median
from collapse_bench.statistics.lineages import Spread, median_loss
from collapse_bench.validation import check_count, check_real

__all__ = ["collapse_profile"]

Array = NDArray[np.float64]

T_TEST = "t of the mean logarithm over lineages; to exclude a loss also the median's"
# A lineage that is a point counts as having lost ``detect`` twice, or as the lowest of the others.
FLOOR = 2

ORDER_TEST = "order statistics of the median lineage"


def collapse_profile(
    values: Mapping[str, Array],
    sizes: Sequence[int] | NDArray[np.int64],
    *,
    diversity: float | None = None,
    tolerate: float = 0.05,
    detect: float = 0.20,
    tail_detect: float = 0.25,
    alpha: float = 0.05,
) -> CollapseProfile:
    """Return the collapse profile of R independent lineages.

    Parameters
    ----------
    values : name to shape (R, T + 1)
        Metrics of each lineage, generation 0 first, as of :func:`collapse_bench.recurse`. Spread
        is the first there is of ``log_whitened_variance``, ``log_variance``, ``variance`` and
        ``gini_simpson``; tails are ``tail_coverage``, ``centered_tail_mass`` or ``tail_mass``.
        Ratios to the reference, but for Gini-Simpson. Others are left aside.
    sizes : shape (T,)
        Samples drawn from generation t for generation t + 1.
    diversity
        Gini-Simpson diversity of the reference. None: that of generation 0, its mean.
    tolerate, detect
        Losses of the spread: the share that may be lost, and the share that must be noticed;
        0 <= tolerate < detect < 1.
    tail_detect
        The loss of the tails that must be noticed, in (0, 1).
    alpha
        In (0, 0.5).

    Raises
    ------
    InvalidArgument
        If an argument is out of its range, or a value is NaN.
    """
    check_real("tolerate", tolerate, low=0, high=1, closed="left")
    check_real("detect", detect, low=0, high=1)
    if not tolerate < detect:
        raise InvalidArgument(
            f"tolerate must be below detect; got tolerate={tolerate!r}, detect={detect!r}"
        )
    check_real("tail_detect", tail_detect, low=0, high=1)
    level = check_real("alpha", alpha, low=0, high=0.5) / 2
    drawn = [check_count("sizes", size) for size in np.atleast_1d(np.asarray(sizes)).tolist()]
    named = {name: _checked(name, values[name], len(drawn)) for name in values}
    spread = next((name for name in SPREADS if name in named and _varies(named, name)), None)
    tail = next((name for name in TAILS if name in named), None)

    findings: list[Finding] = []
    levels = drift = slowing = fading = lineages = None
    half = ratio = fresh = Estimate(reason="no variance and no diversity was measured")
    if spread is not None:
        base = 1.0
        if spread == "gini_simpson":
            base = float(named[spread][:, 0].mean()) if diversity is None else diversity
            if diversity is not None:
                check_real("diversity", diversity, low=0, high=1, closed="right")
        lineages = Spread(named[spread], spread in LOGS, base, FLOOR * math.log1p(-detect))
        levels, drift = _spread(lineages, spread, level, tolerate, detect)
        half = half_life(drift)
        ratio, fresh = sizes_of(lineages, spread, drawn, level)
        findings += [levels, drift]
        slowing = _slowing(lineages, drift, len(drawn))
        findings += [slowing] if slowing is not None else []
    if tail is not None:
        fading = _tails(named[tail], tail, level, tail_detect)
        findings.append(fading)
    stage = _stage(levels, fading)
    onset = _onset(stage, levels, fading, lineages)
    fate = _fate(levels, drift, slowing, len(drawn))
    return CollapseProfile(
        stage=stage,
        fate=fate,
        onset=onset,
        evidence=tuple(findings),
        effective_size_ratio=ratio,
        half_life=half,
        fresh_equivalent=fresh,
        alpha=float(alpha),
        horizon=len(drawn),
        reason=_reason(stage, fate, levels, fading),
    )


def _checked(name: str, values: Any, generations: int) -> Array:
    array = np.asarray(values, dtype=np.float64)
    if array.ndim != 2 or len(array) < 1 or array.shape[1] != generations + 1 or generations < 1:
        raise InvalidArgument(
            f"values must have shape (R, T + 1) with one of T >= 1 sizes a generation; got {name!r}"
            f" of shape {array.shape} for {generations} sizes"
        )
    if np.isnan(array).any():
        raise InvalidArgument(f"values must not be NaN; got NaN among those of {name!r}")
    return array


def _varies(named: Mapping[str, Array], name: str) -> bool:
    """Say whether a founder has any spread to lose; one that is a point has none."""
    return bool((named[name][:, 0] > (-np.inf if name in LOGS else 0)).any())


def _spread(
    lineages: Spread, name: str, level: float, tolerate: float, detect: float
) -> tuple[Finding, Finding]:
    """Return the level of the last generation, and the drift of the last half."""

    def shown(t: int) -> bool:
        bounds = lineages.level(t, level)[1]
        return bounds is not None and bounds[0] >= detect

    finding = Finding(
        metric=name,
        form="level",
        test=T_TEST,
        tolerate=float(tolerate),
        detect=float(detect),
        level=level,
        replicates=len(lineages.values),
    )
    return (
        _found(finding, lineages.level(lineages.last, level), _backwards(lineages.last, shown)),
        _found(replace(finding, form="drift", tolerate=None), lineages.drift(level)),
    )


def _slowing(lineages: Spread, drift: Finding, horizon: int) -> Finding | None:
    """Return how the drift compares with the first half's, where a small one is shown."""
    if drift.low is None or not drift.low > 0 or not _still(drift, drift.detect, horizon):
        return None
    return _found(replace(drift, form="slowing"), lineages.slowing(drift.level))


def _tails(values: Array, name: str, level: float, detect: float) -> Finding:
    """Return the loss of the last generation's tails."""
    last = values.shape[1] - 1

    def shown(t: int) -> bool:
        bounds = median_loss(values[:, t], level)[1]
        return bounds is not None and bounds[0] >= detect

    finding = Finding(
        metric=name,
        form="level",
        test=ORDER_TEST,
        detect=float(detect),
        level=level,
        replicates=len(values),
    )
    return _found(finding, median_loss(values[:, last], level), _backwards(last, shown))


def _found(
    finding: Finding,
    losses: tuple[float, tuple[float, float] | None],
    onset: int | None = None,
) -> Finding:
    """Return a finding with its loss, or with the reason why it has no bounds."""
    estimate, bounds = losses
    if finding.replicates < LEAST_LINEAGES or bounds is None:
        least = max(LEAST_LINEAGES, least_for_median(finding.level))
        reason = f"{counted(finding.replicates)} fewer than the {least} that a median takes"
        return replace(finding, estimate=estimate, reason=reason)
    return replace(finding, estimate=estimate, low=bounds[0], high=bounds[1], onset=onset)


def _stage(levels: Finding | None, fading: Finding | None) -> Stage:
    if levels is None or levels.low is None or levels.high is None:
        return "inconclusive"
    if levels.low >= levels.detect:
        return "late"
    if fading is not None and fading.low is not None and fading.low >= fading.detect:
        return "early"
    assert levels.tolerate is not None
    if levels.high < -levels.tolerate:
        return "expanding"
    kept = fading is not None and fading.high is not None and fading.high < fading.detect
    return "none" if kept and levels.high < levels.detect else "inconclusive"


def _fate(
    levels: Finding | None, drift: Finding | None, slowing: Finding | None, horizon: int
) -> Fate:
    if levels is None or drift is None or levels.low is None or levels.high is None:
        return "inconclusive"
    assert drift.low is not None
    assert drift.high is not None
    tolerate, detect = levels.tolerate or 0.0, levels.detect
    still = _still(drift, detect, horizon)
    fading = slowing is not None and slowing.high is not None and slowing.high < 0
    if drift.low > 0 and not (still and fading):
        return "collapsing"
    if drift.high < 0 and not still and levels.high < 0:
        return "expanding"
    if still and (levels.low > tolerate or levels.high < -tolerate):
        return "bounded"
    return "stable" if still and -detect < levels.low and levels.high < detect else "inconclusive"


def _still(drift: Finding, detect: float, horizon: int) -> bool:
    """Say whether ``horizon`` generations of this drift lose, and gain, less than ``detect``."""
    if drift.low is None or drift.high is None:
        return False
    most, least = (-math.expm1(math.log1p(change) / horizon) for change in (-detect, detect))
    return least < drift.low and drift.high < most


def _reason(stage: Stage, fate: Fate, levels: Finding | None, fading: Finding | None) -> str | None:
    """Return why stage or fate is inconclusive, or None if neither is."""
    if levels is None:
        return "no variance and no diversity was measured, or the founder has none"
    if levels.reason:
        return levels.reason
    reasons = []
    if stage == "inconclusive":
        if fading is None:
            reasons.append("the tails were not measured")
        else:
            reasons.append("no loss is shown, and none is excluded")
    if fate == "inconclusive":
        reasons.append("no drift is shown, nor that level and drift are within their limits")
    return "; ".join(reasons) or None


def _backwards(last: int, shown: Callable[[int], bool]) -> int | None:
    """Return the first generation of the unbroken run up to the last that ``shown`` is true of."""
    first = None
    for t in range(last, -1, -1):
        if not shown(t):
            break
        first = t
    return first


def _onset(
    stage: Stage, levels: Finding | None, fading: Finding | None, lineages: Spread | None
) -> int | None:
    """Return the first generation from which what names the stage is shown."""
    if stage == "late" and levels is not None:
        return levels.onset
    if stage == "early" and fading is not None:
        return fading.onset
    if stage == "expanding" and levels is not None and lineages is not None:
        most, level = -(levels.tolerate or 0.0), levels.level

        def grown(t: int) -> bool:
            bounds = lineages.level(t, level)[1]
            return bounds is not None and bounds[1] < most

        return _backwards(lineages.last, grown)
    return None
