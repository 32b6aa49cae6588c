r"""Two guarantees for a count in the reference's tail: on average, or for this one reference.

The reference's own mass B of the tail that its k outermost rows mark is unknown, but its law is
Beta(k, m - k + 1). Averaged over that law the count is beta-binomial (:mod:`exceedance`), and the
share of wrong verdicts is the level over all pairs of a reference and samples. A reference with a
small B then alarms more often, every time that it is used.

The guarantee "reference" promises it for the one at hand: a fifth of the level is spent on a bound
of B, the rest on the binomial law under that bound [1]_. For all references but a share of that
fifth, which the bound misses, the conditional error rate is at most the rest. A count is small by
mistake where B is small, so what rejects small counts takes the lower bound of B, and what rejects
large ones the upper bound.

.. [1] R. L. Berger and D. D. Boos, "P values maximized over a confidence set for the nuisance
   parameter", Journal of the American Statistical Association 89 (1994), 1012-1016.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from scipy.special import betainc, betaincc, betainccinv, betaincinv

from collapse_bench.statistics import exceedance

__all__ = ["SPENT", "Guarantee", "TailTest"]

Guarantee = Literal["average", "reference"]

# Share of a level that the bound of the reference's own tail mass takes.
SPENT = 0.2


@dataclass(frozen=True, slots=True)
class TailTest:
    """Tests of the share of its tail mass that a law keeps, 1 for all.

    Attributes
    ----------
    n
        Generated rows.
    k, m
        Reference rows in the tail, and all of them; 1 <= k < m.
    guarantee
        Whose error rate the level bounds: that of an average reference, or of this one.
    """

    n: int
    k: int
    m: int
    guarantee: Guarantee = "average"

    def pvalue_low(self, count: int, *, ratio: float, level: float) -> float:
        """Return the p-value of "at least ``ratio`` is kept", to be compared with ``level``."""
        if self.guarantee == "average":
            return exceedance.at_most(count, self.n, self.k, self.m, ratio=ratio)
        if count >= self.n:
            return 1.0
        kept = min(ratio * _bounds(self.k, self.m, level)[0], 1.0)
        return min(1.0, SPENT * level + float(betaincc(count + 1, self.n - count, kept)))

    def pvalue_high(self, count: int, *, ratio: float, level: float) -> float:
        """Return the p-value of "at most ``ratio`` is kept", to be compared with ``level``."""
        if self.guarantee == "average":
            return exceedance.at_least(count, self.n, self.k, self.m, ratio=ratio)
        if count <= 0:
            return 1.0
        kept = min(ratio * _bounds(self.k, self.m, level)[1], 1.0)
        return min(1.0, SPENT * level + float(betainc(count, self.n - count + 1, kept)))

    def loss_bounds(self, count: int, *, alpha: float, beta: float) -> tuple[float | None, float]:
        """Return the losses at which the two tests reach ``alpha`` and ``beta``.

        None: no loss, however negative, is rejected as too small.
        """
        n = self.n
        if self.guarantee == "average":
            return exceedance.loss_bounds(count, n, self.k, self.m, alpha=alpha, beta=beta)
        low, high = None, 1.0
        if count < n:  # Clopper and Pearson's bounds of the share of rows in the tail
            most = float(betainccinv(count + 1, n - count, (1 - SPENT) * alpha))
            low = 1 - most / _bounds(self.k, self.m, alpha)[0]
        if count > 0:
            least = float(betaincinv(count, n - count + 1, (1 - SPENT) * beta))
            high = 1 - least / _bounds(self.k, self.m, beta)[1]
        return low, high

    def chance_low(self, *, ratio: float, level: float, kept: float) -> float:
        """Return the probability that :meth:`pvalue_low` rejects where ``kept`` is kept; exact.

        Over references and samples, whatever the guarantee.
        """
        count = _last(lambda c: self.pvalue_low(c, ratio=ratio, level=level) <= level, self.n)
        return 0.0 if count < 0 else exceedance.at_most(count, self.n, self.k, self.m, ratio=kept)

    def chance_high(self, *, ratio: float, level: float, kept: float) -> float:
        """Return the probability that :meth:`pvalue_high` rejects where ``kept`` is kept."""
        most = _last(lambda c: self.pvalue_high(c, ratio=ratio, level=level) > level, self.n)
        if most >= self.n:
            return 0.0
        return exceedance.at_least(most + 1, self.n, self.k, self.m, ratio=kept)


@lru_cache(maxsize=256)
def _bounds(k: int, m: int, level: float) -> tuple[float, float]:
    """Return what the tail mass of a reference is below, and above, with ``SPENT`` ``level``."""
    low = float(betaincinv(k, m - k + 1, SPENT * level))
    high = float(betainccinv(k, m - k + 1, SPENT * level))
    return low, high


def _last(true: Callable[[int], bool], most: int) -> int:
    """Return the last of 0 to ``most`` that is true, of which the first ones are; -1 if none."""
    low, high = -1, most + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if true(middle) else (low, middle)
    return low
