"""The Wasserstein distance of sorted samples on the line: the kernel of :mod:`.transport`."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.metrics._shapes import Value, as_finite

__all__ = ["mean_norm", "wasserstein_sorted"]


def wasserstein_sorted(
    x: NDArray[np.float64], y: NDArray[np.float64], *, order: float = 1
) -> Value:
    """Return :func:`wasserstein_1d` of samples that are sorted already, and not checked again.

    For callers that compare many samples with one reference: it is sorted once.

    Parameters
    ----------
    x, y
        Float64, shapes (..., n) and (..., m), finite and ascending along the last axis; the
        leading axes broadcast.
    order
        p >= 1.

    Raises
    ------
    InvalidArgument
        If the common levels of n and m don't fit into 63 bits.
    UndefinedMetric
        If the distance overflows float64.
    """
    n, m = x.shape[-1], y.shape[-1]
    with np.errstate(over="ignore", invalid="ignore"):
        if n == m:
            distance = mean_norm([x - y], [None], order)
        else:
            i, j, weights = _levels(n, m)
            distance = mean_norm([x - y[..., j], x[..., i] - y], weights, order)
    return as_finite("wasserstein_1d", distance)


def _levels(
    n: int, m: int
) -> tuple[NDArray[np.int64], NDArray[np.int64], list[NDArray[np.float64]]]:
    """Return how two quantile functions of n and m equal steps overlap.

    On the grid of lcm(n, m) levels x[k] covers b levels from k b on and y[k] covers a levels from
    k a on. Where x[k] starts, y stands at j[k]; where y[k] starts, x stands at i[k]. The piece
    from a start to the next start of either has a weight; those of x first. A start that both
    share is counted with x.
    """
    common = math.lcm(n, m)
    if common >= 2**63:
        raise InvalidArgument(f"sizes must have a common multiple below 2**63; got {n} and {m}")
    a, b = common // m, common // n
    starts = np.arange(n, dtype=np.int64) * b, np.arange(m, dtype=np.int64) * a
    j, i = starts[0] // a, starts[1] // b
    pieces = (
        np.minimum(starts[0] + b, (j + 1) * a) - starts[0],
        np.where(starts[1] == i * b, 0, np.minimum(starts[1] + a, (i + 1) * b) - starts[1]),
    )
    return i, j, [piece / common for piece in pieces]


def mean_norm(
    gaps: list[NDArray[np.float64]], weights: list[Any], order: float
) -> NDArray[np.float64]:
    """Return (sum of weight |gap|^p)^(1/p) over the last axis; no weights mean equal ones.

    The gaps are overwritten.
    """
    for gap in gaps:
        np.abs(gap, out=gap)
    if order == 1:
        return _total(gaps, weights)
    largest = np.maximum.reduce([gap.max(axis=-1, keepdims=True) for gap in gaps])
    unit = np.where(largest > 0, largest, 1)  # so that no power under- or overflows
    for gap in gaps:
        gap /= unit
        if order == 2:
            np.square(gap, out=gap)  # several times faster than the general power
        else:
            np.power(gap, order, out=gap)
    return np.asarray(unit[..., 0] * _total(gaps, weights) ** (1 / order))


def _total(values: list[NDArray[np.float64]], weights: list[Any]) -> NDArray[np.float64]:
    parts = [v.mean(axis=-1) if w is None else v @ w for v, w in zip(values, weights, strict=True)]
    return np.asarray(sum(parts))
