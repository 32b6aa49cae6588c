"""Images, or any rows of many numbers, through their principal components."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument, InvalidSamples
from collapse_bench.validation import as_numbers, check_count

__all__ = ["PCA"]

# A component counts as constant below this share of the largest: what rounding leaves of 0.
NEGLIGIBLE = 1e-7


@dataclass(frozen=True, eq=False)
class PCA:
    """Coordinates along the directions in which the rows it was fitted to vary most.

    Images of shape (n, h, w) or (n, h, w, c) are flattened first. The coordinates have the units
    of the rows; they are centered at the fitted rows' mean and not scaled.

    Parameters
    ----------
    components
        How many, d: at most one less than the rows it is fitted to, at most the numbers a row
        has, and at most the directions in which those rows vary.
    """

    components: int = 16
    mean: NDArray[np.float64] | None = None
    axes: NDArray[np.float64] | None = None  # (d, D), rows of length one

    def __post_init__(self) -> None:
        check_count("components", self.components)

    @property
    def fitted(self) -> bool:
        """Whether it was fitted, and can be applied."""
        return self.axes is not None

    def fit(self, samples: Any) -> Self:
        """Return one fitted to images or rows, shape (n, ...).

        The directions are those of the singular value decomposition of the centered rows; of each
        the entry of largest size is positive, so they are a function of the rows.

        Raises
        ------
        InvalidArgument
            If the rows don't have so many directions.
        InvalidSamples
            If they aren't finite numbers.
        """
        rows = _flat(samples)
        mean = rows.mean(axis=0)
        most = min(len(rows) - 1, rows.shape[1])
        if self.components > most:
            raise InvalidArgument(
                f"components must be at most {most} for {len(rows):,} rows of {rows.shape[1]:,} "
                f"numbers; got components={self.components}"
            )
        spread, axes = _principal(rows - mean)
        directions = int((spread > NEGLIGIBLE * spread[0]).sum()) if spread[0] > 0 else 0
        if self.components > directions:
            raise InvalidArgument(
                f"components must be at most {directions}, the directions in which the "
                f"{len(rows):,} rows vary; got components={self.components}"
            )
        axes = axes[: self.components]
        largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
        return replace(self, mean=mean, axes=axes * np.sign(largest))

    def transform(self, samples: Any) -> NDArray[np.float64]:
        """Return the coordinates of images or rows, shape (n, components).

        Raises
        ------
        InvalidArgument
            If it wasn't fitted.
        InvalidSamples
            If they aren't finite numbers, or have another width than those it was fitted to.
        """
        if self.mean is None or self.axes is None:
            raise InvalidArgument("PCA must be fitted before it is applied")
        rows = _flat(samples)
        if rows.shape[1] != len(self.mean):
            raise InvalidSamples(
                f"samples must have {len(self.mean):,} numbers each, as those that PCA was fitted "
                f"to; got {rows.shape[1]:,}"
            )
        return np.asarray((rows - self.mean) @ self.axes.T)


def _principal(rows: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the singular values of centered rows, descending, and the directions, (k, D)."""
    n, width = rows.shape
    if n <= width:
        _, spread, axes = np.linalg.svd(rows, full_matrices=False)
        return spread, axes
    # The triangle of a QR decomposition has the same singular values and directions, and D rows.
    _, spread, axes = np.linalg.svd(np.linalg.qr(rows, mode="r"), full_matrices=False)
    return spread, axes


def _flat(samples: Any) -> NDArray[np.float64]:
    """Return images or rows as (n, D) finite numbers."""
    array = samples.detach().cpu() if hasattr(samples, "detach") else samples
    try:
        array = np.asarray(array)
    except ValueError as error:  # images of different sizes
        raise InvalidSamples(f"samples must be of one shape each; numpy says: {error}") from error
    if array.ndim > 2 and array.size:
        array = array.reshape(len(array), -1)
    return as_numbers("samples", array)
