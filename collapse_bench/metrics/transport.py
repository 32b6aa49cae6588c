"""How far a sample lies from its reference: Wasserstein distances.

On the line they are exact and cost two sorts; numpy's vectorized sort makes that several times
faster than general solvers. Between Gaussian laws there is a closed form. For d > 1 the distance
of samples is sliced: the exact one converges as n^(-1/d) and can *fall* while a model collapses.
"""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument
from collapse_bench.metrics._bures import spread_distance
from collapse_bench.metrics._line import mean_norm, wasserstein_sorted
from collapse_bench.metrics._shapes import (
    Value,
    as_covariances,
    as_finite,
    as_means,
    as_points,
    as_value,
    check_broadcast,
)
from collapse_bench.streams import generator
from collapse_bench.validation import check_count, check_real, one_of

__all__ = ["bures", "directions", "sliced_wasserstein", "wasserstein_1d", "wasserstein_sorted"]

Backend = Literal["numpy", "pot"]

# Projections are sorted in blocks of at most this many float64 values: 32 MiB stay near the cache
# and bound the memory of a million rows in 64 directions.
BLOCK_VALUES = 2**22


def wasserstein_1d(x: Any, y: Any, *, order: float = 1, backend: Backend = "numpy") -> Value:
    r"""Return the Wasserstein distance :math:`W_p` of two samples on the line.

    It is :math:`(\int_0^1 |F^{-1}(u) - G^{-1}(u)|^p \,du)^{1/p}` of the two empirical laws, exact
    for equal and unequal sizes: quantile functions are paired on the integer grid of their common
    levels, never by rounded cumulative weights.

    Parameters
    ----------
    x, y
        Shapes (n,) and (m,), or (R, n) and (R, m) for R replicates; either may be one sample.
        (n, 1) is read as (n,), and (R, n, 1) as (R, n).
    order
        p >= 1.
    backend
        "numpy", or "pot" for the solver of the package POT, as a second opinion.

    Returns
    -------
    float or array of shape (R,)
        Non-negative, in the unit of the samples, the p-th root taken. Two samples of the same law
        are a positive distance apart: compare with that null, not with 0.

    Raises
    ------
    InvalidSamples
        If a sample is empty or holds a value that isn't finite.
    InvalidArgument
        If ``order`` is below 1, the numbers of replicates differ or the backend is unknown.
    UndefinedMetric
        If the distance overflows float64, or the solver returns no finite number.

    References
    ----------
    .. [1] G. Peyre and M. Cuturi, "Computational Optimal Transport", Foundations and Trends in
       Machine Learning 11 (2019), remark 2.28.
    """
    order = check_real("order", order, low=1, closed="left")
    one_of("backend", backend, ("numpy", "pot"))
    first, second = _lines("x", x), _lines("y", y)
    if first.ndim == 2 and second.ndim == 2 and len(first) != len(second):
        raise InvalidArgument(
            f"y must have the {len(first)} replicates of x; got y of shape {second.shape}"
        )
    if backend == "pot":
        return _pot_1d(first, second, order)
    return wasserstein_sorted(np.sort(first, axis=-1), np.sort(second, axis=-1), order=order)


def directions(dimension: int, count: int = 64, seed: int = 0) -> NDArray[np.float64]:
    """Return ``count`` random unit vectors, uniform on the sphere, shape (count, dimension).

    They depend on the seed and the dimension alone, and the first of them not on ``count``.

    Raises
    ------
    InvalidArgument
        If ``dimension`` or ``count`` is not a positive integer, or ``seed`` a non-negative one.
    """
    dimension, count = check_count("dimension", dimension), check_count("count", count)
    vectors = generator(seed, "directions", dimension).standard_normal((count, dimension))
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True))


def sliced_wasserstein(
    x: Any,
    y: Any,
    *,
    order: float = 1,
    projections: int = 64,
    seed: int = 0,
    backend: Backend = "numpy",
) -> Value:
    r"""Return the sliced Wasserstein distance of two samples.

    It is :math:`(\frac1L \sum_\theta W_p^p(\theta^T x, \theta^T y))^{1/p}` over L fixed random
    directions; for one column it is :func:`wasserstein_1d`. Never above the full distance.

    Parameters
    ----------
    x, y
        Shapes (n, d) and (m, d), or (R, n, d) and (R, m, d) for R replicates; either may be one
        sample. All columns in one unit.
    order
        p >= 1.
    projections, seed
        How many directions, and the seed of :func:`directions`.
    backend
        "numpy", or "pot" for the function of the package POT with the same directions.

    Returns
    -------
    float or array of shape (R,)
        Non-negative, in the unit of the samples.

    Raises
    ------
    InvalidSamples
        If a sample is empty, holds a value that isn't finite, or has another width.
    InvalidArgument
        If an option is out of range or the numbers of replicates differ.
    UndefinedMetric
        If the distance overflows float64, or the solver returns no finite number.

    References
    ----------
    .. [1] N. Bonneel et al., "Sliced and Radon Wasserstein barycenters of measures", Journal of
       Mathematical Imaging and Vision 51 (2015), 22-45.
    """
    order = check_real("order", order, low=1, closed="left")
    one_of("backend", backend, ("numpy", "pot"))
    first = as_points("x", x)
    second = as_points("y", y, columns=first.shape[-1])
    if first.ndim == 3 and second.ndim == 3 and len(first) != len(second):
        raise InvalidArgument(
            f"y must have the {len(first)} replicates of x; got y of shape {second.shape}"
        )
    vectors = directions(first.shape[-1], projections, seed)
    if first.shape[-1] == 1:  # every direction is 1 or -1, which is the same distance
        return wasserstein_1d(first, second, order=order, backend=backend)
    if first.ndim == second.ndim == 2:
        return as_finite("sliced_wasserstein", _sliced(first, second, vectors, order, backend))
    count = max(len(a) for a in (first, second) if a.ndim == 3)
    pairs = zip(*(np.broadcast_to(a, (count, *a.shape[-2:])) for a in (first, second)), strict=True)
    distances = [_sliced(a, b, vectors, order, backend) for a, b in pairs]
    return as_finite("sliced_wasserstein", np.array(distances))


