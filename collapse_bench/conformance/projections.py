"""Lines that draws are projected on: the truth's axes, and few more that show how they depend."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from collapse_bench.conformance.frame import Frame
from collapse_bench.models import Samples

__all__ = ["JOINT", "View"]

Array = NDArray[np.float64]

# What is looked at beyond the axes, where there are two or more. Roots of products, with their
# sign, and of the distance vary as lightly as scores themselves: no more rows are needed.
JOINT = (
    "along a random direction",
    "along another random direction",
    "of the root product of axes 1 and 2",
    "of the root product of two random directions",
    "of the root distance from the center",
)


@dataclass(frozen=True, eq=False)
class View:
    """Numbers of a row that one law is held against another by, in one column each.

    The first are the scores of a :class:`~collapse_bench.conformance.frame.Frame`. Two laws with
    the same scores may still differ in how these depend on one another: five more columns show it.

    Attributes
    ----------
    frame
        The truth's coordinates.
    pair : shape (q, 2)
        Two random directions among the q axes, at a right angle.
    names
        Where each column looks, in words; empty for the only axis.
    pilot : shape (n, q) or (n, q + 5)
        The columns of the draws that the frame was made from.
    """

    frame: Frame
    pair: Array
    names: tuple[str, ...]
    pilot: Array

    @classmethod
    def of(cls, frame: Frame, rng: np.random.Generator) -> View:
        """Return the view of a frame, its directions drawn from ``rng``."""
        q = frame.pilot.shape[1]
        if q < 2:
            return cls(frame, np.empty((q, 0)), ("",), frame.pilot)
        pair = np.linalg.qr(rng.standard_normal((q, 2)))[0]
        names = (*(f"along axis {k + 1}" for k in range(q)), *JOINT)
        return cls(frame, pair, names, _columns(frame.pilot, pair))

    def columns(self, rows: Samples) -> Array:
        """Return the numbers of rows, shape (n, q) or (n, q + 5)."""
        return _columns(self.frame.scores(rows), self.pair)

    @property
    def axes(self) -> int:
        """Number of columns that are axes, or the rarity of a code; the first ones."""
        return int(self.frame.pilot.shape[1])


def _columns(scores: Array, pair: Array) -> Array:
    if not pair.size:
        return scores
    turned = scores @ pair
    products = scores[:, 0] * scores[:, 1], turned[:, 0] * turned[:, 1]
    roots = [np.sign(x) * np.sqrt(np.abs(x)) for x in products]
    distance = np.sqrt(np.sqrt(np.square(scores).sum(axis=1)))
    return np.column_stack([scores, turned, *roots, distance])
