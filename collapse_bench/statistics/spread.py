r"""The variance of two samples on the line, compared by a studentised permutation test.

The statistic is the difference of the log-variances over its standard error by the kurtosis of
each group, :math:`\sqrt{(\kappa_g - 1)/n + (\kappa_r - 1)/m}`; every relabelling is studentised by
its own moments. Under a margin of loss L the reference is first shrunk about its mean to 1 - L of
its variance. The test is exact when the generated law is the reference's shrunk by that much, and
asymptotically valid when it has another shape [1]_.

A relabelling is kept as the sums of the powers 0 to 4 of the values labelled "generated", those
that were generated apart from those of the reference: the statistic under any margin then costs
no new relabelling, and intervals are found by bisection.

.. [1] E. Chung and J. P. Romano, "Exact and asymptotically robust permutation tests", Annals of
   Statistics 41 (2013), 484-507.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collapse_bench.statistics.permutation import layout, pvalue_high, pvalue_low, sums_by_origin

__all__ = ["HEAVY", "SpreadTest", "crossing", "kurtosis", "spread_test"]

# Pearson's kurtosis above which equal variances can't be shown: the upper test is asymptotic and
# errs too often. A t law with 3 degrees of freedom exceeds it in 99 % of samples of 1000, a normal
# law in none.
HEAVY = 6.0

# A variance this small beside the second moment about the reference's mean is rounding.
ROUNDING = 1e-13

# Generated values farther from their mean, in standard deviations of the reference, are moved here
# here: the variance is beyond any bound all the same, and fourth powers of both samples stay apart
# from 0.
FARTHEST = 1e12

# Log-ratios of variances are searched up to here, a factor of 1e13 either way.
LIMIT = 30.0


def kurtosis(values: NDArray[np.float64]) -> float:
    """Return Pearson's kurtosis, 3 for a normal law and at least 1; values vary, shape (n,)."""
    squares = np.square(_scaled(values))
    return float(np.mean(squares**2) / np.mean(squares) ** 2)


@dataclass(frozen=True, slots=True)
class SpreadTest:
    """Two samples' variances under a set of relabellings.

    Attributes
    ----------
    log_ratio
        log of the generated over the reference variance, both unbiased; -inf for equal values.
    error
        Its standard error.
    moved, total
        Sums of the powers 0 to 4 of the rows labelled "generated" in each relabelling, shapes
        (2, B, 5), and of all rows, (2, 5): first those of generated rows, then the reference's.
    """

    log_ratio: float
    error: float
    moved: NDArray[np.float64]
    total: NDArray[np.float64]

    @property
    def loss(self) -> float:
        """The share of the variance that is gone: 1 minus the ratio."""
        return 1 - math.exp(self.log_ratio)

    def observed(self, loss: float) -> float:
        """Return the statistic of the data under a margin ``loss`` < 1; small means lost."""
        difference = self.log_ratio - math.log1p(-loss)
        return difference / self.error if self.error else math.copysign(math.inf, difference)

    def null(self, loss: float) -> NDArray[np.float64]:
        """Return the statistic of every relabelling under a margin ``loss`` < 1, shape (B,)."""
        factor = math.sqrt(1 - loss) ** np.arange(5)  # of the powers 0 to 4
        group = self.moved[0] + factor * self.moved[1]  # (B, 5)
        rest = self.total[0] + factor * self.total[1] - group
        return _statistic(group, rest)

    def pvalue_fail(self, loss: float) -> float:
        """Return the p-value of the null "the loss is at most ``loss``"."""
        return pvalue_low(self.observed(loss), self.null(loss))

    def pvalue_pass(self, loss: float) -> float:
        """Return the p-value of the null "the loss is at least ``loss``"."""
        return pvalue_high(self.observed(loss), self.null(loss))

    def bounds(self, *, alpha: float, beta: float) -> tuple[float | None, float]:
        """Return the losses at which the two tests reach ``alpha`` and ``beta``.

        None: no loss, however negative, is rejected as too small.
        """
        if math.isinf(self.log_ratio):  # a constant sample: the same verdict under every margin
            return (1.0 if self.pvalue_fail(0.0) <= alpha else None), 1.0
        step = self.error or 0.01  # no error: values at two points, equally often
        low = crossing(self.pvalue_fail, alpha, self.log_ratio, step)
        high = crossing(self.pvalue_pass, beta, self.log_ratio, -step)
        return low, 1.0 if high is None else high


