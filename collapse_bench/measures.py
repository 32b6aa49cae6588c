"""The metrics of a recursion, each in its law form and its sample form.

The law form reads a model's parameters and has no sampling error; the sample form reads fresh
draws. Numbers are measured against the reference: variance, tail mass and Wasserstein distance
are ratios, so a founder equal to the reference starts at 1, 1 and 0.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from collapse_bench import metrics
from collapse_bench.errors import UndefinedMetric
from collapse_bench.models import Samples
from collapse_bench.regions import Region, Tails
from collapse_bench.statistics.whitening import whitening_of

__all__ = ["DEFAULTS", "METRICS", "TAIL_MASS", "Metric", "Target", "target_of"]

Array = NDArray[np.float64]

TAIL_MASS = 0.05  # of the reference lies in its tail region, half at each end of the line

DEFAULTS: dict[str, tuple[str, ...]] = {
    "numbers": ("variance", "tail_mass", "wasserstein"),
    "codes": ("tail_mass", "tail_coverage", "gini_simpson", "support"),
}


@dataclass(frozen=True, slots=True)
class Target:
    """The reference as the metrics need it."""

    rows: Samples  # finite samples of it, for the sample forms
    region: Any = None  # its tails, a Region, where a metric asks for them
    region_mass: float = 1.0  # their mass under the reference
    mean: Array | None = None  # (d,)
    covariance: Array | None = None  # (d, d)


@dataclass(frozen=True, slots=True)
class Metric:
    """A number for a generation: ``law`` from the model, ``sample`` from its draws."""

    kind: Literal["numbers", "codes", "any"]
    needs: Literal["moments", "mass", "probabilities"]  # what the law form asks of a model
    law: Callable[[Any, Target], Any]  # a number, or (R,)
    sample: Callable[[Samples, Target], Any]  # a number

    def has_law(self, model: Any, target: Target) -> bool:
        """Say whether the law form exists for ``model`` against ``target``."""
        if not hasattr(model, self.needs) or (self.needs == "moments" and target.mean is None):
            return False
        try:
            self.law(model, target)
        except NotImplementedError:
            return False
        return True


def target_of(law: Any, rows: Samples, *, kind: str, tails: bool) -> Target:
    """Work out the target of a reference.

    Parameters
    ----------
    law
        The real law, or None when only ``rows`` are known.
    rows
        Finite samples of the reference.
    kind
        ``"numbers"`` or ``"codes"``.
    tails
        Whether a metric asks where the tails are; a reference of few values has none.
    """
    moments: tuple[Array, Array] | tuple[None, None] = (None, None)
    if kind == "numbers":
        if law is None:
            moments = rows.mean(0), np.cov(rows.T, ddof=0).reshape(rows.shape[1], rows.shape[1])
        elif hasattr(law, "moments"):
            moments = law.moments()
    if moments[1] is not None and not np.trace(moments[1]) > 0:
        raise UndefinedMetric("the reference has no variance: no loss can be measured against it")
    if not tails:
        return Target(rows, None, 1.0, *moments)
    region = _law_region(law, moments, kind) or _sample_region(rows, kind)
    try:
        mass = float(law.mass(region)) if hasattr(law, "mass") else metrics.tail_mass(rows, region)
    except NotImplementedError:
        mass = metrics.tail_mass(rows, region)
    return Target(rows, region, float(mass), *moments)


def _sample_region(rows: Samples, kind: str) -> Region:
    return metrics.tail_region(rows, mass=TAIL_MASS, kind="codes" if kind == "codes" else "numbers")


def _law_region(law: Any, moments: Any, kind: str) -> Region | None:
    """Return the tail region of a law that can say exactly where it is."""
    if kind == "codes" and hasattr(law, "probabilities"):
        return metrics.rare_states(law.states, law.probabilities, mass=TAIL_MASS)
    if kind == "codes" or not hasattr(law, "mass") or moments[0] is None or len(moments[0]) > 1:
        return None
    center, scale = float(moments[0][0]), float(moments[1][0, 0]) ** 0.5
    end = TAIL_MASS / 2
    reach = scale / end**0.5  # Chebyshev: no more than ``end`` lies beyond
    lower = brentq(lambda x: law.mass(Tails(lower=x)) - end, center - reach, center + reach)
    upper = brentq(lambda x: law.mass(Tails(upper=x)) - end, center - reach, center + reach)
    return Tails(lower, upper)


def _covariance(samples: Samples) -> Array:
    d = samples.shape[1]
    return np.cov(samples.T, ddof=0).reshape(d, d)


def _log_variance(model: Any, target: Target) -> Array:
    if hasattr(model, "log_variance"):  # a scale below the smallest float is still a number
        return np.asarray(model.log_variance() - np.log(np.trace(_of(target))))
    with np.errstate(divide="ignore"):
        return np.log(metrics.trace_ratio(model.moments()[1], _of(target)))


def _log_whitened(covariance: Array, target: Target) -> Array:
    """Return log of the mean variance over directions, each in units of the reference's own.

    tr(S0^-1 S) / k is the mean eigenvalue of the whitened covariance, shape (..., d, d) -> (...);
    k counts the directions in which the reference varies, others are left out.
    """
    white = whitening_of(_of(target))  # (d, k)
    mean = np.einsum("ik,...ij,jk->...", white, covariance, white) / white.shape[1]
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(np.maximum(mean, 0)))


def _log_det(model: Any, target: Target) -> Array:
    base = _of(target)
    if not hasattr(model, "log_det"):
        return np.asarray(metrics.log_det_ratio(model.moments()[1], base))
    # A volume below the smallest float is still a number. The reference's by way of its
    # correlations: units of columns are no reason to call it singular.
    variances = np.diag(base)
    correlation = float(metrics.log_det_ratio(base, np.diag(variances)))
    if not np.isfinite(correlation):
        raise UndefinedMetric("the reference has no volume: no loss of it can be measured")
    return np.asarray(model.log_det() - correlation - np.log(variances).sum())


def _live(model: Any) -> tuple[Array, Array]:
    """Return the probabilities of the states that may have some, (..., k), and the states, (k,)."""
    if hasattr(model, "live"):
        law, states = model.live()
        return law, states
    return model.probabilities, model.states


def _coverage(model: Any, target: Target) -> Array:
    """Return the share of the tail's states that a law gives a positive probability."""
    law, states = _live(model)
    alive = (law[..., target.region.contains(states)] > 0).sum(-1)
    return np.asarray(alive / len(target.region.codes))


