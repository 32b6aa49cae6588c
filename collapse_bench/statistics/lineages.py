"""How the spread of R lineages changes: levels, drift and means, each with its interval.

Lineages are independent; the generations of one aren't. A loss is 1 - ratio: 0.25 is a quarter
gone, negative is growth. What is asked for is the typical lineage. A loss of it is *shown* by
Student's t of the mean logarithm. Logarithms of a variance are skew to the left, the more so where
some lineages die out: t then shows a loss too seldom, and *excludes* one up to five times too
often. So a loss is excluded only if the median lineage's is too, by order statistics, which are
valid for any law.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collapse_bench.statistics.intervals import mean_interval, median_interval

__all__ = ["Spread", "median_loss"]

Array = NDArray[np.float64]
Interval = tuple[float, float] | None

MOST_LOG = 700.0  # a growth beyond every float is as good as one of e^700


@dataclass(frozen=True)
class Spread:
    """The spread of R lineages in T + 1 generations, over the reference's.

    A lineage of spread 0 is a point: a loss of all, whose logarithm is -inf. To show a loss it
    counts as the lowest lineage there is, so that one among many shows nothing; to exclude a loss
    it counts as what it is, and nothing is excluded.

    Attributes
    ----------
    values : shape (R, T + 1)
        Ratios, or their logarithms.
    logarithmic
        Whether they are logarithms.
    base
        What ratios are divided by, > 0.
    floor
        The logarithm that a point counts as at the most, to show a loss; < 0.
    """

    values: Array
    logarithmic: bool
    base: float
    floor: float

    @property
    def last(self) -> int:
        """The last generation, T."""
        return int(self.values.shape[1]) - 1

    def level(self, generation: int, level: float) -> tuple[float, Interval]:
        """Return the loss of the typical lineage, and bounds of it."""
        return _losses(self._logs(generation), level, self.floor)

    def drift(self, level: float) -> tuple[float, Interval]:
        """Return the loss a generation over the last half, T // 2 to T, and bounds of it."""
        middle = self.last // 2
        floor = self.floor / (self.last - middle)
        return _losses(self._change(middle, self.last), level, floor)

    def slowing(self, level: float) -> tuple[float, Interval]:
        """Return the same beyond half of the loss of the first half, 0 to T // 2.

        Negative where the loss slows down. A single generation, and a point, don't.
        """
        middle = self.last // 2
        before = self._change(0, middle) if middle else np.zeros(len(self.values))
        after = self._change(middle, self.last)
        before = np.where(np.isneginf(before) | np.isneginf(after), 0.0, before)
        return _losses(after - before / 2, level, self.floor / (self.last - middle))

    def mean_ratio(self, level: float, *, to_founder: bool) -> tuple[float, float, float]:
        """Return the mean of the last spread over that of the first, or over the reference's.

        Bounds are Student's, R >= 2; the mean of generation 0 must be positive.
        """
        end = self._plain(self.last)
        if not to_founder:
            return float(end.mean()), *mean_interval(end, level)
        start = self._plain(0)
        first = float(start.mean())
        ratio = float(end.mean()) / first
        low, high = mean_interval((end - ratio * start) / first, level)
        return ratio, ratio + low, ratio + high

    @property
    def variation(self) -> float:
        """Squared coefficient of variation of the last spread, were its logarithm normal."""
        logs = self._logs(self.last)
        if np.isneginf(logs).any():
            return math.inf
        return math.expm1(min(float(logs.var(ddof=1)), MOST_LOG))

    def _logs(self, generation: int) -> Array:
        values = self.values[:, generation]
        if not self.logarithmic:
            with np.errstate(divide="ignore"):
                values = np.log(values / self.base)
        return np.minimum(values, MOST_LOG)

    def _change(self, since: int, until: int) -> Array:
        """Return the change of the logarithm a generation, -inf where a lineage is a point.

        Where fresh data bring points back, being one is no end: they count as the lowest spread.
        """
        start, end = self._logs(since), self._logs(until)
        point = np.isneginf(start)
        if (point & ~np.isneginf(end)).any():
            both = np.concatenate([start, end])
            lowest = min(self.floor, float(both[~np.isneginf(both)].min()))
            start, end = np.maximum(start, lowest), np.maximum(end, lowest)
        else:
            start = np.where(point, 0.0, start)
        return np.asarray((end - start) / (until - since))

    def _plain(self, generation: int) -> Array:
        values = self.values[:, generation]
        if self.logarithmic:
            return np.asarray(np.exp(np.minimum(values, MOST_LOG)))
        return np.minimum(values / self.base, math.exp(MOST_LOG))


def median_loss(kept: Array, level: float) -> tuple[float, Interval]:
    """Return 1 - the median of what lineages kept, and its bounds."""
    bounds = median_interval(kept, level)
    return 1 - float(np.median(kept)), None if bounds is None else (1 - bounds[1], 1 - bounds[0])


def _losses(logs: Array, level: float, floor: float) -> tuple[float, Interval]:
    """Return the loss that belongs to the mean of logarithms of ratios, and its bounds."""
    points = np.isneginf(logs)
    estimate = 1.0 if points.any() else _loss(float(logs.mean()))
    ordered = median_interval(logs, level)
    if ordered is None:
        return estimate, None
    lowest = floor if points.all() else min(floor, float(logs[~points].min()))
    low, high = mean_interval(np.where(points, lowest, logs), level)
    excluded = -math.inf if points.any() else low
    return estimate, (_loss(high), _loss(min(excluded, ordered[0])))


def _loss(logarithm: float) -> float:
    return -math.expm1(min(logarithm, MOST_LOG))
