r"""How much faster than a neutral one a lineage loses its variance: two tests of a mean.

R lineages changed their log-variance by Y over n generations, N neutral ones by Y0. The *excess*
is mean Y - mean Y0; a loss of L a generation makes it n log(1 - L). A hypothesis about L is
rejected only if two tests reject it:

- Welch's t-test, which takes the spread of Y from Y, but trusts in a normal mean;
- the null of neutral means: the mean of R draws from Y0, which has the right shape at any R, but
  trusts that Y spreads as Y0 does.

Each errs where the other doesn't: the first where a few lineages are skew, the second where a
model's lineages spread otherwise than a resampler's. The larger of the two p-values is reported.

The law of the mean of R draws from Y0 is found by convolution, the limit of infinitely many
bootstrap samples, so that p-values are as small as they need to be and have no noise of their own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import stdtr, stdtrit
from scipy.stats import nct

__all__ = ["DriftTest", "MeanLaw", "lineages_to_reject"]

CELLS = 2**13  # on each side of the grid that sums of neutral changes lie on
REACH = 12.0  # standard deviations of the sum that it covers to each side, where sums reach so far
MOST_LINEAGES = 2**20


class MeanLaw:
    """The law of the mean of ``count`` draws from ``values``, less the mean of ``values``.

    Values are moved to a grid, each split between its two neighbors so that the mean stays as it
    is, and the grid's law is convolved with itself ``count`` times in the Fourier domain.

    Parameters
    ----------
    values : shape (N,)
        Finite.
    count
        How many are averaged.
    """

    def __init__(self, values: NDArray[np.float64], count: int) -> None:
        centered = values - values.mean()
        span = float(np.ptp(centered))
        width = min(count * span, REACH * float(centered.std()) * math.sqrt(count) + span)
        cell = width / CELLS or 1.0  # values that don't vary all lie on 0
        places = centered / cell
        below = np.floor(places)
        share = places - below
        index = below.astype(np.int64)
        size = 2 * CELLS  # sums that leave the grid on one side don't come back on the other
        law = np.bincount(index % size, weights=1 - share, minlength=size)
        law += np.bincount((index + 1) % size, weights=share, minlength=size)
        summed = np.fft.irfft(np.fft.rfft(law / len(values)) ** count, n=size)
        summed = np.maximum(np.fft.fftshift(summed), 0)  # rounding leaves about -1e-17
        summed /= summed.sum()
        self._edges = (np.arange(-CELLS, CELLS + 1) - 0.5) * (cell / count)  # of the cells
        self._below = np.append(0.0, np.cumsum(summed))
        self._above = np.append(np.cumsum(summed[::-1])[::-1], 0.0)

    def at_most(self, value: float) -> float:
        """Return the probability of a mean of ``value`` or less."""
        return float(np.interp(value, self._edges, self._below, left=0.0, right=1.0))

    def at_least(self, value: float) -> float:
        """Return the probability of a mean of ``value`` or more."""
        return float(np.interp(value, self._edges, self._above, left=1.0, right=0.0))

    def low(self, level: float) -> float:
        """Return the value that a mean is at most with probability ``level``."""
        return float(np.interp(level, self._below, self._edges))

    def high(self, level: float) -> float:
        """Return the value that a mean is at least with probability ``level``."""
        return float(np.interp(level, self._above[::-1], self._edges[::-1]))


@dataclass(frozen=True)
class DriftTest:
    """R lineages against neutral ones; losses are a generation, beyond the neutral loss.

    Attributes
    ----------
    changes : shape (R,)
        log V_n - log V_0 of each lineage, R >= 2, finite: see :meth:`of`.
    neutral : shape (N,)
        The same of neutral lineages, N >= 2, finite.
    generations
        n.
    collapsed
        How many lineages became a point.
    """

    changes: NDArray[np.float64]
    neutral: NDArray[np.float64]
    generations: int
    collapsed: int = 0

    @classmethod
    def of(
        cls,
        changes: NDArray[np.float64],
        neutral: NDArray[np.float64],
        generations: int,
        *,
        detect: float,
    ) -> Self:
        """Return the test of changes that are finite, or -inf where a lineage became a point.

        To show a loss, -inf counts as the lowest change there is, among all lineages and among
        neutral ones that lose ``detect``: the mean is then too high, which understates the loss.
        To exclude a loss it counts as what it is: nothing is excluded.
        """
        lost = np.isneginf(changes)
        if lost.any():
            lowest = float(neutral.min()) + generations * math.log1p(-detect)
            finite = changes[~lost]
            floor = min(lowest, float(finite.min())) if len(finite) else lowest
            changes = np.where(lost, floor, changes)
        return cls(changes, neutral, generations, int(lost.sum()))

    @property
    def loss(self) -> float:
        """The estimate: 1 if a lineage became a point, since its mean logarithm is -inf."""
        return 1.0 if self.collapsed else -math.expm1(self._excess / self.generations)

    def pvalue_at_most(self, loss: float) -> float:
        """Return the p-value of "the loss is at most ``loss``"."""
        gap = self._excess - self.generations * math.log1p(-loss)
        error, freedom = self._error
        welch = float(stdtr(freedom, gap / error))
        return max(welch, self._means.at_most(gap))

    def pvalue_at_least(self, loss: float) -> float:
        """Return the p-value of "the loss is at least ``loss``"."""
        if self.collapsed:
            return 1.0
        gap = self._excess - self.generations * math.log1p(-loss)
        error, freedom = self._error
        welch = float(stdtr(freedom, -gap / error))
        return max(welch, self._means.at_least(gap))

    def low(self, level: float) -> float:
        """Return the loss up to which "at most" is rejected at ``level``; may be negative."""
        error, freedom = self._error
        reach = min(float(stdtrit(freedom, level)) * error, self._means.low(level))
        return self._loss_at(self._excess - reach)

    def high(self, level: float) -> float:
        """Return the loss from which on "at least" is rejected at ``level``; at most 1."""
        if self.collapsed:
            return 1.0
        error, freedom = self._error
        reach = max(-float(stdtrit(freedom, level)) * error, self._means.high(level))
        return self._loss_at(self._excess - reach)

    def _loss_at(self, excess: float) -> float:
        # a growth beyond every float is as good as one of e**700
        return -math.expm1(min(excess / self.generations, 700.0))

    @cached_property
    def _excess(self) -> float:
        return float(self.changes.mean() - self.neutral.mean())

    @cached_property
    def _error(self) -> tuple[float, float]:
        """The standard error of the excess, and its degrees of freedom (Welch, Satterthwaite)."""
        parts = [float(group.var(ddof=1)) / len(group) for group in (self.changes, self.neutral)]
        total = sum(parts) or np.finfo(np.float64).tiny  # nothing varies: no error at all
        shares = [part / total for part in parts]
        freedom = sum(
            share**2 / (len(group) - 1)
            for share, group in zip(shares, (self.changes, self.neutral), strict=True)
        )
        return math.sqrt(total), 1 / freedom if freedom else 1.0

    @cached_property
    def _means(self) -> MeanLaw:
        return MeanLaw(self.neutral, len(self.changes))


def lineages_to_reject(gap: float, spread: float, *, level: float, power: float) -> int | None:
    """Return the least R at which a one-sided t-test rejects with probability ``power``.

    Parameters
    ----------
    gap
        How far the mean lies beyond the hypothesis, > 0.
    spread
        Standard deviation of a lineage.
    level
        Of the test.

    Returns
    -------
    int or None
        R >= 2; None if 2**20 lineages aren't enough.
    """

    def enough(count: int) -> bool:
        critical = -stdtrit(count - 1, level)
        return bool(nct.sf(critical, count - 1, gap / spread * math.sqrt(count)) >= power)

    return _first(enough)


def _first(enough: Callable[[int], bool]) -> int | None:
    """Return the least count >= 2 that is enough; ``enough`` turns true once."""
    low, high = 1, 2
    while not enough(high):
        low, high = high, 2 * high
        if high > MOST_LINEAGES:
            return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
