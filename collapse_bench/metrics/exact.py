"""Wasserstein distances of samples in any dimension: the exact one, and one without null bias.

The exact distance is a linear program over n times m pairs, so sizes are limited; it converges as
n^(-1/d), and two samples of one law are that far apart. The debiased square takes this null level
away.
"""

from __future__ import annotations

import math
import warnings
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from collapse_bench.errors import InvalidArgument, UndefinedMetric
from collapse_bench.metrics._shapes import Value, as_finite, as_points
from collapse_bench.metrics.transport import directions, sliced_wasserstein, wasserstein_1d
from collapse_bench.streams import generator
from collapse_bench.validation import check_count, check_real, one_of

__all__ = ["wasserstein", "wasserstein_debiased"]

# POT holds a cost of 8 bytes for each pair of rows and a solver's tableau of about 32: 8,192
# rows against as many take 2.5 GiB and a minute or two.
MOST_PAIRS = 2**26

# Pivots of the network simplex: healthy problems take some tens for each row. This many for each
# pair is beyond any that was seen, so who needs more doesn't converge.
LEAST_PIVOTS = 10**6

OPTIMAL = 1  # POT's result code
# How far the cost of a plan may be shown to lie above the optimum, as a share of it. The potentials
# of a plan that is optimal show 1e-8 and less, up to 2,500 rows; a plan that stopped short shows
# 1e-3 and more.
GAP = 1e-6


def wasserstein(x: Any, y: Any, *, order: float = 1) -> Value:
    r"""Return the Wasserstein distance :math:`W_p` of two samples in any dimension, exactly.

    It is :math:`(\min_\pi \sum_{ij} \pi_{ij} \|x_i - y_j\|^p)^{1/p}` over all transport plans
    between the two empirical laws, by the network simplex of the package POT [1]_; for one column
    it is :func:`wasserstein_1d`. The solver stops on a tolerance of its own, so the plan's cost is
    compared with a lower bound, by the duality of linear programs: :math:`W_p^p` is returned only
    if it is shown to be within a share of 1e-6 of the optimum (it then mostly is to rounding).

    Parameters
    ----------
    x, y
        Shapes (n, d) and (m, d), or (R, n, d) and (R, m, d) for R replicates; either may be one
        sample. All columns in one unit. n m <= 2**26 for d > 1, which takes 2.5 GiB.
    order
        p, 1 or 2.

    Returns
    -------
    float or array of shape (R,)
        Non-negative, in the unit of the samples. Two samples of one law are a positive distance
        apart, of the order of n^(-1/d): compare with that null, not with 0, or see
        :func:`wasserstein_debiased`.

    Raises
    ------
    InvalidSamples
        If a sample is empty, holds a value that isn't finite, or has another width.
    InvalidArgument
        If ``order`` is neither 1 nor 2, the numbers of replicates differ, or the samples are too
        large.
    UndefinedMetric
        If the plan isn't shown to be optimal, or the distance overflows float64. Costs that differ
        by ten orders of magnitude hide the small ones: clusters far apart beside their width.

    References
    ----------
    .. [1] N. Bonneel, M. van de Panne, S. Paris and W. Heidrich, "Displacement interpolation using
       Lagrangian mass transport", ACM Transactions on Graphics 30 (2011), 158.
    """
    if check_real("order", order) not in (1, 2):
        raise InvalidArgument(f"order must be 1 or 2; got order={order!r}")
    first, second = _pair(x, y)
    if first.shape[-1] == 1:
        return wasserstein_1d(first, second, order=order)
    _check_pairs(first.shape[-2], second.shape[-2], "pass fewer rows, or take sliced_wasserstein")
    if first.ndim == second.ndim == 2:
        return as_finite("wasserstein", _solved(first, second, order))
    count = max(len(a) for a in (first, second) if a.ndim == 3)
    pairs = zip(*(np.broadcast_to(a, (count, *a.shape[-2:])) for a in (first, second)), strict=True)
    return as_finite("wasserstein", np.array([_solved(a, b, order) for a, b in pairs]))


