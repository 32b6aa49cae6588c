r"""How many states k draws hold: two samples compared, and what a sample of any size would say.

The richness at depth k is the expected number of different states in k of a sample's N units,
drawn without replacement: :math:`R = \sum_i 1 - \binom{N - c_i}{k} / \binom{N}{k}`, where c_i
units hold state i [1]_ [2]_. Units are draws, or sequences that hold several states each.

With u in units of the sample, :math:`S(u) = \sum_i 1 - (1 - u)^{c_i}` is the richness at size u N,
extrapolated up to u = 2 by the number of states seen once and twice [3]_. Were N Poisson, the
variance of R would be S(2t) - S(2t - t^2) with t = k / N; the last term of the variance accounts
for N being fixed. Sequences take a jackknife over them instead, which is never too small on
average (Efron and Stein).

.. [1] S. H. Hurlbert, "The nonconcept of species diversity", Ecology 52 (1971), 577-586.
.. [2] K. L. Heck et al., "Explicit calculation of the rarefaction diversity measurement and the
   determination of sufficient sample size", Ecology 56 (1975), 1459-1461.
.. [3] A. Chao et al., "Rarefaction and extrapolation with Hill numbers", Ecological Monographs 84
   (2014), 45-67.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, ndtr, ndtri

from collapse_bench.streams import generator

__all__ = ["Incidence", "Richness", "RichnessTest"]


# Up to this share of the units the variance at another size is linear in 1 / size, to percents.
LINEAR = 0.1

SUBSAMPLED = 4_000  # units, or more, behind the variance at a smaller size


@dataclass(frozen=True, slots=True)
class Richness:
    """The states that k of a sample's units hold, and the variance of that number."""

    value: float
    variance: float


