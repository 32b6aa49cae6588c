"""Arguments and results that may carry a leading replicate axis."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument, UndefinedMetric
from collapse_bench.validation import as_codes, as_numbers

__all__ = [
    "Value",
    "as_covariances",
    "as_finite",
    "as_means",
    "as_points",
    "as_states",
    "as_value",
    "check_broadcast",
]

# One number, or one a replicate: shape (R,).
Value = float | NDArray[np.float64]

# A covariance that was computed in float64 is symmetric, and its eigenvalues are non-negative,
# up to about 1e-16 of its largest entry; anything worse than this isn't rounding.
COVARIANCE_SLACK = 1e-8


def as_points(name: str, samples: Any, *, columns: int | None = None) -> NDArray[np.float64]:
    """Return numbers of shape (n, d) or (R, n, d) as finite float64; (n,) is read as (n, 1)."""
    samples = _rectangular(samples)
    shape = tuple(getattr(samples, "shape", ()))
    if len(shape) != 3 or 0 in shape:
        return as_numbers(name, samples, columns=columns)
    return as_numbers(name, samples.reshape(-1, shape[2]), columns=columns).reshape(shape)


def as_states(name: str, samples: Any) -> NDArray[Any]:
    """Return codes of shape (n,) or (R, n); (n, 1) is read as (n,)."""
    samples = _rectangular(samples)
    shape = tuple(getattr(samples, "shape", ()))
    if len(shape) != 2 or shape[1] == 1 or 0 in shape:
        return as_codes(name, samples)
    return as_codes(name, samples.reshape(-1)).reshape(shape)


def as_covariances(name: str, covariance: Any) -> NDArray[np.float64]:
    """Return finite symmetric matrices of shape (..., d, d); a number is read as (1, 1)."""
    array = _as_parameters(name, covariance)
    if array.ndim == 0:
        array = array.reshape(1, 1)
    if array.ndim < 2 or array.shape[-1] != array.shape[-2]:
        raise InvalidArgument(f"{name} must have shape (..., d, d); got shape {array.shape}")
    diagonal = np.diagonal(array, axis1=-2, axis2=-1)
    if diagonal.min() < 0:
        raise InvalidArgument(f"{name} must have no negative variance; got {diagonal.min()}")
    if array.shape[-1] > 1:
        slack = COVARIANCE_SLACK * diagonal.max(axis=-1)[..., None, None]
        if (np.abs(array - array.swapaxes(-1, -2)) > slack).any():
            raise InvalidArgument(f"{name} must be symmetric; got {name}={covariance!r}")
        deviation = np.sqrt(diagonal)
        if (np.abs(array) > deviation[..., :, None] * deviation[..., None, :] + slack).any():
            raise InvalidArgument(
                f"{name} must be positive semi-definite, no entry beyond the product of the "
                f"standard deviations; got {name}={covariance!r}"
            )
    return array


def as_means(name: str, mean: Any) -> NDArray[np.float64]:
    """Return finite vectors of shape (..., d); a number is read as (1,)."""
    array = _as_parameters(name, mean)
    return array.reshape(1) if array.ndim == 0 else array


def check_broadcast(**leading: tuple[int, ...]) -> None:
    """Refuse arguments whose leading axes don't broadcast; the keywords are their names."""
    try:
        np.broadcast_shapes(*leading.values())
    except ValueError:
        shapes = ", ".join(f"{name} {shape}" for name, shape in leading.items())
        raise InvalidArgument(f"leading axes must broadcast; got {shapes}") from None


def as_value(result: Any) -> Value:
    """Return a result of shape () as a float and any other as the array that it is."""
    array = np.asarray(result, dtype=np.float64)
    return float(array) if array.ndim == 0 else array


def as_finite(what: str, result: Any) -> Value:
    """Return :func:`as_value` of a result, and refuse one that overflowed or came back as NaN."""
    if not np.isfinite(result).all():
        raise UndefinedMetric(
            f"{what} must be finite; got {result!r}: the values are out of float64's range"
        )
    return as_value(result)


def _as_parameters(name: str, value: Any) -> NDArray[np.float64]:
    if hasattr(value, "detach"):
        value = value.detach().cpu()
    array = np.asarray(value)
    if array.dtype.kind not in "iuf" or array.size == 0:
        raise InvalidArgument(f"{name} must hold real numbers; got {name}={value!r}")
    array = array.astype(np.float64, copy=False)
    if not np.isfinite(array).all():
        raise InvalidArgument(f"{name} must be finite; got {name}={value!r}")
    return array


def _rectangular(samples: Any) -> Any:
    """Return lists and tables as arrays where numpy can; a later check words the refusal if not."""
    if hasattr(samples, "reshape"):
        return samples
    try:
        return np.asarray(samples)
    except ValueError:
        return samples