def wasserstein_debiased(
    x: Any,
    y: Any,
    *,
    method: Literal["exact", "sliced"] = "exact",
    splits: int = 1,
    projections: int = 64,
    seed: int = 0,
) -> Value:
    r"""Estimate the *squared* 2-Wasserstein distance of two laws without its null bias.

    Both samples are cut at random into two halves of k = min(n, m) // 2 rows; the estimate is

    .. math::
       \tfrac14 \sum_{ij} W_2^2(x_i, y_j) - \tfrac12 \left(W_2^2(x_1, x_2) + W_2^2(y_1, y_2)\right),

    averaged over ``splits`` cuts. All six distances are between k rows and k others.

    Parameters
    ----------
    x, y
        Independent samples, shapes (n, d) and (m, d), or (R, n, d) and (R, m, d) for R replicates;
        either may be one sample. n, m >= 2. All columns in one unit.
    method
        "exact", by :func:`wasserstein` where d > 1, k**2 <= 2**26; or "sliced", the mean over
        directions of the squares on lines, as :func:`sliced_wasserstein` takes it. A shift and an
        isotropic contraction are there one d-th of what they are in space.
    splits
        How many cuts, each by a stream of its own.
    projections, seed
        How many directions, and the seed of them and of the cuts.

    Returns
    -------
    float or array of shape (R,)
        In the squared unit of the samples; negative about half of the time where the laws agree.

    Raises
    ------
    InvalidSamples
        If a sample is empty, holds a value that isn't finite, or has another width.
    InvalidArgument
        If a sample has one row, an option is out of range, the numbers of replicates differ, or
        the samples are too large.
    UndefinedMetric
        If a distance overflows float64, or the solver doesn't reach the optimum.

    Notes
    -----
    Let b be the null level, the mean of W2^2 between k rows and k others of the law P of y. For
    the same law the six distances are distributed alike, so the estimate's mean is 0, exactly, at
    every size and in every dimension. If x has the law of c + a Y, Y from P, a >= 0, its mean is
    :math:`\|c + (a - 1) E Y\|^2 + (1 - a)^2 (\mathrm{tr}\,\mathrm{Cov}\,Y - b/2)`: a shift is
    unbiased, and a contraction is low by the share b / (2 tr Cov Y). (With couplings :math:`\pi`,
    W2^2 is mean squares less twice :math:`\max_\pi \sum x_i \cdot y_{\pi i} / k`, which is linear
    in a.) For other laws it tends to W2^2 as k grows, which is all that can be said; derived for
    this project, in the manner of the debiased divergences of [1]_.

    References
    ----------
    .. [1] A. Genevay, G. Peyre and M. Cuturi, "Learning generative models with Sinkhorn
       divergences", AISTATS (2018), eq. 2.
    """
    one_of("method", method, ("exact", "sliced"))
    splits = check_count("splits", splits)
    first, second = _pair(x, y)
    n, m = first.shape[-2], second.shape[-2]
    if min(n, m) < 2:
        raise InvalidArgument(f"x and y must have 2 rows or more; got {n} and {m}")
    half, dimension = min(n, m) // 2, first.shape[-1]
    directions(dimension, projections, seed)  # refuses what they can't be made of
    if method == "exact" and dimension > 1:
        _check_pairs(half, half, "pass fewer rows, or method='sliced'")

    def squared(a: NDArray[np.float64], b: NDArray[np.float64]) -> Any:
        if method == "exact":
            return np.square(wasserstein(a, b, order=2))
        return np.square(sliced_wasserstein(a, b, order=2, projections=projections, seed=seed))

    total: Any = 0.0
    for split in range(splits):
        rng = generator(seed, "halves", split)
        rows = [rng.permutation(size)[: 2 * half].reshape(2, half) for size in (n, m)]
        (x1, x2), (y1, y2) = (
            [array[..., part, :] for part in parts]
            for array, parts in zip((first, second), rows, strict=True)
        )
        cross = squared(x1, y1) + squared(x1, y2) + squared(x2, y1) + squared(x2, y2)
        total = total + cross / 4 - (squared(x1, x2) + squared(y1, y2)) / 2
    return as_finite("wasserstein_debiased", total / splits)


def _pair(x: Any, y: Any) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    first = as_points("x", x)
    second = as_points("y", y, columns=first.shape[-1])
    if first.ndim == 3 and second.ndim == 3 and len(first) != len(second):
        raise InvalidArgument(
            f"y must have the {len(first)} replicates of x; got y of shape {second.shape}"
        )
    return first, second


def _check_pairs(n: int, m: int, instead: str) -> None:
    if n * m > MOST_PAIRS:
        raise InvalidArgument(
            f"x and y must have {MOST_PAIRS:,} pairs of rows or fewer, for memory; got {n:,} times "
            f"{m:,} rows: {instead}"
        )


def _solved(x: NDArray[np.float64], y: NDArray[np.float64], order: float) -> float:
    """Return the distance of two samples of several columns, (n, d) and (m, d)."""
    import ot
    from scipy.spatial.distance import cdist

    n, m = len(x), len(y)
    # In units of the widest column, so that no square or power over- or underflows.
    low = np.minimum(x.min(axis=0), y.min(axis=0))
    with np.errstate(over="ignore"):
        unit = float(np.maximum(x.max(axis=0) - low, y.max(axis=0) - low).max())
    if unit == 0:
        return 0.0
    if not math.isfinite(unit):
        return unit  # the caller refuses it
    first, second = (x - low) / unit, (y - low) / unit
    cost = cdist(first, second, "sqeuclidean" if order == 2 else "euclidean")
    # Whole weights flow without rounding: m' of each row of x, n' of each of y.
    common = math.gcd(n, m)
    pivots = max(LEAST_PIVOTS, n * m)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what POT warns of is in its log, and raised below
        give, take = np.full(n, m / common), np.full(m, n / common)
        total, log = ot.emd2(give, take, cost, numItermax=pivots, log=True)
    if log["result_code"] != OPTIMAL or log["warning"] is not None:
        raise UndefinedMetric(
            f"wasserstein must be solved to its optimum; POT stopped with "
            f"result_code={log['result_code']} after {pivots:,} pivots at most "
            f"({log['warning']}): pass fewer rows, or take sliced_wasserstein"
        )
    if total > 0:
        # Potentials of the rows of x, with the largest that the rows of y may then have.
        cost -= log["u"][:, None]
        bound = give @ log["u"] + take @ cost.min(axis=0)
        if not total - bound <= GAP * total:
            raise UndefinedMetric(
                f"wasserstein must be solved to its optimum; POT's plan is shown to be within "
                f"{float((total - bound) / total):.2g} of it, as a share of its cost: pass rows "
                "without clusters or points that are far apart beside all other distances, one "
                "cluster at a time, or take sliced_wasserstein"
            )
    mean = max(float(total) / math.lcm(n, m), 0.0)
    return unit * float(mean ** (1 / order))
