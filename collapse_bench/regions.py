"""Regions of sample space: where the tails of a reference are.

They belong to the lowest layer because models (exact probability of a region) and metrics
(how many samples lie in it) both speak of them and neither may import the other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ellipsoid", "Region", "States", "Tails"]


@runtime_checkable
class Region(Protocol):
    """A set of points; ``contains`` says which samples lie in it."""

    def contains(self, samples: NDArray[Any]) -> NDArray[np.bool_]:
        """Return a mask over the samples."""
        ...


@dataclass(frozen=True, slots=True)
class Tails:
    """The points of the line below ``lower`` or above ``upper`` (infinite: no such tail)."""

    lower: float = -np.inf
    upper: float = np.inf

    def contains(self, samples: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return a mask of shape (..., n) for samples of shape (..., n, 1)."""
        line = samples[..., 0]
        return np.asarray((line < self.lower) | (line > self.upper))


@dataclass(frozen=True, slots=True)
class Ellipsoid:
    """The points outside an ellipsoid: Mahalanobis distance from ``center`` above ``radius``."""

    center: NDArray[np.float64]  # (d,)
    whitening: NDArray[np.float64]  # (d, k): (x - center) @ whitening has unit covariance
    radius: float

    def contains(self, samples: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Return a mask of shape (..., n) for samples of shape (..., n, d)."""
        white = (samples - self.center) @ self.whitening  # (..., n, k)
        return np.asarray(np.einsum("...k,...k->...", white, white) > self.radius**2)


@dataclass(frozen=True, slots=True)
class States:
    """A set of codes."""

    codes: tuple[Any, ...]

    def contains(self, samples: NDArray[Any]) -> NDArray[np.bool_]:
        """Return a mask of the shape of ``samples``."""
        return np.isin(samples, np.asarray(self.codes))
