"""The check of covariance matrices: refused in one sentence."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collapse_bench.errors import InvalidArgument

# As a share of the largest entry: how far a matrix may miss its transpose, or an eigenvalue 0.
SLACK = 1e-9


def covariance(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return symmetric positive semi-definite matrices, shape (..., d, d)."""
    array = np.asarray(value)
    if array.dtype.kind in "iuf" and array.ndim >= 2 and array.shape[-1] == array.shape[-2] > 0:
        matrix = array.astype(np.float64)
        if np.isfinite(matrix).all():
            transpose = matrix.swapaxes(-1, -2)
            largest = np.abs(matrix).max(axis=(-2, -1))
            lopsided = np.abs(matrix - transpose).max(axis=(-2, -1)) > SLACK * largest
            if not np.any(lopsided | (np.linalg.eigvalsh(matrix)[..., 0] < -SLACK * largest)):
                return np.asarray((matrix + transpose) / 2)
    raise InvalidArgument(
        f"{name} must be symmetric and positive semi-definite, shape (..., d, d); "
        f"got {name}={value!r}"
    )
