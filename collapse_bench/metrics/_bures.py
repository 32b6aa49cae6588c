"""The part of the Bures distance that covariances make: the kernel of :func:`.transport.bures`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.metrics._shapes import COVARIANCE_SLACK

__all__ = ["spread_distance"]

# Eigenvalues are rounded at 1e-16 of the largest, so the root of one at this share of it is good
# to 1e-11. Below, Bures takes the slower way.
WELL_CONDITIONED = 1e-10


def spread_distance(ours: NDArray[np.float64], theirs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return tr(S + S' - 2 (S'^1/2 S S'^1/2)^1/2), (...)."""
    variances = [np.diagonal(array, axis1=-2, axis2=-1) for array in (ours, theirs)]  # (..., d)
    if all(
        np.count_nonzero(array) == np.count_nonzero(variance)
        for array, variance in zip((ours, theirs), variances, strict=True)
    ):  # diagonal matrices commute: no cancellation
        return np.asarray(np.square(np.sqrt(variances[0]) - np.sqrt(variances[1])).sum(axis=-1))
    total = variances[0].sum(axis=-1) + variances[1].sum(axis=-1)
    # Each in units of its largest variance, so that no product under- or overflows.
    units = [np.where(v.max(axis=-1) > 0, v.max(axis=-1), 1) for v in variances]  # (...)
    scaled = [
        array / unit[..., None, None] for array, unit in zip((ours, theirs), units, strict=True)
    ]
    if ours.size < theirs.size:  # roots are the dearer half: take them of the fewer matrices
        scaled.reverse()
    values, root = _root(scaled[1])
    squares = np.linalg.eigvalsh(root.swapaxes(-1, -2) @ scaled[0] @ root)  # (..., d)
    lowest = min(values.min(), squares.min())
    if lowest < -COVARIANCE_SLACK:
        raise InvalidArgument(
            f"covariances must be positive semi-definite; got eigenvalue {lowest} of the largest"
        )
    overlap = np.asarray(np.sqrt(np.maximum(squares, 0)).sum(axis=-1))
    hard = np.asarray(squares[..., 0] <= WELL_CONDITIONED * squares[..., -1])
    if hard.any():  # the same trace as a sum of singular values: nothing is squared
        whole = squares.shape + squares.shape[-1:]  # (..., d, d)
        first, second = (_root(np.broadcast_to(array, whole)[hard])[1] for array in scaled)
        product = first.swapaxes(-1, -2) @ second
        overlap[hard] = np.linalg.svd(product, compute_uv=False).sum(axis=-1)
    overlap = overlap * np.sqrt(units[0]) * np.sqrt(units[1])
    return np.asarray(np.maximum(total - 2 * overlap, 0))


def _root(covariance: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the eigenvalues of a covariance, and F with F F^T equal to it, (..., d, d)."""
    values, vectors = np.linalg.eigh(covariance)
    # Below this an eigenvalue is rounding of 0 (the rule of numpy.linalg.matrix_rank), and its
    # root would be 1e8 times as large.
    noise = values.shape[-1] * np.finfo(np.float64).eps * values[..., -1:]
    kept = np.sqrt(np.where(values > noise, values, 0))
    return values, vectors * kept[..., None, :]
