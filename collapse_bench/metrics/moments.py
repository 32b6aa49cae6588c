"""How much spread a sample has left, as a share of the reference's.

All covariances here are population covariances (ddof = 0) on both sides. For n draws from the
reference's own law and m reference rows the trace ratio is therefore about (1 - 1/n)/(1 - 1/m).
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument, UndefinedMetric
from collapse_bench.metrics._shapes import (
    COVARIANCE_SLACK,
    Value,
    as_covariances,
    as_finite,
    as_points,
    as_value,
    check_broadcast,
)

__all__ = [
    "log_det",
    "log_det_ratio",
    "log_variance",
    "trace_ratio",
    "variance",
    "weakest_direction",
    "weakest_ratio",
]

EPSILON = float(np.finfo(np.float64).eps)


def variance(samples: Any, reference: Any) -> Value:
    """Return the trace of the samples' covariance over the trace of the reference's.

    Parameters
    ----------
    samples
        Shape (n, d) or (n,), or (R, n, d) for R replicates; n >= 1.
    reference
        Shape (m, d) or (m,), in the same unit; m >= 2.

    Returns
    -------
    float or array of shape (R,)
        Non-negative: 1 for the reference itself, 0 for a sample that has collapsed to a point.

    Raises
    ------
    InvalidSamples
        If a value isn't finite or a shape doesn't fit.
    UndefinedMetric
        If no column of the reference varies.
    """
    points, base = _pair(samples, reference)
    unit = _unit(base).max()
    if unit == 0:
        raise UndefinedMetric("reference must vary in some column; all of its rows are equal")
    with np.errstate(over="ignore", invalid="ignore"):
        ratio = _spread(points / unit).sum(axis=-1) / _spread(base / unit).sum()
    return as_finite("variance", ratio)


def log_variance(samples: Any, reference: Any) -> Value:
    """Return the logarithm of :func:`variance`, in nats.

    A sample whose rows are all equal has lost everything, which is a state and not an error:
    its log-variance is -inf. Parameters and errors are those of :func:`variance`.
    """
    return as_value(_log(np.asarray(variance(samples, reference))))


def log_det(samples: Any, reference: Any) -> Value:
    r"""Return :math:`\log\det(S_0^{-1/2} S S_0^{-1/2})`, the log of the ratio of volumes, in nats.

    Parameters
    ----------
    samples
        Shape (n, d) or (n,), or (R, n, d) for R replicates; n >= 1.
    reference
        Shape (m, d) or (m,), m > d.

    Returns
    -------
    float or array of shape (R,)
        0 for the reference itself, -inf for a sample without volume (n <= d, for example).

    Raises
    ------
    InvalidSamples
        If a value isn't finite or a shape doesn't fit.
    UndefinedMetric
        If the reference has no volume: the message names a constant column, where there is one.
    """
    ours, base = _covariances(samples, reference)
    return as_value(_log(_relative_eigenvalues(ours, base, "reference")).sum(axis=-1))


def weakest_direction(samples: Any, reference: Any) -> Value:
    """Return the smallest ratio of variances, samples to reference, over all directions.

    It is the smallest eigenvalue of the reference-whitened covariance. In small samples it lies
    below 1 without any loss: compare it with its value for fresh reference rows, not with 1.
    Parameters and errors are those of :func:`log_det`; the value is 0 for a sample without volume.
    """
    ours, base = _covariances(samples, reference)
    return as_value(_relative_eigenvalues(ours, base, "reference")[..., 0])


def trace_ratio(covariance: Any, reference_covariance: Any) -> Value:
    """Return the ratio of two traces: the law form of :func:`variance`.

    Parameters
    ----------
    covariance
        Symmetric, positive semi-definite, shape (..., d, d); a number is read as (1, 1).
    reference_covariance
        The same, broadcast against ``covariance``.

    Returns
    -------
    float or array of the leading shape
        Non-negative.

    Raises
    ------
    InvalidArgument
        If a matrix isn't finite, square or symmetric, or has a negative variance.
    UndefinedMetric
        If a trace of the reference is 0.
    """
    ours, base = _matrices(covariance, reference_covariance)
    total = np.trace(base, axis1=-2, axis2=-1)
    if (total == 0).any():
        raise UndefinedMetric("reference_covariance must have a positive trace; got 0")
    with np.errstate(over="ignore"):
        return as_finite("trace_ratio", np.trace(ours, axis1=-2, axis2=-1) / total)


def log_det_ratio(covariance: Any, reference_covariance: Any) -> Value:
    """Return log det of ``covariance`` less that of the reference: the law form of :func:`log_det`.

    Parameters are those of :func:`trace_ratio`. -inf where ``covariance`` is singular: where an
    eigenvalue of the whitened matrix is below d epsilon times the largest, the rank rule of
    ``numpy.linalg.matrix_rank``.

    Raises
    ------
    InvalidArgument
        If a matrix isn't finite, square, symmetric or positive semi-definite.
    UndefinedMetric
        If a reference covariance is singular.
    """
    ours, base = _matrices(covariance, reference_covariance)
    return as_value(_log(_relative_eigenvalues(ours, base, "reference_covariance")).sum(axis=-1))


def weakest_ratio(covariance: Any, reference_covariance: Any) -> Value:
    """Return the smallest generalized eigenvalue: the law form of :func:`weakest_direction`.

    Parameters, the rank rule and errors are those of :func:`log_det_ratio`.
    """
    ours, base = _matrices(covariance, reference_covariance)
    return as_value(_relative_eigenvalues(ours, base, "reference_covariance")[..., 0])


def _pair(samples: Any, reference: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    base = as_points("reference", reference)
    if base.ndim != 2:
        raise InvalidArgument(f"reference must have shape (m, d) or (m,); got shape {base.shape}")
    return as_points("samples", samples, columns=base.shape[1]), base


def _covariances(samples: Any, reference: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return both covariances, (..., d, d) and (d, d), each column in units of the reference."""
    points, base = _pair(samples, reference)
    unit = _unit(base)  # (d,): both metrics are free of units, squares of huge numbers are not
    if (unit == 0).any():
        column = int(np.argmin(unit))
        raise UndefinedMetric(
            f"reference must vary in every column; column {column} is constant "
            f"at {float(base[0, column])!r}"
        )
    with np.errstate(over="ignore", invalid="ignore"):
        covariances = []
        for array in (points / unit, base / unit):
            centered = _centered(array)  # (..., n, d)
            covariances.append(centered.swapaxes(-1, -2) @ centered / array.shape[-2])
    as_finite("the covariance of samples", covariances[0])
    return covariances[0], covariances[1]


