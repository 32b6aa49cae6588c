"""Cells along a line: two samples' distribution functions at a few hundred places.

Cells are fine at the ends of the line, where values are far apart. They depend on the pooled
values alone, so relabelling rows leaves them as they are, and equal values share a cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Cells"]


@dataclass(frozen=True, slots=True)
class Cells:
    """A partition of the line into half-open intervals.

    Attributes
    ----------
    edges : shape (cells - 1,)
        Ascending; a value belongs to the first cell whose upper edge isn't below it.
    steps : shape (cells - 1,)
        Distances of the mean values of neighboring cells. The Wasserstein distance of two samples
        is the sum of steps times differences of their distribution functions at the edges, each
        value read as its cell's mean.
    """

    edges: NDArray[np.float64]
    steps: NDArray[np.float64]

    @classmethod
    def of(cls, pool: NDArray[np.float64], count: int) -> Self:
        """Return at most ``count`` cells for pooled values, shape (n,), by their quantiles."""
        # A Chebyshev grid of shares: the outermost cells hold about (1.6 / count)^2 of all values.
        shares = (1 - np.cos(np.pi * np.arange(1, count) / count)) / 2
        ordered = np.sort(pool)
        edges = np.unique(ordered[(shares * len(pool)).astype(np.intp)])
        edges = edges[edges < ordered[-1]]  # the last cell isn't empty
        first = np.concatenate([[0], np.searchsorted(ordered, edges, side="right")])
        means = np.add.reduceat(ordered, first) / np.diff(first, append=len(ordered))
        return cls(edges, np.diff(means))

    def below(self, values: NDArray[np.float64]) -> NDArray[np.float32]:
        """Return how many values of each block lie at or below each edge.

        Parameters
        ----------
        values : shape (blocks, rows)

        Returns
        -------
        array of shape (blocks, cells - 1)
        """
        blocks, width = len(values), len(self.edges) + 1
        place = np.searchsorted(self.edges, values)  # (blocks, rows)
        place += width * np.arange(blocks)[:, None]
        counts = np.bincount(place.ravel(), minlength=blocks * width).reshape(blocks, width)
        return counts.cumsum(axis=1)[:, :-1].astype(np.float32)
