r"""What a gate on a recursion can tell: neutral drift, effective sizes, lineages needed.

A perfect fitter loses log-variance too, and at a known rate (:mod:`.gaussian`): what a gate should
judge is the *excess* over it. ``size`` is M, draws a generation; ``steps`` is n; ``lineages`` is R,
independent replicates. Formulas on log-variance are for the Gaussian loop under replacement; with
M >= 2, k = M - 1. Arguments broadcast; numbers in, a number out; every function raises
``InvalidArgument`` outside its ranges. All derived for this package.

The sum of the R n log-chi-squared terms behind a mean log-variance ratio is taken as normal. Its
skewness is about -sqrt(2/(k R n)): where k R n >= 700, a test for loss at a nominal 1 % has a true
level of 1 to 1.15 %, by the inverted characteristic function.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import gammainc, ndtr, ndtri, polygamma

from collapse_bench.errors import InvalidArgument
from collapse_bench.theory._domain import (
    finite,
    fraction,
    not_negative,
    positive,
    share,
    unbiased,
    whole,
)
from collapse_bench.theory.gaussian import log_variance_drift, log_variance_noise

__all__ = [
    "debiased_diversity",
    "effective_size",
    "excess_drift_power",
    "excess_drift_score",
    "expected_step",
    "lineage_generations",
    "lineages_needed",
    "plug_in_diversity",
    "threshold_alarm_rate",
]


def excess_drift_score(
    log_ratios: ArrayLike, size: ArrayLike, steps: ArrayLike, ddof: int = 1
) -> NDArray[np.float64]:
    r"""Return the standard score of R measured log(s_n^2/s_0^2) against neutral drift.

    :math:`z = (\bar y - n\,drift) / \sqrt{n\,\psi'(k/2)/R}`, standard normal for a perfect fitter
    in many terms; negative where more is lost.

    Parameters
    ----------
    log_ratios : shape (R, ...)
        One row a lineage.
    size, steps, ddof
        M, n >= 1 and the divisor of the variance, as in :func:`gaussian.log_variance_drift`.
    """
    y = finite("log_ratios", log_ratios)
    if y.ndim == 0 or len(y) == 0:
        raise InvalidArgument(f"log_ratios must have shape (R, ...); got shape {y.shape}")
    steps = whole("steps", steps, least=1)
    error = np.sqrt(steps * log_variance_noise(size) / len(y))
    return np.asarray((y.mean(axis=0) - steps * log_variance_drift(size, ddof)) / error)[()]


def excess_drift_power(
    size: ArrayLike,
    steps: ArrayLike,
    lineages: ArrayLike,
    excess: ArrayLike,
    alpha: ArrayLike = 0.01,
) -> NDArray[np.float64]:
    r"""Return the chance that the score of R lineages lies below the alpha quantile.

    Each generation loses ``excess`` of log-variance more than a perfect fitter, with the same
    noise: :math:`\Phi(\sqrt{R n/\psi'(k/2)}\,excess - z_\alpha)`.
    """
    steps, lineages = whole("steps", steps, least=1), whole("lineages", lineages, least=1)
    excess, alpha = finite("excess", excess), _rate("alpha", alpha)
    shift = excess * np.sqrt(steps * lineages / log_variance_noise(size))
    return np.asarray(ndtr(shift + ndtri(alpha)))[()]


def lineages_needed(
    size: ArrayLike,
    steps: ArrayLike,
    excess: ArrayLike,
    alpha: ArrayLike = 0.01,
    power: ArrayLike = 0.9,
) -> NDArray[np.float64]:
    r"""Return the fewest lineages with which :func:`excess_drift_power` reaches ``power``.

    :math:`R = \lceil (z_\alpha + z_\beta)^2 \psi'(k/2) / (n\,excess^2) \rceil`; power must exceed
    alpha.
    """
    steps, excess = whole("steps", steps, least=1), positive("excess", excess)
    squares = _quantiles(alpha, power) ** 2 * log_variance_noise(size)
    return np.asarray(np.maximum(np.ceil(squares / (steps * excess**2)), 1.0))[()]


def lineage_generations(
    size: ArrayLike, alpha: ArrayLike = 0.01, power: ArrayLike = 0.9, ddof: int = 1
) -> NDArray[np.float64]:
    r"""Return R n that tells neutral replacement from a loop of the same noise without drift.

    The excess is the neutral drift itself: :math:`(z_\alpha + z_\beta)^2 \psi'(k/2)/drift^2`, about
    26 M for the unbiased variance at 1 % and 90 %, and 26 M / 4 by maximum likelihood, whose drift
    is twice as large.
    """
    squares = _quantiles(alpha, power) ** 2 * log_variance_noise(size)
    return np.asarray(squares / log_variance_drift(size, ddof) ** 2)[()]


def threshold_alarm_rate(
    ratio: ArrayLike, size: ArrayLike, steps: ArrayLike, ddof: int = 1
) -> NDArray[np.float64]:
    r"""Return P(s_n^2 / s_0^2 < ratio) of *one* lineage of a perfect fitter.

    What a gate "the variance ratio is at least ``ratio``" does to a model without fault: 41 % at
    0.9, M = 200, n = 8. n = 1 is chi-squared and exact; else the normal law of the logarithm with
    Edgeworth's terms in skewness and kurtosis, within 0.06/(k n)^1.5 (measured against the
    inverted characteristic function, M from 2 to 200).

    Parameters
    ----------
    ratio
        > 0.
    size, steps, ddof
        M, n >= 1, and the divisor of the variance.
    """
    ratio, size = positive("ratio", ratio), whole("size", size, least=2)
    steps, half = whole("steps", steps, least=1), (size - 1) / 2
    noise = steps * log_variance_noise(size)
    z = (np.log(ratio) - steps * log_variance_drift(size, ddof)) / np.sqrt(noise)
    skew = steps * polygamma(2, half) / noise**1.5
    heavy = steps * polygamma(3, half) / noise**2
    density = np.exp(-(z**2) / 2) / np.sqrt(2 * np.pi)
    terms = (
        skew / 6 * (z**2 - 1)
        + heavy / 24 * (z**3 - 3 * z)
        + skew**2 / 72 * (z**5 - 10 * z**3 + 15 * z)
    )
    many = np.clip(ndtr(z) - density * terms, 0, 1)
    once = gammainc(half, ratio * half * (1 if unbiased(ddof) else size / (size - 1)))
    return np.asarray(np.where(steps == 1, once, many))[()]


def plug_in_diversity(diversity: ArrayLike, eval_size: ArrayLike) -> NDArray[np.float64]:
    r"""Return the expected Gini-Simpson diversity of m draws' frequencies: H (1 - 1/m).

    Two of the m draws, with replacement, are the same draw with chance 1/m.
    """
    diversity, draws = fraction("diversity", diversity), whole("eval_size", eval_size, least=1)
    return np.asarray(diversity * (1 - 1 / draws))[()]


def debiased_diversity(plug_in: ArrayLike, eval_size: ArrayLike) -> NDArray[np.float64]:
    r"""Return m/(m-1) times the plug-in diversity of m >= 2 draws: unbiased for H."""
    plug_in, draws = fraction("plug_in", plug_in), whole("eval_size", eval_size, least=2)
    return np.asarray(plug_in * (draws / (draws - 1)))[()]


def expected_step(size: ArrayLike, eval_size: ArrayLike | None = None) -> NDArray[np.float64]:
    r"""Return :math:`E|p_{n+1} - p_n|^2 / H_n` of replacement by M draws.

    1/M between the laws. Between frequencies of m draws from each, independent of the training
    draws: 1/M + 1/m + (1 - 1/M)/m, as the next law has the diversity (1 - 1/M) H.

    Parameters
    ----------
    size
        M, an integer >= 2.
    eval_size
        m, an integer >= 2; None where the laws are known.
    """
    size = whole("size", size, least=2)
    if eval_size is None:
        return np.asarray(1 / size)[()]
    draws = whole("eval_size", eval_size, least=2)
    return np.asarray(1 / size + 1 / draws + (1 - 1 / size) / draws)[()]


def effective_size(
    diversity: ArrayLike, distance: ArrayLike, eval_size: ArrayLike | None = None
) -> NDArray[np.float64]:
    r"""Return N_e, the M whose :func:`expected_step` is ``distance`` / ``diversity``.

    M for ideal resampling, less where a model sharpens. A step no larger than the noise of
    evaluation gives inf: no drift is seen.

    Parameters
    ----------
    diversity
        Mean H_n over lineages, in (0, 1]; :func:`debiased_diversity` if measured.
    distance
        Mean of :math:`|p_{n+1} - p_n|^2` over the same lineages, >= 0.
    eval_size
        m of both measurements, an integer >= 2; None where the laws are known.
    """
    step = not_negative("distance", distance) / share("diversity", diversity)
    if eval_size is not None:
        draws = whole("eval_size", eval_size, least=2)
        step = (step - 2 / draws) / (1 - 1 / draws)
    with np.errstate(divide="ignore"):
        return np.asarray(1 / np.maximum(step, 0.0))[()]


def _rate(name: str, value: ArrayLike) -> NDArray[np.float64]:
    rate = fraction(name, value)
    if np.any((rate == 0) | (rate == 1)):
        raise InvalidArgument(f"{name} must be a number in (0, 1); got {name}={value!r}")
    return rate


def _quantiles(alpha: ArrayLike, power: ArrayLike) -> NDArray[np.float64]:
    level, reach = _rate("alpha", alpha), _rate("power", power)
    if np.any(reach <= level):
        raise InvalidArgument(f"power must exceed alpha; got power={power!r}, alpha={alpha!r}")
    return np.asarray(ndtri(reach) - ndtri(level))
