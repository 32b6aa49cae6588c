r"""The exceedance law, draw by draw: evidence that may be looked at after every draw.

Of the first t generated scores c lie in a tail that k of m reference scores mark. With a share
rho of the tail's mass kept, one such sequence has the chance
:math:`\Lambda_\rho(c, t) = \mathrm{E} \, (\rho b)^c (1 - \rho b)^{t - c}`, where the mass b of
the tail itself is Beta(k, m - k + 1): the reference's own sampling error is included. The ratio of
a mixture of such chances to that of one rho is a test martingale of "the share is rho" [1]_: it
exceeds 1 / alpha at any time with probability alpha at most, however often it is looked at [2]_.
For a mixture of smaller shares it falls as c grows, so the bound holds for every larger rho too,
and the other way round.

.. [1] A. Ramdas et al., "Game-theoretic statistics and safe anytime-valid inference",
   Statistical Science 38 (2023), 576-601.
.. [2] J. Ville, "Étude critique de la notion de collectif", Gauthier-Villars, 1939.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import logsumexp, xlog1py, xlogy

from collapse_bench.statistics.exceedance import mass_nodes

__all__ = ["EProcess"]

Array = NDArray[np.float64]

# Nodes of the integral over the reference's tail mass: the likelihood of t draws is wider than
# their distance in probit space, 20 / 1024, up to t = 2,600 m.
NODES = 1_025
MOST_DRAWS = 2_600
# A share of the tail beyond e^50 or below e^-50 is no longer told from infinity or from zero.
FARTHEST = 50.0


@dataclass(frozen=True, slots=True)
class EProcess:
    """Evidence against one share of the tail, from a mixture of others.

    Parameters
    ----------
    k, m
        Reference scores in the tail, and all of them; 1 <= k < m.
    ratio
        The share of the null hypothesis, > 0.
    others
        Shares that the mixture is of, in equal parts: all below ``ratio``, or all above.
    """

    k: int
    m: int
    ratio: float
    others: tuple[float, ...]

    def log_evidence(self, count: Array, size: Array) -> Array:
        """Return log E after ``size`` draws of which ``count`` lie in the tail, any one shape.

        E >= 1 / alpha rejects the null at level alpha.
        """
        return self._mixture(count, size) - self._chance(self.ratio, count, size)

    def bound(self, count: int, size: int, *, level: float) -> float | None:
        """Return the share nearest to the data that this evidence rejects at ``level``.

        Above the share seen if the mixture is of smaller ones, below it otherwise. None: there is
        no such share.
        """
        c, t = (np.array([float(number)]) for number in (count, size))
        target = float(self._mixture(c, t)[0]) + math.log(level)

        def excess(log_ratio: float) -> float:
            return float(self._chance(math.exp(log_ratio), c, t)[0]) - target

        above = min(self.others) < self.ratio
        far = FARTHEST if above else -FARTHEST
        if (count == 0 and not above) or (count == size and above) or excess(far) >= 0:
            return None
        # The chance is largest near the share seen, and falls on both sides.
        seen = math.log(max(count, 0.5) / size / (self.k / self.m))
        if excess(seen) <= 0:
            return math.exp(seen)
        return math.exp(brentq(excess, min(seen, far), max(seen, far), xtol=1e-10))

    def _mixture(self, count: Array, size: Array) -> Array:
        chances = np.stack([self._chance(ratio, count, size) for ratio in self.others])
        return np.asarray(logsumexp(chances, axis=0)) - math.log(len(self.others))

    def _chance(self, ratio: float, count: Array, size: Array) -> Array:
        """Return log Lambda, of the shape of ``count``."""
        mass, weight = mass_nodes(self.k, self.m, NODES)
        kept = np.minimum(ratio * mass, 1.0)  # (NODES,)
        c, t = (np.asarray(x, dtype=np.float64)[..., None] for x in (count, size))
        with np.errstate(divide="ignore"):
            logs = xlogy(c, kept) + xlog1py(t - c, -kept) + np.log(weight)
        return np.asarray(logsumexp(logs, axis=-1))
