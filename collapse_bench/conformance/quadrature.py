"""The integral of a density over a box, in one or two dimensions, and one that is known."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Integral", "Steps", "edges_around", "integrate"]

NODES = {1: 8, 2: 5}  # Gauss-Legendre nodes along each side of a cell
ROUNDS = 40  # halvings: a jump is then known to a trillionth of its cell

Density = Callable[[NDArray[np.float64]], NDArray[np.float64]]


@dataclass(frozen=True, slots=True)
class Integral:
    """What was summed.

    Attributes
    ----------
    value
        The integral.
    error
        Sum over the cells of the difference between a cell and its parts.
    calls
        Points at which the density was asked for.
    """

    value: float
    error: float
    calls: int


@dataclass(frozen=True, slots=True)
class Steps:
    """A function that is constant on each cell of a grid, and 0 outside: its integral is known.

    Attributes
    ----------
    edges
        Increasing numbers, one array a dimension.
    heights : shape (cells, ...)
        One axis a dimension.
    """

    edges: Sequence[NDArray[np.float64]]
    heights: NDArray[np.float64]

    @classmethod
    def of(cls, density: Density, edges: Sequence[NDArray[np.float64]]) -> Self:
        """Return the steps that meet ``density`` in the middle of each cell."""
        middles = [(each[1:] + each[:-1]) / 2 for each in edges]
        heights = density(np.array(list(product(*middles))))
        return cls(edges, heights.reshape([len(each) for each in middles]))

    @property
    def integral(self) -> float:
        """The sum of heights times areas."""
        total = self.heights
        for each in reversed(self.edges):  # the last axis goes first
            total = total @ np.diff(each)
        return float(total)

    def at(self, points: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the heights at points, (n, d), as an array of shape (n,)."""
        places = [
            np.searchsorted(each, column, side="right") - 1
            for each, column in zip(self.edges, points.T, strict=True)
        ]
        inside = np.all(
            [
                (place >= 0) & (place < len(each) - 1)
                for place, each in zip(places, self.edges, strict=True)
            ],
            axis=0,
        )
        found = self.heights[tuple(np.where(inside, place, 0) for place in places)]
        return np.where(inside, found, 0.0)


def edges_around(values: NDArray[np.float64], *, cells: int, doublings: int) -> NDArray[np.float64]:
    """Return where to cut the line: at quantiles of ``values``, and then further and further out.

    The steps beyond the extremes double, from a quarter of the middle half's width.
    """
    inner = np.unique(np.quantile(values, np.linspace(0, 1, cells + 1)))
    quarter, three = np.quantile(values, (0.25, 0.75))
    step = ((three - quarter) or (inner[-1] - inner[0]) or 1.0) / 4
    out = step * (2.0 ** np.arange(1, doublings + 1) - 1)
    return np.concatenate([(inner[0] - out)[::-1], inner, inner[-1] + out])


def integrate(
    density: Density, edges: Sequence[NDArray[np.float64]], *, tolerance: float, most: int
) -> Integral:
    """Integrate ``density`` over the box that ``edges`` cut into cells, d = 1 or 2.

    Cells are halved along every side until a cell differs little from the sum of its parts, or
    ``most`` points were used.

    Parameters
    ----------
    density
        From points, shape (n, d), to numbers, shape (n,).
    edges
        Increasing numbers, one array a dimension.
    tolerance
        For the sum of all differences.
    most
        About how many points may be used.
    """
    d = len(edges)
    lows = np.array(list(product(*(each[:-1] for each in edges))))  # (m, d)
    sides = np.array(list(product(*(np.diff(each) for each in edges))))
    corners = np.array(list(product((0.0, 0.5), repeat=d)))  # (2**d, d)
    points, weights = _rule(d)
    value = error = 0.0
    calls = len(lows) * len(weights)
    whole = _sums(density, lows, sides, points, weights)
    for _ in range(ROUNDS):
        part_lows = (lows[:, None] + corners * sides[:, None]).reshape(-1, d)
        part_sides = np.repeat(sides / 2, len(corners), axis=0)
        parts = _sums(density, part_lows, part_sides, points, weights)
        calls += len(parts) * len(weights)
        grouped = parts.reshape(len(lows), -1)
        gaps = np.abs(grouped.sum(axis=1) - whole)
        done = gaps <= tolerance / (4 * len(lows))
        if calls >= most:
            done[:] = True
        value += float(grouped[done].sum())
        error += float(gaps[done].sum())
        if done.all():
            return Integral(value, error, calls)
        left = np.repeat(~done, len(corners))
        lows, sides, whole = part_lows[left], part_sides[left], parts[left]
        last = float(gaps[~done].sum())
    return Integral(value + float(whole.sum()), error + last, calls)


def _rule(d: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the nodes, (k**d, d), and weights, (k**d,), on the unit cell."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES[d])
    points = np.array(list(product((nodes + 1) / 2, repeat=d)))
    return points, np.prod(np.array(list(product(weights / 2, repeat=d))), axis=1)


def _sums(
    density: Density,
    lows: NDArray[np.float64],
    sides: NDArray[np.float64],
    points: NDArray[np.float64],
    weights: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the rule's sum over each cell, shape (m,)."""
    at = lows[:, None] + points * sides[:, None]  # (m, k**d, d)
    heights = density(at.reshape(-1, lows.shape[1])).reshape(len(lows), -1)
    return np.asarray(heights @ weights * np.prod(sides, axis=1))
