r"""Two samples whose rows correspond, one to one: bounds of how much less the second one has.

Pairs are independent of one another; within a pair anything goes. Each class has ``change``, what
the second sample has less than the first, and ``bounds(level)``: a lower and an upper bound of it,
each wrong with probability ``level`` at most.

*Shares*, exactly, for any number of pairs. Let b pairs have only their first row in a region and c
only their second, :math:`\delta` be the chance of either, and :math:`\theta` that of the first
among them. Given b + c, b is binomial with :math:`\theta`: that is McNemar's exact test [1]_, and
:math:`p_1 - p_2 = \delta (2 \theta - 1)`. Both factors are bounded by Clopper and Pearson, nine
tenths of the level for the first and a tenth for the second, so that a bound has the sign that the
exact test shows.

*Means* by flipping signs, exactly if what a pair adds is symmetric about its mean, and for any law
as pairs grow many [2]_. If :math:`\bar{z}_\epsilon` is the mean of the z under signs
:math:`\epsilon`, the test of the mean :math:`\mu` rejects where few :math:`r_\epsilon = (\bar{z} -
\bar{z}_\epsilon) / (1 - \bar{\epsilon})` lie below :math:`\mu`, so order statistics of them are
the bounds.

Many pairs means many that *carry* the mean: :math:`(\sum |z|)^2 / \sum z^2`, which is n if all add
as much, and k if k do and the rest nothing. Where a tenth of the pairs lose what they had and the
rest stay as they are, few carry it, and those seen say little of those not seen. Fewer than 25 may
show that there is a change, but never how large it is at most. Where 10 % of 20 to 200 normal rows
of 1.6 deviations become 0, bounds of the variance at a level of 1 % so lie within 15 % in 1 % of
the cases at most, though 22 % are lost; without that in up to 38 %. Where 5 % do, in 4 %. Where no
pair differs, the change is none if there are so many that a difference in a twentieth of all pairs
would have been seen; that there is none in fewer is assumed.

*Distances* to a reference by swapping the rows of pairs: exact if both samples are of one law. As
laws that differ may be equally far away, a change must be shown by the mean of what each pair adds
to first order as well. Its size is bounded by the rows' own distance,
:math:`|W_1(P, R) - W_1(Q, R)| \le W_1(P, Q) \le E |X - Y|`.

.. [1] Q. McNemar, "Note on the sampling error of the difference between correlated proportions or
   percentages", Psychometrika 12 (1947), 153-157.
.. [2] J. S. Maritz, "A note on exact robust confidence intervals for location", Biometrika 66
   (1979), 163-166.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy import special

from collapse_bench.statistics.cells import Cells

__all__ = ["PairedDistance", "PairedMean", "PairedShares"]

SIGN = 0.9  # of a level, for which of two shares is larger; the rest for how many pairs differ
BLOCKS = 1_024  # pairs are swapped in random blocks where there are more
CHUNK = 512  # sign vectors at a time
CARRIERS = 25  # pairs that must carry a mean for it to be bounded; by simulation, see above
SHARE = 0.05  # of all pairs, in which a difference must have been seen; none is assumed in fewer
ROUNDING = 1e-12  # of what pairs add, which are shares of a loss: less is none
CELLS_ONE_LINE, CELLS_A_LINE = 512, 64  # as the gates' own distances take


@dataclass(frozen=True, slots=True)
class PairedShares:
    """What share of two samples lies in a region, pair by pair.

    Attributes
    ----------
    first_only, second_only
        Pairs with only one of their rows in the region.
    size
        Pairs, n >= 1.
    """

    first_only: int
    second_only: int
    size: int

    @classmethod
    def of(cls, first: NDArray[np.bool_], second: NDArray[np.bool_]) -> Self:
        """Return them from whether each row lies in the region, shapes (n,) and (n,)."""
        only = int(np.count_nonzero(first & ~second)), int(np.count_nonzero(second & ~first))
        return cls(*only, len(first))

    @property
    def change(self) -> float:
        """The first share minus the second."""
        return (self.first_only - self.second_only) / self.size

    def bounds(self, level: float) -> tuple[float, float]:
        """Return bounds of the change, each wrong with probability ``level`` at most."""
        b, c = self.first_only, self.second_only
        return self._lower(b, c, level), -self._lower(c, b, level)

    def _lower(self, b: int, c: int, level: float) -> float:
        lean = 2 * _at_least(b, b + c, SIGN * level) - 1
        rest = (1 - SIGN) * level
        if lean >= 0:
            return lean * _at_least(b + c, self.size, rest)
        return lean * (1 - _at_least(self.size - b - c, self.size, rest))


def _at_least(hits: int, size: int, level: float) -> float:
    """Return Clopper and Pearson's lower bound of a chance."""
    return float(special.betaincinv(hits, size - hits + 1, level)) if hits else 0.0