def bures(mean: Any, covariance: Any, other_mean: Any, other_covariance: Any) -> Value:
    r"""Return the *squared* 2-Wasserstein distance of two Gaussian laws.

    :math:`W_2^2 = \|m - m'\|^2 + \mathrm{tr}(S + S' - 2 (S'^{1/2} S S'^{1/2})^{1/2})`; for other
    laws with these moments it is a lower bound of theirs [1]_. No matrix is factored by Cholesky,
    so singular covariances and point masses are fine.

    Parameters
    ----------
    mean, other_mean
        Shape (..., d); a number is read as (1,).
    covariance, other_covariance
        Symmetric, positive semi-definite, shape (..., d, d); a number is read as (1, 1). All
        leading axes broadcast, so R laws against one reference are (R, d), (R, d, d), (d,), (d, d).

    Returns
    -------
    float or array of the leading shape
        Non-negative, in the squared unit of the means. For diagonal matrices (d = 1 among them)
        accurate to a few units in the last place; else to about 1e-11 of the traces, where an
        eigenvalue below d epsilon of the largest counts as 0, as for ``numpy.linalg.matrix_rank``.

    Raises
    ------
    InvalidArgument
        If an argument isn't finite, the shapes don't fit, or a matrix is no covariance.
    UndefinedMetric
        If the distance overflows float64.

    References
    ----------
    .. [1] M. Gelbrich, "On a formula for the L2 Wasserstein metric between measures on Euclidean
       and Hilbert spaces", Mathematische Nachrichten 147 (1990), 185-203.
    """
    means = as_means("mean", mean), as_means("other_mean", other_mean)
    ours = as_covariances("covariance", covariance)
    theirs = as_covariances("other_covariance", other_covariance)
    if len({array.shape[-1] for array in (*means, ours, theirs)}) != 1:
        shapes = ", ".join(str(array.shape) for array in (means[0], ours, means[1], theirs))
        raise InvalidArgument(f"means and covariances must have one dimension; got shapes {shapes}")
    check_broadcast(
        mean=means[0].shape[:-1],
        covariance=ours.shape[:-2],
        other_mean=means[1].shape[:-1],
        other_covariance=theirs.shape[:-2],
    )
    with np.errstate(over="ignore", invalid="ignore"):
        shift = np.square(means[0] - means[1]).sum(axis=-1)
        return as_finite("bures", shift + spread_distance(ours, theirs))


def _lines(name: str, samples: Any) -> NDArray[np.float64]:
    """Return one sample as (n,), replicates as (R, n)."""
    points = as_points(name, samples)
    if points.shape[-1] == 1:
        return points[..., 0]
    if points.ndim == 2:
        return points  # (R, n)
    raise InvalidArgument(f"{name} must have shape (n,), (R, n) or (R, n, 1); got {points.shape}")


def _sliced(
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    vectors: NDArray[np.float64],
    order: float,
    backend: Backend,
) -> float:
    with np.errstate(over="ignore", invalid="ignore"):
        if backend == "pot":
            import ot

            return float(ot.sliced_wasserstein_distance(x, y, projections=vectors.T, p=order))
        block = max(1, BLOCK_VALUES // max(len(x), len(y)))
        along = []
        for start in range(0, len(vectors), block):
            theta = vectors[start : start + block]
            lines = theta @ x.T, theta @ y.T  # (block, n), (block, m)
            for line in lines:
                line.sort(axis=-1)
            along.append(np.asarray(wasserstein_sorted(*lines, order=order)))
        return float(mean_norm([np.concatenate(along)], [None], order))


def _pot_1d(x: NDArray[np.float64], y: NDArray[np.float64], order: float) -> Value:
    import ot

    count = max(len(a) if a.ndim == 2 else 1 for a in (x, y))
    rows = (np.broadcast_to(a, (count, a.shape[-1])) for a in (x, y))
    with np.errstate(over="ignore", invalid="ignore"):
        # One at a time: POT's own batches take twice as long as a loop.
        powers = np.array([ot.wasserstein_1d(a, b, p=order) for a, b in zip(*rows, strict=True)])
    distances = as_finite("ot.wasserstein_1d", powers ** (1 / order))  # POT returns W_p to the p
    return as_value(np.reshape(distances, () if x.ndim == y.ndim == 1 else (count,)))
