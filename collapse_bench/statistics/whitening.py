"""The directions in which a reference varies, and coordinates in which its covariance is one."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Whitening", "varying_columns", "whitening", "whitening_of"]

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
    directions = _directions(scaled.T @ scaled / len(scaled)) / scale[:, None]
    matrix = np.zeros((len(varies), directions.shape[1]))
    matrix[varies] = directions
    dependent = int(varies.sum()) - directions.shape[1]
    return Whitening(center, matrix, tuple(np.flatnonzero(~varies).tolist()), dependent)


def whitening_of(covariance: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the matrix W of shape (d, k) with W' S W = 1 for a covariance S, (d, d).

    k counts the directions in which it varies, as for :func:`whitening`; 1 at the least.
    """
    scale = np.sqrt(np.diag(covariance))
    varies = scale > 0
    scale = scale[varies]
    directions = _directions(covariance[np.ix_(varies, varies)] / np.outer(scale, scale))
    matrix = np.zeros((len(varies), directions.shape[1]))
    matrix[varies] = directions / scale[:, None]
    return matrix


def _directions(correlation: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the directions that columns of unit variance vary in, each in its own unit."""
    values, vectors = np.linalg.eigh(correlation)
    kept = values > DEPENDENT * values[-1]
    return np.asarray(vectors[:, kept] / np.sqrt(values[kept]))