@dataclass(frozen=True, slots=True)
class PairedMean:
    """The mean of what pairs add.

    Attributes
    ----------
    change
        The mean.
    size
        Pairs, n >= 2.
    carriers
        How many of them carry the mean, in [0, n]; 0 where none adds anything.
    ratios : shape (B,), ascending
        The means at which each sign vector becomes as extreme as what was seen.
    """

    change: float
    size: int
    carriers: float
    ratios: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        added: NDArray[np.float64],
        *,
        change: float | None = None,
        permutations: int,
        rng: np.random.Generator,
    ) -> Self:
        """Return it from what each pair adds, shape (n,), n >= 2.

        The mean is ``change``, to which they are moved; None for their own.
        """
        moved_by = np.where(np.abs(added) > ROUNDING, np.abs(added), 0.0)
        most = float(moved_by.max())
        parts = moved_by / most if most else moved_by  # whose squares don't overflow
        carriers = float(parts.sum() ** 2 / np.square(parts).sum()) if most else 0.0
        if change is not None:
            added = added + (change - added.mean())
        members = _blocks(len(added), rng)
        count = members.max() + 1
        sums = np.bincount(members, added, minlength=count)
        sizes = np.bincount(members, minlength=count).astype(np.float64)
        mean = float(added.mean())
        found = []
        for signs in _signs(count, permutations, rng):
            kept = 1 - signs @ sizes / len(added)
            moved = mean - signs @ sums / len(added)
            # no pair was flipped: as extreme as what was seen, whatever the mean
            with np.errstate(divide="ignore", invalid="ignore"):
                found.append(np.where(kept > 0, moved / kept, np.nan))
        ratios = np.concatenate(found)
        return cls(mean, len(added), carriers, np.sort(ratios))  # not-a-numbers last

    def bounds(self, level: float) -> tuple[float, float]:
        """Return bounds of the mean, each wrong with probability ``level`` at most.

        Where too few pairs carry it, only one that shows its sign is finite.
        """
        if self.carriers == 0 and abs(self.change) <= ROUNDING:
            many = self.size * math.log1p(-SHARE) <= math.log(level)
            return (self.change, self.change) if many else (-math.inf, math.inf)
        unflipped = int(np.isnan(self.ratios).sum())
        ratios = self.ratios[: len(self.ratios) - unflipped]
        allowed = math.floor(level * (len(self.ratios) + 1)) - 1 - unflipped
        if not 0 <= allowed < len(ratios):
            return -math.inf, math.inf
        low, high = float(ratios[allowed]), float(ratios[len(ratios) - 1 - allowed])
        if self.carriers < CARRIERS:
            return (low if low > 0 else -math.inf), (high if high < 0 else math.inf)
        return low, high