def spread_test(
    generated: NDArray[np.float64],
    reference: NDArray[np.float64],
    *,
    permutations: int,
    rng: np.random.Generator,
) -> SpreadTest:
    """Return the test of two samples, shapes (n,) and (m,), n, m >= 2; the reference varies."""
    # Each about its own mean: a shift is no matter of spread, and of unequal sizes some rows stay.
    deviations = [values - values.mean() for values in (generated, reference)]
    far = FARTHEST * reference.std()
    deviations[0] = np.clip(deviations[0], -far, far)
    scale = max(np.abs(part).max() for part in deviations)  # no power of them overflows
    lines = [part / scale for part in deviations]
    powers = [np.stack([z**0, z, z * z, z * z * z, (z * z) ** 2], axis=1) for z in lines]  # (n, 5)
    plan = layout(len(generated), len(reference), rng=rng)
    moved = np.stack(sums_by_origin(powers[0], powers[1], plan, permutations, rng=rng))
    total = np.stack([part.sum(axis=0) for part in powers])
    logs, errors = zip(*(_log_variance(values) for values in deviations), strict=True)
    return SpreadTest(logs[0] - logs[1], math.sqrt(sum(errors)), moved, total)


def crossing(
    pvalue: Callable[[float], float], level: float, log_ratio: float, step: float
) -> float | None:
    """Return the loss at which a p-value of losses falls to ``level``, or None if it never does.

    Parameters
    ----------
    pvalue
        Of the loss 1 - exp(r); well above ``level`` at r = ``log_ratio`` and falling from there.
    log_ratio
        Where to begin.
    step
        Which way to go, and a guess of how far.
    """
    inside, outside = log_ratio, log_ratio + step
    while pvalue(-math.expm1(outside)) > level:
        inside, step = outside, 2 * step
        outside += step
        if abs(outside) > LIMIT:
            return None
    while abs(outside - inside) > 1e-6:  # finer than any bound is ever printed
        middle = (inside + outside) / 2
        if pvalue(-math.expm1(middle)) > level:
            inside = middle
        else:
            outside = middle
    return -math.expm1(outside)


def _statistic(group: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the studentised difference of log-variances from sums of powers, (B, 5) each."""
    logs, errors = zip(*(_moments(sums) for sums in (group, rest)), strict=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Both constant: no difference. One constant: infinitely different.
        difference = np.where(logs[0] == logs[1], 0.0, logs[0] - logs[1])
        statistic = difference / np.sqrt(errors[0] + errors[1])
    return np.where(difference == 0, 0.0, statistic)


def _moments(sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the log-variance and its squared standard error from sums of the powers 0 to 4."""
    size = sums[:, 0]
    mean, second, third, fourth = (sums[:, power] / size for power in range(1, 5))
    variance = second - mean**2
    varies = variance > ROUNDING * second
    variance = np.where(varies, variance, 1.0)
    central = fourth - 4 * mean * third + 6 * mean**2 * second - 3 * mean**4
    error = np.maximum(central / variance**2 - 1, 0) / size
    log_variance = np.log(variance * size / np.maximum(size - 1, 1))
    return np.where(varies, log_variance, -np.inf), np.where(varies, error, 0.0)


def _log_variance(values: NDArray[np.float64]) -> tuple[float, float]:
    """Return the log-variance of values and its squared standard error, shape (n,), n >= 2."""
    if values.min() == values.max():
        return -math.inf, 0.0
    unit = float(np.abs(values - values.mean()).max())
    log_variance = math.log(np.var(_scaled(values), ddof=1)) + 2 * math.log(unit)
    return log_variance, (kurtosis(values) - 1) / len(values)


def _scaled(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return deviations from the mean over the largest of them: no power of them overflows."""
    deviations = values - values.mean()
    return np.asarray(deviations / np.abs(deviations).max())
