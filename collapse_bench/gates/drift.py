"""Do lineages lose variance faster than neutral ones, which finite samples alone make drift?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypedDict, Unpack

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.gates.evidence import Evidence
from collapse_bench.gates.judge import decide
from collapse_bench.gates.levels import Levels, as_growth, check_effects
from collapse_bench.gates.lineages import can_decide, planned
from collapse_bench.gates.neutral import Neutral, neutral_lineages
from collapse_bench.gates.verdict import Growth, Verdict
from collapse_bench.statistics.drift import DriftTest
from collapse_bench.trajectory import Trajectory
from collapse_bench.validation import check_count, check_real

__all__ = ["assert_drift", "check_drift"]

QUANTITY = "variance a generation, beyond neutral drift"
LINE, SEVERAL = "log_variance", "log_whitened_variance"


class DriftSettings(TypedDict, total=False):
    """Keywords of :func:`check_drift`."""

    reference: Any
    size: int | Sequence[int] | None
    founder_size: int | None
    eval_size: int | None
    neutral_drift: Callable[[int], float] | None
    tolerate: float
    detect: float
    growth: tuple[float, float] | None
    alpha: float
    beta: float
    seed: int


def check_drift(
    values: Any,
    *,
    reference: Any = None,
    size: int | Sequence[int] | None = None,
    founder_size: int | None = None,
    eval_size: int | None = None,
    neutral_drift: Callable[[int], float] | None = None,
    tolerate: float = 0.05,
    detect: float = 0.20,
    growth: tuple[float, float] | None = None,
    alpha: float = 0.01,
    beta: float = 0.01,
    seed: int = 0,
) -> Verdict:
    """Judge how much variance lineages lose a generation, beyond what finite samples take away.

    Every model that is fitted to its own samples loses variance, a healthy one too. What is judged
    is the excess over *neutral lineages*: those of a model that resamples its training rows,
    simulated from the same reference, with the same sizes, for as many generations. The loss is
    1 - exp(excess / n), where the excess is the mean change of the log-variance over n
    generations less the neutral mean. Both hypotheses are rejected only if Welch's t-test and the
    law of means of neutral lineages reject them. Only the replace regime has this null.

    Parameters
    ----------
    values : Trajectory, or shape (R, n + 1)
        A trajectory of ``recurse(..., metrics=["log_variance"])``, for several columns
        ``["log_whitened_variance"]``; or log-variances in nats of R independent lineages,
        generation 0 first, -inf where a lineage became a point. Variance is that of a
        generation's law, or of ``eval_size`` draws, with ddof 0. Its unit is of no matter. In
        several columns it is tr(S0^-1 S) / d, S0 the reference's covariance.
    reference : shape (m, d) or (m,), or a law
        What generation 0 is, or was fitted to. None: that of the trajectory.
    size
        Samples that generation t + 1 is fitted to: a number or n of them. None for a trajectory,
        which knows.
    founder_size
        Rows that generation 0 was fitted to, if they were drawn from the reference: 0 for none.
        None: all rows where the reference is rows, else 0; or what the trajectory says.
    eval_size
        Draws that each variance was measured on, fresh ones for each generation. None: it is the
        law's own; or what the trajectory says.
    neutral_drift
        A function of the size that says by how much the log-variance of a healthy model of this
        family changes in a generation, such as ``Gaussian().neutral_drift``. Its sum takes the
        place of the simulated mean; the spread stays as simulated. It is never taken from the
        judged model unasked: a defect that its formula includes would be excused.
    tolerate, detect
        Losses a generation: the share of the variance that may be lost, and the share that must
        be noticed; 0 <= tolerate < detect < 1.
    growth
        None, or the same pair for growth, exp(excess / n) - 1. Each direction then fails at
        alpha / 2, and a pass takes both.
    alpha, beta
        Levels of "fail" and of "pass", in (0, 0.5).
    seed
        Root of the neutral lineages' streams.

    Returns
    -------
    Verdict
        ``size`` counts lineages, R, and ``reference_size`` the neutral ones. Inconclusive, whatever
        the values, if R < 4, or if a size is below 4 n, where neutral lineages shrink to a point.

    Raises
    ------
    InvalidArgument
        If an argument is out of its range or missing, or a value is NaN or +inf.
    InvalidSamples
        If the reference can't be read as numbers, or doesn't vary.

    References
    ----------
    .. [1] B. L. Welch, "The generalization of 'Student's' problem when several different
       population variances are involved", Biometrika 34 (1947), 28-35.
    """
    check_effects(tolerate, detect, most=1)
    growing = as_growth(growth)
    levels = Levels.of(alpha, beta)
    if isinstance(values, Trajectory):
        design = _of_trajectory(values, reference, size, founder_size, eval_size)
    else:
        design = _of_values(values, reference, size, founder_size, eval_size)
    neutral = neutral_lineages(
        design.reference,
        design.sizes,
        founder_size=design.founder_size,
        eval_size=design.eval_size,
        seed=seed,
    )
    if neutral_drift is not None:
        neutral = _declared(neutral, neutral_drift, design.sizes)
    changes = design.changes(neutral.dimension)
    withheld = can_decide(len(changes), design.sizes, neutral.changes)
    evidence = _evidence(changes, neutral, design, levels, withheld, tolerate, detect, growing)
    outcome = decide(evidence, levels)
    reasons, needed = [withheld] if withheld else [], None
    if outcome == "inconclusive" and np.isfinite(neutral.changes).all():
        plan = planned(neutral, design.sizes, design.eval_size, levels, tolerate, detect, growing)
        if plan.to_pass is not None:
            needed = (plan.to_pass, len(neutral.changes))
            sizes = f"a loss-free model passes with n = {plan.to_pass:,} lineages"
            if len(changes) >= plan.to_pass:
                sizes = f"the loss may lie between tolerate and detect ({sizes})"
            reasons.append(sizes)
    at = levels.directed(growing)
    return Verdict(
        outcome=outcome,
        metric="drift",
        statistic=evidence.statistic,
        estimate=evidence.estimate,
        low=_side(evidence.low, evidence.pvalue_fail, at.alpha, tolerate, above=True),
        high=_side(evidence.high, evidence.pvalue_pass, at.beta, detect, above=False),
        tolerate=float(tolerate),
        detect=float(detect),
        alpha=at.alpha,
        beta=at.beta,
        pvalue_fail=evidence.pvalue_fail,
        pvalue_pass=evidence.pvalue_pass,
        size=len(changes),
        reference_size=len(neutral.changes),
        size_needed=needed,
        reason="; ".join([*reasons, *evidence.notes]),
        quantity=QUANTITY,
        notes=evidence.notes,
        growth=evidence.growth,
    )


def assert_drift(values: Any, **settings: Unpack[DriftSettings]) -> None:
    """Raise, with the verdict in one sentence, unless :func:`check_drift` passes.

    Raises
    ------
    CollapseError
        If a loss beyond ``tolerate`` is shown.
    Inconclusive
        If neither that nor the absence of a loss of ``detect`` is shown.
    """
    __tracebackhide__ = True
    check_drift(values, **settings).raise_unless_passed()


@dataclass(frozen=True)
class _Design:
    """What was judged, and how its neutral lineages are made."""

    values: dict[str, NDArray[np.float64]] | NDArray[np.float64]
    reference: Any
    sizes: tuple[int, ...]
    founder_size: int | None
    eval_size: int | None

    def changes(self, dimension: int) -> NDArray[np.float64]:
        """Return log V_n - log V_0 of each lineage, (R,)."""
        values, name = self.values, LINE if dimension == 1 else SEVERAL
        if isinstance(values, dict):
            if name not in values:
                raise InvalidArgument(
                    f"trajectory must hold {name!r} for drift to be judged; got "
                    f"{sorted(values)}: add {name!r} to metrics= of recurse"
                )
            values = values[name]
        return np.asarray(values[:, -1] - values[:, 0])


def _of_trajectory(
    trajectory: Trajectory,
    reference: Any,
    size: Any,
    founder_size: int | None,
    eval_size: int | None,
) -> _Design:
    for name, given in (("size", size), ("founder_size", founder_size), ("eval_size", eval_size)):
        if given is not None:
            raise InvalidArgument(
                f"{name} must be left out for a trajectory, which knows it; got {name}={given!r}"
            )
    if trajectory.regime != "Replace()":
        raise InvalidArgument(
            "trajectory must come of the regime Replace(), which neutral lineages follow; "
            f"got {trajectory.regime}"
        )
    reference = trajectory.reference if reference is None else reference
    sampled = [trajectory.measured.get(name) == "samples" for name in (LINE, SEVERAL)]
    design = _Design(
        trajectory.values,
        reference,
        tuple(int(one) for one in trajectory.sizes),
        trajectory.founder_size,
        trajectory.eval_size if any(sampled) else None,
    )
    if reference is None:
        raise InvalidArgument("reference must be rows or a law; got reference=None")
    return design


def _of_values(
    values: Any, reference: Any, size: Any, founder_size: int | None, eval_size: int | None
) -> _Design:
    array = np.asarray(values)
    if array.ndim != 2 or array.shape[0] < 1 or array.shape[1] < 2 or array.dtype.kind not in "iuf":
        raise InvalidArgument(
            "values must be a trajectory or log-variances of shape (R, n + 1), n >= 1; "
            f"got {array.dtype} of shape {array.shape}"
        )
    array = array.astype(np.float64)
    if np.isnan(array).any() or np.isposinf(array).any():
        raise InvalidArgument("values must be finite or -inf; got NaN or inf among them")
    if np.isneginf(array[:, 0]).any():
        raise InvalidArgument(
            "values must be finite in generation 0; got -inf: a founder that is a point has "
            "nothing to lose"
        )
    if reference is None or size is None:
        missing = "reference" if reference is None else "size"
        raise InvalidArgument(f"{missing} must be given with an array; got {missing}=None")
    generations = array.shape[1] - 1
    listed = [size] * generations if np.ndim(size) == 0 else list(size)
    if len(listed) != generations:
        raise InvalidArgument(
            f"size must be a number or {generations} of them, one a generation; got {len(listed)}"
        )
    if founder_size is not None:
        check_count("founder_size", founder_size, least=0)
    if eval_size is not None:
        check_count("eval_size", eval_size, least=2)
    sizes = tuple(check_count("size", one, least=2) for one in listed)
    return _Design(array, reference, sizes, founder_size, eval_size)


def _declared(
    neutral: Neutral, neutral_drift: Callable[[int], float], sizes: Sequence[int]
) -> Neutral:
    """Return neutral lineages moved to the mean that a model declares."""
    total = sum(check_real("neutral_drift(size)", neutral_drift(size)) for size in sizes)
    if not np.isfinite(neutral.changes).all():
        return neutral
    return replace(neutral, changes=neutral.changes - neutral.changes.mean() + total)


def _evidence(
    changes: NDArray[np.float64],
    neutral: Neutral,
    design: _Design,
    levels: Levels,
    withheld: str | None,
    tolerate: float,
    detect: float,
    growing: tuple[float, float] | None,
) -> Evidence:
    """Return what both tests say, in the direction of loss and, if asked for, of growth."""
    statistic = LINE if neutral.dimension == 1 else SEVERAL
    notes = _notes(changes, neutral, design)
    grown = None if growing is None else Growth(statistic, QUANTITY, *growing)
    if not np.isfinite(neutral.changes).all():
        return Evidence(statistic, QUANTITY, withheld=withheld, notes=notes, growth=grown)
    test = DriftTest.of(changes, neutral.changes, len(design.sizes), detect=detect)
    if withheld:
        if grown is not None:
            grown = replace(grown, estimate=-test.loss)
        return Evidence(
            statistic, QUANTITY, test.loss, withheld=withheld, notes=notes, growth=grown
        )
    at = levels.directed(growing)
    if growing is not None and grown is not None:
        shown, excluded = (
            test.pvalue_at_least(-growing[0]),
            test.pvalue_at_most(-growing[1]),
        )
        grown = replace(
            grown,
            estimate=-test.loss,
            low=_side(-test.high(at.alpha), shown, at.alpha, growing[0], above=True),
            high=_side(-test.low(at.beta), excluded, at.beta, growing[1], above=False),
            pvalue_fail=shown,
            pvalue_pass=excluded,
        )
    return Evidence(
        statistic,
        QUANTITY,
        estimate=test.loss,
        low=test.low(at.alpha),
        high=test.high(at.beta),
        pvalue_fail=test.pvalue_at_most(tolerate),
        pvalue_pass=test.pvalue_at_least(detect),
        notes=notes,
        growth=grown,
    )


def _notes(changes: NDArray[np.float64], neutral: Neutral, design: _Design) -> tuple[str, ...]:
    """Return the design, the absolute loss, and what became a point."""
    generations = len(design.sizes)
    sizes = sorted({min(design.sizes), max(design.sizes)})
    absolute, drift = (
        -math.expm1(float(group.mean()) / generations) for group in (changes, neutral.changes)
    )
    notes = [
        f"{generations} generations of {' to '.join(f'{size:,}' for size in sizes)} samples; "
        f"the absolute loss is {absolute:.3g} a generation, of which neutral drift is {drift:.3g}"
    ]
    points = int(np.isneginf(changes).sum())
    if points:
        notes.append(f"{points:,} of {len(changes):,} lineages became a point, a loss of all")
    return tuple(notes)


def _side(
    bound: float | None, pvalue: float | None, level: float, effect: float, *, above: bool
) -> float | None:
    """Return a bound on the side of ``effect`` that its p-value says: they agree but for rounding.

    A rejected hypothesis leaves ``effect`` outside of the interval, strictly.
    """
    if bound is None or pvalue is None:
        return bound
    sign = 1 if above else -1
    if pvalue <= level:
        return sign * max(sign * bound, sign * math.nextafter(effect, sign * math.inf))
    return sign * min(sign * bound, sign * effect)
