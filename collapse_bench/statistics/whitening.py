"""The directions in which a reference varies, and coordinates in which its covariance is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Whitening", "varying_columns", "whitening"]

# Directions with less than this share of the largest variance, all columns scaled to unit
# variance first, are linear combinations of the others up to rounding.
DEPENDENT = 1e-10


@dataclass(frozen=True, slots=True)
class Whitening:
    """Linear coordinates fitted to a reference.

    Attributes
    ----------
    center : shape (d,)
        The reference's mean.
    matrix : shape (d, k)
        (x - center) @ matrix has the unit matrix as its covariance on the reference; 1 <= k <= d.
    constant
        Columns that don't vary in the reference.
    dependent
        How many more directions don't, as linear combinations of columns.
    """

    center: NDArray[np.float64]
    matrix: NDArray[np.float64]
    constant: tuple[int, ...]
    dependent: int

    @property
    def dimension(self) -> int:
        """k, the directions in which the reference varies."""
        return int(self.matrix.shape[1])

    def __call__(self, samples: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return samples of shape (n, d) in these coordinates, shape (n, k)."""
        return np.asarray((samples - self.center) @ self.matrix)


def varying_columns(reference: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Return which columns of samples of shape (m, d) vary, and by more than float64 can square."""
    return np.asarray((reference.min(axis=0) < reference.max(axis=0)) & (reference.std(axis=0) > 0))


def whitening(reference: NDArray[np.float64]) -> Whitening | None:
    """Return coordinates fitted to samples of shape (m, d), or None if they don't vary."""
    varies = varying_columns(reference)
    if not varies.any():
        return None
    center = reference.mean(axis=0)
    scaled = reference[:, varies] - center[varies]
    scale = scaled.std(axis=0)
    scaled /= scale
    values, vectors = np.linalg.eigh(scaled.T @ scaled / len(scaled))
    kept = values > DEPENDENT * values[-1]
    matrix = np.zeros((len(varies), int(kept.sum())))
    matrix[varies] = vectors[:, kept] / np.sqrt(values[kept]) / scale[:, None]
    return Whitening(center, matrix, tuple(np.flatnonzero(~varies).tolist()), int((~kept).sum()))