@dataclass(frozen=True, slots=True)
class PairedDistance:
    """How much farther from a reference the second sample is than the first.

    Attributes
    ----------
    change
        The second distance minus the first, in the given unit.
    first, second
        The distances themselves; of samples of the reference's own law they exceed 0 as well.
    pvalue_farther, pvalue_nearer
        Of swapping, against "no farther" and "no nearer".
    added
        What pairs add to the change, to first order.
    apart
        The mean distance of the rows of a pair.
    """

    change: float
    first: float
    second: float
    pvalue_farther: float
    pvalue_nearer: float
    added: PairedMean
    apart: PairedMean

    @classmethod
    def of(
        cls,
        first: NDArray[np.float64],
        second: NDArray[np.float64],
        reference: NDArray[np.float64],
        *,
        unit: float,
        permutations: int,
        rng: np.random.Generator,
    ) -> Self:
        """Return it from projections on L lines, shapes (n, L), (n, L) and (m, L).

        The distance is the mean over lines, in units of ``unit``.
        """
        n, lines = first.shape
        scale = unit * lines
        members = _blocks(n, rng)
        count = int(members.max()) + 1
        added, swaps, widths, middles, gaps = np.zeros(n), [], [], [], []
        for index in range(lines):
            x, y, z = first[:, index], second[:, index], reference[:, index]
            cells = Cells.of(
                np.concatenate([x, y, z]), CELLS_ONE_LINE if lines == 1 else CELLS_A_LINE
            )
            places = [np.searchsorted(cells.edges, values) for values in (x, y, z)]
            shares = [_below(place, len(cells.edges)) for place in places]
            width = cells.steps / scale
            gap = [share - shares[2] for share in shares[:2]]
            # a row counts in every distribution function from its own cell on
            for sign, place, difference in ((-1, places[0], gap[0]), (1, places[1], gap[1])):
                slope = np.append(np.sign(difference) * width, 0.0)
                added += sign * slope[::-1].cumsum()[::-1][place]
            middles.append((gap[0] + gap[1]) / 2)
            gaps.append(gap)
            widths.append(width)
            swaps.append(_swapped(places, members, count, len(cells.edges)) / (2 * n))
        width, middle = np.concatenate(widths), np.concatenate(middles)
        distances = [
            float(np.abs(np.concatenate([gap[side] for gap in gaps])) @ width) for side in (0, 1)
        ]
        change = distances[1] - distances[0]
        swap = np.concatenate(swaps, axis=1).astype(np.float32)  # (blocks, edges)
        farther = nearer = 0
        least = 1e-5 * (distances[0] + distances[1])  # single precision
        for signs in _signs(count, permutations, rng):
            moved = signs @ swap
            found = (np.abs(middle + moved) - np.abs(middle - moved)) @ width
            farther += int(np.count_nonzero(found >= change - least))
            nearer += int(np.count_nonzero(found <= change + least))
        apart = np.abs(first - second).mean(axis=1) / unit
        return cls(
            change,
            distances[0],
            distances[1],
            (farther + 1) / (permutations + 1),
            (nearer + 1) / (permutations + 1),
            PairedMean.of(added, change=change, permutations=permutations, rng=rng),
            PairedMean.of(apart, permutations=permutations, rng=rng),
        )

    def bounds(self, level: float) -> tuple[float, float]:
        """Return bounds of the change, each wrong with probability ``level`` at most.

        One of them is the other side of what the rows' own distance allows, unless a change in
        its direction is shown.
        """
        low, high = self.added.bounds(level)
        most = self.apart.bounds(level)[1]
        shown = low > 0 and self.pvalue_farther <= level, high < 0 and self.pvalue_nearer <= level
        return low if shown[0] else 0.0 - most, high if shown[1] else most


def _below(places: NDArray[np.intp], edges: int) -> NDArray[np.float64]:
    """Return the shares of values at or below each edge."""
    counts = np.bincount(places, minlength=edges + 1)
    return np.asarray(counts.cumsum()[:-1] / len(places))


def _swapped(
    places: list[NDArray[np.intp]], members: NDArray[np.intp], blocks: int, edges: int
) -> NDArray[np.float64]:
    """Return by how much the second sample has more rows below each edge, block by block."""
    width = edges + 1
    more, less = (
        np.bincount(members * width + place, minlength=blocks * width)
        for place in (places[1], places[0])
    )
    return np.asarray((more - less).reshape(blocks, width).cumsum(axis=1)[:, :-1], dtype=float)


def _blocks(pairs: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return the block of each pair: one of its own, or one of ``BLOCKS`` random ones."""
    return rng.permutation(pairs) % min(pairs, BLOCKS)


def _signs(blocks: int, count: int, rng: np.random.Generator) -> Iterator[NDArray[np.float32]]:
    """Yield ``count`` random vectors of signs, a chunk at a time, shapes (k, blocks)."""
    for first in range(0, count, CHUNK):
        drawn = rng.integers(0, 2, (min(CHUNK, count - first), blocks), dtype=np.int8)
        yield (2 * drawn - 1).astype(np.float32)