def _of(target: Target) -> Array:
    assert target.covariance is not None
    return target.covariance


def _centered_law(model: Any, target: Target) -> Array:
    """Return the mass beyond the reference's ends when both are moved to the model's own mean."""
    region: Any = target.region
    if not isinstance(region, Tails) or target.mean is None or not hasattr(model, "moments"):
        raise NotImplementedError("only ends of the line can be moved in a law")
    shift = model.moments()[0][..., 0] - target.mean[0]  # () or (R,)
    ends: tuple[Any, Any] = (region.lower + shift, region.upper + shift)  # one a replicate
    return np.asarray(model.mass(Tails(*ends)) / target.region_mass)


def _centered_samples(samples: Samples, target: Target) -> Any:
    center = target.rows.mean(axis=0) if target.mean is None else target.mean
    moved = samples - samples.mean(axis=0) + center
    return metrics.tail_mass(moved, target.region) / target.region_mass


def _wasserstein_law(model: Any, target: Target) -> Array:
    mean, covariance = model.moments()
    return np.asarray(
        metrics.bures(mean, covariance, target.mean, _of(target)) / np.trace(_of(target))
    )


def _wasserstein_debiased_samples(samples: Samples, target: Target) -> Any:
    d = samples.shape[1]
    trace = float(np.trace(_covariance(target.rows)))
    return d * metrics.wasserstein_debiased(samples, target.rows, method="sliced") / trace


def _wasserstein_samples(samples: Samples, target: Target) -> Any:
    d = samples.shape[1]
    trace = float(np.trace(_covariance(target.rows)))
    if d == 1:
        return metrics.wasserstein_1d(samples[:, 0], target.rows[:, 0], order=2) ** 2 / trace
    # Projections carry one d-th of a squared length on average.
    return d * metrics.sliced_wasserstein(samples, target.rows, order=2) ** 2 / trace


METRICS: dict[str, Metric] = {
    "variance": Metric(
        "numbers",
        "moments",
        lambda model, target: metrics.trace_ratio(model.moments()[1], _of(target)),
        lambda samples, target: metrics.variance(samples, target.rows),
    ),
    "log_variance": Metric(
        "numbers",
        "moments",
        _log_variance,
        lambda samples, target: metrics.log_variance(samples, target.rows),
    ),
    "log_whitened_variance": Metric(
        "numbers",
        "moments",
        lambda model, target: _log_whitened(model.moments()[1], target),
        lambda samples, target: _log_whitened(_covariance(samples), target),
    ),
    "log_det": Metric(
        "numbers",
        "moments",
        _log_det,
        lambda samples, target: metrics.log_det(samples, target.rows),
    ),
    "weakest_direction": Metric(
        "numbers",
        "moments",
        lambda model, target: metrics.weakest_ratio(model.moments()[1], _of(target)),
        lambda samples, target: metrics.weakest_direction(samples, target.rows),
    ),
    "wasserstein": Metric("numbers", "moments", _wasserstein_law, _wasserstein_samples),
    "wasserstein_debiased": Metric(
        "numbers", "moments", _wasserstein_law, _wasserstein_debiased_samples
    ),
    "tail_mass": Metric(
        "any",
        "mass",
        lambda model, target: model.mass(target.region) / target.region_mass,
        lambda samples, target: metrics.tail_mass(samples, target.region) / target.region_mass,
    ),
    "centered_tail_mass": Metric("numbers", "mass", _centered_law, _centered_samples),
    "tail_coverage": Metric(
        "codes",
        "probabilities",
        lambda model, target: _coverage(model, target),
        lambda samples, target: metrics.tail_coverage(samples, target.region),
    ),
    "support": Metric(
        "codes",
        "probabilities",
        lambda model, target: metrics.support_size(_live(model)[0]),
        lambda samples, target: metrics.support(samples),
    ),
    "gini_simpson": Metric(
        "codes",
        "probabilities",
        lambda model, target: metrics.gini_simpson_law(_live(model)[0]),
        lambda samples, target: metrics.gini_simpson(samples),
    ),
    "entropy": Metric(
        "codes",
        "probabilities",
        lambda model, target: metrics.entropy_law(_live(model)[0]),
        lambda samples, target: metrics.entropy(samples),
    ),
}