def _unit(base: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return each column's range, (d,): exactly 0 for a constant column, as no variance is."""
    with np.errstate(over="ignore"):
        return np.asarray(as_finite("the range of reference", np.ptp(base, axis=0)))


def _centered(points: NDArray[np.float64]) -> NDArray[np.float64]:
    shifted = points - points[..., :1, :]  # so that equal rows have variance 0, without rounding
    return np.asarray(shifted - shifted.mean(axis=-2, keepdims=True))


def _spread(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the population variance of each column, (..., d)."""
    return np.asarray(np.square(_centered(points)).mean(axis=-2))


def _matrices(
    covariance: Any, reference_covariance: Any
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    ours = as_covariances("covariance", covariance)
    base = as_covariances("reference_covariance", reference_covariance)
    if ours.shape[-1] != base.shape[-1]:
        raise InvalidArgument(
            f"covariance must have the reference's {base.shape[-1]} columns; got shape {ours.shape}"
        )
    check_broadcast(covariance=ours.shape[:-2], reference_covariance=base.shape[:-2])
    return ours, base


def _relative_eigenvalues(
    ours: NDArray[np.float64], base: NDArray[np.float64], name: str
) -> NDArray[np.float64]:
    """Return the eigenvalues of ``ours`` whitened by ``base``, ascending, (..., d).

    ``name`` is what the caller's caller knows ``base`` by.
    """
    scale = np.sqrt(np.diagonal(base, axis1=-2, axis2=-1))  # (..., d)
    if (scale == 0).any():
        column = int(np.argwhere(scale == 0)[0, -1])
        raise UndefinedMetric(f"{name} must vary in every column; column {column} is constant")
    dimension = base.shape[-1]
    if dimension == 1:
        with np.errstate(over="ignore"):
            return np.asarray(as_finite("the ratio of variances", (ours / base)[..., 0]))
    # Scaled to correlations first: units of columns are no reason to call a matrix singular.
    scaled = base / scale[..., :, None] / scale[..., None, :]
    values, vectors = np.linalg.eigh(scaled)
    if (values[..., 0] <= dimension * EPSILON * values[..., -1]).any():
        raise UndefinedMetric(
            f"{name} must vary in every direction; a combination of its columns is constant"
        )
    whitening = vectors / scale[..., :, None] / np.sqrt(values)[..., None, :]
    relative = np.linalg.eigvalsh(whitening.swapaxes(-1, -2) @ ours @ whitening)
    largest = relative[..., -1:]
    if (relative[..., :1] < -COVARIANCE_SLACK * largest).any():
        raise InvalidArgument(
            "covariance must be positive semi-definite; got a negative eigenvalue"
        )
    relative[relative <= dimension * EPSILON * largest] = 0
    return np.asarray(relative)


def _log(values: NDArray[np.float64]) -> NDArray[np.float64]:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values))