@dataclass(frozen=True, eq=False)
class Incidence:
    """Which units of a sample hold which states.

    Attributes
    ----------
    size
        Units, N.
    holders : shape (K,)
        Units that hold each state, at least 1.
    places : tuple of shapes (P,) and (P,), or None
        Unit and state of each of P pairs; None where every unit is one draw, of one state.
    """

    size: int
    holders: NDArray[np.int64]
    places: tuple[NDArray[np.intp], NDArray[np.intp]] | None = None

    @classmethod
    def of_draws(cls, codes: NDArray[Any]) -> Self:
        """Return the incidence of draws, shape (n,), each a unit of its own."""
        return cls(len(codes), np.unique(codes, return_counts=True)[1].astype(np.int64))

    @classmethod
    def of_units(cls, codes: NDArray[Any], units: NDArray[np.intp], size: int) -> Self:
        """Return the incidence of draws of ``size`` units, shapes (n,) and (n,)."""
        states = np.unique(codes, return_inverse=True)[1]
        pairs = np.unique(states.astype(np.int64) * size + units)
        held, unit = np.divmod(pairs, size)
        return cls(size, np.bincount(held), (unit, held))

    def richness(self, depth: float) -> Richness:
        """Return the richness at ``depth`` units, 1 <= depth <= N."""
        return Richness(self._rarefied(depth), self.variance_at(depth, self.size))

    def variance_at(self, depth: float, size: float) -> float:
        """Return the variance of the richness at ``depth`` of ``size`` units of the same law.

        ``size`` may be any number from ``depth`` on; ``depth`` is at most N.
        """
        if self.places is not None:
            if size < self.size and depth > LINEAR * size:
                return self._subsampled(depth, int(size))
            # a unit adds k / size exp(-k c / N) for each of its states
            return self._jackknife(depth) * self.size / size
        slope = depth * self._slope(depth)
        share = depth / size
        spread = self.at(2 * depth) - self.at(2 * depth - share * depth)
        return max(0.0, spread - slope**2 / size)

    def at(self, size: float) -> float:
        """Return the richness of ``size`` draws, S(size / N), for 0 <= size <= 2 N."""
        counts, states = self._classes
        u = size / self.size
        if u <= 1:
            with np.errstate(divide="ignore"):
                return float(states @ -np.expm1(counts * np.log1p(-u)))
        once, twice = (float(states[counts == c].sum()) for c in (1, 2))
        unseen = (self.size - 1) / self.size * once * (once - 1) / (2 * (twice + 1))
        if not unseen:
            return float(len(self.holders) + (u - 1) * once)
        return len(self.holders) - unseen * math.expm1(-(u - 1) * once / unseen)

    @property
    def _classes(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Counts c that occur, ascending, and how many states have each."""
        counts, states = np.unique(self.holders, return_counts=True)
        return counts, states

    def _rarefied(self, depth: float) -> float:
        counts, states = self._classes
        missing = np.full(len(counts), -np.inf)
        some = counts <= self.size - depth
        left = self.size - counts[some]
        missing[some] = (
            gammaln(left + 1)
            - gammaln(left - depth + 1)
            - gammaln(self.size + 1)
            + gammaln(self.size - depth + 1)
        )
        return float(states @ -np.expm1(np.minimum(missing, 0.0)))

    def _slope(self, depth: float) -> float:
        """Return dS / d size at ``depth``: the chance that the next draw is of a new state."""
        counts, states = self._classes
        share = depth / self.size
        if share >= 1:
            return float(states[counts == 1].sum()) / self.size
        return float(states @ (counts * np.exp((counts - 1) * math.log1p(-share)))) / self.size

    def _jackknife(self, depth: float) -> float:
        """Return the variance by leaving each unit out, by what only it adds."""
        assert self.places is not None
        units, states = self.places
        weights = _added(self.holders, depth / self.size)
        added = np.bincount(units, weights[states], minlength=self.size)
        added.sort()  # sums don't depend on the order that units came in
        return float((self.size - 1) / self.size * np.square(added - added.mean()).sum())

    def _subsampled(self, depth: float, size: int) -> float:
        """Return the mean jackknife variance of random sets of ``size`` of these units.

        Near full depth a unit adds a state or it doesn't, as the others drawn hold it or not: more
        variance than its mean over them has, which is all that the jackknife of many units shows.
        """
        assert self.places is not None
        units, states = self.places
        together = max(1, min(self.size, SUBSAMPLED) // size)  # sets of one permutation
        rounds = math.ceil(SUBSAMPLED / (together * size))
        rng = generator(0, "richness", "units", size)
        total = 0.0
        for _ in range(rounds):
            place = rng.permutation(self.size)[units]
            drawn = place < together * size
            place, held = place[drawn], states[drawn]
            pairs = place // size * len(self.holders) + held
            _, pair, holders = np.unique(pairs, return_inverse=True, return_counts=True)
            weights = _added(holders, depth / size)[pair]
            added = np.bincount(place, weights, minlength=together * size).reshape(together, size)
            total += float(added.var(axis=1).sum())
        return (size - 1) * total / (rounds * together)


def _added(holders: NDArray[np.int64], share: float) -> NDArray[np.float64]:
    """Return what a unit adds at depth ``share`` N by a state that so many of N units hold."""
    if share >= 1:
        return np.asarray(holders == 1, dtype=np.float64)
    return np.asarray(share * np.exp((holders - 1) * math.log1p(-share)))


@dataclass(frozen=True, slots=True)
class RichnessTest:
    """The richness of generated units against a reference's at one depth.

    Attributes
    ----------
    generated, reference
        Richness of each at that depth; the reference's is positive.
    step
        Depth over the smaller sample: by so much one state that comes or goes moves a richness.
    """

    generated: Richness
    reference: Richness
    step: float

    @property
    def loss(self) -> float:
        """The share of the states that is gone: 1 minus the ratio of the two."""
        return 1 - self.generated.value / self.reference.value

    def pvalue_fail(self, loss: float) -> float:
        """Return the p-value of the null "the loss is at most ``loss``"."""
        return float(ndtr(self._score(1 - loss, self.step / 2)))

    def pvalue_pass(self, loss: float) -> float:
        """Return the p-value of the null "the loss is at least ``loss``"."""
        return float(ndtr(-self._score(1 - loss, -self.step / 2)))

    def bounds(self, *, alpha: float, beta: float) -> tuple[float | None, float]:
        """Return the losses at which the two tests reach ``alpha`` and ``beta``.

        None: no loss, however negative, is rejected as too small.
        """
        most = self._ratio(float(ndtri(alpha)), self.step / 2)
        least = self._ratio(-float(ndtri(beta)), -self.step / 2)
        return (None if most is None else 1 - most), 1 - (least or 0.0)

    def _score(self, ratio: float, shift: float) -> float:
        """Return how many standard errors R_g + shift lies above ``ratio`` R_r."""
        error = math.sqrt(
            self.generated.variance + self.step**2 + ratio**2 * self.reference.variance
        )
        return (self.generated.value + shift - ratio * self.reference.value) / error

    def _ratio(self, score: float, shift: float) -> float | None:
        """Return the ratio >= 0 at which the score, which falls in it, is ``score``; Fieller."""
        shown = self.generated.value + shift  # positive: a sample holds a state, and step <= 1
        given, spread = self.reference.value, self.reference.variance
        noise = self.generated.variance + self.step**2
        root = math.sqrt(max(0.0, shown**2 * spread + noise * (given**2 - score**2 * spread)))
        if score >= 0:
            return max(0.0, (shown**2 - score**2 * noise) / (shown * given + score * root))
        square = given**2 - score**2 * spread
        # None: so noisy a reference that no ratio is too large
        return (shown * given - score * root) / square if square > 0 else None
