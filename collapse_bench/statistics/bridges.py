r"""How large samples must be for a Wasserstein check, by simulating its limit.

With s = sqrt(n m / (n + m)), the difference of two empirical distribution functions of one law is
B(F)/s for a Brownian bridge B. The bridges are simulated from the reference itself, jointly on all
lines: normal weights on groups of its rows. Where rows belong to clusters, the weights are of whole
clusters, n and m count these, and B is no Brownian bridge but as wide as clusters make it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from collapse_bench.statistics.cells import Cells

__all__ = ["Bridges"]

CELLS_ONE_LINE = 256
CELLS_A_LINE = 32

# Groups of reference rows that carry the weights.
GROUPS = 1_024

# First and second bridges, all pairs of which are added up; quantiles are of fitted lognormal
# laws, so that few will do, and fewer for means over many lines, which vary less.
PATHS_ONE_LINE = 400
PATHS_A_LINE = 150


@dataclass(frozen=True, slots=True)
class Bridges:
    """Simulated bridges on the cells of a reference.

    Attributes
    ----------
    first, second : shape (paths, e)
        Bridges at the cells' edges.
    shrunk : shape (e,)
        Change of the distribution function a unit of contraction of the law about its mean.
    steps : shape (e,)
        Of the cells, in units of the mean deviation: sums with them are losses.
    """

    first: NDArray[np.float32]
    second: NDArray[np.float32]
    shrunk: NDArray[np.float32]
    steps: NDArray[np.float32]

    @classmethod
    def of(
        cls,
        reference: NDArray[np.float64],
        directions: NDArray[np.float64],
        *,
        rng: np.random.Generator,
        units: NDArray[np.intp] | None = None,
    ) -> Self:
        """Return bridges for samples of shape (m, d) along directions of shape (p, d).

        ``units``: the number of each row's cluster, from 0, none left out.
        """
        size = len(reference) if units is None else int(units.max()) + 1
        rows = rng.permutation(size)
        length = max(1, size // GROUPS)
        groups = rows[: size // length * length].reshape(-1, length)
        place = None if units is None else _places(groups, size)[units]
        below, shrunk, steps, unit = [], [], [], 0.0
        for direction in directions:
            line = reference @ direction
            center = line.mean()
            mean_deviation = float(np.abs(line - center).mean())
            unit += mean_deviation
            cells = Cells.of(line, CELLS_ONE_LINE if len(directions) == 1 else CELLS_A_LINE)
            below.append(
                cells.below(line[groups])
                if place is None
                else _below(cells, line, place, len(groups))
            )
            # Density times way, (x - mu) f(x): the mass of the cells beside an edge over their
            # step. Scaled to what a contraction by 1 is known to move.
            share = np.diff(cells.below(line[None])[0], prepend=0, append=len(line))
            change = (cells.edges - center) * (share[1:] + share[:-1]) / cells.steps
            shrunk.append(change * mean_deviation / (np.abs(change) @ cells.steps))
            steps.append(cells.steps)
        counts = np.concatenate(below, axis=1)
        if place is None:
            counts -= counts.mean(axis=0)  # (groups, e); bridges, for any weights
            counts /= np.float32(length * np.sqrt(len(groups) / length))
        else:
            held = np.bincount(place, minlength=len(groups) + 1)[:-1].astype(np.float32)
            counts -= held[:, None] * (counts.sum(axis=0) / held.sum())
            # by the rows of a cluster on average, and the root of the number of clusters
            counts /= np.float32(held.mean() * np.sqrt(len(groups) / length))
        number = PATHS_ONE_LINE if len(directions) == 1 else PATHS_A_LINE
        paths = rng.standard_normal((2 * number, len(groups)), dtype=np.float32) @ counts
        return cls(
            paths[:number],
            paths[number:],
            np.concatenate(shrunk).astype(np.float32),
            (np.concatenate(steps) / unit).astype(np.float32),
        )

    def to_pass(self, *, detect: float, beta: float, miss: float) -> float:
        """Return the n m / (n + m) at which equal laws exclude ``detect``, up to a share ``miss``.

        The bootstrap adds a second bridge to the one that the samples are apart.
        """
        upper = [
            _quantile(np.abs(path + self.second) @ self.steps, 1 - beta) for path in self.first
        ]
        return (_quantile(np.array(upper), 1 - miss) / detect) ** 2

    def to_fail(self, *, tolerate: float, detect: float, alpha: float, miss: float) -> float:
        """Return the n m / (n + m) that shows a contraction by ``detect``, up to ``miss``."""
        critical = _quantile(np.abs(self.first) @ self.steps, 1 - alpha)

        def short(root: float) -> bool:
            distances = (
                np.abs(np.float32(detect) * self.shrunk + self.first / np.float32(root))
                @ self.steps
            )
            low = float(distances.mean() + ndtri(miss) * distances.std())  # nearly normal here
            return low - tolerate <= critical / root

        low, high = 1.0, 2.0
        while short(high):
            low, high = high, 2 * high
        while high - low > 1e-3 * high:
            middle = (low + high) / 2
            low, high = (middle, high) if short(middle) else (low, middle)
        return high**2


def _places(groups: NDArray[np.intp], size: int) -> NDArray[np.intp]:
    """Return the group of each of ``size`` clusters; the number of groups for those left out."""
    place = np.full(size, len(groups))
    place[groups] = np.arange(len(groups))[:, None]
    return place


def _below(
    cells: Cells, line: NDArray[np.float64], place: NDArray[np.intp], groups: int
) -> NDArray[np.float32]:
    """Return how many values of each group lie at or below each edge, shape (groups, e)."""
    width = len(cells.edges) + 1
    at = np.searchsorted(cells.edges, line) + width * place
    counts = np.bincount(at, minlength=(groups + 1) * width).reshape(-1, width)
    return counts[:-1].cumsum(axis=1)[:, :-1].astype(np.float32)


def _quantile(values: NDArray[np.floating], level: float) -> float:
    """Return the quantile of the lognormal law with these values' log-moments."""
    logs = np.log(values)
    return float(np.exp(logs.mean() + ndtri(level) * logs.std()))
