"""A sample's spread by a measure that a handful of values don't decide, and the z-test of two.

Such a measure is known by its influence function: how far each row moves it. The sum of the
function's squares is its sampling error, for rows that are independent; added up by cluster, for
clusters that are.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr, ndtri

__all__ = ["RobustTest", "RobustVariance"]


@dataclass(frozen=True, slots=True)
class RobustVariance:
    """One sample's squared scale.

    Attributes
    ----------
    variance
        In the unit of the sample, squared; 0 if the part of the sample that it sees is constant.
    spread
        Variance of the influence function over the squared variance: var(log v) is spread / n.
    size
        n.
    """

    variance: float
    spread: float
    size: int

    @classmethod
    def of(cls, variance: float, influence: NDArray[np.float64]) -> Self:
        """Return that of a sample with this influence of each row, shape (n,)."""
        spread = float(influence.var()) / variance**2 if variance else 0.0
        return cls(variance, spread, len(influence))


@dataclass(frozen=True, slots=True)
class RobustTest:
    """The z-test of two squared scales, of which the reference's is positive."""

    generated: RobustVariance
    reference: RobustVariance

    @property
    def log_ratio(self) -> float:
        """log of the generated over the reference's; -inf for a constant middle."""
        if self.generated.variance == 0:
            return -math.inf
        return math.log(self.generated.variance / self.reference.variance)

    @property
    def loss(self) -> float:
        """The share of the variance that is gone: 1 minus the ratio."""
        return 1 - math.exp(self.log_ratio)

    @property
    def error(self) -> float:
        """The standard error of the log ratio."""
        parts = (part.spread / part.size for part in (self.generated, self.reference))
        return math.sqrt(sum(parts))

    def pvalue_fail(self, loss: float) -> float:
        """Return the p-value of the null "the loss is at most ``loss``" < 1."""
        return float(ndtr((self.log_ratio - math.log1p(-loss)) / self.error))

    def pvalue_pass(self, loss: float) -> float:
        """Return the p-value of the null "the loss is at least ``loss``" < 1."""
        return float(ndtr((math.log1p(-loss) - self.log_ratio) / self.error))

    def bounds(self, *, alpha: float, beta: float) -> tuple[float, float]:
        """Return the losses at which the two tests reach ``alpha`` and ``beta``."""
        return (
            -math.expm1(self.log_ratio - ndtri(alpha) * self.error),
            -math.expm1(self.log_ratio + ndtri(beta) * self.error),
        )
