r"""How often something happens in two samples of units, such as sequences, of any sizes.

A unit holds w draws of which x are in the region; the rate of a sample is p = sum x / sum w. Draws
of one unit may depend on one another, units don't, so the variance of p is that of a ratio of
means over N units: :math:`\frac{N}{N - 1} \sum (x - p w)^2 / (\sum w)^2`. The statistic is the
difference p_g - (1 - L) p_r over its standard error, and its null is that of random relabellings
of the units, each studentised by its own moments, of which the reference's hits are first scaled
by 1 - L. It is exact where the generated units are those of the reference's law with each x scaled
by that much, and asymptotically valid where they have another shape [1]_.

.. [1] E. Chung and J. P. Romano, "Exact and asymptotically robust permutation tests", Annals of
   Statistics 41 (2013), 484-507.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collapse_bench.statistics.permutation import layout, pvalue_high, pvalue_low, sums_by_origin
from collapse_bench.statistics.spread import crossing

__all__ = ["RateTest", "rate_test"]

# A rate this small beside the reference's is rounding: of samples that don't vary, say.
ROUNDING = 1e-12

# x w-moments of a unit, and how often x is a factor of each: a margin scales the reference's x.
POWERS = np.array([0, 1, 0, 2, 1, 0])  # of 1, x, w, x x, x w, w w


@dataclass(frozen=True, slots=True)
class RateTest:
    """Rates of two samples under a set of relabellings.

    Attributes
    ----------
    generated, reference : shape (6,)
        Sums over units of 1, x, w, x x, x w and w w.
    moved, total
        Those sums over the units labelled "generated" in each relabelling, shapes (2, B, 6), and
        over all units, (2, 6): first those of generated units, then the reference's.
    """

    generated: NDArray[np.float64]
    reference: NDArray[np.float64]
    moved: NDArray[np.float64]
    total: NDArray[np.float64]

    @property
    def loss(self) -> float:
        """The share of the rate that is gone: 1 minus the ratio; the reference's is positive."""
        ours, theirs = (float(sums[1] / sums[2]) for sums in (self.generated, self.reference))
        return 1 - ours / theirs

    def observed(self, loss: float) -> float:
        """Return the statistic of the data under a margin ``loss`` <= 1; small means lost."""
        scaled = (1 - loss) ** POWERS * self.reference
        return float(_statistic(self.generated[None], scaled[None])[0])

    def null(self, loss: float) -> NDArray[np.float64]:
        """Return the statistic of every relabelling under a margin ``loss`` <= 1, shape (B,)."""
        factor = (1.0 - loss) ** POWERS
        group = self.moved[0] + factor * self.moved[1]  # (B, 6)
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
        if self.loss > 1 - ROUNDING:  # nothing was met: no margin changes what is observed but 1
            return (1.0 if self.pvalue_fail(0.0) <= alpha else None), 1.0
        center = math.log1p(-self.loss)
        low = crossing(self.pvalue_fail, alpha, center, 0.05)
        high = crossing(self.pvalue_pass, beta, center, -0.05)
        return low, 1.0 if high is None else high


def rate_test(
    generated: tuple[NDArray[np.float64], NDArray[np.float64]],
    reference: tuple[NDArray[np.float64], NDArray[np.float64]],
    *,
    permutations: int,
    rng: np.random.Generator,
) -> RateTest:
    """Return the test of two samples of units, each (x, w) of shapes (N,) and (N,), N >= 2."""
    features = []
    for x, w in (generated, reference):
        order = np.lexsort((w, x))  # sums don't depend on the order that units came in
        x, w = x[order], w[order]
        features.append(np.stack([np.ones(len(x)), x, w, x * x, x * w, w * w], axis=1))
    ours, theirs = features
    plan = layout(len(ours), len(theirs), rng=rng)
    moved = np.stack(sums_by_origin(ours, theirs, plan, permutations, rng=rng))
    total = np.stack([ours.sum(axis=0), theirs.sum(axis=0)])
    return RateTest(total[0], total[1], moved, total)


def _statistic(group: NDArray[np.float64], rest: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the studentised difference of the rates of two groups of units, shapes (B, 6)."""
    rates, errors = zip(*(_rate(sums) for sums in (group, rest)), strict=True)
    difference = rates[0] - rates[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        score = difference / np.sqrt(errors[0] + errors[1])
    return np.asarray(np.where(difference == 0, 0.0, score))


def _rate(sums: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the rate and the square of its standard error, shapes (B,) and (B,)."""
    units, x, w, xx, xw, ww = sums.T
    rate = x / w
    squares = np.maximum(xx - 2 * rate * xw + rate**2 * ww, 0.0)
    return rate, units / (units - 1) * squares / w**2
