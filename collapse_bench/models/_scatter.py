"""Means and scatters of samples, held as factors that neither underflow nor fail to factorize."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from collapse_bench.errors import InvalidArgument
from collapse_bench.models._arrays import namespace, to_device

__all__ = [
    "GaussianStatistics",
    "contrasts",
    "last",
    "like",
    "log",
    "resolved",
    "rounded",
    "scaled",
    "triangle",
]

Array = Any  # a numpy array or a torch tensor

# What QR leaves of a column that depends on the others, in units of its length and of max(rows, d)
# times the rounding of a float: some tenths were seen. Where no diagonal is as small as SUSPECT,
# none of them is in doubt.
SLACK, SUSPECT = 16, 1e-5


@dataclass(frozen=True, slots=True, eq=False)
class GaussianStatistics:
    """Sufficient statistics of a sample: its count, its mean and its scatter about the mean.

    The scatter is exp(2 log_scale) factor factor^T: a product that stays finite when the variance
    leaves the range of floats, and that no factorization can fail on.
    """

    count: Array  # () or (R,)
    mean: Array  # (..., d)
    factor: Array  # (..., d, d), or (1, 1) in one dimension
    log_scale: Array  # (...,)

    def merge(self, other: GaussianStatistics) -> GaussianStatistics:
        """Return the statistics of both samples together (Chan, Golub and LeVeque 1979)."""
        xp = namespace(self.mean)
        count = self.count + other.count
        share = other.count / xp.where(count > 0, count, 1.0)
        shift = other.mean - self.mean  # (..., d)
        mean = self.mean + last(share) * shift
        gap = last((self.count * share) ** 0.5) * shift  # sqrt(n m / (n + m)) times the shift
        log_gap = log(xp.amax(xp.abs(gap), -1))
        if mean.shape[-1] == 1:
            both = xp.logaddexp(2 * self.log_scale, 2 * other.log_scale)
            return GaussianStatistics(count, mean, self.factor, xp.logaddexp(both, 2 * log_gap) / 2)
        top = xp.maximum(xp.maximum(self.log_scale, other.log_scale), log_gap)
        direction = gap / last(xp.where(xp.isneginf(log_gap), 1.0, xp.exp(log_gap)))
        rows = [direction[..., None, :] * last(last(_relative(log_gap, top)))]
        for part in (self, other):
            row = xp.swapaxes(part.factor, -1, -2) * last(last(_relative(part.log_scale, top)))
            rows.append(xp.broadcast_to(row, (*mean.shape[:-1], *row.shape[-2:])))
        stacked = xp.concatenate(rows, axis=-2)  # (..., 2d + 1, d)
        # The gap is rounded as the means are, unless it is 0.
        size = (xp.abs(self.mean) + xp.abs(other.mean)) / xp.where(
            shift == 0, xp.inf, xp.abs(shift)
        )
        raw = xp.concatenate([stacked, rows[0] * size[..., None, :]], axis=-2)
        factor = resolved(triangle(stacked), raw)
        return GaussianStatistics(count, mean, *scaled(factor, top))


def last(array: Array) -> Array:
    """Append an axis of length one."""
    return array[..., None]


def like(array: Array, other: Array) -> Array:
    """Return the numpy ``array`` in the namespace, and on the device, of ``other``."""
    return array if namespace(other) is np else to_device(array, other.device)


def log(array: Array) -> Array:
    """Return the logarithm, -inf at 0 without a warning."""
    xp = namespace(array)
    if xp is not np:
        return xp.log(array)
    with np.errstate(divide="ignore"):
        return np.log(array)


def _relative(log_size: Array, log_top: Array) -> Array:
    """Return exp(log_size - log_top), and 0 where both are -inf."""
    xp = namespace(log_top)
    return xp.exp(log_size - xp.where(xp.isneginf(log_top), 0.0, log_top))


def triangle(rows: Array) -> Array:
    """Return lower-triangular L (..., d, d) with L L^T = rows^T rows, by QR: no pivot can fail.

    Of fewer rows than d the columns that are left over are exactly 0.
    """
    xp = namespace(rows)
    missing = rows.shape[-1] - rows.shape[-2]
    upper: Array = np.linalg.qr(rows, mode="r") if xp is np else xp.linalg.qr(rows, mode="r").R
    if missing > 0:
        upper = xp.concatenate([upper, *[xp.zeros_like(upper[..., :1, :])] * missing], axis=-2)
    return xp.swapaxes(upper, -1, -2)


def resolved(factor: Array, rows: Array) -> Array:
    """Return ``factor``, a triangle made by QR, with the rank that rounding of ``rows`` leaves it.

    Rounding gives a sum of singular scatters full rank. Beside the lengths of the columns of
    ``rows`` (..., n, d), each singular value that is rounding alone costs the factor a column: it
    becomes exactly 0, for the coordinates that add the least to those before them.
    """
    xp = namespace(factor)
    if not bool((_diagonal(factor) <= SUSPECT * _lengths(xp.swapaxes(factor, -1, -2))).any()):
        return factor
    lengths = _lengths(rows)  # (..., d)
    unit = factor / last(xp.where(lengths > 0, lengths, 1.0))
    values = np.linalg.svd(unit, compute_uv=False) if xp is np else xp.linalg.svdvals(unit)
    lost = (values <= SLACK * max(rows.shape[-2:]) * np.finfo(float).eps).sum(-1)  # (...,)
    if not bool((lost > 0).any()):
        return factor
    # The coordinates that are kept come first, in their order, and are made a triangle again.
    d = rows.shape[-1]
    places = like(np.arange(d), factor)
    dropped = xp.argsort(xp.argsort(_diagonal(unit), -1), -1) < last(lost)  # (..., d)
    turn = like(np.eye(d), factor)[xp.argsort(places + d * dropped, -1)]  # (..., d, d)
    back = xp.swapaxes(turn, -1, -2)
    kept = triangle(xp.swapaxes(turn @ factor, -1, -2)) * (places < d - last(lost))[..., None, :]
    return xp.where(last(last(lost)) > 0, xp.tril(back @ kept @ turn), factor)


def _diagonal(factor: Array) -> Array:
    xp = namespace(factor)
    diagonal: Array = xp.einsum("...ii->...i", xp.abs(factor))
    return diagonal  # (..., d)


def _lengths(rows: Array) -> Array:
    xp = namespace(rows)
    top = xp.amax(xp.abs(rows), -2)
    safe = xp.where(top > 0, top, 1.0)  # squares of the smallest floats would vanish
    return top * ((rows / safe[..., None, :]) ** 2).sum(-2) ** 0.5  # (..., d)


def contrasts(rows: Array) -> Array:
    """Return n - 1 rows with the scatter of ``rows`` (..., n, d) about their mean (Helmert).

    They have the rank that n rows have about their mean, which centered rows have to rounding.
    """
    xp = namespace(rows)
    i = like(np.arange(1.0, rows.shape[-2]), rows)[:, None]
    above: Array = xp.cumsum(rows, -2)
    return (above[..., :-1, :] - i * rows[..., 1:, :]) / (i * (i + 1)) ** 0.5


def scaled(factor: Array, log_scale: Array) -> tuple[Array, Array]:
    """Move the size of ``factor`` into ``log_scale``; on the line all of it."""
    xp = namespace(factor)
    top = xp.amax(xp.abs(factor), (-2, -1))
    shape_only = factor / xp.where(top > 0, top, 1.0)[..., None, None]
    if factor.shape[-1] == 1:
        shape_only = xp.ones_like(factor[(0,) * (factor.ndim - 2)])
    return shape_only, log_scale + log(top)


def rounded(mean: Array, factor: Array, log_scale: Array, dtype: str) -> tuple[Array, Array, Array]:
    """Round a mean, and a scale as a whole, to ``dtype``; they stay in float64 arrays.

    Raises
    ------
    InvalidArgument
        If one of them is too large for ``dtype``.
    """
    xp = namespace(mean)
    if dtype == "float64":
        return mean, factor, log_scale

    def narrow(array: Array) -> Array:
        if xp is not np:
            return array.to(getattr(xp, dtype)).to(xp.float64)
        with np.errstate(over="ignore", under="ignore"):
            return np.asarray(array).astype(dtype).astype(np.float64)

    center, root = narrow(mean), narrow(factor * last(last(xp.exp(log_scale))))
    if not (bool(xp.isfinite(center).all()) and bool(xp.isfinite(root).all())):
        raise InvalidArgument(
            f"mean and covariance must be finite in {dtype}; got a mean up to "
            f"{float(xp.abs(mean).max()):g}, a scale up to exp({float(log_scale.max()):g})"
        )
    return center, *scaled(root, xp.zeros_like(log_scale))
