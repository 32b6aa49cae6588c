"""Argument checks for closed forms: numbers or arrays of them, refused in one sentence."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from collapse_bench.errors import InvalidArgument

# Integers beyond this lose their last digit as float64.
LARGEST = 2**53
# How far probabilities or weights may miss a sum of 1.
SLACK = 1e-9


def whole(name: str, value: ArrayLike, *, least: int) -> NDArray[np.float64]:
    """Return integers of at least ``least`` as floats; booleans and fractions are refused."""
    array = np.asarray(value)
    if array.dtype.kind in "iuf":
        numbers = array.astype(np.float64)
        if np.all((numbers >= least) & (numbers <= LARGEST) & (numbers == np.rint(numbers))):
            return numbers
    raise InvalidArgument(f"{name} must be an integer >= {least}; got {name}={value!r}")


def fraction(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return numbers in [0, 1] as floats; NaN and booleans are refused."""
    array = np.asarray(value)
    if array.dtype.kind in "iuf" and np.all((array >= 0) & (array <= 1)):
        return array.astype(np.float64)
    raise InvalidArgument(f"{name} must be a number in [0, 1]; got {name}={value!r}")


def share(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return numbers in (0, 1] as floats; NaN and booleans are refused."""
    array = np.asarray(value)
    if array.dtype.kind in "iuf" and np.all((array > 0) & (array <= 1)):
        return array.astype(np.float64)
    raise InvalidArgument(f"{name} must be a number in (0, 1]; got {name}={value!r}")


def finite(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return finite numbers as floats; NaN and booleans are refused."""
    array = np.asarray(value)
    if array.dtype.kind in "iuf" and np.all(np.isfinite(array)):
        return array.astype(np.float64)
    raise InvalidArgument(f"{name} must be a finite number; got {name}={value!r}")


def positive(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return finite numbers above 0 as floats; NaN and booleans are refused."""
    array = np.asarray(value)
    if array.dtype.kind in "iuf" and np.all((array > 0) & (array < np.inf)):
        return array.astype(np.float64)
    raise InvalidArgument(f"{name} must be a finite number > 0; got {name}={value!r}")


def not_negative(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return finite numbers of at least 0 as floats; NaN and booleans are refused."""
    array = np.asarray(value)
    if array.dtype.kind in "iuf" and np.all((array >= 0) & (array < np.inf)):
        return array.astype(np.float64)
    raise InvalidArgument(f"{name} must be a finite number >= 0; got {name}={value!r}")


def law(name: str, value: ArrayLike) -> NDArray[np.float64]:
    """Return probabilities along the last axis, divided by their sums."""
    array = np.asarray(value)
    if array.ndim and array.dtype.kind in "iuf" and np.all((array >= 0) & (array <= 1)):
        total = array.sum(axis=-1, keepdims=True, dtype=np.float64)
        if np.all(np.abs(total - 1) <= SLACK):
            return np.asarray(array / total, np.float64)
    raise InvalidArgument(
        f"{name} must be probabilities of shape (..., K) that sum to 1; got {name}={value!r}"
    )


def schedule(sizes: ArrayLike) -> NDArray[np.float64]:
    """Return the draws of each step, shape (..., T)."""
    draws = whole("sizes", sizes, least=2)
    if draws.ndim == 0:
        raise InvalidArgument(f"sizes must have shape (..., T); got sizes={sizes!r}")
    return draws


def unbiased(ddof: int) -> bool:
    """Return whether the variance is the unbiased one (``ddof=1``), not the likelihood's (0)."""
    if isinstance(ddof, bool) or ddof not in (0, 1):
        raise InvalidArgument(f"ddof must be 0 or 1; got ddof={ddof!r}")
    return ddof == 1


def times(steps: NDArray[np.float64], log_factor: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the logarithm of a factor's power; a factor of 0, log -inf, to the power 0 is 1."""
    with np.errstate(invalid="ignore"):  # 0 * -inf, replaced below
        return np.asarray(np.where(steps == 0, 0.0, steps * log_factor))
